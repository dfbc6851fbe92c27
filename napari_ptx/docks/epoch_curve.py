"""The AUC of a network after each epoch, drawn while it is trained.

Painted by Qt: a figure of matplotlib takes two seconds to load and a tenth to draw, and
nothing may hold up the canvas for so long. ``figures.epochs_figure`` is the one to print.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_ptx.docks.parts import colour
from napari_ptx.docks.verdict_bars import tones

if TYPE_CHECKING:
    from napari.utils.theme import Theme

_LEFT, _TOP, _RIGHT, _BOTTOM = 40, 28, 12, 36  # pixels round the plot
_STEP = 0.1  # of AUC, between two lines of the grid
_MOST_TICKS = 6
_LINES = (("validation", Qt.PenStyle.SolidLine), ("training", Qt.PenStyle.DashLine))


class EpochCurve(QWidget):
    """Two lines over the epochs: AUC in training (dashed) and on validation."""

    def __init__(self) -> None:
        super().__init__()
        self._epochs: list[float] = []
        self._training: list[float] = []
        self._validation: list[float] = []
        self._text = self._quiet = self._line = QColor()
        self.setAccessibleName("AUC after each epoch")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(160)

    def sizeHint(self) -> QSize:  # noqa: D102, N802 - Qt's name
        return QSize(320, 240)

    def show_epochs(
        self, epochs: Sequence[float], training: Sequence[float], validation: Sequence[float]
    ) -> None:
        """Draw these values, one of each for every epoch so far."""
        self._epochs = list(epochs)
        self._training, self._validation = list(training), list(validation)
        if self._epochs:
            self.setAccessibleDescription(
                f"Epoch {self._epochs[-1]:g}: training {self._training[-1]:.3f}, "
                f"validation {self._validation[-1]:.3f}"
            )
        self.update()

    def restyle(self, theme: Theme) -> None:
        """Take the colours of the theme."""
        self._text = colour(theme, "text")
        self._quiet = tones(theme)[None]
        # Okabe and Ito's blue, in the shade that stands out on the background.
        self._line = QColor("#56B4E9" if theme.type == "dark" else "#0072B2")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102, N802 - Qt's name
        if not self._epochs:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(_LEFT, _TOP, self.width() - _LEFT - _RIGHT, self.height() - _TOP - _BOTTOM)
        known = [value for value in self._training + self._validation if not math.isnan(value)]
        low = min(0.5, math.floor(min(known, default=0.5) / _STEP) * _STEP)
        last = max(self._epochs[-1], 2.0)

        def place(epoch: float, auc: float) -> QPointF:
            return QPointF(
                box.left() + box.width() * (epoch - 1) / (last - 1),
                box.bottom() - box.height() * (auc - low) / (1 - low),
            )

        self._paint_axes(painter, box, low, last, place)
        for values, style in (
            (self._training, Qt.PenStyle.DashLine), (self._validation, Qt.PenStyle.SolidLine)
        ):  # fmt: skip
            painter.setPen(QPen(self._line, 2 if style == Qt.PenStyle.SolidLine else 1.3, style))
            for run in _runs(self._epochs, values):
                painter.drawPolyline(QPolygonF([place(*point) for point in run]))
        best = [(value, -epoch) for epoch, value in zip(self._epochs, self._validation, strict=True)
                if not math.isnan(value)]  # fmt: skip
        if best:
            value, epoch = max(best)
            painter.setBrush(self._line)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(place(-epoch, value), 4.5, 4.5)
        painter.end()

    def _paint_axes(self, painter: QPainter, box: QRectF, low: float, last: float, place) -> None:
        metrics = painter.fontMetrics()
        grid = QColor(self._quiet)
        grid.setAlphaF(0.35)
        for number in range(round((1 - low) / _STEP) + 1):
            auc = low + number * _STEP
            y = place(1, auc).y()
            painter.setPen(QPen(grid, 1))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(self._text)
            where = QRectF(0, y - 10, _LEFT - 8, 20)
            painter.drawText(where, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
                             f"{auc:.1f}")  # fmt: skip
        step = max(1, math.ceil((last - 1) / _MOST_TICKS))
        for epoch in range(1, int(last) + 1, step):
            text = str(epoch)
            x = place(epoch, low).x() - metrics.horizontalAdvance(text) / 2
            painter.drawText(QPointF(x, box.bottom() + metrics.ascent() + 3), text)
        below = QRectF(box.left(), self.height() - 18, box.width(), 18)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, "Epoch")
        painter.drawText(QPointF(4, 16), "AUC")
        x = float(_LEFT + 20)
        for text, style in _LINES:
            painter.setPen(QPen(self._line, 2 if style == Qt.PenStyle.SolidLine else 1.3, style))
            painter.drawLine(QPointF(x, 12), QPointF(x + 22, 12))
            painter.setPen(self._text)
            painter.drawText(QPointF(x + 27, 16), text)
            x += 27 + metrics.horizontalAdvance(text) + 16


def _runs(epochs: Sequence[float], values: Sequence[float]) -> list[list[tuple[float, float]]]:
    """Give the stretches of a line without a gap."""
    runs: list[list[tuple[float, float]]] = [[]]
    for epoch, value in zip(epochs, values, strict=True):
        if math.isnan(value):
            runs.append([])
        else:
            runs[-1].append((epoch, value))
    return [run for run in runs if len(run) > 1]
