"""Sensitivity by size against exact answers of Firth's method and a known curve."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ptx.stats import StatsError, psychometric


def test_two_sizes_have_the_exact_answer() -> None:
    """With two values of x the curve is free: Firth adds half a gland to each cell."""
    x = [3.0] * 10 + [8.0] * 20
    found = [1] * 3 + [0] * 7 + [1] * 20
    fit = psychometric(x, found, replicates=5)
    assert fit.at(3.0) == pytest.approx(3.5 / 11)
    assert fit.at(8.0) == pytest.approx(20.5 / 21)


def test_perfect_separation_has_an_answer() -> None:
    fit = psychometric([2, 3, 4, 6, 7, 8], [0, 0, 0, 1, 1, 1], log=True, replicates=20)
    assert 4.0 < fit.half < 6.0
    assert np.isfinite([fit.intercept, fit.slope]).all()
    assert fit.at(2.0) < 0.25 < 0.75 < fit.at(8.0)


def test_turning_the_findings_over_turns_the_curve_over() -> None:
    x, found = [2.0, 3, 4, 5, 6, 7], np.array([0, 1, 0, 1, 1, 1])
    fit, other = (psychometric(x, values, replicates=5) for values in (found, 1 - found))
    np.testing.assert_allclose(fit.curve, 1.0 - other.curve)
    assert 2.0 < fit.half < 7.0
    assert np.isnan(other.half)  # it falls: large glands are lost


def test_a_known_curve_is_found_again() -> None:
    random = np.random.default_rng(2)
    size = random.uniform(2.0, 12.0, 4000)
    share = 1.0 / (1.0 + np.exp(-4.0 * (np.log(size) - np.log(5.0))))
    fit = psychometric(size, random.random(4000) < share, log=True, replicates=100)
    assert fit.slope == pytest.approx(4.0, abs=0.3)
    assert fit.half == pytest.approx(5.0, abs=0.15)
    assert fit.half_limits[0] < 5.0 < fit.half_limits[1]
    assert (fit.low <= fit.curve).all()
    assert (fit.curve <= fit.high).all()


def test_the_band_holds_the_truth_and_widens_with_patients() -> None:
    random = np.random.default_rng(3)
    held = []
    for series in range(100):
        size = random.uniform(2.0, 10.0, 120)
        share = 1.0 / (1.0 + np.exp(-(size - 5.0)))
        fit = psychometric(size, random.random(120) < share, replicates=150, seed=series)
        middle = np.argmin(np.abs(fit.grid - 5.0))
        held.append(fit.low[middle] <= share_at(fit.grid[middle]) <= fit.high[middle])
    assert 0.88 <= np.mean(held) <= 1.0
    size = np.repeat(random.uniform(2.0, 10.0, 30), 4)
    found = np.repeat(random.random(30) < share_at(size[::4]), 4)  # four glands alike
    alone = psychometric(size, found, replicates=300)
    by_patient = psychometric(size, found, np.repeat(np.arange(30), 4), replicates=300)
    assert by_patient.clusters == 30
    wide = (by_patient.high - by_patient.low).mean()
    assert wide > 1.5 * (alone.high - alone.low).mean()


def share_at(size: float | np.ndarray) -> float | np.ndarray:
    return 1.0 / (1.0 + np.exp(-(size - 5.0)))


def test_a_flat_curve_has_no_half() -> None:
    assert np.isnan(psychometric([2, 3, 4, 5], [1, 1, 1, 1], replicates=5).half)


@pytest.mark.parametrize(
    ("x", "found", "log", "said"),
    [
        ([1, 2], [0, 1], False, "at least 3 glands"),
        ([1, 2, 3], [0, 1], False, "one value for each"),
        ([1, 2, np.nan], [0, 1, 1], False, "is missing"),
        ([1, 2, 3], [0, 1, 2], False, "must be 0 or 1"),
        ([2, 2, 2], [0, 1, 1], False, "same value"),
        ([0, 2, 3], [0, 1, 1], True, "logarithm of 0"),
    ],
)
def test_what_cannot_be(x: list, found: list, log: bool, said: str) -> None:
    with pytest.raises(StatsError, match=said):
        psychometric(x, found, log=log)
