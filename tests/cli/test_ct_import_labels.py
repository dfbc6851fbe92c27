"""``ct import`` of series with RTSTRUCT and SEG files beside them, as a user runs it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_ptx.cli.root import run
from napari_ptx.ct.data import load_volume, read_exams
from napari_ptx.ct.truth import read_truth
from napari_ptx.image import Image, read_image
from tests.image.make import random_grey
from tests.image.test_series import write_series
from tests.roi.dicom_make import FRAME, contour, contours_of, segmentation, structure_set, volume

PLAIN, ARTERIAL = "1.2.3.4", "1.2.3.5"
SHAPE = (4, 6, 5)


def glands() -> np.ndarray:
    """Two glands that no mirror image is the same as."""
    labels = np.zeros(SHAPE, np.int16)
    labels[1:3, 1:3, 3] = 1
    labels[2, 4, 0:2] = 2
    return labels


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    """Make a patient with a plain and an arterial series in one frame of reference."""
    folder = tmp_path / "P01"
    pixels = random_grey(SHAPE, np.uint16)
    for number, (name, uid) in enumerate({"plain": PLAIN, "arterial": ARTERIAL}.items(), start=2):
        write_series(
            folder / name, pixels, SeriesNumber=number, SeriesDescription=name,
            SeriesInstanceUID=uid, FrameOfReferenceUID=FRAME,
        )  # fmt: skip
    return folder


def drawn(path: Path, series: str = PLAIN, **more: str) -> Path:
    """Write the glands as an RTSTRUCT on the grid that ``write_series`` makes."""
    image, labels = grid(), glands()
    return structure_set(
        path,
        {
            "Left-Superior": contours_of(image, labels == 1),
            "nodule": contours_of(image, labels == 2),
            "skin": contours_of(image, np.ones(SHAPE, bool)),
            "right inferior": [],
        },
        kinds={"skin": "EXTERNAL"},
        series=series,
        **more,
    )


def grid() -> Image:
    """Give the grid of the series that ``write_series`` makes."""
    return replace(volume(SHAPE), origin=(-10.0, -20.0, 0.0))


def imported(patient: Path, out: Path, *more: str) -> int:
    return run(["ct", "import", str(patient), "-o", str(out), *more])


def test_a_structure_set_becomes_labels_that_training_and_evaluation_take(
    patient: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn(patient / "rt.dcm")
    out = tmp_path / "out"
    assert imported(patient, out) == 0
    shown = capsys.readouterr().out
    assert 'labels: P01 plain: rt.dcm (RTSTRUCT "glands"): 1 Left-Superior, 2 nodule\n' in shown
    assert "note: P01 plain labels: skin: left out, as the outline of the body\n" in shown
    table = pd.read_csv(out / "cohort.csv", dtype=str, keep_default_na=False)
    assert table["labels"].tolist() == ["P01_plain_labels.nii.gz", ""]
    labels = read_image(out / "P01_plain_labels.nii.gz")
    np.testing.assert_array_equal(labels.pixels, glands())
    assert labels.origin == pytest.approx((-10.0, -20.0, 0.0))
    named = pd.read_csv(out / "glands.csv", dtype=str, keep_default_na=False)
    assert named.to_dict("records") == [
        {"patient": "P01", "gland": "1", "name": "Left-Superior", "slot": "left_superior"},
        {"patient": "P01", "gland": "2", "name": "nodule", "slot": ""},
    ]
    truth = read_truth(out / "cohort.csv")
    assert truth.glands["slot"].tolist() == ["left_superior", ""]
    (exam,) = read_exams(out / "cohort.csv")
    loaded = load_volume(exam, ("plain", "arterial"), (1.5, 0.5, 0.75))
    np.testing.assert_array_equal(loaded.labels, glands())
    # Once more: nothing stands there twice.
    assert imported(patient, out, "--structure", "LEFT*") == 0
    assert pd.read_csv(out / "glands.csv")["name"].tolist() == ["Left-Superior"]
    assert len(pd.read_csv(out / "cohort.csv")) == 2


def test_a_segmentation_of_each_phase(patient: Path, tmp_path: Path) -> None:
    frames = [(n, z, glands()[z] == n) for n in (1, 2) for z in range(4)]
    for name, uid in (("plain", PLAIN), ("arterial", ARTERIAL)):
        segmentation(patient / f"{name}.seg", grid(), frames, (f"{name} 1", "2"), series=uid)
    assert imported(patient, tmp_path / "out") == 0
    for name in ("plain", "arterial"):
        labels = read_image(tmp_path / "out" / f"P01_{name}_labels.nii.gz")
        np.testing.assert_array_equal(labels.pixels, glands())
    assert pd.read_csv(tmp_path / "out" / "glands.csv")["name"].tolist() == ["plain 1", "2"]


def test_several_objects_are_chosen_by_name_or_refused(
    patient: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn(patient / "first.dcm", StructureSetLabel="reader A")
    drawn(patient / "second.dcm", StructureSetLabel="reader B")
    out = tmp_path / "out"
    assert imported(patient, out) == 2
    said = capsys.readouterr().err
    assert "Patient P01 has 2 structure files for the plain series" in said
    assert 'second.dcm (RTSTRUCT "reader B")' in said
    assert not out.exists()
    assert imported(patient, out, "--labels", "* b", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["labels"][0].startswith("P01 plain: second.dcm")
    assert told["left_out"] == ['P01: first.dcm (RTSTRUCT "reader A"): is not named * b']
    assert imported(patient, tmp_path / "none", "--no-labels") == 0
    assert sorted(path.name for path in (tmp_path / "none").iterdir()) == [
        "P01_arterial.nii.gz", "P01_plain.nii.gz", "cohort.csv",
    ]  # fmt: skip
    assert "labels" not in pd.read_csv(tmp_path / "none" / "cohort.csv")


def test_objects_that_are_left_out_are_told_and_the_volumes_written(
    patient: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn(patient / "a.dcm", series="9.9")  # in the frame of both series
    drawn(patient / "b.dcm", series="9.9", frame="9.8")
    between = [contour([(-9, -19, 0.7), (-8, -19, 0.7), (-8, -18, 0.7)])]
    structure_set(patient / "c.dcm", {"gland": between}, series=ARTERIAL)
    assert imported(patient, tmp_path / "out") == 0
    lines = capsys.readouterr().out.splitlines()
    told = {line.split(": ")[2].split()[0]: line for line in lines if line.startswith("left out")}
    assert told["a.dcm"].endswith(
        "does not say whether it belongs to the series of plain or arterial"
    )
    assert told["b.dcm"].endswith("was drawn on none of the series taken")
    assert "lies 0.70 mm from the nearest slice" in told["c.dcm"]
    assert len(list((tmp_path / "out").glob("*.nii.gz"))) == 2
    assert not (tmp_path / "out" / "glands.csv").exists()


def test_tables_that_a_spreadsheet_saved_are_added_to(patient: Path, tmp_path: Path) -> None:
    """A European spreadsheet writes semicolons; a patient may be called NA."""
    drawn(patient / "drawn.dcm")
    out = tmp_path / "out"
    other = patient.rename(tmp_path / "NA")
    assert imported(other, out) == 0
    before = {}
    for name in ("cohort.csv", "glands.csv"):
        before[name] = (out / name).read_text().splitlines()
        (out / name).write_text("\n".join(before[name]).replace(",", ";"), encoding="utf-8-sig")
    assert imported(other.rename(tmp_path / "P02"), out) == 0
    for name, lines in before.items():
        added = [line.replace("NA", "P02") for line in lines[1:]]
        assert (out / name).read_text().splitlines() == [*lines, *added]


def test_a_table_that_is_none_is_told_before_anything_is_written(
    patient: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "cohort.csv").write_text("case,image\n1,a.png\n", encoding="utf-8")
    assert imported(patient, out) == 2
    assert "cohort.csv is not a cohort table of CT" in (told := capsys.readouterr().err)
    assert "column 'patient' is missing" in told
    assert [path.name for path in out.iterdir()] == ["cohort.csv"]
