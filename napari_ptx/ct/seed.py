"""A first mask for a gland that the model missed, from the place where a person clicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BALL_MM = 2.5
"""Radius of the ball that is drawn where nothing stands out: a gland of 5 mm."""
REACH_MM = 8.0
"""How far a gland grows from the click: enlarged glands are 5-20 mm long."""

_CORE_MM = 1.2
_WIDTHS = 2.0
_LEAST_HU = 20.0
_FULL = 0.5
_EDGE_MM = 1.0


def grow(
    hu: NDArray[Any], spacing: Sequence[float], seed: Sequence[int]
) -> tuple[tuple[slice, slice, slice], NDArray[np.bool_], bool]:
    """Propose the mask of a gland around a voxel.

    What is connected to the seed within ``REACH_MM`` and has its Hounsfield units (the mean of
    a small ball, give or take twice its deviation, 20 HU at least) is the middle of the gland;
    its edge, up to 1 mm more, is what is nearer to that than to what lies around. Where this
    runs through the tissue, or is next to nothing, a ball of ``BALL_MM`` is given.

    Parameters
    ----------
    hu
        ``(z, y, x)``, the phase that shows the gland best.
    spacing
        mm, ``(z, y, x)``.
    seed
        Index z, y, x, within the volume.

    Returns
    -------
    tuple
        The box around the seed, the mask in it, and whether it grew (else it is the ball).
    """
    from scipy import ndimage

    low = [max(0, s - round(REACH_MM / step)) for s, step in zip(seed, spacing, strict=True)]
    high = [
        min(n, s + round(REACH_MM / step) + 1)
        for s, step, n in zip(seed, spacing, hu.shape, strict=True)
    ]
    z, y, x = (slice(a, b) for a, b in zip(low, high, strict=True))
    part = np.asarray(hu[z, y, x], dtype=np.float32)
    steps = np.meshgrid(*(np.arange(n) for n in part.shape), indexing="ij", sparse=True)
    squares = [
        ((axis + a - s) * step) ** 2
        for axis, a, s, step in zip(steps, low, seed, spacing, strict=True)
    ]
    distance = np.sqrt(squares[0] + squares[1] + squares[2])
    ball: NDArray[np.bool_] = distance <= max(BALL_MM, min(spacing) / 2)
    core = part[distance <= max(_CORE_MM, max(spacing))]
    band = max(_LEAST_HU, _WIDTHS * float(core.std()))
    # Noise leaves holes in what is alike, and bridges to what is not.
    smooth = ndimage.gaussian_filter(part, [0.6 / step for step in spacing])
    alike = (np.abs(smooth - float(core.mean())) <= band) & (distance <= REACH_MM)
    parts, _ = ndimage.label(alike)
    owner = parts[tuple(s - a for s, a in zip(seed, low, strict=True))]
    if owner == 0:
        return (z, y, x), ball, False
    grown = _with_edge(parts == owner, smooth, float(core.mean()), spacing)
    grown &= distance <= REACH_MM
    share = float(grown.sum() / (distance <= REACH_MM).sum())
    if share > _FULL or grown.sum() < ball.sum() / 4:
        return (z, y, x), ball, False
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes(grown)
    return (z, y, x), filled, True


def _with_edge(
    middle: NDArray[np.bool_], values: NDArray[Any], mean: float, spacing: Sequence[float]
) -> NDArray[np.bool_]:
    """Add the voxels at the edge that are nearer to the mean than to what lies around."""
    from scipy import ndimage

    away = ndimage.distance_transform_edt(~middle, sampling=spacing)
    around = (away > _EDGE_MM) & (away <= 3 * _EDGE_MM)
    if not around.any():
        return middle
    other = float(np.median(values[around]))
    nearer = np.abs(values - mean) <= np.abs(values - other)
    found: NDArray[np.bool_] = middle | ((away <= _EDGE_MM) & nearer)
    return found
