"""The Errors tab: every miss and false positive, looked at and given a cause."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from napari.utils.notifications import show_error
from napari.utils.theme import get_theme
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QTableWidgetItem, QWidget

from napari_ptx.docks.error_out import ErrorOut
from napari_ptx.docks.error_page import ALL, ErrorPage
from napari_ptx.docks.error_table import KEYS
from napari_ptx.docks.gland_overlays import CHANCE, LABELLED, GlandOverlays
from napari_ptx.docks.parts import colour, fill
from napari_ptx.errors import PtxError
from napari_ptx.report.gland_causes import (
    Cause,
    causes_of,
    codes,
    counts,
    held_subject,
    read_mistakes,
    subject,
)

if TYPE_CHECKING:
    from qtpy.QtGui import QColor, QHideEvent

    from napari_ptx.ct.evaluation import Assessment

FOLDER = "evaluation"
"""Where an evaluation is written: a folder beside the prediction's tables."""

NO_COHORT = "Say which table names the images and labels: then the prediction can be evaluated."
NO_EVALUATION = "Evaluate the prediction: then every miss and false positive is listed here."
OLD = "The prediction is newer than this evaluation: evaluate again."
_TASKS = "napari_ptx.docks.board_tasks"
_NUMBERS = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LOOK_MS = 250  # arrows run through the table without opening every place


class GlandErrors(ErrorPage):
    """Evaluates a prediction in a child process, and lists what went wrong.

    Parameters
    ----------
    dock
        See ``GlandTab``.
    """

    def __init__(self, dock: QWidget) -> None:
        super().__init__(dock)
        self.mistakes = pd.DataFrame()
        self.causes: list[Cause] = []
        self.assessment: Assessment | None = None
        self._read: Any = None  # the prediction and the cohort whose files were read
        self._dark, self._ground = True, None
        self.files = ErrorOut(self)
        self.overlays = GlandOverlays(self.hub, self.reader, self)
        self._look = self._once_after(_LOOK_MS, self._open_place)
        self._connect()

    def _connect(self) -> None:
        self.evaluate_button.clicked.connect(self.evaluate)
        self.job.finished.connect(self._evaluated)
        self.job.running_changed.connect(self._update)
        self.finder.currentIndexChanged.connect(self._list)
        self.kind.currentIndexChanged.connect(self._list)
        self.table.picked.connect(self._picked)
        self.table.key_pressed.connect(self._key_pressed)
        self.cause.activated.connect(self._cause_chosen)
        self.chance.toggled.connect(self._overlay_wanted)
        self.labelled.toggled.connect(self._overlay_wanted)
        self.overlays.told.connect(self._tell)
        self.tabs.currentChanged.connect(self.redraw)
        self.figure_kind.currentIndexChanged.connect(self.redraw)
        self.copy_button.clicked.connect(self.files.copy)
        self.csv_button.clicked.connect(self.files.choose_csv)
        self.causes_button.clicked.connect(self.files.choose_causes)
        self.figure_button.clicked.connect(self.files.choose_figure)
        self._follow()

    # What is shown

    @property
    def out(self) -> Path | None:
        """The folder of the evaluation."""
        return None if self.desk.folder is None else self.desk.folder / FOLDER

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: D102, N802 - Qt's name
        super().hideEvent(event)
        self._look.stop()

    def restyle(self) -> None:
        """Take the colours of napari's theme."""
        theme = get_theme(self.viewer.theme)
        self._dark = theme.type == "dark"
        self._ground: QColor | None = colour(theme, "background")
        self.table.restyle(theme)
        self.redraw()

    def refresh(self) -> None:
        """List the mistakes of the evaluation that lies beside the prediction."""
        if not self.readable:
            self._forget()
        elif self._read != (self.desk.folder, self.desk.cohort):
            self._forget()
            self._read_files()
        self._changed()

    def _forget(self) -> None:
        self.job.cancel()
        self._look.stop()
        self.overlays.forget()
        for box in (self.chance, self.labelled):
            with QSignalBlocker(box):
                box.setChecked(False)
        self.overlays.wanted = {CHANCE: False, LABELLED: False}
        self.mistakes, self.causes, self.assessment = pd.DataFrame(), [], None
        self._read = None
        self.table.fill([])
        self.counts.fill([])
        self.plot.say("")
        self.told.clear()

    def _changed(self) -> None:
        """Show the causes as the record has them."""
        if not self.isVisible() or not self.readable:
            return
        before = self.causes
        self.causes = [] if self.mistakes.empty else causes_of(self.desk.record, self.mistakes)
        if len(before) == len(self.causes) and self.table.rowCount():
            for place, (old, new) in enumerate(zip(before, self.causes, strict=True)):
                if old != new:
                    self.table.show_cause(place, new)
            self._offer_causes()
            self._count()
        else:
            self._list()
        self._update()

    def _read_files(self) -> None:
        self._read = self.desk.folder, self.desk.cohort
        try:
            self.mistakes = read_mistakes(self.out)
        except PtxError as error:
            show_error(str(error))
            self.mistakes = pd.DataFrame()
        self.causes = []
        self.overlays.files[CHANCE] = dict(self.desk.predictions.chances)
        self.overlays.files[LABELLED] = self._labels()
        names = [] if self.mistakes.empty else list(dict.fromkeys(self.mistakes["finder"]))
        fill(self.finder, [*((name, name) for name in names), (ALL, "")])
        with QSignalBlocker(self.finder):
            self.finder.setCurrentIndex(0)  # the model

    def _labels(self) -> dict[str, Path]:
        from napari_ptx.ct.truth import read_truth

        if self.desk.cohort is None:
            return {}
        try:
            return read_truth(self.desk.cohort).labels
        except PtxError:
            return {}  # a cohort without labels has no outlines

    @property
    def listed(self) -> list[int]:
        """The rows of the evaluation's table that are listed."""
        if not self.causes:
            return []
        finder, kind = self.finder.currentData(), self.kind.currentData()
        pairs = zip(self.mistakes["finder"], self.mistakes["kind"], strict=True)
        found = [
            place
            for place, (who, what) in enumerate(pairs)
            if finder in ("", None, who) and kind in ("", what)
        ]
        # One patient after the other: their images are opened once each.
        order = {patient: place for place, patient in enumerate(self.desk.patients)}
        owner = self.mistakes["patient"].tolist()
        return sorted(found, key=lambda place: order.get(owner[place], len(order)))

    def _list(self, *_: Any) -> None:
        rows = self.mistakes.to_dict("records")
        self.table.show_mistakes(
            [(place, rows[place], self.causes[place]) for place in self.listed]
        )
        self._offer_causes()
        self._count()

    def _count(self) -> None:
        """Count the causes of the chosen finder."""
        rows = []
        if self.causes:
            table = counts(self.mistakes, self.causes)
            finder = self.finder.currentData()
            mine = table[table["finder"] == finder] if finder else table
            mine = mine.groupby("cause", sort=False)[["misses", "false_positives"]].sum()
            mine = mine.assign(all=mine.sum(axis=1)).sort_values("all", ascending=False)
            total = mine.sum()
            for cause, row in [*mine.iterrows(), ("all", total)]:
                texts = (cause or "not set yet", row["misses"], row["false_positives"])
                rows.append([QTableWidgetItem(str(text)) for text in texts])
        self.counts.fill(rows, _NUMBERS)

    def _offer_causes(self) -> None:
        """Offer the causes that the chosen mistake can have, each with its key."""
        place = self.table.row
        with QSignalBlocker(self.cause):
            self.cause.clear()
            if place is not None:
                self.cause.addItem("not set (Del)", "")
                for key, code in zip(KEYS, codes(self.mistakes["kind"].iloc[place]), strict=False):
                    self.cause.addItem(f"{key}  {code}", code)
                self.cause.setCurrentIndex(max(0, self.cause.findData(self.causes[place].code)))
        self.cause.setEnabled(place is not None)

    def _update(self, *_: Any) -> None:
        shown = self.readable
        ready = shown and self.desk.cohort is not None and not self.job.running
        self.evaluate_button.setEnabled(ready)
        self.evaluate_button.setText("Evaluate" if self.mistakes.empty else "Evaluate again")
        some = shown and not self.mistakes.empty
        for part in (self.copy_button, self.csv_button, self.causes_button, self.finder, self.kind):
            part.setEnabled(some)
        self.figure_button.setEnabled(self.assessment is not None)
        self._tell("")

    def _tell(self, why: str) -> None:
        """Say what to do next, or what cannot be shown."""
        if not self.readable:
            why = ""
        elif not why and self.desk.cohort is None:
            why = NO_COHORT
        elif not why and self.mistakes.empty and not self.job.running:
            done = self.out is not None and (self.out / "metrics.json").is_file()
            why = "No finder made a mistake." if done else NO_EVALUATION
        elif not why and self._outdated():
            why = OLD
        self.told.setText(why)
        self.told.setVisible(bool(why))

    def _outdated(self) -> bool:
        try:
            made = (self.out / "mistakes.csv").stat().st_mtime
            return (self.desk.folder / "candidates.csv").stat().st_mtime > made
        except OSError:
            return False

    # What the user does

    def evaluate(self, *_: Any) -> None:
        """Evaluate the prediction in a child process; causes that were set are taken over."""
        if self.desk.cohort is None or self.desk.folder is None or self.job.running:
            return
        threshold = round(self.threshold.value(), 2) or None
        self.job.start(
            "evaluate", "Evaluating", f"{_TASKS}:evaluate", self.desk.cohort, self.desk.folder,
            threshold, self.with_readings.isChecked(), self.out,
        )  # fmt: skip

    def _evaluated(self, _: str, assessment: Assessment) -> None:
        if not self.readable:
            return
        self.assessment = assessment
        self._read_files()
        self.table.fill([])
        self._changed()
        self.redraw()

    def _picked(self, _: int) -> None:
        self._offer_causes()
        self._look.start()

    def _open_place(self) -> None:
        place = self.table.row
        if place is None:
            return
        row = self.mistakes.iloc[place]
        where = tuple(float(row[name]) for name in ("x_mm", "y_mm", "z_mm"))
        if any(value != value for value in where):
            self._tell(f"A reader's finding has no place in the volume: {row['site']}.")
            self.desk.go(str(row["patient"]))
            return
        self.desk.jump_to(str(row["patient"]), where)

    def _key_pressed(self, key: int) -> None:
        place = self.table.row
        if place is None:
            return
        some = codes(self.mistakes["kind"].iloc[place])
        if key < len(some):
            self.set_cause("" if key < 0 else some[key])

    def _cause_chosen(self, _: int) -> None:
        self.set_cause(self.cause.currentData())

    def set_cause(self, code: str) -> None:
        """Write the cause of the chosen mistake into the record; "" takes it back."""
        place = self.table.row
        if place is None or not self._named():
            self._offer_causes()
            return
        row = self.mistakes.iloc[place]
        # Taken back, it has to be said: the evaluation's own table may have the old one.
        value = code if code or row["cause"] else None
        self.desk.decide(str(row["patient"]), "cause", self._subject(row), value)

    def _subject(self, row: Any) -> str:
        """Name a mistake as the record does already, or anew."""
        return held_subject(self.desk.record, row) or subject(row)

    def _overlay_wanted(self, *_: Any) -> None:
        self.overlays.want(CHANCE, self.chance.isChecked())
        self.overlays.want(LABELLED, self.labelled.isChecked())
        if (self.chance.isChecked() or self.labelled.isChecked()) and self.hub.phases is None:
            self._tell("Click a mistake: its phases are opened, and this is laid over them.")

    # Figures and files

    def redraw(self, *_: Any) -> None:
        """Draw the chosen figure, if its tab is on top."""
        figures = self.tabs.currentIndex() == 1
        whole = sum(self.parts.sizes())
        share = 0.6 if figures else 0.35  # a figure needs more room than counts
        self.parts.setSizes([round(whole * (1 - share)), round(whole * share)])
        if not figures:
            return
        self.plot.background = self._ground
        size = (max(3.0, self.plot.width() / 100.0), max(2.2, self.plot.height() / 100.0))
        figure = self.figure(theme_name="dark" if self._dark else "light", size=size)
        if figure is not None:
            self.plot.show_figure(figure)
        elif self.assessment is None:
            self.plot.say("Evaluate to see figures; those of before are in the folder "
                          f"{FOLDER}/figures of the prediction.")  # fmt: skip
        else:
            self.plot.say("There is too little for this figure.")

    def figure(self, **style: Any) -> Any:
        """Draw the chosen figure of the evaluation, or ``None``."""
        if self.assessment is None:
            return None
        from napari_ptx.ct.evaluation_figures import draw

        return draw(self.figure_kind.currentData(), self.assessment, **style)
