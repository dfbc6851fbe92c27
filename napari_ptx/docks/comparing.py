"""One case in the viewer with the outlines of several readers, for the coordinator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from napari_ptx.docks import layers, settings
from napari_ptx.docks.compat import zoom_to_pixels

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

    from napari_ptx.docks.tasks import ShownCase


class ComparedCase:
    """Shows one case at a time and can take it away again, without touching other layers."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layers: list[Layer] = []
        self.case = ""

    def show(self, shown: ShownCase, colours: Mapping[str, str]) -> None:
        """Show a case in place of the one before, each label's outlines in its colour."""
        self.clear()
        viewer = self._viewer
        picture = layers.add_image(viewer, shown.image, name=f"case {shown.case}")
        self._layers.append(picture)
        viewer.reset_view()
        width = settings.outline_width() / zoom_to_pixels(viewer, picture)
        for label, colour in colours.items():
            self._layers.append(
                layers.add_outlines(
                    viewer,
                    shown.outlines.get(label, ()),
                    shown.image,
                    name=label,
                    colour=colour,
                    width=width,
                )
            )
        frames = [outline.frame for outlines in shown.outlines.values() for outline in outlines]
        if shown.image.axes != "yx" and frames:
            viewer.dims.set_current_step(0, frames[0])
        viewer.layers.selection.active = picture
        self.case = shown.case

    def clear(self) -> None:
        """Take the case out of the viewer, as before a blinded session."""
        for layer in self._layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._layers.clear()
        self.case = ""
