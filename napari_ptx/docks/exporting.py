"""The dialog that asks in which formats, and where to, a study is exported."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QGroupBox,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks.parts import hint, primary_style
from napari_ptx.docks.paths import PathEdit
from napari_ptx.study.export_formats import FORMATS

_GROUPS = (
    ("Tables", ("long", "r")),
    ("Outlines and masks", ("imagej", "masks", "coco", "nifti", "nrrd")),
    ("For a PACS (DICOM images only; the files name the patient)", ("seg", "sr")),
)


class ExportDialog(QDialog):
    """Which formats, and which folder.

    Parameters
    ----------
    folder
        Where the study is; its folder "export" is offered.
    theme
        Napari's theme.
    """

    chosen = Signal(object, object)
    """The folder, and the names of the formats."""

    def __init__(self, parent: QWidget, folder: Path, theme: object) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export readings")
        self.ticks: dict[str, QCheckBox] = {}
        formats = {one.name: one for one in FORMATS}
        layout = QVBoxLayout(self)
        layout.addWidget(
            hint("readings.csv, with the measurements of every reading, is always written.")
        )
        for title, names in _GROUPS:
            group = QGroupBox(title)
            lines = QVBoxLayout(group)
            lines.setSpacing(4)
            for name in names:
                one = formats[name]
                tick = QCheckBox(one.title)
                tick.setToolTip(one.about)
                tick.setChecked(one.chosen)
                self.ticks[name] = tick
                lines.addWidget(tick)
            layout.addWidget(group)
        self.folder = PathEdit("Folder of the export")
        self.folder.setToolTip("A new or empty folder, or an earlier export nobody has changed")
        form = QFormLayout()
        form.addRow("Into", self.folder)
        layout.addLayout(form)
        self.buttons = QDialogButtonBox()
        self.accept_button = self.buttons.addButton(
            "Export", QDialogButtonBox.ButtonRole.AcceptRole
        )
        self.accept_button.setDefault(True)
        self.accept_button.setToolTip("Write the files (Enter)")
        self.accept_button.setStyleSheet(primary_style(theme))
        self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout.addWidget(self.buttons)
        self.folder.changed.connect(self._folder_changed)
        self.folder.path = folder / "export"
        self.setMinimumWidth(460)

    @property
    def formats(self) -> tuple[str, ...]:
        """The names of the formats that are ticked."""
        return tuple(name for name, tick in self.ticks.items() if tick.isChecked())

    def accept(self) -> None:
        """Hand on the choice and close."""
        super().accept()
        self.chosen.emit(self.folder.path, self.formats)

    def _folder_changed(self, path: object) -> None:
        self.accept_button.setEnabled(isinstance(path, Path))
