"""What all figures share: an empty panel, points that can be picked, a caption."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

POINTS = "points"
"""The gid of the collection that holds one point for each row of the table."""

MARK = 22.0
"""Area of a point, in square points."""

_PICK_RADIUS = 5.0  # points: more would catch neighbours


def panel(size: tuple[float, float], title: str) -> tuple[Figure, Axes]:
    """Give a figure with one axes that fills it at any size."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    if title:
        axes.set_title(capital(title))
    return figure, axes


def points(axes: Axes, x: ArrayLike, y: ArrayLike, colour: Any) -> PathCollection:
    """Draw one point for each row; index i of a pick is row i."""
    drawn = axes.scatter(x, y, s=MARK, color=colour, alpha=0.75, linewidths=0, zorder=3, gid=POINTS)
    drawn.set_picker(True)
    drawn.set_pickradius(_PICK_RADIUS)
    return drawn


def caption(figure: Figure, text: str, note: str, colour: str) -> None:
    """Put a line below that says what is drawn and what the data were."""
    ending = f" {capital(note).rstrip('.')}." if note else ""
    figure.supxlabel(
        text + ending, x=0.02, ha="left", fontsize=6.5, color=colour, wrap=True, gid="caption"
    )


def number(value: float, decimals: int) -> str:
    """Write a number with a minus sign, not a hyphen."""
    return f"{value:.{decimals}f}".replace("-", "−")


def decimals(spread: float) -> int:
    """Decimals that show about three digits of a spread."""
    return 1 if spread <= 0.0 else int(np.clip(2 - np.floor(np.log10(spread)), 0, 6))


def with_unit(text: str, unit: str) -> str:
    """Write a quantity with its unit, if it has one."""
    return f"{text} ({unit})" if unit else text


def capital(text: str) -> str:
    """Begin with a capital and leave the rest as it is."""
    return text[:1].upper() + text[1:]
