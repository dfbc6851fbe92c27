"""The sortable, filterable table of predicted cases; thousands of rows stay quick.

The rows that are listed, and their order, are an array of row numbers: sorting and
filtering are done in numpy at once, not by asking for every cell as a proxy does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, Signal
from qtpy.QtGui import QColor, QFont, QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QTableView, QWidget

from napari_ptx.docks.review import Column, Review, neighbour
from napari_ptx.docks.verdict_bars import tones

if TYPE_CHECKING:
    from napari.utils.theme import Theme

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_WIDEST = 220
_SAMPLE = 200  # rows that are looked at to choose a column's width


class CaseModel(QAbstractTableModel):
    """The cells of the cases that are listed, in their order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.review: Review | None = None
        self._rows = np.empty(0, dtype=np.intp)
        self._sorted_by: tuple[int, bool] | None = None
        self._colours: dict[bool | None, QColor] = {}
        self._bold = QFont()
        self._bold.setBold(True)

    # What Qt asks

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102, N802
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102, N802
        if self.review is None or (parent is not None and parent.isValid()):
            return 0
        return len(self.review.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if self.review is None or not index.isValid():
            return None
        row, column = int(self._rows[index.row()]), self.review.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self.review.text(row, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column.kind in ("number", "model") else _LEFT
        if role == Qt.ItemDataRole.ForegroundRole and column.kind == "model":
            place = self.review.models.index(column.name)
            return self._colours.get(self.review.verdict(row, place).right)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(row, column)
        return None

    def headerData(  # noqa: D102, N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if self.review is None or orientation != Qt.Orientation.Horizontal:
            return None
        column = self.review.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column.kind in ("number", "model") else _LEFT
        if role == Qt.ItemDataRole.ToolTipRole:
            return _HEADER_TIPS[column.kind].format(
                name=column.title, positive=self.review.names[1]
            )
        return None

    def sort(self, section: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; equal rows stay as in the file, what is missing stays last."""
        self._sorted_by = (section, order == Qt.SortOrder.DescendingOrder)
        self.list_rows(np.sort(self._rows))

    # What the dock asks

    def set_review(self, review: Review | None) -> None:
        """Show another table."""
        self.beginResetModel()
        self.review = review
        self._rows = np.arange(0 if review is None else len(review))
        self._sorted_by = None
        self.endResetModel()

    def list_rows(self, rows: np.ndarray) -> None:
        """List these rows, sorted as before."""
        assert self.review is not None
        self.beginResetModel()
        if self._sorted_by is not None:
            section, down = self._sorted_by
            ranks, missing = self.review.ranks(self.review.columns[section])
            ranks = ranks[rows]
            # Turned round, what is missing still comes last.
            ranks = np.where(missing[rows], len(self.review), -ranks if down else ranks)
            rows = rows[np.argsort(ranks, kind="stable")]
        self._rows = rows
        self.endResetModel()

    def retell(self) -> None:
        """Tell that cells have changed (a threshold, a comment, the theme)."""
        if len(self._rows):
            last = self.index(len(self._rows) - 1, self.columnCount() - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def restyle(self, theme: Theme) -> None:
        """Take the colours of the theme."""
        self._colours = tones(theme)
        self.retell()

    @property
    def rows(self) -> list[int]:
        """The rows of the table that are listed, from top to bottom."""
        return [int(row) for row in self._rows]

    def row_at(self, place: int) -> int | None:
        """The row of the table at a place in the list."""
        return int(self._rows[place]) if 0 <= place < len(self._rows) else None

    def place_of(self, row: int | None) -> int | None:
        """Where a row of the table is listed, or ``None``."""
        found = np.flatnonzero(self._rows == row) if row is not None else ()
        return int(found[0]) if len(found) else None

    def _tip(self, row: int, column: Column) -> str:
        assert self.review is not None
        if column.kind == "model":
            verdict = self.review.verdict(row, self.review.models.index(column.name))
            return f"{verdict.text}; threshold {verdict.threshold:.3f}"
        return self.review.text(row, column)


_HEADER_TIPS = {
    "text": "{name}; click to sort",
    "number": "{name}; click to sort",
    "truth": "The pathology; click to sort",
    "model": "Probability of {positive} by {name}; ✓ right, ✗ wrong; click to sort",
    "comment": "The reviewer's latest comment; click to sort",
}


class CaseList(QTableView):
    """Lists cases; moving to one with the mouse, the arrows, J or K opens it."""

    opened = Signal(int)
    """The row of the table that was come to."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cases = CaseModel(self)
        self.setModel(self.cases)
        self.setAccessibleName("Predicted cases")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setAlternatingRowColors(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(36)
        header.setStretchLastSection(True)
        header.setSectionsMovable(True)
        header.setSortIndicatorShown(True)
        header.setSortIndicatorClearable(True)
        self.setMinimumHeight(110)
        self._telling = True
        self._shown: int | None = None
        self.selectionModel().currentRowChanged.connect(self._moved)
        self.clicked.connect(self._clicked)
        header.sortIndicatorChanged.connect(self._sort)

    def show_review(self, review: Review | None) -> None:
        """Show another table, as in its file."""
        self._telling = False
        self._shown = None
        self.cases.set_review(review)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self._telling = True
        if review is not None:
            self._fit_columns(review)

    def list_rows(self, rows: np.ndarray) -> None:
        """List these rows; the case that is shown stays marked if it is among them."""
        self._quietly(lambda: self.cases.list_rows(rows))

    def mark(self, row: int | None) -> None:
        """Mark the case that is shown, without opening it."""
        self._shown = row
        place = self.cases.place_of(row)
        across = self.horizontalScrollBar().value()
        self._telling = False
        if place is None:
            self.clearSelection()
            self.setCurrentIndex(QModelIndex())
        else:
            self.selectRow(place)
            self.scrollTo(self.cases.index(place, 0))
        self._telling = True
        self.horizontalScrollBar().setValue(across)

    def show_column(self, name: str) -> None:
        """Scroll sideways until a column can be seen."""
        review = self.cases.review
        if review is not None:
            section = [column.name for column in review.columns].index(name)
            left = self.horizontalHeader().sectionViewportPosition(section)
            right = left + self.horizontalHeader().sectionSize(section)
            bar = self.horizontalScrollBar()
            if left < 0 or right > self.viewport().width():
                bar.setValue(bar.value() + right - self.viewport().width())

    @property
    def current(self) -> int | None:
        """The row of the table that the keyboard is at."""
        index = self.currentIndex()
        return self.cases.row_at(index.row()) if index.isValid() else None

    def neighbour(self, row: int | None, step: int) -> int | None:
        """The row listed before (-1) or after (1) another."""
        return neighbour(self.cases.rows, row, step)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Let J and K move down and up; leave Enter to the dock."""
        steps = {Qt.Key.Key_J: 1, Qt.Key.Key_K: -1}
        if event.key() in steps and not event.modifiers():
            row = self.neighbour(self.current, steps[event.key()])
            if row is not None:
                self.selectRow(self.cases.place_of(row))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _quietly(self, change: Any) -> None:
        self._telling = False
        change()
        self._telling = True
        self.mark(self._shown)

    def _sort(self, section: int, order: Qt.SortOrder) -> None:
        if self.cases.review is None or not self._telling:
            return
        self._quietly(lambda: self.cases.sort(section, order))

    def _moved(self, index: QModelIndex, _before: QModelIndex) -> None:
        if self._telling and index.isValid():
            self._open(index.row())

    def _clicked(self, index: QModelIndex) -> None:
        row = self.cases.row_at(index.row())
        if row != self._shown:
            self._open(index.row())

    def _open(self, place: int) -> None:
        row = self.cases.row_at(place)
        if row is not None:
            self._shown = row
            self.opened.emit(row)

    def _fit_columns(self, review: Review) -> None:
        """Give each column the width of its widest entry, from a sample of the rows."""
        metrics = self.fontMetrics()
        header = self.horizontalHeader()
        sample = range(0, len(review), max(1, len(review) // _SAMPLE))
        for section, column in enumerate(review.columns[:-1]):
            texts = [review.text(row, column) for row in sample]
            widest = max((metrics.horizontalAdvance(text) for text in texts), default=0)
            title = header.fontMetrics().horizontalAdvance(column.title) + 14  # and the arrow
            header.resizeSection(section, min(max(widest, title) + 14, _WIDEST))
