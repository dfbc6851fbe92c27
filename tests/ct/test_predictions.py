"""The folder of a prediction: written, read again, and refused with all of its faults."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_ptx.ct.candidates import COLUMNS
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.predictions import (
    Predictions,
    label_map_name,
    read_predictions,
    write_predictions,
)
from napari_ptx.image import Image
from tests.ct.make import SHAPE, candidates_table, volume


def prediction() -> Predictions:
    labels = np.zeros(SHAPE, dtype=np.int16)
    labels[3:6, 4:8, 20:25] = 1  # off centre in every axis
    labels[10:12, 30:33, 2:4] = 2
    return Predictions(
        candidates_table("p 1", labels, {1: 0.9, 2: 0.4}),
        pd.DataFrame({"patient": ["p 1", "p2"], "examined_fraction": [0.2, np.nan],
                      "region": ["thyroid bed", ""]}),
        {"p 1": volume(labels), "p2": volume(np.zeros(SHAPE, dtype=np.int16))},
        {"model": {"name": "light", "sha256": "ab"}, "registration_residual_mm": {"p 1": 0.9},
         "value": np.float64("nan"), "path": Path("x")},
    )  # fmt: skip


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    written = prediction()
    paths = write_predictions(tmp_path / "out", written)
    assert paths[-1].name == "prediction.json"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in paths}
    read = read_predictions(tmp_path / "out")
    pd.testing.assert_frame_equal(read.candidates, written.candidates, check_dtype=False)
    assert read.patients == ("p 1", "p2")
    assert read.examined["region"].tolist() == ["thyroid bed", ""]
    assert np.isnan(read.examined["examined_fraction"][1])
    labels = read.label_map("p 1")
    expected = written.labels["p 1"]
    assert labels is not None
    assert isinstance(expected, Image)
    np.testing.assert_array_equal(labels.pixels, expected.pixels)
    assert labels.pixels.dtype == np.int16
    assert labels.origin == pytest.approx(expected.origin)
    assert labels.spacing == pytest.approx(expected.spacing)
    assert read.about["value"] is None
    assert read.residual("p 1") == 0.9
    assert np.isnan(read.residual("p2"))
    assert read.label_map("nobody") is None
    assert len(read.of("p2")) == 0


def test_what_was_read_can_be_written_elsewhere_and_over_itself(tmp_path: Path) -> None:
    write_predictions(tmp_path / "a", prediction())
    read = read_predictions(tmp_path / "a")
    write_predictions(tmp_path / "a", read)
    write_predictions(tmp_path / "b", read)
    one, other = (read_predictions(tmp_path / name).label_map("p 1") for name in "ab")
    assert one is not None
    assert other is not None
    assert one.sha256 == other.sha256


def test_a_prediction_without_a_candidate(tmp_path: Path) -> None:
    nothing = replace(prediction(), candidates=pd.DataFrame(columns=list(COLUMNS)))
    write_predictions(tmp_path, nothing)
    read = read_predictions(tmp_path)
    assert read.candidates.empty
    assert list(read.candidates.columns) == list(COLUMNS)


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(CtError, match="among those examined") as caught:
        write_predictions(tmp_path, replace(prediction(), examined=prediction().examined[1:]))
    assert caught.value.details == ("patient p 1",)
    for name in ("a/b", "..", "a:b", ""):
        with pytest.raises(CtError, match="cannot stand in the name of a file"):
            label_map_name(name)
    (tmp_path / "file").write_text("")
    with pytest.raises(CtError, match="cannot be written to"):
        write_predictions(tmp_path / "file", prediction())


def test_all_faults_of_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(CtError, match=r"holds no prediction\.json"):
        read_predictions(tmp_path)
    write_predictions(tmp_path, prediction())
    (tmp_path / "candidates.csv").write_text(
        "patient,candidate,slot,x_mm,y_mm,z_mm,score\n"
        "p9,1,,0,0,0,0.5\np2,0,,0,0,0,0.5\np2,1,up,zero,0,0,\np2,1,,0,0,0,1\n"
    )
    with pytest.raises(CtError, match=r"candidates\.csv has faults") as caught:
        read_predictions(tmp_path)
    said = "\n".join(caught.value.details)
    for part in (
        "row 2: patient 'p9' is not in examined.csv", "row 3, column 'candidate': '0'",
        "row 4, column 'slot': 'up'", "row 4, column 'x_mm': 'zero' is not a number",
        "row 4, column 'score': a number is needed", "row 5: the candidate of row 4",
    ):  # fmt: skip
        assert part in said
    (tmp_path / "examined.csv").write_text("patient,examined_fraction\np2,2\np2,\n,0.1\n")
    with pytest.raises(CtError) as caught:
        read_predictions(tmp_path)
    assert len(caught.value.details) == 3
    (tmp_path / "prediction.json").write_text(json.dumps([1]))
    with pytest.raises(CtError, match="does not hold what made"):
        read_predictions(tmp_path)
