"""What the Replay dock shows: the cases of a session, the steps of one, and the controls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSlider,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks.parts import combo, fill, hint
from napari_ptx.study.times import minutes

if TYPE_CHECKING:
    from napari_ptx.study.replay import Effort, Replay

SPEEDS = (1, 2, 4, 8, 16)
CASES = (
    ("Case", "Select a case to replay it"),
    ("Active", "Time at work on the case, without idle time"),
    ("Steps", "Rows of the ledger"),
    ("Keys", "Keystrokes beside the drawing"),
    ("Clicks", "Clicks beside the drawing"),
)
STEPS = (
    ("Active", "Active time at the case until this step"),
    ("Step", "What the reader did"),
    ("Lesions", "Outlines after the step"),
)


class ReplayPage(QWidget):
    """Which reading, its steps, and play, slider and speed."""

    session_chosen = Signal()
    case_chosen = Signal(str)
    step_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.session = combo("Session", "Whose readings, and of which round")
        self.cases = _table("Cases of the session", CASES, wide=0)
        self.steps = _table("Steps of the reading", STEPS, wide=1)
        self.summary = hint()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip("The steps of the reading; the arrow keys go from one to the next")
        self.slider.setAccessibleName("Step")
        self.slider.setPageStep(5)
        self.time = QLabel()
        self.time.setToolTip("Active time of the step that is shown, and of the whole reading")
        self.speed = combo("Speed", "How many times faster than the reader; pauses are cut")
        fill(self.speed, [(f"{speed}\N{MULTIPLICATION SIGN}", speed) for speed in SPEEDS])
        self.speed.setCurrentIndex(SPEEDS.index(4))
        self.speed.setMinimumContentsLength(4)
        self.follow = QCheckBox("Follow the reader's view")
        self.follow.setToolTip("Zoom and move as the reader did; the contrast always follows")
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.addWidget(self.cases)
        below = QWidget()
        inside = QVBoxLayout(below)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.summary)
        inside.addWidget(self.steps, 1)
        self._split.addWidget(below)
        self._split.setStretchFactor(0, 2)
        self._split.setStretchFactor(1, 3)
        self._split.setChildrenCollapsible(False)
        line = QHBoxLayout()
        line.addWidget(self.slider, 1)
        line.addWidget(self.time)
        options = QHBoxLayout()
        options.addWidget(self.follow, 1)
        options.addWidget(self.speed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.session)
        layout.addWidget(self._split, 1)
        layout.addLayout(line)
        layout.addLayout(options)
        self.session.currentIndexChanged.connect(self._session_changed)
        self.cases.itemSelectionChanged.connect(self._case_changed)
        self.steps.itemSelectionChanged.connect(self._step_changed)
        self.slider.valueChanged.connect(self.show_step)
        self.show_replay(None)

    @property
    def case(self) -> str:
        """The selected case, or ""."""
        item = self.cases.item(self.cases.currentRow(), 0)
        return "" if item is None else item.text()

    @property
    def factor(self) -> float:
        """How many times faster than the reader a replay goes."""
        return float(self.speed.currentData())

    def show_cases(self, efforts: Sequence[Effort], case: str) -> None:
        """List the cases of a session and select one, quietly."""
        with QSignalBlocker(self.cases):
            self.cases.setRowCount(len(efforts))
            for row, one in enumerate(efforts):
                counts = ("–" if count is None else str(count) for count in (one.keys, one.clicks))
                texts = (one.case, minutes(one.active_seconds), str(one.steps), *counts)
                _fill_row(self.cases, row, texts, left=(0,))
            self.cases.clearSelection()
            self.cases.setCurrentItem(None)
            for row, one in enumerate(efforts):
                if one.case == case:
                    self.cases.selectRow(row)

    def show_replay(self, replay: Replay | None) -> None:
        """List the steps of a reading, and stand before the first."""
        self._replay = replay
        steps = replay.steps if replay is not None else ()
        with QSignalBlocker(self.steps), QSignalBlocker(self.slider):
            self.steps.setRowCount(len(steps))
            for row, step in enumerate(steps):
                texts = (minutes(step.active), step.text, str(len(step.outlines)))
                _fill_row(self.steps, row, texts, left=(1,))
                self.steps.item(row, 1).setToolTip(f"{step.text}, {step.at:%Y-%m-%d %H:%M:%S} UTC")
            self.slider.setRange(0, max(len(steps) - 1, 0))
            self.slider.setValue(0)
        for widget in (self.slider, self.speed, self.follow):
            widget.setEnabled(bool(steps))
        self.time.clear()
        self.summary.setText("" if replay is None else _summary(replay.effort))
        self.summary.setVisible(replay is not None)

    def show_step(self, place: int) -> None:
        """Show which step is on the canvas."""
        if self._replay is None or not 0 <= place < len(self._replay.steps):
            return
        with QSignalBlocker(self.slider), QSignalBlocker(self.steps):
            self.slider.setValue(place)
            self.steps.selectRow(place)
        step = self._replay.steps[place]
        self.time.setText(f"{minutes(step.active)} of {minutes(self._replay.active_seconds)}")
        self.step_chosen.emit(place)

    def _session_changed(self, _: int) -> None:
        self.session_chosen.emit()

    def _case_changed(self) -> None:
        if self.cases.selectedItems():
            self.case_chosen.emit(self.case)

    def _step_changed(self) -> None:
        if self.steps.selectedItems():
            self.show_step(self.steps.currentRow())


def _summary(effort: Effort) -> str:
    if effort.keys is None:
        return "Keystrokes and clicks of this reading were not counted."
    again = f"; reopened {counted(effort.reopened, 'time')}" if effort.reopened else ""
    keys, clicks = counted(effort.keys, "keystroke"), counted(effort.clicks or 0, "click")
    presses = counted(effort.drawing or 0, "press", "presses")
    return f"Beside the drawing {keys} and {clicks}; {presses} to draw{again}."


def counted(number: int, one: str, more: str = "") -> str:
    """Write a number with its noun."""
    return f"{number} {one if number == 1 else more or one + 's'}"


def _table(name: str, columns: Sequence[tuple[str, str]], wide: int) -> QTableWidget:
    table = QTableWidget(0, len(columns))
    table.setAccessibleName(name)
    table.setToolTip(name)
    table.setHorizontalHeaderLabels([title for title, _ in columns])
    for place, (_, tip) in enumerate(columns):
        table.horizontalHeaderItem(place).setToolTip(tip)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(22)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setTabKeyNavigation(False)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setMinimumSectionSize(36)
    for place in range(len(columns)):
        mode = QHeaderView.ResizeMode
        header.setSectionResizeMode(place, mode.Stretch if place == wide else mode.ResizeToContents)
    table.setMinimumHeight(80)
    return table


def _fill_row(table: QTableWidget, row: int, texts: Sequence[str], left: Sequence[int]) -> None:
    for place, text in enumerate(texts):
        item = QTableWidgetItem(text)
        item.setToolTip(text)
        if place not in left:
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        table.setItem(row, place, item)
