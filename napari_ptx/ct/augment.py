"""What is done to the patches of a training, so that a network meets more than was scanned.

Nothing here mirrors a patch: side is a clinical fact (``mirror.mirrored`` also exchanges the
classes).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from napari_ptx.ct.config import Augment
from napari_ptx.ct.network import ABSENT

_POINTS = 5
"""Along each side of a patch, between which it is bent."""


def warped(
    volume: Tensor,
    labels: Tensor,
    spacing: Sequence[float],
    augment: Augment,
    generator: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Turn, resize and bend some patches.

    Parameters
    ----------
    volume, labels
        ``(channels, z, y, x)`` and ``(z, y, x)`` integers.
    spacing
        mm, ``(z, y, x)``: a turn is one in the body, not in voxels.
    augment, generator
        How much, and the draws.
    """
    if generator.random() >= augment.share:
        return volume, labels
    shape = volume.shape[1:]
    grid = affine_grid(
        _matrix(shape, spacing, augment, generator)[None], [1, 1, *shape], align_corners=False
    )
    if augment.bend:
        points = generator.normal(0, 2 * augment.bend, (1, 3, _POINTS, _POINTS, _POINTS))
        field = torch.from_numpy(points.astype(np.float32))
        field = interpolate(field, size=tuple(shape), mode="trilinear", align_corners=True)
        grid = grid + field.permute(0, 2, 3, 4, 1)
    absent = (volume == ABSENT).flatten(1).all(1)
    volume = grid_sample(volume[None], grid, padding_mode="border", align_corners=False)[0]
    volume[absent] = ABSENT
    # The nearest voxel: half coverage would shrink what is small.
    moved = grid_sample(labels[None, None].float(), grid, mode="nearest", align_corners=False)
    return volume, moved[0, 0].long()


def _matrix(
    shape: Sequence[int],
    spacing: Sequence[float],
    augment: Augment,
    generator: np.random.Generator,
) -> Tensor:
    """Draw a turn and a size, as ``affine_grid`` wants them."""
    angle = np.deg2rad(generator.uniform(-augment.turn, augment.turn))
    size = generator.uniform(1 - augment.size, 1 + augment.size)
    matrix = _turn(0, 1, angle)
    if augment.tilt:
        nod, lean = np.deg2rad(generator.uniform(-augment.tilt, augment.tilt, 2))
        matrix = matrix @ _turn(1, 2, nod) @ _turn(0, 2, lean)
    # In the sampling grid each axis goes from -1 to 1, whatever its length.
    length = np.array([side * step for side, step in zip(shape, spacing, strict=True)])[::-1]
    matrix = matrix / size * length / length[:, None]
    return torch.from_numpy(np.hstack([matrix, np.zeros((3, 1))]).astype(np.float32))


def _turn(one: int, other: int, angle: float) -> np.ndarray:
    """Give the matrix that turns the axis ``one`` towards ``other``; axes are x, y, z."""
    matrix = np.eye(3)
    matrix[one, one] = matrix[other, other] = np.cos(angle)
    matrix[one, other], matrix[other, one] = -np.sin(angle), np.sin(angle)
    return matrix


def altered(
    volume: Tensor, present: Sequence[bool], augment: Augment, generator: np.random.Generator
) -> Tensor:
    """Change contrast, brightness and noise of each phase ``(channels, z, y, x)`` that is there."""
    for channel, here in enumerate(present):
        if not here:
            continue
        seed = int(generator.integers(2**62))
        scale = generator.uniform(1 - augment.contrast, 1 + augment.contrast)
        offset = generator.uniform(-augment.brightness, augment.brightness)
        noise = generator.uniform(0, augment.noise)
        grain = torch.randn(volume[channel].shape, generator=torch.Generator().manual_seed(seed))
        changed = volume[channel] * scale + offset + noise * grain
        volume[channel] = changed.clamp_(-1, 1)
    return volume
