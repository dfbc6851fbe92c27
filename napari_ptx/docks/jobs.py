"""Long work, seen from a dock: a child process with progress, time left and Cancel.

Nothing long runs in the viewer's process. A ``JobBar`` sits in the dock that
started the work; the same progress shows in napari's activity area. Cancelling
is a kill, and so is closing the viewer: the record and the exports are written
so that a kill leaves either all of a file or none of it.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from napari.utils.notifications import notification_manager, show_error
from napari.utils.progress import cancelable_progress
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_ptx.child import Child, ChildDied
from napari_ptx.errors import PtxError

_POLL_MS = 40
_ESTIMATE_AFTER = 2.0  # seconds before the time left means anything


class _Call:
    """One call in a child process, run from a thread; it owns nothing of Qt.

    The thread is a daemon: when the program ends, nothing waits for it, and the
    child ends by itself when its input closes.
    """

    def __init__(self, child: Child, target: str, args: tuple[Any, ...]) -> None:
        self.messages: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._child = child
        self._target = target
        self._args = args
        self._stopped = threading.Event()
        threading.Thread(target=self._run, name=f"job {target}", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        if self._stopped.is_set():
            return
        try:
            value = self._child.call(self._target, *self._args, on_progress=self._progress)
            self.messages.put(("value", value))
        except Exception as error:  # every error goes to the dock, which knows what to do
            self.messages.put(("error", error))
        finally:
            if self._stopped.is_set():  # as its process was starting: nobody else knows of it
                self._child.kill()

    def _progress(self, done: int, total: int, text: str) -> None:
        if self._stopped.is_set():  # stopped in the moment the process was starting
            self._child.kill()
        self.messages.put(("progress", (done, total, text)))


class _Process:
    """The warm child process of a bar, or of two that never run at once."""

    def __init__(self) -> None:
        self._child = Child()
        self._last: _Call | None = None

    def call(self, target: str, args: tuple[Any, ...]) -> _Call:
        self._last = _Call(self._child, target, args)
        return self._last

    def kill(self, *_: Any) -> None:
        if self._last is not None:
            self._last.stop()
        self._child.kill()
        # The thread of the last call may still be about to clean up after its child.
        self._child = Child()


class JobBar(QWidget):
    """A progress bar with the time left and Cancel; hidden while nothing runs.

    It keeps its child process warm between jobs, so that the second is quick.

    Parameters
    ----------
    quiet
        For short jobs whose errors the dock itself shows: no notification of an
        expected error, and nothing in napari's activity area.
    shares
        Another bar whose warm process this one uses, too; they never run at once.
    patience
        Seconds before the bar is shown: a bar that only flashes tells nothing.
    """

    finished = Signal(str, object)
    """The name of the job and the value of its function."""
    stopped = Signal(str, str)
    """The name of the job and why it gave no value: a sentence, or "" if cancelled."""
    running_changed = Signal(bool)

    def __init__(
        self, *, quiet: bool = False, shares: JobBar | None = None, patience: float = 0.3
    ) -> None:
        super().__init__()
        self._quiet = quiet
        self._patience = patience
        self._process = _Process() if shares is None else shares._process
        self._call: _Call | None = None
        self._name = ""
        self._started = 0.0
        self._activity: cancelable_progress | None = None
        self._draining = False

        self._text = QLabel()
        self._left = QLabel()
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(10)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop this at once; nothing half-made is kept")
        self.cancel_button.clicked.connect(self.cancel)

        words = QHBoxLayout()
        words.addWidget(self._text, 1)
        words.addWidget(self._left)
        bar = QHBoxLayout()
        bar.addWidget(self._bar, 1)
        bar.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(words)
        layout.addLayout(bar)

        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._drain)
        self.hide()
        # Qt keeps bound methods weakly, and by then this object is gone: the
        # connection itself has to hold the process that it ends.
        self.destroyed.connect(partial(_Process.kill, self._process))

    @property
    def running(self) -> bool:
        """Whether a job is under way."""
        return self._call is not None

    def start(self, name: str, text: str, target: str, *args: Any) -> None:
        """Run ``target`` ("package.module:function") with ``args`` and ``progress=``.

        Parameters
        ----------
        name
            What ``finished`` and ``stopped`` will call the job.
        text
            What the user reads until the function says more.
        """
        if self._call is not None:
            raise RuntimeError(f"{self._name} is still running")
        self._name = name
        self._started = time.monotonic()
        self._text.setText(text)
        self._left.clear()
        self._bar.setRange(0, 0)
        if not self._quiet:
            self._activity = cancelable_progress(total=0, desc=text, cancel_callback=self.cancel)
        self._call = self._process.call(target, args)
        self._timer.start()
        self.running_changed.emit(True)

    def cancel(self, *_: Any) -> None:
        """Kill the child process; ``stopped`` follows at once."""
        if self._call is not None:
            self._process.kill()
            self._end()
            self.stopped.emit(self._name, "")

    def _drain(self) -> None:
        # napari's progress bars process events, which brings the timer back here.
        if self._draining or self._call is None:
            return
        self._draining = True
        try:
            self._read_messages()
        finally:
            self._draining = False

    def _read_messages(self) -> None:
        call = self._call
        latest = None
        while call is not None:
            try:
                kind, value = call.messages.get_nowait()
            except Empty:
                break
            if kind == "progress":
                latest = value
                continue
            self._end()
            if kind == "value":
                self.finished.emit(self._name, value)
            else:
                self.stopped.emit(self._name, _tell(value, self._quiet))
            return
        if not self.isVisible() and time.monotonic() - self._started > self._patience:
            self.show()
        if latest is not None:
            self._show_progress(*latest)

    def _show_progress(self, done: int, total: int, text: str) -> None:
        self._bar.setRange(0, total)
        self._bar.setValue(done)
        if text:
            self._text.setText(text)
        self._left.setText(_time_left(time.monotonic() - self._started, done, total))
        activity = self._activity
        if activity is not None:
            if activity.total != total:
                activity.total = total
            activity.update(done - activity.n)

    def _end(self) -> None:
        self._timer.stop()
        self._call = None
        self._text.clear()
        activity, self._activity = self._activity, None
        if activity is not None:
            activity.close()
        self.hide()
        self.running_changed.emit(False)


def _time_left(elapsed: float, done: int, total: int) -> str:
    if done <= 0 or total <= done or elapsed < _ESTIMATE_AFTER:
        return ""
    seconds = elapsed * (total - done) / done
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    return f"about {round(seconds / 60)} min left"


def _tell(error: Exception, quiet: bool) -> str:
    """Notify the user of an error and give its sentence."""
    if isinstance(error, PtxError):
        if not quiet:
            show_error(str(error))
        return str(error)
    if isinstance(error, ChildDied):
        sentence = "The computation ended unexpectedly, perhaps for lack of memory; try it again."
        show_error(sentence)
        return sentence
    # A fault of the program: the notification offers the traceback to copy.
    notification_manager.receive_error(type(error), error, error.__traceback__)
    return "This failed because of a fault in the program; the notification has the details."
