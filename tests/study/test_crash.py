"""A process that is killed in the middle of its work loses the stroke in hand at most."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_ptx.roi import Outline
from napari_ptx.study import Desk, Study
from tests.study.make import square

CHILD = """
import sys
from pathlib import Path
from napari_ptx.study import Desk, Study
from tests.study.test_crash import work
with Study.open(Path(sys.argv[1])) as study, study.desk("A", 1) as desk:
    for number in range(int(sys.argv[2]), 1_000_000):
        work(desk, number)
        print(number + 1, flush=True)
"""


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


def rows(path: Path) -> int:
    base = sqlite3.connect(path)
    try:
        return int(base.execute("SELECT count(*) FROM strokes").fetchone()[0])
    finally:
        base.close()


def kill_and_resume(study: Study, rounds: int, seed: int) -> None:
    moment = random.Random(seed)
    saved = 0
    for _ in range(rounds):
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(study.path), str(saved)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(moment.uniform(0, 0.12))
        process.kill()
        told = [first, *process.stdout.read().splitlines()]
        process.wait()
        process.stdout.close()
        # The last line may be cut; a stroke counts as told when its line is whole.
        promised = max(int(line) for line in told if line.strip())
        saved = rows(study.path)
        assert promised <= saved <= promised + 1
        with study.desk("A", 1) as desk:
            draft = desk.draft(0)
            assert draft.outlines == expected(saved)
            assert draft.active_seconds == pytest.approx(0.5 * saved)
        assert study.verify() == ()
    assert saved >= rounds


def test_kill_in_the_middle_of_strokes(make_study: Callable[..., Study]) -> None:
    kill_and_resume(make_study(2, reread=0), rounds=8, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_kill_in_the_middle_of_strokes_200_times(make_study: Callable[..., Study]) -> None:
    kill_and_resume(make_study(2, reread=0), rounds=200, seed=2)


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
