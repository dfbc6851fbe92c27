"""The comparison of every pair of models, as a table in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from napari_ptx.figures.model_lines import caption_lines
from napari_ptx.figures.parts import number, panel
from napari_ptx.figures.style import COLUMN_WIDTH, Theme, quiet, theme
from napari_ptx.stats import StatsError

if TYPE_CHECKING:
    from napari_ptx.stats import AUCComparison

_EDGES = (0.0, 0.001, 0.01, 0.05, 2.0)  # each shade has its lower edge, and 1 is inside
_NAMES = ("p < 0.001", "p < 0.01", "p < 0.05", "p ≥ 0.05")
# One hue, from strong to none, so that every eye reads it as more and less.
_SHADES: dict[Theme, tuple[str, ...]] = {
    "light": ("#08519C", "#4292C6", "#9ECAE1", "#F0F0F0"),
    "dark": ("#9ECAE1", "#4292C6", "#1F5A94", "#383C45"),
}
_MOST = 7.5  # points of the text in a cell
_LEAST = 4.5
_ROOM = 26.0  # points that a number takes with the zero before its point


def delong_figure(
    comparison: AUCComparison,
    *,
    adjust: Literal["holm"] | None = None,
    label: str = "",
    theme_name: Theme = "light",
    size: tuple[float, float] | None = None,
    note: str = "",
) -> Figure:
    """Draw p below the diagonal, areas on it, and differences of areas above it.

    Parameters
    ----------
    comparison
        What ``stats.compare_auc`` gave: plain, or clustered by patient.
    adjust
        "holm" for p values adjusted for the number of pairs.
    label, theme_name, size, note
        As for ``roc_figure``. The colour is that of p in both halves.

    Raises
    ------
    StatsError
        For a single model.
    """
    names = comparison.names
    count = len(names)
    if count < 2:
        raise StatsError("A comparison needs two models.")
    p = comparison.p_matrix(adjust)
    width, height = size or (COLUMN_WIDTH, 1.35 + 0.38 * count)
    with mpl.rc_context(theme(theme_name)):
        figure, axes = panel((width, height), label)
        tone = quiet(theme_name)
        shades = _SHADES[theme_name]
        norm = BoundaryNorm(_EDGES, len(shades))
        drawn = np.ma.masked_where(np.eye(count, dtype=bool), p)
        axes.imshow(drawn, cmap=ListedColormap(shades), norm=norm, aspect="auto", gid="p")
        cell = 72.0 * min(0.62 * width, width - 0.075 * max(map(len, names)) - 0.3) / count
        tight = cell < _ROOM
        font = float(np.clip(cell / (3.2 if tight else 4.0), _LEAST, _MOST))
        text = mpl.rcParams["text.color"]
        for row in range(count):
            for column in range(count):
                if row == column:
                    said, colour = number(float(comparison.auc[row]), 3), text
                else:
                    colour = _on(shades[int(norm(p[row, column]))])
                    said = (
                        p_text(p[row, column])
                        if row > column
                        else _signed(comparison.test(row, column).difference)
                    )
                said = said.replace("0.", ".") if tight else said
                axes.text(column, row, said, ha="center", va="center", fontsize=font, color=colour)
        axes.set_xticks(range(count), names, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(count), names)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
        axes.grid(which="minor", color=figure.get_facecolor(), linewidth=1.5, alpha=1.0)
        axes.tick_params(which="minor", length=0)
        handles = [
            Patch(facecolor=shade, label=name) for shade, name in zip(shades, _NAMES, strict=True)
        ]
        figure.legend(
            handles=handles, loc="outside upper left", ncols=4, handlelength=0.9,
            handletextpad=0.4, columnspacing=0.9, borderaxespad=0.3, fontsize=6.5,
        )  # fmt: skip
        caption_lines(figure, _said(comparison, adjust), note, tone)
    return figure


def p_text(p: float) -> str:
    """Write a p value as a journal does."""
    return "<0.001" if p < 0.001 else f"{p:.3f}" if p < 0.9995 else "1"


def _said(comparison: AUCComparison, adjust: str | None) -> str:
    rows = comparison.positives + comparison.negatives
    by = "" if comparison.clusters is None else f" of {comparison.clusters} patients"
    way = (
        "DeLong's test"
        if comparison.clusters is None
        else "Obuchowski's test, clustered by patient"
    )
    holm = ", adjusted after Holm" if adjust else ""
    return (
        f"Below: p of {way}{holm}; diagonal: AUC; above: AUC of the row minus that of the column. "
        f"n = {rows}{by}, {comparison.positives} positive."
    )


def _signed(value: float) -> str:
    return number(value, 3) if value < 0 else f"+{value:.3f}"


def _on(colour: str) -> str:
    red, green, blue = to_rgb(colour)
    return "#101010" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "#FFFFFF"
