"""The cells of the gland board: slots x finders, filled by a click or a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QBrush, QColor, QPainter, QPen
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
)

from napari_ptx.docks.parts import colour
from napari_ptx.docks.verdict_bars import tones
from napari_ptx.report.gland_rows import (
    FOUND,
    MODEL,
    NOT_FOUND,
    Cell,
    TruthCell,
    in_words,
    label,
)

if TYPE_CHECKING:
    from napari.utils.theme import Theme
    from qtpy.QtGui import QKeyEvent

    from napari_ptx.report.gland_board import Board

TRUTH = "truth"
"""The name of the last column."""

_SIGNS = {FOUND: "+", NOT_FOUND: "−", "": ""}
_TRUTHS = {"present": "●", "absent": "○", "": "?"}
_NEXT = {"": FOUND, FOUND: NOT_FOUND, NOT_FOUND: ""}
_KEYS = {
    Qt.Key.Key_Plus: FOUND, Qt.Key.Key_Equal: FOUND, Qt.Key.Key_Minus: NOT_FOUND,
    Qt.Key.Key_Underscore: NOT_FOUND, Qt.Key.Key_Space: "", Qt.Key.Key_Delete: "",
    Qt.Key.Key_Backspace: "",
}  # fmt: skip
_WIDTH, _HEIGHT = 46, 26


class _Ringed(QStyledItemDelegate):
    """Puts a ring around the present cell, whose colours stay as they are."""

    ring = QColor()

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:  # fmt: skip
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        plain = QStyleOptionViewItem(option)
        plain.state &= ~(QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_HasFocus)
        super().paint(painter, plain, index)
        if chosen:
            painter.setPen(QPen(self.ring, 2))
            painter.drawRect(option.rect.adjusted(1, 1, -1, -1))


class GlandGrid(QTableWidget):
    """One patient's board. The slots stay in sight when it is scrolled sideways."""

    wanted = Signal(str, str, str)
    """A cell is to be (row, column, "+" or "-" or ""); of the truth "+" means there is a gland."""
    step_wanted = Signal(int)
    """The next (1) or previous (-1) patient is wanted."""
    described = Signal(str)
    """What stands in the present cell, with who and when."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Gland board")
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        across, down = self.horizontalHeader(), self.verticalHeader()
        across.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        across.setDefaultSectionSize(_WIDTH)
        across.setMinimumSectionSize(_WIDTH)
        across.setHighlightSections(True)
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        down.setDefaultSectionSize(_HEIGHT)
        down.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._rows: tuple[str, ...] = ()
        self._columns: tuple[str, ...] = ()
        self._board: Board | None = None
        self._patient = ""
        self._delegate = _Ringed(self)
        self.setItemDelegate(self._delegate)
        self._tones: Mapping[bool | None, QColor] = {}
        self._text = self._quiet = QColor()
        self.cellClicked.connect(self._clicked)
        self.currentCellChanged.connect(self._describe)

    def restyle(self, theme: Theme) -> None:
        """Take the colours of napari's theme."""
        self._tones = tones(theme)
        self._text = colour(theme, "text")
        self._quiet = tones(theme)[None]
        self._delegate.ring = self._text
        line = colour(theme, "foreground").name()
        self.setStyleSheet(
            f"QTableView {{ gridline-color: {line}; }}"
            "QTableView::item { padding: 0; }"
            "QHeaderView::section { padding: 2px 4px; }"
        )
        if self._board is not None:
            self.show_board(self._board, self._patient)

    @property
    def column(self) -> str:
        """The finder (its key), ``MODEL`` or ``TRUTH`` of the present cell; "" without one."""
        place = self.currentColumn()
        return self._columns[place] if 0 <= place < len(self._columns) else ""

    def show_board(self, board: Board, patient: str) -> None:
        """Show a patient; the present cell stays where it is."""
        self._board, self._patient = board, patient
        rows = board.rows[patient]
        columns = (*(one.key for one in board.finders), MODEL, TRUTH)
        keep = (self.currentRow(), self.column)
        with QSignalBlocker(self):
            if columns != self._columns or rows != self._rows:
                self._rows, self._columns = rows, columns
                self._make(board)
            for place, row in enumerate(rows):
                for across, name in enumerate(columns):
                    self._fill(self.item(place, across), board, patient, row, name)
            if keep[0] >= 0 and keep[1] in columns:
                self.setCurrentCell(min(keep[0], len(rows) - 1), columns.index(keep[1]))
        self._describe()

    def clear_board(self) -> None:
        """Forget what is shown."""
        self._board = None
        self._rows, self._columns = (), ()
        self.setRowCount(0)
        self.setColumnCount(0)

    def height_wanted(self) -> int:
        """Give the height (px) at which no row is cut off."""
        bar = self.horizontalScrollBar().sizeHint().height()
        head = max(self.horizontalHeader().sizeHint().height(), 2 * 16)
        return head + _HEIGHT * max(5, self.rowCount()) + bar + 4

    def _make(self, board: Board) -> None:
        self.setRowCount(len(self._rows))
        self.setColumnCount(len(self._columns))
        heads = {one.key: one.short for one in board.finders}
        for across, name in enumerate(self._columns):
            head = QTableWidgetItem(heads.get(name, name))
            head.setToolTip(
                {MODEL: board.rule.sentence,
                 TRUTH: "Truth: surgery, pathology, or the cohort's labels"}.get(name, name)
            )  # fmt: skip
            self.setHorizontalHeaderItem(across, head)
        for place, row in enumerate(self._rows):
            head = QTableWidgetItem(label(row))
            head.setToolTip(in_words(row))
            self.setVerticalHeaderItem(place, head)
            for across in range(len(self._columns)):
                item = QTableWidgetItem()
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                self.setItem(place, across, item)

    def _fill(
        self, item: QTableWidgetItem, board: Board, patient: str, row: str, name: str
    ) -> None:
        truth = board.truth_of(patient, row)
        font = item.font()
        if name == TRUTH:
            item.setText(_TRUTHS[truth.state])
            item.setToolTip(truth_in_words(truth))
            font.setBold(truth.origin == "record")
            tone = self._text if truth.state == "present" else self._quiet
            ground = QBrush()
        else:
            cell = board.cell(patient, row, name)
            right = _right(cell, truth)
            times = str(cell.times) if cell.times > 1 else ""
            item.setText(_SIGNS.get(cell.value, "") + times + (" !" if right is False else ""))
            item.setToolTip(f"{in_words(row)}, {name}: {cell_in_words(cell, truth)}")
            font.setBold(cell.origin == "record")
            font.setItalic(cell.origin == "table")
            tone = self._text if right is None else self._tones.get(right, self._text)
            if cell.value == NOT_FOUND and right is not False:
                tone = self._quiet
            shade = QColor(self._tones.get(right, self._text))
            shade.setAlpha(46)
            filled = cell.value == FOUND or right is False
            ground = QBrush(shade) if filled and right is not None else QBrush()
        font.setPointSize(12)
        item.setFont(font)
        item.setForeground(QBrush(tone))
        item.setBackground(ground)

    # What the user does

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Set the present cell by + and -, empty it by space or Del; arrows move as ever."""
        key = event.key()
        plain = not event.modifiers() & (
            Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
        )
        if plain and key in _KEYS and self.column:
            self.wanted.emit(self._rows[self.currentRow()], self.column, _KEYS[key])
        elif key in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
            self.step_wanted.emit(1 if key == Qt.Key.Key_PageDown else -1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.ignore()  # the dock's primary button
        else:
            super().keyPressEvent(event)

    def _clicked(self, place: int, across: int) -> None:
        if self._board is None:
            return
        row, name = self._rows[place], self._columns[across]
        if name == TRUTH:
            state = self._board.truth_of(self._patient, row).state
            value = {"": FOUND, "present": NOT_FOUND, "absent": ""}[state]
        else:
            value = _NEXT[self._board.cell(self._patient, row, name).value]
        self.wanted.emit(row, name, value)

    def _describe(self, *_: int) -> None:
        place = self.currentRow()
        if self._board is None or not self.column or not 0 <= place < len(self._rows):
            self.described.emit("")
            return
        row = self._rows[place]
        truth = self._board.truth_of(self._patient, row)
        if self.column == TRUTH:
            said = truth_in_words(truth)
        else:
            said = cell_in_words(self._board.cell(self._patient, row, self.column), truth)
        self.described.emit(f"{in_words(row)}, {self.column}: {said}")


def _right(cell: Cell, truth: TruthCell) -> bool | None:
    """Tell whether a finder was right; ``None`` where that is not known."""
    if not cell.value or not truth.state:
        return None
    return (cell.value == FOUND) == (truth.state == "present")


def cell_in_words(cell: Cell, truth: TruthCell) -> str:
    """Say what a cell holds, where it is from, and whether it is right."""
    said = {FOUND: "found", NOT_FOUND: "not found"}.get(cell.value, "not used")
    right = _right(cell, truth)
    if right is not None:
        wrong = "missed" if cell.value == NOT_FOUND else "no gland there"
        said += ", right" if right else f", {wrong}"
    if cell.origin == "record":
        return f"{said}; {cell.who}, {when(cell.at)}"
    if cell.origin == "table":
        return f"{said}; readings.csv, not in the record yet"
    if cell.origin == "model" and cell.times > 1:
        return f"{said}; {cell.times} candidates"
    return said


def truth_in_words(truth: TruthCell) -> str:
    """Say what is known of a row, and by whom."""
    said = {"present": "a gland", "absent": "no gland"}.get(truth.state, "not known")
    if truth.origin == "record":
        basis = f" by {truth.basis}" if truth.basis else ""
        return f"{said}{basis}; {truth.who}, {when(truth.at)}"
    number = f", number {truth.gland}" if truth.gland else ""
    return f"{said}{number}; the cohort's labels" if truth.origin == "cohort" else said


def when(at: str) -> str:
    """Write a time of the record for people: to the minute, UTC."""
    return f"{at[:10]} {at[11:16]} UTC"
