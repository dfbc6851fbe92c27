"""Who reads and who settles disagreements: a table with one row for each person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem, QWidget

if TYPE_CHECKING:
    from napari_ptx.study import Protocol, ReaderInfo

_HEADERS = ("Name", "Role", "Years", "Training")
_TIPS = (
    "Short name or initials, as it will stand in tables and figures",
    "Sonographer, radiologist, surgeon, ...",
    "Years of experience with this kind of examination",
    "What they learned about outlining for this study",
)
ADJUDICATOR = "Adjudicator"


class ReaderTable(QTableWidget):
    """Readers, and in the last row the adjudicator; an empty row is nobody."""

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_HEADERS), parent)
        self.setAccessibleName("Readers and adjudicator")
        self.setHorizontalHeaderLabels(_HEADERS)
        for place, tip in enumerate(_TIPS):
            self.horizontalHeaderItem(place).setToolTip(tip)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        for place, width in enumerate((90, 130, 60)):
            self.setColumnWidth(place, width)
        self.verticalHeader().setDefaultSectionSize(28)
        self._fixed = False
        self.add_row(ADJUDICATOR)
        self.itemChanged.connect(self._changed)

    # People

    def show_people(self, protocol: Protocol, *, fixed: bool = False) -> None:
        """Show the people of a protocol; ``fixed``: the readers' names cannot change."""
        with QSignalBlocker(self):
            self._fixed = fixed
            self.setRowCount(0)
            self.add_row(ADJUDICATOR)
            for name in protocol.readers:
                self._fill(self.add_row(), protocol.description(name), fixed)
            if protocol.adjudicator is not None:
                senior = protocol.description(protocol.adjudicator)
                self._fill(self.rowCount() - 1, senior, False)
        self.edited.emit()

    def add_row(self, label: str | None = None) -> int:
        """Add an empty row, above the adjudicator's, and give its place."""
        row = self.rowCount() - (label is None)
        self.insertRow(row)
        with QSignalBlocker(self):
            for place in range(len(_HEADERS)):
                self.setItem(row, place, QTableWidgetItem(""))
            self._label_rows()
        return row

    def add_reader(self, name: str = "") -> None:
        """Add a reader, and begin to type the name where none is given."""
        row = self.add_row()
        self.item(row, 0).setText(name)
        if not name:
            self.setCurrentCell(row, 0)
            self.editItem(self.item(row, 0))

    def remove_reader(self) -> None:
        """Remove the selected reader, or the last one; one stays."""
        row = self.currentRow() if 0 <= self.currentRow() < self.rowCount() - 1 else -1
        if self.rowCount() > 2 and not self._fixed:
            self.removeRow(row if row >= 0 else self.rowCount() - 2)
            with QSignalBlocker(self):
                self._label_rows()
            self.edited.emit()

    @property
    def readers(self) -> tuple[str, ...]:
        """The readers' names, without empty rows."""
        return tuple(filter(None, (self._text(row, 0) for row in range(self.rowCount() - 1))))

    @property
    def adjudicator(self) -> str | None:
        """Who settles disagreements, if anybody."""
        return self._text(self.rowCount() - 1, 0) or None

    @property
    def described(self) -> tuple[ReaderInfo, ...]:
        """What is known of everybody who has a name; ``StudyError`` for years that are none."""
        from napari_ptx.study import ReaderInfo, StudyError

        found = []
        for row in range(self.rowCount()):
            name, role, years, training = (self._text(row, place) for place in range(4))
            if not name or not (role or years or training):
                continue
            try:
                number = float(years.replace(",", ".")) if years else None
            except ValueError:
                raise StudyError(f"{years!r} years of {name} is not a number; mend it.") from None
            if number is not None and number == int(number):
                number = int(number)
            found.append(ReaderInfo(name, role, number, training))
        return tuple(found)

    def lacking(self) -> tuple[str, ...]:
        """Name the people who are not described."""
        return tuple(
            self._text(row, 0)
            for row in range(self.rowCount())
            if self._text(row, 0) and not all(self._text(row, place) for place in (1, 2, 3))
        )

    # Parts

    def _fill(self, row: int, person: ReaderInfo, fixed: bool) -> None:
        years = "" if person.years is None else f"{person.years:g}"
        for place, text in enumerate((person.name, person.role, years, person.training)):
            item = self.item(row, place)
            item.setText(text)
            if fixed and place == 0:
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                item.setToolTip("The worklists were drawn for this name; it cannot change")

    def _label_rows(self) -> None:
        last = self.rowCount() - 1
        self.setVerticalHeaderLabels(
            [f"Reader {row + 1}" if row < last else ADJUDICATOR for row in range(last + 1)]
        )

    def _text(self, row: int, place: int) -> str:
        item = self.item(row, place)
        return item.text().strip() if item is not None else ""

    def _changed(self, _: QTableWidgetItem) -> None:
        self.edited.emit()
