"""Maps on which simulated tissue is painted: fills, interfaces and textures."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.special import expit

from napari_ptx.phantom.scanner import Map, Tissue

Ellipse = tuple[float, float, float, float]
"""Centre ``(y, x)`` and semi-axes ``(y, x)``, in mm."""


class Canvas:
    """Backscatter, interfaces and attenuation of a section, built up by painting.

    ``y`` and ``x`` are bent coordinates in mm, so that straight layers and
    ellipses come out as uneven as anatomy is; ``true_y`` and ``true_x`` are not
    bent and serve what must lie exactly where it is said to lie.

    Parameters
    ----------
    shape
        Rows and columns.
    spacing
        Millimetres per pixel.
    background_db
        Backscatter before anything is painted.
    rng
        The source of all textures.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        spacing: float,
        background_db: float,
        rng: np.random.Generator,
    ) -> None:
        self.rng = rng
        self.true_y = (np.arange(shape[0], dtype=np.float32) * np.float32(spacing))[:, None]
        self.true_x = (np.arange(shape[1], dtype=np.float32) * np.float32(spacing))[None, :]
        self.echo: Map = np.full(shape, background_db, np.float32)
        self.loss: Map = np.zeros(shape, np.float32)
        self._shine: Map = np.zeros(shape, np.float32)
        self._glint: Map = np.zeros(shape, np.float32)
        firm = 1 - np.exp(-self.true_y / np.float32(4.0))  # the skin lies flat on the probe
        self.y: Map = self.true_y + firm * (0.7 * self.noise(6, 9) + 0.14 * self.noise(1.5, 2.2))
        self.x: Map = self.true_x + firm * (0.7 * self.noise(8, 8) + 0.12 * self.noise(2.0, 2.0))
        self._rough: Map = 2.5 * self.noise(0.5, 0.8) + 3.0 * self.noise(2.0, 3.0)

    def tissue(self) -> Tissue:
        """Give the maps to the scanner."""
        echo = 10 * np.log10(10 ** (self.echo / 10) + self._glint)
        phase = 2.2 * self.noise(0.7, 1.6)
        shine = self._shine * np.exp(1j * phase)
        return Tissue(echo, shine.astype(np.complex64), self.loss)

    def fill(self, inside: Map, echo: Map | float, loss: float | None = None) -> None:
        """Blend a tissue in where ``inside`` is near 1 (backscatter dB, loss dB/mm)."""
        self.echo += inside * (echo - self.echo)
        self._shine *= 1 - inside
        self._glint *= 1 - inside
        if loss is not None:
            self.loss += inside * (np.float32(loss) - self.loss)

    def line(self, distance: Map, level: Map | float, thickness: float) -> None:
        """Add an uneven interface where ``distance`` (mm) is near 0.

        Part of it shines like a mirror, part scatters like rough tissue.
        """
        reached = np.flatnonzero((np.abs(distance) < 8 * thickness).any(axis=1))
        if not reached.size:
            return
        rows = slice(reached[0], reached[-1] + 1)
        level = np.broadcast_to(np.asarray(level, np.float32), self.echo.shape)[rows]
        amplitude = np.exp((level + self._rough[rows] - 3) * np.float32(np.log(10) / 20))
        near = np.exp(-0.125 * np.square(distance[rows] / np.float32(thickness)))
        self._glint[rows] += np.square(amplitude) * near
        self._shine[rows] += amplitude * np.square(np.square(near))

    def noise(self, across: float, along: float) -> Map:
        """Smooth noise of variance 1 with correlation lengths (mm) along y and x."""
        rows = _weights(self.true_y.ravel(), across)
        columns = _weights(self.true_x.ravel(), along)
        grid = self.rng.standard_normal((rows.shape[1], columns.shape[1]), dtype=np.float32)
        values: Map = rows @ grid @ columns.T
        return values

    def fibres(self, v: Map, u: Map, across: float, along: float) -> Map:
        """Smooth noise of variance 1 that follows the coordinates ``v, u`` (mm)."""
        v, u = np.broadcast_arrays(v / np.float32(across), u / np.float32(along))
        low = np.floor([v.min(), u.min()])
        size = (np.ceil([v.max(), u.max()]) - low + 3).astype(int)
        grid = gaussian_filter(self.rng.standard_normal(size), 0.7).astype(np.float32)
        grid = (grid - grid.mean()) / grid.std()
        values: Map = map_coordinates(grid, [v - low[0] + 1, u - low[1] + 1], order=1)
        return values

    def wave(self, amplitude: float) -> Map:
        """Give a gently bent line across the section: mm for each column."""
        total = np.zeros_like(self.true_x)
        for length in (55.0, 30.0, 14.0):
            phase = self.rng.uniform(0, 2 * np.pi)
            total += length / 55 * np.sin(2 * np.pi * self.true_x / np.float32(length) + phase)
        return (amplitude * total).astype(np.float32)

    def ellipse(self, place: Ellipse, wobble: float = 0.0) -> Map:
        """Approximate the distance (mm) to a wobbly ellipse; negative inside."""
        cy, cx, ry, rx = place
        dy, dx = (self.y - cy) / np.float32(ry), (self.x - cx) / np.float32(rx)
        rho = np.sqrt(np.square(dy) + np.square(dx))
        # near the border the gradient of rho is 1/ry above and below, 1/rx at the sides
        slope = np.sqrt(np.square(dy / ry) + np.square(dx / rx)) / np.maximum(rho, 0.05)
        if wobble:
            turn = np.linspace(-np.pi, np.pi, 513)
            factor = np.ones_like(turn)
            for order in (2, 3, 4, 5):
                size, phase = wobble * self.rng.normal() / order, self.rng.uniform(0, 2 * np.pi)
                factor += size * np.cos(order * turn + phase)
            rho = rho * np.interp(np.arctan2(dy, dx), turn, factor).astype(np.float32)
        distance: Map = (rho - 1) / np.maximum(slope, 0.02)
        return distance

    def edge_shadow(self, y: float, x: float, loss: float) -> None:
        """Cast the thin shadow that refraction leaves below a rounded edge."""
        below = np.maximum(self.true_y - np.float32(y), 0)
        width = 0.35 + 0.03 * below
        column = np.exp(-0.5 * ((self.true_x - np.float32(x)) / width) ** 2)
        self.loss += np.float32(loss) * column * np.exp(-below / 9) * (below > 0)


def side(distance: Map, softness: float | Map) -> Map:
    """Fade from 1 where ``distance`` (mm) is negative to 0 where it is positive."""
    values: Map = expit(-distance / np.float32(softness)).astype(np.float32)
    return values


def decibels(amplitude: ArrayLike) -> Map:
    """Turn a relative amplitude into dB, not below -40."""
    values: Map = 20 * np.log10(np.maximum(np.asarray(amplitude, np.float32), np.float32(0.01)))
    return values


def _weights(positions: NDArray[np.float32], length: float) -> NDArray[np.float32]:
    """Gaussian weights of coarse random nodes at each position, of unit energy."""
    nodes = np.arange(np.floor(positions[-1] / length) + 6) - 2.5
    weights = np.exp(-0.5 * ((positions[:, None] / length - nodes) / 0.7) ** 2)
    weights /= np.sqrt((weights**2).sum(axis=1, keepdims=True))
    return weights.astype(np.float32)
