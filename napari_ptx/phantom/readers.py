"""Simulated readers: outlines as people draw them, with bias and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_ptx.phantom.ultrasound import Scenario
from napari_ptx.roi.outline import Outline

_ORDERS = np.arange(1, 9)


@dataclass(frozen=True)
class Reader:
    """How one simulated reader outlines. Lengths are in mm.

    Parameters
    ----------
    name
        The reader's name; it also starts the reader's own random numbers.
    bias
        How far outside the true border the reader draws on average.
    habit
        Standard deviation of what the reader sees the same way at every reading of
        a case: a low-order wave along the border. Two readers differ by it.
    noise
        The same, but new at every reading.
    shift
        Standard deviation of the outline's displacement at each reading.
    blur_share
        Relative growth of habit and noise for each mm of softness of the border.
    gross
        Probability that the reader misjudges a case: a part of the neighbourhood is
        taken for lesion, or a part of the lesion is left out.
    vertices
        Number of vertices that are drawn.
    """

    name: str
    bias: float = 0.0
    habit: float = 0.40
    noise: float = 0.36
    shift: float = 0.12
    blur_share: float = 1.0
    gross: float = 0.03
    vertices: int = 96


READER_A = Reader("A", bias=0.05)
READER_B = Reader("B", bias=0.40, habit=0.44, noise=0.40)
"""Reader B draws larger than A: a bias that ICC(A,1) sees and ICC(C,1) does not."""


def outline(scenario: Scenario, reader: Reader, *, round: int = 1) -> Outline:
    """Outline the lesion as this reader does in this round.

    The same scenario, reader and round give the same outline. Deviations are along
    the direction from the centre of the lesion, larger where the border is soft,
    and correlated along the border, as a hand's are.

    Parameters
    ----------
    scenario
        The case.
    round
        1 or 2: the habit is common to both, the noise is not.

    Returns
    -------
    Outline
        In pixels of the phantom's image; it has no holes.
    """
    key = [scenario.version, scenario.seed, *reader.name.encode()]
    same, fresh = np.random.default_rng([*key, 0]), np.random.default_rng([*key, round])
    points, softness = scenario.lesion.border(reader.vertices)
    centre, size = np.asarray(scenario.lesion.centre), scenario.lesion.size
    # In a lesion half as large a hand errs less, in mm; 14 mm is a usual size.
    scale = (size / 14.0) ** 0.5
    unsure = scale * (1 + reader.blur_share * softness)
    away = reader.bias + unsure * (
        reader.habit * _wave(same, reader.vertices) + reader.noise * _wave(fresh, reader.vertices)
    )
    away += _mistake(same, reader, size)
    rays = points - centre
    distance = np.hypot(rays[:, 0], rays[:, 1])
    reached = np.maximum(distance + away, 0.25 * distance)
    drawn = centre + rays * (reached / distance)[:, None]
    drawn += scale * reader.shift * fresh.standard_normal(2)
    return Outline(scenario.to_pixels(drawn))


def _wave(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """A periodic curve of variance 1 whose power falls with its order (0 to 8)."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    weights = 1 / (1 + _ORDERS / 2)
    level, cosines, sines = rng.standard_normal(), *rng.standard_normal((2, _ORDERS.size))
    phases = np.outer(_ORDERS, turn)
    wave = (weights * cosines) @ np.cos(phases) + (weights * sines) @ np.sin(phases)
    values: NDArray[np.float64] = (level + wave) / np.sqrt(1 + (weights**2).sum())
    return values


def _mistake(rng: np.random.Generator, reader: Reader, size: float) -> NDArray[np.float64]:
    """A gross error on a part of the border, or nothing."""
    happens, where, depth = rng.random(), rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.35)
    sign = rng.choice([-1.0, 1.0])
    if happens >= reader.gross:
        return np.zeros(reader.vertices)
    turn = np.linspace(0, 2 * np.pi, reader.vertices, endpoint=False)
    part: NDArray[np.float64] = np.exp(3 * (np.cos(turn - where) - 1))
    return np.asarray(part * (sign * depth * size))
