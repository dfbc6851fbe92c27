"""The planner against published formulas: Walter 1998, Bonett 2002, and simulated readers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri

from napari_ptx.stats import StatsError, icc, icc_needed
from napari_ptx.stats.icc_planning import cases_to_go, plan_icc, success


def walter(rho0: float, rho1: float, k: int) -> float:
    """Walter, Eliasziw & Donner 1998, for 5% (one-sided) and 80% power."""
    theta0, theta1 = rho0 / (1 - rho0), rho1 / (1 - rho1)
    c0 = (1 + k * theta0) / (1 + k * theta1)
    z = ndtri(0.95) + ndtri(0.80)
    return float(1 + 2 * z**2 * k / (math.log(c0) ** 2 * (k - 1)))


# The first is the example that is quoted most: 39 subjects.
@pytest.mark.parametrize(
    ("rho0", "rho1", "k"),
    [(0.6, 0.8, 2), (0.7, 0.9, 2), (0.2, 0.4, 2), (0.6, 0.7, 3), (0.4, 0.6, 5), (0.8, 0.9, 2)],
)
def test_the_one_way_form_is_walters(rho0: float, rho1: float, k: int) -> None:
    # A lower limit above rho0 is the one-sided test of rho0 that Walter's power is of.
    plan = plan_icc(rho1, rho0, k, "1,1", confidence=0.90)
    assert plan.assured == pytest.approx(walter(rho0, rho1, k), abs=1.5)
    assert success(plan.assured, rho1, rho0, k, "1,1", 0.90) >= 0.80
    assert success(plan.assured - 1, rho1, rho0, k, "1,1", 0.90) < 0.80


def test_39_subjects_for_0_6_against_0_8() -> None:
    assert plan_icc(0.8, 0.6, 2, "1,1", confidence=0.90).assured == 39


def test_bonetts_example_has_the_width_that_it_was_planned_for() -> None:
    # Bonett 2002: k = 2, ICC 0.8, width 0.2: 51, and with his correction for k = 2, 55.
    assert math.ceil(8 * ndtri(0.975) ** 2 * 0.2**2 * 1.8**2 / (2 * 0.2**2) + 1) == 51
    # The lower limit that has 0.8 as the observed ICC; the upper one is as for 1 - F.
    signal = 1.8 / 0.2
    ratings = _exact(55, signal)
    found = icc(ratings, "1,1")
    assert found.value == pytest.approx(0.8)
    assert found.high - found.low == pytest.approx(0.2, abs=0.005)


def _exact(n: int, ratio: float) -> np.ndarray:
    """Give two ratings of n subjects with MSB/MSW = ratio exactly."""
    rng = np.random.default_rng(1)
    subjects = rng.normal(size=n)
    subjects -= subjects.mean()
    error = rng.normal(size=n)
    # between: 2 sum(s^2)/(n-1); within: 2 sum(e^2)/n
    subjects *= math.sqrt(ratio * (n - 1) / 2 / np.sum(subjects**2))
    error *= math.sqrt(n / 2 / np.sum(error**2))
    return np.column_stack([subjects + error, subjects - error])


def test_the_expected_number_is_the_inverse_of_what_is_needed() -> None:
    plan = plan_icc(0.85, 0.80)
    assert icc_needed(plan.cases, 0.80) <= 0.85 < icc_needed(plan.cases - 1, 0.80)
    # practice: 100 cases and two readers need an observed 0.861
    assert round(icc_needed(100, 0.80), 3) == 0.861
    assert 0.4 < plan.probability < 0.6
    assert plan.assured > plan.cases
    assert plan_icc(0.85, 0.80, raters=4, form="C,1").cases < plan.cases


@pytest.mark.parametrize("form", ["A,1", "C,1", "1,1", "C,k"])
def test_simulated_readers_succeed_as_often_as_was_promised(form: str) -> None:
    rng = np.random.default_rng(7)
    n, k, rho, repeats = 40, 3, 0.75, 4000
    subjects = rng.normal(0, math.sqrt(rho), (repeats, n, 1))
    tables = subjects + rng.normal(0, math.sqrt(1 - rho), (repeats, n, k))
    expected = k * rho / (1 + (k - 1) * rho) if form.endswith("k") else rho
    threshold = expected - 0.12 if form.endswith("1") else expected - 0.05
    hits = np.mean(icc(tables, form).low > threshold)
    promised = success(n, expected, threshold, k, form)
    assert 0.1 < promised < 0.97
    assert hits == pytest.approx(promised, abs=4 * math.sqrt(0.25 / repeats))


def test_more_cases_like_those_read_clear_the_threshold_and_one_less_does_not() -> None:
    ratings = _exact(30, (1 + 0.86) / (1 - 0.86))
    more = cases_to_go(ratings, 0.80, "1,1")
    assert more is not None
    value = float(icc(ratings, "1,1").value)
    assert icc_needed(30 + more, 0.80, form="1,1") <= value + 1e-9
    assert icc_needed(30 + more - 1, 0.80, form="1,1") > value - 1e-9
    assert cases_to_go(ratings, 0.5, "1,1") == 0
    assert cases_to_go(ratings, 0.9, "1,1") is None
    # A bias that no further case takes away.
    assert cases_to_go(ratings + np.array([0.0, 9.0]), 0.80, "A,1") is None


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"expected": 0.8}, "must lie above the threshold"),
        ({"raters": 1}, "at least 2 raters"),
        ({"threshold": 1.0}, "below 1"),
        ({"assurance": 1.0}, "assurance must lie"),
        ({"form": "B,1"}, "There is no form"),
        ({"expected": 0.8001}, "even 100,000 cases"),
    ],
)
def test_what_cannot_be_planned(changed: dict[str, object], sentence: str) -> None:
    with pytest.raises(StatsError, match=sentence):
        plan_icc(**{"expected": 0.9, "threshold": 0.8, **changed})  # type: ignore[arg-type]
