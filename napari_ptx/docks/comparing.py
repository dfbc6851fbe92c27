"""One case in the viewer with the outlines of several readers, for the coordinator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from napari_ptx.docks import layers, settings
from napari_ptx.docks.compat import zoom_to_pixels

if TYPE_CHECKING:
    import napari.layers
    from napari import Viewer
    from napari.layers import Layer, Shapes

    from napari_ptx.docks.tasks import ShownCase


class ComparedCase:
    """Shows one case at a time and can take it away again, without touching other layers."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._image: napari.layers.Image | None = None
        self._outlines: dict[str, Shapes] = {}
        self._hidden: list[Layer] = []
        self.case = ""

    def show(self, shown: ShownCase, colours: Mapping[str, str]) -> None:
        """Show a case in place of the one before, each label's outlines in its colour.

        The layers stay where they can: new ones take half a second.
        """
        image = shown.image
        if not self._complete(colours) or not layers.replace_image(self._image, image, shown.case):
            self.clear()
            self._image = layers.add_image(self._viewer, image, name=shown.case)
        self._viewer.reset_view()
        width = settings.outline_width() / zoom_to_pixels(self._viewer, self._image)
        for label, colour in colours.items():
            outlines = shown.outlines.get(label, ())
            layer = self._outlines.get(label)
            if layer is None:
                self._outlines[label] = layers.add_outlines(
                    self._viewer, outlines, image, name=label, colour=colour, width=width
                )
            else:
                layers.replace_outlines(layer, outlines, image, width=width)
        frames = [outline.frame for outlines in shown.outlines.values() for outline in outlines]
        if image.axes != "yx" and frames:
            self._viewer.dims.set_current_step(0, frames[0])
        for layer in self._hidden:
            layer.visible = True
        self._hidden.clear()
        self._viewer.layers.selection.active = self._image
        self.case = shown.case

    def hide(self) -> None:
        """Show nothing until the next case: what is there is not the case at hand."""
        for layer in self.layers:
            if layer.visible:
                self._hidden.append(layer)
                layer.visible = False
        self.case = ""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of the case: the image, then the outlines."""
        return tuple(
            layer for layer in (self._image, *self._outlines.values()) if layer is not None
        )

    def clear(self) -> None:
        """Take the case out of the viewer, as before a blinded session."""
        for layer in self.layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._image = None
        self._outlines.clear()
        self._hidden.clear()
        self.case = ""

    def _complete(self, labels: Iterable[str]) -> bool:
        """Whether the layers of these labels are there, and nobody has removed one."""
        present = self._viewer.layers
        return (
            self._image in present
            and list(self._outlines) == list(labels)
            and all(layer in present for layer in self._outlines.values())
        )
