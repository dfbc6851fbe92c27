from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ptx.stats import (
    StatsError,
    compare_auc,
    roc_band,
    roc_curve,
    threshold_for_sensitivity,
    youden,
)

CASES = st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=40).filter(
    lambda rows: len({truth for truth, _ in rows}) == 2
)


def at(truth, score, threshold: float) -> tuple[float, float]:
    """False and true positive rate of a threshold."""
    called = np.asarray(score) >= threshold
    truth = np.asarray(truth, dtype=bool)
    return float(called[~truth].mean()), float(called[truth].mean())


@given(CASES)
def test_each_point_is_what_its_threshold_does(rows) -> None:
    truth, score = zip(*rows, strict=True)
    curve = roc_curve(truth, score)
    points = zip(curve.fpr, curve.tpr, curve.thresholds, strict=True)
    for fpr, tpr, threshold in points:
        assert (fpr, tpr) == pytest.approx(at(truth, score, threshold), abs=1e-15)
    assert (curve.fpr[0], curve.tpr[0], curve.thresholds[0]) == (0.0, 0.0, np.inf)
    assert (curve.fpr[-1], curve.tpr[-1]) == (1.0, 1.0)
    assert sorted({float(s) for s in score}, reverse=True) == curve.thresholds[1:].tolist()


@given(CASES)
def test_the_area_under_the_points_is_the_mann_whitney_statistic(rows) -> None:
    truth, score = (np.array(column) for column in zip(*rows, strict=True))
    kernel = np.sign(np.subtract.outer(score[truth], score[~truth])) / 2 + 0.5
    assert roc_curve(truth, score).auc == pytest.approx(kernel.mean(), abs=1e-14)


@given(CASES)
def test_youden_is_the_best_of_all_thresholds_and_the_highest(rows) -> None:
    truth, score = zip(*rows, strict=True)
    threshold = youden(truth, score)
    fpr, tpr = at(truth, score, threshold)
    others = [(s, at(truth, score, s)) for s in set(score)]
    assert tpr - fpr == pytest.approx(max(b - a for _, (a, b) in others), abs=1e-12)
    better = [s for s, (a, b) in others if b - a > tpr - fpr - 1e-12]
    assert threshold <= max(better)
    assert threshold > max([s for s in set(score) if s < max(better)], default=-np.inf)


@given(CASES, st.floats(0.01, 1.0))
def test_a_wanted_sensitivity_is_reached_by_no_higher_threshold(rows, wanted: float) -> None:
    truth, score = zip(*rows, strict=True)
    threshold = threshold_for_sensitivity(truth, score, wanted)
    assert at(truth, score, threshold)[1] >= wanted - 1e-9
    above = [s for s in set(score) if s > threshold]
    # the threshold lies below the score that it stands for, so the next is the second
    assert all(at(truth, score, s)[1] < wanted for s in sorted(above)[1:])


def test_a_threshold_lies_midway_and_a_product_may_round_up() -> None:
    truth, score = [0] * 10 + [1] * 10, [*range(10), *range(5, 15)]
    # 0.7 * 10 is 7 positives: those from 8 on
    assert threshold_for_sensitivity(truth, score, 0.7) == 7.5
    assert threshold_for_sensitivity(truth, score, 0.7000001) == 6.5
    assert threshold_for_sensitivity(truth, score, 1.0) == 4.5
    assert threshold_for_sensitivity([1, 0], [1, 2], 1.0) == 1.0
    near = np.nextafter(1.0, 2.0)
    assert youden([0, 1], [1.0, near]) == near


def test_scores_without_information_give_a_finite_threshold() -> None:
    assert youden([0, 1, 0, 1], [3, 3, 3, 3]) == 3.0
    assert np.isfinite(youden([1, 1, 0, 0], [1, 2, 3, 4]))


def test_a_band_of_many_cases_is_the_binomial_interval() -> None:
    rng = np.random.default_rng(2)
    truth = np.repeat([True, False], [400, 20_000])
    score = rng.normal(size=len(truth)) + 1.5 * truth
    band = roc_band(truth, score, replicates=400, seed=1, grid=[0.1, 0.3])
    # with a threshold that is all but known, sensitivity is a proportion of 400
    error = np.sqrt(band.tpr * (1 - band.tpr) / 400)
    np.testing.assert_allclose(band.high - band.low, 2 * 1.96 * error, rtol=0.2)
    assert np.all((band.low < band.tpr) & (band.tpr < band.high))


def test_a_band_follows_the_curve_its_seed_and_its_level() -> None:
    rng = np.random.default_rng(3)
    truth = np.arange(90) < 30
    score = np.round(rng.normal(size=90) + truth, 1)
    band = roc_band(truth, score, replicates=200, seed=4)
    assert len(band.fpr) == 101
    assert (band.tpr[-1], band.low[-1], band.high[-1]) == (1.0, 1.0, 1.0)
    for limit in (band.low, band.tpr, band.high):
        assert np.all(np.diff(limit) >= 0)
    curve = roc_curve(truth, score)
    for fpr in np.unique(curve.fpr):
        single = roc_band(truth, score, replicates=1, grid=[fpr])
        assert single.tpr[0] == curve.tpr[curve.fpr == fpr].max()
    again, other = (roc_band(truth, score, replicates=200, seed=s) for s in (4, 5))
    np.testing.assert_array_equal(again.low, band.low)
    assert np.any(other.low != band.low)
    narrow = roc_band(truth, score, replicates=200, seed=4, confidence=0.5)
    assert np.all(narrow.low >= band.low)
    assert np.all(narrow.high <= band.high)


def test_copies_of_patients_do_not_narrow_a_clustered_band() -> None:
    rng = np.random.default_rng(6)
    truth = np.arange(60) < 25
    score = rng.normal(size=60) + truth
    again = np.repeat(np.arange(60), 10)
    once = roc_band(truth, score, replicates=300)
    copied = roc_band(truth[again], score[again], clusters=again, replicates=300)
    np.testing.assert_allclose(copied.tpr, once.tpr, rtol=0, atol=1e-12)
    # the same draws of the same patients
    np.testing.assert_allclose(copied.low, once.low, rtol=0, atol=1e-12)
    np.testing.assert_allclose(copied.high, once.high, rtol=0, atol=1e-12)
    naive = roc_band(truth[again], score[again], replicates=300)
    assert np.mean(naive.high - naive.low) < np.mean(once.high - once.low) / 2
    assert (once.clusters, copied.clusters) == (None, 60)


def test_a_band_of_patients_with_one_or_both_classes_always_has_both() -> None:
    truth = [1, 0, 0, 0, 0, 0, 0, 1]
    band = roc_band(truth, [8, 1, 2, 3, 4, 5, 6, 7], clusters=list("abcdefgg"), replicates=200)
    assert np.all(np.isfinite(band.low))
    assert compare_auc(truth, [8, 1, 2, 3, 4, 5, 6, 7], list("abcdefgg")).auc[0] == 1.0
    assert band.low[1:].min() == 1.0


@pytest.mark.parametrize("function", [roc_curve, youden, roc_band])
@pytest.mark.parametrize(
    ("truth", "score", "sentence"),
    [
        ([1, 1], [1, 2], "Both classes"),
        ([0, 3], [1, 2], "must be 0 or 1, and is 3"),
        ([0, 1], [1, np.nan], r"score is missing or infinite at \(case\) \(1\)"),
        ([0, 1], [1, 2, 3], r"one score for each of 2 cases, not \(3,\)"),
        ([0, 1], ["a", "b"], "must be numbers"),
        ([[0, 1]], [1, 2], "one row of 0 and 1"),
    ],
)
def test_what_has_no_curve_is_refused(function, truth, score, sentence: str) -> None:
    with pytest.raises(StatsError, match=sentence):
        function(truth, score)


@pytest.mark.parametrize(
    ("kwargs", "sentence"),
    [
        ({"grid": [0.5, 0.2]}, "rising"),
        ({"grid": [0.5, 1.2]}, "between 0 and 1"),
        ({"grid": []}, "rising"),
        ({"replicates": 0}, "at least 1 replicate"),
        ({"confidence": 95}, "between 0 and 1, not 95"),
        ({"clusters": [1, 1, 1, 1]}, "at least 2 clusters"),
    ],
)
def test_a_band_that_cannot_be_made_is_refused(kwargs, sentence: str) -> None:
    with pytest.raises(StatsError, match=sentence):
        roc_band([0, 1, 0, 1], [1, 2, 3, 4], **kwargs)


@pytest.mark.parametrize("sensitivity", [0.0, -0.1, 1.1, float("nan")])
def test_a_sensitivity_out_of_its_range_is_refused(sensitivity: float) -> None:
    with pytest.raises(StatsError, match="sensitivity must lie above 0"):
        threshold_for_sensitivity([0, 1], [1, 2], sensitivity)
