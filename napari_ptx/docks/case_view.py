"""One case on the canvas: its image, its outlines, and where the reader looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_ptx.docks import compat, keys, layers
from napari_ptx.docks.drawing import Drawing
from napari_ptx.docks.fitting import Fitting
from napari_ptx.docks.focus import Blindfold, FocusMode

if TYPE_CHECKING:
    import napari.layers
    from napari import Viewer

    from napari_ptx.image import Image
    from napari_ptx.roi import Outline

OUTLINES = "Outlines"
HELP = "Enter finishes the case    ? shows all keys"
QUIET_MS = 300
"""Milliseconds after a stroke until napari's outline layer follows."""


class CaseView:
    """The layers of the case at hand, and the tools on them.

    The two layers stay from case to case: new ones would take half a second.

    Attributes
    ----------
    drawing
        The mouse tools.
    image
        What is shown, or ``None`` while nothing is.
    """

    SHORTCUTS = keys.READING
    looked = Signal()
    """Zoom, centre, window or frame have changed; many of these come with one movement."""

    def __init__(self, viewer: Viewer, *, focus: bool) -> None:
        self.viewer = viewer
        self.drawing = Drawing(viewer)
        self.focus = FocusMode(viewer)
        self.image: Image | None = None
        self._image_layer: napari.layers.Image | None = None
        self._outline_layer: napari.layers.Shapes | None = None
        self._blindfold = Blindfold(viewer)
        self._fitting = Fitting(viewer, self._fill_canvas)
        self._wants_focus = focus
        self._actions: Mapping[str, Callable[..., Any]] = {}
        self._awake = False
        self._changing = False
        self._code = ""
        self._restore = _timer(0, self._bring_back)
        self._twin = _timer(QUIET_MS, self._show_twin)

    # Life

    def wake(self, actions: Mapping[str, Callable[..., Any]]) -> None:
        """Take the keyboard, the mouse and the window; safe to call twice."""
        if self._awake:
            return
        self._awake = True
        self._actions = actions
        if self._wants_focus:
            self.focus.enter()
        self.viewer.layers.events.removed.connect(self._layer_removed)
        self.viewer.layers.selection.events.active.connect(self._active_changed)
        for event in self._looking:
            event.connect(self._look_changed)
        self._attach()

    def sleep(self) -> None:
        """Give them back; the case stays on the canvas. Safe to call twice."""
        if not self._awake:
            return
        self._awake = False
        self._restore.stop()
        self._twin.stop()
        self._wants_focus = self.focus.active
        self.focus.leave()
        self.viewer.layers.events.removed.disconnect(self._layer_removed)
        self.viewer.layers.selection.events.active.disconnect(self._active_changed)
        for event in self._looking:
            event.disconnect(self._look_changed)
        self._detach()

    def close(self) -> None:
        """Take the case off the canvas and leave the window as it was."""
        self.sleep()
        self._drop_layers()
        self._blindfold.close()

    @property
    def awake(self) -> bool:
        """Whether the case has the canvas, the mouse and the keyboard."""
        return self._awake

    # Showing a case

    def show(
        self, image: Image, code: str, outlines: Sequence[Outline], view: Mapping[str, Any]
    ) -> None:
        """Show a case, fitted to the canvas, with the frame and window it was left with."""
        self.image = image
        self._code = code
        self._twin.stop()
        self._changing = True
        try:
            with self._blindfold.letting_in():
                self._fill_layers(image, code, outlines)
        finally:
            self._changing = False
        assert self._image_layer is not None
        if len(image.axes) == 3:
            frame = int(view.get("frame", outlines[0].frame if outlines else 0))
            self.viewer.dims.set_current_step(0, min(frame, image.shape[0] - 1))
        if window := view.get("window"):
            self._image_layer.contrast_limits = window
        self.drawing.load(image, outlines)
        self._set_visible(True)
        for layer in self._ours:
            # napari would praise its own tools, which are off.
            layer.help = HELP
        self.viewer.layers.selection.active = self._outline_layer
        self.viewer.help = HELP
        self.fit()

    def blank(self) -> None:
        """Show no case: the one before must not be taken for the one on its way."""
        self.image = None
        self.drawing.cancel()
        self.drawing.enabled = False
        self._set_visible(False)

    def outlines_changed(self) -> None:
        """Bring the outline layer up to date, once the mouse is at rest.

        It takes napari 50 ms and more, which a stroke must not wait for.
        """
        self._twin.start()

    def _show_twin(self) -> None:
        if self.drawing.busy:
            self._twin.start()
        elif self.image is not None and self._outline_layer is not None:
            layers.replace_outlines(
                self._outline_layer, self.drawing.outlines, self.image, width=_hair(self.image)
            )
            self.drawing.prepare()

    # Looking at it

    def fit(self) -> None:
        """Fit the image to the canvas; it stays fitted until the reader zooms or moves it."""
        self._fitting.fit()

    def _fill_canvas(self) -> None:
        layer = self._image_layer
        if self.image is not None and layer is not None and layer in self.viewer.layers:
            self.viewer.fit_to_view(layers=[layer], margin=0.02)

    def reset_window(self) -> None:
        """Show the grey values as the case opened."""
        if self._image_layer is not None and self.image is not None:
            self._image_layer.contrast_limits = layers.full_window(self.image)

    def step_frame(self, by: int) -> None:
        """Show another frame."""
        if self.image is not None and len(self.image.axes) == 3:
            frame = min(max(self.drawing.frame + by, 0), self.image.shape[0] - 1)
            self.viewer.dims.set_current_step(0, frame)

    @property
    def _looking(self) -> tuple[Any, ...]:
        camera = self.viewer.scene.camera.events
        return camera.zoom, camera.center, self.viewer.dims.events.current_step

    def _look_changed(self) -> None:
        if self._awake and self.image is not None and not self._changing:
            self.looked.emit()

    def describe(self) -> dict[str, Any]:
        """Give what is recorded with each step: how the reader sees the image.

        ``zoom`` is screen pixels per image pixel; ``centre`` is the image position
        ``(y, x)`` in the middle of the canvas; ``window`` the lowest and highest
        grey value; ``brush`` half the stretch that a push moves, in image pixels.
        """
        if self.image is None or self._image_layer is None:
            return {}
        layer = self._image_layer
        world = (*self.viewer.dims.point[:-2], *self.viewer.scene.camera.center[-2:])
        centre = layer.world_to_data(world)[-2:]
        size = compat.canvas_widget(self.viewer).size()
        return {
            "tool": str(self.drawing.tool),
            "zoom": round(self.drawing.zoom, 4),
            "centre": [round(float(value), 2) for value in centre],
            "window": [round(float(value), 3) for value in layer.contrast_limits],
            "frame": self.drawing.frame,
            "brush": round(self.drawing.push_radius, 2),
            "canvas": [size.height(), size.width()],
        }

    # Layers

    @property
    def _ours(self) -> tuple[napari.layers.Layer, ...]:
        pair = (self._image_layer, self._outline_layer)
        return tuple(layer for layer in pair if layer is not None)

    def _fill_layers(self, image: Image, code: str, outlines: Sequence[Outline]) -> None:
        if (
            self._image_layer is not None
            and self._outline_layer is not None
            and self._image_layer.ndim == len(image.axes)
            and layers.replace_image(self._image_layer, image, code)
        ):
            layers.replace_outlines(self._outline_layer, outlines, image, width=_hair(image))
            return
        self._drop_layers()
        self._image_layer = layers.add_image(self.viewer, image, name=code)
        self._image_layer.events.contrast_limits.connect(self._look_changed)
        self._outline_layer = layers.add_outlines(
            self.viewer, outlines, image, name=OUTLINES, width=_hair(image)
        )
        self._outline_layer.editable = False
        for layer in self._ours:
            layer.locked = True
        if self._awake:
            self._attach()

    def _drop_layers(self) -> None:
        self._detach()
        ours = self._ours
        self._image_layer = self._outline_layer = None
        for layer in ours:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)

    def _attach(self) -> None:
        if self._image_layer is None or self._outline_layer is None:
            return
        self.drawing.attach(self._image_layer, self._outline_layer)
        for layer in self._ours:
            keys.bind(layer, self._actions, self.SHORTCUTS)
        self.drawing.redraw()

    def _detach(self) -> None:
        self.drawing.detach()
        for layer in self._ours:
            keys.unbind(layer, self.SHORTCUTS)

    def _set_visible(self, visible: bool) -> None:
        for layer in self._ours:
            layer.visible = visible

    def _layer_removed(self, event: Any) -> None:
        """Bring the case back if somebody removed a layer of it, but for a closing viewer."""
        if not self._changing and event.value in self._ours:
            self._restore.start()

    def _bring_back(self) -> None:
        if not self._awake or self.image is None or not compat.is_open(self.viewer):
            return
        outlines, enabled = self.drawing.outlines, self.drawing.enabled
        self._drop_layers()
        self.show(self.image, self._code, outlines, {})
        self.drawing.enabled = enabled

    def _active_changed(self, event: Any) -> None:
        """Keep the keyboard: with no layer selected, no shortcut would work."""
        if event.value is None and self._outline_layer in self.viewer.layers:
            self.viewer.layers.selection.active = self._outline_layer


def _timer(milliseconds: int, action: Callable[[], None]) -> QTimer:
    timer = QTimer()
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(action)
    return timer


def _hair(image: Image) -> float:
    """Give the width of the outline layer's own line, in image pixels.

    That layer is the record's twin for napari; what is seen is drawn by
    ``compat.Ink``, over it, as wide at any zoom.
    """
    return max(image.shape[-2:]) / 4000
