"""The table of misses and false positives, and the keys that give them a cause."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QTableWidgetItem

from napari_ptx.docks.gland_grid import when
from napari_ptx.docks.plain_table import PlainTable
from napari_ptx.docks.verdict_bars import tones
from napari_ptx.report.gland_causes import MISS, Cause
from napari_ptx.report.gland_rows import Finder, in_words, label, row_of_site

if TYPE_CHECKING:
    from napari.utils.theme import Theme
    from qtpy.QtGui import QKeyEvent

COLUMNS = (
    ("Patient", "Click a row to see the place in all phases"),
    ("What", "A gland that was missed, or a finding that is none"),
    ("Slot", "The slot, or the site"),
    ("Cause", "What a reviewer set: choose it below, or press its key"),
    ("Size", "Diameter in mm"),
    ("CNR", "Contrast-to-noise ratio in the arterial phase"),
    ("HU p/a", "Mean Hounsfield units: plain/arterial"),
    ("Vessel", "From the centre to the nearest vessel, mm"),
    ("Thyroid", "From the centre to the nearest thyroid, mm"),
    ("Resid.", "Residual of the registration of the phases, mm"),
    ("Score", "Of the false positive, or of the candidate nearest to the missed gland"),
    ("Hint", "Causes that the numbers would allow, which is not to say that they are the cause"),
    ("Who", "Which finder made the mistake"),
)
"""Headings and what they mean."""

KEYS = "1234567890-"
"""The key of each cause, in the order of ``gland_causes.codes``."""

_NUMBERS = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_TEXTS = ("Patient", "What", "Slot", "Cause", "Hint", "Who")


class ErrorTable(PlainTable):
    """A row for each mistake; a click or an arrow opens its place."""

    picked = Signal(int)
    """The row of the evaluation's table that is looked at."""
    key_pressed = Signal(int)
    """The place of a cause in the list, or -1: take it back."""

    def __init__(self) -> None:
        super().__init__("Misses and false positives", [name for name, _ in COLUMNS])
        for place, (_, tip) in enumerate(COLUMNS):
            self.horizontalHeaderItem(place).setToolTip(tip)
        self._tones: Mapping[bool | None, QColor] = {}
        self.itemClicked.connect(self._clicked)
        self.currentCellChanged.connect(self._moved)

    def restyle(self, theme: Theme) -> None:
        """Take the colours of napari's theme for the rows that come."""
        self._tones = tones(theme)
        for place in range(self.rowCount()):
            self._tint(self.item(place, 1))

    @property
    def row(self) -> int | None:
        """The row of the evaluation's table that is chosen."""
        item = self.item(self.currentRow(), 0)
        return None if item is None else int(item.data(Qt.ItemDataRole.UserRole))

    def show_mistakes(self, rows: Sequence[tuple[int, Mapping[str, Any], Cause]]) -> None:
        """Show rows: place in the evaluation's table, the row itself, its cause."""
        chosen = self.row
        items = [self._items(place, row, cause) for place, row, cause in rows]
        self.blockSignals(True)
        self.fill(items)
        places = [place for place, _, _ in rows]
        if chosen in places:
            self.setCurrentCell(places.index(chosen), 0)
        self.blockSignals(False)

    def show_cause(self, place: int, cause: Cause) -> None:
        """Show another cause of one row of the evaluation's table."""
        for row in range(self.rowCount()):
            if self.item(row, 0).data(Qt.ItemDataRole.UserRole) == place:
                self.item(row, 3).setText(cause.code or "–")
                self.item(row, 3).setToolTip(_by(cause))
        self.resizeColumnToContents(3)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Give a cause by its key; Del takes it back."""
        text = event.text()
        if text and text in KEYS:
            self.key_pressed.emit(KEYS.index(text))
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.key_pressed.emit(-1)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.ignore()  # the dock's primary button
        else:
            super().keyPressEvent(event)

    def _items(self, place: int, row: Mapping[str, Any], cause: Cause) -> list[QTableWidgetItem]:
        site = str(row["site"] or "")
        slot = str(row["slot"] or "")
        where = slot if slot and slot != "ectopic" else row_of_site(site) if site else slot
        texts = {
            "Patient": str(row["patient"]),
            "What": "missed" if row["kind"] == MISS else "false +",
            "Slot": label(where) if where else "–",
            "Cause": cause.code or "–",
            "Size": _number(row["diameter_mm"], 1),
            "CNR": _number(row["cnr_arterial"], 1),
            "HU p/a": f"{_number(row['hu_plain'], 0)}/{_number(row['hu_arterial'], 0)}",
            "Vessel": _number(row["vessel_mm"], 1),
            "Thyroid": _number(row["thyroid_mm"], 1),
            "Resid.": _number(row["registration_residual_mm"], 1),
            "Score": _number(row["score"], 2),
            "Hint": str(row["hint"]),
            "Who": Finder.of(str(row["finder"])).brief,
        }
        items = []
        for name, text in texts.items():
            item = QTableWidgetItem(text)
            item.setData(Qt.ItemDataRole.UserRole, place)
            if name not in _TEXTS:
                item.setTextAlignment(_NUMBERS)
            item.setToolTip(
                {"Cause": _by(cause), "Slot": in_words(where), "Hint": text,
                 "Who": str(row["finder"])}.get(name, "")
            )  # fmt: skip
            items.append(item)
        self._tint(items[1])
        return items

    def _tint(self, item: QTableWidgetItem | None) -> None:
        if item is not None and self._tones:
            item.setForeground(QBrush(self._tones[False if item.text() == "missed" else None]))

    def _clicked(self, item: QTableWidgetItem) -> None:
        self.picked.emit(int(item.data(Qt.ItemDataRole.UserRole)))

    def _moved(self, row: int, _column: int, before: int, _other: int) -> None:
        if row != before and self.row is not None:
            self.picked.emit(self.row)


def _by(cause: Cause) -> str:
    if not cause.code:
        return "No cause is set"
    return (
        f"{cause.code}; {cause.who}, {when(cause.at)}" if cause.who else f"{cause.code}; the table"
    )


def _number(value: Any, digits: int) -> str:
    number = float(value) if value not in ("", None) else math.nan
    return "–" if math.isnan(number) else f"{number:.{digits}f}"
