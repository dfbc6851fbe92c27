"""Figures from plain tables: each function gives a ``matplotlib.figure.Figure``.

No figure touches pyplot, so they can be drawn in a dock, in a test, and on a server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_ptx.figures.agreement import bland_altman_figure, highlight, scatter_figure
    from napari_ptx.figures.forest import forest_figure
    from napari_ptx.figures.overlap import overlap_figure
    from napari_ptx.figures.parts import POINTS
    from napari_ptx.figures.save import save_figure
    from napari_ptx.figures.style import colours, theme

__all__ = [
    "POINTS",
    "bland_altman_figure",
    "colours",
    "forest_figure",
    "highlight",
    "overlap_figure",
    "save_figure",
    "scatter_figure",
    "theme",
]

# matplotlib takes a while to load: only the module that is asked for is.
_HOME = {
    "POINTS": "parts",
    "bland_altman_figure": "agreement",
    "colours": "style",
    "forest_figure": "forest",
    "highlight": "agreement",
    "overlap_figure": "overlap",
    "save_figure": "save",
    "scatter_figure": "agreement",
    "theme": "style",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"napari_ptx.figures.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
