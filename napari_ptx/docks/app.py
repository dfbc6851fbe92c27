"""Open napari with a dock: ``python -m napari_ptx.docks.app [--study PATH] [--glands DIR]``."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari import Viewer

TITLE = "Parathyroid imaging"
SIZE = (1500, 950)


def open_viewer(
    study: Path | None = None, *, glands: Path | None = None, show: bool = True
) -> Viewer:
    """Open a napari window that fits the screen, with the Study dock in it.

    Parameters
    ----------
    study
        A study to open at once, or a reader's kit.
    glands
        The folder of a prediction to open at once, in the Glands dock instead.
    """
    import napari
    from qtpy.QtGui import QGuiApplication

    from napari_ptx.docks.hub import Hub

    viewer = napari.Viewer(title=TITLE, show=False)
    hub = Hub.of(viewer)
    dock = hub.show("Study" if glands is None else "Glands")
    screen = QGuiApplication.primaryScreen()
    if screen is not None:
        room = screen.availableGeometry()
        viewer.window.resize(min(SIZE[0], room.width()), min(SIZE[1], room.height() - 30))
    if study is not None:
        hub.open_study(study)
    if glands is not None:
        dock.desk.open(glands)
    if show:
        viewer.window.show()
    return viewer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the app until its window is closed."""
    parser = argparse.ArgumentParser(prog="python -m napari_ptx.docks.app", description=__doc__)
    parser.add_argument("--study", type=Path, help="a study file or kit to open at once")
    parser.add_argument("--glands", type=Path, help="a folder that 'ct predict' wrote")
    options = parser.parse_args(arguments)
    import napari

    viewer = open_viewer(options.study, glands=options.glands)
    # What is loaded by now stays. Were the collector to look at it each time, a full
    # collection would hold up the mouse for about 0.3 s instead of 2 ms.
    gc.collect()
    gc.freeze()
    napari.run()
    del viewer
    return 0


if __name__ == "__main__":
    sys.exit(main())
