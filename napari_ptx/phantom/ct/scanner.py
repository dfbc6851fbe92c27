"""A simulated CT scanner: partial volume, point spread, noise and streaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from napari_ptx.phantom.ct.motion import Motion
from napari_ptx.phantom.ct.shapes import Blob, Box, Shape

Volume = NDArray[np.floating[Any]]

_SIGMA = 1 / (2 * np.sqrt(2 * np.log(2)))  # of a Gaussian, per unit of its full width


class Canvas:
    """A volume that is painted shape by shape, each with partial volume at its border.

    Parameters
    ----------
    axes
        Positions of the voxel centres along z, y, x in the patient frame (mm), evenly spaced.
    motion
        Where the anatomy lies in the patient frame.
    hu
        HU before anything is painted.
    """

    def __init__(self, axes: tuple[Volume, ...], motion: Motion, hu: float) -> None:
        self.axes = tuple(np.asarray(v, np.float32) for v in axes)
        self.spacing = tuple(float(v[1] - v[0]) for v in self.axes)
        self.motion = motion
        shape = tuple(v.size for v in self.axes)
        self.hu = np.full(shape, hu, np.float32)
        self.parts = np.zeros(shape, np.uint8)
        self.labels = np.zeros(shape, np.int16)
        self._places = self._moved(*self.axes)

    def fill(self, shape: Shape, hu: float, part: int = 0, *, grow: float = 0.0) -> None:
        """Paint a shape, grown by some mm; voxels at its border become mixtures.

        A voxel belongs to a ``part`` where at least half of it is covered.
        """
        for block, cover in self.covers(shape, grow):
            self.hu[block] += cover * (np.float32(hu) - self.hu[block])
            self.parts[block][cover >= 0.5] = part

    def wrap(self, body: Shape, thickness: float, skin: float, air: float) -> None:
        """Give a body its skin (mm thick), and clear what lies outside of it."""
        beyond = np.ones(self.hu.shape, bool)
        for block, away in self.blocks(body):
            beyond[block] = False
            outer = self.cover(away)
            layer = outer - self.cover(away + np.float32(thickness))
            hu = self.hu[block]
            hu += layer * (np.float32(skin) - hu)
            hu += (1 - outer) * (np.float32(air) - hu)
            self.parts[block][outer < 0.5] = 0
        self.hu[beyond] = air
        self.parts[beyond] = 0

    def label(self, shape: Blob, number: int) -> float:
        """Number the voxels that a gland covers at least half of; give its volume (mm³).

        The volume is the sum of the covered parts of all voxels.
        """
        volume = 0.0
        for block, cover in self.covers(shape):
            # on a coarse grid nothing may be half covered: the best voxel stands for it
            self.labels[block][cover >= np.clip(cover.max(), 1e-6, 0.5)] = number
            volume += float(cover.sum(dtype=np.float64))
        return volume * float(np.prod(self.spacing))

    def cover(self, distance: Volume, parts: int = 1) -> Volume:
        """Turn signed distances (mm) into the covered part of a voxel, or of its parts."""
        dz, dy, dx = self.spacing
        # the width of a voxel across a border, averaged over the border's directions
        width = np.float32((0.2 * dz + 0.4 * (dy + dx)) / parts)
        values: Volume = np.clip(np.float32(0.5) - distance / width, 0, 1)
        return values

    def covers(self, shape: Shape, grow: float = 0.0) -> Iterator[tuple[tuple[slice, ...], Volume]]:
        """Give the parts of the volume that a shape reaches, with the covered part of each voxel.

        What is as small as a gland is looked at in eight parts of each voxel.
        """
        if not isinstance(shape, Blob):
            for block, away in self.blocks(shape, grow):
                yield block, self.cover(away - np.float32(grow))
            return
        for block in self._windows(shape, grow):
            fine = [
                np.stack([axis[part] - step / 4, axis[part] + step / 4], axis=1).ravel()
                for axis, part, step in zip(self.axes, block, self.spacing, strict=True)
            ]
            away = shape.distance(*self._moved(*(np.asarray(v, np.float32) for v in fine)))
            cover = self.cover(away - np.float32(grow), parts=2)
            cover = cover[0::2] + cover[1::2]
            cover = cover[:, 0::2] + cover[:, 1::2]
            yield block, (cover[..., 0::2] + cover[..., 1::2]) * np.float32(0.125)

    def texture(self, length: float, size: float, rng: np.random.Generator) -> None:
        """Add smooth unevenness to soft tissue (SD in HU, correlation length in mm)."""
        weights = [_hats(v, length) for v in self.axes]
        field = rng.standard_normal([w.shape[1] for w in weights], dtype=np.float32)
        values = np.tensordot(weights[0], weights[1] @ (field @ weights[2].T), 1)
        values *= np.float32(size) * ((self.hu > -300) & (self.hu < 300))
        self.hu += values

    def blocks(self, shape: Shape, grow: float = 0.0) -> Iterator[tuple[tuple[slice, ...], Volume]]:
        """Give the parts of the volume that a shape reaches, with distances (mm) from it.

        No voxel is in two parts.
        """
        for block in self._windows(shape, grow):
            yield block, shape.distance(*(v[block] for v in self._places))

    def _moved(self, z: Volume, y: Volume, x: Volume) -> tuple[Volume, Volume, Volume]:
        """Positions of a grid in the anatomy's frame: three arrays ``(z, y, x)``."""
        return self.motion.to_anatomy(z[:, None, None], y[None, :, None], x[None, None, :])

    def _windows(self, shape: Shape, grow: float) -> Iterator[tuple[slice, ...]]:
        boxes = self.motion.box(np.array([_corners(box) for box in shape.boxes()]))
        edges = [-np.inf, *(0.5 * (boxes[:-1, 1, 0] + boxes[1:, 0, 0])), np.inf]
        for (low, high), first, last in zip(boxes, edges[:-1], edges[1:], strict=True):
            low, high = low - grow, high + grow
            low[0], high[0] = max(low[0], first), min(high[0], last)
            block = tuple(
                slice(*np.searchsorted(axis, (start, stop)).tolist())
                for axis, start, stop in zip(self.axes, low, high, strict=True)
            )
            if all(part.start < part.stop for part in block):
                yield block


def blur(volume: Volume, spacing: tuple[float, ...], widths: tuple[float, ...]) -> Volume:
    """Convolve with a point spread function of these full widths at half maximum (mm).

    Repeated sums of three neighbours, which have the variance of the Gaussian.
    """
    for axis, (step, width) in enumerate(zip(spacing, widths, strict=True)):
        variance = (width * _SIGMA / step) ** 2
        times = max(int(np.ceil(variance / 0.5)), 1)
        share = np.float32(variance / (2 * times))
        moved = np.moveaxis(volume, axis, 0)
        for _ in range(times):
            steps = np.diff(moved, axis=0) * share
            moved[:-1] += steps
            moved[1:] -= steps
    return volume


def noise(
    shape: tuple[int, ...],
    spacing: tuple[float, ...],
    levels: Volume,
    streaks: Volume,
    rng: np.random.Generator,
) -> Volume:
    """Noise of filtered back-projection, slice by slice, and horizontal streaks.

    Parameters
    ----------
    shape
        ``(z, y, x)``.
    spacing
        mm.
    levels, streaks
        ``(z,)``: standard deviation (HU) of the noise and of the streaks in each slice.

    Returns
    -------
    NDArray
        Its power spectrum rises with the square of ramp times Hann window, so that it is
        grainy: neighbouring values are correlated, distant ones are not.

    References
    ----------
    Riederer SJ, Pelc NJ, Chesler DA. The noise power spectrum in computed X-ray tomography.
    Phys Med Biol 1978;23:446-454.
    """
    rows, columns = (scipy.fft.next_fast_len(n, real=True) for n in shape[1:])
    fy = scipy.fft.fftfreq(rows, spacing[1])[:, None]
    fx = scipy.fft.rfftfreq(columns, spacing[2])[None, :]
    radius, limit = np.hypot(fy, fx), 0.5 / max(spacing[1:])
    grain = _unit(
        radius * np.where(radius < limit, 0.5 + 0.5 * np.cos(np.pi * radius / limit), 0), columns
    )
    ray = _unit(
        np.exp(-0.5 * (fx * 14) ** 2) * np.abs(fy) * np.exp(-0.5 * (fy * 2.2) ** 2), columns
    )
    found = np.empty(shape, np.float32)
    for k in range(shape[0]):
        transfer = np.sqrt((levels[k] * grain) ** 2 + (streaks[k] * ray) ** 2).astype(np.float32)
        white = rng.standard_normal((*transfer.shape, 2), dtype=np.float32).view(np.complex64)[
            ..., 0
        ]
        # The first column is its own mirror image: half of its power is lost in the transform.
        white[:, 0] *= np.float32(np.sqrt(2))
        picture = scipy.fft.irfft2(white * transfer, s=(rows, columns), norm="ortho")
        found[k] = picture[: shape[1], : shape[2]]
    return found


def _unit(transfer: Volume, columns: int) -> Volume:
    """Scale a transfer function so that complex noise of power 2 comes out with variance 1."""
    twice = np.ones(transfer.shape[1])
    twice[1 : (columns + 1) // 2] = 2
    power = 2 * (transfer**2 * twice).sum() / (transfer.shape[0] * columns)
    values: Volume = transfer / np.sqrt(power)
    return values


def _hats(axis: Volume, length: float) -> Volume:
    """Linear interpolation weights from nodes each ``length`` mm, scaled to unit energy."""
    place = (axis - axis[0]) / np.float32(length)
    weights = np.maximum(1 - np.abs(place[:, None] - np.arange(int(place[-1]) + 2)), 0)
    weights /= np.sqrt(np.square(weights).sum(axis=1, keepdims=True))
    return np.asarray(weights, np.float32)


def _corners(box: Box) -> list[tuple[float, float, float]]:
    z0, z1, y0, y1, x0, x1 = box
    return [(z, y, x) for z in (z0, z1) for y in (y0, y1) for x in (x0, x1)]
