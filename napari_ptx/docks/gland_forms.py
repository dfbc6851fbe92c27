"""The line above the gland board in which a column or a row gets its name."""

from __future__ import annotations

from napari.utils.notifications import show_warning
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from napari_ptx.ct.space import SITES
from napari_ptx.docks.parts import button, hint
from napari_ptx.report.gland_rows import BoardError, Finder

MODALITIES = ("ultrasound", "CT", "4D-CT", "MIBI", "MRI", "PET/CT")


class GlandForm(QWidget):
    """Asks for a modality and a reader, or a site, or whether to take a column away."""

    added = Signal(object)
    """A ``Finder`` that becomes a column."""
    renamed = Signal(str, object)
    """The key of a column, and the ``Finder`` that it becomes."""
    removed = Signal(str)
    site_added = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._what = ""
        self._key = ""
        self.words = hint()
        self.first = QComboBox()
        self.first.setEditable(True)
        self.first.setMinimumContentsLength(8)
        self.reader = QLineEdit()
        self.reader.setPlaceholderText("Reader")
        self.reader.setToolTip("Empty where the modality has one reader whom nobody names")
        self.reader.setAccessibleName("Reader")
        self.ok = button("Add", "Do this")
        self.no = button("Cancel", "Change nothing")
        line = QHBoxLayout()
        line.addWidget(self.first, 2)
        line.addWidget(self.reader, 1)
        line.addWidget(self.ok)
        line.addWidget(self.no)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.words)
        layout.addLayout(line)
        self.ok.clicked.connect(self._accept)
        self.no.clicked.connect(self.hide)
        self.reader.returnPressed.connect(self._accept)
        self.hide()

    def ask_add(self) -> None:
        """Ask for a new column."""
        self._ask("add", "A new column: the modality, and who read it.", "Add", MODALITIES)
        self.reader.clear()

    def ask_rename(self, key: str) -> None:
        """Ask for another name of a column."""
        self._key = key
        self._ask("rename", f"Another name for {key}:", "Rename", MODALITIES)
        finder = Finder.of(key)
        self.first.setCurrentText(finder.modality)
        self.reader.setText(finder.reader)

    def ask_remove(self, key: str, decisions: int, patients: int) -> None:
        """Ask whether a column is to go."""
        self._key = key
        self._ask(
            "remove",
            f"{key}: {decisions} decisions in {patients} patients are taken back. The record "
            "keeps them, with this." if decisions else f"{key} has no decision yet.",
            "Remove", (),
        )  # fmt: skip

    def ask_site(self) -> None:
        """Ask for the site of an ectopic gland."""
        self._ask("site", "A row for an ectopic gland: where does it lie?", "Add",
                  tuple(site.replace("_", " ") for site in SITES))  # fmt: skip

    def keyPressEvent(self, event) -> None:  # noqa: N802 - Qt's name
        """Close the form with Esc."""
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
        else:
            super().keyPressEvent(event)

    def _ask(self, what: str, words: str, ok: str, choices: tuple[str, ...]) -> None:
        self._what = what
        self.words.setText(words)
        self.ok.setText(ok)
        self.first.clear()
        self.first.addItems(choices)
        self.first.setAccessibleName("Site" if what == "site" else "Modality")
        self.first.setVisible(what != "remove")
        self.reader.setVisible(what in ("add", "rename"))
        self.show()
        (self.ok if what == "remove" else self.first).setFocus()

    def _accept(self) -> None:
        text = self.first.currentText()
        if self._what == "remove":
            self.hide()
            self.removed.emit(self._key)
            return
        if self._what == "site":
            words = " ".join(text.replace("|", " ").split())
            # A site of the list keeps its own spelling, so that tables agree.
            known = {site.replace("_", " "): site for site in SITES}
            self.hide()
            if words:
                self.site_added.emit(known.get(words.lower(), words))
            return
        try:
            finder = Finder.checked(text, self.reader.text())
        except BoardError as error:
            show_warning(str(error))
            return
        self.hide()
        if self._what == "add":
            self.added.emit(finder)
        else:
            self.renamed.emit(self._key, finder)
