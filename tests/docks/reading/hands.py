"""A reader's hands in the tests: real mouse and key events on the window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from napari import Viewer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_ptx.docks.hub import Hub
from napari_ptx.docks.reading import ReadingDock
from napari_ptx.docks.reading_controller import ReadingController

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
Where = Sequence[float]


def ellipse(y: float, x: float, high: float, wide: float, points: int = 20) -> np.ndarray:
    """Give positions ``(y, x)`` once around an ellipse, in image pixels."""
    turn = np.linspace(0, 2 * np.pi, points)
    return np.stack([y + high * np.sin(turn), x + wide * np.cos(turn)], axis=1)


class Hands:
    """Mouse and keyboard at a viewer with a reading session."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.hub = Hub.of(viewer)
        self.canvas = viewer.window._qt_viewer.canvas.native

    @property
    def dock(self) -> ReadingDock:
        dock = self.hub.show("Reading")
        assert isinstance(dock, ReadingDock)
        return dock

    @property
    def session(self) -> ReadingController:
        assert self.dock.controller is not None
        return self.dock.controller

    @property
    def outlines(self) -> tuple[Any, ...]:
        return self.session.drawing.outlines

    @property
    def message(self) -> str:
        page = self.dock.page
        return page.message.text() if page.message.isVisible() else ""

    def wait(self, milliseconds: int = 30) -> None:
        QTest.qWait(milliseconds)

    def wait_for(self, condition: Any, text: str = "") -> None:
        for _ in range(3000):
            if condition():
                return
            QTest.qWait(20)
        raise AssertionError(f"waited in vain for {text or condition}")

    def open(self, reader: str = "A", round: int = 1) -> Hands:
        """Begin or resume a session and wait for its image."""
        assert self.hub.open_desk(reader, round) is not None
        self.wait_for_case()
        return self

    def wait_for_case(self) -> None:
        self.wait_for(lambda: self.session.image is not None, "the image")
        self.wait()

    def at(self, where: Where) -> QPoint:
        """Say where an image position ``(y, x)`` is on the canvas."""
        layer = self.session.case._outline_layer
        node = self.viewer.window._qt_viewer.layer_to_visual[layer].node
        x, y = node.get_transform("visual", "canvas").map([where[1], where[0]])[:2]
        return QPoint(round(x), round(y))

    def press(self, where: Where, button: Qt.MouseButton = LEFT) -> None:
        QTest.mousePress(self.canvas, button, NONE, self.at(where))

    def move(self, where: Where, wait: int = 1) -> None:
        QTest.mouseMove(self.canvas, self.at(where))
        QTest.qWait(wait)

    def release(self, where: Where, button: Qt.MouseButton = LEFT) -> None:
        QTest.mouseRelease(self.canvas, button, NONE, self.at(where))
        QApplication.processEvents()

    def drag(self, path: Iterable[Where], button: Qt.MouseButton = LEFT) -> None:
        path = list(path)
        self.press(path[0], button)
        for where in path[1:]:
            self.move(where)
        self.release(path[-1], button)

    def click(self, where: Where, button: Qt.MouseButton = LEFT) -> None:
        """Click once; far enough in time from the click before to be no double click."""
        self.move(where)
        self.press(where, button)
        self.release(where, button)

    def double_click(self, where: Where) -> None:
        self.move(where)
        self.click(where)
        QTest.mouseDClick(self.canvas, LEFT, NONE, self.at(where))
        QApplication.processEvents()

    def key(self, key: Qt.Key | str, modifier: Qt.KeyboardModifier = NONE) -> None:
        """Press a key where the keyboard is now, as a person does."""
        # Without a window manager no window is active: ask the window, not the application.
        target = self.canvas.window().focusWidget() or self.canvas
        QTest.keyClick(target, key, modifier)
        QApplication.processEvents()

    def button(self, widget: Any) -> None:
        """Click a widget of the dock."""
        QTest.mouseClick(widget, LEFT)
        QApplication.processEvents()

    def finish(self) -> None:
        """Press Enter and wait for the image that follows."""
        before = self.session.index
        self.key(Qt.Key.Key_Return)
        self.wait_for(lambda: self.session.index != before, "the next case")
        self.wait_for_case()
