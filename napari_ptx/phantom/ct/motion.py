"""How the neck lies in the scanner: pose, motion between phases, swallowing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.floating[Any]]

_CENTRE = (0.0, 20.0, 0.0)  # z, y, x: about the front of the spine
_WAVE_MM = 110.0  # length of the bend along the neck


@dataclass(frozen=True)
class Motion:
    """Where the anatomy lies in the patient frame: rigid, a small bend, a raised larynx.

    Parameters
    ----------
    turn
        Rotation about z, y and x in degrees, round a point in front of the spine.
    shift
        Translation ``z, y, x`` (mm).
    bend, phase
        Amplitude (mm) along z, y, x and phase of a wave along the neck.
    larynx
        How far (mm) larynx, trachea and thyroid are raised against the spine.
    """

    turn: tuple[float, float, float] = (0.0, 0.0, 0.0)
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bend: tuple[float, float, float] = (0.0, 0.0, 0.0)
    phase: float = 0.0
    larynx: float = 0.0

    def then(self, other: Motion) -> Motion:
        """Add a second, small motion."""
        return Motion(
            turn=_sum(self.turn, other.turn),
            shift=_sum(self.shift, other.shift),
            bend=other.bend,
            phase=other.phase,
            larynx=self.larynx + other.larynx,
        )

    @cached_property
    def _matrix(self) -> Array:
        matrix: Array = Rotation.from_euler("xyz", self.turn, degrees=True).as_matrix().T
        return matrix

    def to_anatomy(self, z: Array, y: Array, x: Array) -> tuple[Array, Array, Array]:
        """Turn positions in the image into positions in the anatomy's frame.

        Parameters
        ----------
        z, y, x
            mm in the patient frame; arrays that broadcast, so that an axis is enough for each.
        """
        arms = [
            v - np.float32(c + s) for v, c, s in zip((z, y, x), _CENTRE, self.shift, strict=True)
        ]
        wave = np.sin(arms[0] * np.float32(2 * np.pi / _WAVE_MM) + np.float32(self.phase))
        found = []
        for row in range(3):
            along_z = np.float32(self._matrix[row, 0]) * arms[0]
            along_z = along_z + np.float32(_CENTRE[row]) - np.float32(self.bend[row]) * wave
            rest = np.float32(self._matrix[row, 1]) * arms[1]
            found.append((along_z + rest) + np.float32(self._matrix[row, 2]) * arms[2])
        if self.larynx:
            near = [
                np.exp(-0.5 * np.square((v - np.float32(c)) / np.float32(s)))
                for v, c, s in zip((z, y, x), (10.0, 0.0, 0.0), (45.0, 25.0, 28.0), strict=True)
            ]
            found[0] = found[0] - (np.float32(self.larynx) * near[0] * near[1]) * near[2]
        return found[0], found[1], found[2]

    def box(self, corners: Array) -> Array:
        """Give boxes in the image that hold boxes of the anatomy.

        ``(n, 8, 3)`` corners become ``(n, 2, 3)``: the lowest and the highest z, y, x.
        """
        moved = (corners - _CENTRE) @ self._matrix + _CENTRE + self.shift
        low, high = moved.min(axis=1), moved.max(axis=1)
        reach = np.abs(self.bend)
        low = low - reach + (min(self.larynx, 0.0), 0.0, 0.0)
        high = high + reach + (max(self.larynx, 0.0), 0.0, 0.0)
        return np.stack([low, high], axis=1)

    def to_image(self, points: Array) -> Array:
        """Turn ``(n, 3)`` positions ``z, y, x`` of the anatomy into positions in the image."""
        points = np.asarray(points, np.float64)
        guess = (points - _CENTRE) @ self._matrix + _CENTRE + self.shift
        for _ in range(4):
            there = np.stack(self.to_anatomy(*guess.T), axis=1)
            guess = guess + (points - there) @ self._matrix
        return guess


def draw_motion(rng: np.random.Generator) -> Motion:
    """Draw what a patient moves between two phases: 2 to 3 mm on average, swallowing included."""
    return Motion(
        turn=_normal(rng, (0.8, 0.5, 0.8)),
        shift=_normal(rng, (1.2, 0.8, 0.8)),
        bend=_normal(rng, (0.0, 0.4, 0.4)),
        phase=float(rng.uniform(0, 2 * np.pi)),
        larynx=float(rng.normal(0, 1.5)),
    )


def draw_pose(rng: np.random.Generator) -> Motion:
    """Draw how a patient lies at first."""
    return Motion(turn=_normal(rng, (2.5, 1.5, 2.0)), shift=_normal(rng, (3.0, 2.0, 2.0)))


def _normal(
    rng: np.random.Generator, spread: tuple[float, float, float]
) -> tuple[float, float, float]:
    a, b, c = (
        float(np.clip(v, -2.5, 2.5)) * s for v, s in zip(rng.normal(size=3), spread, strict=True)
    )
    return a, b, c


def _sum(
    one: tuple[float, float, float], other: tuple[float, float, float]
) -> tuple[float, float, float]:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]
