"""The Glands dock: a model's candidates are accepted, rejected, edited, and completed."""

from __future__ import annotations

import importlib
import shutil
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks import settings
from napari_ptx.docks.gland_bar import SEARCHES, NameRow, PatientRow, RunRow
from napari_ptx.docks.gland_desk import GlandDesk
from napari_ptx.docks.gland_review import GlandReview
from napari_ptx.docks.jobs import JobBar
from napari_ptx.docks.parts import Dock, button, hint

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtGui import QDragEnterEvent, QDropEvent, QShowEvent

_TABS: tuple[tuple[str, str], ...] = (
    ("Board", "napari_ptx.docks.gland_board:GlandBoard"),
    ("Errors", "napari_ptx.docks.gland_errors:GlandErrors"),
)
"""The tabs beside the candidates: a title, and the class ("module:name") made with the dock."""

_TASKS = "napari_ptx.docks.gland_tasks"
BLIND = "Glands are hidden while a reader is at work, and come back when the session ends."
EMPTY = (
    "Open two phases of a neck in the Phases dock and run a model on them; or open the folder "
    "that 'ct predict' wrote. It may be dropped here."
)
READY = "The phases of {} are open: run a model on them, or open a prediction."
FOLDER = "glands"


class GlandsDock(Dock):
    """Runs a model on the open phases, and keeps what people decide on its candidates."""

    NAME = "Glands"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.desk = GlandDesk()
        self.runner = JobBar()
        self.exporter = JobBar()
        self.run_row, self.patient_row, self.name_row = RunRow(), PatientRow(), NameRow()
        self.review = GlandReview(self)
        self.page = self.review.page
        self._out: Path | None = None  # of the run that is under way
        self._behind: tuple[Path, Path | None, str | None] | None = None
        self.phases_button = button("Phases", "Show the Phases dock, which opens a CT")
        self.undo_button = button("Undo", "Take back your last decision (Ctrl+Z)")
        self._sentence = hint(EMPTY)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.demo_button = button(
            "Try simulated necks", "Make three simulated necks and look for glands in them, once"
        )
        self._empty = QWidget()
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.page, "Candidates")
        for title, place in _TABS:
            module, _, name = place.partition(":")
            self.tabs.addTab(getattr(importlib.import_module(module), name)(self), title)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self.tabs)
        self._lay_out()
        self.setAcceptDrops(True)

        self.primary.clicked.connect(self.press_primary)
        self.phases_button.clicked.connect(self._show_phases)
        self.demo_button.clicked.connect(self.try_demo)
        self.undo_button.clicked.connect(self.review.undo)
        self.run_row.wanted.connect(self.run)
        self.run_row.model.currentIndexChanged.connect(self.update_buttons)
        self.patient_row.chosen.connect(self.desk.go)
        self.patient_row.open_wanted.connect(self.choose_prediction)
        self.patient_row.images_wanted.connect(self.choose_cohort)
        self.patient_row.export_wanted.connect(self.choose_export)
        self.patient_row.close_wanted.connect(self.desk.close)
        self.name_row.given.connect(self._name_given)
        self.runner.finished.connect(self._ran)
        self.runner.stopped.connect(self._run_stopped)
        self.runner.running_changed.connect(self.update_buttons)
        self.exporter.finished.connect(self._exported)
        self.desk.opened.connect(self.refresh)
        self.desk.patient_changed.connect(self._patient_changed)
        # Seen or not: a hidden dock, too, has to take its glands away from a reader.
        self.hub.desk_changed.connect(self._reader_changed)
        self.hub.phases_changed.connect(self.refresh)
        self.destroyed.connect(partial(GlandDesk.release, self.desk))
        self.name_row.hide()
        self.run_row.offer()
        self.refresh()

    def _lay_out(self) -> None:
        empty = QVBoxLayout(self._empty)
        empty.addStretch(1)
        empty.addWidget(self._sentence)
        empty.addWidget(self.demo_button, 0, Qt.AlignmentFlag.AlignHCenter)
        empty.addStretch(1)
        bottom = QHBoxLayout()
        bottom.addWidget(self.phases_button)
        bottom.addWidget(self.undo_button)
        bottom.addStretch(1)
        bottom.addWidget(self.primary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(4)
        layout.addWidget(self.run_row)
        layout.addWidget(self.patient_row)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self.name_row)
        layout.addWidget(self.runner)
        layout.addWidget(self.review.opener)
        layout.addWidget(self.exporter)
        layout.addLayout(bottom)

    # What is shown

    def refresh(self) -> None:
        """Show the glands, or say what to do next; nothing while a reader is at work."""
        shown = self.desk.predictions is not None and not self.hub.blinded
        if self.hub.blinded:
            self._sentence.setText(BLIND)
        elif self.hub.phases is not None:
            self._sentence.setText(READY.format(self.hub.phases.patient or "a patient"))
        else:
            self._sentence.setText(EMPTY)
        self._pages.setCurrentWidget(self.tabs if shown else self._empty)
        self.run_row.setVisible(not self.hub.blinded)
        self.patient_row.setVisible(shown)
        self.patient_row.show_patients(self.desk.patients, self.desk.patient)
        self.name_row.line.setText(self.desk.who)
        if self.hub.blinded:
            self.name_row.hide()
        self.update_buttons()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102, N802 - Qt's name
        self.run_row.offer()  # a model may have been trained meanwhile
        super().showEvent(event)

    def restyle(self) -> None:  # noqa: D102
        super().restyle()
        self.page.restyle(self.theme)
        for place in range(1, self.tabs.count()):
            self.tabs.widget(place).restyle()

    def update_buttons(self, *_: Any) -> None:
        """Bring the buttons at the bottom up to date with what comes next."""
        shown = self.desk.predictions is not None and not self.hub.blinded
        busy = self.runner.running
        ready = self.hub.phases is not None and self.run_row.path is not None and not busy
        self.run_row.run.setEnabled(ready)
        why = "" if self.hub.phases is not None else ": open a CT in the Phases dock first"
        self.run_row.run.setToolTip(f"Look for glands in the phases that are open{why}")
        self.phases_button.setVisible(not shown and not self.hub.blinded)
        self.demo_button.setVisible(not self.hub.blinded and self.hub.phases is None)
        self.demo_button.setEnabled(not busy)
        self.undo_button.setVisible(shown)
        self.undo_button.setEnabled(self.review.undoable)
        self.primary.setVisible(not self.hub.blinded)
        step = self.step
        texts = {
            "open": ("Open prediction…", "Choose the folder that 'ct predict' wrote (Enter)"),
            "run": ("Run model", "Look for glands in the phases that are open (Enter)"),
            "keep": ("Keep mask", "Write the mask to the record (Enter)"),
            "next": ("Next open gland", "Jump to the next that nobody has decided on (Enter)"),
            "patient": ("Next patient", "Open the next patient of the prediction (Enter, J)"),
            "export": ("Export…", "Write the reviewed glands and their maps (Enter)"),
        }
        self.primary.setText(texts[step][0])
        self.primary.setToolTip(texts[step][1])
        self.primary.setEnabled(not (step == "run" and busy))

    @property
    def step(self) -> str:
        """What the primary button does now."""
        if self.desk.predictions is None:
            return "run" if self.hub.phases is not None and self.run_row.path else "open"
        if self.review.layers.copy is not None:
            return "keep"
        if self.review.next_open() is not None:
            return "next"
        return "patient" if self.desk.neighbour(1) is not None else "export"

    def press_primary(self) -> None:
        """Do what the button at the bottom right says."""
        step = self.step
        if self.hub.blinded or not self.primary.isEnabled():
            return
        {
            "open": self.choose_prediction,
            "run": self.run,
            "keep": self.review.masks.keep,
            "next": self.review.go_on,
            "patient": self.next_patient,
            "export": self.choose_export,
        }[step]()

    # Opening

    def choose_prediction(self) -> None:
        """Ask for the folder of a prediction and open it."""
        start = self.desk.folder.parent if self.desk.folder else settings.study_folder() / FOLDER
        chosen = QFileDialog.getExistingDirectory(self, "Folder of a prediction", str(start))
        if chosen:
            self.desk.open(chosen)

    def choose_cohort(self) -> None:
        """Ask for the table that names the images."""
        start = str(self.desk.cohort or self.desk.folder or "")
        path, _ = QFileDialog.getOpenFileName(
            self, "Table of images", start, "Cohort tables (*.csv *.parquet);;All files (*)"
        )
        if path:
            self.desk.set_cohort(path)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: D102, N802 - Qt's name
        if not self.hub.blinded and self._dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Take the folder of a prediction, a file in it, or the table of its images."""
        path = self._dropped(event)
        if path is None or self.hub.blinded:
            return
        event.acceptProposedAction()
        if path.is_dir() or (path.parent / "prediction.json").is_file():
            self.desk.open(path if path.is_dir() else path.parent)
        else:
            self.desk.set_cohort(path)

    def _dropped(self, event: QDropEvent) -> Path | None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        for path in paths:
            folder = path if path.is_dir() else path.parent
            table = path.suffix.lower() in (".csv", ".parquet") and self.desk.predictions
            if (folder / "prediction.json").is_file() or table:
                return path
        return None

    def _show_phases(self) -> None:
        self.hub.show("Phases")

    def next_patient(self) -> None:
        """Open the next patient of the prediction."""
        self._step(1)

    def patient_before(self) -> None:
        """Open the patient before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        patient = self.desk.neighbour(by)
        if patient is not None:
            self.desk.go(patient)

    def _patient_changed(self) -> None:
        self.patient_row.show_patients(self.desk.patients, self.desk.patient)
        self.update_buttons()

    def _reader_changed(self) -> None:
        """Take everything away when a reader sits down, and bring it back afterwards."""
        if self.hub.blinded:
            self.runner.cancel()
            self.exporter.cancel()
            if self.desk.folder is not None:
                self._behind = (self.desk.folder, self.desk.cohort, self.desk.patient)
            self.desk.close()
        elif self._behind is not None:
            (folder, cohort, patient), self._behind = self._behind, None
            if self.desk.open(folder, cohort) and patient is not None:
                self.desk.go(patient)
        self.refresh()

    # The name

    def named(self) -> bool:
        """Tell whether decisions have a name; ask for it where they have not."""
        if self.desk.who:
            return True
        self.name_row.show()
        self.name_row.line.setFocus()
        self.page.tell("A decision needs a name: type yours once, then decide again.")
        return False

    def _name_given(self, name: str) -> None:
        self.desk.set_who(name)
        self.name_row.hide()
        self.page.tell()
        self.page.table.setFocus()

    # Running and exporting

    def run(self) -> None:
        """Run the chosen model on the phases that are open."""
        from napari_ptx.docks.gland_tasks import Work

        model, phases = self.run_row.path, self.hub.phases
        if model is None or phases is None or self.runner.running or self.hub.blinded:
            return
        work = Work.of(phases)
        when = datetime.now().strftime("%Y%m%d-%H%M%S")
        self._out = settings.study_folder() / FOLDER / f"{work.patient}_{model.name}_{when}"
        self.runner.start(
            "run", "Starting the network", f"{_TASKS}:run_model", model, work, self._out,
            SEARCHES[self.run_row.search.currentText()],
        )  # fmt: skip

    def try_demo(self) -> None:
        """Make simulated necks with the candidates of the light model, and open them."""
        if not self.runner.running and not self.hub.blinded:
            self.runner.start(
                "demo", "Making simulated necks", f"{_TASKS}:make_demo",
                settings.study_folder() / "demo",
            )  # fmt: skip

    def _ran(self, name: str, out: Path) -> None:
        self._out = None
        if self.desk.open(out) and name != "demo":
            found = len(self.desk.predictions.candidates)
            show_info(f"{found} candidate{'' if found == 1 else 's'}; written to {out}.")

    def _run_stopped(self, _name: str, _sentence: str) -> None:
        out, self._out = self._out, None
        if out is not None and not (out / "prediction.json").is_file():
            shutil.rmtree(out, ignore_errors=True)  # ours, and half-made
        self.update_buttons()

    def choose_export(self) -> None:
        """Ask where the reviewed glands are written, and write them."""
        if self.desk.folder is None:
            return
        start = str(self.desk.folder)
        chosen = QFileDialog.getExistingDirectory(self, "Export reviewed glands to", start)
        if chosen:
            self.export(Path(chosen))

    def export(self, out: Path) -> None:
        """Write the reviewed glands and their maps into a folder."""
        if self.desk.folder is not None and not self.exporter.running:
            self.exporter.start("export", "Exporting", f"{_TASKS}:export", self.desk.folder, out)

    def _exported(self, _name: str, done: Any) -> None:
        accepted = sum(gland.decision == "accepted" for gland in done.glands)
        show_info(f"{accepted} accepted glands and {len(done.files)} files in {done.folder}.")
