"""The table of compared cases, the worst first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_ptx.docks.agreement_text import amount

if TYPE_CHECKING:
    import pandas as pd

_TIPS = (
    "The case; select a row to see it",
    "Overlap of the two outlines: 1 is the same, 0 is none",
    "95th percentile of the distances between the two surfaces",
    "Second minus first reading of the measurand; sorts by its size",
)
_WIDTHS = (60, 68, 72)  # of all columns but the first, which takes what is left


class CaseTable(QTableWidget):
    """Cases of one comparison; any column sorts; selecting a row opens the case."""

    opened = Signal(str)
    """The mouse or an arrow key has come to a case."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_TIPS), parent)
        self.setAccessibleName("Cases by disagreement")
        self.verticalHeader().hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setMinimumSectionSize(40)
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for place, width in enumerate(_WIDTHS, start=1):
            self.horizontalHeader().resizeSection(place, width)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().setDefaultSectionSize(22)
        self.itemClicked.connect(self._clicked)
        self.itemSelectionChanged.connect(self._selection_changed)

    def show_cases(self, table: pd.DataFrame, unit: str, distance_unit: str) -> None:
        """Fill the table; the smallest Dice is on top.

        ``table`` has case, patient, dice, hd95, state, value_first, value_second (NaN where a
        reader has no outline).
        """
        self.blockSignals(True)
        self.setSortingEnabled(False)
        self.setRowCount(len(table))
        self.setHorizontalHeaderLabels(("Case", "Dice", f"HD95 {distance_unit}", f"Δ {unit}"))
        for place, tip in enumerate(_TIPS):
            self.horizontalHeaderItem(place).setToolTip(tip)
        for row, entry in enumerate(table.itertuples()):
            difference = entry.value_second - entry.value_first
            values = f"{amount(entry.value_first)} and {amount(entry.value_second)} {unit}"
            tip = f"patient {entry.patient}: {values}"
            if entry.state == "one_empty":
                tip = f"patient {entry.patient}: only one of the two has an outline"
            cells = (
                _Item(entry.case, entry.case),
                _Item(f"{entry.dice:.3f}", entry.dice),
                _Item(amount(entry.hd95), entry.hd95),
                _Item(amount(difference, sign=True), abs(difference)),
            )
            for place, item in enumerate(cells):
                item.setToolTip(tip)
                self.setItem(row, place, item)
        self.setSortingEnabled(True)
        self.sortByColumn(1, Qt.SortOrder.AscendingOrder)
        self.blockSignals(False)
        self.clearSelection()
        self.setCurrentItem(None)
        self.scrollToTop()

    @property
    def case(self) -> str:
        """The selected case, or ""."""
        item = self.item(self.currentRow(), 0)
        return "" if item is None else item.text()

    def select(self, case: str) -> None:
        """Select a case without opening it."""
        for row in range(self.rowCount()):
            if self.item(row, 0).text() == case:
                self.blockSignals(True)
                self.selectRow(row)
                self.blockSignals(False)
                return

    def cases(self) -> list[str]:
        """Give the cases from top to bottom."""
        return [self.item(row, 0).text() for row in range(self.rowCount())]

    def _selection_changed(self) -> None:
        if self.selectedItems():
            self.opened.emit(self.case)

    def _clicked(self, item: QTableWidgetItem) -> None:
        self.opened.emit(self.item(item.row(), 0).text())


class _Item(QTableWidgetItem):
    """A cell that sorts by its value; what is undefined comes last."""

    def __init__(self, text: str, value: float | str) -> None:
        super().__init__(text)
        self._value = value
        if not isinstance(value, str):
            self.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def __lt__(self, other: QTableWidgetItem) -> bool:
        mine, its = self._value, other._value  # type: ignore[attr-defined]
        if isinstance(mine, str):
            return mine < str(its)
        return (math.isnan(mine), mine) < (math.isnan(its), its)
