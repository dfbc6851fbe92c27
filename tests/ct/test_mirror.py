"""A volume that is looked at from both sides."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
import torch

from napari_ptx.cli.root import run
from napari_ptx.ct.bundle import write_model
from napari_ptx.ct.config import ModelSettings, TrainConfig
from napari_ptx.ct.mirror import both_ways, trained_pairs
from napari_ptx.ct.network import NetworkConfig, build
from napari_ptx.ct.predictions import read_predictions
from napari_ptx.ct.structures import largest_parts

from .volumes import PATCH, SPACING, write_cohort

CLASSES = {"cord": (5,), "right": (1,), "left": (2,)}
PAIRS = (("right", "left"), ("cord", "cord"))
SETTINGS = ModelSettings(spacing=SPACING, patch=PATCH, classes=CLASSES)
GLANDS = ModelSettings(spacing=SPACING, patch=PATCH)


def seen_from(activation: str):
    """A network with first weights, which knows nothing of mirrors, and its order of classes."""
    logits = len(CLASSES) + (activation == "softmax")
    network = build(NetworkConfig(2, logits, 4, 3), 7).eval()
    settings = ModelSettings(classes=CLASSES, activation=activation)
    with torch.no_grad():
        return network, both_ways(network, settings, PAIRS)


@pytest.mark.parametrize(
    ("activation", "order"), [("sigmoid", [0, 2, 1]), ("softmax", [0, 1, 3, 2])]
)
def test_the_answer_to_a_mirrored_volume_is_the_mirrored_answer(activation, order):
    network, both = seen_from(activation)
    volume = torch.randn((1, 2, 16, 16, 16), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        there, back = both(volume), both(volume.flip(-1))
        assert torch.allclose(back.flip(-1)[:, order], there, atol=1e-5)
        alone = network(volume)
        mirror = network(volume.flip(-1)).flip(-1)
        # By itself the network is not so; the mean is that of both of its answers.
        assert not torch.allclose(mirror[:, order], alone, atol=1e-2)
        assert torch.allclose(there, (alone + mirror[:, order]) / 2, atol=1e-5)


def test_the_command_and_what_is_refused(tmp_path, capsys):
    cohort = write_cohort(tmp_path / "cohort", 1)
    network = build(NetworkConfig(2, 3, 4, 4), 3)
    config = TrainConfig(SETTINGS, mirror=PAIRS).to_json()
    trained = write_model(tmp_path / "m", network, SETTINGS, train={"config": config})
    assert trained_pairs(trained) == PAIRS
    command = ["--engine", "fp32", "--search", "full"]
    maps = {}
    for name, more in (("one", []), ("both", ["--mirrored"]), ("parts", ["--largest-part"])):
        out = tmp_path / name
        arguments = ["ct", "predict", str(tmp_path / "m"), str(cohort), "-o", str(out)]
        assert run([*arguments, *command, *more]) == 0
        held = json.loads((out / "prediction.json").read_text())
        assert held["configuration"]["mirrored"] is (name == "both")
        assert held["configuration"]["largest_part"] is (name == "parts")
        maps[name] = read_predictions(out).label_map("p0").pixels
    assert not np.array_equal(maps["one"], maps["both"])
    # Weights that have learned nothing scatter their answer.
    assert not np.array_equal(maps["one"], maps["parts"])
    np.testing.assert_array_equal(maps["parts"], largest_parts(maps["one"]))
    capsys.readouterr()
    write_model(tmp_path / "glands", build(NetworkConfig(2, 1, 4, 4), 3), GLANDS)
    arguments = ["ct", "predict", str(tmp_path / "glands"), str(cohort), "-o", str(tmp_path / "no")]
    assert run([*arguments, "--largest-part"]) == 2
    assert "of which there are several" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()
    for train in (None, {"config": TrainConfig(SETTINGS).to_json()}):
        folder = tmp_path / f"other{train is None}"
        write_model(folder, network, SETTINGS, train=train)
        arguments = ["ct", "predict", str(folder), str(cohort), "-o", str(tmp_path / "no")]
        assert run([*arguments, "--mirrored"]) == 2
        assert "was not trained on mirrored patches" in capsys.readouterr().err
        assert not (tmp_path / "no").exists()
