"""Several connections of one process, and another process that comes and goes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from napari_ptx.study import Study
from tests.study.make import square


@pytest.mark.skipif(sys.platform == "win32", reason="the journal is about POSIX locks")
def test_another_process_leaves_the_journal_of_an_open_study(
    make_study: Callable[..., Study],
) -> None:
    with make_study(2) as study:
        study.status()  # a connection that stays open, as a window's does
        with study.desk("A", 1) as desk:  # opens the file again, and closes it
            desk.record(0, [square()], "freehand")
        script = f"from napari_ptx.study import Study; Study.open({str(study.path)!r}).close()"
        subprocess.run([sys.executable, "-c", script], check=True)
        # Had the other taken itself for the last, the journal would be gone.
        for ending in ("-wal", "-shm"):
            assert study.path.with_name(study.path.name + ending).exists()
