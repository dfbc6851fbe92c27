"""One class for each thing the mouse can do: from the press to the release.

A gesture gets the events after its press. ``press``, ``move``, ``release`` and
``double`` give ``GO_ON``, or what came out: a ``Stroke``, or ``None`` where the
gesture was given up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_ptx.docks.layers import grey_range
from napari_ptx.roi import Outline, RoiError, edit

if TYPE_CHECKING:
    from napari_ptx.docks.compat import Pointer, Points
    from napari_ptx.docks.drawing import Drawing, Outlines
    from napari_ptx.roi.edit import Place

CLICK = 4.0
"""A press that moves less than this many screen pixels is a click."""
GRAB = 8.0
"""A line or corner is grabbed from this many screen pixels away."""
STEP = 1.0
"""Distance of an outline's vertices in image pixels, at any zoom."""
SAME = 0.5
"""A new line that shares more than this of the smaller area draws a lesion again."""


@dataclass(frozen=True)
class Stroke:
    """What a gesture made.

    Parameters
    ----------
    outlines
        All outlines of the case now, or ``None`` where nothing changed.
    action
        What was done, for the record.
    select
        The lesion to select.
    refused
        Why nothing came of it, as a sentence.
    """

    outlines: Outlines | None = None
    action: str = ""
    select: int | None = None
    refused: str = ""


GO_ON = Stroke()
"""The gesture is not over."""


class Gesture:
    """The base: it goes on until the release and shows nothing."""

    replaces: int | None = None
    """The lesion that the line in hand stands for."""

    def __init__(self, drawing: Drawing, pointer: Pointer) -> None:
        self.drawing = drawing
        self.start = pointer
        self.frame = drawing.frame
        self.button = pointer.button
        self.moved = False

    def press(self, pointer: Pointer) -> Stroke | None:
        """Take another button going down."""
        return GO_ON

    def double(self, pointer: Pointer) -> Stroke | None:
        """Take a double click."""
        return GO_ON

    def move(self, pointer: Pointer) -> Stroke | None:
        """Take a movement."""
        self.moved = self.moved or _far(self.start, pointer, CLICK)
        return GO_ON

    def release(self, pointer: Pointer) -> Stroke | None:
        """Take a button going up."""
        return None if pointer.button == self.button else GO_ON

    def lines(self) -> tuple[tuple[Points, bool], ...]:
        """Give the lines in hand and whether each is closed."""
        return ()

    def preview(self) -> Outlines | None:
        """Give the outlines as they would be now, or ``None`` where nothing changes."""
        return None

    def inside(self, pointer: Pointer) -> tuple[float, float]:
        """Give the position, kept within the image."""
        height, width = self.drawing.image.shape[-2:]
        return (
            min(max(pointer.y, -0.5), height - 0.5),
            min(max(pointer.x, -0.5), width - 0.5),
        )

    def add(self, new: Outlines, action: str) -> Stroke:
        """Make the stroke that adds new outlines: lesions more, or one drawn again."""
        outlines = list(self.drawing.outlines)
        again = same_lesion(outlines, new[0])
        if again is None:
            return Stroke((*outlines, *new), action, len(outlines))
        outlines[again] = new[0]
        return Stroke((*outlines, *new[1:]), f"{action} again", again)


class Freehand(Gesture):
    """The outline tool: the line follows the mouse and closes itself on release."""

    def __init__(self, drawing: Drawing, pointer: Pointer) -> None:
        super().__init__(drawing, pointer)
        self.path = [(pointer.y, pointer.x)]

    def move(self, pointer: Pointer) -> Stroke | None:  # noqa: D102
        position = (pointer.y, pointer.x)
        if position != self.path[-1]:
            self.path.append(position)
        return super().move(pointer)

    def release(self, pointer: Pointer) -> Stroke | None:  # noqa: D102
        if pointer.button != self.button:
            return GO_ON
        self.move(pointer)
        if not self.moved:
            return Stroke(select=self.drawing.lesion_at(pointer.y, pointer.x))
        assert self.drawing.image is not None
        shape = self.drawing.image.shape[-2:]
        new = edit.close_freehand(self.path, STEP, shape=shape, frame=self.frame)
        if not new:
            return Stroke(
                select=self.drawing.selected,
                refused="That line holds no area; draw all the way around the lesion.",
            )
        return self.add(new, "outline")

    def lines(self) -> tuple[tuple[Points, bool], ...]:  # noqa: D102
        return ((np.array(self.path), False),)

    def preview(self) -> Outlines | None:  # noqa: D102
        if not self.moved or len(self.path) < 3:
            return None
        return (*self.drawing.outlines, Outline(np.array(self.path), frame=self.frame))


class Polygon(Gesture):
    """The polygon tool: each click is a corner.

    A double click, a right click, or a click on the first corner closes it; a drag
    with the right button sets the contrast meanwhile. A click into a lesion that
    makes no polygon selects the lesion.
    """

    def __init__(self, drawing: Drawing, pointer: Pointer) -> None:
        super().__init__(drawing, pointer)
        self._corners = [self.inside(pointer)]
        self._hover = self._corners[0]
        self._contrast: Window | None = None

    @property
    def corners(self) -> Points:
        """The corners so far, ``(n, 2)``."""
        return np.array(self._corners)

    def press(self, pointer: Pointer) -> Stroke | None:  # noqa: D102
        if pointer.button == 2:
            self._contrast = Window(self.drawing, pointer)
        if pointer.button != 1:
            return GO_ON
        y, x = self._corners[0]
        near = np.hypot(pointer.y - y, pointer.x - x) * self.drawing.zoom <= GRAB
        if near and len(self._corners) >= 3:
            return self.close()
        position = self.inside(pointer)
        if position != self._corners[-1]:
            self._corners.append(position)
        return GO_ON

    def double(self, pointer: Pointer) -> Stroke | None:  # noqa: D102
        # The first of the two clicks has set the last corner.
        return self.close() if len(self._corners) >= 3 else GO_ON

    def move(self, pointer: Pointer) -> Stroke | None:  # noqa: D102
        if self._contrast is not None:
            self._contrast.move(pointer)
        else:
            self._hover = self.inside(pointer)
        return GO_ON

    def release(self, pointer: Pointer) -> Stroke | None:  # noqa: D102
        contrast = self._contrast
        if contrast is None or pointer.button != contrast.button:
            return GO_ON
        self._contrast = None
        return GO_ON if contrast.moved else self.close()

    def take_back(self) -> bool:
        """Take back the last corner; tell whether one is left."""
        self._corners.pop()
        return bool(self._corners)

    def close(self) -> Stroke | None:
        """Close the polygon, or select the lesion under the first corner if it is none."""
        try:
            new = edit.repair(Outline(self.corners, frame=self.frame))
        except RoiError:
            new = ()
        if not new:
            return Stroke(select=self.drawing.lesion_at(*self._corners[0]))
        return self.add(new, "polygon")

    def lines(self) -> tuple[tuple[Points, bool], ...]:  # noqa: D102
        return ((np.array([*self._corners, self._hover]), True),)

    def preview(self) -> Outlines | None:  # noqa: D102
        points = [*self._corners, self._hover]
        if len(points) < 3:
            return None
        return (*self.drawing.outlines, Outline(np.array(points), frame=self.frame))


class _Change(Gesture, ABC):
    """A change of one lesion's line while the mouse drags.

    Where the line would cross itself it stays as it was.
    """

    action = ""

    def __init__(self, drawing: Drawing, pointer: Pointer, index: int) -> None:
        super().__init__(drawing, pointer)
        self.replaces = index
        self.before = self.after = drawing.outlines[index]

    @abstractmethod
    def change(self, to: tuple[float, float]) -> Outline:
        """Give the outline for the mouse where it is now."""

    def move(self, pointer: Pointer) -> Stroke | None:
        super().move(pointer)
        if self.moved:
            with suppress(RoiError):
                self.after = self.change(self.inside(pointer))
        return GO_ON

    def release(self, pointer: Pointer) -> Stroke | None:
        if pointer.button != self.button:
            return GO_ON
        self.move(pointer)
        if self.after is self.before:
            return Stroke(select=self.replaces)
        return Stroke(self._all(), self.action, self.replaces)

    def lines(self) -> tuple[tuple[Points, bool], ...]:
        return tuple((ring, True) for ring in self.after.rings)

    def preview(self) -> Outlines | None:
        return self._all()

    def _all(self) -> Outlines:
        outlines = list(self.drawing.outlines)
        outlines[self.replaces] = self.after
        return tuple(outlines)


class MoveCorner(_Change):
    """Drag one corner of a lesion."""

    action = "move corner"

    def __init__(self, drawing: Drawing, pointer: Pointer, index: int, corner: Place) -> None:
        super().__init__(drawing, pointer, index)
        self.corner = corner

    def change(self, to: tuple[float, float]) -> Outline:  # noqa: D102
        return edit.move_vertex(self.before, self.corner, to)


class Push(_Change):
    """Drag a stretch of a lesion's line; it moves less the farther it is from the mouse."""

    action = "push"

    def change(self, to: tuple[float, float]) -> Outline:  # noqa: D102
        start = (self.start.y, self.start.x)
        return edit.push(self.before, start, to, self.drawing.push_radius)


class Window(Gesture):
    """The right button: across for the window's width, up and down for its level.

    A right click without a drag, in the edit tool, deletes the corner under it.
    """

    def __init__(self, drawing: Drawing, pointer: Pointer) -> None:
        super().__init__(drawing, pointer)
        self.limits = tuple(drawing.image_layer.contrast_limits)
        assert drawing.image is not None
        self.range = grey_range(drawing.image)

    def move(self, pointer: Pointer) -> Stroke | None:  # noqa: D102
        super().move(pointer)
        if self.moved:
            across = pointer.screen[0] - self.start.screen[0]
            down = pointer.screen[1] - self.start.screen[1]
            self.drawing.image_layer.contrast_limits = window(self.limits, self.range, across, down)
        return GO_ON

    def release(self, pointer: Pointer) -> Stroke | None:  # noqa: D102
        if pointer.button != self.button:
            return GO_ON
        if not self.moved:
            self.drawing.delete_corner()
        return None


WINDOW_DRAG = 400.0
"""Screen pixels of a drag that change the window by its whole range."""


def window(
    limits: tuple[float, float], whole: tuple[float, float], across: float, down: float
) -> tuple[float, float]:
    """Give contrast limits after a drag.

    Parameters
    ----------
    limits, whole
        The limits at the start of the drag, and the range of the image.
    across, down
        Screen pixels: to the right widens the window, down darkens the image.
    """
    span = whole[1] - whole[0]
    width = limits[1] - limits[0] + across / WINDOW_DRAG * span
    level = (limits[0] + limits[1]) / 2 + down / WINDOW_DRAG * span
    width = min(max(width, span / 100), 2 * span)
    level = min(max(level, whole[0]), whole[1])
    return level - width / 2, level + width / 2


def edit_gesture(drawing: Drawing, pointer: Pointer) -> Gesture | None:
    """Begin what the edit tool does at a position: a corner, a stretch, or a selection."""
    if (corner := drawing.corner_at(pointer.y, pointer.x)) is not None:
        index, place = corner
        gesture: Gesture = MoveCorner(drawing, pointer, index, place)
    elif (edge := drawing.edge_at(pointer.y, pointer.x)) is not None:
        index = edge[0]
        gesture = Push(drawing, pointer, index)
    else:
        drawing.select(drawing.lesion_at(pointer.y, pointer.x))
        return None
    drawing.select(index)
    return gesture


def same_lesion(outlines: list[Outline], new: Outline) -> int | None:
    """Give the lesion that a new outline draws again, or ``None`` where it is one more."""
    from napari_ptx.roi.shapes import to_area

    area = to_area(new)
    for index, old in enumerate(outlines):
        if old.frame != new.frame:
            continue
        before = to_area(old)
        smaller = min(before.area, area.area)
        if smaller > 0 and before.intersection(area).area > SAME * smaller:
            return index
    return None


def _far(one: Pointer, other: Pointer, distance: float) -> bool:
    return np.hypot(one.screen[0] - other.screen[0], one.screen[1] - other.screen[1]) > distance
