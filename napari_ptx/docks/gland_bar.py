"""The head of the Glands dock: which model runs, whose glands are shown, and who decides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QAction, QKeyEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.ct.shipped import shipped_models
from napari_ptx.docks import settings
from napari_ptx.docks.parts import button, combo, fill

if TYPE_CHECKING:
    from collections.abc import Sequence

SEARCHES = {"thyroid bed": "bed", "whole neck": "full"}
_OTHER, _FIRST = "Other model…", "Model…"


def known_models() -> dict[str, Path]:
    """Give the models that come with the package and those among the runs, by title."""
    trained = {
        title: path
        for title, path in shipped_models(settings.runs_folder()).items()
        if (path / "models" / "model.safetensors").is_file()
    }
    return {**trained, **shipped_models()}


class RunRow(QWidget):
    """Model, search, Run."""

    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._others: dict[str, Path] = {}
        self.model = combo("Model", "The network that looks for glands")
        self.search = combo("Search", "Where it looks; one gland in six is ectopic", *SEARCHES)
        self.search.setMinimumContentsLength(6)
        self.run = button("Run", "Look for glands in the phases that are open")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.model, 3)
        layout.addWidget(self.search, 2)
        layout.addWidget(self.run)
        self.run.clicked.connect(self.wanted)
        self.model.activated.connect(self._activated)

    @property
    def path(self) -> Path | None:
        """The folder of the model that is chosen."""
        return self.model.currentData()

    def offer(self) -> None:
        """Offer what there is now; what is chosen stays where it can."""
        listed = {**known_models(), **self._others}
        other = _OTHER if listed else _FIRST
        fill(self.model, [*((title, path) for title, path in listed.items()), (other, None)])
        if self.path is None:
            self.model.setCurrentIndex(0)  # nobody has chosen yet: "other" is no choice

    def add(self, folder: Path) -> None:
        """Offer one more model, and choose it."""
        self._others[folder.name] = folder
        self.offer()
        self.model.setCurrentIndex(self.model.findData(folder))

    def _activated(self, place: int) -> None:
        if self.model.itemData(place) is None:
            self.browse()

    def browse(self) -> None:
        """Ask for the folder of a model."""
        start = str(settings.runs_folder())
        chosen = QFileDialog.getExistingDirectory(self, "Folder of a model", start)
        if chosen:
            self.add(Path(chosen))
        else:
            self.offer()


class PatientRow(QWidget):
    """Whose glands are shown, on and back, and what else can be done with the prediction."""

    chosen = Signal(str)
    open_wanted = Signal()
    images_wanted = Signal()
    export_wanted = Signal()
    close_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.patient = combo("Patient", "Whose glands are shown (J next, K before)")
        self.count = QLabel()
        self.count.setTextFormat(Qt.TextFormat.PlainText)
        self.more = button("More", "Other predictions, the table of images, export")
        menu = QMenu(self.more)
        for text, signal in (
            ("Open prediction…", self.open_wanted),
            ("Table of images…", self.images_wanted),
            ("Export reviewed glands…", self.export_wanted),
            ("Close prediction", self.close_wanted),
        ):
            action = QAction(text, menu)
            action.triggered.connect(signal)
            menu.addAction(action)
        self.more.setMenu(menu)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.patient, 1)
        layout.addWidget(self.count)
        layout.addWidget(self.more)
        self.patient.currentTextChanged.connect(self.chosen)

    def show_patients(self, patients: Sequence[str], patient: str | None) -> None:
        """List the patients, with the one that is shown."""
        with QSignalBlocker(self.patient):
            if [self.patient.itemText(i) for i in range(self.patient.count())] != list(patients):
                self.patient.clear()
                self.patient.addItems(list(patients))
            self.patient.setCurrentText(patient or "")
        place = f"{patients.index(patient) + 1} of {len(patients)}" if patient in patients else ""
        self.count.setText(place)


class NameRow(QWidget):
    """Asks once for the name that stands beside each decision."""

    given = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setPlaceholderText("Your name, for the record of decisions")
        self.line.setAccessibleName("Your name")
        self.line.setToolTip("Written beside each decision; also on our page of Preferences")
        self.save = button("Save", "Remember this name")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(self.line, 1)
        row.addWidget(self.save)
        layout.addLayout(row)
        self.line.returnPressed.connect(self._give)
        self.save.clicked.connect(self._give)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Keep Enter from the dock: it saves the name, and presses nothing else."""
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)

    def _give(self) -> None:
        if self.line.text().strip():
            self.given.emit(self.line.text().strip())
