"""The sliding window gives what MONAI's gives, in bounded memory and only where it looks."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
import torch
from monai.inferers import SlidingWindowInferer

from napari_ptx.ct import engine as engines
from napari_ptx.ct.engine import Engine, choose
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.inference import plan, starts, sweep
from napari_ptx.ct.network import NetworkConfig, build
from napari_ptx.ct.region import search_region

PATCH = (16, 24, 16)
CONFIG = NetworkConfig(channels=2, classes=2, base=4, stages=4)


@pytest.fixture(scope="module")
def network():
    return build(CONFIG).eval()


def _volume(shape) -> torch.Tensor:
    return torch.rand((2, *shape), generator=torch.Generator().manual_seed(0)) * 2 - 1


def _fetch(volume):
    return lambda box: volume[(slice(None), *box)]


@pytest.mark.parametrize("shape", [(37, 48, 41), (16, 24, 40), (50, 25, 16)])
@pytest.mark.parametrize("overlap", [0.5, 0.25])
def test_it_equals_monais_sliding_window(network, shape, overlap):
    volume = _volume(shape)
    with torch.inference_mode():
        expected = SlidingWindowInferer(PATCH, overlap=overlap, mode="gaussian")(
            volume[None], network
        )[0].numpy()
    engine = Engine("fp32", False, "cpu", "")
    found = sweep(
        _fetch(volume),
        lambda given: engine(network, given),
        shape,
        PATCH,
        overlap=overlap,
        finish=None,
        half=False,
    )
    assert found.values.shape == expected.shape
    assert np.abs(found.values - expected).max() < 1e-4
    assert found.examined.all()


def test_half_precision_moves_probabilities_by_next_to_nothing(network):
    volume = _volume((30, 30, 30))
    answers = [
        sweep(_fetch(volume), lambda g: network(g).detach(), (30, 30, 30), PATCH, half=half).values
        for half in (False, True)
    ]
    assert answers[1].dtype == np.float16
    assert np.abs(answers[0] - answers[1]).max() <= 0.0005


def test_a_region_is_examined_and_the_rest_is_not():
    shape = (64, 64, 64)
    region = np.zeros(shape, dtype=bool)
    region[40:44, 10:20, 30:34] = True
    calls: list[tuple[int, int]] = []
    asked: list[tuple[slice, ...]] = []

    def fetch(box):
        asked.append(box)
        return torch.zeros((1, *(part.stop - part.start for part in box)))

    found = sweep(
        fetch,
        lambda given: given[:, :1] + 3,
        shape,
        PATCH,
        region=region,
        progress=lambda done, total, text: calls.append((done, total)),
    )
    assert found.patches == len(asked) < 8
    inside = np.zeros(shape, dtype=bool)
    inside[found.box] = found.examined
    assert inside[region].all()
    assert inside.mean() < 0.1
    whole = np.zeros(shape)
    whole[found.box] = found.values[0]
    assert np.allclose(whole[inside], 1 / (1 + np.exp(-3)), atol=1e-3)
    assert (whole[~inside] == 0).all()
    assert calls[0] == (0, found.patches)
    assert calls[-1] == (found.patches, found.patches)
    assert all(0 <= part.start < part.stop <= 64 for box in asked for part in box)


def test_scattered_regions_leave_patches_between_them_out():
    region = np.zeros((96, 32, 32), dtype=bool)
    region[2, 4, 4] = region[90, 4, 4] = True
    _box, corners = plan((96, 32, 32), (16, 16, 16), 0.5, region)
    assert {corner[0] for corner in corners} <= {0, 8, 72, 73, 80} | set(range(70, 90))
    found = sweep(
        lambda b: torch.zeros((1, *(part.stop - part.start for part in b))),
        lambda given: given[:, :1],
        (96, 32, 32),
        (16, 16, 16),
        region=region,
    )
    inside = np.zeros((96, 32, 32), dtype=bool)
    inside[found.box] = found.examined
    assert inside[region].all()
    assert not inside[30:60].any()


def test_a_volume_smaller_than_the_patch():
    volume = _volume((10, 30, 12))
    found = sweep(_fetch(volume), lambda g: g[:, :1], (10, 30, 12), PATCH, finish=None, half=False)
    assert np.allclose(found.values[0], volume[0].numpy(), atol=1e-5)


def test_a_softmax_gives_one_map_less(network):
    volume = _volume((16, 24, 16))
    found = sweep(
        _fetch(volume),
        lambda g: network(g).detach(),
        (16, 24, 16),
        PATCH,
        finish=lambda logits: logits.softmax(0)[1:],
    )
    assert found.values.shape == (1, 16, 24, 16)


def test_starts_cover_the_length_and_nothing_beyond():
    for length, patch, overlap in ((100, 32, 0.5), (33, 32, 0.5), (32, 32, 0.5), (97, 16, 0.25)):
        firsts = starts(length, patch, overlap)
        covered = {voxel for first in firsts for voxel in range(first, first + patch)}
        assert covered == set(range(length))
        assert firsts == sorted(set(firsts))


def test_an_empty_region_is_refused():
    with pytest.raises(CtError, match="region is empty"):
        plan((32, 32, 32), (16, 16, 16), 0.5, np.zeros((32, 32, 32), dtype=bool))


def test_engines_agree(network):
    volume = _volume((24, 24, 24))[None]
    answers = {
        (precision, last): Engine(precision, last, "cpu", "")(network, volume).sigmoid()
        for precision, last in (("fp32", False), ("fp32", True), ("bf16", True))
    }
    plain = answers["fp32", False]
    assert torch.allclose(answers["fp32", True], plain, atol=1e-5)
    assert (answers["bf16", True] - plain).abs().max() < 0.06
    assert (answers["bf16", True] - plain).abs().mean() < 0.005


def test_the_self_test_takes_bfloat16_only_where_it_is_fast_and_right(network, monkeypatch):
    monkeypatch.setattr(engines, "imitates_bfloat16", lambda: False)
    chosen = choose(network, 2, side=32)
    assert chosen.precision in ("fp32", "bf16")
    assert "self-test" in chosen.reason
    monkeypatch.setattr(engines, "_GAIN", 1e9)
    assert choose(network, 2, side=32).precision == "fp32"
    monkeypatch.setattr(engines, "_GAIN", 0.0)
    monkeypatch.setattr(engines, "_SAME", 0.0)
    assert choose(network, 2, side=32).precision == "fp32"
    assert choose(network, 2, "bf16").precision == "bf16"
    assert choose(network, 2, "fp32").precision == "fp32"
    with pytest.raises(CtError, match="no engine 'fast'"):
        choose(network, 2, "fast")


@pytest.mark.parametrize("training", [False, True])
def test_a_processor_that_imitates_bfloat16_is_not_tested(network, monkeypatch, training):
    monkeypatch.setattr(engines, "imitates_bfloat16", lambda: True)
    monkeypatch.setattr(engines, "_self_test", None)
    chosen = choose(network, 2, side=32, training=training)
    assert (chosen.precision, chosen.channels_last) == ("fp32", False)
    assert chosen.reason == "the processor has no instructions for bfloat16"
    assert choose(network, 2, "bf16").precision == "bf16"


def test_a_training_is_timed_there_and_back(network, monkeypatch):
    monkeypatch.setattr(engines, "imitates_bfloat16", lambda: False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    chosen = choose(network, 2, side=32, training=True)
    assert "in a self-test of training bfloat16 was" in chosen.reason
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    # A processor that is fast there, and slow on the way back.
    clock, seconds = [0.0], {"fp32": (1.0, 3.0), "bf16": (0.8, 6.0)}
    call, trip = Engine.__call__, engines._there_and_back

    def counted(way, which):
        def run(engine, placed, volume):
            clock[0] += seconds[engine.precision][which]
            return way(engine, placed, volume)

        return run

    monkeypatch.setattr(engines.time, "thread_time", lambda: clock[0])
    monkeypatch.setattr(engines, "_there_and_back", counted(trip, 1))
    monkeypatch.setattr(Engine, "__call__", counted(call, 0))
    assert choose(network, 2, side=32).precision == "bf16"
    slow = choose(network, 2, side=32, training=True)
    assert slow.precision == "fp32"
    assert "0.5 times as fast" in slow.reason


def _neck() -> np.ndarray:
    _z, y, x = np.indices((60, 100, 120))
    hu = np.full((60, 100, 120), -1000, np.int16)
    hu[((y - 50) / 45) ** 2 + ((x - 60) / 55) ** 2 < 1] = 40
    hu[(y - 40) ** 2 + (x - 60) ** 2 < 36] = -1000  # the airway
    return hu


def test_the_bed_lies_along_the_airway():
    hu = _neck()
    bed = search_region(hu, (1.0, 1.5, 1.5))
    body = search_region(hu, (1.0, 1.5, 1.5), "full")
    assert bed.words.startswith("the thyroid bed")
    assert body.words == "the body"
    assert bed.mask.mean() < 0.7 * body.mask.mean()
    assert bed.mask[:, 45, 60].all()
    assert bed.mask[:, 40, 60].all()  # in the airway
    assert not bed.mask[:, :, 8:20].any()
    assert body.mask[30, 50, 10]
    assert not body.mask[30, 0, 0]


def test_without_an_airway_the_body_is_searched():
    hu = _neck()
    hu[hu == -1000] = 40
    hu[:, :5] = -1000
    found = search_region(hu, (1.0, 1.5, 1.5))
    assert "no airway" in found.words
    empty = search_region(np.full((8, 8, 8), -1000, np.int16), (1.0, 1.0, 1.0))
    assert empty.mask.all()
    assert "no body" in empty.words
