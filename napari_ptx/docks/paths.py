"""A line to type or choose a path."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget


class PathEdit(QWidget):
    """A path with a button that browses for it.

    Parameters
    ----------
    what
        The title of the file dialog.
    files
        Its filter; ``None`` asks for a folder.
    save
        Whether the file is one to be made.
    """

    changed = Signal(object)
    """The path, or ``None`` while the line is empty."""

    def __init__(self, what: str, files: str | None = None, *, save: bool = False) -> None:
        super().__init__()
        self.what, self.files, self._save = what, files, save
        self.line = QLineEdit()
        self.line.setAccessibleName(what)
        self.line.setClearButtonEnabled(True)
        self.button = QPushButton("Browse…")
        self.button.setToolTip(f"Choose: {what.lower()}")
        self.button.setAutoDefault(False)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.button)
        self.line.textChanged.connect(self._typed)
        self.button.clicked.connect(self.browse)

    @property
    def path(self) -> Path | None:
        """The path as typed, with ``~`` resolved."""
        text = self.line.text().strip()
        return Path(text).expanduser() if text else None

    @path.setter
    def path(self, path: Path | str | None) -> None:
        self.line.setText("" if path is None else str(path))

    def browse(self) -> None:
        """Ask for the path."""
        start = str(self.path or "")
        if self.files is None:
            chosen = QFileDialog.getExistingDirectory(self, self.what, start)
        elif self._save:
            chosen, _ = QFileDialog.getSaveFileName(
                self, self.what, start, self.files,
                options=QFileDialog.Option.DontConfirmOverwrite,
            )  # fmt: skip
        else:
            chosen, _ = QFileDialog.getOpenFileName(self, self.what, start, self.files)
        if chosen:
            self.path = chosen

    def _typed(self, _: str) -> None:
        self.changed.emit(self.path)
