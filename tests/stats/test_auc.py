from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from napari_ptx.stats import StatsError, compare_auc, holm

Floats = NDArray[np.float64]


def brute_force(truth: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """DeLong, DeLong & Clarke-Pearson 1988 as printed: the kernel of every pair."""
    x, y = scores[:, truth], scores[:, ~truth]
    kernel = (x[:, :, None] > y[:, None, :]) + 0.5 * (x[:, :, None] == y[:, None, :])
    v10, v01 = kernel.mean(axis=2), kernel.mean(axis=1)
    s10, s01 = np.atleast_2d(np.cov(v10)), np.atleast_2d(np.cov(v01))
    return kernel.mean(axis=(1, 2)), s10 / x.shape[1] + s01 / y.shape[1]


def clustered_brute_force(truth: NDArray[np.bool_], score: Floats, clusters: Floats) -> float:
    """Obuchowski 1997, equations for one area, cluster by cluster."""
    x, y = score[truth], score[~truth]
    kernel = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    theta, m, n = kernel.mean(), len(x), len(y)
    sums = [
        (
            kernel.mean(axis=1)[clusters[truth] == c].sum() - (clusters[truth] == c).sum() * theta,
            kernel.mean(axis=0)[clusters[~truth] == c].sum()
            - (clusters[~truth] == c).sum() * theta,
        )
        for c in np.unique(clusters)
    ]
    a, b = np.array(sums).T
    i = len(sums)
    i10, i01 = len(np.unique(clusters[truth])), len(np.unique(clusters[~truth]))
    s10 = i10 / ((i10 - 1) * m) * (a**2).sum()
    s01 = i01 / ((i01 - 1) * n) * (b**2).sum()
    s11 = i / (i - 1) * (a * b).sum()
    return float(s10 / m + s01 / n + 2 * s11 / (m * n))


@st.composite
def readings(draw: st.DrawFn) -> tuple[NDArray[np.bool_], Floats]:
    m, n = draw(st.integers(2, 12)), draw(st.integers(2, 12))
    truth = np.arange(m + n) < m
    grades = st.integers(-3, 3).map(float)
    return truth, draw(arrays(np.float64, (draw(st.integers(1, 3)), m + n), elements=grades))


@given(readings())
def test_areas_and_covariance_equal_the_kernel_of_every_pair(case) -> None:
    truth, scores = case
    result = compare_auc(truth, scores)
    auc, cov = brute_force(truth, scores)
    np.testing.assert_allclose(result.auc, auc, rtol=0, atol=1e-14)
    np.testing.assert_allclose(result.cov, cov, rtol=0, atol=1e-14)


@given(readings(), st.data())
def test_clustered_variance_equals_the_sums_over_clusters(case, data) -> None:
    truth, scores = case
    labels = st.integers(0, 5)
    clusters = np.array(data.draw(st.lists(labels, min_size=len(truth), max_size=len(truth))))
    if min(len(np.unique(clusters[truth])), len(np.unique(clusters[~truth]))) < 2:
        with pytest.raises(StatsError, match="at least 2 clusters"):
            compare_auc(truth, scores, clusters)
        return
    result = compare_auc(truth, scores, clusters)
    for i, score in enumerate(scores):
        expected = clustered_brute_force(truth, score, clusters)
        assert result.cov[i, i] == pytest.approx(expected, rel=1e-10, abs=1e-15)
    assert np.linalg.eigvalsh(result.cov).min() > -1e-12


@given(readings())
def test_every_row_its_own_cluster_is_delong(case) -> None:
    truth, scores = case
    alone, own = compare_auc(truth, scores), compare_auc(truth, scores, np.arange(len(truth)))
    np.testing.assert_allclose(own.cov, alone.cov, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(own.auc, alone.auc)


@given(readings(), st.booleans())
def test_copies_of_every_patient_change_nothing(case, several_rows: bool) -> None:
    truth, scores = case
    patients = np.arange(len(truth)) // 2 if several_rows else np.arange(len(truth))
    if several_rows and min(len(set(patients[truth])), len(set(patients[~truth]))) < 2:
        return
    once = compare_auc(truth, scores, patients)
    again = np.tile(np.arange(len(truth)), 10)
    copied = compare_auc(truth[again], scores[:, again], patients[again])
    np.testing.assert_array_equal(copied.auc, once.auc)
    np.testing.assert_allclose(copied.cov, once.cov, rtol=1e-12, atol=1e-15)
    if not several_rows:  # rows taken as independent claim a certainty that is not there
        alone = compare_auc(truth[again], scores[:, again])
        assert np.all(np.diag(alone.cov) <= np.diag(once.cov))


def test_copies_of_one_class_only_change_nothing_either() -> None:
    # eleven malignant cases, augmented tenfold
    rng = np.random.default_rng(3)
    truth = np.arange(168) < 11
    scores = rng.normal(size=(2, 168)) + truth
    once = compare_auc(truth, scores)
    again = np.concatenate([np.repeat(np.arange(11), 10), np.arange(11, 168)])
    copied = compare_auc(truth[again], scores[:, again], again)
    assert (copied.positives, copied.negatives) == (110, 157)
    assert (copied.clusters, copied.positive_clusters) == (168, 11)
    np.testing.assert_allclose(copied.auc, once.auc, rtol=1e-15)
    np.testing.assert_allclose(copied.cov, once.cov, rtol=1e-12)
    assert compare_auc(truth[again], scores[:, again]).cov[0, 0] < once.cov[0, 0] / 4


@given(readings())
def test_a_rising_transform_changes_nothing(case) -> None:
    truth, scores = case
    one, other = compare_auc(truth, scores), compare_auc(truth, np.exp(scores) * 3 - 1)
    np.testing.assert_array_equal(one.auc, other.auc)
    np.testing.assert_array_equal(one.cov, other.cov)


@given(readings())
def test_the_other_class_or_the_other_sign_mirrors_the_area(case) -> None:
    truth, scores = case
    one = compare_auc(truth, scores)
    for other in (compare_auc(~truth, scores), compare_auc(truth, -scores)):
        np.testing.assert_allclose(other.auc, 1.0 - one.auc, rtol=0, atol=1e-15)
        np.testing.assert_allclose(other.cov, one.cov, rtol=0, atol=1e-15)
    both = compare_auc(~truth, -scores)
    np.testing.assert_array_equal(both.auc, one.auc)


@given(readings())
def test_identical_curves_do_not_differ_at_all(case) -> None:
    truth, scores = case
    result = compare_auc(truth, [scores[0], scores[0] / 7.0 + 1.0])
    test = result.test(0, 1)
    assert (test.difference, test.z, test.p, test.low, test.high) == (0.0, 0.0, 1.0, 0.0, 0.0)
    np.testing.assert_array_equal(result.p_matrix(), np.ones((2, 2)))


@given(readings())
def test_a_pair_the_other_way_round_changes_its_sign(case) -> None:
    truth, scores = case
    result = compare_auc(truth, [scores[0], scores[-1]], names=["a", "b"])
    one, other = result.test("a", "b"), result.test(1, 0)
    assert one.difference == -other.difference
    assert one.p == other.p
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-15)
    contrast = np.array([1.0, -1.0])
    error = (one.high - one.low) / 2 / 1.959963984540054
    assert error**2 == pytest.approx(contrast @ result.cov @ contrast, abs=1e-14)


def test_perfect_curves_have_no_variance_and_an_answer() -> None:
    truth = [0, 0, 0, 1, 1, 1]
    perfect, inverted, blind = [1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1], [7, 7, 7, 7, 7, 7]
    result = compare_auc(truth, [perfect, [1, 1, 1, 2, 2, 2], inverted, blind])
    assert result.auc.tolist() == [1.0, 1.0, 0.0, 0.5]
    assert not result.cov.any()
    assert result.ci().tolist() == [[1, 1], [1, 1], [0, 0], [0.5, 0.5]]
    assert result.test(0, 1).p == 1.0
    apart = result.test(0, 2)
    assert (apart.difference, apart.z, apart.p) == (1.0, math.inf, 0.0)
    assert (apart.low, apart.high) == (1.0, 1.0)
    assert result.test(3, 0).z == -math.inf
    pair = result.to_json()["pairs"][1]
    assert (pair["z"], pair["p"]) == (None, 0.0)
    json.dumps(result.to_json(), allow_nan=False)


def test_limits_are_clipped_and_follow_the_level() -> None:
    truth = [0, 0, 0, 0, 1, 1, 1, 1]
    result = compare_auc(truth, [1, 2, 3, 5, 4, 6, 7, 8])
    low, high = result.ci()[0]
    assert high == 1.0
    error = math.sqrt(result.cov[0, 0])
    assert low == pytest.approx(result.auc[0] - 1.959963984540054 * error, rel=1e-14)
    assert result.ci(0.5)[0, 1] == pytest.approx(result.auc[0] + 0.6744897501960817 * error)


def test_all_pairs_at_once_and_adjusted() -> None:
    rng = np.random.default_rng(8)
    truth = np.arange(80) < 40
    scores = rng.normal(size=(4, 80)) + np.outer([0.2, 0.8, 1.4, 2.0], truth)
    result = compare_auc(truth, scores, names=list("abcd"))
    plain, adjusted = result.p_matrix(), result.p_matrix("holm")
    rows, columns = np.triu_indices(4, 1)
    assert plain[rows, columns].tolist() == [
        result.test(i, j).p for i, j in zip(rows, columns, strict=True)
    ]
    np.testing.assert_array_equal(plain, plain.T)
    np.testing.assert_array_equal(np.diag(adjusted), np.ones(4))
    np.testing.assert_array_equal(adjusted[rows, columns], holm(plain[rows, columns]))
    np.testing.assert_array_equal(adjusted, adjusted.T)
    with pytest.raises(StatsError, match="'holm' or None"):
        result.p_matrix("bonferroni")  # type: ignore[arg-type]


def test_json_holds_what_the_result_says() -> None:
    truth = [0, 0, 1, 0, 1, 1]
    result = compare_auc(truth, [[1, 2, 2, 3, 4, 5], [1, 4, 3, 2, 2, 5]], names=["a", "b"])
    answer = result.to_json(confidence=0.9)
    assert answer["clusters"] is None
    assert answer["auc"]["b"]["auc"] == result.auc[1]
    assert answer["auc"]["b"]["var"] == result.cov[1, 1]
    assert [answer["auc"]["b"]["low"], answer["auc"]["b"]["high"]] == result.ci(0.9)[1].tolist()
    found = result.test("a", "b", 0.9)
    assert answer["pairs"] == [
        {
            "a": "a",
            "b": "b",
            "difference": found.difference,
            "z": found.z,
            "p": found.p,
            "low": found.low,
            "high": found.high,
        }
    ]


def test_the_clustered_test_keeps_its_level_where_the_plain_one_does_not() -> None:
    rng = np.random.default_rng(12)
    rejected = np.zeros(2)
    for _ in range(300):
        patients = np.repeat(np.arange(100), rng.integers(1, 8, size=100))
        truth = (rng.random(100) < 0.4)[patients]
        of_patient = rng.normal(size=(2, 100))[:, patients]
        scores = 0.8 * of_patient + 0.6 * rng.normal(size=of_patient.shape) + truth
        tests = (
            compare_auc(truth, scores).test(0, 1),
            compare_auc(truth, scores, patients).test(0, 1),
        )
        rejected += [test.p < 0.05 for test in tests]
    plain, clustered = rejected / 300
    assert plain > 0.2
    assert 0.02 < clustered < 0.1


def test_few_clusters_are_told() -> None:
    rng = np.random.default_rng(1)
    truth, scores = np.arange(80) % 2, rng.normal(size=80)
    assert compare_auc(truth, scores, np.arange(80) // 5).few_clusters
    assert not compare_auc(truth, scores, np.arange(80) // 4).few_clusters
    assert not compare_auc(truth[:10], scores[:10]).few_clusters


def test_a_hundred_thousand_cases_and_large_offsets() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(100_000) < 0.3
    score = rng.normal(size=100_000) + truth
    result = compare_auc(truth, [score, 1e9 + np.round(score, 3)])
    # binormal: Phi(1 / sqrt 2)
    assert result.auc[0] == pytest.approx(0.7602499389, abs=4 * math.sqrt(result.cov[0, 0]))
    assert result.auc[1] == pytest.approx(result.auc[0], abs=1e-4)
    assert 0.0 < result.test(0, 1).p <= 1.0


@pytest.mark.parametrize(
    ("truth", "scores", "kwargs", "sentence"),
    [
        ([1, 1, 1], [1, 2, 3], {}, "Both classes .* all 3 cases of the truth are positive"),
        ([0, 0], [1, 2], {}, "are negative"),
        ([0, 1, 2], [1, 2, 3], {}, "must be 0 or 1, and is 2"),
        ([0, 1, None], [1, 2, 3], {}, r"truth is missing at \(case\) \(2\)"),
        (["0", "1"], [1, 2], {}, "must be numbers"),
        ([], [], {}, "one row of 0 and 1"),
        ([0, 0, 1], [1, 2, 3], {}, "at least 2 positive rows; there is 1"),
        ([0, 0, 1, 1], [1, 2, 3], {}, r"shape \(models, 4\)"),
        ([0, 0, 1, 1], [[1, 2, np.nan, 4]], {}, r"\(model, case\) \(0, 2\)"),
        ([0, 0, 1, 1], [1, 2, 3, 4], {"names": ["a", "b"]}, "1 different names"),
        ([0, 0, 1, 1], [[1, 2, 3, 4]] * 2, {"names": ["a", "a"]}, "2 different names"),
        ([0, 0, 1, 1], [1, 2, 3, 4], {"clusters": list("aabb")}, "2 clusters that have a pos"),
        ([0, 0, 1, 1], [1, 2, 3, 4], {"clusters": list("aab")}, "3 cluster labels for 4"),
        ([0, 0, 1, 1], [1, 2, 3, 4], {"clusters": [1, 2, None, 3]}, "Row 2 .* no cluster"),
    ],
)
def test_what_cannot_be_compared_is_refused(truth, scores, kwargs, sentence: str) -> None:
    with pytest.raises(StatsError, match=sentence):
        compare_auc(truth, scores, **kwargs)


def test_a_model_that_is_not_there() -> None:
    result = compare_auc([0, 0, 1, 1], [1, 2, 3, 4], names=["a"])
    with pytest.raises(StatsError, match="no model 'b', only a"):
        result.test("a", "b")
    with pytest.raises(StatsError, match="no model 1; the last is 0"):
        result.test(0, 1)
    with pytest.raises(StatsError, match="confidence"):
        result.ci(95)
