"""The number format of a training."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
import torch
from sklearn.metrics import roc_auc_score

from napari_ptx.ultrasound import UltrasoundError, deep, precision
from napari_ptx.ultrasound.networks import build

from .deep_cases import TINY, make_crops

CPU = torch.device("cpu")


def test_bfloat16_is_taken_only_for_a_gain_and_the_same_answer(monkeypatch):
    network, _ = build("resnet18", 1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    config = replace(TINY, precision="auto")
    seconds = {"fp32": 1.0, "bf16": 0.4}
    direction = torch.ones(2, 8)
    clock = [0.0]

    def step(network, batch, numerics, device):
        clock[0] += seconds[numerics.name]
        return direction if numerics.name == "bf16" else torch.ones(2, 8)

    monkeypatch.setattr(precision, "imitates_bfloat16", lambda: True)
    untested = precision.choose(config, network, CPU)
    assert (untested.name, untested.reason[:13]) == ("fp32", "the processor")
    monkeypatch.setattr(precision, "imitates_bfloat16", lambda: False)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: clock[0])
    with monkeypatch.context() as patched:
        patched.setattr(precision, "_step", step)
        chosen = precision.choose(config, network, CPU)
        assert chosen.name == "bf16"
        assert "2.5 times as fast" in chosen.reason
        seconds["bf16"] = 0.9
        assert precision.choose(config, network, CPU).name == "fp32"
        seconds["bf16"] = 0.1
        direction = torch.tensor([[1.0] * 7 + [2.0]] * 2)
        assert precision.choose(config, network, CPU).name == "fp32"
    monkeypatch.undo()
    # The real test runs, gives a real cosine, and leaves the network as it was. How close it is
    # depends on the processor: one that only imitates bfloat16 gave 0.989, others above 0.99.
    real, answers = precision._step, {}

    def kept(network, batch, numerics, device):
        answers[numerics.name] = real(network, batch, numerics, device)
        return answers[numerics.name]

    monkeypatch.setattr(precision, "_step", kept)
    monkeypatch.setattr(precision, "imitates_bfloat16", lambda: False)
    chosen = precision.choose(config, network, CPU)
    one, other = answers["fp32"].double(), answers["bf16"].double()
    cosine = float(((one * other).sum(1) / one.norm(dim=1) / other.norm(dim=1)).min())
    assert 0.9 < cosine < 1
    assert float(chosen.reason.rsplit(" ", 1)[1]) == pytest.approx(cosine, abs=1e-4)
    assert cosine >= 0.995 or chosen.name == "fp32"
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.slow
def test_bfloat16_learns_and_predicts_in_float32(tmp_path):
    config = replace(TINY, precision="bf16")
    trained = deep.train(make_crops(48, 1), make_crops(16, 2), config, tmp_path)
    assert trained.facts["precision"]["name"] == "bf16"
    fresh = make_crops(30, 3)
    assert roc_auc_score(fresh.labels, trained.predict(fresh)) > 0.9
    assert trained.features(fresh[:1]).dtype == "float32"
    assert all(value.dtype != torch.bfloat16 for value in trained.network.state_dict().values())


def test_float16_needs_a_gpu():
    network, _ = build("resnet18", 1)
    with pytest.raises(UltrasoundError, match="needs a GPU"):
        precision.choose(replace(TINY, precision="fp16"), network, CPU)
