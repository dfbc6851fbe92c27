"""The line of the Study dock for the adjudicator: how many disagreements, how many decided."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_ptx.docks.jobs import JobBar
from napari_ptx.docks.parts import hint

if TYPE_CHECKING:
    from napari_ptx.docks.adjudication_tasks import Count
    from napari_ptx.study import Status, Study

TIP = "Settle the disagreements, without the readers' names, in random order"
SOON_MS = 50


class AdjudicationRow(QWidget):
    """Who settles disagreements, and how far; hidden where the protocol names nobody.

    The readers are compared in a child process, and only where two of them have finished
    their first round.
    """

    begin = Signal()
    """The button was pressed."""

    def __init__(self) -> None:
        super().__init__()
        self.text = hint()
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.button = QPushButton("Start adjudicating")
        self.button.setToolTip(TIP)
        self.button.clicked.connect(self.begin)
        self.job = JobBar(quiet=True)
        self.job.finished.connect(self._counted)
        self.job.stopped.connect(self._not_counted)
        self._who = ""
        self._path: Path | None = None
        self._stale = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON_MS)
        self._soon.timeout.connect(self._count)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.text, 1)
        row.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.job)
        self.hide()

    def show_study(self, study: Study, status: Status) -> None:
        """Show the adjudication of a study; its numbers follow."""
        who = study.protocol.adjudicator
        self.setVisible(who is not None)
        if who is None:
            self._soon.stop()
            return
        self._who = who
        first = [entry for entry in status.rounds if entry.round == 1]
        ready = sum(entry.finished == entry.total for entry in first)
        self.button.setVisible(ready >= 2)
        if ready < 2:
            self._soon.stop()
            self.text.setText(f"{who}: waits until two readers have finished round 1")
            return
        if study.path != self._path:
            self._path = study.path
            self.text.setText(f"{who}: comparing the readers\N{HORIZONTAL ELLIPSIS}")
            self.button.setEnabled(False)
        # A page is often shown twice in a row; the readers are compared once.
        self._soon.start()

    def forget(self) -> None:
        """Hold nothing that a blinded reader must not see, shown or not."""
        self._soon.stop()
        self.job.cancel()
        self._who, self._path, self._stale = "", None, False
        self.text.clear()
        self.text.setToolTip("")
        self.hide()

    def _count(self) -> None:
        if self.job.running:
            self._stale = True
        elif self._path is not None:
            self._stale = False
            self.job.start("count", "Comparing the readers",
                           "napari_ptx.docks.adjudication_tasks:count", self._path)  # fmt: skip

    def _counted(self, _name: str, count: Count) -> None:
        if self._stale:
            self._count()
            return
        self.text.setText(f"{self._who}: {count.sentence}")
        self.text.setToolTip(f"Rule of the protocol: {count.rule}")
        begun = count.decided > 0
        self.button.setText("Go on adjudicating" if begun else "Start adjudicating")
        self.button.setEnabled(count.queued > 0)

    def _not_counted(self, _name: str, sentence: str) -> None:
        if self._path is None:
            return
        self.text.setText(f"{self._who}: {sentence or 'not counted'}")
        self.button.setEnabled(True)
