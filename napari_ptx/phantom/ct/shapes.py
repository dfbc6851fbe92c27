"""Shapes of the simulated neck: signed distances of swept ellipses, sheets, tubes and glands.

Positions are ``z, y, x`` in mm of the anatomy's own frame (z towards the head, y towards the
back, x towards the patient's left). Every shape gives the boxes outside of which it need not
be evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Array = NDArray[np.floating[Any]]
Box = tuple[float, float, float, float, float, float]
"""Lowest and highest z, y and x, in mm."""

_STEP = 0.5  # mm between the tabulated cross-sections of a sweep
_SLAB = 12.0  # mm of a sweep that share one box


class Shape(Protocol):
    """What can be painted."""

    def boxes(self) -> tuple[Box, ...]:
        """Give boxes that together hold the shape with a margin of 1 mm; they do not overlap."""

    def distance(self, z: Array, y: Array, x: Array) -> Array:
        """Approximate the distance (mm) to the surface; negative inside.

        ``(n, m, k)`` blocks whose z varies little within a slice, or ``(n,)`` points.
        """


@dataclass(frozen=True)
class Sweep:
    """A cross-section swept along z: an ellipse, or a rounded box.

    Parameters
    ----------
    knots
        Rows of ``z, y, x, half_y, half_x``, by rising z; smooth in between.
    tilt
        Turn of the cross-section in degrees, from x towards y, at the first and last knot.
    caps
        Lengths (mm) over which the lower and the upper end are rounded off.
    square
        Whether the cross-section is a rounded box (a superellipse of order 4).
    back
        Cut off what lies further behind the centre, as a part of ``half_y``.
    """

    knots: tuple[tuple[float, float, float, float, float], ...]
    tilt: tuple[float, float] = (0.0, 0.0)
    caps: tuple[float, float] = (0.0, 0.0)
    square: bool = False
    back: float | None = None

    @cached_property
    def _table(self) -> tuple[Array, Array]:
        """Cross-sections each 0.5 mm: y, x, half_y, half_x, tilt, and the slopes of y and x."""
        rows = np.asarray(self.knots, np.float64)
        low, high = rows[0, 0], rows[-1, 0]
        z = np.linspace(low, high, max(int((high - low) / _STEP), 2) + 1)
        values = PchipInterpolator(rows[:, 0], rows[:, 1:], axis=0)(z)
        for length, from_end in zip(self.caps, (z - low, high - z), strict=True):
            if length > 0:
                part = np.clip(1 - from_end / length, 0, 1)
                values[:, 2:] *= np.sqrt(1 - part**2)[:, None]
        values[:, 2:] = np.maximum(values[:, 2:], 0.05)
        turn = np.radians(np.interp(z, (low, high), self.tilt))
        slopes = np.gradient(values[:, :2], z, axis=0)
        return z, np.column_stack([values, turn, slopes])

    def at(self, z: float) -> tuple[float, float, float, float]:
        """Centre ``y, x`` and semi-axes ``y, x`` of the cross-section at a level."""
        levels, table = self._table
        y, x, ry, rx = (float(np.interp(z, levels, table[:, i])) for i in range(4))
        return y, x, ry, rx

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest level."""
        return self.knots[0][0], self.knots[-1][0]

    def boxes(self) -> tuple[Box, ...]:
        """Give one box for each 12 mm."""
        return self._boxes

    @cached_property
    def _boxes(self) -> tuple[Box, ...]:
        levels, table = self._table
        count = max(int(np.ceil((levels[-1] - levels[0]) / _SLAB)), 1)
        reach = table[:, 2:4].copy()
        turned = np.abs(table[:, 4]) > 0
        reach[turned] = table[turned, 2:4].max(axis=1, keepdims=True)
        reach += 1.0
        boxes: list[Box] = []
        edges = np.linspace(levels[0], levels[-1], count + 1)
        for low, high in pairwise(edges.tolist()):
            part = (levels >= low - 2) & (levels <= high + 2)
            bottom = (table[part, :2] - reach[part]).min(axis=0)
            top = (table[part, :2] + reach[part]).max(axis=0)
            (y0, x0), (y1, x1) = bottom.tolist(), top.tolist()
            boxes.append((low, high, y0, y1, x0, x1))
        return tuple(boxes)

    def distance(self, z: Array, y: Array, x: Array) -> Array:
        """Approximate the distance within a slice; beyond the ends it is large."""
        levels, table = self._table
        level = z if z.ndim == 1 else z[:, z.shape[1] // 2, z.shape[2] // 2][:, None, None]
        columns = [
            np.interp(level, levels, table[:, i]).astype(np.float32) for i in range(table.shape[1])
        ]
        cy, cx, ry, rx, turn, slope_y, slope_x = columns
        dy, dx = y - cy, x - cx
        over = z - level.astype(np.float32)
        for offset, slope in ((dy, slope_y), (dx, slope_x)):
            if np.abs(slope).max() * np.abs(over).max() > 0.02:  # mm, else it cannot be seen
                offset -= slope * over
        away = None
        if self.back is not None:
            away = dy - np.float32(self.back) * ry
        if turn.any():
            cosine, sine = np.cos(turn), np.sin(turn)
            dx, dy = cosine * dx + sine * dy, cosine * dy - sine * dx
        distance = _rounded(dy, dx, ry, rx) if self.square else _ellipse(dy, dx, ry, rx)
        if away is not None:
            distance = np.maximum(distance, away)
        beyond = np.maximum(levels[0] - level, level - levels[-1]).astype(np.float32)
        return _ended(distance, beyond)


@dataclass(frozen=True)
class Sheet:
    """A bent plate: a polyline in the axial plane, with a thickness, between two levels.

    Parameters
    ----------
    low, high
        Levels (mm).
    bottom, top
        Points ``(y, x)`` of the polyline at the lower and the upper level, equally many.
    half
        Half of the thickness.
    """

    low: float
    high: float
    bottom: tuple[tuple[float, float], ...]
    top: tuple[tuple[float, float], ...]
    half: float

    def boxes(self) -> tuple[Box, ...]:
        """Give one box."""
        return (self._box,)

    @cached_property
    def _box(self) -> Box:
        points = np.asarray([*self.bottom, *self.top])
        margin = self.half + 1
        (y0, x0), (y1, x1) = points.min(axis=0) - margin, points.max(axis=0) + margin
        return self.low, self.high, float(y0), float(y1), float(x0), float(x1)

    def distance(self, z: Array, y: Array, x: Array) -> Array:
        """Distance within a slice to the nearest piece of the polyline."""
        level = z if z.ndim == 1 else z[:, z.shape[1] // 2, z.shape[2] // 2][:, None, None]
        part = np.clip((level - self.low) / (self.high - self.low), 0, 1).astype(np.float32)
        points = [
            tuple(np.float32(a) + part * np.float32(b - a) for a, b in zip(one, other, strict=True))
            for one, other in zip(self.bottom, self.top, strict=True)
        ]
        nearest = None
        for (ay, ax), (by, bx) in pairwise(points):
            ey, ex = by - ay, bx - ax
            along = ((y - ay) * ey + (x - ax) * ex) / (ey * ey + ex * ex)
            along = np.clip(along, 0, 1)
            squared = np.square(y - ay - along * ey) + np.square(x - ax - along * ex)
            nearest = squared if nearest is None else np.minimum(nearest, squared)
        assert nearest is not None
        distance = np.sqrt(nearest) - np.float32(self.half)
        beyond = np.maximum(self.low - level, level - self.high).astype(np.float32)
        return _ended(distance, beyond)


@dataclass(frozen=True)
class Capsule:
    """A straight round tube from ``start`` to ``end`` (z, y, x), with a radius at each."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radii: tuple[float, float]

    def boxes(self) -> tuple[Box, ...]:
        """Give one box."""
        return (self._box,)

    @cached_property
    def _box(self) -> Box:
        return _around(np.array([self.start, self.end]), max(self.radii) + 1)

    def distance(self, z: Array, y: Array, x: Array) -> Array:
        """Distance to the axis less the radius there."""
        step = np.subtract(self.end, self.start).astype(np.float32)
        dz, dy, dx = (v - np.float32(s) for v, s in zip((z, y, x), self.start, strict=True))
        along = np.clip((dz * step[0] + dy * step[1] + dx * step[2]) / (step @ step), 0, 1)
        squared = sum(np.square(d - along * s) for d, s in zip((dz, dy, dx), step, strict=True))
        radius = self.radii[0] + along * np.float32(self.radii[1] - self.radii[0])
        return np.asarray(np.sqrt(squared) - radius, np.float32)


@dataclass(frozen=True)
class Blob:
    """An ellipsoid with low-order noise: a gland, a node, a nodule.

    Parameters
    ----------
    centre
        ``z, y, x`` (mm).
    semi
        Semi-axes (mm), the longest first.
    axes
        Unit vectors ``(z, y, x)`` of the semi-axes, as rows.
    bumps
        Five coefficients of the second order and two of the third; the border is moved by
        that part of the radius.
    """

    centre: tuple[float, float, float]
    semi: tuple[float, float, float]
    axes: tuple[tuple[float, float, float], ...] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    bumps: tuple[float, ...] = field(default=(0.0,) * 7)

    def factor(self, a: Array, b: Array, c: Array) -> Array:
        """Relative radius in a direction (unit vectors in the frame of the semi-axes)."""
        terms = (a * b, b * c, a * c, a * a - b * b, 2 * c * c - a * a - b * b, a * b * c, a**3)
        total = np.ones_like(a)
        for size, term in zip(self.bumps, terms, strict=True):
            total += np.float32(size) * term
        return total

    def boxes(self) -> tuple[Box, ...]:
        """Give one box."""
        return (self._box,)

    @cached_property
    def _box(self) -> Box:
        return _around(self.surface(400), 1.3)

    def distance(self, z: Array, y: Array, x: Array) -> Array:
        """Approximate the distance; exact in sign."""
        offset = [v - np.float32(c) for v, c in zip((z, y, x), self.centre, strict=True)]
        scaled = [
            sum(np.float32(e) * d for e, d in zip(axis, offset, strict=True)) / np.float32(size)
            for axis, size in zip(self.axes, self.semi, strict=True)
        ]
        rho = np.sqrt(sum(np.square(u) for u in scaled))
        safe = np.maximum(rho, np.float32(1e-3))
        steep = sum(np.square(u / np.float32(s)) for u, s in zip(scaled, self.semi, strict=True))
        slope = np.sqrt(steep) / safe
        factor = self.factor(*(u / safe for u in scaled))
        # near the centre the slope is that of the shortest semi-axis at most
        slope = np.maximum(slope, np.float32(0.5 / max(self.semi)))
        return np.asarray((rho - factor) / slope, np.float32)

    def surface(self, count: int) -> Array:
        """Points ``(count, 3)`` spread over the surface."""
        k = np.arange(count) + 0.5
        polar, turn = np.arccos(1 - 2 * k / count), np.pi * (1 + 5**0.5) * k
        unit = np.stack([np.cos(polar), np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn)])
        local = unit * self.factor(*unit) * np.asarray(self.semi)[:, None]
        points: Array = np.asarray(self.centre) + local.T @ np.asarray(self.axes)
        return points

    @property
    def volume(self) -> float:
        """Volume in mm³, by the mean cube of the relative radius over all directions."""
        k = np.arange(4000) + 0.5
        polar, turn = np.arccos(1 - 2 * k / k.size), np.pi * (1 + 5**0.5) * k
        factor = self.factor(
            np.cos(polar), np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn)
        )
        return float(4 / 3 * np.pi * np.prod(self.semi) * np.mean(factor**3))

    @property
    def diameter(self) -> float:
        """The longest diameter, in mm."""
        from scipy.spatial.distance import pdist

        return float(pdist(self.surface(400)).max())


def tube(points: Sequence[tuple[float, float, float]], radii: Sequence[float]) -> list[Capsule]:
    """Join points ``(z, y, x)`` by capsules."""
    ends = zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True)
    return [Capsule(a, b, (r, s)) for a, b, r, s in ends]


def _ended(distance: Array, beyond: Array) -> Array:
    """Let a shape end where ``beyond`` (mm past its last level) is positive."""
    if (beyond > 0).any():
        distance = np.maximum(distance, np.where(beyond > 0, beyond, np.float32(-np.inf)))
    return np.asarray(distance, np.float32)


def _ellipse(dy: Array, dx: Array, ry: Array, rx: Array) -> Array:
    """Give (rho - 1) over the slope of rho, where rho is 1 on the border; in few passes."""
    v, u = np.square(dy), np.square(dx)
    v *= 1 / np.square(ry)
    u *= 1 / np.square(rx)
    distance: Array = v + u
    v *= 1 / np.square(ry)
    u *= 1 / np.square(rx)
    v += u
    np.sqrt(v, out=v)
    np.maximum(v, np.float32(1e-3), out=v)
    np.sqrt(distance, out=u)
    np.maximum(u, np.float32(0.05), out=u)
    distance -= u
    distance /= v
    return distance


def _rounded(dy: Array, dx: Array, ry: Array, rx: Array) -> Array:
    v, u = np.abs(dy / ry), np.abs(dx / rx)
    v2, u2 = np.square(v), np.square(u)
    rho = np.sqrt(np.sqrt(np.square(v2) + np.square(u2)))
    slope = np.sqrt(np.square(v2 * v / ry) + np.square(u2 * u / rx))
    near = np.maximum(rho, np.float32(0.05))
    distance: Array = (rho - 1) * near * near * near / np.maximum(slope, 1e-3)
    return distance


def _around(points: Array, margin: float) -> Box:
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    return tuple(float(v) for pair in zip(low, high, strict=True) for v in pair)  # type: ignore[return-value]
