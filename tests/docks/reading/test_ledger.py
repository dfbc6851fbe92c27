"""What the ledger has of a session in the real window: looks, effort, reopening, and faults."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_ptx.docks.keeping import STILL_MS
from napari_ptx.image import Image
from napari_ptx.roi import read_roi
from napari_ptx.study import Desk, Study
from napari_ptx.study.replay import Replay
from tests.docks.reading.hands import CTRL, RIGHT, Hands, ellipse

LESION = ellipse(120, 160, 40, 60)
OTHER = ellipse(50, 60, 20, 25)
STILL = STILL_MS + 250


def replay_of(hands: Hands, index: int) -> Replay:
    """Give the steps of a case of the worklist."""
    study = hands.hub.study
    assert study is not None
    sha256 = hands.session.desk.image(index).sha256
    case = next(case.case for case in study.cases() if case.sha256 == sha256)
    return study.replay("A", 1, case)


def steps(hands: Hands, index: int = 0) -> list[tuple[str, str]]:
    return [(step.kind, step.action) for step in replay_of(hands, index).steps]


@pytest.mark.once
def test_three_plain_cases_cost_the_outline_and_one_key_each(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not above 2 keys or clicks beside the outline, counted from the ledger."""
    for _ in range(3):
        hands.drag(LESION)
        hands.finish()
    assert hands.hub.study is not None
    for effort in hands.hub.study.efforts("A", 1)[:3]:
        assert effort.finished
        assert (effort.keys, effort.clicks, effort.drawing) == (1, 0, 1)
        assert effort.strokes == effort.revisions == 1
    assert steps(hands, 1)[-1] == ("finish", "key")
    assert steps(hands, 1)[0] == ("go", "next")

    # A look is one row, when the view has been still; a mouse that moves is none.
    hands.wait(STILL)
    opened = len(replay_of(hands, 3).steps)
    assert steps(hands, 3)[-1] == ("look", "open")
    slowest, go = [0.0], Desk.go

    def timed(desk: Desk, *args: object, **more: object) -> None:
        start = time.perf_counter()
        go(desk, *args, **more)
        slowest.append(time.perf_counter() - start)

    monkeypatch.setattr(Desk, "go", timed)
    camera = hands.viewer.scene.camera
    for step in range(15):
        camera.zoom *= 1.03
        hands.move((100 + step, 100))
    assert len(replay_of(hands, 3).steps) == opened
    hands.wait(STILL)
    assert steps(hands, 3)[opened:] == [("look", "zoom")]
    hands.drag([(60, 60 + 5 * step) for step in range(12)], RIGHT)
    hands.wait(STILL)
    assert steps(hands, 3)[opened + 1 :] == [("look", "window")]
    look = replay_of(hands, 3).steps[-1]
    assert look.inputs == {"keys": 0, "clicks": 1, "drawing": 0}
    limits = hands.session.case._image_layer.contrast_limits
    assert look.view["window"] == pytest.approx(limits, abs=0.01)
    for _ in range(30):
        hands.move((100, 100), wait=0)
    hands.wait(STILL)
    assert len(replay_of(hands, 3).steps) == opened + 2
    # About 10 ms here; canvas and mouse must not feel it (a machine under load stalls).
    assert max(slowest) < 1.0

    # Back to a finished case, which a change reopens; by button and by key.
    for _ in range(3):
        hands.button(hands.dock._back)
        hands.wait_for_case()
    hands.key("z", CTRL)
    hands.drag(OTHER)
    hands.key(Qt.Key.Key_Return)
    hands.wait_for_case()
    again = steps(hands)
    assert again[-5:] == [
        ("go", "click"), ("reopen", ""), ("undo", "key"), ("stroke", "outline"), ("finish", "key"),
    ]  # fmt: skip
    effort = replay_of(hands, 0).effort
    assert (effort.reopened, effort.revisions) == (1, 2)
    assert hands.hub.study.verify() == ()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)]
    if os.name != "posix" or os.geteuid() or subprocess.run(command, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        for size in (4096, 512, 1):
            try:
                while True:
                    stream.write(bytes(size))
            except OSError:
                continue
    return ballast


@pytest.mark.once
def test_a_full_disk_keeps_the_outline_on_the_canvas_and_says_so(
    hands_at: Callable[[Path], Hands], study_file: Path, small_disk: Path
) -> None:
    path = small_disk / study_file.name
    for file in study_file.parent.iterdir():
        shutil.copy(file, small_disk)
    hands = hands_at(path).open()
    hands.drag(LESION)
    kept = hands.outlines
    ballast = fill(small_disk)
    page = hands.dock.page
    for _ in range(30):  # what SQLite has room for already is not full yet
        hands.drag(OTHER)
        if not hands.session.saved:
            break
    drawn = hands.outlines
    assert len(drawn) == 2
    assert page.saved.text() == "NOT SAVED"
    assert hands.message == (
        f"The disk is full: the last step was not saved. Make room in {small_disk} and try again."
    )
    assert page.save_again.isVisible()
    hands.key(Qt.Key.Key_PageDown)
    assert hands.session.index == 0, "nobody leaves a case that is not saved"
    hands.button(page.save_again)
    assert page.saved.text() == "NOT SAVED"
    ballast.unlink()
    hands.button(page.save_again)
    assert page.saved.text().startswith("saved")
    assert not page.save_again.isVisible()
    assert hands.message == ""
    with Study.open(path) as study:
        assert replay_of(hands, 0).steps[-1].outlines == drawn
        assert study.verify() == ()

    # The window closes on a full disk: what the record cannot take is in a file.
    fill(small_disk)
    for _ in range(30):
        hands.drag(ellipse(180, 260, 20, 25))
        if not hands.session.saved:
            break
    last, code = hands.outlines, hands.session.cases[0].code
    told: list[str] = []
    notification_manager.notification_ready.connect(lambda note: told.append(str(note)))
    hands.hub.close_desk()
    assert f"The last outlines of case {code} could not be saved in the study." in told[-1]
    file = Path.home() / "napari-ptx" / f"unsaved-{code}.zip"
    assert str(file) in told[-1]
    assert len(read_roi(file)) == len(last) == 3
    ballast.unlink()
    again = hands.open()
    assert again.outlines[: len(kept)] == kept
    with Study.open(path) as study:
        assert study.verify() == ()


def test_nobody_looks_at_a_case_that_comes_while_the_dock_is_hidden(
    hands_at: Callable[[Path], Hands], study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Desk.image

    def slowly(desk: Desk, index: int) -> Image:
        time.sleep(0.5)
        return read(desk, index)

    monkeypatch.setattr(Desk, "image", slowly)
    hands = hands_at(study_file)
    assert hands.hub.open_desk("A", 1) is not None
    session = hands.session
    hands.dock.parent().hide()
    assert session.image is None
    hands.wait_for(lambda: session.image is not None)
    hands.wait(STILL)
    hands.wait_for_case()  # shows the dock again
    hands.wait(STILL)
    assert steps(hands) == [("look", "open")]
