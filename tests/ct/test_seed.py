"""A click becomes the gland that it is on, or a ball where nothing stands out."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ptx.ct.seed import BALL_MM, REACH_MM, grow

SPACING = (1.0, 0.6, 0.6)
SHAPE = (40, 60, 60)


def distance(centre: tuple[int, int, int]) -> np.ndarray:
    grid = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    squares = [((a - c) * s) ** 2 for a, c, s in zip(grid, centre, SPACING, strict=True)]
    return np.sqrt(sum(squares))


def neck(centre: tuple[int, int, int], radius: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 8, SHAPE)
    return np.where(distance(centre) <= radius, 170.0, -60.0) + noise


def placed(box: tuple[slice, ...], mask: np.ndarray) -> np.ndarray:
    full = np.zeros(SHAPE, dtype=bool)
    full[box] = mask
    return full


@pytest.mark.parametrize("radius", [2.5, 4.0, 6.0])
def test_a_gland_grows_to_its_edge(radius: float) -> None:
    centre = (20, 30, 30)
    box, mask, grew = grow(neck(centre, radius), SPACING, (20, 31, 29))
    truth = distance(centre) <= radius
    found = placed(box, mask)
    assert grew
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.7


def test_nothing_that_stands_out_gives_a_ball_within_the_volume() -> None:
    flat = np.zeros(SHAPE)
    box, mask, grew = grow(flat, SPACING, (20, 30, 30))
    assert not grew
    assert (placed(box, mask) == (distance((20, 30, 30)) <= BALL_MM)).all()
    box, mask, _ = grow(flat, SPACING, (0, 59, 0))
    assert (placed(box, mask) == (distance((0, 59, 0)) <= BALL_MM)).all()


def test_what_reaches_far_is_cut_at_the_reach() -> None:
    tube = np.full(SHAPE, -60.0)
    tube[:, 28:33, 28:33] = 170
    box, mask, grew = grow(tube, SPACING, (20, 30, 30))
    assert grew
    assert distance((20, 30, 30))[placed(box, mask)].max() <= REACH_MM + max(SPACING)
