"""How every figure looks: colours that everybody can tell apart, two themes, one print size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

Theme = Literal["light", "dark"]

# Okabe & Ito (2008). Each family has the shade that stands out on either
# background, so that a reader who is blue on paper is blue on the screen, too.
_FAMILIES: dict[Theme, tuple[str, ...]] = {
    "light": ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000"),
    "dark": ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#FFFFFF"),
}

# ground, panel, text, and quiet marks (grid, reference lines); dark is napari's
_TONES: dict[Theme, tuple[str, str, str, str]] = {
    "light": ("#FFFFFF", "#FFFFFF", "#1A1A1A", "#767676"),
    "dark": ("#262930", "#262930", "#F0F1F2", "#A4A8B0"),
}

MOST_COLOURS = 6
"""How many colours a figure can have that everybody tells apart."""

COLUMN_WIDTH = 3.5
"""Inches: one column of a journal page (89 mm)."""

_DASHES = ("-", (0, (4.0, 1.5)), (0, (1.0, 1.2)), (0, (5.0, 1.2, 1.0, 1.2)))


def colours(names: Sequence[str], theme: Theme = "light") -> dict[str, str]:
    """Give each reader or model its colour, by its place in ``names``.

    Pass the same full list everywhere (a study's readers, not those on show), and
    everyone keeps one colour in all figures and layers. Beyond ``MOST_COLOURS`` they
    repeat: no larger palette is safe for colour-blind eyes.
    """
    family = _FAMILIES[theme]
    return {name: family[place % len(family)] for place, name in enumerate(names)}


def dashes(names: Sequence[str]) -> dict[str, Any]:
    """Give each model the style of its line: solid, and others where the colours repeat."""
    return {name: _DASHES[place // MOST_COLOURS % len(_DASHES)] for place, name in enumerate(names)}


def quiet(theme: Theme = "light") -> str:
    """The colour of reference lines and second-rank text."""
    return _TONES[theme][3]


def theme(name: Theme = "light") -> dict[Any, Any]:
    """Give the rcParams of a theme, for ``matplotlib.rc_context``.

    Sizes are those of print at one column width, and read well on a screen at 100
    dots per inch.

    Raises
    ------
    ValueError
        For another name than "light" or "dark".
    """
    if name not in _TONES:
        raise ValueError(f"there is no theme {name!r}; the themes are light and dark")
    ground, panel, text, faint = _TONES[name]
    return {
        "figure.facecolor": ground,
        "savefig.facecolor": ground,
        "axes.facecolor": panel,
        "axes.edgecolor": faint,
        "axes.labelcolor": text,
        "axes.titlecolor": text,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "axes.unicode_minus": True,
        "text.color": text,
        "xtick.color": faint,
        "ytick.color": faint,
        "xtick.labelcolor": text,
        "ytick.labelcolor": text,
        "legend.edgecolor": "none",
        "legend.facecolor": "none",
        "legend.frameon": False,
        "grid.color": faint,
        "grid.linewidth": 0.4,
        "grid.alpha": 0.4,
        "lines.linewidth": 1.2,
        # matplotlib's own font: there on every machine, with all signs we use
        "font.family": "DejaVu Sans",
        "font.size": 8.0,
        "axes.titlesize": 9.0,
        "axes.labelsize": 8.0,
        "xtick.labelsize": 7.5,
        "ytick.labelsize": 7.5,
        "legend.fontsize": 7.5,
        "figure.dpi": 100.0,
    }
