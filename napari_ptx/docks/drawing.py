"""The mouse tools of a reading: outline, polygon, edit, and the contrast drag.

``Drawing`` turns the mouse into outlines on the image that is open. It knows
nothing of a desk: what the reader finished comes out of ``committed``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_ptx.docks import compat, gestures
from napari_ptx.docks.compat import Ink, InkLine, Mouse, Pointer
from napari_ptx.docks.layers import AID, OUTLINE, PREVIEW, SELECTED
from napari_ptx.roi import RoiError, edit

if TYPE_CHECKING:
    import napari.layers
    from napari import Viewer

    from napari_ptx.docks.gestures import Gesture
    from napari_ptx.image import Image
    from napari_ptx.roi import Outline
    from napari_ptx.roi.edit import Place

Outlines = tuple["Outline", ...]

HANDLE_SPACING = 12.0
"""Corners get handles where they are at least this far apart, in screen pixels."""
BRUSH = 30.0
"""Half the stretch of line that a push moves at first, in screen pixels."""


class Tool(StrEnum):
    """What the left mouse button does."""

    OUTLINE = "outline"
    POLYGON = "polygon"
    EDIT = "edit"


class Drawing:
    """The mouse on an image layer and its outline layer.

    Attributes
    ----------
    outlines
        All outlines of the case, of every frame.
    aid
        A model's outlines, which lie under the reader's and cannot be touched.
    selected
        Index of the lesion that smooth and delete act on, or ``None``.
    brush
        Half the length of line that a push moves, in image pixels.
    """

    committed = Signal(object, str)
    """The outlines after a finished stroke, and what was done."""
    preview = Signal(object)
    """The outlines as they would be if the mouse were released now; ``None``: none in hand."""
    selection_changed = Signal()
    """Another lesion is selected, or another frame is shown."""
    touched = Signal()
    """The reader did something on the canvas."""
    pressed = Signal(bool)
    """A mouse button went down on the canvas; whether it draws."""
    help_wanted = Signal()
    refused = Signal(str)
    """A sentence why a stroke could not be taken."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.image: Image | None = None
        self.outlines: Outlines = ()
        self.aid: Outlines = ()
        self.colour = OUTLINE  # of the lesions that are not selected
        self.selected: int | None = None
        self._enabled = False
        self.brush: float | None = None
        self._panning = False
        self._tool = Tool.OUTLINE
        self._gesture: Gesture | None = None
        self._ink: Ink | None = None
        self._mouse: Mouse | None = None

    def attach(self, image_layer: napari.layers.Image, layer: napari.layers.Shapes) -> None:
        """Draw on these layers from now on."""
        self.detach()
        self.image_layer = image_layer
        self.layer = layer
        self._ink = Ink(self.viewer, layer)
        self._mouse = Mouse(self.viewer, layer, self._pointer, self.help_wanted.emit)
        self.viewer.scene.camera.events.zoom.connect(self._zoom_changed)
        self.viewer.dims.events.current_step.connect(self._frame_changed)

    def detach(self) -> None:
        """Leave the canvas as it was; safe to call twice."""
        if self._ink is None or self._mouse is None:
            return
        self._gesture = None
        self.viewer.scene.camera.events.zoom.disconnect(self._zoom_changed)
        self.viewer.dims.events.current_step.disconnect(self._frame_changed)
        self._mouse.close()
        self._ink.close()
        self._ink = self._mouse = None

    def prepare(self) -> None:
        """Do in a quiet moment what the next stroke should not wait for."""
        if self._ink is not None:
            self._ink.prepare()

    # What is drawn on

    @property
    def frame(self) -> int:
        """The frame that is shown (0 for a single image)."""
        stack = self.image is not None and len(self.image.axes) == 3
        return int(self.viewer.dims.current_step[0]) if stack else 0

    @property
    def zoom(self) -> float:
        """Screen pixels per image pixel."""
        return compat.zoom_to_pixels(self.viewer, self.image_layer)

    @property
    def push_radius(self) -> float:
        """Half the length of line that a push moves, in image pixels."""
        return self.brush if self.brush is not None else BRUSH / self.zoom

    def load(self, image: Image, outlines: Sequence[Outline]) -> None:
        """Begin with another image."""
        self._gesture = None
        # A key may have been let go where nobody heard of it.
        self.hold_pan(False)
        self.hold_hide(False)
        self.image = image
        self.outlines = tuple(outlines)
        self.selected = self._in_frame[-1] if self._in_frame else None
        self.redraw()

    def show(self, outlines: Sequence[Outline], select: int | None = None) -> None:
        """Take other outlines for the same image (after undo, say)."""
        self._gesture = None
        self.outlines = tuple(outlines)
        here = self._in_frame
        self.selected = select if select in here else (here[-1] if here else None)
        self.redraw()
        self.selection_changed.emit()

    @property
    def _in_frame(self) -> list[int]:
        frame = self.frame
        return [index for index, one in enumerate(self.outlines) if one.frame == frame]

    def select(self, index: int | None) -> None:
        """Choose the lesion that smooth and delete act on, and show its frame."""
        if index is not None and self.outlines[index].frame != self.frame:
            self.viewer.dims.set_current_step(0, self.outlines[index].frame)
        self.selected = index
        self.redraw()
        self.selection_changed.emit()

    # Tools

    @property
    def tool(self) -> Tool:
        """What the left button does."""
        return self._tool

    @tool.setter
    def tool(self, tool: Tool) -> None:
        self.cancel()
        self._tool = tool
        self._set_cursor()
        self.redraw()

    @property
    def enabled(self) -> bool:
        """Whether the left button draws; otherwise it moves the image."""
        return self._enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        self._enabled = enabled
        self._set_cursor()

    @property
    def busy(self) -> bool:
        """Whether a line is in hand."""
        return self._gesture is not None

    def cancel(self) -> None:
        """Give up the line in hand."""
        if self._gesture is not None:
            self._end(None)

    def close_polygon(self) -> bool:
        """Finish a polygon that has begun; tell whether there was one."""
        if isinstance(self._gesture, gestures.Polygon):
            self._end(self._gesture.close())
            return True
        return False

    def take_corner(self) -> bool:
        """Take back the last corner of a polygon; tell whether there was one."""
        if not isinstance(self._gesture, gestures.Polygon):
            return False
        if self._gesture.take_back():
            self._preview()
        else:
            self._end(None)
        return True

    def hold_pan(self, on: bool) -> None:
        """Let the left button move the image while the key is down."""
        self._panning = on
        self._set_cursor()

    def hold_hide(self, on: bool) -> None:
        """Hide the outlines while the key is down."""
        if self._ink is not None:
            self._ink.shown = not on
            self.layer.visible = not on

    def delete_corner(self) -> bool:
        """Delete the corner under the mouse; tell whether there was one."""
        if self._tool is not Tool.EDIT or not self.enabled or self._mouse is None:
            return False
        corner = self.corner_at(*self._mouse.position())
        if corner is None:
            return False
        index, place = corner
        self._change(index, lambda outline: edit.delete_vertex(outline, place), "delete corner")
        return True

    def smooth(self) -> bool:
        """Smooth the selected lesion; tell whether there was one."""
        if self.selected is None:
            return False
        self._change(self.selected, edit.smooth, "smooth")
        return True

    def _set_cursor(self) -> None:
        if self._ink is not None:
            aims = self.enabled and not self._panning and self._tool is not Tool.EDIT
            self.layer.cursor = self.image_layer.cursor = "cross" if aims else "standard"

    # What lies under the mouse

    def lesion_at(self, y: float, x: float) -> int | None:
        """Give the lesion of the shown frame that contains a position; the last drawn wins."""
        for index in reversed(self._in_frame):
            if edit.contains(self.outlines[index], (y, x)):
                return index
        return None

    def corner_at(self, y: float, x: float) -> tuple[int, Place] | None:
        """Give lesion and corner at a position, where the corners are apart enough to grab."""
        for index in self._by_selection():
            place = edit.nearest_vertex(self.outlines[index], (y, x))
            if place.distance * self.zoom <= gestures.GRAB:
                ring = self.outlines[index].rings[place.ring]
                if self._far_apart(ring)[place.vertex]:
                    return index, place
        return None

    def edge_at(self, y: float, x: float) -> tuple[int, Place] | None:
        """Give lesion and place on its line at a position."""
        for index in self._by_selection():
            place = edit.nearest_edge(self.outlines[index], (y, x))
            if place.distance * self.zoom <= gestures.GRAB:
                return index, place
        return None

    def _by_selection(self) -> list[int]:
        """The lesions of the frame, the selected one first."""
        return sorted(self._in_frame, key=lambda index: index != self.selected)

    def _far_apart(self, ring: compat.Points) -> NDArray[np.bool_]:
        """Tell which corners of a ring are far enough from a neighbour to have a handle."""
        apart = np.hypot(*(np.roll(ring, -1, axis=0) - ring).T) * self.zoom
        return np.maximum(apart, np.roll(apart, 1)) >= HANDLE_SPACING

    # The mouse

    def _pointer(self, pointer: Pointer) -> bool:
        self.touched.emit()
        if pointer.kind in ("press", "double"):
            self.pressed.emit(self.enabled and pointer.button == 1 and not self._panning)
        if self.viewer.layers.selection.active not in (self.layer, self.image_layer):
            return False
        if self._gesture is not None:
            return self._go_on(self._gesture, pointer)
        if pointer.kind not in ("press", "double") or self._panning:
            return False
        gesture = self._begin(pointer)
        if gesture is None:
            # A left drag must never move the image by accident while a tool is armed.
            return self.enabled and pointer.button == 1
        self._gesture = gesture
        self._preview()
        return True

    def _begin(self, pointer: Pointer) -> Gesture | None:
        if pointer.button == 2:
            return gestures.Window(self, pointer)
        if pointer.button != 1 or not self.enabled:
            return None
        if self._tool is Tool.OUTLINE:
            return gestures.Freehand(self, pointer)
        if self._tool is Tool.POLYGON:
            return gestures.Polygon(self, pointer)
        if pointer.kind == "double":
            return self._insert_corner(pointer)
        return gestures.edit_gesture(self, pointer)

    def _insert_corner(self, pointer: Pointer) -> None:
        edge = self.edge_at(pointer.y, pointer.x)
        if edge is not None and self.corner_at(pointer.y, pointer.x) is None:
            index, place = edge
            self._change(index, lambda outline: edit.insert_vertex(outline, place), "insert corner")

    def _go_on(self, gesture: Gesture, pointer: Pointer) -> bool:
        if self._panning and pointer.button == 1 and isinstance(gesture, gestures.Polygon):
            return False
        step = getattr(gesture, pointer.kind)(pointer)
        if step is gestures.GO_ON:
            self._preview()
        else:
            self._end(step)
        return not (pointer.kind == "move" and pointer.button == 0)

    def _end(self, stroke: gestures.Stroke | None) -> None:
        """Leave the gesture; take over what it made."""
        self._gesture = None
        self.preview.emit(None)
        if stroke is None:
            self.redraw()
            return
        if stroke.refused:
            self.refused.emit(stroke.refused)
        if stroke.outlines is None:
            self.selected = stroke.select
            self.redraw()
            self.selection_changed.emit()
            return
        self.show(stroke.outlines, stroke.select)
        self.committed.emit(self.outlines, stroke.action)

    def _change(self, index: int, change: Callable[[Outline], Outline], action: str) -> None:
        """Replace one lesion by what ``change`` makes of it."""
        try:
            changed = change(self.outlines[index])
        except RoiError as error:
            self.refused.emit(error.message)
            return
        outlines = (*self.outlines[:index], changed, *self.outlines[index + 1 :])
        self._end(gestures.Stroke(outlines, action, index))

    # What is seen

    def _zoom_changed(self) -> None:
        self.touched.emit()
        if self._tool is Tool.EDIT:  # the handles depend on it
            self.redraw()

    def _frame_changed(self) -> None:
        self.touched.emit()
        here = self._in_frame
        if self.selected not in here:
            self.selected = here[-1] if here else None
        self.redraw()
        self.selection_changed.emit()

    def _preview(self) -> None:
        self.redraw()
        if self._gesture is not None and (outlines := self._gesture.preview()) is not None:
            self.preview.emit(outlines)

    def redraw(self) -> None:
        """Draw the outlines of the shown frame, and the line in hand on top."""
        if self._ink is None:
            return
        hand = self._gesture.lines() if self._gesture is not None else ()
        replaced = self._gesture.replaces if self._gesture is not None else None
        frame = self.frame
        lines = [InkLine(ring, AID) for one in self.aid if one.frame == frame for ring in one.rings]
        lines += [
            InkLine(ring, SELECTED if index == self.selected else self.colour)
            for index in self._in_frame
            if index != replaced
            for ring in self.outlines[index].rings
        ]
        lines.extend(InkLine(points, PREVIEW, closed) for points, closed in hand)
        self._ink.draw(lines, self._handles())

    def _handles(self) -> compat.Points | None:
        if isinstance(self._gesture, gestures.Polygon):
            return self._gesture.corners
        if self._tool is not Tool.EDIT or self.selected is None or self._gesture is not None:
            return None
        rings = self.outlines[self.selected].rings
        return np.concatenate([ring[self._far_apart(ring)] for ring in rings])
