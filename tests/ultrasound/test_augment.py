"""Draws, flips and noise of training crops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
from hypothesis import given
from hypothesis import strategies as st

from napari_ptx.ultrasound.augment import alter, draw_epoch, share

from .deep_cases import TINY, make_crops


def test_both_classes_are_drawn_equally_often():
    labels = np.array([1] * 6 + [0] * 94)
    rows = np.concatenate([draw_epoch(labels, TINY, epoch).ravel() for epoch in range(100)])
    share_of_positives = labels[rows].mean()
    # 4 standard errors of a fair coin
    assert abs(share_of_positives - 0.5) < 4 * 0.5 / np.sqrt(len(rows))
    assert set(rows) == set(range(100))


def test_draws_depend_on_seed_and_epoch_alone():
    labels = np.arange(40) % 2
    first = draw_epoch(labels, TINY, 3)
    assert first.shape == (5, 8)
    np.testing.assert_array_equal(first, draw_epoch(labels, TINY, 3))
    assert not np.array_equal(first, draw_epoch(labels, TINY, 4))
    assert not np.array_equal(first, draw_epoch(labels, replace(TINY, seed=1), 3))


@given(st.integers(1, 4), st.integers(1, 5))
def test_processes_share_a_batch_without_loss(world, each):
    rows = np.random.default_rng(0).integers(0, 99, world * each)
    parts = [share(rows, rank, world) for rank in range(world)]
    assert {len(part) for part in parts} == {each}
    assert sorted(np.concatenate(parts)) == sorted(rows)


def test_a_shared_batch_is_altered_as_a_whole_one():
    crops, rows = make_crops(8, 1), np.array([5, 0, 5, 2])
    whole, masks = alter(crops, rows, np.arange(4), TINY, 2)
    for rank in range(2):
        positions = share(np.arange(4), rank, 2)
        part, part_masks = alter(crops, rows[positions], positions, TINY, 2)
        np.testing.assert_array_equal(part, whole[rank::2])
        np.testing.assert_array_equal(part_masks, masks[rank::2])
    assert not np.array_equal(whole[0], whole[2])  # the same crop, twice, differently


def test_image_and_roi_are_flipped_together_all_four_ways():
    crops = make_crops(1, 1)
    config = replace(TINY, noise=0.0)
    rows = np.zeros(64, np.int64)
    images, masks = alter(crops, rows, np.arange(64), config, 0)
    image, mask = crops.images[0], crops.masks[0]
    seen = [0, 0, 0, 0]
    for altered, altered_mask in zip(images, masks, strict=True):
        ways = [(slice(None, None, y), slice(None, None, x)) for y in (1, -1) for x in (1, -1)]
        (way,) = [i for i, turn in enumerate(ways) if np.array_equal(image[turn], altered)]
        np.testing.assert_array_equal(mask[ways[way]], altered_mask)
        seen[way] += 1
    assert min(seen) >= 5
    level = replace(config, flip_vertical=False)
    _, masks = alter(crops, rows, np.arange(64), level, 0)
    tops = masks.any(axis=2).argmax(axis=1)
    assert set(tops) == {int(mask.any(axis=1).argmax())}


def test_noise_is_in_the_image_alone_and_the_crops_stay():
    crops = make_crops(2, 1)
    before = crops.sha256()
    config = replace(TINY, flip_horizontal=False, flip_vertical=False, noise=0.05)
    images, masks = alter(crops, np.array([0] * 50), np.arange(50), config, 0)
    np.testing.assert_array_equal(masks, crops.masks[[0] * 50])
    noise = images - crops.images[0]
    spread = noise.std(axis=(1, 2))
    assert 0 < spread.min() < 0.02 < 0.03 < spread.max() < 0.055
    assert abs(noise.mean()) < 0.001
    assert crops.sha256() == before
