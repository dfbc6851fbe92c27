"""Tests of the docks: skipped where napari or Qt is missing; nothing may be left behind."""

from __future__ import annotations

import copy
import gc
import importlib
import threading
import time
from collections.abc import Iterator
from functools import partialmethod
from importlib.util import find_spec
from typing import Any

import pytest

MISSING = [name for name in ("napari", "qtpy", "vispy") if find_spec(name) is None]

if MISSING:
    collect_ignore_glob = ["*"]

    def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(
            f"tests/docks was skipped: {', '.join(MISSING)} not installed (pip install .[app])"
        )


def read_manifests_once() -> None:
    """Parse each plugin's manifest once: every window of a test finds all plugins anew."""
    from npe2.manifest import _bases

    known: dict[str, Any] = {}
    read = _bases._load_yaml_no_duplicates

    def remembered(stream: Any) -> Any:
        if stream.name not in known:
            known[stream.name] = read(stream)
        return copy.deepcopy(known[stream.name])

    _bases._load_yaml_no_duplicates = remembered


@pytest.fixture(scope="session", autouse=True)
def loaded() -> None:
    """Load what every window needs, and take it out of the sight of the garbage collector.

    Every test collects garbage, and napari does for each layer that is removed; without
    this each time looks at a million objects of the libraries.
    """
    importlib.import_module("napari._qt.qt_main_window")
    importlib.import_module("napari_ptx.docks.hub")
    read_manifests_once()

    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a minute for what a window shows, where five seconds would do: machines stall."""
    from pytestqt.qtbot import QtBot

    longer = partialmethod(QtBot.waitUntil, timeout=60_000)
    monkeypatch.setattr(QtBot, "waitUntil", longer)


@pytest.fixture(autouse=True)
def programs_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep shader programs: without a GPU, Mesa 22.3 crashes in deleting one.

    It does so in napari alone, when an image and shapes are removed beside a layer that
    is drawn. A test's window ends its programs with its context anyway.
    """
    from vispy.gloo.glir import GlirProgram

    monkeypatch.setattr(GlirProgram, "delete", lambda program: None)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves a visible window, a modal dialog or a thread."""
    from qtpy.QtWidgets import QApplication

    threads = set(threading.enumerate())
    windows = {id(widget) for widget in QApplication.topLevelWidgets()}
    yield
    modal = QApplication.activeModalWidget()
    assert modal is None, f"a modal dialog is open: {modal}"
    gc.collect()
    QApplication.processEvents()
    gc.collect()
    gc.freeze()  # what outlives its test is not looked through again in each later one
    left = [
        widget
        for widget in QApplication.topLevelWidgets()
        if id(widget) not in windows and widget.isVisible()
    ]
    assert not left, f"windows are left open: {left}"
    deadline = time.monotonic() + 60
    while running := [
        thread
        for thread in threading.enumerate()
        if thread not in threads and thread.is_alive() and not thread.daemon
    ]:
        assert time.monotonic() < deadline, f"threads are still running: {running}"
        time.sleep(0.02)
        QApplication.processEvents()
