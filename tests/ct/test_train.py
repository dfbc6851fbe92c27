"""A training finds balls, goes on after a stop, and runs in several processes."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")

import torch

from napari_ptx.cli.root import run
from napari_ptx.ct.bundle import open_model, verify_model, write_model
from napari_ptx.ct.config import ModelSettings, TrainConfig
from napari_ptx.ct.data import Exam, read_exams
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.fit import BEST, CHECKPOINT, EPOCHS, WORK, Epoch, step_size
from napari_ptx.ct.loss import loss
from napari_ptx.ct.start import seen_by
from napari_ptx.ct.train import SPLITS, split_patients, train
from napari_ptx.errors import PtxError
from napari_ptx.learn.checkpoint import read_tensors, write_tensors

from .volumes import PATCH, SPACING, TINY, write_cohort


class Stopped(Exception):
    """What a user's Cancel is to the function."""


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"), 4)


def _weights(folder) -> dict[str, torch.Tensor]:
    return dict(open_model(folder).network.state_dict())


def _without_later_settings(path) -> None:
    """Make a checkpoint one of before there was anything to start from."""
    tensors, facts = read_tensors(path)
    del facts["identity"]["settings"]["start"]
    write_tensors(path, tensors, facts)


def test_a_stopped_training_ends_with_the_same_weights(cohort, tmp_path):
    straight = train(cohort, tmp_path / "straight", TINY)
    calls = 0

    def stop(done: int, total: int, text: str) -> None:
        nonlocal calls
        calls += 1
        if done == 6:  # in the middle of the second of three epochs
            raise Stopped

    with pytest.raises(Stopped):
        train(cohort, tmp_path / "stopped", TINY, progress=stop)
    assert (tmp_path / "stopped" / BEST).exists()
    with pytest.raises(PtxError, match="not a finished model"):
        open_model(tmp_path / "stopped")
    with pytest.raises(CtError, match="other settings"):
        train(cohort, tmp_path / "stopped", replace(TINY, lr=0.1))
    _without_later_settings(tmp_path / "stopped" / CHECKPOINT)
    done: list[int] = []
    train(cohort, tmp_path / "stopped", TINY, progress=lambda n, total, text: done.append(n))
    assert min(n for n in done if n > 3) == 4
    one, two = _weights(tmp_path / "straight"), _weights(tmp_path / "stopped")
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not (tmp_path / "stopped" / WORK).exists()
    assert straight.metadata["training"]["best_epoch"] in (1, 2, 3)
    # A finished one is only opened.
    again = train(cohort, tmp_path / "stopped", TINY)
    assert again.sha256 == straight.sha256
    with pytest.raises(CtError, match="finished model of other settings"):
        train(cohort, tmp_path / "stopped", replace(TINY, lr=0.1))


def test_a_training_learns_balls(cohort, tmp_path):
    config = replace(
        TINY,
        epochs=4,
        steps=25,
        lr=1e-2,
        ema=0.8,
        validate_every=4,
        augment="none",
        phase_dropout=0.0,
    )
    model = train(cohort, tmp_path / "model", config)
    assert model.metadata["training"]["score"] > 0.6
    with (tmp_path / "model" / EPOCHS).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [bool(row["score"]) for row in rows] == [False, False, False, True]
    assert float(rows[-1]["loss"]) < 0.85 * float(rows[0]["loss"])
    assert verify_model(tmp_path / "model").same
    held = json.loads((tmp_path / "model/configs/train.json").read_text())
    assert TrainConfig.from_json(held["config"]) == config
    assert len(held["inputs"]) == 12  # two phases and labels of four patients
    with (tmp_path / "model" / SPLITS).open(newline="") as stream:
        sides = {row["patient"]: row["split"] for row in csv.DictReader(stream)}
    assert sorted(sides.values()) == ["train", "train", "validation", "validation"]


def test_a_limit_in_minutes_ends_and_validates(cohort, tmp_path):
    config = replace(TINY, minutes=0.02, steps=3, validate_every=1000)
    model = train(cohort, tmp_path / "model", config)
    assert np.isfinite(model.metadata["training"]["score"])


@pytest.mark.parametrize("fusion", ["separate"])
def test_separate_fusion_and_classes_from_the_command_line(
    cohort, tmp_path, capsys, monkeypatch, fusion
):
    arguments = ["ct", "train", str(cohort), "-o", str(tmp_path / "model"), "--fusion", fusion]
    arguments += ["--base", "8", "--patch", "16,16,16", "--spacing", "1.2,1.2,1.0", "--epochs", "2"]
    arguments += ["--steps", "2", "--folds", "2", "--classes", "right=1,left=2", "--json"]
    given = []

    def watched(*tensors):
        given.append(tensors[2])
        return loss(*tensors)

    monkeypatch.setattr("napari_ptx.ct.fit.loss", watched)
    assert (
        run(
            [
                *arguments,
                "--precision",
                "fp32",
                "--note",
                "balls",
                "--near",
                "0.8",
                "--window=-160,140",
            ]
        )
        == 0
    )
    assert given == [None] * 4  # the voxels of a structure weigh the same
    answer = json.loads(capsys.readouterr().out)
    assert answer["score_is"] == "mean Dice"
    model = open_model(tmp_path / "model")
    assert model.network.config.channels == 1
    assert model.network.config.classes == 2
    assert model.settings.classes == {"right": (1,), "left": (2,)}
    assert model.settings.spacing == (1.0, 1.2, 1.2)
    assert model.settings.patch == (16, 16, 16)
    assert model.settings.window == (-160.0, 140.0)
    assert model.note == "balls"
    held = json.loads((tmp_path / "model/configs/train.json").read_text())["config"]
    assert (held["near"], held["confounders"]) == (0.8, pytest.approx(0.1))


@pytest.mark.parametrize("given", ["40", "140,-160", "a,b", "-inf,4", "0,nan"])
def test_a_window_is_two_numbers(cohort, tmp_path, capsys, given):
    arguments = ["ct", "train", str(cohort), "-o", str(tmp_path / "model"), f"--window={given}"]
    assert run(arguments) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"--window is '{given}'; give two numbers, the lower one first." in said


def test_a_training_begins_with_the_weights_of_another(cohort, tmp_path, capsys):
    first = train(cohort, tmp_path / "first", TINY)
    again = ["ct", "train", str(cohort), "--base", "8", "--patch", "16,16,16", "--steps", "1"]
    again += ["--spacing", "1.2,1.2,1.0", "--epochs", "1", "--folds", "2", "--precision", "fp32"]
    assert run([*again, "-o", str(tmp_path / "other"), "--start", str(tmp_path / "first")]) == 2
    assert "base 4, not 8" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "other").exists()
    # With no step worth the name it answers as the first one did.
    still = replace(TINY, epochs=1, steps=1, lr=1e-7, weight_decay=0.0)
    made = train(cohort, tmp_path / "second", still, start=tmp_path / "first")
    one, two = first.network.state_dict(), made.network.state_dict()
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)
    held = json.loads((tmp_path / "second/configs/train.json").read_text())
    assert held["config"]["start"] == first.sha256
    # Each model says what it has learned from, and so does what builds on it.
    assert seen_by(made) == seen_by(first)
    assert len(seen_by(first)) == 4  # two phases of two patients
    assert train(cohort, tmp_path / "second", still, start=tmp_path / "first").sha256 == made.sha256


def test_what_a_training_is_judged_by_must_not_have_been_learned(cohort, tmp_path):
    first = train(cohort, tmp_path / "first", replace(TINY, epochs=1))
    other = replace(TINY, fold=1)
    with pytest.raises(CtError, match="trained on images of 2 patients") as told:
        train(cohort, tmp_path / "second", other, start=tmp_path / "first")
    assert all("validation" in line for line in told.value.details)
    assert not (tmp_path / "second").exists()
    # One of before these were written names all images of its cohort.
    path = tmp_path / "first/configs/train.json"
    held = json.loads(path.read_text())
    del held["trained_on"]
    write_model(tmp_path / "old", first.network, first.settings, train=held)
    with pytest.raises(CtError, match="split them as there"):
        train(cohort, tmp_path / "second", TINY, start=tmp_path / "old")


@pytest.mark.slow
def test_two_processes_train_one_network(cohort, tmp_path):
    calls: list[str] = []
    config = replace(TINY, steps=3, epochs=2)
    model = train(
        cohort,
        tmp_path / "model",
        config,
        processes=2,
        progress=lambda done, total, text: calls.append(text),
    )
    assert verify_model(tmp_path / "model").same
    assert model.metadata["training"]["best_epoch"] in (1, 2)
    assert any("epoch" in text for text in calls)
    assert not (tmp_path / "model/job").exists()


def test_what_cannot_be_trained_is_refused(cohort, tmp_path):
    with pytest.raises(CtError, match="batch of 2 cannot be shared by 3"):
        train(cohort, tmp_path / "m", TINY, processes=3)
    odd = replace(TINY, model=ModelSettings(spacing=SPACING, patch=(20, 24, 24)))
    with pytest.raises(CtError, match="multiples of 8"):
        train(cohort, tmp_path / "m", odd)
    none = replace(TINY, model=ModelSettings(spacing=SPACING, patch=PATCH, classes={"a": (9,)}))
    with pytest.raises(CtError, match="none of the values 9"):
        train(cohort, tmp_path / "m", none)
    with pytest.raises(CtError, match="cannot be split into 5 folds"):
        train(cohort, tmp_path / "m", replace(TINY, folds=5))
    for wrong in ({"fold": 5}, {"near": 0.8}, {"precision": "fp16"}, {"lr": 0.0}):
        with pytest.raises(CtError):
            TrainConfig(**wrong)


def _exams(splits):
    return [Exam(f"p{i}", {}, {}, {}, split) for i, split in enumerate(splits)]


def test_folds_are_of_patients_and_cover_all_of_them():
    exams = _exams([""] * 11)
    parts = [
        split_patients(exams, TrainConfig(folds=3, fold=fold))["validation"] for fold in range(3)
    ]
    assert sorted(p for part in parts for p in part) == sorted(exam.patient for exam in exams)
    assert {len(part) for part in parts} == {3, 4}
    for fold, part in enumerate(parts):
        split = split_patients(exams, TrainConfig(folds=3, fold=fold))
        assert not set(split["train"]) & set(part)
    assert parts[0] != split_patients(exams, TrainConfig(folds=3, seed=1))["validation"]


def test_the_tables_split_is_honoured():
    split = split_patients(_exams(["train", "train", "validation", "test"]), TrainConfig())
    assert split == {"train": ["p0", "p1"], "validation": ["p2"], "test": ["p3"]}
    split = split_patients(_exams([""] * 4 + ["test"]), TrainConfig(folds=2))
    assert split["test"] == ["p4"]
    assert len(split["train"]) == len(split["validation"]) == 2


def test_one_row_per_patient_without_phases(cohort, tmp_path):
    table = cohort.parent / "single.csv"
    table.write_text("patient,image,labels\np0,p0_plain.nii.gz,p0_labels.nii.gz\n")
    assert read_exams(table)[0].phases == ("plain",)


def test_the_step_grows_and_falls_to_nothing():
    steps = [step_size(0.1, share) for share in np.linspace(0, 1, 101)]
    assert steps[0] > 0
    assert max(steps) == pytest.approx(0.1)
    assert steps[-1] == pytest.approx(0, abs=1e-9)
    assert steps[4:] == sorted(steps[4:], reverse=True)


def test_an_epoch_without_validation_is_never_the_best():
    rows = [Epoch(1, 1.0, np.nan, np.nan, 0.1, 1.0), Epoch(2, 1.0, 0.5, 0.2, 0.1, 1.0)]
    assert not rows[0].better_than(None)
    assert rows[1].better_than(None)
    assert Epoch(3, 1.0, 0.5, 0.3, 0.1, 1.0).better_than(rows[1])
    again = Epoch.from_json(json.loads(json.dumps(rows[0].to_json())))
    assert np.isnan(again.score)
