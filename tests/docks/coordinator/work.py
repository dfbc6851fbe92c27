"""What the tests of jobs run in a child process; imports neither Qt nor pytest."""

from __future__ import annotations

import os
import time

from napari_ptx.child import Progress
from napari_ptx.errors import PtxError


def count_to(number: int, progress: Progress) -> int:
    for done in range(number):
        progress(done, number, f"step {done}")
        time.sleep(0.02)
    return number


def sleep_and_tell_pid(path: str, progress: Progress) -> None:
    with open(path, "w") as stream:  # noqa: PTH123
        stream.write(str(os.getpid()))
    progress(0, 1, "asleep")
    time.sleep(600)  # whoever waits for it runs into the time limit of the test


def refuse(sentence: str, progress: Progress) -> None:
    raise PtxError(sentence, ["row 3: no image"])


def fail(progress: Progress) -> None:
    raise ZeroDivisionError("a fault of the program")


def make_folder(path: str, progress: Progress) -> None:
    os.mkdir(path)  # noqa: PTH102


def crash(progress: Progress) -> None:
    os.abort()
