"""The gland board: who found which gland, filled in by hand, with its numbers beside it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtWidgets import QWidget

from napari_ptx.docks.board_out import BoardOut
from napari_ptx.docks.board_page import BoardPage
from napari_ptx.docks.gland_grid import TRUTH
from napari_ptx.docks.gland_results import load_ahead
from napari_ptx.docks.parts import colour
from napari_ptx.errors import PtxError
from napari_ptx.report.gland_rows import ECTOPIC, FOUND, MODEL, Finder, ectopic, site_of

if TYPE_CHECKING:
    from qtpy.QtGui import QHideEvent

    from napari_ptx.report.gland_board import Board
    from napari_ptx.report.gland_numbers import BoardNumbers
    from napari_ptx.report.gland_readings import Tally
    from napari_ptx.report.gland_truth import CohortTruth, TableReadings

_TASKS = "napari_ptx.docks.board_tasks"
_LOWEST = 130  # pixels; in a low window the board is scrolled
_SOON_MS = 50
_REST_MS = 400  # intervals are computed when the clicking rests
NO_MODEL = (
    "The model's column follows its candidates; accept or reject them, or move the threshold."
)


class GlandBoard(BoardPage):
    """Slots x finders of one patient after the other, and what they amount to.

    Parameters
    ----------
    dock
        See ``GlandTab``.
    """

    def __init__(self, dock: QWidget) -> None:
        super().__init__(dock)
        self.board: Board | None = None
        self.truth: CohortTruth | None = None
        self.table: TableReadings | None = None
        self._source: Any = None  # what truth and table were read of
        self._finders: list[Finder] = []  # columns and rows without a cell yet
        self._sites: list[tuple[str, str]] = []
        self._counted: Tally | None = None
        self._asked: Tally | None = None

        self.out = BoardOut(self)
        self._later = self._once_after(_SOON_MS, self._opened)
        self._rest = self._once_after(_REST_MS, self._ask_numbers)
        self._connect()
        load_ahead()

    def _connect(self) -> None:
        self.more.menu().aboutToShow.connect(self._update_menu)
        self.rename_action.triggered.connect(self._ask_rename)
        self.remove_action.triggered.connect(self._ask_remove)
        self.back.clicked.connect(partial(self.grid.step_wanted.emit, -1))
        self.on.clicked.connect(partial(self.grid.step_wanted.emit, 1))
        self.rule.currentIndexChanged.connect(self._rule_changed)
        self.threshold.valueChanged.connect(self._rule_changed)
        self.form.added.connect(self._add_finder)
        self.form.renamed.connect(self._rename_finder)
        self.form.removed.connect(self._remove_finder)
        self.form.site_added.connect(self._add_site)
        self.grid.wanted.connect(self.decide)
        self.grid.step_wanted.connect(self.step)
        self.grid.described.connect(self._describe)
        self.job.finished.connect(self._job_done)
        self.job.stopped.connect(self._job_stopped)
        self.job.running_changed.connect(self._update)
        self.worker.finished.connect(self._numbers_done)
        self.worker.stopped.connect(self._numbers_failed)
        self.results.tab_changed.connect(self._share)
        self.import_button.clicked.connect(self.import_readings)
        self.copy_button.clicked.connect(self.out.copy)
        self.csv_button.clicked.connect(self.out.choose_csv)
        self.figure_button.clicked.connect(self.out.choose_figure)
        self.export_button.clicked.connect(self.out.choose_export)
        self.desk.patient_changed.connect(self._show_patient)
        self._follow()

    # What is shown

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: D102, N802 - Qt's name
        super().hideEvent(event)
        self._rest.stop()

    def restyle(self) -> None:
        """Take the colours of napari's theme."""
        from napari.utils.theme import get_theme

        theme = get_theme(self.viewer.theme)
        self.grid.restyle(theme)
        self.results.dark = theme.type == "dark"
        self.results.background = colour(theme, "background")
        if self.results.numbers is not None:
            self.results.redraw()

    def refresh(self) -> None:
        """Put the board together anew."""
        if not self.readable:
            self._forget()
            self._update()
            return
        if load_ahead().is_alive():  # the first time: what counts is still being loaded
            self._later.start()
            return
        self._read_cohort()
        self._make()
        self._show_patient()

    @property
    def settled(self) -> bool:
        """Whether every number on show is final."""
        timers = (self._rest, self._later)
        busy = self.worker.running or self.job.running
        idle = not busy and not any(timer.isActive() for timer in timers)
        shown = self.results.numbers
        return idle and (shown is None or shown.final)

    def _forget(self) -> None:
        self._rest.stop()
        self.worker.cancel()
        self.job.cancel()
        self.board = self.truth = self.table = self._source = self._counted = None
        self._finders, self._sites = [], []
        self.grid.clear_board()
        self.results.clear()
        self.notes.clear()
        self.notes.hide()
        self.said.clear()
        self.patient.clear()

    def _changed(self) -> None:
        if self.isVisible() and self.readable:
            self._make()
            self._show_patient()

    def _read_cohort(self) -> None:
        """Read the cohort's truth and the readings beside it, once for each cohort."""
        from napari_ptx.report.gland_truth import listed_truth

        source = (self.desk.folder, self.desk.cohort)
        if self._source == source:
            return
        if self._source is not None and self._source[0] != source[0]:
            self._finders, self._sites = [], []
        self._source, self.truth, self.table = source, None, None
        if self.desk.cohort is None:
            return
        try:
            self.truth = listed_truth(self.desk.cohort)
        except PtxError:
            return  # a cohort without labels: the truth is what is decided on the board
        if self.truth is not None:
            self._read_table()
        elif not self.job.running:
            self.job.start("measure", "Measuring the glands of the cohort",
                           f"{_TASKS}:measure", self.desk.cohort)  # fmt: skip

    def _read_table(self) -> None:
        from napari_ptx.report.gland_truth import readings_beside, table_readings

        beside = readings_beside(self.truth.path)
        if beside is None:
            return
        try:
            self.table = table_readings(beside, self.truth)
        except PtxError as error:
            show_error(str(error))

    def _make(self) -> None:
        from napari_ptx.report.gland_board import ModelRule, make_board
        from napari_ptx.report.gland_numbers import quick_numbers
        from napari_ptx.report.gland_readings import tally

        rule = ModelRule(self.rule.currentData(), round(self.threshold.value(), 2))
        self.threshold.setEnabled(rule.kind == "score")
        self.board = make_board(
            self.desk.predictions.patients, self.desk.record, self.truth, self.table,
            self.desk.predictions, rule, finders=self._finders, rows=self._sites,
        )  # fmt: skip
        counted = tally(self.board)
        if self._counted is None or not counted.same(self._counted):
            self._counted = counted
            self._show_numbers(quick_numbers(counted))
            if counted.found:
                self._rest.start()

    def _show_numbers(self, numbers: BoardNumbers) -> None:
        self.results.show_numbers(numbers if numbers.finders else None)
        self.notes.setText(" ".join(numbers.notes))
        self.notes.setVisible(bool(numbers.notes))

    def _show_patient(self) -> None:
        if self.board is None or self.desk.patient not in self.board.rows:
            self._update()
            return
        self.patient.setText(self.desk.patient)
        self.patient.setToolTip(self.desk.patient)
        self.grid.show_board(self.board, self.desk.patient)
        self.grid.setMinimumHeight(_LOWEST)
        self._share()
        self._update()

    def _share(self) -> None:
        """Part the height: all rows of the board, but half of it where the figure is on top."""
        whole, upper = self.parts.height(), self.grid.height_wanted() + self.said.height() + 4
        if self.results.tabs.currentWidget() is self.results.plot:
            upper = min(upper, whole // 2)
        self.parts.setSizes([upper, max(1, whole - upper)])

    def _update(self, *_: Any) -> None:
        shown = self.board is not None
        for part in (self.more, self.copy_button, self.csv_button, self.rule,
                     self.figure_button, self.export_button, self.grid, self.basis):  # fmt: skip
            part.setEnabled(shown)
        self.back.setEnabled(shown and self.desk.neighbour(-1) is not None)
        self.on.setEnabled(shown and self.desk.neighbour(1) is not None)
        fresh = shown and any(one.origin == "table" for one in self.board.cells.values())
        self.import_button.setVisible(fresh)
        self.import_button.setEnabled(not self.job.running)

    def _describe(self, text: str) -> None:
        self.said.setText(text)
        self.said.setToolTip(text)

    # What the user does

    def decide(self, row: str, column: str, value: str) -> None:
        """Set a cell of the present patient: "+", "-" or ""; of the truth "+" is a gland."""
        patient, board = self.desk.patient, self.board
        if board is None or patient is None:
            return
        if column == MODEL:
            self._describe(NO_MODEL)
            return
        if not self._named():
            return
        if column == TRUTH:
            held = board.truth_of(patient, row)
            state = "present" if value == FOUND else "absent"
            decided = {"state": state, "basis": self.basis.currentData()}
            if held.subject == ECTOPIC and site_of(row):
                decided["site"] = site_of(row)  # the record calls the row by its value
            self.desk.decide(patient, "truth", held.subject or row, decided if value else None)
            return
        # Empty over a cell of the table has to be said, or the table's would show again.
        below = self.table is not None and (patient, row, column) in self.table.cells
        self.desk.decide(patient, "found", f"{row}|{column}", value if value or below else None)

    def step(self, by: int) -> None:
        """Go to the next patient, or back."""
        other = self.desk.neighbour(by)
        if other is not None:
            self.desk.go(other)

    def _rule_changed(self, *_: Any) -> None:
        if self.board is not None:
            self._make()
            self._show_patient()

    # Columns and rows

    def _update_menu(self) -> None:
        column = self.grid.column
        own = column not in ("", MODEL, TRUTH)
        self.rename_action.setEnabled(own)
        self.remove_action.setEnabled(own)

    def _own_column(self) -> str | None:
        """Give the present column where it can be renamed and removed."""
        column = self.grid.column
        if self.board is None or column in ("", MODEL, TRUTH):
            return None
        if any(key[2] == column and cell.origin == "table"
               for key, cell in self.board.cells.items()):  # fmt: skip
            show_warning(f"{column} is in readings.csv alone; import the readings first.")
            return None
        return column

    def _ask_rename(self, *_: Any) -> None:
        if column := self._own_column():
            self.form.ask_rename(column)

    def _ask_remove(self, *_: Any) -> None:
        if column := self._own_column():
            mine = [key for key, cell in self.board.cells.items()
                    if key[2] == column and cell.origin == "record"]  # fmt: skip
            self.form.ask_remove(column, len(mine), len({key[0] for key in mine}))

    def _add_finder(self, finder: Finder) -> None:
        if self.board is None:
            return
        if finder.key in [one.key for one in self.board.finders]:
            show_warning(f"There is a column {finder.key} already.")
            return
        self._finders.append(finder)
        self._make()
        self._show_patient()
        column = [one.key for one in self.board.finders].index(finder.key)
        self.grid.setCurrentCell(0, column)
        self.grid.setFocus()

    def _rename_finder(self, old: str, new: Finder) -> None:
        if self.board is None or new.key == old:
            return
        if new.key in [one.key for one in self.board.finders]:
            show_warning(f"There is a column {new.key} already.")
            return
        self._finders = [new if one.key == old else one for one in self._finders]
        self._write("rename", f"Renaming {old}", old, new.key)

    def _remove_finder(self, key: str) -> None:
        self._finders = [one for one in self._finders if one.key != key]
        self._write("rename", f"Taking {key} back", key, None)

    def _add_site(self, site: str) -> None:
        if self.desk.patient is None or self.board is None:
            return
        self._sites.append((self.desk.patient, ectopic(site)))
        self._make()
        self._show_patient()

    # What writes many decisions at once

    def import_readings(self, *_: Any) -> None:
        """Write the table of readings beside the cohort into the record."""
        if self.table is not None:
            self._write("take_in", "Importing readings", self.table)

    def _write(self, task: str, text: str, *what: Any) -> None:
        if self.job.running or self.desk.record is None:
            return
        if not self._named():
            return
        self.job.start(task, text, f"{_TASKS}:{task}", self.desk.record.path, *what, self.desk.who)

    def _job_done(self, name: str, value: Any) -> None:
        if name == "measure":
            self.truth = value
            self._read_table()
            if self.isVisible() and self.desk.predictions is not None:
                self._make()
                self._show_patient()
            return
        if name == "take_in":
            show_info(f"{value} readings are in the record.")
        self._read_record()

    def _job_stopped(self, name: str, _: str) -> None:
        if name != "measure":
            self._read_record()  # what was written until then stays

    def _read_record(self) -> None:
        if self.desk.record is not None:
            self.desk.record.refresh()
            self.desk.changed.emit()

    # Numbers

    def _ask_numbers(self) -> None:
        """Have the child compute what takes longer than a click may."""
        if self._counted is None or not self._counted.found:
            return
        if self.worker.running:
            return  # what is new is asked for when this is done
        self._asked = self._counted
        self.worker.start("numbers", "Computing intervals", f"{_TASKS}:numbers", self._counted)

    def _numbers_done(self, _: str, numbers: BoardNumbers) -> None:
        if self._counted is self._asked:
            self._show_numbers(numbers)
        elif self._counted is not None:
            self._rest.start()

    def _numbers_failed(self, _: str, sentence: str) -> None:
        if sentence:
            show_warning(sentence)
