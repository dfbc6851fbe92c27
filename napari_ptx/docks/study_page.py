"""The pages of the Study dock for an open study, and for a session under way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks import recent
from napari_ptx.docks.adjudication_row import AdjudicationRow
from napari_ptx.docks.parts import count_of, heading, hint
from napari_ptx.docks.sessions import SessionTable, day, moment

if TYPE_CHECKING:
    from napari_ptx.study import Desk, Study
    from napari_ptx.study.adjudication import AdjudicationDesk
    from napari_ptx.study.types import RoundStatus


KIT, WITHDRAW = "Kit…", "Withdraw…"
KIT_TIP = "Write the selected session into one file that its reader opens offline"
WITHDRAW_TIP = "Call the selected session's kit back: it will not come home"


class StudyPage(QWidget):
    """Progress by reader and round, and what a coordinator does with a study."""

    demo = Signal()
    new = Signal()
    open = Signal()
    close_study = Signal()
    amend = Signal()
    pins = Signal()
    open_recent = Signal(object)
    session_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._study_path: Path | None = None
        self._washout = 0
        self._name = heading()
        self._subtitle = hint()
        self._subtitle.setToolTip("What the study holds, and whether its record was verified")
        self.table = SessionTable()
        self.adjudication = AdjudicationRow()
        self._about = hint()
        self._warnings = hint()
        self._reason = QLineEdit()
        self._reason.setPlaceholderText("Reason to open it early")
        self._reason.setToolTip("Recorded, and printed in every report of this study")
        self.verify_button = _button("Verify", "Recompute every hash of the record")
        self.import_button = _button(
            "Import…",
            "Take outlines from ImageJ files, masks, DICOM SEG, NIfTI or COCO as readings",
        )
        self.export_button = _button(
            "Export…", "Write all finished readings: CSV, ImageJ, masks, COCO, NIfTI, DICOM"
        )
        self.agreement_button = _button(
            "Agreement", "Compare the readers: ICC, Bland-Altman, overlap, case by case"
        )
        self.replay_button = _button(
            "Replay", "Play how the cases of the selected session were read, step by step"
        )
        self.find_button = _button(
            "Find images…", "Look in a folder for the images that are not where they were"
        )
        self._looked: ref[Study] | None = None
        self._count_lost = 0
        self.report_button = _button(
            "Report…", "Write one page on the whole study, with its tables, and open it"
        )
        self.kit_button = _button(KIT, KIT_TIP)
        self.merge_button = _button(
            "Merge…", "Bring the readings of kits home that readers have sent back"
        )
        self.lint_button = _button(
            "Blinding…",
            "Look for what could unblind a reader: tags, burned-in text, calipers, doubles",
        )
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill_menu)
        self.open_button = _button("Studies", "Open another study, make one, or close this one")
        self.open_button.setMenu(self._menu)
        self.open_button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._lay_out()
        self.table.itemSelectionChanged.connect(self._session_changed)
        self._reason.textChanged.connect(self._reason_changed)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self._name, 1)
        top.addWidget(self.open_button)
        buttons = QGridLayout()
        buttons.setSpacing(6)
        for place, button in enumerate(
            (
                *(self.kit_button, self.merge_button, self.import_button),
                *(self.verify_button, self.lint_button, self.export_button),
                *(self.replay_button, self.agreement_button, self.report_button),
            )
        ):
            buttons.addWidget(button, place // 3, place % 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self._subtitle)
        layout.addWidget(self.table)
        layout.addWidget(self.adjudication)
        layout.addWidget(self._about)
        layout.addWidget(self._reason)
        layout.addWidget(self._warnings)
        layout.addWidget(self.find_button)
        layout.addStretch(1)
        layout.addLayout(buttons)

    @property
    def reason(self) -> str:
        """Why a sealed session is opened early, as typed."""
        return self._reason.text().strip()

    def show_study(self, study: Study) -> None:
        """Show how far the study is."""
        status = study.status()
        self._study_path = study.path
        self._washout = study.protocol.washout_days
        self._name.setText(study.name)
        self._name.setToolTip(str(study.path))
        facts = (
            count_of(status.cases, "case"),
            count_of(len(study.readers), "reader"),
            _verified(status.verified),
        )
        self._subtitle.setText(" · ".join(facts))
        warnings = [*status.warnings, *self._lost(study)]
        self._warnings.setText("\n".join(warnings))
        self._warnings.setVisible(bool(warnings))
        self.table.show_sessions(status.rounds)
        self.adjudication.show_study(study, status)

    def _lost(self, study: Study) -> list[str]:
        """Say how many images are not where they were; looked up when it is opened."""
        if self._looked is None or self._looked() is not study:
            self._looked = ref(study)
            self._count_lost = study.lost_images()
        self.find_button.setVisible(self._count_lost > 0)
        if not self._count_lost:
            return []
        one = self._count_lost == 1
        are, them = ("is", "it") if one else ("are", "them")
        return [f"{count_of(self._count_lost, 'image')} {are} not where the study has {them}."]

    def forget(self) -> None:
        """Hold nothing that a blinded reader must not see, shown or not."""
        for label in (self._name, self._subtitle, self._about, self._warnings):
            label.clear()
        self._name.setToolTip("")
        self.adjudication.forget()
        self._reason.clear()
        self._menu.clear()
        self._study_path = None
        self.table.show_sessions(())

    def set_busy(self, busy: bool) -> None:
        """Let nothing else be started while a job runs."""
        for button in (
            *(self.verify_button, self.import_button, self.export_button, self.report_button),
            *(self.kit_button, self.merge_button, self.lint_button, self.find_button),
        ):
            button.setEnabled(not busy)
        self.open_button.setEnabled(not busy)

    def primary_words(self) -> tuple[str, str, bool]:
        """Give the primary button's text and tooltip, and whether it can be pressed."""
        session = self.table.current()
        if session is None:
            return "Start reading", "Select a session in the table", False
        who = f"{session.reader}, round {session.round}"
        if session.out:
            return f"{who} is out", "Merge its kit when it comes back, or withdraw it", False
        if session.state == "closed":
            return f"{who} is finished", "Nothing in it can change any more", False
        if session.state == "waiting":
            return f"Start reading {who}", "It opens after round 1 and the washout", False
        if session.state == "sealed":
            tip = "Give the reason above; it is recorded" if not self.reason else "Open it (Enter)"
            return f"Open {who} early", tip, bool(self.reason)
        if session.finished == session.total:
            return f"Close {who}", "Look at it once more, and close the session (Enter)", True
        if session.started or session.finished:
            return f"Resume reading {who}", "Go on where the session stopped (Enter)", True
        return f"Start reading {who}", "Begin the session with its first case (Enter)", True

    def _session_changed(self) -> None:
        session = self.table.current()
        self._about.setText("" if session is None else _about(session, self._washout))
        self._reason.setVisible(session is not None and session.state == "sealed")
        out = session is not None and session.out
        self.kit_button.setText(WITHDRAW if out else KIT)
        self.kit_button.setToolTip(WITHDRAW_TIP if out else KIT_TIP)
        begun = session is not None and session.last_active is not None
        self.replay_button.setEnabled(begun)
        self.session_changed.emit()

    def _reason_changed(self, _: str) -> None:
        self.session_changed.emit()

    def _fill_menu(self) -> None:
        self._menu.clear()
        self._menu.addAction("Open study…", self.open.emit)
        self._menu.addAction("New study…", self.new.emit)
        self._menu.addAction("Open the demo", self.demo.emit)
        self._menu.addAction("Amend the protocol…", self.amend.emit)
        self._menu.addAction("PINs…", self.pins.emit)
        others = [path for path in recent.studies() if path != self._study_path]
        if others:
            self._menu.addSection("Recent")
        for path in others:
            action = self._menu.addAction(path.stem)
            action.setToolTip(str(path))
            action.setData(path)
            action.triggered.connect(self._recent_chosen)
        self._menu.addSeparator()
        self._menu.addAction("Close this study", self.close_study.emit)

    def _recent_chosen(self) -> None:
        action = self.sender()
        if action is not None:
            self.open_recent.emit(action.data())


class BlindPage(QWidget):
    """All that the Study dock tells while a reader is at work."""

    def __init__(self) -> None:
        super().__init__()
        self._who = heading()
        self._hidden = hint(
            "The case list, the other readers and Agreement are hidden until the session "
            "ends. Every stroke is on disk; the session can be resumed at any time."
        )
        self._progress = QProgressBar()
        self._progress.setToolTip("Cases finished in this session")
        self.end_button = _button(
            "End the session for now", "Close the session; it resumes where it stopped"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._who)
        layout.addWidget(self._progress)
        layout.addWidget(self._hidden)
        layout.addStretch(1)

    def show_adjudication(self, desk: AdjudicationDesk) -> None:
        """Say who decides, and how far."""
        self._who.setText(f"{desk.reader} is adjudicating: case list hidden")
        done, total = desk.progress
        self._progress.setRange(0, max(total, 1))
        self._progress.setValue(done)
        self._progress.setFormat(f"{done} of {total} decided")

    def show_desk(self, desk: Desk) -> None:
        """Say who reads, and how far."""
        self._who.setText(f"Reader {desk.reader} is reading: case list hidden")
        done, total = desk.progress
        self._progress.setRange(0, max(total, 1))
        self._progress.setValue(done)
        self._progress.setFormat(f"round {desk.round} · {done} of {total}")


def _about(session: RoundStatus, washout: int) -> str:
    who = f"Round {session.round} of {session.reader}"
    if session.out:
        return (
            f"{who} is out as a kit; it opens here again once the kit was merged. One that is "
            "lost can be withdrawn."
        )
    if session.state == "closed":
        return f"{who} is finished; nothing in it can change any more."
    if session.state == "waiting":
        return f"{who} opens {washout} days after round 1 is finished."
    if session.state == "sealed" and session.opens_on is not None:
        return (
            f"{who} is sealed until {day(session.opens_on)}, so that the first reading is "
            "forgotten. To open it earlier, say why."
        )
    if session.last_active is not None:
        return f"{who}: last at work {moment(session.last_active)}."
    return f"{who} has not begun; its cases come in an order of their own."


def _verified(verified: Mapping[str, Any] | None) -> str:
    if verified is None:
        return "not verified yet"
    if verified["problems"]:
        return f"{count_of(verified['problems'], 'problem')} found"
    return f"verified {moment(datetime.fromisoformat(verified['at']))}"


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button
