"""The scale of the coloured line: how far blue lies outside of orange, or inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QLinearGradient, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_ptx.docks.adjudication_view import tones
from napari_ptx.docks.parts import colour

if TYPE_CHECKING:
    from napari.utils.theme import Theme
    from qtpy.QtGui import QPaintEvent

_STOPS = 21
_BAR = 8


class DistanceScale(QWidget):
    """A bar from "inside" to "outside" with its ends in mm or pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.reach, self.unit = 0.0, "mm"
        self._text = QColor("white")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "The band along the blue line: green where blue lies outside of orange, magenta where "
            "it lies inside, the stronger the farther from the orange line"
        )

    def sizeHint(self) -> QSize:  # noqa: D102, N802 - Qt's name
        return QSize(200, _BAR + 2 * self.fontMetrics().height() + 4)

    def set_scale(self, reach: float, unit: str) -> None:
        """Set the end of the scale."""
        self.reach, self.unit = reach, unit
        self.setAccessibleName(" ".join(self.labels))
        self.update()

    def restyle(self, theme: Theme) -> None:
        """Take the colours of the theme."""
        self._text = colour(theme, "text")
        self.update()

    @property
    def labels(self) -> tuple[str, str, str]:
        """What is written under the left end, the middle, and the right end."""
        minus = "\N{MINUS SIGN}"
        return f"{minus}{self.reach:g} {self.unit}", "0", f"+{self.reach:g} {self.unit}"

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the words, the bar, and its ends."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = self.fontMetrics().height()
        words = QRectF(0, 0, self.width(), line)
        bar = QRectF(0, line + 2, self.width(), _BAR)
        ends = QRectF(0, line + _BAR + 4, self.width(), line)
        # As on the image, which is dark in either theme.
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(40, 40, 40))
        painter.drawRoundedRect(bar, 2, 2)
        shade = QLinearGradient(QPointF(bar.left(), 0), QPointF(bar.right(), 0))
        places = np.linspace(-1, 1, _STOPS)
        for place, rgba in zip(places, tones(places, 1.0), strict=True):
            shade.setColorAt((place + 1) / 2, QColor.fromRgbF(*(float(part) for part in rgba)))
        painter.setBrush(shade)
        painter.drawRoundedRect(bar, 2, 2)
        painter.setPen(self._text)
        sides = (
            Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight,
        )  # fmt: skip
        for side, word in zip(sides, ("blue inside", "", "blue outside"), strict=True):
            painter.drawText(words, side, word)
        for side, word in zip(sides, self.labels, strict=True):
            painter.drawText(ends, side, word)
        painter.end()
