"""Two measurements of each case: Bland-Altman figure and scatter.

Both take a plain table and give a ``matplotlib.figure.Figure``. The points of a
figure are one collection with the gid "points"; they are in the order of the
table's rows and can be picked, so that index i of a pick is row i.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_ptx.figures.parts import (
    MARK,
    POINTS,
    caption,
    decimals,
    number,
    panel,
    points,
    with_unit,
)
from napari_ptx.figures.style import COLUMN_WIDTH, Theme, colours, quiet, theme
from napari_ptx.stats import BlandAltman, StatsError, bland_altman

if TYPE_CHECKING:
    import pandas as pd


def bland_altman_figure(
    pairs: pd.DataFrame,
    *,
    names: tuple[str, str] = ("A", "B"),
    label: str = "",
    unit: str = "",
    statistics: BlandAltman | None = None,
    colour: str | None = None,
    theme_name: Theme = "light",
    size: tuple[float, float] = (COLUMN_WIDTH, 3.0),
    note: str = "",
) -> Figure:
    """Draw differences against means, with bias and limits of agreement.

    Parameters
    ----------
    pairs
        Columns ``first`` and ``second``: the two measurements of each case. A row
        in which one is missing keeps its place and has no point.
    names
        What ``first`` and ``second`` are, as two readers. Differences are second
        minus first.
    label, unit
        The measurand and its unit.
    statistics
        What ``stats.bland_altman`` gave, where it was computed with clusters or
        another confidence; otherwise it is computed here.
    colour
        Of the points.
    theme_name, size
        "light" or "dark"; width and height in inches.
    note
        What the data were ("simulated ultrasound, not patients"), for the caption.

    Raises
    ------
    StatsError
        For fewer than three complete pairs.
    """
    first, second = _pair(pairs)
    whole = np.isfinite(first) & np.isfinite(second)
    if statistics is None:
        statistics = bland_altman(first[whole], second[whole])
    with mpl.rc_context(theme(theme_name)):
        figure, axes = panel(size, label)
        tone = quiet(theme_name)
        blue = colour or colours(["points"], theme_name)["points"]
        lines = (
            ("limit", statistics.loa_high, statistics.loa_high_ci, "--"),
            ("bias", statistics.bias, statistics.bias_ci, "-"),
            ("limit", statistics.loa_low, statistics.loa_low_ci, "--"),
        )
        axes.axhline(0.0, color=tone, linewidth=0.6)
        for kind, height, (low, high), dash in lines:
            axes.axhspan(low, high, color=tone, alpha=0.18, linewidth=0)
            axes.axhline(height, color=tone, linestyle=dash, gid=kind)
        points(axes, (first + second) / 2.0, second - first, blue)
        axes.set_xlabel(with_unit(f"Mean of {names[0]} and {names[1]}", unit))
        axes.set_ylabel(with_unit(f"{names[1]} − {names[0]}", unit))
        _name_lines(axes, statistics)
        shown = f"{100 * statistics.confidence:g}%"
        caption(
            figure,
            f"n = {statistics.n}{_patients(statistics)}. Lines: bias and 95% limits of agreement; "
            f"bands: their {shown} intervals.",
            note,
            tone,
        )
    return figure


def scatter_figure(
    pairs: pd.DataFrame,
    *,
    names: tuple[str, str] = ("A", "B"),
    label: str = "",
    unit: str = "",
    annotation: str = "",
    colour: str | None = None,
    theme_name: Theme = "light",
    size: tuple[float, float] = (COLUMN_WIDTH, 3.4),
    note: str = "",
) -> Figure:
    """Draw the second measurement against the first, with the line of identity.

    Parameters are those of ``bland_altman_figure``; ``annotation`` is a line such
    as "ICC(A,1) 0.87 [0.82, 0.91]".

    Raises
    ------
    StatsError
        Where no pair is complete.
    """
    first, second = _pair(pairs)
    whole = np.isfinite(first) & np.isfinite(second)
    if not whole.any():
        raise StatsError("There is no pair of measurements to draw.")
    with mpl.rc_context(theme(theme_name)):
        figure, axes = panel(size, label)
        tone = quiet(theme_name)
        both = np.concatenate([first[whole], second[whole]])
        margin = 0.05 * np.ptp(both) or max(1.0, 0.05 * abs(both[0]))
        ends = (both.min() - margin, both.max() + margin)
        axes.plot(ends, ends, color=tone, linewidth=0.8, linestyle="--", gid="identity")
        points(axes, first, second, colour or colours(["points"], theme_name)["points"])
        axes.set(xlim=ends, ylim=ends, aspect="equal")
        axes.set_xlabel(with_unit(names[0], unit))
        axes.set_ylabel(with_unit(names[1], unit))
        # the same ticks on both axes, as the scales are the same
        axes.yaxis.set_major_locator(axes.xaxis.get_major_locator())
        if annotation:
            # Below the line's end, where only readers in gross disagreement have a point.
            axes.text(
                0.98, 0.03, annotation.replace(" [", "\n["), transform=axes.transAxes,
                ha="right", va="bottom",
            )  # fmt: skip
        caption(figure, f"n = {int(whole.sum())}. Dashed: identity.", note, tone)
    return figure


def highlight(figure: Figure, row: int | None) -> None:
    """Ring the point of one row of the table, or none; the canvas is to be redrawn."""
    for axes in figure.axes:
        for artist in [a for a in axes.collections if a.get_gid() == "highlight"]:
            artist.remove()
        for drawn in [a for a in axes.collections if a.get_gid() == POINTS]:
            if row is None:
                continue
            x, y = np.ma.getdata(drawn.get_offsets())[row]
            axes.scatter(
                [x],
                [y],
                s=4 * MARK,
                facecolors="none",
                edgecolors=axes.xaxis.label.get_color(),
                linewidths=1.4,
                zorder=4,
                gid="highlight",
            )


def _pair(pairs: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (
        pairs["first"].to_numpy(dtype=np.float64),
        pairs["second"].to_numpy(dtype=np.float64),
    )


def _name_lines(axes: Axes, statistics: BlandAltman) -> None:
    """Write the values of the lines beside them, on the right, where no point is."""
    places = decimals(statistics.sd)
    marks = [(statistics.bias, "bias")]
    if statistics.sd > 0.0:
        marks += [(statistics.loa_low, "lower"), (statistics.loa_high, "upper")]
    right = axes.secondary_yaxis("right")
    right.set_yticks(
        [height for height, _ in marks],
        [f"{word}\n{number(height, places)}" for height, word in marks],
    )
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)


def _patients(statistics: BlandAltman) -> str:
    return "" if statistics.clusters is None else f" of {statistics.clusters} patients"
