"""The wizard's pages of readers and of the protocol."""

from __future__ import annotations

import secrets
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWizardPage

from napari_ptx.docks.parts import button, hint
from napari_ptx.docks.paths import PathEdit
from napari_ptx.docks.protocol_form import ProtocolForm
from napari_ptx.docks.reader_table import ReaderTable
from napari_ptx.errors import PtxError


class ReadersPage(QWizardPage):
    """Who reads, and who settles disagreements."""

    def __init__(self) -> None:
        super().__init__()
        self.setTitle("2 of 3 · Readers")
        self.table = ReaderTable()
        self._add = button("Add a reader", "One more row")
        self._remove = button("Remove", "Remove the selected reader")
        self._told = hint()
        layout = QVBoxLayout(self)
        layout.addWidget(
            hint(
                "Each reader gets an order of cases of their own and never sees another's work. "
                "Role, years and training stand in every report (GRRAS). The adjudicator settles "
                "disagreements and reads nothing else; leave the row empty for none."
            )
        )
        layout.addWidget(self.table, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self._add)
        buttons.addWidget(self._remove)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        layout.addWidget(self._told)
        self._add.clicked.connect(self._add_clicked)
        self._remove.clicked.connect(self.table.remove_reader)
        self.table.edited.connect(self._changed)
        self.table.add_reader("A")
        self.table.add_reader("B")

    @property
    def readers(self) -> tuple[str, ...]:
        """The names, without empty rows."""
        return self.table.readers

    def isComplete(self) -> bool:  # noqa: D102, N802 - Qt's name
        return bool(self.readers) and not self._wrong()

    def _add_clicked(self) -> None:
        self.table.add_reader()

    def _wrong(self) -> str:
        from napari_ptx.study import Protocol

        if repeated := _repeated(self.readers):
            return f"Two readers are called {repeated}; give each a name of their own."
        try:
            if self.readers:
                Protocol(
                    self.readers,
                    adjudicator=self.table.adjudicator,
                    described=self.table.described,
                )
        except PtxError as error:
            return error.message
        return ""

    def _changed(self) -> None:
        told = self._wrong()
        if not told and len(self.readers) == 1:
            told = "With one reader there is agreement only between rounds."
        elif not told and (lacking := self.table.lacking()):
            told = (
                f"Role, years or training of {', '.join(lacking)} are open; a report will say so. "
                "An amendment can add them."
            )
        self._told.setText(told)
        self.completeChanged.emit()


class ProtocolPage(QWizardPage):
    """What is decided beforehand, and where the study is kept."""

    load = Signal()
    save = Signal()

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.setTitle("3 of 3 · Protocol")
        self._folder = folder
        self.name = QLineEdit("study")
        self.name.setToolTip("Stands in every table and report")
        self.form = ProtocolForm()
        self.file = PathEdit("Study file", "Studies (*.ptx)", save=True)
        self.file.line.setToolTip(
            "One file that holds the whole record; the images stay where they are"
        )
        self.load_button = button("Load protocol file…", "Take readers and protocol from a file")
        self.save_button = button("Save protocol file…", "Keep readers and protocol for later")
        self._told = hint()
        names = QFormLayout()
        names.addRow("Name", self.name)
        names.addRow("Study file", self.file)
        layout = QVBoxLayout(self)
        layout.addWidget(
            hint(
                "Fixed once the study is made; later changes are amendments. The defaults are "
                "those of Liu 2026."
            )
        )
        layout.addLayout(names)
        layout.addWidget(self.form)
        layout.addWidget(self._told)
        layout.addStretch(1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.load_button)
        buttons.addWidget(self.save_button)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        self.name.textChanged.connect(self._name_changed)
        self.file.changed.connect(self._file_changed)
        self.load_button.clicked.connect(self.load)
        self.save_button.clicked.connect(self.save)
        self.form.changed.connect(self.completeChanged)

    def suggest(self, name: str, images: int, readers: int) -> None:
        """Fill in defaults for this many images."""
        self.form.limit(images, readers)
        self.form.set_field("reread", min(100, images))
        self.form.set_field("seed", secrets.randbelow(1_000_000))
        self.name.setText(name)
        self._name_changed(name)

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self._told.setText(sentence)

    def isComplete(self) -> bool:  # noqa: D102, N802 - Qt's name
        path = self.file.path
        named = bool(self.name.text().strip()) and bool(self.form.measurands)
        return named and path is not None and not path.exists()

    def _name_changed(self, name: str) -> None:
        safe = "".join(sign if sign.isalnum() or sign in "-_ " else "-" for sign in name.strip())
        if safe:
            self.file.path = self._folder / f"{safe}.ptx"
        self.completeChanged.emit()

    def _file_changed(self, path: Path | None) -> None:
        exists = path is not None and path.exists()
        self._told.setText(f"{path} exists already; choose another file." if exists else "")
        self.completeChanged.emit()


def _repeated(names: tuple[str, ...]) -> str:
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            return name
        seen.add(name.casefold())
    return ""
