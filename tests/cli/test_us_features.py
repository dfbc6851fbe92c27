"""us crop, us features, us icc and us map, from a cohort and from a study."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

pytest.importorskip("radiomics")

from napari_ptx.cli.root import run
from napari_ptx.study import Protocol, Study
from napari_ptx.ultrasound import read_features
from tests.study.make import Clock, read_all, square, write_images
from tests.ultrasound.lesions import write_cohort


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two readers in one round of four cases; the last of B's was not assessable."""
    table = write_images(tmp_path, 4, [("label", "1"), ("roi", "")])
    protocol = Protocol(readers=("A", "B"), reread=0, seed=3)
    clock = Clock()
    path = tmp_path / "study.ptx"
    with Study.create(path, table, protocol, clock=clock) as made:
        read_all(made, "A", 1, clock)
        with made.desk("B", 1, clock=clock) as desk:
            for case in desk.cases:
                clock.advance(seconds=20)
                if case.index < 3:
                    outline = square(11, 12, 9 + case.index)
                    desk.record(case.index, [outline], "freehand", {}, 4.0)
                    desk.finish(case.index, view={}, seconds=1)
                else:
                    desk.finish(case.index, view={}, seconds=1, not_assessable="blurred")
    return path


def test_features_of_a_study_and_their_agreement(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert run(["us", "features", str(study), "-o", out, "--size", "24", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["rows"], answer["columns"]) == (7, 567)
    (failure,) = answer["failures"]
    assert (failure["reader"], failure["round"]) == ("B", 1)
    assert "has no ROI" in failure["reason"]
    table = read_features(out).table
    assert sorted(table["reader"]) == ["A"] * 4 + ["B"] * 3
    assert set(table["label"]) == {1}

    icc = tmp_path / "icc.csv"
    assert run(["us", "icc", out, "-o", str(icc), "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["features"] == 567
    assert counts["comparisons"][0]["comparison"] == "between readers A, B"
    assert counts["comparisons"][0]["cases"] == 3
    assert counts["comparisons"][0]["left_out"] == 1
    written = pd.read_csv(icc)
    assert len(written) == 567
    assert written["passes"].sum() == len(counts["passed"]) == counts["comparisons"][-1]["point"]
    assert counts["comparisons"][0]["lower"] <= counts["comparisons"][0]["point"]
    lower = run(["us", "icc", out, "--bound", "lower"])
    text = capsys.readouterr().out
    assert lower == 0
    assert "ICC(A,1)" in text
    assert "Cases left out" in text


def test_crop_and_map_of_a_cohort(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cohort = str(write_cohort(tmp_path / "in", 2))
    out = tmp_path / "crops"
    assert run(["us", "crop", cohort, "-o", str(out), "--size", "60", "--mode", "spacing"]) == 0
    assert "2 crops in" in capsys.readouterr().out
    assert len(pd.read_csv(out / "crops.csv")) == 2
    arguments = ["us", "map", cohort, "c1", "--feature", "original_firstorder_Mean"]
    assert run([*arguments, "-o", str(tmp_path / "map.tif")]) == 0
    assert np.isfinite(tifffile.imread(tmp_path / "map.tif")).sum() > 500
    capsys.readouterr()
    assert run(["us", "map", cohort, "c7", "-o", str(tmp_path / "map.tif")]) == 2
    assert "has 0 rows for case c7" in capsys.readouterr().err


def test_features_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_cohort(tmp_path / "in", 2)
    path.write_text(path.read_text().replace("1-0.png", ""))
    arguments = ["us", "features", str(path), "-o", str(tmp_path / "out"), "--size", "24"]
    assert run([*arguments, "--extra-filter", "LBP2D"]) == 1
    text = capsys.readouterr().out
    assert "1 row with 567 features" in text
    assert "shape features are of the stretched box" in text
    assert "Left out: Case c1 has no ROI" in text
    assert run([*arguments, "--extra-filter", "LoG"]) == 2
    assert run(["us", "icc", str(tmp_path / "out")]) == 2
    assert "neither a column 'reader' nor 'round'" in capsys.readouterr().err
