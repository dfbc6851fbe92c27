"""The Study dock: the coordinator's desk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QVBoxLayout

from napari_ptx.docks import outcomes, recent, settings
from napari_ptx.docks.amending import AmendDialog
from napari_ptx.docks.doors import DoorsPage
from napari_ptx.docks.exporting import ExportDialog
from napari_ptx.docks.importing import ImportDialog
from napari_ptx.docks.jobs import JobBar
from napari_ptx.docks.kits import KitPage, ask_kit, ask_kits, show_findings, told, withdraw_kit
from napari_ptx.docks.parts import Dock, colour
from napari_ptx.docks.pin_dialog import PinDialog, SetPinDialog
from napari_ptx.docks.study_page import BlindPage, StudyPage
from napari_ptx.docks.wizard import StudyWizard
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari import Viewer

    from napari_ptx.study import Protocol
    from napari_ptx.study.types import RoundStatus

STUDY_FILES = "Studies and kits (*.ptx *.ptxkit);;All files (*)"


class StudyDock(Dock):
    """Open, make and watch studies; begin reading sessions; import and export.

    It shows one page: the doors while no study is open; the study; a reader's kit; or,
    while a reader is at work, nothing but the way to end the session.
    """

    NAME = "Study"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.doors = DoorsPage()
        self.page = StudyPage()
        self.blind = BlindPage()
        self.kit = KitPage()
        self._pages = QStackedWidget()
        for page in (self.doors, self.page, self.blind, self.kit):
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
        self.page.amend.connect(self.amend)
        self.page.pins.connect(self.set_pins)
        self.page.close_study.connect(self.hub.close_study)
        self.page.open_recent.connect(self.hub.open_study)
        self.page.verify_button.clicked.connect(self.verify)
        self.page.import_button.clicked.connect(self.choose_readings)
        self.page.export_button.clicked.connect(self.choose_export)
        self.page.agreement_button.clicked.connect(self.open_agreement)
        self.page.replay_button.clicked.connect(self.open_replay)
        self.page.find_button.clicked.connect(self.choose_images)
        self.page.report_button.clicked.connect(self.choose_report)
        self.page.kit_button.clicked.connect(self.kit_out)
        self.page.merge_button.clicked.connect(self.choose_kits)
        self.page.lint_button.clicked.connect(self.lint)
        self.kit.close_button.clicked.connect(self.hub.close_study)
        self.page.session_changed.connect(self._update_primary)
        self.page.table.chosen.connect(self._primary_clicked)
        self.blind.end_button.clicked.connect(self.hub.close_desk)
        self.page.adjudication.begin.connect(self.begin_adjudication)
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
            self._hide_the_study()
        elif desk is not None:
            self.blind.show_desk(desk)
            self._hide_the_study()
        elif self.hub.kit is not None:
            self.kit.show_kit(self.hub.kit)
            self._pages.setCurrentWidget(self.kit)
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

    def _hide_the_study(self) -> None:
        self._pages.setCurrentWidget(self.blind)
        self.page.forget()
        self.doors.show_recent(())

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
        if self.hub.kit is not None:
            return self.kit.primary_words()
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
        elif self.hub.kit is not None:
            self.hub.resume_kit()
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
            begin = partial(self.hub.open_desk, session.reader, session.round, reason)
            self.with_pin(session.reader, begin)

    def begin_adjudication(self) -> None:
        """Begin or resume the adjudicator's session."""
        if self.hub.study is not None and (who := self.hub.study.protocol.adjudicator):
            self.with_pin(who, self.hub.open_adjudication)

    def with_pin(self, reader: str, go_on: Callable[[str | None], object]) -> PinDialog | None:
        """Ask a reader's PIN, where they have one, and go on with it."""
        if self.hub.study is None or not self.hub.study.has_pin(reader):
            go_on(None)
            return None
        dialog = PinDialog(self, self.hub.study, reader)
        dialog.right.connect(go_on)
        dialog.open()
        return dialog

    def set_pins(self) -> SetPinDialog | None:
        """Open the dialog that sets and clears PINs."""
        if self.hub.study is None or self.hub.blinded:
            return None
        dialog = SetPinDialog(self, self.hub.study)
        dialog.open()
        return dialog

    def amend(self) -> AmendDialog | None:
        """Ask what to change in the protocol, and why."""
        if self.hub.study is None or self.hub.blinded:
            return None
        dialog = AmendDialog(self, self.hub.study)
        dialog.chosen.connect(self._amend)
        dialog.open()
        return dialog

    def _amend(self, protocol: Protocol, reason: str) -> None:
        if self.hub.study is None:
            return
        try:
            changed = self.hub.study.amend(protocol, reason)
        except PtxError as error:
            show_error(str(error))
            return
        show_info(f"The protocol is amended: {', '.join(changed)}.")
        self.hub.record_changed()

    def open_agreement(self) -> None:
        """Show the Agreement dock."""
        self.hub.show("Agreement")

    def open_replay(self) -> None:
        """Show the Replay dock with the selected session."""
        session = self.page.table.current()
        if session is not None:
            self.hub.show_replay(session.reader, session.round)

    # Kits

    def kit_out(self) -> None:
        """Write the selected session into a kit, or withdraw the kit that is out."""
        session = self.page.table.current()
        if self.hub.study is None or session is None:
            return
        if session.out:
            withdraw_kit(self, self.hub, session)
        elif (chosen := ask_kit(self, self.hub.study.path, session, self.page.reason)) is not None:
            self._start("kit", "Packing the kit", "napari_ptx.docks.kit_tasks:make_kit",
                        self.hub.study.path, session.reader, session.round, *chosen)  # fmt: skip

    def choose_kits(self) -> None:
        """Ask for kits that came back, and merge them."""
        if self.hub.study is not None and (chosen := ask_kits(self, self.hub.study.path)):
            self.merge(chosen)

    def merge(self, kits: list[Path]) -> None:
        """Bring the readings of kits home."""
        if self.hub.study is not None:
            self._start("merge", "Checking kits", "napari_ptx.docks.kit_tasks:merge",
                        self.hub.study.path, kits)  # fmt: skip

    def lint(self) -> None:
        """Look for what could unblind a reader in the study's images."""
        if self.hub.study is not None:
            self._start("lint", "Looking at the images", "napari_ptx.docks.kit_tasks:lint",
                        self.hub.study.path)  # fmt: skip

    # Long work

    def choose_images(self) -> None:
        """Ask for the folder where the images are now, and look there."""
        folder = QFileDialog.getExistingDirectory(self, "Find the images in a folder")
        if folder:
            self.find_images(Path(folder))

    def find_images(self, folder: Path) -> None:
        """Look in a folder for images that are not where they were, by their pixels."""
        if self.hub.study is not None:
            self._start("relink", "Looking for the images", "napari_ptx.docks.replay_tasks:relink",
                        self.hub.study.path, folder)  # fmt: skip

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
        def go_on(pin: str | None) -> None:
            if self.hub.study is not None:
                self._start("import", "Importing readings",
                            "napari_ptx.docks.tasks:import_readings", self.hub.study.path,
                            reader, round, table, threshold, pin)  # fmt: skip

        self.with_pin(reader, go_on)

    def choose_export(self) -> ExportDialog | None:
        """Ask for formats and a folder."""
        if self.hub.study is None:
            return None
        dialog = ExportDialog(self, self.hub.study.path.parent, self.theme)
        dialog.chosen.connect(self.export)
        dialog.open()
        return dialog

    def export(self, folder: Path, formats: tuple[str, ...] | None = None) -> None:
        """Write the readings into a folder, as CSV and in other formats."""
        if self.hub.study is not None:
            self._export_folder = folder
            self._start("export", "Exporting", "napari_ptx.docks.tasks:export",
                        self.hub.study.path, folder, formats)  # fmt: skip

    def choose_report(self) -> None:
        """Ask for a folder and write the study's report into it."""
        if self.hub.study is None:
            return
        folder = QFileDialog.getExistingDirectory(
            self, "Report into a folder", str(self.hub.study.path.parent)
        )
        if folder:
            self.report(Path(folder))

    def report(self, folder: Path) -> None:
        """Write the report of the study, its page and its tables, into a folder."""
        if self.hub.study is not None:
            self._start("report", "Reporting", "napari_ptx.docks.tasks:report",
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
        elif name in ("kit", "merge"):
            show_info(told(name, value))
            self.hub.record_changed()
        elif name == "lint" and not self.hub.blinded:
            show_findings(self, value)
        elif name == "export" and self._export_folder is not None:
            outcomes.tell_exported(self._export_folder, *value)
        elif name == "relink":
            outcomes.tell_relinked(value)
            self.hub.reload_study()
        elif name == "report":
            self.refresh()  # the record was verified with it
            outcomes.open_report(value, blinded=self.hub.blinded)
        elif name == "verify":
            self.refresh()
            outcomes.tell_verified(value)
