"""Patches are changed as the body could be: labels go with the image, and side stays side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
import torch
from scipy import ndimage

from napari_ptx.ct.augment import altered, warped
from napari_ptx.ct.config import AUGMENTS, TrainConfig
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.network import ABSENT

SPACING = (2.5, 1.5, 1.0)
SHAPE = (40, 64, 96)
PLACES = ((40.0, 40.0, 30.0), (60.0, 55.0, 66.0))


def two_balls(radius: float = 9.0):
    """Two balls, in mm, on voxels that are no cubes."""
    place = np.stack(np.indices(SHAPE), -1) * np.array(SPACING)
    labels = np.zeros(SHAPE, np.int64)
    for number, middle in enumerate(PLACES, start=1):
        labels[np.linalg.norm(place - np.array(middle), axis=-1) < radius] = number
    return torch.from_numpy((labels > 0).astype(np.float32))[None], torch.from_numpy(labels)


def middles(labels):
    return [np.argwhere(labels.numpy() == i).mean(0) * np.array(SPACING) for i in (1, 2)]


@pytest.mark.parametrize("name", ["turn", "tilt"])
def test_a_turn_keeps_lengths_in_the_body(name):
    augment = replace(AUGMENTS["none"], share=1.0, **{name: 20.0})
    volume, labels = two_balls()
    length = np.linalg.norm(np.subtract(*PLACES))
    turns = []
    for seed in range(12):
        _, moved = warped(volume, labels, SPACING, augment, np.random.default_rng(seed))
        one, other = middles(moved)
        assert np.linalg.norm(one - other) == pytest.approx(length, abs=0.5)
        was, now = np.subtract(*PLACES), one - other
        turns.append(np.degrees(np.arccos(was @ now / np.linalg.norm(was) / np.linalg.norm(now))))
        if name == "turn":  # about the axis of the body: nothing goes up or down
            assert now[0] == pytest.approx(was[0], abs=0.5)
    assert 8 < max(turns) < 30


def test_a_change_of_size_is_one_of_volume():
    augment = replace(AUGMENTS["none"], share=1.0, size=0.2)
    volume, labels = two_balls()
    ratios = []
    for seed in range(12):
        generator = np.random.default_rng(seed)
        made, _ = warped(volume, labels, SPACING, augment, generator)
        # One ball on either side of the middle, about which the size changes.
        halves = np.split(made[0].numpy(), 2, axis=2)
        one, other = (np.array(ndimage.center_of_mass(half)) * np.array(SPACING) for half in halves)
        other[2] += SHAPE[2] / 2 * SPACING[2]
        size = np.linalg.norm(one - other) / np.linalg.norm(np.subtract(*PLACES))
        ratios.append(size)
        grown = float(made.sum() / volume.sum())
        assert grown == pytest.approx(size**3, rel=0.03)
    assert 0.8 < min(ratios) < 0.95 < 1.05 < max(ratios) < 1.2


@pytest.mark.parametrize("name", ["mild", "strong"])
def test_labels_go_with_the_image(name):
    augment = replace(AUGMENTS[name], share=1.0)
    volume, labels = two_balls()
    for seed in range(8):
        made, moved = warped(volume, labels, SPACING, augment, np.random.default_rng(seed))
        inside = moved > 0
        image = made[0] > 0.5
        assert 2 * int((inside & image).sum()) / int(inside.sum() + image.sum()) > 0.95
        assert not torch.equal(moved, labels)
        # The right one stays the right one.
        one, other = middles(moved)
        assert one[2] < other[2]


def test_bending_changes_the_shape_smoothly():
    augment = replace(AUGMENTS["none"], share=1.0, bend=0.015)
    volume, labels = two_balls()
    moved = [
        warped(volume, labels, SPACING, augment, np.random.default_rng(seed))[1]
        for seed in range(6)
    ]
    for found in moved:
        shared = 2 * int(((found > 0) & (labels > 0)).sum())
        assert 0.6 < shared / int((found > 0).sum() + (labels > 0).sum()) < 0.99
    assert not torch.equal(moved[0], moved[1])


def test_nothing_is_changed_without():
    volume, labels = two_balls()
    generator = np.random.default_rng(1)
    same, kept = warped(volume, labels, SPACING, AUGMENTS["none"], generator)
    assert torch.equal(same, volume)
    assert torch.equal(kept, labels)
    assert torch.equal(altered(same.clone(), (True,), AUGMENTS["none"], generator), volume)


def test_an_absent_phase_stays_absent():
    volume, labels = two_balls()
    both = torch.cat([volume, torch.full_like(volume, ABSENT)])
    augment = replace(AUGMENTS["strong"], share=1.0)
    made, _ = warped(both, labels, SPACING, augment, np.random.default_rng(2))
    made = altered(made, (True, False), augment, np.random.default_rng(3))
    assert (made[1] == ABSENT).all()
    assert -1 <= float(made[0].min()) < float(made[0].max()) <= 1


def test_only_known_names():
    with pytest.raises(CtError, match="augment has no 'wild'; choose from none, mild, strong"):
        TrainConfig(augment="wild")


def test_a_training_of_before_is_one_with_mild_changes():
    known = TrainConfig().to_json()
    del known["augment"]
    assert TrainConfig.from_json(known | {"turn": 10.0}) == TrainConfig()
    with pytest.raises(CtError, match="no setting 'turn'"):
        TrainConfig.from_json(known | {"turn": 30.0})
