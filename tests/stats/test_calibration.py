from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ptx.stats import (
    StatsError,
    brier_score,
    calibration,
    calibration_curve,
    decision_curve,
    diagnostic,
)
from tests.stats.r import ask_r


def simulated(slope: float, intercept: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities whose recalibration has this slope and intercept."""
    rng = np.random.default_rng(17)
    given = rng.beta(2, 3, size=n)
    true = 1 / (1 + np.exp(-(intercept + slope * np.log(given / (1 - given)))))
    return rng.random(n) < true, given


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, 0.4), (1.6, -0.7)])
def test_the_recalibration_that_made_the_data_is_found(slope: float, intercept: float) -> None:
    result = calibration(*simulated(slope, intercept))
    assert result.slope_ci[0] < slope < result.slope_ci[1]
    assert result.intercept_ci[0] < intercept < result.intercept_ci[1]
    assert np.ptp(result.slope_ci) < 0.25
    if (slope, intercept) == (1.0, 0.0):
        assert result.in_the_large_ci[0] < 0 < result.in_the_large_ci[1]


@pytest.mark.r
def test_recalibration_equals_the_glm_of_r(tmp_path: Path) -> None:
    truth, given = simulated(0.7, 0.3, 80)
    np.savetxt(tmp_path / "cells.csv", np.column_stack([truth, given]), "%.17g", ",")
    code = """
    cells <- read.csv("cells.csv", header = FALSE)
    x <- qlogis(cells[, 2])
    control <- glm.control(epsilon = 1e-14, maxit = 100)
    line <- glm(cells[, 1] ~ x, family = binomial, control = control)
    level <- glm(cells[, 1] ~ 1, offset = x, family = binomial, control = control)
    cat(sprintf("%.17g\\n", c(coef(line), t(confint.default(line, level = 0.9)), coef(level),
                            confint.default(level, level = 0.9),
                            mean((cells[, 2] - cells[, 1])^2))))
    """
    result = calibration(truth, given, confidence=0.9)
    found = [
        result.intercept, result.slope, *result.intercept_ci, *result.slope_ci,
        result.in_the_large, *result.in_the_large_ci, result.brier,
    ]  # fmt: skip
    assert found == pytest.approx(ask_r(code, tmp_path), rel=1e-9)


def test_the_curve_has_equal_groups_and_wilson_limits() -> None:
    truth, given = simulated(1.0, 0.0, 1000)
    curve = calibration_curve(truth, given)
    assert curve["n"].tolist() == [100] * 10
    assert np.all(np.diff(curve["predicted"]) > 0)
    order = np.argsort(given)[:100]
    first = curve.iloc[0]
    assert first["predicted"] == pytest.approx(given[order].mean(), rel=1e-12)
    assert first["observed"] == truth[order].mean()
    wilson = diagnostic(truth[order], np.ones(100), 0.5).metrics.loc["ppv"]
    assert (first["low"], first["high"]) == (wilson["wilson_low"], wilson["wilson_high"])
    inside = (curve["low"] <= curve["predicted"]) & (curve["predicted"] <= curve["high"])
    assert inside.sum() >= 8


PROBABILITIES = st.lists(
    st.tuples(st.booleans(), st.integers(0, 10).map(lambda tenth: tenth / 10)),
    min_size=1,
    max_size=40,
)


@given(PROBABILITIES, st.integers(1, 12))
def test_groups_hold_every_case_once_and_never_part_of_a_tie(rows, bins: int) -> None:
    truth, given_ = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    curve = calibration_curve(truth, given_, bins=bins)
    assert curve["n"].sum() == len(rows)
    assert len(curve) <= min(bins, len(set(given_)))
    assert (curve["observed"] * curve["n"]).sum() == pytest.approx(truth.sum())
    assert (curve["predicted"] * curve["n"]).sum() == pytest.approx(given_.sum())
    edges = np.cumsum(curve["n"])[:-1]
    ordered = np.sort(given_)
    assert all(ordered[edge - 1] < ordered[edge] for edge in edges)
    assert ((curve["low"] <= curve["observed"]) & (curve["observed"] <= curve["high"])).all()


def test_brier_by_hand() -> None:
    assert brier_score([1, 0, 0, 1], [1.0, 0.0, 0.5, 0.5]) == 0.125
    assert brier_score([1, 1], [0.0, 0.0]) == 1.0


def test_probabilities_of_0_and_1_are_clipped_and_counted() -> None:
    truth = [0, 1, 0, 1, 1, 0]
    result = calibration(truth, [0.0, 1.0, 1.0, 0.3, 0.6, 0.4])
    assert result.clipped == 3
    near = calibration(truth, [1e-6, 1 - 1e-6, 1 - 1e-6, 0.3, 0.6, 0.4])
    assert (near.clipped, near.slope) == (0, result.slope)


def test_json_is_plain() -> None:
    result = calibration(*simulated(1.0, 0.0, 60), bins=4)
    answer = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert answer["slope"] == result.slope
    assert answer["curve"][3]["n"] == 15


@pytest.mark.parametrize(
    ("truth", "given_", "sentence"),
    [
        ([1, 1], [0.3, 0.4], "needs both classes"),
        ([0, 1, 0], [0.5, 0.5, 0.5], "all the same"),
        ([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.8], "separate the classes perfectly"),
        ([1, 1, 0, 0], [0.1, 0.2, 0.7, 0.8], "separate the classes perfectly"),
        ([0, 0, 1, 1], [0.1, 0.5, 0.5, 0.8], "separate the classes perfectly"),
        ([0, 1], [0.5, 1.5], "between 0 and 1; one is 1.5"),
        ([0, 1], [0.5, np.nan], "probability is missing"),
        ([0, 1, 1], [0.5, 0.2], "one probability for each of 3"),
        ([0, 4], [0.5, 0.2], "must be 0 or 1"),
    ],
)
def test_what_has_no_slope_is_refused(truth, given_, sentence: str) -> None:
    with pytest.raises(StatsError, match=sentence):
        calibration(truth, given_)


def test_a_curve_has_at_least_one_group() -> None:
    with pytest.raises(StatsError, match="at least 1 group"):
        calibration_curve([0, 1], [0.2, 0.3], bins=0)


def test_the_decision_curve_of_dcurves() -> None:
    # R's dcurves on its df_binary: family history (24 of 105 with cancer, 91 of 645 without)
    truth = np.repeat([1, 1, 0, 0], [24, 81, 91, 554])
    history = np.repeat([1, 0, 1, 0], [24, 81, 91, 554])
    curve = decision_curve(truth, history, [0.01, 0.05, 0.1, 0.2])
    expected = [0.025614035087719297, 0.018518518518518517, 0.0016666666666666635]
    assert curve.net_benefit[1:].tolist() == pytest.approx(expected, rel=1e-12)
    assert curve.treat_all[0] == pytest.approx(0.13131313131313133, rel=1e-12)


@given(PROBABILITIES)
def test_net_benefit_is_that_of_the_counts_at_each_threshold(rows) -> None:
    truth, given_ = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    curve = decision_curve(truth, given_)
    assert curve.thresholds.tolist() == [i / 100 for i in range(1, 100)]
    for place in (0, 9, 19, 49, 98):
        at = curve.thresholds[place]
        counts = diagnostic(truth, given_, at)
        expected = (counts.tp - counts.fp * at / (1 - at)) / len(rows)
        assert curve.net_benefit[place] == pytest.approx(expected, abs=1e-12)
        everyone = (truth.sum() - (1 - truth).sum() * at / (1 - at)) / len(rows)
        assert curve.treat_all[place] == pytest.approx(everyone, abs=1e-12)


def test_acting_on_all_is_worth_nothing_at_the_prevalence() -> None:
    curve = decision_curve([1, 0, 0, 0], [0.9, 0.2, 0.1, 0.3], [0.25])
    assert curve.treat_all[0] == pytest.approx(0.0, abs=1e-15)
    json.dumps(curve.to_json(), allow_nan=False)


@pytest.mark.parametrize("thresholds", [[0.0], [1.0], [], [0.5, np.nan], 0.5])
def test_thresholds_out_of_their_range_are_refused(thresholds) -> None:
    with pytest.raises(StatsError, match="both excluded"):
        decision_curve([0, 1], [0.1, 0.2], thresholds)
