"""The ICC of every measurand and comparison in one figure, against the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from napari_ptx.figures.parts import caption, number, panel, points
from napari_ptx.figures.style import COLUMN_WIDTH, MOST_COLOURS, Theme, colours, quiet, theme
from napari_ptx.stats import StatsError

if TYPE_CHECKING:
    import pandas as pd

_ROW = 0.19  # inches for each row
_FLOOR = -1.0  # the axis does not follow a limit further than this


def forest_figure(
    table: pd.DataFrame,
    *,
    threshold: float | None = 0.80,
    palette: Mapping[str, str] | None = None,
    theme_name: Theme = "light",
    size: tuple[float, float] | None = None,
    note: str = "",
) -> Figure:
    """Draw the ICC of every row with its interval, grouped by measurand.

    A row whose lower limit lies above the threshold is filled, any other is open.
    What is undefined is said, not drawn. Up to six comparisons have a colour each;
    more are named beside each row, since no eye tells so many colours apart.

    Parameters
    ----------
    table
        Columns ``label`` (the measurand), ``icc``, ``low``, ``high``; optionally
        ``comparison``, ``name`` (of the form), ``n``, and ``needed`` (the observed
        ICC whose lower limit is the threshold), which is marked in each row.
    threshold
        Where the line stands; None for none.
    palette
        The colour of each comparison.
    theme_name, size, note
        As for ``bland_altman_figure``; without ``size`` the height fits the rows.

    Raises
    ------
    StatsError
        For an empty table.
    """
    if table.empty:
        raise StatsError("There is no ICC to draw.")
    labels = [str(label) for label in table["label"]]
    kinds = (
        [str(kind) for kind in table["comparison"]] if "comparison" in table else [""] * len(table)
    )
    each = list(dict.fromkeys(kinds))
    many = len(each) > MOST_COLOURS
    height = _heights(labels)
    value, low, high = (table[name].to_numpy(dtype=np.float64) for name in ("icc", "low", "high"))
    with mpl.rc_context(theme(theme_name)):
        palette = palette or colours(each, theme_name)
        if many:
            palette = dict.fromkeys(each, colours([""], theme_name)[""])
        figure, axes = panel(size or (COLUMN_WIDTH, 1.3 + _ROW * len(table)), "")
        tone = quiet(theme_name)
        colour = [palette[kind] for kind in kinds]
        axes.hlines(height, low, high, colors=colour, linewidth=1.6, gid="interval")
        drawn = points(axes, value, height, colour)
        passed = low > threshold if threshold is not None else np.ones(len(table), dtype=bool)
        ground = figure.get_facecolor()
        drawn.set(alpha=None, edgecolors=colour, linewidths=1.2)
        drawn.set_facecolor([c if ok else ground for c, ok in zip(colour, passed, strict=True)])
        said = [f"n = {_span(table['n'])}." if "n" in table else ""]
        if threshold is not None:
            axes.axvline(threshold, color=tone, linewidth=0.8, linestyle="--", gid="threshold")
            said.append(f"Filled: lower limit above {number(threshold, 2)} (dashed).")
        if "needed" in table and threshold is not None:
            needed = table["needed"].to_numpy(dtype=np.float64)
            axes.scatter(needed, height, marker="|", s=60.0, color=tone, zorder=2, gid="needed")
            said.append("Tick: the observed ICC that this needs.")
        named = [f"{label}, {kind}" for label, kind in zip(labels, kinds, strict=True)]
        _axes(axes, named if many else labels, height, value, low, high, threshold)
        names = list(dict.fromkeys(table["name"])) if "name" in table else []
        axes.set_xlabel(names[0] if len(names) == 1 else "ICC")
        if 1 < len(each) <= MOST_COLOURS:
            marks = [
                Line2D([], [], color=palette[kind], marker="o", markersize=4, label=kind)
                for kind in each
            ]
            figure.legend(handles=marks, loc="outside upper left", ncols=2)
        caption(figure, " ".join(filter(None, said)), note, tone)
    return figure


def _heights(labels: list[str]) -> NDArray[np.float64]:
    """Rows from top to bottom, those of one measurand together, and a gap between."""
    groups = list(dict.fromkeys(labels))
    rank = np.array([groups.index(label) for label in labels])
    order = np.argsort(rank, kind="stable")
    height = np.empty(len(labels))
    height[order] = -np.arange(len(labels)) - 0.5 * rank[order]
    return height


def _axes(
    axes: Axes,
    labels: list[str],
    height: NDArray[np.float64],
    value: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    threshold: float | None,
) -> None:
    groups = list(dict.fromkeys(labels))
    middle = [np.mean(height[np.array(labels) == group]) for group in groups]
    axes.set_yticks(middle, groups)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    right = axes.secondary_yaxis("right")
    right.set_yticks(height, [_row_text(*row) for row in zip(value, low, high, strict=True)])
    right.tick_params(length=0, labelsize=7.0)
    right.spines["right"].set_visible(False)
    seen = np.concatenate([value, low, [0.5 if threshold is None else threshold]])
    seen = seen[np.isfinite(seen)]
    left = max(_FLOOR, np.floor(10.0 * seen.min() - 0.5) / 10.0)
    axes.set_xlim(left, 1.0 + 0.02 * (1.0 - left))
    axes.set_ylim(height.min() - 0.7, height.max() + 0.7)
    axes.grid(axis="x")
    axes.set_axisbelow(True)


def _row_text(value: float, low: float, high: float) -> str:
    if not np.isfinite(value):
        return "undefined"
    limits = ", ".join(number(x, 2) if np.isfinite(x) else "–" for x in (low, high))
    return f"{number(value, 2)} [{limits}]"


def _span(counts: pd.Series[int]) -> str:
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"
