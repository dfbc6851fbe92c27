"""What happens to training crops, and only to them: drawing, flips, noise.

Everything is a function of the seed, the epoch and the position, and of nothing else:
a training that was killed goes on with the same crops, and several processes share
the crops that one would have had.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import WeightedRandomSampler

from napari_ptx.ultrasound.deep_data import Crops, NetworkConfig

_DRAW, _ALTER = 1, 2


def draw_epoch(labels: NDArray[np.int64], config: NetworkConfig, epoch: int) -> NDArray[np.int64]:
    """Draw the rows of one epoch, both classes equally likely, with replacement.

    Parameters
    ----------
    labels
        ``(n,)`` of 0 and 1, both present.
    config
        ``batch`` and ``seed`` count.
    epoch
        Each has its own draws.

    Returns
    -------
    numpy.ndarray
        ``(steps, batch)`` rows; about as many in all as there are labels. Batches are
        always full, because a batch of one crop cannot be normalised.
    """
    counts = np.bincount(labels, minlength=2)
    steps = max(1, round(len(labels) / config.batch))
    generator = torch.Generator().manual_seed(_seed(config.seed, _DRAW, epoch))
    weights = (1.0 / counts[labels]).tolist()
    sampler = WeightedRandomSampler(weights, steps * config.batch, True, generator)
    return np.fromiter(sampler, np.int64).reshape(steps, config.batch)


def share(rows: NDArray[np.int64], rank: int, world: int) -> NDArray[np.int64]:
    """Give one process its part of a batch: every ``world``-th position from ``rank``."""
    return rows[rank::world]


def alter(
    crops: Crops,
    rows: NDArray[np.int64],
    positions: NDArray[np.int64],
    config: NetworkConfig,
    epoch: int,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Give augmented copies of some crops; the crops themselves stay as they are.

    Parameters
    ----------
    crops
        The training crops.
    rows, positions
        Which crop, and its position in the epoch, which decides how it is altered.
    config
        ``flip_horizontal``, ``flip_vertical``, ``noise`` and ``seed`` count.
    epoch
        Each has its own flips and noise.

    Returns
    -------
    tuple
        Images and masks, flipped together; noise is in the images alone.
    """
    images, masks = crops.images[rows], crops.masks[rows]
    for i, position in enumerate(positions):
        rng = np.random.default_rng([config.seed, _ALTER, epoch, int(position)])
        turn_x, turn_y, strength = rng.random(3)
        if config.flip_horizontal and turn_x < 0.5:
            images[i], masks[i] = images[i, :, ::-1].copy(), masks[i, :, ::-1].copy()
        if config.flip_vertical and turn_y < 0.5:
            images[i], masks[i] = images[i, ::-1].copy(), masks[i, ::-1].copy()
        if config.noise > 0:
            noise = rng.standard_normal(images[i].shape, dtype=np.float32)
            images[i] += np.float32(strength * config.noise) * noise
    return images, masks


def _seed(*parts: int) -> int:
    """One seed for torch from several numbers, well mixed."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
