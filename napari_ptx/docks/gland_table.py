"""The glands of one patient as a table that is sorted, filtered and walked through."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QBrush, QColor, QKeyEvent, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_ptx.docks import keys
from napari_ptx.docks.neck_picture import NAMES

if TYPE_CHECKING:
    from napari_ptx.report.gland_review import Gland

COLUMNS: Mapping[str, str] = {
    "#": "The number of the gland; + was added by a person",
    "Score": "The model's mean probability",
    "Slot": "Where it lies; in italics: from geometry alone",
    "mm": "Diameter of the ball of its volume",
    "HU p/a": "Mean Hounsfield units, plain and arterial",
    "Decision": "What was decided; ? is still open",
}
FILTERS: Mapping[str, str] = {
    "All glands": "",
    "Open": "open",
    "Accepted": "accepted",
    "Rejected": "rejected",
}
"""Which glands are listed, by what the picker says."""

SHORT: Mapping[str, str] = {
    "right_superior": "right sup",
    "left_superior": "left sup",
    "right_inferior": "right inf",
    "left_inferior": "left inf",
    "mediastinum": "mediast.",
    "intrathyroid": "thyroid",
    "carotid_sheath": "carotid",
    "retrooesophageal": "retro-oes.",
}

COLOURS: Mapping[str, str] = {"accepted": "#3fb950", "rejected": "#f0624d", "": "#ffe028"}
"""Of a decision, on the images and on the picture of the neck."""

_WIDTHS = (28, 42, 0, 34, 62, 66)
_SORT = Qt.ItemDataRole.UserRole + 1


def short(slot: str) -> str:
    """Give a slot or site in as few letters as a narrow table has."""
    return SHORT.get(slot, NAMES.get(slot, slot))


class _Item(QTableWidgetItem):
    def __lt__(self, other: QTableWidgetItem) -> bool:
        return bool(self.data(_SORT) < other.data(_SORT))


class GlandTable(QTableWidget):
    """A row for each gland; the arrows walk, single letters decide (``keys.GLANDS``)."""

    picked = Signal(int)
    """The gland of this number was chosen."""
    acted = Signal(str)
    """A key of ``keys.GLANDS`` was pressed: the name of its action."""

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self._glands: list[Gland] = []
        self._tones: Mapping[str, QColor] = {name: QColor(tone) for name, tone in COLOURS.items()}
        self._actions = {
            QKeySequence(shortcut.key.replace("Control-", "Ctrl+"))[0].toCombined(): shortcut.action
            for shortcut in keys.GLANDS
            if not shortcut.hold and shortcut.key not in ("Enter", "Up", "Down")
        }
        self.setHorizontalHeaderLabels(list(COLUMNS))
        for place, tip in enumerate(COLUMNS.values()):
            self.horizontalHeaderItem(place).setToolTip(tip)
        self.setAccessibleName("Glands")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(24)
        for place, width in enumerate(_WIDTHS):
            if width:
                self.setColumnWidth(place, width)
            else:
                header.setSectionResizeMode(place, QHeaderView.ResizeMode.Stretch)
        self.setMinimumHeight(22 * 5)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.currentCellChanged.connect(self._moved)

    def set_tones(self, tones: Mapping[str, QColor]) -> None:
        """Take the colours of decisions that can be read on the theme's ground."""
        self._tones = tones
        self.list_glands(self._glands, self.current)

    @property
    def current(self) -> int | None:
        """The number of the gland that is chosen."""
        item = self.item(self.currentRow(), 0)
        return None if item is None else int(item.data(Qt.ItemDataRole.UserRole))

    @property
    def numbers(self) -> list[int]:
        """The glands in the order that is seen."""
        return [
            int(self.item(row, 0).data(Qt.ItemDataRole.UserRole)) for row in range(self.rowCount())
        ]

    def list_glands(self, glands: Sequence[Gland], current: int | None) -> None:
        """List these, and choose one of them quietly."""
        with QSignalBlocker(self):
            self.setSortingEnabled(False)
            self._glands = list(glands)
            self.setRowCount(len(glands))
            for row, gland in enumerate(glands):
                for column, (text, order) in enumerate(_cells(gland)):
                    self.setItem(row, column, self._made(gland, column, text, order))
            self.setSortingEnabled(True)
            self.mark(current)

    def mark(self, number: int | None) -> None:
        """Choose a gland quietly."""
        with QSignalBlocker(self):
            numbers = self.numbers
            if number in numbers:
                self.setCurrentCell(numbers.index(number), 0)
            else:
                self.setCurrentCell(-1, -1)
        self.viewport().update()

    def _made(self, gland: Gland, column: int, text: str, order: Any) -> _Item:
        item = _Item(text)
        item.setData(Qt.ItemDataRole.UserRole, gland.gland)
        item.setData(_SORT, order)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if column in (1, 3, 4):
            item.setTextAlignment(right)
        if column == 2 and gland.slot_from == "geometry":
            font = item.font()
            font.setItalic(True)
            item.setFont(font)
        if column == 2:
            by = "from geometry" if gland.slot_from == "geometry" else f"given by {gland.slot_from}"
            item.setToolTip(f"{NAMES.get(gland.slot, 'not known')}, {by}")
        if column == 5:
            item.setForeground(QBrush(self._tones[gland.decision]))
            if gland.who:
                item.setToolTip(f"{gland.who}, {gland.at[:16].replace('T', ' ')} UTC")
        return item

    def _moved(self, row: int, _column: int, before: int, _before: int) -> None:
        if row != before and self.current is not None:
            self.picked.emit(self.current)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Act on the keys of the table of shortcuts; Enter is the dock's."""
        action = self._actions.get(event.keyCombination().toCombined())
        if action is not None:
            self.acted.emit(action)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.ignore()
        else:
            super().keyPressEvent(event)


def _cells(gland: Gland) -> list[tuple[str, Any]]:
    """Give what each column says, and what it is sorted by."""
    added = "+" if gland.source == "added" else ""
    edited = " ✎" if gland.source == "edited" else ""
    huge = math.inf
    return [
        (f"{gland.gland}{added}{edited}", gland.gland),
        _told(gland.score, "{:.2f}", -huge),
        (short(gland.slot) or "–", gland.slot),
        _told(gland.diameter_mm, "{:.1f}", -huge),
        (f"{_whole(gland.hu_plain)}/{_whole(gland.hu_arterial)}",
         -huge if math.isnan(gland.hu_arterial) else gland.hu_arterial),
        (gland.decision or "?", gland.decision),
    ]  # fmt: skip


def _told(value: float, form: str, unknown: float) -> tuple[str, float]:
    return ("–", unknown) if math.isnan(value) else (form.format(value), value)


def _whole(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0f}"
