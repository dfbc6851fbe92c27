"""The Study dock: the coordinator's desk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QVBoxLayout

from napari_ptx.docks import recent, settings
from napari_ptx.docks.doors import DoorsPage
from napari_ptx.docks.importing import ImportDialog
from napari_ptx.docks.jobs import JobBar
from napari_ptx.docks.parts import Dock, colour
from napari_ptx.docks.study_page import BlindPage, StudyPage
from napari_ptx.docks.wizard import StudyWizard
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari import Viewer

    from napari_ptx.study.types import RoundStatus

STUDY_FILES = "Studies (*.ptx);;All files (*)"


class StudyDock(Dock):
    """Open, make and watch studies; begin reading sessions; import and export.

    It shows one of three pages: the doors while no study is open, the study, or,
    while a reader is at work, nothing but the way to end the session.
    """

    NAME = "Study"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.doors = DoorsPage()
        self.page = StudyPage()
        self.blind = BlindPage()
        self._pages = QStackedWidget()
        for page in (self.doors, self.page, self.blind):
            self._pages.addWidget(page)
        self.job = JobBar()
        self._export_folder: Path | None = None

        bottom = QHBoxLayout()
        bottom.addWidget(self.blind.end_button)
        bottom.addStretch(1)
        bottom.addWidget(self.primary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self.job)
        layout.addLayout(bottom)

        self.primary.clicked.connect(self._primary_clicked)
        self.doors.demo.connect(self.open_demo)
        self.doors.new.connect(self.new_study)
        self.doors.open.connect(self.choose_study)
        self.doors.recent_chosen.connect(self._primary_clicked)
        self.doors.recent_selected.connect(self._update_primary)
        self.page.demo.connect(self.open_demo)
        self.page.new.connect(self.new_study)
        self.page.open.connect(self.choose_study)
        self.page.close_study.connect(self.hub.close_study)
        self.page.open_recent.connect(self.hub.open_study)
        self.page.verify_button.clicked.connect(self.verify)
        self.page.import_button.clicked.connect(self.choose_readings)
        self.page.export_button.clicked.connect(self.choose_export)
        self.page.agreement_button.clicked.connect(self.open_agreement)
        self.page.session_changed.connect(self._update_primary)
        self.page.table.chosen.connect(self._primary_clicked)
        self.blind.end_button.clicked.connect(self.hub.close_desk)
        self.page.adjudication.begin.connect(self.hub.open_adjudication)
        self.job.finished.connect(self._job_finished)
        self.job.running_changed.connect(self._job_running)
        self.refresh()

    # What is shown

    def refresh(self) -> None:
        """Show the page that fits, with the record as it stands."""
        study, desk = self.hub.study, self.hub.desk
        self.blind.end_button.setVisible(self.hub.blinded)
        if self.hub.adjudication is not None:
            self.blind.show_adjudication(self.hub.adjudication)
            self._pages.setCurrentWidget(self.blind)
        elif desk is not None:
            self.blind.show_desk(desk)
            self._pages.setCurrentWidget(self.blind)
        elif study is not None:
            try:
                self.page.show_study(study)
            except PtxError as error:
                show_error(str(error))
                self.hub.close_study()
                return
            self._pages.setCurrentWidget(self.page)
        else:
            self.doors.show_recent(recent.studies())
            self._pages.setCurrentWidget(self.doors)
        self._update_primary()

    def restyle(self) -> None:  # noqa: D102
        super().restyle()
        theme = self.theme
        self.page.table.set_colours(
            colour(theme, "current"), colour(theme, "primary"), colour(theme, "text")
        )

    def _update_primary(self) -> None:
        text, tip, able = self._primary_words()
        self.primary.setText(text)
        self.primary.setToolTip(tip)
        self.primary.setEnabled(able and not self.job.running)

    def _primary_words(self) -> tuple[str, str, bool]:
        """Give the primary button's text and tooltip, and whether it can be pressed."""
        if self.hub.adjudication is not None:
            return "Go on adjudicating", "Show the Adjudication dock (Enter)", True
        if self.hub.desk is not None:
            return "Go on reading", "Show the Reading dock (Enter)", True
        if self.hub.study is None:
            if self.doors.recent is not None:
                return f"Open {self.doors.recent.stem}", "Open the selected study (Enter)", True
            return "Open the demo", "Make the demo study once, and open it (Enter)", True
        return self.page.primary_words()

    def _primary_clicked(self) -> None:
        if not self.primary.isEnabled():
            return
        if self.hub.blinded:
            self.hub.show("Reading" if self.hub.desk is not None else "Adjudication")
        elif self.hub.study is not None:
            self.begin_session()
        elif self.doors.recent is not None:
            self.hub.open_study(self.doors.recent)
        else:
            self.open_demo()

    # Studies

    def open_demo(self) -> None:
        """Make the demo study, if it is not there yet, and open it."""
        self._start("demo", "Making the demo study", "napari_ptx.study.demo:make_demo",
                    settings.study_folder() / "demo")  # fmt: skip

    def choose_study(self) -> None:
        """Ask for a study file and open it."""
        path, _ = QFileDialog.getOpenFileName(
            self, "Open study", str(settings.study_folder()), STUDY_FILES
        )
        if path:
            self.hub.open_study(path)

    def new_study(self) -> StudyWizard:
        """Open the wizard that makes a study."""
        wizard = StudyWizard(self, settings.study_folder())
        wizard.made.connect(self.hub.open_study)
        wizard.open()
        return wizard

    def begin_session(self) -> None:
        """Begin or resume the selected session; a sealed one needs the reason given."""
        session = self.page.table.current()
        if session is not None:
            reason = self.page.reason if session.state == "sealed" else None
            self.hub.open_desk(session.reader, session.round, early_reason=reason)

    def open_agreement(self) -> None:
        """Show the Agreement dock."""
        self.hub.show("Agreement")

    # Long work

    def verify(self) -> None:
        """Recompute every hash of the record."""
        if self.hub.study is not None:
            self._start("verify", "Verifying", "napari_ptx.docks.tasks:verify",
                        self.hub.study.path)  # fmt: skip

    def choose_readings(self) -> ImportDialog | None:
        """Ask which readings to import."""
        if self.hub.study is None:
            return None
        session: RoundStatus | None = self.page.table.current()
        dialog = ImportDialog(self, self.hub.study.protocol, session)
        dialog.chosen.connect(self._import)
        dialog.open()
        return dialog

    def _import(self, reader: str, round: int, table: Path, threshold: float | None) -> None:
        if self.hub.study is not None:
            self._start("import", "Importing readings", "napari_ptx.docks.tasks:import_readings",
                        self.hub.study.path, reader, round, table, threshold)  # fmt: skip

    def choose_export(self) -> None:
        """Ask for a folder and export the study into it."""
        if self.hub.study is None:
            return
        folder = QFileDialog.getExistingDirectory(
            self, "Export into a folder", str(self.hub.study.path.parent)
        )
        if folder:
            self.export(Path(folder))

    def export(self, folder: Path) -> None:
        """Write the readings as CSV, ImageJ files and masks into a folder."""
        if self.hub.study is not None:
            self._export_folder = folder
            self._start("export", "Exporting", "napari_ptx.docks.tasks:export",
                        self.hub.study.path, folder)  # fmt: skip

    def _start(self, name: str, text: str, target: str, *args: Any) -> None:
        if self.job.running:
            show_warning("Something is still running; wait for it, or cancel it.")
            return
        self.job.start(name, text, target, *args)

    def _job_running(self, running: bool) -> None:
        self.doors.setEnabled(not running)
        self.page.set_busy(running)
        self._update_primary()

    def _job_finished(self, name: str, value: Any) -> None:
        if name == "demo":
            self.hub.open_study(value)
        elif name == "import":
            show_info(f"{value} readings imported.")
            self.hub.record_changed()
        elif name == "export":
            show_info(f"{len(value)} files exported to {self._export_folder}.")
        elif name == "verify":
            self.refresh()
            if value:
                show_warning("\n".join([f"{len(value)} problems:", *(p.text for p in value[:10])]))
