"""A network over a whole volume: overlapping patches, weighted to their middle.

The patches, their weights and the blend are those of MONAI's ``SlidingWindowInferer`` with
``mode="gaussian"``. Only patches that touch the search region are run, and only the slices
that patches still to come can reach are held in float32: what memory a volume needs does not
grow with the number of its slices, but for the answer in half precision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_ptx.child import Progress
from napari_ptx.ct.errors import CtError

Box = tuple[slice, slice, slice]

_SIGMA, _LEAST = 0.125, 1e-3


@dataclass(frozen=True, eq=False)
class Blend:
    """What a network says of the examined part of a volume.

    Parameters
    ----------
    box
        Where it lies in the volume ``(z, y, x)``.
    values
        ``(classes, z, y, x)`` in the box: blended logits or probabilities, float16 or
        float32; 0 where nothing was examined.
    examined
        ``(z, y, x)`` in the box: where a patch was.
    patches
        How many were run.
    """

    box: Box
    values: NDArray[np.floating]
    examined: NDArray[np.bool_]
    patches: int


def starts(length: int, patch: int, overlap: float) -> list[int]:
    """Give the first voxels of the patches along one axis.

    Parameters
    ----------
    length, patch
        In voxels; the length is at least the patch's.
    overlap
        Of neighbours, as a share of the patch; the last one may overlap more.
    """
    step = patch if length == patch else max(1, int(patch * (1 - overlap)))
    count = 1 + max(0, -(-(length - patch) // step))
    return [min(i * step, length - patch) for i in range(count)]


def importance(patch: tuple[int, int, int]) -> Tensor:
    """Give the weight of each voxel of a patch: a Gaussian, 1/8 of the patch wide."""
    weight = torch.ones(())
    for side in patch:
        x = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
        weight = weight[..., None] * torch.exp(-(x**2) / (2 * (_SIGMA * side) ** 2))
    return weight.clamp_min(max(float(weight.min()), _LEAST))


def plan(
    shape: tuple[int, int, int],
    patch: tuple[int, int, int],
    overlap: float,
    region: NDArray[np.bool_] | None = None,
) -> tuple[Box, list[tuple[int, int, int]]]:
    """Choose the patches of a volume.

    Parameters
    ----------
    shape, patch
        ``(z, y, x)``; a side that is shorter than the patch's is filled up later.
    overlap
        As in ``starts``.
    region
        Where to look, of the volume's shape; everywhere without.

    Returns
    -------
    tuple
        The box around the patches, within the volume, and their first voxels counted in
        the box, in the order of z.

    Raises
    ------
    CtError
        The region is empty.
    """
    bounds = [(0, side) for side in shape]
    if region is not None:
        if not region.any():
            raise CtError("The search region is empty; predict with --search full.")
        for axis in range(3):
            others = tuple(i for i in range(3) if i != axis)
            hit = np.flatnonzero(region.any(axis=others))
            bounds[axis] = _widened(int(hit[0]), int(hit[-1]) + 1, patch[axis], shape[axis])
    box = tuple(slice(low, high) for low, high in bounds)
    axes = [
        starts(max(high - low, side), side, overlap)
        for (low, high), side in zip(bounds, patch, strict=True)
    ]
    corners = [(z, y, x) for z, y, x in product(*axes)]
    if region is not None:
        inside = region[box]
        corners = [
            corner
            for corner in corners
            if inside[tuple(slice(c, c + p) for c, p in zip(corner, patch, strict=True))].any()
        ]
    return (box[0], box[1], box[2]), corners


def sweep(
    fetch: Callable[[Box], Tensor],
    run: Callable[[Tensor], Tensor],
    shape: tuple[int, int, int],
    patch: tuple[int, int, int],
    *,
    overlap: float = 0.5,
    region: NDArray[np.bool_] | None = None,
    finish: Callable[[Tensor], Tensor] | None = torch.sigmoid,
    half: bool = True,
    progress: Progress | None = None,
) -> Blend:
    """Run a network over a volume.

    Parameters
    ----------
    fetch
        Gives a part of the volume as ``(channels, z, y, x)``, ready for the network; it is
        asked for boxes within the volume only.
    run
        From ``(1, channels, z, y, x)`` to logits ``(1, classes, z, y, x)`` in float32.
    shape, patch, overlap, region
        As in ``plan``.
    finish
        What becomes of the blended logits ``(classes, ...)``; ``None`` leaves them.
    half
        Hold the answer in float16, which moves a probability by at most 0.0005.
    progress
        Called before each patch.

    Raises
    ------
    CtError
        The region is empty.
    """
    box, corners = plan(shape, patch, overlap, region)
    size = [part.stop - part.start for part in box]
    weight = importance(patch)
    values: NDArray[np.floating] | None = None
    examined = np.zeros(size, dtype=bool)
    held: Tensor | None = None  # blended logits and, last, the weights of some slices
    first = 0  # the first of these slices
    for count, corner in enumerate(corners):
        if progress is not None:
            progress(count, len(corners), "patches")
        logits = run(_padded(fetch, box, corner, patch, size)[None])[0]
        if held is None or values is None:
            wide = [max(size[1], patch[1]), max(size[2], patch[2])]
            held = torch.zeros((len(logits) + 1, patch[0], *wide), device=logits.device)
            maps = len(logits[:, 0] if finish is None else finish(logits[:, 0]))
            values = np.zeros((maps, *size), np.float16 if half else np.float32)
            weight, first = weight.to(logits.device), corner[0]
        if corner[0] > first:
            done = min(corner[0] - first, patch[0])
            _settle(held, values, examined, first, done, finish)
            held[:, : patch[0] - done] = held[:, done:].clone()
            held[:, patch[0] - done :] = 0
            first = corner[0]
        y, x = corner[1], corner[2]
        place = held[:, :, y : y + patch[1], x : x + patch[2]]
        place[:-1].addcmul_(logits, weight)
        place[-1] += weight
    assert held is not None
    assert values is not None
    _settle(held, values, examined, first, patch[0], finish)
    if progress is not None:
        progress(len(corners), len(corners), "patches")
    return Blend(box, values, examined, len(corners))


def _settle(
    held: Tensor,
    values: NDArray[np.floating],
    examined: NDArray[np.bool_],
    first: int,
    done: int,
    finish: Callable[[Tensor], Tensor] | None,
) -> None:
    """Finish the first ``done`` slices: no patch to come reaches them."""
    depth, high, wide = values.shape[1:]
    for i in range(min(done, depth - first)):  # slice by slice: no second copy of the maps
        weights = held[-1, i, :high, :wide]
        blended = held[:-1, i, :high, :wide] / weights.clamp_min(_LEAST / 2)
        if finish is not None:
            blended = finish(blended)
        seen = weights > 0
        values[:, first + i] = (blended * seen).cpu().numpy()
        examined[first + i] = seen.cpu().numpy()


def _padded(
    fetch: Callable[[Box], Tensor],
    box: Box,
    corner: tuple[int, int, int],
    patch: tuple[int, int, int],
    size: list[int],
) -> Tensor:
    """Fetch a patch; where the volume is too small it is repeated at its far edges."""
    ends = [min(c + p, s) for c, p, s in zip(corner, patch, size, strict=True)]
    lows = [part.start + c for part, c in zip(box, corner, strict=True)]
    highs = [part.start + end for part, end in zip(box, ends, strict=True)]
    z, y, x = (slice(low, high) for low, high in zip(lows, highs, strict=True))
    found = fetch((z, y, x))
    short = [p - side for p, side in zip(patch, found.shape[1:], strict=True)]
    if any(short):
        grown = (0, short[2], 0, short[1], 0, short[0])
        found = torch.nn.functional.pad(found[None], grown, mode="replicate")[0]
    return found


def _widened(low: int, high: int, least: int, length: int) -> tuple[int, int]:
    """Widen a range to a patch's side, as far as the volume goes."""
    short = min(least, length) - (high - low)
    if short <= 0:
        return low, high
    low = min(max(0, low - short // 2), length - (high - low) - short)
    return low, low + min(least, length)
