"""A linear ultrasound probe: from tissue maps to the grey picture.

The picture is the envelope of complex scatterers convolved with a point spread
function that widens away from the focus, attenuated along each scan line,
amplified again by a time gain that also lifts the electronic noise, and
compressed logarithmically.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Map = NDArray[np.floating[Any]]
"""``(y, x)``, one value for each pixel."""

_SIGMA = 1 / (2 * np.sqrt(2 * np.log(2)))  # of a Gaussian, per unit of its full width


@dataclass(frozen=True)
class Scanner:
    """The settings of a simulated linear probe.

    Parameters
    ----------
    axial_mm, lateral_mm
        Full width at half maximum of the point spread function at the focus.
    focus_mm
        Depth of the focus.
    widening
        Relative growth of the lateral width for each mm away from the focus.
    noise_db, noise_gain
        Electronic noise at the surface, and how it grows with depth
        (dB per mm) because the time gain amplifies it.
    dynamic_range_db
        The range of echoes that the grey levels 0 to 255 show.
    looks
        Number of frames with independent speckle that are averaged (compounding).
    """

    axial_mm: float = 0.25
    lateral_mm: float = 0.55
    focus_mm: float = 20.0
    widening: float = 0.025
    noise_db: float = -78.0
    noise_gain: float = 0.55
    dynamic_range_db: float = 58.0
    looks: int = 2

    def lateral_at(self, depth: Map) -> Map:
        """Lateral full width at half maximum (mm) at depths in mm."""
        widths: Map = self.lateral_mm * np.hypot(1.0, self.widening * (depth - self.focus_mm))
        return widths


@dataclass(frozen=True)
class Tissue:
    """What the sound meets, as maps ``(y, x)``.

    Parameters
    ----------
    echo_db
        Mean backscatter.
    shine
        Complex amplitude of mirror-like interfaces, which do not speckle.
    loss_db
        Attenuation per mm, both ways, relative to what the time gain corrects.
    """

    echo_db: Map
    shine: NDArray[np.complex64]
    loss_db: Map


def envelope(tissue: Tissue, spacing: float, scanner: Scanner, rng: np.random.Generator) -> Map:
    """Simulate the linear envelope of the received echoes.

    Parameters
    ----------
    tissue
        Maps of shape ``(y, x)``; row 0 touches the probe.
    spacing
        Millimetres per pixel along both axes.

    Returns
    -------
    NDArray
        ``(y, x)``. With one look, uniform tissue of 0 dB gives the Rayleigh
        distribution of a circular complex signal of power 1.

    References
    ----------
    Wagner RF et al. Statistics of speckle in ultrasound B-scans. IEEE Trans
    Sonics Ultrason 1983;30:156-163.
    """
    height, width = tissue.echo_db.shape
    depth = np.arange(height) * spacing
    gain = -np.cumsum(tissue.loss_db, axis=0, dtype=np.float32) * np.float32(spacing)
    arrived = 10 ** (gain / 20)
    amplitude = 10 ** (tissue.echo_db / 20) * arrived
    noise = 10 ** ((scanner.noise_db + scanner.noise_gain * depth) / 20).astype(np.float32)

    # The filters pass the mean unchanged (mirrors keep their amplitude); the
    # scatterers are scaled so that their power, too, comes out unchanged.
    pad = 32
    columns = scipy.fft.next_fast_len(width + pad)
    axial = scanner.axial_mm * _SIGMA / spacing
    lateral = scanner.lateral_at(depth) * _SIGMA / spacing
    frequency = 2 * np.pi * scipy.fft.fftfreq(columns)
    transfer = np.exp(-0.5 * (lateral[:, None] * frequency) ** 2).astype(np.float32)
    pulse = np.exp(-0.5 * (2 * np.pi * scipy.fft.fftfreq(height) * axial) ** 2)
    lift = 1 / np.sqrt((transfer**2).mean(axis=1) * (pulse**2).mean())
    amplitude *= lift[:, None].astype(np.float32)

    total = np.zeros((height, width), np.float32)
    for _ in range(scanner.looks):
        field = np.zeros((height, columns), np.complex64)
        field[:, :width] = amplitude * _circular(rng, (height, width)) + tissue.shine * arrived
        field = gaussian_filter1d(field, axial, axis=0, mode="constant")
        field = scipy.fft.ifft(scipy.fft.fft(field, axis=1) * transfer, axis=1)
        signal = field[:, :width] + noise[:, None] * _circular(rng, (height, width))
        total += np.abs(signal)
    return total / np.float32(scanner.looks)


def compress(values: Map, dynamic_range_db: float) -> NDArray[np.uint8]:
    """Turn an envelope into grey levels: 255 is 0 dB, 0 is the end of the range."""
    decibels = 20 * np.log10(np.maximum(values, np.float32(1e-6)))
    grey = 255 * (1 + decibels / dynamic_range_db)
    return np.rint(np.clip(grey, 0, 255)).astype(np.uint8)


def _circular(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.complex64]:
    """Circular complex Gaussian numbers of power 1."""
    pairs = rng.standard_normal((*shape, 2), dtype=np.float32) * np.float32(np.sqrt(0.5))
    return pairs.view(np.complex64)[..., 0]
