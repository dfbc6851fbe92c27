"""kill -9 in the middle of a stroke: everything else is there afterwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_ptx.study import Study
from tests.docks.reading.hands import Hands, ellipse

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_kill_in_the_middle_of_the_fifth_case(
    hands_at: Callable[[Path], Hands], study_file: Path
) -> None:
    reader = subprocess.Popen(
        [sys.executable, "-m", "tests.docks.reading.reader_process", str(study_file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert reader.stdout is not None
        assert reader.stdout.readline().strip() == "in the middle of a stroke"
    finally:
        reader.kill()
        reader.wait()
        reader.stdout.close()
    with Study.open(study_file) as study:
        assert len(study.readings("A", 1)) == 4
        assert study.verify() == ()
    hands = hands_at(study_file).open()
    assert hands.session.index == 4
    assert hands.session.desk.progress == (4, 6)
    assert len(hands.outlines) == 1, "only the stroke in hand is lost"
    hands.drag(ellipse(50, 60, 20, 25))
    assert len(hands.outlines) == 2
    hands.finish()
    with Study.open(study_file) as study:
        assert len(study.readings("A", 1)) == 5
        assert study.verify() == ()
