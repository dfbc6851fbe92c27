"""A process that is killed in the middle of its work loses the stroke in hand at most.

The process is a fork of a server that has everything imported, and tells of each step
through a pipe once the desk has said that it is on disk. It is killed at any moment:
while it opens the study, too.
"""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from napari_ptx.roi import Outline
from napari_ptx.study import Desk, Study
from tests.study.make import square


def kind(number: int) -> str:
    return {4: "undo", 5: "redo", 9: "finish"}.get(number % 10, "stroke")


def work(desk: Desk, number: int) -> None:
    """Do the step of this number; every step is one row of the record."""
    if kind(number) == "stroke":
        desk.record(0, [square(number % 37)], "freehand", {"zoom": 2.0}, 0.5)
    elif kind(number) == "finish":
        desk.finish(0, seconds=0.5)
    else:
        getattr(desk, kind(number))(0, seconds=0.5)


def expected(steps: int) -> tuple[Outline, ...]:
    history: list[tuple[Outline, ...]] = [()]
    cursor = 0
    for number in range(steps):
        if kind(number) == "stroke":
            history = [*history[: cursor + 1], (square(number % 37),)]
            cursor += 1
        elif kind(number) in ("undo", "redo"):
            cursor += 1 if kind(number) == "redo" else -1
    return history[cursor]


def at_work(path: str, first: int, told: Connection) -> None:
    """Work as fast as the disk allows, and tell after each step how many there are."""
    with Study.open(path) as study, study.desk("A", 1) as desk:
        for number in range(first, 1_000_000):
            work(desk, number)
            told.send(number + 1)


def steps_in(path: Path) -> int:
    """Count the steps in the record; a change of a finished case brings a row of its own."""
    base = sqlite3.connect(path)
    try:
        query = "SELECT count(*) FROM strokes WHERE kind != 'reopen'"
        return int(base.execute(query).fetchone()[0])
    finally:
        base.close()


def heard(told: Connection) -> list[int]:
    """Give all that was told before the process died."""
    numbers = []
    try:
        while told.poll():
            numbers.append(told.recv())
    except (EOFError, OSError):  # a message may be cut
        pass
    return numbers


def kill_and_resume(study: Study, rounds: int, seed: int) -> tuple[int, int, int]:
    """Kill a working process ``rounds`` times.

    Gives the steps that are in the record, the rounds that were killed in the opening,
    and those with a step that was on disk but not told yet.
    """
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["napari_ptx.study.desk", "tests.study.test_crash"])
    moment = random.Random(seed)
    saved = opening = untold = 0
    for _ in range(rounds):
        told, mine = server.Pipe(duplex=False)
        process = server.Process(target=at_work, args=(str(study.path), saved, mine))
        process.start()
        mine.close()
        if moment.random() < 0.8:  # else it may be anywhere in the opening
            told.poll(60)
        time.sleep(moment.uniform(0, 0.15))
        process.kill()
        process.join()
        numbers = heard(told)
        told.close()
        process.close()
        promised = max(numbers, default=saved)
        opening += not numbers
        saved = steps_in(study.path)
        untold += saved - promised
        assert promised <= saved <= promised + 1
        with study.desk("A", 1) as desk:
            draft = desk.draft(0)
            assert draft.outlines == expected(saved)
            assert draft.active_seconds == pytest.approx(0.5 * saved)
        assert study.verify() == ()
    return saved, opening, untold


@pytest.mark.once
def test_kill_in_the_middle_of_strokes(make_study: Callable[..., Study]) -> None:
    saved, *_ = kill_and_resume(make_study(2, reread=0), rounds=8, seed=1)
    assert saved >= 8


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_kill_in_the_middle_of_strokes_200_times(
    make_study: Callable[..., Study], capsys: pytest.CaptureFixture[str]
) -> None:
    saved, opening, untold = kill_and_resume(make_study(2, reread=0), rounds=200, seed=2)
    assert saved >= 200
    with capsys.disabled():
        print(
            f"\n200 kills: {saved} steps kept, none lost that was told; {opening} in the "
            f"opening, {untold} steps on disk that were not told yet"
        )


@pytest.mark.once
def test_a_killed_creation_leaves_no_half_and_can_be_repeated(
    make_study: Callable[..., Study], write_cohort: Callable[..., Path], tmp_path: Path
) -> None:
    table = write_cohort(30)
    code = """
import os, sys
from pathlib import Path
from napari_ptx.study import Protocol, Study
def progress(done, total, text):
    if done == 25:
        os.kill(os.getpid(), 9)
Study.create(Path(sys.argv[1]), sys.argv[2], Protocol(readers=("A",)), progress=progress)
"""
    target = tmp_path / "killed.ptx"
    done = subprocess.run([sys.executable, "-c", code, str(target), str(table)], check=False)
    assert done.returncode == -9
    assert not target.exists()
    with make_study(30, name="killed") as study:
        assert study.path == target
        assert len(study.cases()) == 30


LOOK = """
import sys
from napari_ptx.study import Study
with Study.open(sys.argv[1]) as study:
    print(study.status().of("A", 1).started)
"""


@pytest.mark.once
def test_nothing_is_lost_when_another_program_looks(make_study: Callable[..., Study]) -> None:
    """The other program is not the last to leave, and must not take the journal with it."""
    study = make_study(3)
    study.status()  # a connection of this process, as the app has one
    with study.desk("A", 1) as desk:
        for number in range(2):
            desk.record(number, [square(number)], "freehand", {}, 1.0)
            seen = subprocess.run(
                [sys.executable, "-c", LOOK, str(study.path)], capture_output=True, text=True,
                check=True, cwd=Path(__file__).parents[2],
            )  # fmt: skip
            assert seen.stdout.strip() == str(number + 1)
    study.close()
    with Study.open(study.path) as again:
        assert again.status().of("A", 1).started == 2
