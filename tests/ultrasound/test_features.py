"""Features of a cohort: whole tables, failures with reasons, restarts, other people's tables."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("radiomics")

from napari_ptx.child import ChildFault
from napari_ptx.image import CohortError, read_cohort
from napari_ptx.ultrasound import (
    Extractor,
    FeatureTable,
    UltrasoundError,
    extract,
    load_case,
    read_features,
)
from napari_ptx.ultrasound.crop import crop
from napari_ptx.ultrasound.pool import run_all
from tests.ultrasound.lesions import write_cohort

SIZE = 40


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FeatureTable, list[int]]:
    """Five cases; the second has no ROI, the fourth a broken image."""
    folder = tmp_path_factory.mktemp("features")
    path = write_cohort(folder / "in", 5)
    lines = path.read_text().splitlines()
    lines[2] = lines[2].replace("1-0.png", "")
    path.write_text("\n".join(lines))
    (folder / "in" / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    seen: list[int] = []
    table = extract(
        path,
        folder / "out",
        size=SIZE,
        jobs=2,
        note="speckle",
        progress=lambda done, total, text: seen.append(done),
    )
    return folder, table, seen


def test_every_case_has_567_features_or_a_reason(
    made: tuple[Path, FeatureTable, list[int]],
) -> None:
    folder, features, seen = made
    assert seen == [1, 2, 3, 4, 5]
    assert list(features.table["case"]) == ["c0", "c2", "c4"]
    assert list(features.table.columns[:4]) == ["case", "patient", "label", "age"]
    assert list(features.table["label"]) == [0, 0, 0]
    assert len(features.columns) == 567
    assert [failure["case"] for failure in features.failures] == ["c1", "c3"]
    assert "Case c1 has no ROI" in features.failures[0]["reason"]
    assert "cannot be read" in features.failures[1]["reason"]
    extractor = Extractor()
    for row in read_cohort(folder / "in" / "cohort.csv").table.to_dict("records"):
        found = features.table[features.table["case"] == row["case"]]
        if len(found):
            expected = extractor.features(crop(load_case(row), size=SIZE))
            assert found.iloc[0][list(expected)].to_dict() == expected


def test_the_file_says_what_made_it_and_reads_back(
    made: tuple[Path, FeatureTable, list[int]],
) -> None:
    folder, features, _ = made
    again = read_features(folder / "out")
    pd.testing.assert_frame_equal(again.table, features.table)
    assert again.columns == features.columns
    assert again.note == "speckle"
    about = json.loads((folder / "out" / "diagnostics.json").read_text())
    assert about["options"]["extra_filter"] == "Square"
    assert about["parameters"]["setting"]["binWidth"] == 25.0
    assert about["versions"]["SimpleITK"]
    assert "shape features are of the stretched box" in about["notes"][0]
    assert [case["case"] for case in about["cases"]] == ["c0", "c2", "c4"]
    assert len(about["cases"][0]["box"]) == 4


def test_a_second_run_takes_what_is_there_unless_something_changed(
    made: tuple[Path, FeatureTable, list[int]], tmp_path: Path
) -> None:
    folder, features, _ = made
    kept = sorted((folder / "out" / "cache").glob("*.json"))
    assert len(kept) == 3
    name = features.columns[0]
    marked = json.loads(kept[0].read_text())
    marked["features"][name] = -1.0
    kept[0].write_text(json.dumps(marked))
    kept[1].write_text(kept[1].read_text()[:100])  # as a full disk leaves it
    again = extract(folder / "in" / "cohort.csv", folder / "out", size=SIZE)
    assert sorted(again.table[name]) == sorted(
        [-1.0, *(value for value in features.table[name] if value in set(again.table[name]))]
    )
    assert (again.table[name] == -1).sum() == 1
    other = extract(folder / "in" / "cohort.csv", folder / "out", size=SIZE, mask_borders=True)
    assert (other.table[name] == -1).sum() == 0
    assert not list((folder / "out").glob(".*"))


def test_readings_are_told_apart_by_reader_and_round(tmp_path: Path) -> None:
    path = write_cohort(tmp_path, 1, (("A", 1), ("B", 1), ("A", 2)))
    features = extract(path, tmp_path / "out", size=24)
    assert features.table[["case", "reader", "round"]].to_numpy().tolist() == [
        ["c0", "A", 1],
        ["c0", "B", 1],
        ["c0", "A", 2],
    ]
    assert features.table["original_shape2D_PixelSurface"].nunique() == 3


def test_the_same_reading_twice_is_refused(tmp_path: Path) -> None:
    path = write_cohort(tmp_path, 1, (("A", 1), ("A", 1)))
    with pytest.raises(CohortError) as caught:
        extract(path, tmp_path / "out")
    assert caught.value.details == (
        "row 3, column 'case': 'c0' is already the case of row 2 (reader A, round 1)",
    )
    with pytest.raises(CohortError):
        read_cohort(write_cohort(tmp_path / "two", 1, (("A", 1), ("B", 1))))  # as before


def test_what_cannot_give_features_is_one_sentence(tmp_path: Path) -> None:
    path = write_cohort(tmp_path, 2)
    cohort = read_cohort(path)
    with pytest.raises(UltrasoundError, match="no column 'roi'"):
        extract(type(cohort)(path, cohort.table.drop(columns="roi")), tmp_path / "out")
    with pytest.raises(UltrasoundError, match="no parameter file"):
        extract(cohort, tmp_path / "out", params=tmp_path / "none.yaml")
    cohort.table["roi"] = ""
    with pytest.raises(UltrasoundError, match="Not one of 2 cases") as caught:
        extract(cohort, tmp_path / "out")
    assert len(caught.value.details) == 2
    assert not (tmp_path / "out" / "features.parquet").exists()
    (tmp_path / "file").touch()
    with pytest.raises(UltrasoundError, match="cannot be made"):
        extract(cohort, tmp_path / "file")


def test_tables_of_other_programs_are_read_or_refused(tmp_path: Path) -> None:
    text = "case,patient,label,original_glcm_Contrast,wavelet-LH_shape2D_Elongation\n"
    (tmp_path / "a.csv").write_text(text + "001,p,1,0.5,2\n002,p,0,,3\n")
    features = read_features(tmp_path / "a.csv")
    assert features.columns == ("original_glcm_Contrast", "wavelet-LH_shape2D_Elongation")
    assert list(features.table["case"]) == ["001", "002"]
    assert (features.note, dict(features.about)) == ("", {})
    wrong = {
        "b.csv": ("case,label\n1,2\n", "no features"),
        "c.csv": ("label,original_glcm_Contrast\n1,2\n", "no column 'case'"),
        "d.csv": (text + "001,p,1,high,2\n", "original_glcm_Contrast is not a number"),
        "e.parquet": ("not Parquet", "not a table of features"),
        "f.csv": ("", "not a table of features"),
    }
    for name, (content, message) in wrong.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(UltrasoundError, match=message):
            read_features(tmp_path / name)
    with pytest.raises(UltrasoundError, match="no table of features"):
        read_features(tmp_path)


def test_a_crash_or_a_hang_costs_one_task_and_a_fault_is_told() -> None:
    def describe(index: int) -> str:
        return f"Task {index}"

    answers = run_all(
        "os:_exit", [(3,), (4,)], jobs=1, timeout=60, describe=describe, progress=None
    )
    assert [str(answer.message) for answer in answers] == [
        "Task 0: the process crashed.",
        "Task 1: the process crashed.",
    ]
    # Were it not stopped, this test's own time limit would be reached.
    (hung,) = run_all("time:sleep", [(3000,)], jobs=4, timeout=0.5, describe=describe)
    assert "Task 0: it took longer" in hung.message
    with pytest.raises(ChildFault, match=r"math domain error|positive"):
        run_all("math:log", [(1.0,), (-1.0,)], jobs=2, timeout=60, describe=describe)
    with pytest.raises(ValueError, match="jobs"):
        run_all("math:log", [(1.0,)], jobs=0, timeout=60, describe=describe)


def test_a_callback_that_cancels_stops_the_work() -> None:
    def cancel(done: int, total: int, text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all(
            "time:sleep",
            [(0.0,), *[(3000.0,)] * 6],
            jobs=2,
            timeout=60,
            describe=str,
            progress=cancel,
        )


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    path = write_cohort(tmp_path, 8)
    script = f"from napari_ptx.ultrasound import extract; extract({str(path)!r}, 'out', size=400)"
    with subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path) as process:
        cache = tmp_path / "out" / "cache"
        until = time.monotonic() + 120
        while len(list(cache.glob("[!.]*.json"))) < 3 and time.monotonic() < until:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    done = {file.name: file.stat().st_mtime_ns for file in cache.glob("[!.]*.json")}
    assert 3 <= len(done) < 8
    assert not (tmp_path / "out" / "features.parquet").exists()
    features = extract(path, tmp_path / "out", size=400)
    assert len(features) == 8
    for name, written in done.items():
        assert (cache / name).stat().st_mtime_ns == written
    assert np.isfinite(features.table[list(features.columns)].to_numpy()).all()
