"""Kits in the Study dock: the page of an open kit, and what is asked about kits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHeaderView,
    QInputDialog,
    QProgressBar,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks.parts import button, heading, hint
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari_ptx.docks.hub import Hub
    from napari_ptx.study import Kit
    from napari_ptx.study.lint import Lint
    from napari_ptx.study.types import RoundStatus

KIT_FILES = "Readers' kits (*.ptxkit);;All files (*)"


class KitPage(QWidget):
    """A reader's kit between two sittings: how far it is, and where it has to go."""

    def __init__(self) -> None:
        super().__init__()
        self._name = heading()
        self._progress = QProgressBar()
        self._progress.setToolTip("Cases finished in this kit")
        self._next = hint()
        self._closed = False
        self.close_button = button("Close the kit", "Go back to the three doors")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self._name, self._progress, self._next, self.close_button):
            layout.addWidget(part)
        layout.addStretch(1)

    def show_kit(self, kit: Kit) -> None:
        """Show how far a kit is."""
        done, total = kit.progress
        self._closed = kit.closed
        self._name.setText(f"Kit of reader {kit.reader}, round {kit.round}")
        self._progress.setRange(0, max(total, 1))
        self._progress.setValue(done)
        self._progress.setFormat(f"{done} of {total}")
        name = kit.path.name
        if self._closed:
            text = f"The session is finished. Send {name} back to the coordinator."
        elif done == total:
            text = (
                f"Every case is read. Close the session in the Reading dock, then send {name} "
                "back to the coordinator."
            )
        else:
            text = (
                f"Everything is saved in {name}. Go on whenever you like; when you are done, "
                f"send {name} back to the coordinator."
            )
        self._next.setText(f"{text}\n\nIt lies in {kit.path.parent}.")

    def primary_words(self) -> tuple[str, str, bool]:
        """Give the primary button's text and tooltip, and whether it can be pressed."""
        if self._closed:
            return "The session is finished", "Send the kit back to the coordinator", False
        return "Go on reading", "Resume the session where it stopped (Enter)", True


def ask_kit(
    parent: QWidget, study: Path, session: RoundStatus, reason: str
) -> tuple[Path, str | None] | None:
    """Ask where a kit shall be written, and for a sealed round why now; ``None``: nowhere."""
    early = None
    if session.state == "sealed":
        early = reason or _ask_reason(
            parent,
            "Kit before the washout is over",
            f"Round {session.round} of {session.reader} is sealed. Why is its kit made now?\n"
            "The reason is recorded, and printed in every report.",
        )
        if not early:
            return None
    who = re.sub(r"[^\w-]+", "-", session.reader)
    name = study.with_name(f"{who}{session.round}.ptxkit")
    chosen, _ = QFileDialog.getSaveFileName(parent, "Write the kit to", str(name), KIT_FILES)
    if not chosen:
        return None
    path = Path(chosen)
    return (path if path.suffix else path.with_suffix(".ptxkit")), early


def ask_kits(parent: QWidget, study: Path) -> list[Path]:
    """Ask which kits came back."""
    chosen, _ = QFileDialog.getOpenFileNames(
        parent, "Kits that came back", str(study.parent), KIT_FILES
    )
    return [Path(one) for one in chosen]


def withdraw_kit(parent: QWidget, hub: Hub, session: RoundStatus) -> None:
    """Ask why a kit will not come home, and withdraw it."""
    reason = _ask_reason(
        parent,
        "Withdraw the kit",
        f"Why will the kit of {session.reader}, round {session.round}, not come back?\n"
        "Its readings cannot be merged afterwards. The reason is recorded.",
    )
    if not reason or hub.study is None:
        return
    try:
        hub.study.withdraw_kit(session.reader, session.round, reason)
    except PtxError as error:
        show_error(str(error))
        return
    show_info(f"The kit is withdrawn; round {session.round} of {session.reader} opens here again.")
    hub.record_changed()


def _ask_reason(parent: QWidget, title: str, question: str) -> str:
    text, given = QInputDialog.getText(parent, title, question)
    return text.strip() if given else ""


def told(name: str, value: Any) -> str:
    """Say what a job with kits has done."""
    if name == "kit":
        path, cases = value
        return (
            f"{path.name} holds {cases} cases. Hand it to its reader; the session is out until "
            "the kit is merged."
        )
    return "\n".join(
        f"{one.kit.name}: {one.readings} new readings of {one.reader}, round {one.round}; "
        f"{one.finished} of {one.cases} cases finished."
        for one in value
    )


class Findings(QDialog):
    """What the lint found, case by case."""

    def __init__(self, parent: QWidget, found: Lint) -> None:
        super().__init__(parent)
        self.setWindowTitle("What could unblind a reader")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        headers = ("Case", "Finding", "What it means")
        self.table = QTableWidget(len(found.findings), len(headers), self)
        self.table.setAccessibleName("Findings by case")
        self.table.setHorizontalHeaderLabels(headers)
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        header = self.table.horizontalHeader()
        for place in (0, 1):
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        for row, finding in enumerate(found.findings):
            for place, text in enumerate((finding.case, finding.title, finding.text)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self.table.setItem(row, place, item)
        self.table.setSortingEnabled(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(hint("\n".join(found.summary)))
        layout.addWidget(self.table, 1)
        layout.addWidget(buttons)
        self.resize(820, 480)


def show_findings(parent: QWidget, found: Lint) -> Findings:
    """Show what the lint found."""
    dialog = Findings(parent, found)
    dialog.open()
    return dialog
