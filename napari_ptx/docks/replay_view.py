"""One reading on the canvas, step by step: for the coordinator, never in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ptx.docks import compat, layers, settings
from napari_ptx.docks.fitting import Fitting

if TYPE_CHECKING:
    import napari.layers
    from napari import Viewer

    from napari_ptx.image import Image
    from napari_ptx.roi import Outline
    from napari_ptx.study.replay import Replay, Step


class ReplayView:
    """The layers of the reading that is replayed; they can be taken away again."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._image: Image | None = None
        self._picture: napari.layers.Image | None = None
        self._outlines: napari.layers.Shapes | None = None
        self._shown: tuple[Outline, ...] = ()
        self._fitting = Fitting(viewer, self._fill_canvas)

    def open(self, replay: Replay, image: Image) -> None:
        """Show the image of a reading, as yet without a line."""
        self.close()
        self._image = image
        name = f"{replay.case}: {replay.reader}, round {replay.round}"
        self._picture = layers.add_image(self._viewer, image, name=name)
        self.fit()
        width = settings.outline_width() / compat.zoom_to_pixels(self._viewer, self._picture)
        self._width = width
        self._outlines = layers.add_outlines(
            self._viewer, (), image, name=f"{name}, outlines", width=width
        )
        self._outlines.editable = False
        self._shown = ()

    def fit(self) -> None:
        """Fit the image to the canvas; it stays fitted until somebody zooms or moves it."""
        self._fitting.fit()

    def _fill_canvas(self) -> None:
        if self._present:
            self._viewer.fit_to_view(layers=[self._picture], margin=0.02)

    def show(self, step: Step, *, follow: bool) -> None:
        """Show what there was after a step, in the reader's window.

        ``follow``: also the part of the image that the reader saw.
        """
        if not self._present or self._image is None or self._outlines is None:
            return
        image = self._image
        if step.outlines != self._shown:
            layers.replace_outlines(self._outlines, step.outlines, image, width=self._width)
            self._shown = step.outlines
        self._picture.contrast_limits = step.view.get("window") or layers.full_window(image)
        if len(image.axes) == 3:
            frame = step.view.get("frame", step.outlines[0].frame if step.outlines else 0)
            self._viewer.dims.set_current_step(0, min(int(frame), image.shape[0] - 1))
        if follow:
            self._follow(step)

    def close(self) -> None:
        """Take the reading off the canvas."""
        for layer in (self._outlines, self._picture):
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._image = self._picture = self._outlines = None
        self._shown = ()

    @property
    def _present(self) -> bool:
        """Whether both layers are there, and nobody has removed one."""
        pair = (self._picture, self._outlines)
        return self._picture in self._viewer.layers and all(
            layer is None or layer in self._viewer.layers for layer in pair
        )

    def _follow(self, step: Step) -> None:
        """Show what the reader saw, on a canvas that may be larger or smaller."""
        view = step.view
        if not {"zoom", "centre", "canvas"} <= view.keys() or not view["zoom"]:
            self.fit()
            return
        size = compat.canvas_widget(self._viewer).size()
        ratio = min(size.height() / view["canvas"][0], size.width() / view["canvas"][1])
        at = (*[0.0] * (self._picture.ndim - 2), *view["centre"])
        camera = self._viewer.scene.camera
        camera.zoom = view["zoom"] * ratio / abs(float(self._picture.scale[-1]))
        camera.center = (0.0, *self._picture.data_to_world(at)[-2:])
