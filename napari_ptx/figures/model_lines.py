"""How models look, the same in every figure that compares them: colour, line, legend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from napari_ptx.figures.parts import caption
from napari_ptx.figures.style import Theme, colours, dashes
from napari_ptx.stats import StatsError

LEGEND_ROW = 0.155
"""Inches that a row of the legend takes."""

_LETTERS = 19.0  # of a caption in an inch


def looks(
    names: Iterable[str], among: Sequence[str] | None, theme_name: Theme
) -> dict[str, dict[str, Any]]:
    """Give the ``color`` and ``linestyle`` of each model by its place in ``among``.

    Raises
    ------
    StatsError
        Where there is no model, or one that is not in ``among``.
    """
    shown = list(names)
    if not shown:
        raise StatsError("There is no model to draw.")
    everyone = list(among or shown)
    missing = [name for name in shown if name not in everyone]
    if missing:
        raise StatsError(f"The list of all models lacks {', '.join(missing)}.")
    tones, lines = colours(everyone, theme_name), dashes(everyone)
    return {name: {"color": tones[name], "linestyle": lines[name]} for name in shown}


def name_models(
    figure: Figure, texts: dict[str, str], styles: dict[str, dict[str, Any]], columns: int = 1
) -> None:
    """Put a legend above the axes, where it covers nothing."""
    handles = [Line2D([], [], label=texts[name], **styles[name]) for name in texts]
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=columns,
        columnspacing=1.2,
        handlelength=2.2,
        labelspacing=0.3,
        borderaxespad=0.3,
    )


def unit_axes(axes: Axes, x: str, y: str, *, equal: bool = True) -> None:
    """Scale both axes from 0 to 1, with the same ticks."""
    axes.set(xlim=(-0.015, 1.015), ylim=(-0.015, 1.015), xlabel=x, ylabel=y)
    if equal:
        axes.set_aspect("equal", anchor="N")
    ticks = np.linspace(0.0, 1.0, 6)
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)


def caption_lines(figure: Figure, text: str, note: str, colour: str) -> None:
    """Put a caption below, in lines that are known before the layout is made.

    What matplotlib wraps by itself while it draws takes more room than the layout gave it.
    """
    ending = f" {note[:1].upper()}{note[1:].rstrip('.')}." if note else ""
    caption(
        figure, fill((text + ending).strip(), int(_LETTERS * figure.get_figwidth())), "", colour
    )
