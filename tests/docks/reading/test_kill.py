"""kill -9 in the middle of a stroke: everything else is there afterwards."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_ptx.study import Protocol, Study
from napari_ptx.study.agreement import agreement
from tests.docks.reading.hands import CTRL, Hands, ellipse
from tests.docks.reading.reader_process import from_file, read_case

ROOT = Path(__file__).resolve().parents[3]


def read_until_killed(study: Path, reader: str, hand: str) -> None:
    """Let a reader read four cases and begin the fifth, and kill the process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.docks.reading.reader_process", str(study), reader, hand],
        cwd=ROOT,
        # what the app remembers stays out of the real home
        env=os.environ | {"XDG_CONFIG_HOME": str(study.parent / "config")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == "in the middle of a stroke"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.slow
def test_kill_in_the_middle_of_the_fifth_case(
    hands_at: Callable[[Path], Hands], study_file: Path
) -> None:
    read_until_killed(study_file, "A", "ellipses")
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


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.timeout(1200)
def test_ten_thyroid_nodules_against_their_masks(
    hands_at: Callable[[Path], Hands], data_dir: Path, tmp_path: Path
) -> None:
    """479 real images: A's masks are imported, B draws ten and is killed on the fifth."""
    cohort = data_dir / "us_ddti_thyroid" / "cohort.csv"
    path = tmp_path / "nodules.ptx"
    protocol = Protocol(("A", "B"), reread=0, seed=1)
    with Study.create(path, cohort, protocol) as study:
        table = tmp_path / "masks.csv"
        with cohort.open(newline="") as source, table.open("w", newline="") as stream:
            rows = csv.writer(stream)
            rows.writerow(("case", "roi"))
            rows.writerows(
                (row["case"], cohort.parent / row["roi"]) for row in csv.DictReader(source)
            )
        assert study.import_readings("A", 1, table, threshold=75) == 479
        sha256 = {case.case: case.sha256 for case in study.cases()}
        # B's hand shakes, and leaves out what is too small to go round.
        shake = np.random.default_rng(2)
        strokes = {}
        for reading in study.readings("A", 1):
            large = [one.points for one in reading.outlines if len(one.points) > 40]
            strokes[sha256[reading.case]] = [
                (ring[::4] + shake.normal(0, 0.5, ring[::4].shape)).tolist() for ring in large
            ]
    hand = tmp_path / "hand.json"
    hand.write_text(json.dumps(strokes))
    read_until_killed(path, "B", str(hand))
    hands = hands_at(path).open("B")
    assert hands.session.index == 4
    assert len(hands.outlines) == 1
    hands.key("z", CTRL)
    assert hands.outlines == ()
    for _ in range(6):
        read_case(hands, from_file(hand))
    hands.hub.close_desk()
    with Study.open(path) as study:
        assert len(study.readings("B", 1)) == 10
        assert study.verify() == ()
        result = agreement(study)
    inter = result.inter.set_index("measurand")
    assert inter.loc["area", "n"] == 10
    assert inter.loc["area", "icc"] > 0.9
    assert inter.loc["centroid_x", "icc"] > 0.9
