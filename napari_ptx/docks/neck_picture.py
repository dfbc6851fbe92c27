"""A picture of the neck: thyroid, four slots and the ectopic sites, to click or to walk through.

It is seen from the front, as an axial slice is: the patient's right is on the left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import (
    QColor,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_ptx.ct.space import SITES, SLOTS

WIDTH, HEIGHT = 284.0, 208.0

NAMES: Mapping[str, str] = {
    "right_superior": "right superior",
    "left_superior": "left superior",
    "right_inferior": "right inferior",
    "left_inferior": "left inferior",
    "ectopic": "ectopic",
    "thymic": "thymus",
    "mediastinum": "mediastinum",
    "intrathyroid": "in the thyroid",
    "carotid_sheath": "carotid sheath",
    "retrooesophageal": "behind oesophagus",
    "jaw_angle": "jaw angle",
}
"""Slots and sites as a person reads them."""

TARGETS: Mapping[str, tuple[float, float, float, float]] = {
    "right_superior": (84.0, 58.0, 34.0, 34.0),
    "left_superior": (200.0, 58.0, 34.0, 34.0),
    "right_inferior": (84.0, 118.0, 34.0, 34.0),
    "left_inferior": (200.0, 118.0, 34.0, 34.0),
    "intrathyroid": (142.0, 88.0, 86.0, 20.0),
    "jaw_angle": (243.0, 14.0, 74.0, 20.0),
    "retrooesophageal": (58.0, 14.0, 108.0, 20.0),
    "carotid_sheath": (36.0, 88.0, 64.0, 34.0),
    "thymic": (142.0, 148.0, 74.0, 20.0),
    "mediastinum": (142.0, 182.0, 98.0, 20.0),
}
"""Centre and size of each place on the picture."""

_LINES = {"carotid_sheath": ("carotid", "sheath"), "retrooesophageal": ("behind oesoph.",)}
_DOT = 8.0
_ARROWS = {
    Qt.Key.Key_Left: (-1.0, 0.0),
    Qt.Key.Key_Right: (1.0, 0.0),
    Qt.Key.Key_Up: (0.0, -1.0),
    Qt.Key.Key_Down: (0.0, 1.0),
}

assert {*SLOTS, *SITES} == {*TARGETS, "ectopic"} == set(NAMES)  # one word for one thing


@dataclass(frozen=True)
class Dot:
    """A gland on the picture: its number, where it lies (a slot or site) and its colour."""

    number: int
    place: str
    colour: str


class NeckPicture(QWidget):
    """Shows where glands lie; a place that is clicked, or Enter on it, is ``chosen``."""

    chosen = Signal(str)
    """A slot or site."""
    dot_chosen = Signal(int)
    """The number of a gland."""
    left = Signal()
    """Escape: back to where the keyboard was."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(int(HEIGHT))
        self.setAccessibleName("Picture of the neck")
        self.setMouseTracking(True)
        self._dots: tuple[Dot, ...] = ()
        self._selected: int | None = None
        self._truth: Mapping[str, str] = {}
        self._at = "right_superior"
        self._hover = ""
        self._text, self._line, self._back = QColor("#ddd"), QColor("#888"), QColor("#333")
        self._accent = QColor("#ffe028")

    def sizeHint(self) -> QSize:  # noqa: D102, N802 - Qt's name
        return QSize(int(WIDTH), int(HEIGHT))

    def show_glands(self, dots: Sequence[Dot], selected: int | None) -> None:
        """Show these glands; the selected one is ringed."""
        self._dots, self._selected = tuple(dots), selected
        mine = next((dot.place for dot in dots if dot.number == selected), "")
        if mine in TARGETS and not self.hasFocus():
            self._at = mine  # where the keyboard begins
        self.update()

    def show_truth(self, truth: Mapping[str, str]) -> None:
        """Mark places as "present" or "absent"."""
        self._truth = dict(truth)
        self.update()

    def set_colours(self, text: QColor, line: QColor, back: QColor, accent: QColor) -> None:
        """Take the colours of the theme."""
        self._text, self._line, self._back, self._accent = text, line, back, accent
        self.update()

    # What is where

    def _offset(self) -> QPointF:
        return QPointF((self.width() - WIDTH) / 2, (self.height() - HEIGHT) / 2)

    def target_rect(self, place: str) -> QRectF:
        """Give where a place is on the widget."""
        x, y, wide, high = TARGETS[place]
        return QRectF(x - wide / 2, y - high / 2, wide, high).translated(self._offset())

    def target_at(self, point: QPointF) -> str:
        """Give the place under a point, or ""."""
        return next((name for name in TARGETS if self.target_rect(name).contains(point)), "")

    def dot_places(self) -> dict[int, QPointF]:
        """Give where each gland's dot is."""
        found: dict[int, QPointF] = {}
        for place in (*TARGETS, "ectopic"):
            mine = [dot for dot in self._dots if dot.place == place]
            if not mine:
                continue
            if place == "ectopic":  # somewhere: a person has not said where
                start, step = QPointF(WIDTH - 20, 168).__add__(self._offset()), QPointF(-18, 0)
            else:
                rect = self.target_rect(place)
                spread = 17.0 * (len(mine) - 1)
                slot = place in SLOTS
                # Below a site's name, on a slot itself.
                y = rect.center().y() if slot else rect.bottom() + 3
                start, step = QPointF(rect.center().x() - spread / 2, y), QPointF(17, 0)
            for index, dot in enumerate(mine):
                found[dot.number] = start + step * index
        return found

    def _dot_at(self, point: QPointF) -> int | None:
        for number, place in self.dot_places().items():
            if (place - point).manhattanLength() <= 1.3 * _DOT:
                return number
        return None

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102, N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        self._paint_neck(painter)
        for place in TARGETS:
            self._paint_target(painter, place)
        self._paint_dots(painter)
        painter.end()

    def _paint_neck(self, painter: QPainter) -> None:
        painter.save()
        painter.translate(self._offset())
        tube, lobe = QColor(self._line), QColor("#b0524a")
        tube.setAlphaF(0.25)
        lobe.setAlphaF(0.45)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tube)
        painter.drawRoundedRect(QRectF(128, 28, 28, 142), 8, 8)
        painter.setBrush(lobe)
        for x in (110.0, 174.0):
            painter.drawEllipse(QPointF(x, 86.0), 22.0, 42.0)
        painter.drawRoundedRect(QRectF(118, 94, 48, 18), 6, 6)
        painter.setPen(self._text)
        painter.drawText(QRectF(2, 130, 60, 16), Qt.AlignmentFlag.AlignLeft, "R")
        painter.drawText(QRectF(WIDTH - 62, 130, 60, 16), Qt.AlignmentFlag.AlignRight, "L")
        if any(dot.place == "ectopic" for dot in self._dots):
            painter.drawText(
                QRectF(WIDTH - 92, 180, 90, 16), Qt.AlignmentFlag.AlignRight, "ectopic, where?"
            )
        painter.restore()

    def _paint_target(self, painter: QPainter, place: str) -> None:
        rect = self.target_rect(place)
        focused = self.hasFocus() and place == self._at
        here = focused or place == self._hover
        fill = QColor(self._accent if here else self._back)
        fill.setAlphaF(0.35 if here else 0.7)
        pen = QPen(self._accent if focused else self._line, 2.0 if focused else 1.0)
        state = self._truth.get(place)
        if state == "absent":
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(fill)
        if place in SLOTS:
            painter.drawEllipse(rect)
        else:
            painter.drawRoundedRect(rect, 8, 8)
            painter.setPen(self._text)
            lines = _LINES.get(place, (NAMES[place],))
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, "\n".join(lines))
        if state:
            mark = QRectF(rect.right() - 9, rect.top() - 7, 16, 16)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor("#2da44e" if state == "present" else "#6e7781"))
            painter.drawEllipse(mark)
            painter.setPen(QPen(QColor("white"), 2.0))
            middle = mark.center()
            painter.drawLine(middle - QPointF(4, 0), middle + QPointF(4, 0))
            if state == "present":
                painter.drawLine(middle - QPointF(0, 4), middle + QPointF(0, 4))

    def _paint_dots(self, painter: QPainter) -> None:
        colours = {dot.number: QColor(dot.colour) for dot in self._dots}
        for number, place in self.dot_places().items():
            picked = number == self._selected
            painter.setPen(QPen(self._text if picked else QColor("black"), 2.5 if picked else 1.0))
            painter.setBrush(colours[number])
            radius = _DOT + (1.0 if picked else 0.0)
            painter.drawEllipse(place, radius, radius)
            painter.setPen(QColor("black" if colours[number].lightnessF() > 0.45 else "white"))
            box = QRectF(place.x() - 10, place.y() - 8, 20, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(number))

    # Mouse and keyboard

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102, N802 - Qt's name
        if event.button() != Qt.MouseButton.LeftButton:
            return
        point = event.position()
        dot, place = self._dot_at(point), self.target_at(point)
        # The selected gland's own dot lies on a place that may be the very one that is meant.
        if dot is not None and dot != self._selected:
            self.dot_chosen.emit(dot)
        elif place:
            self._at = place
            self.chosen.emit(place)
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102, N802 - Qt's name
        hover = self.target_at(event.position())
        if hover != self._hover:
            self._hover = hover
            self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102, N802 - Qt's name
        self._hover = ""
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Walk with the arrows, choose with Enter or the space bar, leave with Escape."""
        key = event.key()
        if key in _ARROWS:
            self._at = self._next(_ARROWS[key])
            self.setAccessibleDescription(NAMES[self._at])
            self.update()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit(self._at)
        elif key == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def _next(self, way: tuple[float, float]) -> str:
        """Give the nearest place in a direction, or the same one."""
        x, y = TARGETS[self._at][:2]
        best, least = self._at, float("inf")
        for name, (a, b, _, _) in TARGETS.items():
            along = (a - x) * way[0] + (b - y) * way[1]
            aside = abs((a - x) * way[1]) + abs((b - y) * way[0])
            if along > 4 and along + 2 * aside < least:
                best, least = name, along + 2 * aside
        return best

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: D102, N802 - Qt's name
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: D102, N802 - Qt's name
        super().focusOutEvent(event)
        self.update()

    def event(self, event: QEvent) -> bool:  # noqa: D102 - Qt's name
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = self.target_at(QPointF(event.pos()))
            state = self._truth.get(place, "")
            told = NAMES.get(place, "") + (f": {state} by surgery or pathology" if state else "")
            QToolTip.showText(event.globalPos(), told, self)
            return True
        return super().event(event)
