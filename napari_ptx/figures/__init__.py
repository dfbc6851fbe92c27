"""Figures from plain tables: each function gives a ``matplotlib.figure.Figure``.

No figure touches pyplot, so they can be drawn in a dock, in a test, and on a server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_ptx.figures.agreement import bland_altman_figure, highlight, scatter_figure
    from napari_ptx.figures.benefit import calibration_figure, decision_figure
    from napari_ptx.figures.delong import delong_figure
    from napari_ptx.figures.flow import flow_figure
    from napari_ptx.figures.forest import forest_figure
    from napari_ptx.figures.froc import froc_figure
    from napari_ptx.figures.overlap import overlap_figure
    from napari_ptx.figures.parts import POINTS
    from napari_ptx.figures.probabilities import probabilities_figure
    from napari_ptx.figures.psychometric import psychometric_figure
    from napari_ptx.figures.radar import radar_figure
    from napari_ptx.figures.roc import roc_figure, roc_table
    from napari_ptx.figures.save import save_figure
    from napari_ptx.figures.style import colours, theme
    from napari_ptx.figures.times import times_figure
    from napari_ptx.figures.training import epochs_figure
    from napari_ptx.figures.upset import upset_figure

__all__ = [
    "POINTS",
    "bland_altman_figure",
    "calibration_figure",
    "colours",
    "decision_figure",
    "delong_figure",
    "epochs_figure",
    "flow_figure",
    "forest_figure",
    "froc_figure",
    "highlight",
    "overlap_figure",
    "probabilities_figure",
    "psychometric_figure",
    "radar_figure",
    "roc_figure",
    "roc_table",
    "save_figure",
    "scatter_figure",
    "theme",
    "times_figure",
    "upset_figure",
]

# matplotlib takes a while to load: only the module that is asked for is.
_HOME = {
    "POINTS": "parts",
    "bland_altman_figure": "agreement",
    "calibration_figure": "benefit",
    "colours": "style",
    "decision_figure": "benefit",
    "delong_figure": "delong",
    "epochs_figure": "training",
    "flow_figure": "flow",
    "forest_figure": "forest",
    "froc_figure": "froc",
    "highlight": "agreement",
    "overlap_figure": "overlap",
    "probabilities_figure": "probabilities",
    "psychometric_figure": "psychometric",
    "radar_figure": "radar",
    "roc_figure": "roc",
    "roc_table": "roc",
    "save_figure": "save",
    "scatter_figure": "agreement",
    "theme": "style",
    "times_figure": "times",
    "upset_figure": "upset",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"napari_ptx.figures.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
