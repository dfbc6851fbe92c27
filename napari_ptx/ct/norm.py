"""Normalising each channel of each volume where the channels lie side by side in memory.

oneDNN's convolutions are fastest in that order, above all where the channels are few. torch's
way back through ``group_norm`` costs more in it than they gain; here it is sums and products of
parts that stay in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

_VOXELS = 64
"""So many, or fewer, are a row."""

_CACHED = 32_768
"""Values that a thread works on at a time: of gradient, volume and answer 0.4 MB."""


class ChannelNorm(nn.GroupNorm):
    """``GroupNorm(channels, channels)``, which is ``InstanceNorm3d``: same numbers, same weights.

    Parameters
    ----------
    channels
        How many; each is a group.
    eps
        Added to the variance.
    affine
        Whether each channel has a learned factor and offset.
    """

    def __init__(self, channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(channels, channels, eps, affine=affine)

    def forward(self, volume: Tensor) -> Tensor:
        """Normalise ``(n, channels, z, y, x)``."""
        learns = torch.is_grad_enabled() and volume.requires_grad
        if learns and self.affine and _side_by_side(volume):
            made: Tensor = _Normalise.apply(  # type: ignore[no-untyped-call]
                volume, self.weight, self.bias, self.eps
            )
            return made
        return super().forward(volume)


def _side_by_side(volume: Tensor) -> bool:
    return (
        volume.device.type == "cpu"
        and volume.ndim == 5
        and volume.is_contiguous(memory_format=torch.channels_last_3d)
        and not volume.is_contiguous()
    )


class _Normalise(torch.autograd.Function):
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` of each channel of each volume.

    torch's own way there. The way back is ``a * gradient + b * x + c`` with three numbers for
    each channel of a volume, since its mean and its spread move with every value.
    """

    @staticmethod
    def forward(context: Any, volume: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        n, channels, *sides = volume.shape
        made, mean, root = torch.native_group_norm(
            volume, weight, bias, n, channels, math.prod(sides), channels, eps
        )
        context.save_for_backward(volume, mean.float(), root.float(), weight)
        return made

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        volume, mean, root, weight = context.saved_tensors
        given = gradients[0].contiguous(memory_format=torch.channels_last_3d)
        made = torch.empty_like(volume)
        rows, values, back = _rows(given), _rows(volume), _rows(made)
        channels, count = len(weight), volume.shape[2:].numel()
        middle = _repeated(mean, values)
        sums = torch.zeros(2, *middle.shape)
        for i, part, held in _parts(rows):
            sums[0, i] += rows[i, part].sum(0, dtype=torch.float32)
            off = torch.sub(values[i, part], middle[i], out=held)
            sums[1, i] += off.mul_(rows[i, part]).sum(0)
        pull, turn = _summed(sums[0], channels), _summed(sums[1], channels) * root
        factor = weight.float() * root
        slope = -factor * root * turn / count
        numbers = (factor, slope, -factor * pull / count - slope * mean)
        a, b, c = (_repeated(one, values) for one in numbers)
        for i, part, held in _parts(rows):
            found = torch.addcmul(c[i], rows[i, part], a[i], out=held)
            back[i, part] = found.addcmul_(values[i, part], b[i])
        return made, turn.sum(0).to(weight.dtype), pull.sum(0).to(weight.dtype), None


def _rows(volume: Tensor) -> Tensor:
    """See ``(n, channels, z, y, x)`` as ``(n, rows, width)``, without a copy.

    A row holds the channels of several voxels, one after the other: over 8 channels alone
    torch's loops take about twice as long; from 16 on it makes no difference.
    """
    n, channels = volume.shape[:2]
    voxels = math.gcd(volume.shape[2:].numel(), _VOXELS)
    return volume.movedim(1, -1).reshape(n, -1, voxels * channels)


def _repeated(numbers: Tensor, rows: Tensor) -> Tensor:
    """Give numbers ``(n, channels)`` for each value of a row ``(n, width)``."""
    return numbers.repeat(1, rows.shape[2] // numbers.shape[1])


def _summed(sums: Tensor, channels: int) -> Tensor:
    """Give ``(n, channels)`` of sums for each value of a row ``(n, width)``."""
    return sums.view(len(sums), -1, channels).sum(1)


def _parts(rows: Tensor) -> Iterator[tuple[int, slice, Tensor]]:
    """Give parts of the rows of each volume that stay in a processor's cache.

    With each comes room for one in float32, the same each time: new memory takes longer than
    the sums.
    """
    n, count, width = rows.shape
    step = max(1, _CACHED * torch.get_num_threads() // width)
    room = torch.empty(min(step, count), width)
    for i in range(n):
        for first in range(0, count, step):
            last = min(first + step, count)
            yield i, slice(first, last), room[: last - first]
