"""The dialogs that ask a reader's PIN and that set one; they say what it protects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from napari_ptx.docks.parts import Dock, button, combo, hint, primary_style
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari_ptx.study import Study


class PinDialog(QDialog):
    """Ask the PIN until it is right, or given up."""

    right = Signal(str)
    """The PIN."""

    def __init__(self, parent: Dock, study: Study, reader: str) -> None:
        super().__init__(parent)
        self._study, self._reader = study, reader
        self.setWindowTitle(f"PIN of {reader}")
        self.pin = _secret(f"PIN of {reader}", "Ask the coordinator to clear it if it is forgotten")
        self.told = hint()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go_on = self.buttons.addButton("Go on", QDialogButtonBox.ButtonRole.AcceptRole)
        self.go_on.setStyleSheet(primary_style(parent.theme))
        self.go_on.setDefault(True)
        self.go_on.setEnabled(False)
        _fill(self, {f"PIN of {reader}": self.pin}, self.told, self.buttons)
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


class SetPinDialog(QDialog):
    """Set the PINs of readers and of the adjudicator, one after the other, or clear them."""

    def __init__(self, parent: Dock, study: Study) -> None:
        super().__init__(parent)
        from napari_ptx.study.pins import SHORTEST

        self._study, self._shortest = study, SHORTEST
        self.setWindowTitle(f"PINs of {study.name}")
        people = [name for name in (*study.readers, study.protocol.adjudicator) if name]
        self.reader = combo("Reader", "Whose PIN", *people)
        self.pin = _secret("New PIN", f"At least {SHORTEST} characters")
        self.again = _secret("Again", "The same once more, so that a slip is found")
        self.told = hint()
        self.set_button = button("Set the PIN", "It is asked whenever a session of theirs opens")
        self.set_button.setStyleSheet(primary_style(parent.theme))
        self.set_button.setEnabled(False)
        self.clear_button = button("Clear the PIN", "Let them in without one, if it is forgotten")
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        for made in (self.clear_button, self.set_button):
            self.buttons.addButton(made, QDialogButtonBox.ButtonRole.ActionRole)
        # Enter sets the PIN; the box would have it close the dialog.
        close = self.buttons.button(QDialogButtonBox.StandardButton.Close)
        close.setAutoDefault(False)
        close.setDefault(False)
        self.set_button.setDefault(True)
        rows = {"Reader": self.reader, "New PIN": self.pin, "Again": self.again}
        _fill(self, rows, self.told, self.buttons)
        self.reader.currentTextChanged.connect(self._chosen)
        for line in (self.pin, self.again):
            line.textChanged.connect(self._typed)
        self.set_button.clicked.connect(self._set)
        self.clear_button.clicked.connect(self._clear)
        self.buttons.rejected.connect(self.reject)
        self._chosen()

    def _chosen(self, *_: object) -> None:
        reader = self.reader.currentText()
        known = self._study.has_pin(reader)
        for line in (self.pin, self.again):
            line.clear()
        self.clear_button.setEnabled(known)
        self.told.setText(f"{reader} has {'a' if known else 'no'} PIN.")

    def _typed(self, *_: object) -> None:
        pin, again = self.pin.text(), self.again.text()
        if pin and len(pin) < self._shortest:
            self.told.setText(f"A PIN needs at least {self._shortest} characters.")
        elif again and not pin.startswith(again):
            self.told.setText("The two are not the same.")
        else:
            self.told.clear()
        self.set_button.setEnabled(len(pin) >= self._shortest and pin == again)

    def _set(self) -> None:
        self._write(self.pin.text())

    def _clear(self) -> None:
        self._write(None)

    def _write(self, pin: str | None) -> None:
        try:
            self._study.set_pin(self.reader.currentText(), pin)
        except PtxError as error:
            self.told.setText(error.message)
        else:
            self._chosen()


def _secret(name: str, tip: str) -> QLineEdit:
    line = QLineEdit()
    line.setEchoMode(QLineEdit.EchoMode.Password)
    line.setAccessibleName(name)
    line.setToolTip(tip)
    return line


def _fill(
    dialog: QDialog, rows: dict[str, QWidget], told: QWidget, buttons: QDialogButtonBox
) -> None:
    """Lay out the fields, what is said of them, what a PIN protects, and the buttons."""
    from napari_ptx.study.pins import PROTECTS

    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setMinimumWidth(420)
    form = QFormLayout()
    for name, field in rows.items():
        form.addRow(name, field)
    layout = QVBoxLayout(dialog)
    layout.addLayout(form)
    for part in (told, hint(PROTECTS), buttons):
        layout.addWidget(part)
