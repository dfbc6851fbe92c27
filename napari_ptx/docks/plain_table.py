"""A table to read, sort by nothing, select rows in and copy."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

_ROW = 24


class PlainTable(QTableWidget):
    """Rows that can be selected and not edited; narrow rows, no grid.

    Parameters
    ----------
    name
        What screen readers call it.
    heads
        The headings.
    """

    def __init__(self, name: str, heads: Sequence[str]) -> None:
        super().__init__(0, len(heads))
        self.setAccessibleName(name)
        self.setHorizontalHeaderLabels(list(heads))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        across = self.horizontalHeader()
        across.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        across.setHighlightSections(False)

    def fill(
        self, rows: Sequence[Sequence[QTableWidgetItem]], alignment: Qt.AlignmentFlag | None = None
    ) -> None:
        """Show other rows; all columns but the first get the alignment."""
        with QSignalBlocker(self):
            self.setRowCount(len(rows))
            for place, row in enumerate(rows):
                for across, item in enumerate(row):
                    if alignment is not None and across:
                        item.setTextAlignment(alignment)
                    self.setItem(place, across, item)
        self.resizeColumnsToContents()

    def text(self) -> str:
        """Give the table as tab-separated text."""
        heads = [self.horizontalHeaderItem(place).text() for place in range(self.columnCount())]
        rows = [
            [self.item(row, place).text() for place in range(self.columnCount())]
            for row in range(self.rowCount())
        ]
        return "\n".join("\t".join(line) for line in [heads, *rows])
