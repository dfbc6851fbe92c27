"""Free-response curves against MONAI, picai_eval's published values and counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ptx.stats import RATES, StatsError, cluster_bootstrap, froc, froc_band

# picai_eval, test_lesion_tpr_at_fpr: six scans, five lesions
PICAI_SCORES = [1, 2, 3, 1, 1, 3, 2.5, 1.5]
PICAI_HITS = [0, 0, 1, 1, 1, 0, 1, 1]


def scan_data(seed: int = 0, patients: int = 30) -> tuple[np.ndarray, ...]:
    """Give scores, hits and the patient of candidates, and each patient's glands."""
    random = np.random.default_rng(seed)
    glands = random.integers(0, 5, size=patients)
    scores, hits, owner = [], [], []
    for patient, count in enumerate(glands):
        for _ in range(count):
            if random.random() < 0.8:
                scores.append(random.beta(4, 2))
                hits.append(1)
                owner.append(patient)
        for _ in range(random.poisson(1.5)):
            scores.append(random.beta(2, 3))
            hits.append(0)
            owner.append(patient)
    return np.round(scores, 2) + 0.01, np.array(hits), np.array(owner), glands


def test_the_values_of_picai_eval() -> None:
    """Its last threshold (1.0) is one that it leaves out, with all lesions found."""
    curve = froc(PICAI_SCORES, PICAI_HITS, glands=5, scans=6)
    assert curve.thresholds.tolist() == [np.inf, 3.0, 2.5, 2.0, 1.5, 1.0]
    np.testing.assert_allclose(curve.sensitivity, [0, 0.2, 0.4, 0.4, 0.6, 1.0])
    np.testing.assert_allclose(curve.false_positives, [0, 1 / 6, 1 / 6, 2 / 6, 2 / 6, 3 / 6])
    assert curve.at(0.3) == 0.4
    assert curve.at(0.1) == 0.0


def test_the_counts_of_picai_eval() -> None:
    """test_calculate_counts: one of five lesions is found, and nothing else."""
    curve = froc([1.0], [1], glands=5, scans=6)
    assert curve.sensitivity[-1] == 0.2
    assert curve.false_positives[-1] == 0.0
    empty = froc([], [], glands=5, scans=6)
    assert empty.sensitivity.tolist() == empty.false_positives.tolist() == [0.0]
    assert empty.at().tolist() == [0.0] * len(RATES)


def test_the_values_of_monai() -> None:
    """TestComputeFrocScore: means of 0.95833333 over six rates, and 0.75 at 0.25."""
    curve = froc([1, 1, 0.8, 0.8, 0.8, 0.6], [1, 1, 1, 1, 0, 0], glands=4, scans=2)
    assert curve.score((0.25, 0.5, 1, 2, 4, 8), "linear") == pytest.approx(0.95833333, abs=1e-8)
    assert curve.score((0.25,), "linear") == pytest.approx(0.75)
    assert curve.score((0.25,)) == 0.5  # what a threshold reaches


@pytest.mark.parametrize("seed", range(5))
def test_curves_are_those_of_monai(seed: int) -> None:
    metrics = pytest.importorskip("monai.metrics")
    scores, hits, _, glands = scan_data(seed)
    missed = int(glands.sum() - hits.sum())
    assert missed > 0
    x, y = metrics.compute_froc_curve_data(
        scores[hits == 0], np.concatenate([scores[hits == 1], np.zeros(missed)]),
        int(glands.sum()), len(glands),
    )  # fmt: skip
    curve = froc(scores, hits, int(glands.sum()), len(glands))
    np.testing.assert_allclose(curve.false_positives, x[::-1])
    np.testing.assert_allclose(curve.sensitivity, y[::-1])
    expected = metrics.compute_froc_score(x, y, RATES)
    assert curve.score(RATES, "linear") == pytest.approx(expected)


def test_where_all_glands_are_found_the_lowest_candidate_still_counts() -> None:
    curve = froc([0.9, 0.7, 0.4], [1, 0, 1], glands=2, scans=1)
    assert curve.sensitivity[-1] == 1.0
    assert curve.at(1.0) == 1.0


def test_where_all_glands_are_found_monai_loses_the_lowest_candidate() -> None:
    metrics = pytest.importorskip("monai.metrics")
    scores, hits = np.array([0.9, 0.7, 0.4]), np.array([1, 0, 1])
    _, theirs = metrics.compute_froc_curve_data(scores[hits == 0], scores[hits == 1], 2, 1)
    assert max(theirs) == 0.5


candidates = st.lists(
    st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.integers(0, 1), st.integers(0, 3)),
    max_size=12,
)


@given(candidates, st.randoms(use_true_random=False))
def test_every_point_is_a_count_at_its_threshold(rows: list, random: object) -> None:
    scores, hits = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    curve = froc(scores, hits, glands=12, scans=4)
    for threshold, x, y in zip(
        curve.thresholds, curve.false_positives, curve.sensitivity, strict=True
    ):
        kept = scores >= threshold
        assert x == pytest.approx(np.sum(kept & (hits == 0)) / 4)
        assert y == pytest.approx(np.sum(kept & (hits == 1)) / 12)
    assert len(curve.thresholds) == 1 + len(set(scores))
    order = random.sample(range(len(rows)), len(rows))  # type: ignore[attr-defined]
    again = froc(scores[order], hits[order], glands=12, scans=4)
    np.testing.assert_allclose(again.sensitivity, curve.sensitivity)


def test_the_band_is_that_of_resampled_patients() -> None:
    scores, hits, owner, glands = scan_data()
    rates = [0.25, 1.0]
    band = froc_band(scores, hits, owner, glands, rates=rates, replicates=300, seed=2)

    def read(patients: np.ndarray) -> np.ndarray:
        picked = np.concatenate([np.flatnonzero(owner == p) for p in patients])
        curve = froc(scores[picked], hits[picked], int(glands[patients].sum()), len(patients))
        return curve.at(rates)

    every = np.arange(len(glands))
    expected = cluster_bootstrap(read, every, clusters=every, replicates=300, seed=2)
    np.testing.assert_allclose(band.low, expected.low)
    np.testing.assert_allclose(band.high, expected.high)
    whole = froc(scores, hits, int(glands.sum()), len(glands))
    assert (band.low <= whole.at(rates)).all()
    assert (band.high >= whole.at(rates)).all()
    assert band.score[0] < whole.score(rates) < band.score[1]


def test_a_draw_without_a_gland_leaves_the_band_undefined() -> None:
    band = froc_band([0.5], [1], [0], [1, 0, 0], replicates=100)
    assert np.isnan(band.low).all()
    assert np.isnan(band.score[0])


@pytest.mark.parametrize(
    ("scores", "hits", "glands", "scans", "said"),
    [
        ([0.5], [1], 0, 1, "no gland to find"),
        ([0.5], [1], 1, 0, "at least 1 scan"),
        ([0.5, 0.4], [1, 1], 1, 1, "2 candidates hit a gland of 1"),
        ([0.5], [2], 1, 1, "must be 0 or 1"),
        ([np.nan], [1], 1, 1, "score is missing"),
        ([0.5, 0.4], [1], 1, 1, "one score for each"),
    ],
)
def test_what_cannot_be(scores: list, hits: list, glands: int, scans: int, said: str) -> None:
    with pytest.raises(StatsError, match=said):
        froc(scores, hits, glands, scans)


def test_what_cannot_be_of_a_band() -> None:
    with pytest.raises(StatsError, match="at least 2 patients"):
        froc_band([0.5], [1], [0], [1])
    with pytest.raises(StatsError, match="one of the patients"):
        froc_band([0.5], [1], [2], [1, 1])
    with pytest.raises(StatsError, match="no gland to find"):
        froc_band([0.5], [0], [0], [0, 0])
