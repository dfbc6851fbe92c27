"""Which side of the patient is at each edge of the canvas: R, L, A, P, S, I."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QLabel

from napari_ptx.docks.compat import canvas_widget

if TYPE_CHECKING:
    from napari import Viewer

_MARGIN = 6
_NAMES = {
    "R": "the patient's right", "L": "the patient's left", "A": "the front", "P": "the back",
    "S": "towards the head", "I": "towards the feet",
}  # fmt: skip


class EdgeLetters(QObject):
    """Four letters on the canvas, which stay at its edges."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._canvas = canvas_widget(viewer)
        self._labels = [QLabel(self._canvas) for _ in range(4)]
        for label in self._labels:
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            label.lower()  # what napari tells lies over them
            label.setStyleSheet(
                "color: #ffe028; background: rgba(0, 0, 0, 120); font-weight: bold;"
                " font-size: 14pt; padding: 1px 5px; border-radius: 3px;"
            )
        self._canvas.installEventFilter(self)
        self.show("RLAP")

    def show(self, letters: str) -> None:
        """Write the letters of the left, right, top and bottom edge."""
        for label, letter in zip(self._labels, letters, strict=True):
            label.setText(letter)
            label.setAccessibleName(_NAMES[letter])
            label.adjustSize()
            label.show()
        self._place()

    @property
    def letters(self) -> str:
        """The letters of the left, right, top and bottom edge."""
        return "".join(label.text() for label in self._labels)

    def close(self) -> None:
        """Take the letters away."""
        self._canvas.removeEventFilter(self)
        for label in self._labels:
            label.hide()
            label.deleteLater()
        self._labels = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Move the letters when the canvas changes its size."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        if not self._labels:
            return
        wide, high = self._canvas.width(), self._canvas.height()
        left, right, top, bottom = self._labels
        middle = (high - left.height()) // 2
        left.move(_MARGIN, middle)
        right.move(wide - right.width() - _MARGIN, middle)
        top.move((wide - top.width()) // 2, _MARGIN)
        bottom.move((wide - bottom.width()) // 2, high - bottom.height() - _MARGIN)
