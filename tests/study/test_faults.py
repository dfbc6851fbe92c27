"""Faults that really happen: a full disk, a read-only share, a lock, a second window.

Each gives one sentence and loses nothing: what was told as saved is there, what was not
is not, and once the fault is mended the next step works.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from napari_ptx.errors import PtxError
from napari_ptx.roi import Outline
from napari_ptx.study import Study, StudyError, database
from tests.study.make import square

ROOT = sys.platform == "linux" and os.geteuid() == 0
FULL = "The disk is full: the last step was not saved. Make room in {} and try again."


def large(seed: int) -> Outline:
    """Give an outline that needs 160 kB in the record."""
    return Outline(np.random.default_rng(seed).uniform(0, 40, (4000, 2)))


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 1 MB."""
    if not ROOT:
        pytest.skip("only root can mount a disk")
    place = tmp_path / "disk"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=1m", "none", str(place))
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def on_small_disk(make_study: Callable[..., Study], small_disk: Path) -> Study:
    """Give a study whose file is on a disk of 1 MB; its images are elsewhere."""
    study = make_study(2, reread=0)
    study.close()
    shutil.move(study.path, small_disk / "small.ptx")
    return Study.open(small_disk / "small.ptx")


def fill_up(desk: object, kept: list[Outline]) -> str:
    """Draw until the disk is full; ``kept`` has what was recorded. Give the sentence."""
    for seed in range(1000):
        outline = large(seed)
        try:
            desk.record(0, [outline], "outline", {}, 1.0)  # type: ignore[attr-defined]
        except StudyError as error:
            return error.message
        kept.append(outline)
    raise AssertionError("the disk never filled up")


def test_a_disk_that_is_full_and_has_room_again(on_small_disk: Study) -> None:
    study, kept = on_small_disk, list[Outline]()
    ballast = study.path.parent / "ballast"
    ballast.write_bytes(bytes(200_000))
    with study.desk("A", 1) as desk:
        assert fill_up(desk, kept) == FULL.format(study.path.parent)
        assert kept
        assert desk.draft(0).outlines == (kept[-1],)
        assert desk.draft(0).active_seconds == len(kept)
        for step in (
            lambda: desk.record(0, [large(7)], "outline", {}, 1.0),
            lambda: desk.finish(0, view={"more": "x" * 100_000}),
        ):
            with pytest.raises(StudyError, match="The disk is full"):
                step()
        assert desk.cases[0].state == "started"
        ballast.unlink()
        desk.record(0, [square()], "outline", {}, 1.0)
        desk.undo(0)
        assert desk.draft(0).outlines == (kept[-1],)
        desk.finish(0)
    assert study.verify() == ()
    assert study.readings()[0].outlines == (kept[-1],)


def test_a_file_that_may_not_grow(make_study: Callable[..., Study]) -> None:
    """The same where nothing can be mounted: the limit of a process on the size of files."""
    study = make_study(1, reread=0)
    told, mine = multiprocessing.get_context("forkserver").Pipe(duplex=False)
    process = multiprocessing.get_context("forkserver").Process(
        target=_draw_at_the_limit, args=(str(study.path), mine)
    )
    process.start()
    mine.close()
    answer = told.recv()
    process.join()
    assert "not saved" in answer["sentence"]
    assert answer["kept"] > 0
    assert answer["after"] == "saved"
    assert study.verify() == ()
    assert study.replay("A", 1, "case-0").steps[-1].outlines == (square(),)
    told.close()


def _draw_at_the_limit(path: str, told: Connection) -> None:
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    kept: list[Outline] = []
    with Study.open(Path(path)) as study, study.desk("A", 1) as desk:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, most[1]))
        sentence = fill_up(desk, kept)
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
        desk.record(0, [square()], "outline", {}, 1.0)
        told.send({"sentence": sentence, "kept": len(kept), "after": "saved"})


def test_a_disk_that_turns_read_only(on_small_disk: Study) -> None:
    """As a network share does that comes back, or a file system after an error."""
    study = on_small_disk
    place = study.path.parent
    with study.desk("A", 1) as desk:
        desk.record(0, [square(3)], "outline", {}, 1.0)
    study.close()
    mount("-o", "remount,ro", str(place))
    sentence = _sentence(lambda: Study.open(study.path).desk("A", 1))
    assert "read-only" in sentence or "cannot be" in sentence
    assert str(place) in sentence
    mount("-o", "remount,rw", str(place))
    with Study.open(study.path) as again, again.desk("A", 1) as desk:
        assert desk.draft(0).outlines == (square(3),)
        desk.record(0, [square(5)], "outline", {}, 1.0)
        assert again.verify() == ()


@pytest.mark.skipif(not ROOT, reason="needs root, to become somebody else")
def test_a_study_that_may_not_even_be_seen(make_study: Callable[..., Study]) -> None:
    study = make_study(1, reread=0)
    study.close()
    study.path.parent.chmod(0o700)
    assert "cannot be read (Permission denied)" in _told_to_nobody(study.path)


@pytest.mark.skipif(not ROOT, reason="needs root, to become somebody else")
@pytest.mark.parametrize("what", ["folder", "file"])
def test_somebody_who_may_not_write(
    make_study: Callable[..., Study], what: str, request: pytest.FixtureRequest
) -> None:
    study = make_study(1, reread=0)
    study.close()
    folder = study.path.parent
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    if what == "file":
        folder.chmod(0o777)
    for parent in folder.parents:  # the way to it, however deep the tests' folder lies
        mode = parent.stat().st_mode
        if mode & 0o055 != 0o055:
            request.addfinalizer(partial(parent.chmod, stat.S_IMODE(mode)))
            parent.chmod(mode | 0o055)
    sentence = _told_to_nobody(study.path)
    assert "read-only" in sentence or "cannot be written to" in sentence, sentence
    assert sentence.count(". ") <= 1
    with Study.open(study.path) as again, again.desk("A", 1) as desk:
        desk.record(0, [square()], "outline", {}, 1.0)
        assert again.verify() == ()


def _told_to_nobody(path: Path) -> str:
    """Let somebody who owns nothing open a study and draw; give what they are told."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(path.parent, Path(folder, "copy")) / path.name
        return _told(path, copy)


def _told(path: Path, rehearsal: Path) -> str:
    server = multiprocessing.get_context("forkserver")
    told, mine = server.Pipe(duplex=False)
    process = server.Process(target=_draw_as_nobody, args=(path, rehearsal, mine))
    process.start()
    mine.close()
    sentence: str = told.recv()
    process.join()
    told.close()
    return sentence


def _draw_as_nobody(path: Path, rehearsal: Path, told: Connection) -> None:
    def draw(path: Path) -> None:
        with Study.open(path) as study, study.desk("A", 1) as desk:
            desk.record(0, [square()], "outline", {}, 1.0)

    draw(rehearsal)  # imports what is needed: nobody may not read the packages everywhere
    os.setgid(65534)
    os.setuid(65534)
    told.send(_sentence(partial(draw, path)))


def _sentence(step: Callable[[], object]) -> str:
    try:
        step()
    except PtxError as error:
        return str(error)
    return "nothing was refused"


HOLD = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_file_that_another_program_holds(
    make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.3)
    study = make_study(1, reread=0)
    with study.desk("A", 1) as desk:
        desk.record(0, [square(3)], "outline", {}, 1.0)
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(study.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        for step in (
            lambda: desk.record(0, [square(5)], "outline", {}, 1.0),
            lambda: desk.finish(0),
            desk.close_session,
        ):
            with pytest.raises(StudyError, match=r"written to by another program|not finished"):
                step()
        assert desk.draft(0).outlines == (square(3),)
        holder.communicate("\n")
        desk.record(0, [square(5)], "outline", {}, 1.0)
    assert study.verify() == ()
    assert [step.text for step in study.replay("A", 1, "case-0").steps] == ["outline", "outline"]


def test_every_step_is_on_the_disk_when_it_is_told(make_study: Callable[..., Study]) -> None:
    """Against a power cut: SQLite waits for the disk with each commit (synchronous 2)."""
    with make_study(1, reread=0).desk("A", 1) as desk, desk._store.read() as db:
        ask = db.connection().exec_driver_sql
        assert ask("PRAGMA synchronous").scalar() == 2
        assert ask("PRAGMA journal_mode").scalar() == "wal"


def test_a_newer_version_is_told_and_nothing_is_touched(make_study: Callable[..., Study]) -> None:
    study = make_study(1, reread=0)
    study.close()
    base = sqlite3.connect(study.path)
    base.execute("UPDATE alembic_version SET version_num = '9999'")
    base.commit()
    base.close()
    before = study.path.read_bytes()
    with pytest.raises(StudyError, match=r"newer version of napari-ptx .*; update napari-ptx"):
        Study.open(study.path)
    assert study.path.read_bytes() == before
