"""R and L on every volume that napari shows of ours, also where no dock of ours shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from napari_ptx.docks.compat import is_open

if TYPE_CHECKING:
    from napari import Viewer

    from napari_ptx.docks.edge_letters import EdgeLetters
    from napari_ptx.docks.hub import Hub
    from napari_ptx.image import Image

_TOWARDS = ("LR", "PA", "SI")
"""The letter of each axis of the patient where its values grow, and where they fall."""


def letters_of(image: Image, displayed: tuple[int, int], grows: tuple[str, str]) -> str:
    """Give the letters of the left, right, top and bottom edge.

    Parameters
    ----------
    image
        A volume with a direction; of oblique ones the nearest axis counts.
    displayed
        The array axes of the rows and of the columns on the canvas.
    grows
        Where they grow on the canvas: "down" or "up", "right" or "left".
    """
    assert image.direction is not None
    matrix = np.array(image.direction)
    ends = []
    for axis in displayed:
        column = matrix[:, 2 - axis]
        patient = int(np.abs(column).argmax())
        high, low = _TOWARDS[patient]
        ends.append((low, high) if column[patient] > 0 else (high, low))
    (top, bottom), (left, right) = ends
    if grows[0] == "up":
        top, bottom = bottom, top
    if grows[1] == "left":
        left, right = right, left
    return left + right + top + bottom


class SideLetters:
    """Shows the letters while a volume with a place in the patient is seen in a plane.

    Parameters
    ----------
    viewer
        Whose canvas; not kept alive.
    hub
        Of that viewer. While it shows phases, or a reader is at work, the canvas is theirs.
    """

    def __init__(self, viewer: Viewer, hub: Hub) -> None:
        self._viewer, self._hub = ref(viewer), ref(hub)
        self._letters: EdgeLetters | None = None
        events = viewer.layers.events
        for emitter in (events.inserted, events.removed, events.reordered):
            emitter.connect(self.update)
        for emitter in (viewer.dims.events.ndisplay, viewer.dims.events.order):
            emitter.connect(self.update)
        viewer.scene.camera.events.orientation.connect(self.update)
        for changed in (hub.phases_changed, hub.desk_changed):
            changed.connect(self.update)

    @property
    def letters(self) -> str:
        """What is shown at the left, right, top and bottom edge; "" where nothing is."""
        return self._letters.letters if self._letters is not None else ""

    def update(self, _event: Any = None) -> None:
        """Bring the letters up to date."""
        from napari_ptx.docks.edge_letters import EdgeLetters

        viewer, hub = self._viewer(), self._hub()
        if viewer is None or hub is None or not is_open(viewer):
            self._letters = None  # gone with the canvas
            return
        said = set() if hub.blinded or hub.phases is not None else _said(viewer)
        if len(said) != 1:  # of volumes that run differently no letter would be true
            letters, self._letters = self._letters, None
            if letters is not None:
                letters.close()
            return
        if self._letters is None:
            self._letters = EdgeLetters(viewer)
        self._letters.show(said.pop())


def _said(viewer: Viewer) -> set[str]:
    """Give what the volumes with a direction say of the edges; nothing outside of a plane."""
    if viewer.dims.ndisplay != 2 or viewer.dims.ndim != 3:
        return set()
    rows, columns = viewer.dims.displayed
    vertical, horizontal = viewer.scene.camera.orientation2d
    images = [layer.metadata.get("ptx", {}).get("image") for layer in viewer.layers]
    return {
        letters_of(image, (rows, columns), (str(vertical), str(horizontal)))
        for image in images
        if image is not None and image.axes == "zyx" and image.direction is not None
    }
