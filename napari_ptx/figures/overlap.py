"""How far outlines of the same case overlap: one point for each case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_ptx.figures.parts import caption, panel, points, with_unit
from napari_ptx.figures.style import COLUMN_WIDTH, Theme, colours, quiet, theme
from napari_ptx.stats import StatsError

if TYPE_CHECKING:
    import pandas as pd

METRICS = {
    "dice": "Dice",
    "jaccard": "Jaccard",
    "surface_dice": "surface Dice",
    "hd95": "HD95",
    "hd": "Hausdorff distance",
    "msd": "mean surface distance",
}
"""The names of the overlap measures, by column."""

_LENGTHS = ("hd95", "hd", "msd")
_HALF = 0.36  # of a row, that the points may fill


def overlap_figure(
    table: pd.DataFrame,
    *,
    metric: str = "dice",
    palette: Mapping[str, str] | None = None,
    theme_name: Theme = "light",
    size: tuple[float, float] | None = None,
    note: str = "",
) -> Figure:
    """Draw one overlap measure of every case, with median and quartiles.

    A distance that is infinite, since only one of the two readers has an outline,
    is drawn at the edge and counted in the caption.

    Parameters
    ----------
    table
        Columns ``comparison`` and ``metric``; optionally ``unit``, of the distances.
    metric
        A key of ``METRICS``.
    palette
        The colour of each comparison.
    theme_name, size, note
        As for ``bland_altman_figure``; without ``size`` the height fits the rows.

    Raises
    ------
    StatsError
        For an empty table.
    """
    kinds = [str(kind) for kind in table["comparison"]]
    each = list(dict.fromkeys(kinds))
    if not each:
        raise StatsError("There is no case to draw.")
    values = table[metric].to_numpy(dtype=np.float64)
    group = np.array([each.index(kind) for kind in kinds], dtype=np.intp)
    unit = str(table["unit"].iloc[0]) if metric in _LENGTHS and "unit" in table else ""
    with mpl.rc_context(theme(theme_name)):
        palette = palette or colours(each, theme_name)
        figure, axes = panel(size or (COLUMN_WIDTH, 1.1 + 0.55 * len(each)), "")
        tone = quiet(theme_name)
        edge = _edge(values, metric)
        shown = np.where(np.isposinf(values), edge, values)
        for row in range(len(each)):
            inside = np.sort(shown[(group == row) & ~np.isnan(shown)])
            if len(inside):
                low, middle, high = np.quantile(inside, [0.25, 0.5, 0.75])
                axes.hlines(-row, low, high, color=tone, linewidth=7.0, alpha=0.35, gid="quartiles")
                text = axes.xaxis.label.get_color()
                axes.vlines(
                    middle,
                    -row - 0.2,
                    -row + 0.2,
                    color=text,
                    linewidth=2.0,
                    zorder=4,
                    gid="median",
                )
        points(axes, shown, -group + _spread(shown, group, edge), [palette[kind] for kind in kinds])
        axes.set_yticks(-np.arange(len(each)), each)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(-len(each) + 0.5, 0.5)
        axes.set_xlabel(with_unit(METRICS[metric], unit))
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        said = [f"n = {_counts(group)}. Line: median; band: quartiles."]
        apart = int(np.isposinf(values).sum())
        if apart:
            axes.axvline(edge, color=tone, linewidth=0.6, linestyle=":", gid="infinite")
            axes.annotate("∞", (edge, 1.0), xycoords=("data", "axes fraction"), ha="center")
            said.append(f"∞: only one of the two has an outline ({apart}).")
        caption(figure, " ".join(said), note, tone)
    return figure


def _edge(values: NDArray[np.float64], metric: str) -> float:
    finite = values[np.isfinite(values)]
    if metric not in _LENGTHS or not len(finite):
        return 1.0
    return 1.12 * float(finite.max()) or 1.0


def _spread(
    shown: NDArray[np.float64], group: NDArray[np.intp], edge: float
) -> NDArray[np.float64]:
    """Move points of one row apart where they would cover each other.

    Points that are close in value take turns above and below the line: the same
    table always gives the same figure, which a random jitter would not.
    """
    offset = np.zeros(len(shown))
    low = np.nanmin(shown) if np.isfinite(shown).any() else 0.0
    width = max(edge - low, 1e-12) / 40.0
    for row in np.unique(group):
        places = np.flatnonzero((group == row) & np.isfinite(shown))
        bins = np.floor((shown[places] - low) / width).astype(int)
        for one in np.unique(bins):
            crowd = places[bins == one]
            turn = np.arange(len(crowd))
            away = np.where(turn % 2, 1, -1) * ((turn + 1) // 2)
            offset[crowd] = away * min(0.11, _HALF / max(1, len(crowd) // 2))
    return offset


def _counts(group: NDArray[np.intp]) -> str:
    counts = np.bincount(group)
    low, high = counts.min(), counts.max()
    return str(low) if low == high else f"{low} to {high}"
