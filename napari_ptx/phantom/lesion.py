"""The simulated lesion: an exact border, and how well that border can be seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import pdist

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Lesion:
    """A star-shaped border: an ellipse times a low-order Fourier series.

    Lengths are in mm and positions ``(y, x)`` in mm from the first pixel.

    Parameters
    ----------
    centre
        The centre of the ellipse.
    half_long, half_short
        Its semi-axes.
    tilt
        Angle of the long axis from the x axis, in radians.
    cosines, sines
        Coefficients of the relative border for the orders 2, 3, ...
    softness
        Width of the border where it is best seen.
    blur, blur_at
        Added width where it is worst seen, and the direction of that part.
    """

    centre: tuple[float, float]
    half_long: float
    half_short: float
    tilt: float
    cosines: tuple[float, ...] = ()
    sines: tuple[float, ...] = ()
    softness: float = 0.2
    blur: float = 0.0
    blur_at: float = 0.0

    def radius(self, angle: ArrayLike) -> Floats:
        """Distance (mm) from the centre to the border in a direction (radians)."""
        angle = np.asarray(angle, dtype=np.float64)
        turned = angle - self.tilt
        ellipse = 1 / np.hypot(np.cos(turned) / self.half_long, np.sin(turned) / self.half_short)
        shape = np.ones_like(angle)
        for order, (cosine, sine) in enumerate(zip(self.cosines, self.sines, strict=True), 2):
            shape += cosine * np.cos(order * angle) + sine * np.sin(order * angle)
        radius: Floats = ellipse * shape
        return radius

    def softness_at(self, angle: ArrayLike) -> Floats:
        """Width (mm) over which the border fades in a direction (radians)."""
        facing = 0.5 + 0.5 * np.cos(np.asarray(angle, dtype=np.float64) - self.blur_at)
        width: Floats = self.softness + self.blur * facing**3
        return width

    def border(self, count: int) -> tuple[Floats, Floats]:
        """Sample the border.

        Returns
        -------
        tuple
            ``(count, 2)`` points ``(y, x)`` in mm, and the softness (mm) at each.
        """
        angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
        radius = self.radius(angle)
        y = self.centre[0] + radius * np.sin(angle)
        x = self.centre[1] + radius * np.cos(angle)
        return np.column_stack([y, x]), self.softness_at(angle)

    @property
    def size(self) -> float:
        """The maximum diameter, in mm."""
        points, _ = self.border(720)
        return float(pdist(points).max())


def draw_lesion(
    label: int, anchor: tuple[float, float], tilt: float, rng: np.random.Generator
) -> Lesion:
    """Draw a lesion that hangs below a point.

    Atypical-like lesions (label 1) tend to be larger, rounder, lobulated and less
    well defined than adenoma-like ones (label 0); every distribution overlaps.

    Parameters
    ----------
    anchor
        ``(y, x)`` in mm of the tissue surface that the lesion lies behind.
    tilt
        Mean angle of the long axis, in radians.
    """
    atypical = bool(label)
    long = np.clip(rng.lognormal(np.log(18.0 if atypical else 13.0), 0.28), 7.0, 26.0)
    aspect = np.clip(rng.normal(0.66 if atypical else 0.56, 0.09), 0.38, 0.9)
    half_long, half_short = long / 2, min(long * aspect, 14.0) / 2
    waviness = rng.gamma(4.0, 0.022 if atypical else 0.010)
    orders = np.arange(2, 8)
    scale = waviness * orders**-0.6 / 2
    softness = rng.uniform(0.10, 0.22)
    blur = rng.gamma(2.0, 0.35 if atypical else 0.15)
    return Lesion(
        centre=(anchor[0] + half_short * rng.uniform(0.75, 0.95), anchor[1]),
        half_long=float(half_long),
        half_short=float(half_short),
        tilt=float(tilt + rng.normal(0, 0.15)),
        cosines=tuple((rng.standard_normal(orders.size) * scale).tolist()),
        sines=tuple((rng.standard_normal(orders.size) * scale).tolist()),
        softness=float(softness),
        blur=float(min(blur, 1.5)),
        blur_at=float(rng.uniform(-np.pi, np.pi)),
    )
