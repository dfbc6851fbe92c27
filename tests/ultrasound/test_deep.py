"""Training, keeping and reading out a network."""

from __future__ import annotations

import copy
import csv
import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
import torch
from sklearn.metrics import roc_auc_score

from napari_ptx.errors import PtxError
from napari_ptx.learn.errors import LearnError
from napari_ptx.ultrasound import Crops, NetworkConfig, UltrasoundError, deep, deep_fit
from napari_ptx.ultrasound.deep_fit import CHECKPOINT, EPOCHS, MODEL, step_size
from napari_ptx.ultrasound.networks import as_input

from .deep_cases import TINY, make_crops


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    # The tests share few cores, and the last bits depend on the number of threads.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    return deep.train(
        make_crops(48, 1), make_crops(24, 2), replace(TINY, channels=2), folder, note="discs"
    )


def test_it_learns(trained):
    fresh = make_crops(40, 3)
    assert roc_auc_score(fresh.labels, trained.predict(fresh)) > 0.9


def test_what_is_kept(trained):
    with (trained.folder / EPOCHS).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    best = max(rows, key=lambda row: (float(row["auc_validation"]), -float(row["loss_validation"])))
    facts = json.loads((trained.folder / deep.NETWORK).read_text())
    assert facts["best_epoch"] == int(best["epoch"])
    assert trained.auc == facts["auc_validation"] == float(best["auc_validation"])
    assert facts["note"] == trained.note == "discs"
    assert facts["cases"]["train"] == {"n": 48, "positive": 24}
    assert sorted(p.name for p in trained.folder.iterdir()) == [EPOCHS, MODEL, deep.NETWORK]
    # the weights are those of that epoch
    validation = make_crops(24, 2)
    auc = roc_auc_score(validation.labels, trained.predict(validation))
    assert auc == pytest.approx(trained.auc, abs=1e-12)


def test_a_loaded_network_answers_the_same_one_by_one_or_together(trained, tmp_path):
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for path in trained.folder.iterdir():
        (moved / path.name).write_bytes(path.read_bytes())
    fresh = make_crops(6, 4)
    probabilities, features = deep.load(moved).read(fresh)
    assert features.shape == (6, 512)
    np.testing.assert_array_equal(probabilities, trained.predict(fresh))
    np.testing.assert_array_equal(features, trained.features(fresh))
    np.testing.assert_array_equal(probabilities[3:4], trained.predict(fresh[3:4]))
    logits = features @ trained.network.head.weight.detach().numpy()[0]
    logits += trained.network.head.bias.detach().numpy()
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), probabilities, atol=1e-6)


def test_float32_is_enough_for_six_digits_on_any_machine(trained):
    # What another machine computes lies as near to the exact answer as this one's.
    fresh = make_crops(8, 7)
    exact = copy.deepcopy(trained.network).double().eval()
    with torch.inference_mode():
        logits = exact(as_input(fresh.images, fresh.masks, 2).double())[:, 0]
    found = torch.sigmoid(logits).numpy()
    np.testing.assert_allclose(trained.predict(fresh), found, rtol=0, atol=5e-7)


def test_an_epoch_of_one_class_has_no_auc_and_survives_json():
    assert math.isnan(deep_fit.auc_of(torch.ones(4), torch.rand(4)))
    row = deep_fit.Epoch(1, 0.5, math.nan, 0.6, 0.7, 1e-3, 2.0)
    held = json.loads(json.dumps(row.to_json(), allow_nan=False))
    again = deep_fit.Epoch.from_json(held)
    assert math.isnan(again.auc_train)
    assert replace(again, auc_train=0.0) == replace(row, auc_train=0.0)


def test_the_roi_matters_with_two_channels_only(trained, tmp_path):
    fresh = make_crops(4, 5)
    without = Crops(fresh.images, np.zeros_like(fresh.masks), fresh.labels)
    assert not np.allclose(trained.features(fresh), trained.features(without))
    single = deep.train(make_crops(8, 1), make_crops(4, 2), replace(TINY, epochs=1), tmp_path)
    np.testing.assert_array_equal(single.features(fresh), single.features(without))


def test_larger_crops_are_resized(trained):
    large = make_crops(20, 6, size=96)
    assert roc_auc_score(large.labels, trained.predict(large)) > 0.9


def test_same_seed_same_network_and_another_seed_another(tmp_path):
    train, validation = make_crops(16, 1), make_crops(8, 2)
    config = replace(TINY, epochs=1)
    torch.manual_seed(99)
    expected = torch.rand(3)
    torch.manual_seed(99)
    a = deep.train(train, validation, config, tmp_path / "a")
    np.testing.assert_array_equal(torch.rand(3), expected)  # the caller's generator is left alone
    assert same(a, deep.train(train, validation, config, tmp_path / "b"))
    other = deep.train(train, validation, replace(config, seed=1), tmp_path / "c")
    assert other.epochs[0].loss != a.epochs[0].loss


class Killed(BaseException):
    """Ends a training between two steps, as a kill does."""


@pytest.mark.parametrize("seconds", [0.0, pytest.param(1e9, marks=pytest.mark.slow)])
def test_an_interrupted_training_goes_on_as_if_nothing_had_been(tmp_path, monkeypatch, seconds):
    monkeypatch.setattr(deep_fit, "CHECKPOINT_SECONDS", seconds)
    train, validation = make_crops(16, 1), make_crops(8, 2)
    config = replace(TINY, epochs=3)
    calls: list[int] = []

    def progress(done: int, total: int, text: str) -> None:
        assert total == 6
        calls.append(done)
        if len(calls) == 4:
            raise Killed

    folder = tmp_path / "run"
    with pytest.raises(Killed):
        deep.train(train, validation, config, folder, progress=progress)
    assert calls == [0, 1, 2, 3]
    assert len((folder / EPOCHS).read_text().splitlines()) == 2
    assert (folder / CHECKPOINT).exists() == (seconds == 0)
    resumed = deep.train(train, validation, config, folder, progress=progress)
    assert calls[4] == (2 if seconds == 0 else 0)  # from the checkpoint, or from the start
    whole = deep.train(train, validation, config, tmp_path / "whole")
    assert same(resumed, whole)
    # and once more: a finished folder is only loaded
    before = (folder / MODEL).stat().st_mtime_ns
    deep.train(train, validation, config, folder)
    assert (folder / MODEL).stat().st_mtime_ns == before


def same(a: deep.TrainedNetwork, b: deep.TrainedNetwork) -> bool:
    curves = [[replace(row, seconds=0) for row in trained.epochs] for trained in (a, b)]
    weights = [(trained.folder / MODEL).read_bytes() for trained in (a, b)]
    return curves[0] == curves[1] and weights[0] == weights[1]


_PROGRAM = """
import json, sys, torch
from pathlib import Path
from napari_ptx.errors import PtxError
from napari_ptx.learn.errors import LearnError
from napari_ptx.ultrasound import Crops, NetworkConfig, deep, deep_fit
deep_fit.CHECKPOINT_SECONDS = 0
torch.set_num_threads(1)
folder = Path(sys.argv[1])
config = NetworkConfig.from_json(json.loads(sys.argv[2]))
deep.train(Crops.read(folder / "train.npz"), Crops.read(folder / "validation.npz"), config,
           folder / "run")
"""


@pytest.mark.slow
def test_a_killed_process_loses_nothing_that_matters(tmp_path):
    train, validation = make_crops(24, 1), make_crops(8, 2)
    train.write(tmp_path / "train.npz")
    validation.write(tmp_path / "validation.npz")
    config = replace(TINY, epochs=6, patience=6)
    program = [sys.executable, "-c", _PROGRAM, str(tmp_path), json.dumps(config.to_json())]
    deadline = time.monotonic() + 250
    for rows in (2, 4):  # killed twice, the second time after it was taken up
        process = subprocess.Popen(program)
        epochs = tmp_path / "run" / EPOCHS
        while not (epochs.exists() and len(epochs.read_text().splitlines()) > rows):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        process.wait()
        assert (tmp_path / "run" / CHECKPOINT).exists()
        assert not (tmp_path / "run" / deep.NETWORK).exists()
    resumed = deep.train(train, validation, config, tmp_path / "run")
    assert same(resumed, deep.train(train, validation, config, tmp_path / "whole"))


def test_other_settings_or_crops_do_not_take_up_a_folder(trained):
    train, validation, config = make_crops(48, 1), make_crops(24, 2), trained.config
    with pytest.raises(UltrasoundError, match="other lr"):
        deep.train(train, validation, replace(config, lr=1e-2), trained.folder)
    with pytest.raises(UltrasoundError, match="other crops"):
        deep.train(train[2:], validation, config, trained.folder)


def test_training_stops_early_and_keeps_the_best(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.random((20, 32, 32)).astype(np.float32)
    crops = Crops(noise, noise > 0.5, np.arange(20) % 2)
    config = replace(TINY, epochs=12, patience=2, batch=10)
    trained = deep.train(crops[:12], crops[12:], config, tmp_path)
    assert len(trained.epochs) == trained.facts["best_epoch"] + 2
    assert len(trained.epochs) < 12


def test_crops_that_cannot_be_trained_on(tmp_path):
    good = make_crops(8, 1)
    with pytest.raises(UltrasoundError, match=r"Patients are both in training.* 1-4, 1-5"):
        deep.train(good, good[4:], TINY, tmp_path)
    one_class = good[np.flatnonzero(good.labels == 1)]
    with pytest.raises(UltrasoundError, match="validation crops must hold cases of both"):
        deep.train(make_crops(8, 2), one_class, TINY, tmp_path)
    images = good.images.copy()
    images[1, 3, 3] = np.nan
    with pytest.raises(UltrasoundError, match=r"not numbers \(crop 1\)"):
        Crops(images, good.masks)
    with pytest.raises(UltrasoundError, match="0 or 1"):
        Crops(good.images, good.masks, np.arange(8))
    assert not any(tmp_path.iterdir())


def test_a_training_that_goes_astray_says_so(tmp_path):
    with pytest.raises(UltrasoundError, match="went astray in epoch 1"):
        deep.train(make_crops(8, 1), make_crops(4, 2), replace(TINY, lr=1e30), tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "pickle", "missing", "settings"])
def test_a_damaged_folder_is_refused(trained, tmp_path, damage):
    for path in trained.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    model, network = tmp_path / MODEL, tmp_path / deep.NETWORK
    if damage == "truncated":
        model.write_bytes(model.read_bytes()[:-100])
        match = "damaged"
    elif damage == "flipped":
        data = bytearray(model.read_bytes())
        data[-7] ^= 1
        model.write_bytes(data)
        match = "SHA-256 differs"
    elif damage == "pickle":
        torch.save({"weights": torch.ones(2)}, model)
        match = "pickle"
    elif damage == "missing":
        network.unlink()
        match = "no trained network"
    else:
        facts = json.loads(network.read_text())
        facts["identity"]["config"]["arch"] = "resnet34"
        network.write_text(json.dumps(facts))
        match = "does not fit"
    with pytest.raises(PtxError, match=match):
        deep.load(tmp_path)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    (tmp_path / CHECKPOINT).write_bytes(b"\x80\x04not a checkpoint")
    with pytest.raises(LearnError, match="safetensors"):
        deep.train(make_crops(8, 1), make_crops(4, 2), TINY, tmp_path)


def test_settings_are_checked_and_survive_json():
    config = NetworkConfig(arch="resnet50", channels=2, weights="w.pth", noise=0)
    assert NetworkConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    for wrong in ({"arch": "resnet152"}, {"batch": 1}, {"channels": 3}, {"lr": 0.0}):
        with pytest.raises(UltrasoundError):
            NetworkConfig(**wrong)
    for wrong in ({"layers": 3}, {"batch": "8"}, {"flip_vertical": 1}, {"epochs": True}):
        with pytest.raises(UltrasoundError, match="Settings of the network"):
            NetworkConfig.from_json(wrong)


def test_the_step_grows_for_an_epoch_and_falls_to_nothing():
    config = replace(TINY, epochs=4, lr=0.1)
    steps = [step_size(config, step, 5) for step in range(20)]
    assert steps[4] == max(steps) == pytest.approx(0.1)
    assert steps[:5] == sorted(steps[:5])
    assert steps[4:] == sorted(steps[4:], reverse=True)
    assert 0 < steps[-1] < 0.002


def test_crops_survive_their_file_and_a_foreign_file_is_refused(tmp_path):
    crops = make_crops(4, 1)
    crops.write(tmp_path / "a.npz")
    held = Crops.read(tmp_path / "a.npz")
    assert held.sha256() == crops.sha256()
    assert held.patients == crops.patients
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 no zip")
    with pytest.raises(UltrasoundError, match="does not hold crops"):
        Crops.read(Path(tmp_path / "b.npz"))
    np.save(tmp_path / "c.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(UltrasoundError, match="does not hold crops"):
        Crops.read(tmp_path / "c.npy")
