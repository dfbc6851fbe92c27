from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from napari import Viewer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_ptx.docks.jobs import JobBar, _Process, _time_left

WORK = "tests.docks.coordinator.work"


@pytest.fixture(autouse=True)
def work_is_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))


@pytest.fixture
def bar(qtbot) -> JobBar:
    widget = JobBar()
    qtbot.addWidget(widget)
    return widget


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def read_pid(path, qtbot) -> int:
    qtbot.waitUntil(lambda: path.exists() and path.read_text() != "", timeout=20_000)
    return int(path.read_text())


def test_a_job_shows_its_progress_and_gives_its_value(bar: JobBar, qtbot) -> None:
    with qtbot.waitSignal(bar.finished, timeout=20_000) as caught:
        bar.start("count", "Counting", f"{WORK}:count_to", 60)
        assert bar.running
        qtbot.waitUntil(lambda: bar.isVisible() and bar._bar.value() > 5, timeout=20_000)
        assert bar._bar.maximum() == 60
        assert bar._text.text().startswith("step ")
    assert caught.args == ["count", 60]
    assert not bar.running
    assert not bar.isVisible()


def test_cancel_kills_the_process(bar: JobBar, qtbot, tmp_path) -> None:
    note = tmp_path / "pid"
    bar.start("sleep", "Sleeping", f"{WORK}:sleep_and_tell_pid", str(note))
    pid = read_pid(note, qtbot)
    with qtbot.waitSignal(bar.stopped, timeout=20_000) as caught:
        bar.cancel_button.click()
    assert caught.args == ["sleep", ""]
    assert not alive(pid)
    with qtbot.waitSignal(bar.finished, timeout=20_000):  # and the bar can be used again
        bar.start("count", "Counting", f"{WORK}:count_to", 1)


def test_an_expected_error_is_told_with_all_its_rows(bar: JobBar, qtbot, told: list[str]) -> None:
    with qtbot.waitSignal(bar.stopped, timeout=20_000) as caught:
        bar.start("refuse", "Trying", f"{WORK}:refuse", "The table has a bad row.")
    name, sentence = caught.args
    assert name == "refuse"
    assert sentence.startswith("The table has a bad row.")
    assert "row 3: no image" in sentence
    assert any("row 3: no image" in message for message in told)


def test_a_fault_keeps_its_traceback(bar: JobBar, qtbot, told: list[str]) -> None:
    with qtbot.waitSignal(bar.stopped, timeout=20_000) as caught:
        bar.start("fail", "Trying", f"{WORK}:fail")
    assert "fault in the program" in caught.args[1]
    assert any("ZeroDivisionError" in message and "Traceback" in message for message in told)


def test_what_the_system_refuses_is_a_sentence(
    bar: JobBar, qtbot, told: list[str], tmp_path
) -> None:
    with qtbot.waitSignal(bar.stopped, timeout=20_000) as caught:
        bar.start("make", "Trying", f"{WORK}:make_folder", str(tmp_path))
    assert caught.args[1].startswith(f"{tmp_path} cannot be read or written (File exists)")
    assert told == [f"ERROR: {caught.args[1]}"]


def test_a_crash_leaves_the_app_up(bar: JobBar, qtbot, told: list[str]) -> None:
    with qtbot.waitSignal(bar.stopped, timeout=20_000) as caught:
        bar.start("crash", "Trying", f"{WORK}:crash")
    assert "ended unexpectedly" in caught.args[1]
    assert told


def test_closing_the_viewer_while_a_job_runs_kills_it_and_does_not_hang(
    make_napari_viewer: Callable[..., Viewer], qtbot, tmp_path
) -> None:
    viewer = make_napari_viewer(show=True)
    dock = QWidget()
    bar = JobBar()
    QVBoxLayout(dock).addWidget(bar)
    viewer.window.add_dock_widget(dock, name="work")
    note = tmp_path / "pid"
    bar.start("sleep", "Sleeping", f"{WORK}:sleep_and_tell_pid", str(note))
    pid = read_pid(note, qtbot)
    viewer.close()
    qtbot.waitUntil(lambda: not alive(pid), timeout=20_000)


@pytest.mark.parametrize(
    ("elapsed", "done", "total", "text"),
    [
        (1.0, 5, 10, ""),  # too early to tell
        (10.0, 0, 10, ""),
        (10.0, 10, 10, ""),
        (10.0, 5, 10, "about 10 s left"),
        (60.0, 10, 100, "about 9 min left"),
    ],
)
def test_time_left(elapsed: float, done: int, total: int, text: str) -> None:
    assert _time_left(elapsed, done, total) == text


def test_a_job_that_is_stopped_as_its_process_starts_leaves_none() -> None:
    process = _Process()
    child = process._child
    ensure = child._ensure
    started: list[subprocess.Popen[bytes]] = []
    asked = threading.Event()

    def stopped_before_there_is_a_process() -> tuple[subprocess.Popen[bytes], Any]:
        assert asked.wait(20)
        process.kill()
        made = ensure()
        started.append(made[0])
        return made

    child._ensure = stopped_before_there_is_a_process
    call = process.call(f"{WORK}:refuse", ("no",))
    asked.set()
    kind, _ = call.messages.get(timeout=20)
    assert kind == "error"
    (one,) = started
    one.wait(timeout=20)
    assert one.stdin.closed
