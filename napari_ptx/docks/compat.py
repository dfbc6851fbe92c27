"""The only place that touches napari's internals (written for napari 0.9.2).

Everything else in ``docks/`` uses napari's public names. What is here: the canvas
as a Qt widget, its raw mouse events, lines drawn straight onto the scene, and the
parts of the window that a blinded reader must not see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from vispy.scene.visuals import Line, Markers

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer
    from qtpy.QtWidgets import QMainWindow, QWidget

Points = NDArray[np.float64]

READING_MS = 60
"""For each letter: some 200 words a minute."""


def unwrap(viewer: Viewer) -> Viewer:
    """Give the viewer itself where napari handed out its proxy for plugins."""
    return getattr(viewer, "__wrapped__", viewer)


def main_window(viewer: Viewer) -> QMainWindow:
    """Give the Qt main window."""
    return viewer.window._qt_window


def is_open(viewer: Viewer) -> bool:
    """Tell whether the window is still there; a viewer outlives it in Python."""
    try:
        viewer.window._qt_viewer.canvas.native.size()
    except (AttributeError, RuntimeError):  # napari let go of it; Qt has deleted it
        return False
    return True


def canvas_widget(viewer: Viewer) -> QWidget:
    """Give the Qt widget that is drawn on."""
    return viewer.window._qt_viewer.canvas.native


def focus_canvas(viewer: Viewer) -> None:
    """Hand the keyboard to the canvas, so that the single letters work."""
    canvas_widget(viewer).setFocus(Qt.FocusReason.OtherFocusReason)


def revealing_parts(viewer: Viewer) -> list[QWidget]:
    """Give what can unblind or only costs room: layer list and controls, menus, status bar."""
    qt_viewer = viewer.window._qt_viewer
    window = main_window(viewer)
    panels = [qt_viewer.dockLayerList, qt_viewer.dockLayerControls]
    return [*panels, window.menuBar(), window.statusBar()]


def hide_console(viewer: Viewer) -> None:
    """Close napari's Python console, if it was ever open: it reaches everything."""
    dock = viewer.window._qt_viewer._dockConsole
    if dock is not None:
        dock.hide()


def dismiss_notifications(viewer: Viewer) -> None:
    """Close what napari still tells at the edge of the canvas: it may be of another reader."""
    from napari._qt.dialogs.qt_notification import NapariQtNotification

    for note in main_window(viewer).findChildren(NapariQtNotification):
        note.close()


def unfold_notifications(viewer: Viewer) -> None:
    """Show whole what napari has cut after a line, for as long as it takes to read.

    What is under the mouse stays, and what napari leaves until it is closed.
    """
    from napari._qt.dialogs.qt_notification import NapariQtNotification

    for note in main_window(viewer).findChildren(NapariQtNotification):
        text = note.message
        lines = text.sizeHint().height() / text.fontMetrics().lineSpacing()
        if note.property("expanded") or lines < 1.5:
            continue
        passing = note.timer.isActive()
        # The label asks for the height of what it has cut already, often one line.
        text.setMinimumHeight(text.sizeHint().height())
        note.toggle_expansion()
        # napari forgets its buttons, as that of a traceback.
        whole, needed = note.geom_anim.endValue(), note.layout().totalMinimumSize().height()
        note.geom_anim.setEndValue(whole.adjusted(0, min(0, whole.height() - needed), 0, 0))
        note.timer.setInterval(note.DISMISS_AFTER + READING_MS * len(text.text()))
        if passing:
            note.timer_start()


def zoom_to_pixels(viewer: Viewer, layer: Layer) -> float:
    """Give the screen pixels that one image pixel takes."""
    return float(viewer.scene.camera.zoom) * abs(float(layer.scale[-1]))


@dataclass(frozen=True)
class Pointer:
    """One mouse event on the canvas.

    Parameters
    ----------
    kind
        What happened.
    y, x
        Where, in image pixels.
    screen
        Where, in screen pixels of the canvas ``(x, y)``.
    button
        1 left, 2 right, 3 middle, 0 none.
    modifiers
        Names of the keys that are held ("Shift", "Control", "Alt").
    """

    kind: Literal["press", "move", "release", "double"]
    y: float
    x: float
    screen: tuple[float, float]
    button: int
    modifiers: tuple[str, ...]


class Mouse:
    """Every raw mouse event on the canvas, before napari and its camera see it.

    napari's own callbacks arrive at most every 5 ms and after the camera has
    panned; an outline needs each sample. ``handler(pointer)`` returns whether the
    event is used up. ``layer`` gives the pixel grid.
    """

    def __init__(
        self,
        viewer: Viewer,
        layer: Layer,
        handler: Callable[[Pointer], bool],
        on_question_mark: Callable[[], None],
    ) -> None:
        self._viewer = viewer
        self._layer = layer
        self._handler = handler
        self._on_question_mark = on_question_mark
        self._last = (0.0, 0.0)
        events = viewer.window._qt_viewer.canvas._scene_canvas.events
        # vispy keeps only weak references to the objects of bound methods.
        self._connections = (
            (events.mouse_press, self._press),
            (events.mouse_move, self._move),
            (events.mouse_release, self._release),
            (events.mouse_double_click, self._double),
            (events.key_press, self._key),
        )
        for emitter, callback in self._connections:
            emitter.connect(callback, position="first")

    def close(self) -> None:
        """Stop listening."""
        for emitter, callback in self._connections:
            emitter.disconnect(callback)
        self._connections = ()

    def position(self) -> tuple[float, float]:
        """Give the last position of the mouse in image pixels ``(y, x)``."""
        return self._last

    def _press(self, event: Any) -> None:
        self._pass_on("press", event, event.button or 0)

    def _move(self, event: Any) -> None:
        buttons = event.buttons or ()
        self._pass_on("move", event, buttons[0] if buttons else 0)

    def _release(self, event: Any) -> None:
        self._pass_on("release", event, event.button or 0)

    def _double(self, event: Any) -> None:
        self._pass_on("double", event, event.button or 0)

    def _key(self, event: Any) -> None:
        # napari's key bindings do not know the question mark.
        if event.text == "?":
            event.handled = True
            event.blocked = True
            self._on_question_mark()

    def _pass_on(
        self, kind: Literal["press", "move", "release", "double"], event: Any, button: int
    ) -> None:
        if self._layer not in self._viewer.layers:
            return
        canvas = self._viewer.window._qt_viewer.canvas
        world = canvas._map_canvas2world(event.pos, canvas.view)
        y, x = (float(value) for value in self._layer.world_to_data(world)[-2:])
        self._last = (y, x)
        pointer = Pointer(
            kind,
            y,
            x,
            (float(event.pos[0]), float(event.pos[1])),
            button,
            tuple(key.name for key in event.modifiers),
        )
        if self._handler(pointer):
            event.handled = True
            event.blocked = True


LINE_WIDTH = 2.0
HALO_WIDTH = 4.0
HANDLE_SIZE = 9.0
HALO = (0.0, 0.0, 0.0, 0.55)
INK, UNDER_INK, BAND = 10, 7, 5
"""What lies over what: the ink of the hand, that of what is given, and wide bands."""


class Ink:
    """Closed and open lines on the canvas, the same width at any zoom.

    They are children of a layer's node, so they live in that layer's pixel grid,
    and cost next to nothing to change while the mouse moves: a ``Shapes`` layer
    takes 30 ms for the same. A dark rim keeps them visible on bright tissue.
    """

    def __init__(self, viewer: Viewer, layer: Layer, order: int = INK) -> None:
        self._node = viewer.window._qt_viewer.layer_to_visual[layer].node
        self._order = order
        self._lines: list[_InkLine] = []
        self._handles = Markers(parent=self._node, scaling=False)
        self._handles.set_gl_state("translucent", depth_test=False)
        self._handles.order = order + 2
        self._with_handles = False
        self._used = 0
        self._shown = True
        self.prepare()
        self._update_visible()

    def prepare(self) -> None:
        """Have a line at hand for the next stroke: a new one takes vispy 50 ms."""
        while len(self._lines) < self._used + 1:
            self._lines.append(_InkLine(self._node, self._order))
            self._lines[-1].set_visible(False)

    def draw(self, lines: Sequence[InkLine], handles: Points | None) -> None:
        """Show these lines and no others.

        Parameters
        ----------
        handles
            Vertices ``(n, 2)`` that are marked with a small square, or ``None``.
        """
        self._used = 0
        for line in lines:
            if self._used == len(self._lines):
                self._lines.append(_InkLine(self._node, self._order))
            if self._lines[self._used].draw(line):
                self._used += 1
        self._with_handles = handles is not None and len(handles) > 0
        if self._with_handles:
            self._handles.set_data(
                pos=_flat(handles),
                symbol="square",
                size=HANDLE_SIZE,
                edge_width=1.5,
                edge_color=(0.0, 0.0, 0.0, 1.0),
                face_color=_rgba(lines[-1].colour) if lines else (1.0, 1.0, 1.0, 1.0),
            )
        self._update_visible()

    @property
    def shown(self) -> bool:
        """Whether the lines are visible; they can be hidden to see the tissue."""
        return self._shown

    @shown.setter
    def shown(self, shown: bool) -> None:
        self._shown = shown
        self._update_visible()

    def close(self) -> None:
        """Take the lines off the scene."""
        for line in self._lines:
            line.close()
        self._handles.parent = None
        self._lines.clear()

    def _update_visible(self) -> None:
        for index, line in enumerate(self._lines):
            line.set_visible(self._shown and index < self._used)
        self._handles.visible = self._shown and self._with_handles


BAND_WIDTH = 14.0


class Bands:
    """Closed lines with a colour at each point, wide and under the ink of the same layer."""

    def __init__(self, viewer: Viewer, layer: Layer) -> None:
        self._node = viewer.window._qt_viewer.layer_to_visual[layer].node
        self._lines: list[Any] = []

    def draw(self, lines: Sequence[tuple[Points, NDArray[np.float32]]]) -> None:
        """Show these lines, each ``(n, 2)`` positions and ``(n, 4)`` colours, and no others."""
        while len(self._lines) < len(lines):
            line = Line(pos=np.zeros((2, 2)), width=BAND_WIDTH, method="agg", parent=self._node)
            line.order = BAND
            self._lines.append(line)
        for place, line in enumerate(self._lines):
            line.visible = place < len(lines)
            if line.visible:
                points, colours = lines[place]
                ring = np.concatenate([_flat(points), _flat(points[:1])])
                line.set_data(pos=ring, color=np.concatenate([colours, colours[:1]]))

    def close(self) -> None:
        """Take the lines off the scene."""
        for line in self._lines:
            line.parent = None
        self._lines.clear()


@dataclass(frozen=True)
class InkLine:
    """A line to draw: vertices ``(n, 2)`` as ``(y, x)``, "#rrggbb", and whether it is closed."""

    points: Points
    colour: str
    closed: bool = True


class _InkLine:
    """A line and its dark rim on the scene."""

    def __init__(self, parent: Any, order: int) -> None:
        self._parts = tuple(
            Line(pos=np.zeros((2, 2)), width=width, method="agg", parent=parent)
            for width in (HALO_WIDTH, LINE_WIDTH)
        )
        for place, part in enumerate(self._parts, order):
            part.order = place
        self._drawn: InkLine | None = None

    def draw(self, line: InkLine) -> bool:
        """Draw a line; tell whether it has any length."""
        # Only the line in hand changes while the mouse moves.
        same = self._drawn is not None and self._drawn.points is line.points
        if same and (self._drawn.colour, self._drawn.closed) == (line.colour, line.closed):
            return True
        ring = _ring(line)
        if len(ring) < 2:
            return False
        for part, colour in zip(self._parts, (HALO, _rgba(line.colour)), strict=True):
            part.set_data(pos=ring, color=colour)
        self._drawn = line
        return True

    def set_visible(self, visible: bool) -> None:
        for part in self._parts:
            if part.visible != visible:
                part.visible = visible

    def close(self) -> None:
        for part in self._parts:
            part.parent = None


def _rgba(colour: str) -> tuple[float, float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue, 1.0


def _flat(points: Points) -> NDArray[np.float32]:
    """Give ``(x, y)``, as the scene has it."""
    return np.ascontiguousarray(points[:, ::-1], dtype=np.float32)


def _ring(line: InkLine) -> NDArray[np.float32]:
    """Give the line's distinct points, the first repeated at the end where it is closed."""
    points = _flat(line.points)
    # The shader divides by the length of each piece.
    keep = np.ones(len(points), dtype=bool)
    keep[1:] = np.any(points[1:] != points[:-1], axis=1)
    points = points[keep]
    if line.closed and len(points) > 2 and np.any(points[0] != points[-1]):
        points = np.concatenate([points, points[:1]])
    return points
