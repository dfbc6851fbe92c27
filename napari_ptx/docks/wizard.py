"""The wizard that makes a study: images, readers, protocol."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWizard,
    QWizardPage,
)

from napari_ptx.docks import tasks
from napari_ptx.docks.jobs import JobBar
from napari_ptx.docks.parts import Dock, hint, primary_style
from napari_ptx.docks.paths import PathEdit
from napari_ptx.errors import PtxError


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
        choice = QHBoxLayout()
        choice.addWidget(self.from_folder)
        choice.addWidget(self.from_table)
        choice.addStretch(1)
        layout = QVBoxLayout(self)
        layout.addLayout(choice)
        layout.addWidget(self.place)
        layout.addWidget(self.job)
        layout.addWidget(self._told)
        layout.addWidget(self._preview, 1)
        self.from_folder.toggled.connect(self._kind_changed)
        self.place.changed.connect(self._place_changed)
        self.job.finished.connect(self._looked)
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

    def _looked(self, _: str, look: tasks.Look) -> None:
        told = f"{look.images} images of {look.patients} patients."
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
        self.completeChanged.emit()


class ReadersPage(QWizardPage):
    """Who reads."""

    def __init__(self) -> None:
        super().__init__()
        self.setTitle("2 of 3 · Readers")
        self._lines: list[QLineEdit] = []
        self._column = QVBoxLayout()
        self._add = QPushButton("Add a reader")
        self._add.setToolTip("One more line; leave a line empty to drop it")
        self._add.setAutoDefault(False)
        self._told = hint()
        layout = QVBoxLayout(self)
        layout.addWidget(
            hint(
                "Short names or initials, as they will stand in tables and figures. Each reader "
                "gets an order of cases of their own and never sees another's work."
            )
        )
        layout.addLayout(self._column)
        layout.addWidget(self._add, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._told)
        layout.addStretch(1)
        self._add.clicked.connect(self.add_line)
        self.add_line().setText("A")
        self.add_line().setText("B")

    @property
    def readers(self) -> tuple[str, ...]:
        """The names, without empty lines."""
        return tuple(name for line in self._lines if (name := line.text().strip()))

    def add_line(self, *_: Any) -> QLineEdit:
        """Add an empty line for one more reader."""
        line = QLineEdit()
        line.setPlaceholderText("Name or initials")
        line.setAccessibleName(f"Reader {len(self._lines) + 1}")
        line.textChanged.connect(self._changed)
        self._lines.append(line)
        self._column.addWidget(line)
        line.setFocus()
        return line

    def isComplete(self) -> bool:  # noqa: D102, N802 - Qt's name
        return bool(self.readers) and not _repeated(self.readers)

    def _changed(self, _: str) -> None:
        told = ""
        if repeated := _repeated(self.readers):
            told = f"Two readers are called {repeated}; give each a name of their own."
        elif len(self.readers) == 1:
            told = "With one reader there is agreement only between rounds."
        self._told.setText(told)
        self.completeChanged.emit()


class ProtocolPage(QWizardPage):
    """How often, how long apart, in which order, and where the study is kept."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.setTitle("3 of 3 · Protocol")
        self._folder = folder
        self.name = QLineEdit("study")
        self.name.setToolTip("Stands in every table and report")
        self.reread = QSpinBox()
        self.reread.setSuffix(" cases")
        self.reread.setSpecialValueText("no second round")
        self.reread.setToolTip("Drawn at random; each reader outlines them a second time")
        self.washout = QSpinBox()
        self.washout.setRange(0, 3650)
        self.washout.setValue(60)
        self.washout.setSuffix(" days")
        self.washout.setToolTip(
            "The second round is sealed for so long, so that it is not recalled"
        )
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setToolTip("Every random order follows from it; it is stored with the study")
        self.threshold = QDoubleSpinBox()
        self.threshold.setRange(0.01, 0.99)
        self.threshold.setSingleStep(0.05)
        self.threshold.setValue(0.80)
        self.threshold.setToolTip("What the lower 95% limit of the ICC is held against")
        self.tolerance = QDoubleSpinBox()
        self.tolerance.setRange(0.1, 20)
        self.tolerance.setValue(1.0)
        self.tolerance.setSingleStep(0.5)
        self.tolerance.setSuffix(" mm")
        self.tolerance.setToolTip("How far two surfaces may lie apart and still count as equal")
        self.file = PathEdit("Study file", "Studies (*.ptx)", save=True)
        self.file.line.setToolTip(
            "One file that holds the whole record; the images stay where they are"
        )
        self._told = hint()
        form = QFormLayout()
        form.addRow("Name", self.name)
        form.addRow("Second round", self.reread)
        form.addRow("Washout", self.washout)
        form.addRow("Seed", self.seed)
        form.addRow("ICC above", self.threshold)
        form.addRow("Surface tolerance", self.tolerance)
        form.addRow("Study file", self.file)
        layout = QVBoxLayout(self)
        layout.addWidget(
            hint(
                "These are fixed once the study is made. The defaults are those of Liu 2026: "
                "100 images outlined again two months later, ICC above 0.80."
            )
        )
        layout.addLayout(form)
        layout.addWidget(self._told)
        layout.addStretch(1)
        self.name.textChanged.connect(self._name_changed)
        self.file.changed.connect(self._file_changed)

    def suggest(self, name: str, images: int) -> None:
        """Fill in defaults for this many images."""
        self.reread.setRange(0, images)
        self.reread.setValue(min(100, images))
        self.seed.setValue(secrets.randbelow(1_000_000))
        self.name.setText(name)
        self._name_changed(name)

    def isComplete(self) -> bool:  # noqa: D102, N802 - Qt's name
        path = self.file.path
        return bool(self.name.text().strip()) and path is not None and not path.exists()

    def _name_changed(self, name: str) -> None:
        safe = "".join(sign if sign.isalnum() or sign in "-_ " else "-" for sign in name.strip())
        if safe:
            self.file.path = self._folder / f"{safe}.ptx"
        self.completeChanged.emit()

    def _file_changed(self, path: Path | None) -> None:
        exists = path is not None and path.exists()
        self._told.setText(f"{path} exists already; choose another file." if exists else "")
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
        self._suggested: Path | None = None
        style = primary_style(parent.theme)
        for button in (QWizard.WizardButton.NextButton, QWizard.WizardButton.FinishButton):
            self.button(button).setStyleSheet(style)
        self.resize(640, 520)

    def initializePage(self, identity: int) -> None:  # noqa: D102, N802 - Qt's name
        super().initializePage(identity)
        page = self.page(identity)
        place = self.images.place.path
        if page is self.protocol and place is not None and place != self._suggested:
            self._suggested = place
            self.protocol.suggest(place.stem, self.images.count)
        elif page is self.making:
            self._make()

    def cleanupPage(self, identity: int) -> None:  # noqa: D102, N802 - Qt's name
        if self.page(identity) is self.making:  # back, to change something
            self.making.job.cancel()
        super().cleanupPage(identity)

    def _make(self) -> None:
        from napari_ptx.study import Protocol

        page = self.protocol
        self.making.told.hide()
        try:
            protocol = Protocol(
                readers=self.readers.readers,
                reread=page.reread.value(),
                washout_days=page.washout.value(),
                seed=page.seed.value(),
                icc_threshold=page.threshold.value(),
                tolerance_mm=page.tolerance.value(),
            )
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


def _repeated(names: tuple[str, ...]) -> str:
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            return name
        seen.add(name.casefold())
    return ""
