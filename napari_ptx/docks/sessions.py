"""The table of sessions: how far each reader is in each round."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

if TYPE_CHECKING:
    from napari_ptx.study.types import RoundStatus

_PROGRESS = Qt.ItemDataRole.UserRole
_HEADERS = ("Reader", "Round", "Cases", "State")
_TIPS = (
    "Who reads",
    "First or second reading",
    "Cases finished, of those in this round",
    "Whether the round can be read now",
)


def day(time: datetime) -> str:
    """Write a date as people read it, in the local time zone."""
    local = time.astimezone()
    return f"{local.day} {local:%b %Y}"


def moment(time: datetime) -> str:
    """Write a date and a time of day; today has only the time."""
    local = time.astimezone()
    clock = f"{local:%H:%M}"
    return f"today {clock}" if local.date() == datetime.now().date() else f"{day(time)} {clock}"


def state_text(status: RoundStatus) -> str:
    """Say in a few words where a session stands."""
    if status.out:
        return "out as a kit"
    if status.state == "sealed" and status.opens_on is not None:
        return f"opens {day(status.opens_on)}"
    if status.state == "waiting":
        return "after round 1"
    if status.state == "closed":
        return "finished"
    if status.finished == status.total:
        return "all read"
    if status.started or status.finished:
        return "in progress"
    return "opened early" if status.early_reason else "open"


def _later(status: RoundStatus) -> int:
    """Rank a session: what is to be read comes before what is only to be closed."""
    if status.state != "open" or status.out:
        return 2
    return int(status.finished == status.total)


class SessionTable(QTableWidget):
    """One row per reader and round; a double click or the primary button begins it."""

    chosen = Signal()
    """A double click on a row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_HEADERS), parent)
        self._rows: tuple[RoundStatus, ...] = ()
        self.setAccessibleName("Sessions by reader and round")
        self.setHorizontalHeaderLabels(_HEADERS)
        for place, tip in enumerate(_TIPS):
            self.horizontalHeaderItem(place).setToolTip(tip)
        self.verticalHeader().hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(36)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().setDefaultSectionSize(28)
        for place in (0, 1, 3):
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        # As high as its rows; it scrolls where there is no room for them.
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.setMinimumHeight(80)
        self._bars = _BarDelegate(self)
        self.setItemDelegateForColumn(2, self._bars)
        self.itemDoubleClicked.connect(self._double_clicked)

    def show_sessions(self, rows: Sequence[RoundStatus]) -> None:
        """Fill the table and keep the selected session, or select the first to read."""
        chosen = self.current()
        self._rows = tuple(rows)
        self.blockSignals(True)
        self.setRowCount(len(self._rows))
        for row, status in enumerate(self._rows):
            self._set(row, 0, status.reader)
            self._set(row, 1, str(status.round))
            self._set(row, 2, "")
            self.item(row, 2).setData(_PROGRESS, (status.finished, status.total))
            self.item(row, 2).setToolTip(f"{status.finished} of {status.total} cases finished")
            self._set(row, 3, state_text(status))
        self.blockSignals(False)
        keys = [(status.reader, status.round) for status in self._rows]
        if chosen is not None and (chosen.reader, chosen.round) in keys:
            self.selectRow(keys.index((chosen.reader, chosen.round)))
        elif keys:
            self.selectRow(min(range(len(keys)), key=lambda row: _later(self._rows[row])))
        self.itemSelectionChanged.emit()
        self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: D102, N802 - Qt's name
        rows = sum(self.rowHeight(row) for row in range(self.rowCount()))
        height = self.horizontalHeader().sizeHint().height() + rows + 2 * self.frameWidth() + 4
        return QSize(300, max(height, 80))

    def current(self) -> RoundStatus | None:
        """Give the selected session."""
        row = self.currentRow()
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def set_colours(self, filled: QColor, empty: QColor, text: QColor) -> None:
        """Set the colours of the progress bars."""
        self._bars.colours = (filled, empty, text)
        self.viewport().update()

    def _set(self, row: int, place: int, text: str) -> None:
        item = QTableWidgetItem(text)
        item.setToolTip(text)
        self.setItem(row, place, item)

    def _double_clicked(self, _: QTableWidgetItem) -> None:
        self.chosen.emit()


class _BarDelegate(QStyledItemDelegate):
    """Paints "12 of 24" over a bar."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.colours = (QColor("steelblue"), QColor("gray"), QColor("black"))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        super().paint(painter, option, index)
        done, total = index.data(_PROGRESS) or (0, 0)
        filled, empty, text = self.colours
        bar = QRectF(option.rect).adjusted(4, 5, -4, -5)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(empty)
        painter.drawRoundedRect(bar, 3, 3)
        if done and total:
            painter.setBrush(filled)
            part = QRectF(bar)
            part.setWidth(max(6.0, bar.width() * done / total))
            painter.drawRoundedRect(part, 3, 3)
        painter.setPen(text)
        painter.drawText(bar, Qt.AlignmentFlag.AlignCenter, f"{done} of {total}")
        painter.restore()
