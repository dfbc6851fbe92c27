"""The dialog that amends a protocol: the wizard's form, and a reason."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks.parts import Dock, hint, primary_style
from napari_ptx.docks.protocol_form import ProtocolForm
from napari_ptx.docks.reader_table import ReaderTable
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari_ptx.study import Protocol, Study


class AmendDialog(QDialog):
    """Change what can still change; what the worklists were drawn from is fixed."""

    chosen = Signal(object, str)
    """The protocol as amended, and the reason."""

    def __init__(self, parent: Dock, study: Study) -> None:
        super().__init__(parent)
        from napari_ptx.study.amendments import FIXED

        self.setWindowTitle(f"Amend the protocol of {study.name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._before = study.protocol
        self.people = ReaderTable()
        self.people.show_people(study.protocol, fixed=True)
        self.people.setFixedHeight(30 * (min(len(study.readers), 4) + 2))
        self.form = ProtocolForm()
        self.form.show_protocol(study.protocol, FIXED)
        self.form.limit(len(study.cases()), len(study.readers))
        self.form.more.setChecked(True)
        self.reason = QLineEdit()
        self.reason.setPlaceholderText("Reason; it is recorded, and printed in every report")
        self.reason.setToolTip("Why the protocol has to change")
        self.told = hint()
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.addWidget(self.people)
        column.addWidget(self.form)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(inside)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.amend_button = self.buttons.addButton("Amend", QDialogButtonBox.ButtonRole.AcceptRole)
        self.amend_button.setStyleSheet(primary_style(parent.theme))
        layout = QVBoxLayout(self)
        made = len(study.amendments)
        layout.addWidget(
            hint(
                "The original protocol stays in the record, and this stands beside it. What the "
                "worklists were drawn from cannot change."
                + (f" Amended {made} times so far." if made > 1 else "")
                + (" Amended once so far." if made == 1 else "")
            )
        )
        layout.addWidget(scroll, 1)
        layout.addWidget(self.reason)
        layout.addWidget(self.told)
        layout.addWidget(self.buttons)
        self.buttons.accepted.connect(self._accepted)
        self.buttons.rejected.connect(self.reject)
        self.reason.textChanged.connect(self._look)
        self.form.changed.connect(self._look)
        self.people.edited.connect(self._look)
        self.resize(700, 640)
        self._look()

    def _amended(self) -> Protocol:
        base = dataclasses.replace(
            self._before, adjudicator=self.people.adjudicator, described=self.people.described
        )
        return self.form.protocol(base)

    def _look(self, *_: object) -> None:
        """Say what would change, or what is wrong."""
        from napari_ptx.study.amendments import changes

        able = False
        try:
            changed = changes(self._before, self._amended())
        except PtxError as error:
            told = error.message
        else:
            told = f"Changes {', '.join(changed)}." if changed else "Nothing is changed yet."
            able = bool(changed) and bool(self.reason.text().strip())
            if changed and not able:
                told += " Give the reason."
        self.told.setText(told)
        self.amend_button.setEnabled(able)

    def _accepted(self) -> None:
        self.chosen.emit(self._amended(), self.reason.text().strip())
        self.accept()
