"""The Replay dock: a reading as a film on its image, for the coordinator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QVBoxLayout

from napari_ptx.docks.jobs import JobBar
from napari_ptx.docks.parts import Dock, button, fill, hint
from napari_ptx.docks.replay_page import ReplayPage
from napari_ptx.docks.replay_view import ReplayView

if TYPE_CHECKING:
    from napari import Viewer

    from napari_ptx.image import Image
    from napari_ptx.study.replay import Replay

FILES = "Animated GIF (*.gif);;Animated PNG (*.apng);;Table of the steps (*.csv)"
TASKS = "napari_ptx.docks.replay_tasks"
NO_STUDY = "Open a study first; then this replays how its cases were read."
BLINDED = "Replays are hidden while a reader is at work, and come back when the session ends."
NOTHING = "Nothing has been read in this session yet; choose another one."


class ReplayDock(Dock):
    """Plays the steps of one reading: play, pause, slider, speed; outside sessions only."""

    NAME = "Replay"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.replay: Replay | None = None
        self.place = 0
        self._image: Image | None = None
        self._gaps: list[float] = []
        self._wanted = ""
        self._filled: Path | None = None
        self.view = ReplayView(self.viewer)
        self._sentence = hint()
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.page = ReplayPage()
        self._pages = QStackedWidget()
        self._pages.addWidget(self._sentence)
        self._pages.addWidget(self.page)
        self.job = JobBar()
        self.save_button = button("Save film…", "Write this replay as GIF, APNG or a table")
        bottom = QHBoxLayout()
        bottom.addWidget(self.save_button)
        bottom.addStretch(1)
        bottom.addWidget(self.primary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self.job)
        layout.addLayout(bottom)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._next)
        self.primary.clicked.connect(self._primary_clicked)
        self.save_button.clicked.connect(self._choose_file)
        self.page.session_chosen.connect(self._list_cases)
        self.page.case_chosen.connect(self.open_case)
        self.page.step_chosen.connect(self._show_step)
        self.page.follow.toggled.connect(self._follow_toggled)
        self.page.speed.currentIndexChanged.connect(self._speed_changed)
        self.job.finished.connect(self._job_finished)
        self.job.stopped.connect(self._job_stopped)
        self.hub.replay_wanted.connect(self._replay_wanted)
        # Seen or not: a hidden dock, too, has to take its lines away from a reader.
        self.hub.study_changed.connect(self._forget)
        self.hub.desk_changed.connect(self._forget)
        self._say(NO_STUDY)

    # What is shown

    def refresh(self) -> None:
        """Show the sessions of the open study; nothing while a reader is at work."""
        study = self.hub.study
        if self.hub.blinded or study is None:
            self._say(BLINDED if self.hub.blinded else NO_STUDY)
        elif self._filled != study.path:
            self._filled = study.path
            status = study.status()
            sessions = [(one.reader, one.round) for one in status.rounds if one.last_active]
            fill(self.page.session, [(f"{who}, round {n}", (who, n)) for who, n in sessions])
            self._pages.setCurrentWidget(self.page)
            self._open_wanted()
        self._update_buttons()

    def hideEvent(self, event: Any) -> None:  # noqa: D102, N802 - Qt's name
        super().hideEvent(event)
        self.pause()

    def _say(self, sentence: str) -> None:
        self._sentence.setText(sentence)
        self._pages.setCurrentWidget(self._sentence)
        self._update_buttons()

    def _update_buttons(self) -> None:
        shown = self._pages.currentWidget() is self.page
        ready = shown and self.replay is not None
        self.save_button.setVisible(shown)
        self.save_button.setEnabled(ready and not self.job.running)
        self.primary.setVisible(not self.hub.blinded)
        if self.hub.study is None:
            self._set_primary("Show the Study dock", "Open or make a study there (Enter)", True)
        elif self.playing:
            self._set_primary("Pause", "Stop at this step (Enter)", ready)
        else:
            self._set_primary("Play", "Play the reading from here (Enter)", ready)

    def _set_primary(self, text: str, tip: str, able: bool) -> None:
        self.primary.setText(text)
        self.primary.setToolTip(tip)
        self.primary.setEnabled(able)

    def _primary_clicked(self) -> None:
        if self.hub.study is None:
            self.hub.show("Study")
        elif self.playing:
            self.pause()
        else:
            self.play()

    def _forget(self) -> None:
        """Take everything away: another study, new readings, or a reader's session."""
        self.pause()
        self.job.cancel()
        self.view.close()
        self.replay = self._image = None
        self._filled = None
        self._wanted = ""
        self.page.show_cases((), "")
        self.page.show_replay(None)
        self._say("")

    # Which reading

    def _replay_wanted(self) -> None:
        if self.hub.wanted_replay is not None:  # else it was shown when the dock came up
            self._open_wanted()

    def _open_wanted(self) -> None:
        """Show the reading that another dock asked for, or the session that is picked."""
        if self.hub.blinded or self.hub.study is None or self._filled is None:
            return
        wanted, self.hub.wanted_replay = self.hub.wanted_replay, None
        if wanted is not None:
            reader, round_, self._wanted = wanted
            sessions = [self.page.session.itemData(i) for i in range(self.page.session.count())]
            if (reader, round_) in sessions:
                self.page.session.blockSignals(True)
                self.page.session.setCurrentIndex(sessions.index((reader, round_)))
                self.page.session.blockSignals(False)
        self._list_cases()

    def _list_cases(self) -> None:
        self.pause()
        session = self.page.session.currentData()
        if session is None or self.hub.study is None:
            self._say(NOTHING)
            return
        if self.sender() is self.page:
            self._wanted = ""
        self.job.cancel()
        self.job.start("cases", "Reading the ledger", f"{TASKS}:efforts",
                       self.hub.study.path, *session)  # fmt: skip
        self._update_buttons()

    def open_case(self, case: str) -> None:
        """Read one reading of the session that is picked, and show its first step."""
        session = self.page.session.currentData()
        if self.hub.blinded or self.hub.study is None or session is None or not case:
            return
        self.pause()
        self._wanted = case
        if not self.job.running:  # else it follows
            self._read_wanted()

    def _read_wanted(self) -> None:
        case, session = self._wanted, self.page.session.currentData()
        self.job.start("read", f"Opening case {case}", f"{TASKS}:read",
                       self.hub.study.path, *session, case)  # fmt: skip

    def _job_finished(self, name: str, value: Any) -> None:
        if name == "cases":
            self.page.show_cases(value, self._wanted)
            self.page.show_replay(None)
            self.view.close()
            self.replay = None
        elif name == "read":
            self._opened(*value)
        else:
            show_info(f"The replay is in {value}.")
        shown = "" if self.replay is None else self.replay.case
        if self._wanted not in ("", shown):
            self._read_wanted()
        self._update_buttons()

    def _opened(self, replay: Replay, image: Image) -> None:
        self.replay, self._image = replay, image
        self.view.open(replay, image)
        self.page.show_replay(replay)
        self._speed_changed()
        self.page.show_step(0)

    def _job_stopped(self, name: str, sentence: str) -> None:
        if name == "read" and sentence:
            self._wanted = ""
            self.view.close()
            self.replay = None
            self.page.show_replay(None)
        self._update_buttons()

    # Playing

    @property
    def playing(self) -> bool:
        """Whether the replay is running."""
        return self._timer.isActive()

    def play(self) -> None:
        """Play from the step that is shown; from the first one at the end."""
        if self.replay is None:
            return
        if self.place >= len(self.replay.steps) - 1:
            self.page.show_step(0)
        self._wait()
        self._update_buttons()

    def pause(self) -> None:
        """Stop at the step that is shown."""
        self._timer.stop()
        self._update_buttons()

    def _wait(self) -> None:
        self._timer.start(round(1000 * self._gaps[self.place]))

    def _next(self) -> None:
        if self.replay is not None and self.place < len(self.replay.steps) - 1:
            self.page.show_step(self.place + 1)
            if self.place < len(self.replay.steps) - 1:
                self._wait()
        self._update_buttons()

    def _show_step(self, place: int) -> None:
        if self.replay is not None:
            self.place = place
            self.view.show(self.replay.steps[place], follow=self.page.follow.isChecked())
            if self.playing:  # the slider was moved meanwhile
                self._wait()

    def _follow_toggled(self, on: bool) -> None:
        if not on:
            self.view.fit()
        self._show_step(self.place)

    def _speed_changed(self, *_: Any) -> None:
        if self.replay is not None:
            from napari_ptx.study.film import durations

            self._gaps = durations(self.replay, self.page.factor)

    # Out

    def save(self, path: Path) -> None:
        """Write the replay as a film or a table, by the ending of the file."""
        if self.replay is not None and not self.job.running:
            self.job.start("save", "Drawing the film", f"{TASKS}:save",
                           self.replay, self._image, path, self.page.factor)  # fmt: skip
            self._update_buttons()

    def _choose_file(self) -> None:
        text, kind = QFileDialog.getSaveFileName(self, "Save the film", "replay.gif", FILES)
        if text:
            path = Path(text)
            if path.suffix.lower() not in (".gif", ".apng", ".csv"):
                path = path.with_name(path.name + kind[kind.index("*") + 1 : -1])
            self.save(path)
