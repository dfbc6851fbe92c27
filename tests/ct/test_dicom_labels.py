"""A cohort whose labels are RTSTRUCT or SEG files, as training and evaluation take it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_ptx.ct.data import load_volume, read_exams
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.evaluation_files import evaluate
from napari_ptx.ct.evaluation_tables import EvaluationSettings
from napari_ptx.ct.truth import read_truth
from napari_ptx.image import read_image
from tests.ct.make import SHAPE, SPACING, series, volume
from tests.roi.dicom_make import contours_of, segmentation, structure_set

pytestmark = pytest.mark.once


def to_dicom(folder: Path) -> None:
    """Put an RTSTRUCT or a SEG in the place of each patient's labels."""
    table = pd.read_csv(folder / "cohort.csv")
    for place, name in enumerate(table["labels"]):
        labels = read_image(folder / name).pixels
        numbers = np.unique(labels[labels > 0])
        if place % 2:
            structure_set(
                folder / f"{place}.dcm",
                {f"gland {n}": contours_of(volume(labels), labels == n) for n in numbers},
            )
        else:
            frames = [
                (int(n), z, labels[z] == n)
                for n in numbers
                for z in np.flatnonzero((labels == n).any(axis=(1, 2)))
            ]
            names = [f"gland {n}" for n in numbers]
            segmentation(folder / f"{place}.dcm", volume(labels), frames, names)
        table.loc[place, "labels"] = f"{place}.dcm"
        (folder / name).unlink()
    table.to_csv(folder / "cohort.csv", index=False)


def test_an_evaluation_on_dicom_labels_is_that_on_nifti(tmp_path: Path) -> None:
    quick = EvaluationSettings(replicates=50)
    found = []
    for name in ("nifti", "dicom"):
        folder = tmp_path / name
        series(folder, 2, missed=(2,))
        if name == "dicom":
            to_dicom(folder)
        ran = evaluate(folder / "cohort.csv", folder / "out", folder / "ev", settings=quick)
        found.append(ran.tables)
    assert (found[1]["sensitivity"]["found"] == 7).any()
    for name in ("sensitivity", "scans"):
        pd.testing.assert_frame_equal(found[0][name], found[1][name])


def test_training_takes_dicom_labels(tmp_path: Path) -> None:
    series(tmp_path, 2)
    wanted = [
        load_volume(exam, ("plain",), SPACING) for exam in read_exams(tmp_path / "cohort.csv")
    ]
    to_dicom(tmp_path)
    exams = read_exams(tmp_path / "cohort.csv")
    for exam, one in zip(exams, wanted, strict=True):
        assert exam.labels["plain"].suffix == ".dcm"
        made = load_volume(exam, ("plain",), SPACING)
        assert made.labels is not None
        assert made.labels.shape == SHAPE
        np.testing.assert_array_equal(made.labels, one.labels)
        assert made.labels.max() == 4


def test_labels_that_do_not_fit_name_the_patient(tmp_path: Path) -> None:
    series(tmp_path, 2)
    to_dicom(tmp_path)
    (tmp_path / "1.dcm").write_bytes((tmp_path / "1.dcm").read_bytes()[:300])
    second = read_exams(tmp_path / "cohort.csv")[1]
    with pytest.raises(CtError, match=r"Patient p2: .*1\.dcm"):
        load_volume(second, ("plain",), SPACING)
    with pytest.raises(CtError) as caught:
        evaluate(tmp_path / "cohort.csv", tmp_path / "out", tmp_path / "ev")
    assert any(line.startswith("patient p2: ") and "1.dcm" in line for line in caught.value.details)


def test_a_table_of_names_does_not_take_the_slots_away(tmp_path: Path) -> None:
    """What an import writes names glands; where they lie is still measured."""
    for place in ("measured", "named"):
        folder = tmp_path / place
        series(folder, 1)
        (folder / "glands.csv").unlink(missing_ok=True)
        if place == "named":
            rows = [f"p1,{number},gland {number}," for number in (1, 2, 3)]
            (folder / "glands.csv").write_text(
                "\n".join(["patient,gland,name,slot", *rows, "p1,4,odd one,ectopic"])
            )
    tables = []
    for place in ("measured", "named"):
        folder = tmp_path / place
        assert read_truth(folder / "cohort.csv").listed == (place == "named")
        ran = evaluate(folder / "cohort.csv", folder / "out", folder / "ev")
        tables.append(ran.tables["glands"].set_index("gland"))
    assert (tables[0]["slot"].iloc[:3] != "").all()
    assert tables[1]["slot"].tolist() == [*tables[0]["slot"].iloc[:3], "ectopic"]
    pd.testing.assert_series_equal(tables[0]["hu_plain"], tables[1]["hu_plain"])
    assert tables[1]["hu_plain"].notna().all()
