"""What a prediction writes, where it looked, and on which side it found it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
import torch
from torch import nn

from napari_ptx.cli.root import run
from napari_ptx.ct.bundle import CtModel, open_model, write_model
from napari_ptx.ct.config import ModelSettings
from napari_ptx.ct.data import read_exams
from napari_ptx.ct.engine import Engine
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.examine import examine
from napari_ptx.ct.fit import WORK as FIT_WORK
from napari_ptx.ct.network import NetworkConfig, build
from napari_ptx.ct.predict import predict
from napari_ptx.ct.predictions import REVIEW, read_predictions, write_predictions
from napari_ptx.image import read_image, write_nifti
from napari_ptx.study.gland_record import FILE_NAME, GlandRecord

from .volumes import PATCH, SPACING, balls, write_cohort

SETTINGS = ModelSettings(spacing=SPACING, patch=PATCH)


class Brightness(nn.Module):
    """Answers as a perfect network would: it sees what takes up contrast."""

    def __init__(self, classes: int = 1) -> None:
        super().__init__()
        self.config = NetworkConfig(2, classes, 4, 4)
        self.classes = classes
        self.scale = nn.Parameter(torch.tensor(40.0))

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        logit = (volume[:, -1:] - 0.1) * self.scale
        if self.classes == 1:
            return logit
        # right and left of a patch's own middle would be wrong: this one knows nothing of side
        return logit.repeat(1, self.classes, 1, 1, 1)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"), 2, flip=(1,))


@pytest.fixture
def model(tmp_path) -> CtModel:
    written = write_model(tmp_path / "m", build(NetworkConfig(2, 1, 4, 4)), SETTINGS, note="balls")
    return replace(written, network=Brightness().eval())


@pytest.mark.parametrize("spacing", [SPACING, (1.5, 0.8, 0.8)])
def test_each_ball_is_a_candidate_in_its_place(cohort, model, tmp_path, spacing):
    model = replace(model, settings=replace(SETTINGS, spacing=spacing))
    calls: list[tuple[int, int, str]] = []
    found = predict(
        model, cohort, tmp_path / "out", engine="fp32", progress=lambda *call: calls.append(call)
    )
    assert len(found.candidates) == 4
    assert found.examined["examined_fraction"].between(0.99, 1.0).all()
    read = read_predictions(tmp_path / "out")
    assert read.patients == ("p0", "p1")
    for number, patient in enumerate(read.patients):
        _, _, labels = balls(number)
        made = read.label_map(patient)
        truth = read_image(cohort.parent / f"{patient}_labels.nii.gz")
        assert made.shape == truth.shape
        assert np.allclose(made.origin, truth.origin)
        overlap = np.count_nonzero((made.pixels > 0) & (truth.pixels > 0))
        both = np.count_nonzero(made.pixels) + np.count_nonzero(truth.pixels)
        assert 2 * overlap / both > 0.75
        mine = read.of(patient)
        assert (mine["score"] > 0.7).all()
        assert mine["hu_arterial"].between(135, 220).all()
        assert mine["hu_plain"].between(40, 75).all()
        # The first ball lies on the right, where x is smaller.
        middle = -12 + 0.6 * 20
        assert sorted(mine["slot"].str.partition("_")[0]) == ["left", "right"]
        sides = mine.set_index(mine["slot"].str.partition("_")[0])["x_mm"]
        assert sides["right"] < middle < sides["left"]
        for gland in (1, 2):
            z, y, x = np.argwhere(labels == gland).mean(axis=0)
            place = np.array([-12 + 0.6 * x, -15 + 0.6 * y, 30 + z])
            off = np.linalg.norm(mine[["x_mm", "y_mm", "z_mm"]].to_numpy() - place, axis=1)
            assert off.min() < 0.7
    about = json.loads((tmp_path / "out/prediction.json").read_text())
    assert about["model"]["weights_sha256"] == model.sha256
    assert about["configuration"]["engine"]["precision"] == "fp32"
    assert len(about["images_sha256"]["p0"]["plain"]) == 64
    assert any("patient p1 (2 of 2)" in text for _, _, text in calls)


def test_a_missing_phase_and_an_empty_answer_are_told(cohort, model, tmp_path):
    table = cohort.parent / "plain.csv"
    table.write_text("patient,phase,image\np0,plain,p0_plain.nii.gz\n")
    found = predict(model, table, tmp_path / "out", engine="fp32")
    assert len(found.candidates) == 0
    assert "without the arterial phase" in found.examined["region"][0]
    assert not read_predictions(tmp_path / "out").label_map("p0").pixels.any()


def test_separate_phases_are_joined_per_gland(cohort, model, tmp_path):
    separate = replace(model, settings=replace(SETTINGS, fusion="separate"))
    found = predict(separate, cohort, tmp_path / "out", engine="fp32")
    assert len(found.candidates) == 4


def test_classes_become_a_label_map(cohort, model, tmp_path):
    settings = replace(SETTINGS, classes={"right": (3,), "left": (4,)})
    many = replace(model, settings=settings, network=Brightness(2).eval())
    found = predict(many, cohort, tmp_path / "out", engine="fp32")
    assert len(found.candidates) == 0
    values = np.unique(read_predictions(tmp_path / "out").label_map("p0").pixels)
    assert set(values) == {0, 3}


def test_the_command_with_a_network_of_its_own(cohort, tmp_path, capsys):
    write_model(tmp_path / "m", build(NetworkConfig(2, 1, 4, 4)), SETTINGS)
    arguments = ["ct", "predict", str(tmp_path / "m"), str(cohort), "-o", str(tmp_path / "out")]
    assert run([*arguments, "--engine", "fp32", "--search", "full", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["patient"] for row in answer["patients"]] == ["p0", "p1"]
    assert answer["patients"][0]["region"] == "the body"
    assert pd.read_csv(tmp_path / "out/examined.csv")["patient"].tolist() == ["p0", "p1"]
    assert run([*arguments, "--engine", "fp32"]) == 0
    assert "The prediction is in" in capsys.readouterr().out.replace("\n", "")


def test_the_command_tells_the_volumes_of_structures(cohort, tmp_path, capsys):
    settings = replace(SETTINGS, classes={"right": (3,), "left": (4,)})
    write_model(tmp_path / "m", build(NetworkConfig(2, 2, 4, 4), 1), settings)
    arguments = ["ct", "predict", str(tmp_path / "m"), str(cohort), "-o", str(tmp_path / "out")]
    arguments += ["--engine", "fp32", "--search", "full"]
    assert run([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["volumes_ml"]
    found = read_predictions(tmp_path / "out").label_map("p0")
    voxel = np.prod(found.spacing) / 1000
    for name, value in (("right", 3), ("left", 4)):
        assert told["p0"][name] == pytest.approx((found.pixels == value).sum() * voxel)
    assert sum(told["p0"].values()) > 0
    assert run(arguments) == 0
    shown = capsys.readouterr().out
    assert "right mL" in shown
    assert "Candidates" not in shown
    assert f"{told['p0']['right']:.1f}" in shown


def test_the_share_that_was_examined_is_of_the_body(cohort, model):
    exam = read_exams(cohort)[0]
    answer = examine(model, Engine("fp32", False, "cpu", ""), exam, "bed")
    assert "no airway" in answer.region
    assert answer.examined_fraction == 1.0
    assert answer.patches >= 4


def test_what_cannot_be_predicted_is_refused(cohort, model, tmp_path):
    with pytest.raises(CtError, match="no search 'all'"):
        predict(model, cohort, tmp_path / "out", search="all")
    other = replace(model, settings=replace(SETTINGS, phases=("venous",)))
    with pytest.raises(CtError, match="none of the model's"):
        predict(other, cohort, tmp_path / "out")
    assert open_model(tmp_path / "m").note == "balls"


def test_values_that_are_no_hounsfield_units_are_refused(cohort, model, tmp_path):
    """Stored without the rescale intercept, a neck would be a body without air."""
    exam = read_exams(cohort)[0]
    image = read_image(exam.images["plain"])
    path = tmp_path / "stored.nii.gz"
    write_nifti(replace(image, pixels=np.clip(image.pixels + 1024, 0, None)), path)
    wrong = replace(exam, images={**exam.images, "plain": path})
    with pytest.raises(CtError, match=r"^Patient p0: .*stored\.nii\.gz is not in Hounsfield units"):
        examine(model, Engine("fp32", False, "cpu", ""), wrong)


def test_probabilities_are_kept_on_the_grid_of_the_file(cohort, model, tmp_path):
    model = replace(model, settings=replace(SETTINGS, spacing=(1.5, 0.8, 0.8)))
    predict(model, cohort, tmp_path / "out", engine="fp32")
    read = read_predictions(tmp_path / "out")
    assert (tmp_path / "out" / read.about["cohort"]).resolve() == cohort.resolve()
    chance = read_image(read.chances["p0"])
    labels = read.label_map("p0")
    assert chance.pixels.dtype == np.uint8
    assert chance.shape == labels.shape
    assert np.allclose(chance.origin, labels.origin)
    # Candidates reach down to a probability of 0.2, and have a voxel of 0.5.
    assert chance.pixels[labels.pixels > 0].min() >= 0.2 * 255 - 3
    assert all(chance.pixels[labels.pixels == n].max() >= 0.5 * 255 - 3 for n in (1, 2))
    assert np.median(chance.pixels[labels.pixels == 0]) <= 1
    # Without them, one of an earlier prediction is not taken for this one's.
    predict(model, cohort, tmp_path / "out", engine="fp32", probability=False)
    assert read_predictions(tmp_path / "out").chances == {}


def tables(folder):
    return [(folder / name).read_bytes() for name in ("candidates.csv", "examined.csv")]


class Stopped(Exception):
    """The user's stop, at the second patient."""


def stop_at_second(_done, _of, words):
    if "(2 of 2)" in words:
        raise Stopped


def test_a_stopped_prediction_goes_on(cohort, model, tmp_path):
    predict(model, cohort, tmp_path / "whole", engine="fp32")
    out = tmp_path / "out"
    checkpoint = out / FIT_WORK / "last.safetensors"  # of a training that was stopped there
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"-")
    with pytest.raises(Stopped):
        predict(model, cohort, out, engine="fp32", progress=stop_at_second)
    with pytest.raises(CtError, match=r"holds no prediction\.json"):
        read_predictions(out)
    words = []
    again = predict(model, cohort, out, engine="fp32", progress=lambda *said: words.append(said))
    assert again.about["taken_over"] == ["p0"]
    assert not any("p0" in text and patch for patch, _, text in words)
    assert any("p1" in text and patch for patch, _, text in words)
    assert tables(out) == tables(tmp_path / "whole")
    assert not (out / "patients.part").exists()
    # What is whole is made anew.
    assert predict(model, cohort, out, engine="fp32").about["taken_over"] == []
    assert checkpoint.is_file()


@pytest.mark.parametrize("what", ["search", "model", "map", "image", "record", "chance"])
def test_nothing_is_taken_over_that_would_be_another(cohort, model, tmp_path, what):
    out = tmp_path / "out"
    table = pd.read_csv(cohort)
    for name in table["image"]:
        (tmp_path / name).write_bytes((cohort.parent / name).read_bytes())
    table.drop(columns="labels").to_csv(tmp_path / "cohort.csv", index=False)
    first = {"engine": "fp32", "probability": what != "chance"}
    with pytest.raises(Stopped):
        predict(model, tmp_path / "cohort.csv", out, progress=stop_at_second, **first)
    if what == "model":
        model = replace(model, sha256="0" * 64)
    elif what == "record":
        path = out / "patients.part" / "p0.json"
        path.write_text(path.read_text()[:-20])
    elif what in ("map", "image"):
        path = out / "p0_candidates.nii.gz" if what == "map" else tmp_path / table["image"][0]
        image = read_image(path)
        write_nifti(replace(image, pixels=np.maximum(image.pixels, 1)), path)
        if what == "image":
            write_nifti(image, path)  # as before but for the hash: compressed by another program
            path.write_bytes(path.read_bytes() + b"\0")
    search = "full" if what == "search" else "bed"
    again = predict(model, tmp_path / "cohort.csv", out, engine="fp32", search=search)
    assert again.about["taken_over"] == []
    assert sorted(again.chances) == ["p0", "p1"]


def test_one_bad_image_does_not_stop_the_others(cohort, model, tmp_path, capsys):
    table = pd.read_csv(cohort)
    table["image"] = [str(cohort.parent / name) for name in table["image"]]
    whole = predict(model, cohort, tmp_path / "whole", engine="fp32")
    place, good = tmp_path / "cohort.csv", table["image"][0]
    bad = tmp_path / "cut.nii.gz"
    bad.write_bytes(Path(good).read_bytes()[:2000])
    table.loc[0, "image"] = str(bad)
    table.drop(columns="labels").to_csv(place, index=False)
    some = predict(model, place, tmp_path / "out", engine="fp32")
    assert list(some.about["failed"]) == ["p0"]
    assert "cut.nii.gz cannot be read" in some.about["failed"]["p0"]
    assert read_predictions(tmp_path / "out").patients == ("p1",)
    table.loc[0, "image"] = good
    table.drop(columns="labels").to_csv(place, index=False)
    rest = predict(model, place, tmp_path / "out", engine="fp32")
    assert rest.about["taken_over"] == ["p1"]
    assert rest.patients == ("p0", "p1")
    assert tables(tmp_path / "out") == tables(tmp_path / "whole")
    assert len(rest.candidates) == len(whole.candidates)
    # Where all fail there is nothing to write; of one patient it is the reason itself.
    table["image"] = str(bad)
    table.drop(columns="labels").to_csv(place, index=False)
    with pytest.raises(CtError, match="No patient could be predicted") as error:
        predict(model, place, tmp_path / "none", engine="fp32")
    assert len(error.value.details) == 2
    table[table["patient"] == "p1"].drop(columns="labels").to_csv(place, index=False)
    with pytest.raises(CtError, match=r"Patient p1: .*cut\.nii\.gz cannot be read"):
        predict(model, place, tmp_path / "none", engine="fp32")


def test_a_prediction_with_decisions_on_it_is_not_replaced(cohort, model, tmp_path):
    """Decisions name candidates by number, which would be others."""
    assert REVIEW == FILE_NAME
    out = tmp_path / "out"
    predictions = predict(model, cohort, out, engine="fp32")
    before = tables(out)
    GlandRecord.open(out / FILE_NAME).close()
    with pytest.raises(CtError, match=r"holds a review of its candidates \(glands\.review\)"):
        predict(model, cohort, out, engine="fp32", search="full")
    with pytest.raises(CtError, match="choose another folder"):
        write_predictions(out, predictions)
    assert (tables(out), (out / "prediction.json").is_file()) == (before, True)


def test_the_command_tells_who_failed_and_who_was_done(cohort, tmp_path, capsys):
    folder = str(tmp_path / "m")
    write_model(tmp_path / "m", build(NetworkConfig(2, 1, 4, 4)), SETTINGS, note="balls")
    table = pd.read_csv(cohort).drop(columns="labels")
    table["image"] = [str(cohort.parent / name) for name in table["image"]]
    good, place = table["image"][0], tmp_path / "cohort.csv"
    table.loc[0, "image"] = "nowhere.nii.gz"
    table.to_csv(place, index=False)
    command = ["ct", "predict", folder, str(place), "-o", str(tmp_path / "out"), "--engine", "fp32"]
    (tmp_path / "nowhere.nii.gz").write_bytes(b"")
    assert run(command) == 1
    assert "Patient p0: " in (told := capsys.readouterr().out)
    assert "nowhere.nii.gz cannot be read: it is empty" in told
    table.loc[0, "image"] = good
    table.to_csv(place, index=False)
    assert run([*command, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["taken_over"], answer["failed"]) == (["p1"], {})
