"""The dialog that asks which finished readings to import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks.parts import hint
from napari_ptx.docks.paths import PathEdit

if TYPE_CHECKING:
    from napari_ptx.study import Protocol
    from napari_ptx.study.types import RoundStatus


class ImportDialog(QDialog):
    """Whose readings, of which round, from which table."""

    chosen = Signal(str, int, object, object)
    """Reader, round, path of the table, and the threshold of masks or ``None``."""

    def __init__(self, parent: QWidget, protocol: Protocol, session: RoundStatus | None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import readings")
        self.reader = QComboBox()
        self.reader.addItems(protocol.readers)
        self.reader.setToolTip("Whose outlines they are")
        self.round = QComboBox()
        self.round.addItems([str(number) for number in protocol.rounds])
        self.round.setToolTip("First or second reading")
        if session is not None:
            self.reader.setCurrentText(session.reader)
            self.round.setCurrentText(str(session.round))
        self.table = PathEdit("Table of readings", "Tables and COCO (*.csv *.json);;All files (*)")
        self.table.setToolTip("A CSV file with the columns case and roi, or a COCO file")
        self.masks = QCheckBox("Masks: foreground is")
        self.masks.setToolTip("Needed for masks with more than two values, such as JPEG files")
        self.threshold = QDoubleSpinBox()
        self.threshold.setRange(-65536, 65536)
        self.threshold.setValue(128)
        self.threshold.setPrefix("at least ")
        self.threshold.setEnabled(False)
        self.masks.toggled.connect(self.threshold.setEnabled)
        self.buttons = QDialogButtonBox()
        self.accept_button = self.buttons.addButton(
            "Import", QDialogButtonBox.ButtonRole.AcceptRole
        )
        self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.accept_button.setEnabled(False)
        self.accept_button.setDefault(True)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.table.changed.connect(self._table_changed)

        form = QFormLayout()
        form.addRow("Reader", self.reader)
        form.addRow("Round", self.round)
        form.addRow("Table", self.table)
        form.addRow(self.masks, self.threshold)
        layout = QVBoxLayout(self)
        layout.addWidget(
            hint(
                "The table has one row per case: case, roi. A roi is an ImageJ file (.roi, "
                ".zip), a mask image, a DICOM SEG or a label map (NIfTI, NRRD), by its path "
                "relative to the table. Or choose a COCO file."
            )
        )
        layout.addLayout(form)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(460)

    def accept(self) -> None:
        """Hand on the choice and close."""
        threshold = self.threshold.value() if self.masks.isChecked() else None
        super().accept()
        self.chosen.emit(
            self.reader.currentText(), int(self.round.currentText()), self.table.path, threshold
        )

    def _table_changed(self, path: object) -> None:
        self.accept_button.setEnabled(isinstance(path, Path) and path.is_file())
