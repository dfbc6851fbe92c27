"""The wizard that makes a study: images, readers, protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QRadioButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWizard,
    QWizardPage,
)

from napari_ptx.docks import tasks
from napari_ptx.docks.jobs import JobBar
from napari_ptx.docks.kits import show_findings
from napari_ptx.docks.parts import Dock, button, count_of, hint, primary_style
from napari_ptx.docks.paths import PathEdit
from napari_ptx.docks.wizard_pages import ProtocolPage, ReadersPage
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari_ptx.study import Protocol
    from napari_ptx.study.lint import Lint

PROTOCOL_FILES = "Protocols (*.toml);;All files (*)"


class ImagesPage(QWizardPage):
    """Which images: a folder of them, or a cohort table."""

    def __init__(self) -> None:
        super().__init__()
        self.setTitle("1 of 3 · Images")
        self.count = 0
        self.from_folder = QRadioButton("A folder of images")
        self.from_table = QRadioButton("A cohort table (CSV)")
        self.from_folder.setToolTip("A cohort table is written from it, beside the study")
        self.from_table.setToolTip("One row per image: case, patient, image, and what you like")
        self.from_folder.setChecked(True)
        kinds = QButtonGroup(self)
        kinds.addButton(self.from_folder)
        kinds.addButton(self.from_table)
        self.place = PathEdit("Folder of images")
        self._told = hint()
        self.job = JobBar(quiet=True)
        # Somebody may type the path: the folder is looked at when the typing rests.
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(300)
        self._wait.timeout.connect(self._look)
        self._preview = QTableWidget(0, 3)
        self._preview.setAccessibleName("The first images found")
        self._preview.setHorizontalHeaderLabels(("case", "patient", "image"))
        self._preview.verticalHeader().hide()
        self._preview.verticalHeader().setDefaultSectionSize(22)
        self._preview.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self._preview.horizontalHeader().setStretchLastSection(True)
        self.blinding = button(
            "Blinding…",
            "Look for what could unblind a reader, before the study is made: tags, burned-in "
            "text, calipers, telling names, doubles",
        )
        choice = QHBoxLayout()
        choice.addWidget(self.from_folder)
        choice.addWidget(self.from_table)
        choice.addStretch(1)
        choice.addWidget(self.blinding)
        layout = QVBoxLayout(self)
        layout.addLayout(choice)
        layout.addWidget(self.place)
        layout.addWidget(self.job)
        layout.addWidget(self._told)
        layout.addWidget(self._preview, 1)
        self.from_folder.toggled.connect(self._kind_changed)
        self.place.changed.connect(self._place_changed)
        self.blinding.clicked.connect(self._look_for_names)
        self.job.finished.connect(self._finished)
        self.job.running_changed.connect(self._running)
        self.job.stopped.connect(self._look_failed)
        self._show(0, (), "Choose where the images are.")

    def isComplete(self) -> bool:  # noqa: D102, N802 - Qt's name
        return self.count > 0

    def _kind_changed(self, folder: bool) -> None:
        self.place.what = "Folder of images" if folder else "Cohort table"
        self.place.files = None if folder else "Tables (*.csv);;All files (*)"
        self.place.path = None

    def _place_changed(self, path: Path | None) -> None:
        self._show(0, (), "" if path is not None else "Choose where the images are.")
        self.job.cancel()
        self._wait.start()

    def _look(self) -> None:
        place = self.place.path
        if place is None:
            return
        folder = self.from_folder.isChecked()
        if not (place.is_dir() if folder else place.is_file()):
            self._told.setText(f"There is no {'folder' if folder else 'table'} {place}.")
            return
        self.job.start("look", "Looking at the images", "napari_ptx.docks.tasks:look", place)

    def _look_for_names(self) -> None:
        self.job.start("lint", "Looking at the images", "napari_ptx.docks.kit_tasks:lint",
                       self.place.path)  # fmt: skip

    def _running(self, running: bool) -> None:
        self.blinding.setEnabled(self.count > 0 and not running)

    def _finished(self, name: str, value: tasks.Look | Lint) -> None:
        if name == "lint":
            show_findings(self, value)
        else:
            self._looked(value)

    def _looked(self, look: tasks.Look) -> None:
        told = f"{count_of(look.images, 'image')} of {count_of(look.patients, 'patient')}."
        if self.from_folder.isChecked() and look.patients == look.images:
            told += (
                " Each image counts as a patient of its own. If patients have several, put "
                "each patient's images into a sub-folder, or use a cohort table."
            )
        elif self.from_folder.isChecked():
            told += " The sub-folder is the patient."
        self._show(look.images, look.sample, told)

    def _look_failed(self, _: str, sentence: str) -> None:
        if sentence:
            self._told.setText(sentence)

    def _show(self, count: int, sample: tuple[tasks.FoundImage, ...], told: str) -> None:
        self.count = count
        self._told.setText(told)
        self._preview.setRowCount(len(sample))
        for row, image in enumerate(sample):
            for place, text in enumerate((image.case, image.patient, image.path.name)):
                self._preview.setItem(row, place, QTableWidgetItem(text))
            self._preview.item(row, 2).setToolTip(str(image.path))
        self._preview.resizeColumnsToContents()
        self.blinding.setEnabled(count > 0)
        self.completeChanged.emit()


class MakingPage(QWizardPage):
    """Progress, and every bad row at once if it fails."""

    def __init__(self) -> None:
        super().__init__()
        self.setTitle("Making the study")
        self.made = False
        self.job = JobBar(quiet=True)
        self.told = QPlainTextEdit()
        self.told.setReadOnly(True)
        self.told.setAccessibleName("What went wrong")
        self.told.hide()
        layout = QVBoxLayout(self)
        layout.addWidget(
            hint("Every image is read once, and its pixels are hashed. They stay where they are.")
        )
        layout.addWidget(self.job)
        layout.addWidget(self.told, 1)

    def isComplete(self) -> bool:  # noqa: D102, N802 - Qt's name
        return self.made


class StudyWizard(QWizard):
    """Three pages and a study."""

    made = Signal(object)
    """The path of the study, once it is made."""

    def __init__(self, parent: Dock, folder: Path) -> None:
        super().__init__(parent)
        self.setWindowTitle("New study")
        # The other styles paint a white banner, which no dark theme survives.
        self.setWizardStyle(QWizard.WizardStyle.ClassicStyle)
        self.setOption(QWizard.WizardOption.NoBackButtonOnStartPage)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.images = ImagesPage()
        self.readers = ReadersPage()
        self.protocol = ProtocolPage(folder)
        self.making = MakingPage()
        for page in (self.images, self.readers, self.protocol, self.making):
            self.addPage(page)
        self.setButtonText(QWizard.WizardButton.BackButton, "Back")
        self.setButtonText(QWizard.WizardButton.NextButton, "Next")
        self.protocol.setButtonText(QWizard.WizardButton.NextButton, "Make the study")
        self.setButtonText(QWizard.WizardButton.FinishButton, "Open the study")
        self.making.job.finished.connect(self._finished)
        self.making.job.stopped.connect(self._stopped)
        self.protocol.load.connect(self._choose_load)
        self.protocol.save.connect(self._choose_save)
        self._suggested: Path | None = None
        style = primary_style(parent.theme)
        for which in (QWizard.WizardButton.NextButton, QWizard.WizardButton.FinishButton):
            self.button(which).setStyleSheet(style)
        self.resize(700, 600)

    def initializePage(self, identity: int) -> None:  # noqa: D102, N802 - Qt's name
        super().initializePage(identity)
        page = self.page(identity)
        place = self.images.place.path
        if page is self.protocol and place is not None and place != self._suggested:
            self._suggested = place
            self.protocol.suggest(place.stem, self.images.count, len(self.readers.readers))
        elif page is self.protocol:
            self.protocol.form.limit(self.images.count, len(self.readers.readers))
        elif page is self.making:
            self._make()

    def cleanupPage(self, identity: int) -> None:  # noqa: D102, N802 - Qt's name
        if self.page(identity) is self.making:  # back, to change something
            self.making.job.cancel()
        super().cleanupPage(identity)

    def decided(self) -> Protocol:
        """Give the protocol of both pages; ``StudyError`` where that cannot be."""
        from napari_ptx.study import Protocol

        table = self.readers.table
        people = Protocol(table.readers, adjudicator=table.adjudicator, described=table.described)
        return self.protocol.form.protocol(people)

    def load_protocol(self, path: Path) -> None:
        """Take readers and protocol from a file."""
        from napari_ptx.study.protocol_file import read_protocol

        try:
            protocol = read_protocol(path)
        except PtxError as error:
            self.protocol.say(str(error))
            return
        self.readers.table.show_people(protocol)
        self.protocol.form.show_protocol(protocol)
        self.protocol.form.limit(self.images.count, len(protocol.readers))
        fewer = protocol.reread > self.images.count
        self.protocol.say(
            f"Taken from {path.name}."
            + (f" There are only {self.images.count} cases to read again." if fewer else "")
        )

    def save_protocol(self, path: Path) -> None:
        """Write readers and protocol into a file."""
        from napari_ptx.study.protocol_file import write_protocol

        try:
            write_protocol(path, self.decided(), replace=True)
        except PtxError as error:
            self.protocol.say(str(error))
        else:
            self.protocol.say(f"Saved as {path}.")

    def _choose_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load protocol file", "", PROTOCOL_FILES)
        if path:
            self.load_protocol(Path(path))

    def _choose_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save protocol file", "protocol.toml", PROTOCOL_FILES
        )
        if path:
            self.save_protocol(Path(path).with_suffix(".toml"))

    def _make(self) -> None:
        page = self.protocol
        self.making.told.hide()
        try:
            protocol = self.decided()
        except PtxError as error:
            self._stopped("", str(error))
            return
        self.making.job.start(
            "make", "Reading the images", "napari_ptx.docks.tasks:create_study",
            page.file.path, self.images.place.path, protocol, page.name.text().strip(),
        )  # fmt: skip

    def _finished(self, _: str, path: Path) -> None:
        self.making.made = True
        self.making.completeChanged.emit()
        self.made.emit(path)
        self.accept()

    def _stopped(self, _: str, sentence: str) -> None:
        self.making.told.setPlainText(sentence or "Cancelled; no study was made.")
        self.making.told.show()

    def done(self, result: int) -> None:  # noqa: D102
        self.images.job.cancel()
        self.making.job.cancel()
        super().done(result)
