"""Structures compared with labels: known masks, and SimpleITK as the other opinion."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use

from napari_ptx.cli.root import run
from napari_ptx.ct.candidates import COLUMNS
from napari_ptx.ct.config import ModelSettings
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.predictions import (
    Predictions,
    read_predictions,
    write_label_map,
    write_predictions,
)
from napari_ptx.ct.structures import evaluate_structures, largest_parts
from tests.ct.make import NOTE, SPACING, ball, volume

pytestmark = pytest.mark.once

RIGHT, LEFT = (11, 20, 9), (11, 20, 30)
SETTINGS = ModelSettings(classes={"right": (3,), "left": (4, 5)})


def mapped(*parts: tuple[int, np.ndarray]) -> np.ndarray:
    labels = np.zeros(parts[0][1].shape, dtype=np.int16)
    for value, mask in parts:
        labels[mask] = value
    return labels


def write(folder: Path, truth: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> Path:
    """Write a cohort without phases, as many are, and the prediction of a model of classes."""
    folder.mkdir(exist_ok=True)
    rows = ["patient,image,labels"]
    for patient, labels in truth.items():
        write_label_map(folder / f"{patient}.nii.gz", volume(labels))
        write_label_map(folder / f"{patient}_ct.nii.gz", volume(labels * 10))
        rows.append(f"{patient},{patient}_ct.nii.gz,{patient}.nii.gz")
    (folder / "cohort.csv").write_text("\n".join(rows) + "\n")
    examined = pd.DataFrame(
        {"patient": list(found), "examined_fraction": 1.0, "region": "the body"}
    )
    about = {"configuration": {"settings": SETTINGS.to_json()}, "note": NOTE}
    write_predictions(
        folder / "out",
        Predictions(
            pd.DataFrame(columns=list(COLUMNS)), examined,
            {patient: volume(labels) for patient, labels in found.items()}, about,
        ),
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give three patients: one right, one with left and right exchanged, one with one side."""
    truth = mapped((3, ball(RIGHT, 6)), (4, ball(LEFT, 6)), (1, ball((3, 3, 3), 2)))
    near = mapped((3, ball((11, 21, 9), 6)), (4, ball((12, 20, 30), 5)))
    exchanged = mapped((3, ball(LEFT, 6)), (4, ball(RIGHT, 6)))
    alone = mapped((3, ball(RIGHT, 6)))
    return write(
        tmp_path_factory.mktemp("structures"),
        {"p1": truth, "p2": truth, "p3": alone},
        {"p1": near, "p2": exchanged, "p3": near},
    )


def test_each_structure_agrees_with_simpleitk(folder: Path, tmp_path: Path) -> None:
    found = evaluate_structures(folder / "cohort.csv", folder / "out", tmp_path, replicates=200)
    table = found.table.set_index(["patient", "structure"])
    assert list(table.index) == [("p1", "right"), ("p1", "left"), ("p2", "right"), ("p2", "left"),
                                 ("p3", "right")]  # fmt: skip
    maps = [sitk.ReadImage(str(path)) for path in
            (folder / "p1.nii.gz", folder / "out" / "p1_candidates.nii.gz")]  # fmt: skip
    for value, name in ((3, "right"), (4, "left")):
        one, other = (image == value for image in maps)
        measures = sitk.LabelOverlapMeasuresImageFilter()
        measures.Execute(one, other)
        row = table.loc["p1", name]
        assert row["dice"] == pytest.approx(measures.GetDiceCoefficient(), abs=1e-12)
        assert row["jaccard"] == pytest.approx(measures.GetJaccardCoefficient(), abs=1e-12)
        voxels = np.count_nonzero(sitk.GetArrayViewFromImage(one))
        assert row["volume_mm3"] == pytest.approx(voxels * np.prod(SPACING))
        assert 0 < row["msd_mm"] < row["hd95_mm"] < 3
        assert row["in_others"] == 0


def test_left_for_right_is_told(folder: Path, tmp_path: Path) -> None:
    found = evaluate_structures(folder / "cohort.csv", folder / "out", tmp_path, replicates=200)
    table = found.table.set_index(["patient", "structure"])
    assert table.loc["p2", "taken_for"].tolist() == ["left", "right"]
    assert table.loc["p2", "in_others"].tolist() == [1, 1]
    assert table.loc["p2", "dice"].tolist() == [0, 0]
    assert found.about["taken_for_another"] == 2
    summary = found.summary.set_index(["structure", "measure"])
    assert summary.loc[("all", "dice"), "patients"] == 3
    dice = table["dice"]
    by_patient = [dice["p1"].mean(), 0, dice["p3", "right"]]
    assert summary.loc[("all", "dice"), "mean"] == pytest.approx(np.mean(by_patient))
    assert summary.loc[("left", "dice"), "patients"] == 2
    low, high = summary.loc[("all", "dice"), ["low", "high"]]
    assert low < np.mean(by_patient) < high


def test_a_structure_that_was_not_found_costs(tmp_path: Path) -> None:
    truth = mapped((3, ball(RIGHT, 6)), (5, ball(LEFT, 6)))
    folder = write(tmp_path / "c", {"p1": truth}, {"p1": mapped((4, ball(LEFT, 6)))})
    found = evaluate_structures(folder / "cohort.csv", folder / "out", tmp_path / "ev")
    right, left = found.table.to_dict("records")
    assert (right["dice"], right["hd95_mm"]) == (0, np.inf)
    assert left["dice"] == 1  # the class holds the values 4 and 5, and is written as 4
    written = json.loads((tmp_path / "ev/metrics.json").read_text())
    assert written["structures"][0]["hd95_mm"] is None
    assert (tmp_path / "ev/figures/hd95.svg").is_file()


def test_the_command_evaluates_classes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["ct", "evaluate", str(folder / "cohort.csv"), str(folder / "out"), "-o"]
    words += [str(tmp_path / "ev"), "--replicates", "100"]
    assert run(words) == 0
    shown = capsys.readouterr().out
    assert f"Data: {NOTE}" in shown
    assert "Patient p2: right lies in left." in shown
    assert {path.name for path in (tmp_path / "ev").iterdir()} == {
        "structures.csv", "summary.csv", "metrics.json", "figures",
    }  # fmt: skip
    assert run([*words, "--no-figures", "--json"]) == 0
    strict = json.loads(capsys.readouterr().out)
    assert strict["patients"] == 3
    assert run([*words, "--no-figures", "--json", "--tolerance", "3"]) == 0
    loose = json.loads(capsys.readouterr().out)
    assert (strict["config"]["tolerance_mm"], loose["config"]["tolerance_mm"]) == (1.0, 3.0)
    surfaces = [[row["surface_dice"] for row in of["structures"]] for of in (strict, loose)]
    assert sum(surfaces[1]) > sum(surfaces[0])
    assert run([*words, "--rule", "iou", "--threshold", "0.5"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "--rule, --threshold are for glands" in said
    assert "right, left" in said


def test_what_does_not_fit_is_refused_for_all_patients_at_once(tmp_path: Path) -> None:
    truth = mapped((3, ball(RIGHT, 6)))
    other = mapped((1, ball(RIGHT, 6)))
    folder = write(tmp_path / "c", {"p1": other, "p2": truth}, {"p1": truth, "p2": truth[:-1]})
    with pytest.raises(CtError, match="do not fit") as told:
        evaluate_structures(folder / "cohort.csv", folder / "out", tmp_path / "ev")
    assert "p1: the labels hold none of the model's structures" in told.value.details[0]
    assert "p2: the labels and the prediction have different grids" in told.value.details[1]
    assert not (tmp_path / "ev").exists()
    folder = write(tmp_path / "d", {"p1": truth, "p2": truth}, {"p1": truth})
    with pytest.raises(CtError, match="1 of 2 patients") as told:
        evaluate_structures(folder / "cohort.csv", folder / "out", tmp_path / "ev")
    assert told.value.details == ("patient p2",)


def test_a_prediction_of_glands_is_no_prediction_of_classes(tmp_path: Path) -> None:
    from tests.ct.make import series

    cohort, out, _ = series(tmp_path, 1)
    assert read_predictions(out).classes is None
    with pytest.raises(CtError, match="prediction of glands"):
        evaluate_structures(cohort, out, tmp_path / "ev")


def test_the_largest_part_of_each_structure_is_simpleitks() -> None:
    """ITK sorts the parts of each structure by size, neighbours at corners included."""
    generator = np.random.default_rng(4)
    for share in (0.05, 0.12, 0.2):
        labels = generator.choice([0, 3, 4, 9], (14, 15, 16), p=[1 - 3 * share] + [share] * 3)
        labels = labels.astype(np.int16)
        found = largest_parts(labels)
        assert found.dtype == labels.dtype
        for value in (3, 4, 9):
            parts = sitk.ConnectedComponent(
                sitk.GetImageFromArray((labels == value).astype(np.uint8)), True
            )
            sizes = np.bincount(sitk.GetArrayFromImage(parts).ravel())[1:]
            assert (found == value).sum() == sizes.max() < sizes.sum()
            chosen = np.unique(sitk.GetArrayFromImage(parts)[found == value])
            assert len(chosen) == 1
            assert sizes[chosen[0] - 1] == sizes.max()
    assert not largest_parts(np.zeros((3, 4, 5), np.int16)).any()
