"""The list of lesions in the Reading dock, with their live size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
)

from napari_ptx.docks.parts import colour

if TYPE_CHECKING:
    from napari.utils.theme import Theme

    from napari_ptx.docks.lesions import Lesion

EMPTY = "No lesion outlined yet"
NUMBER, AREA, DIAMETERS, DELETE = range(4)


def quiet(theme: Theme) -> str:
    """Give the colour of what is only a remark: readable, but not the first thing seen."""
    text, back = colour(theme, "text"), colour(theme, "background")
    parts = zip(text.getRgb()[:3], back.getRgb()[:3], strict=True)
    return "#" + "".join(f"{round(0.7 * one + 0.3 * other):02x}" for one, other in parts)


class LesionList(QStackedWidget):
    """One line for each lesion: number, area, diameters, and an x that deletes it."""

    chosen = Signal(int)
    deleted = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumHeight(86)
        self._empty = QLabel(EMPTY)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._empty.setContentsMargins(0, 16, 0, 0)
        self._empty.setWordWrap(True)
        self.table = QTableWidget(0, 4)
        self.table.setHorizontalHeaderLabels(["Lesion", "Area", "Diameters", ""])
        self.table.setToolTip("Click a lesion to select it; Smooth and Delete act on it")
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(28)
        self.table.setShowGrid(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        for column in (NUMBER, DELETE):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        for column in (AREA, DIAMETERS):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.cellClicked.connect(self._clicked)
        self.addWidget(self._empty)
        self.addWidget(self.table)

    def show_lesions(
        self, lesions: Sequence[Lesion], selected: int | None, *, numbered: bool, editable: bool
    ) -> None:
        """Show these lesions.

        Parameters
        ----------
        numbered
            Whether the image has several frames; each lesion then says on which it is.
        """
        self.setCurrentWidget(self.table if lesions else self._empty)
        with QSignalBlocker(self.table):
            if self.table.rowCount() != len(lesions):
                self._set_rows(len(lesions))
            for row, lesion in enumerate(lesions):
                place = f"{row + 1}  (frame {lesion.frame + 1})" if numbered else f"{row + 1}"
                for column, text in (
                    (NUMBER, place),
                    (AREA, lesion.area),
                    (DIAMETERS, lesion.diameters),
                ):
                    item = self.table.item(row, column)
                    if item.text() != text:
                        item.setText(text)
                self.table.cellWidget(row, DELETE).setEnabled(editable)
            self.table.clearSelection()
            if selected is not None and selected < len(lesions):
                self.table.selectRow(selected)

    def restyle(self, theme: Theme) -> None:
        """Take the colours of the theme."""
        back, accent = colour(theme, "background").name(), colour(theme, "highlight").name()
        text = colour(theme, "text").name()
        self._empty.setStyleSheet(f"color: {quiet(theme)};")
        self.table.setStyleSheet(
            f"QTableWidget {{ background: {back}; color: {text}; border: 0; }}"
            f"QTableWidget::item:selected {{ background: {accent}; color: {text}; }}"
        )

    def _set_rows(self, count: int) -> None:
        self.table.setRowCount(count)
        for row in range(count):
            if self.table.item(row, NUMBER) is not None:
                continue
            for column in (NUMBER, AREA, DIAMETERS):
                item = QTableWidgetItem()
                if column != NUMBER:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                self.table.setItem(row, column, item)
            cross = QToolButton()
            cross.setText("\N{MULTIPLICATION X}")
            cross.setAutoRaise(True)
            cross.setToolTip("Delete this lesion; Undo brings it back")
            cross.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            cross.setProperty("row", row)
            cross.clicked.connect(self._crossed)
            self.table.setCellWidget(row, DELETE, cross)

    def _clicked(self, row: int, _column: int) -> None:
        self.chosen.emit(row)

    def _crossed(self) -> None:
        self.deleted.emit(self.sender().property("row"))
