"""The dialog that asks a reader's PIN, and says what it protects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLineEdit, QVBoxLayout

from napari_ptx.docks.parts import Dock, hint, primary_style
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari_ptx.study import Study


class PinDialog(QDialog):
    """Ask the PIN until it is right, or given up."""

    right = Signal(str)
    """The PIN."""

    def __init__(self, parent: Dock, study: Study, reader: str) -> None:
        super().__init__(parent)
        from napari_ptx.study.pins import PROTECTS

        self._study, self._reader = study, reader
        self.setWindowTitle(f"PIN of {reader}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.pin = QLineEdit()
        self.pin.setEchoMode(QLineEdit.EchoMode.Password)
        self.pin.setAccessibleName(f"PIN of {reader}")
        self.pin.setToolTip("Ask the coordinator to clear it if it is forgotten")
        self.told = hint()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go_on = self.buttons.addButton("Go on", QDialogButtonBox.ButtonRole.AcceptRole)
        self.go_on.setStyleSheet(primary_style(parent.theme))
        self.go_on.setDefault(True)
        self.go_on.setEnabled(False)
        form = QFormLayout()
        form.addRow(f"PIN of {reader}", self.pin)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.told)
        layout.addWidget(hint(PROTECTS))
        layout.addWidget(self.buttons)
        self.setMinimumWidth(420)
        self.pin.textChanged.connect(self._typed)
        self.buttons.accepted.connect(self._accepted)
        self.buttons.rejected.connect(self.reject)

    def _typed(self, text: str) -> None:
        self.go_on.setEnabled(bool(text))

    def _accepted(self) -> None:
        pin = self.pin.text()
        try:
            self._study.check_pin(self._reader, pin)
        except PtxError as error:
            self.told.setText(error.message)
            self.pin.selectAll()
            return
        self.accept()
        self.right.emit(pin)
