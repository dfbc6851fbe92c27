from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_ptx.stats import METRICS, StatsError, cluster_bootstrap, diagnostic, holm
from tests.stats.r import ask_r


def rows(tp: int, fn: int, fp: int, tn: int) -> tuple[np.ndarray, np.ndarray]:
    """A truth and a score that a threshold of 0.5 splits into these counts."""
    truth = np.repeat([1, 1, 0, 0], [tp, fn, fp, tn])
    return truth, np.repeat([0.5, 0.4, 0.9, 0.1], [tp, fn, fp, tn])


# Newcombe 1998, Statistics in Medicine 17:857, Table I: r/n, Wilson, Clopper-Pearson
NEWCOMBE = [
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
]


@pytest.mark.parametrize(("hits", "n", "wilson", "exact"), NEWCOMBE)
def test_intervals_of_newcombe_1998(hits: int, n: int, wilson, exact) -> None:
    table = diagnostic(*rows(hits, n - hits, 5, 5), 0.5).metrics
    row = table.loc["sensitivity"]
    assert (row["wilson_low"], row["wilson_high"]) == pytest.approx(wilson, abs=5e-5)
    assert (row["low"], row["high"]) == pytest.approx(exact, abs=5e-5)
    assert row["value"] == hits / n


@pytest.mark.r
def test_intervals_equal_those_of_r(tmp_path: Path) -> None:
    result = diagnostic(*rows(9, 2, 6, 151), 0.5, confidence=0.9)
    pairs = {
        "sensitivity": (9, 11), "specificity": (151, 157), "ppv": (9, 15), "npv": (151, 153),
        "accuracy": (160, 168),
    }  # fmt: skip
    for name, (hits, n) in pairs.items():
        code = (
            f"cat(sprintf('%.17g\\n', c(binom.test({hits}, {n}, conf.level = 0.9)$conf.int,"
            f" suppressWarnings(prop.test({hits}, {n}, conf.level = 0.9, correct = FALSE))"
            "$conf.int)))"
        )
        row = result.metrics.loc[name]
        found = row[["low", "high", "wilson_low", "wilson_high"]].tolist()
        assert found == pytest.approx(ask_r(code, tmp_path), rel=1e-9)


def test_counts_and_values_of_a_threshold() -> None:
    result = diagnostic(*rows(9, 2, 6, 151), 0.5)
    assert (result.tp, result.fn, result.fp, result.tn) == (9, 2, 6, 151)
    assert list(result.metrics.index) == list(METRICS)
    expected = [9 / 11, 151 / 157, 9 / 15, 151 / 153, 160 / 168, 18 / 26]
    assert result.metrics["value"].tolist() == pytest.approx(expected, rel=1e-15)
    assert result.metrics[["cluster_low", "cluster_high"]].isna().all(axis=None)
    assert result.clusters is None


def test_f1_has_the_limits_of_a_proportion_that_it_is_a_function_of() -> None:
    table = diagnostic(*rows(40, 10, 30, 7), 0.5).metrics
    # tp / (tp + fn + fp) = 40/80 is the sensitivity of another table
    jaccard = diagnostic(*rows(40, 40, 1, 1), 0.5).metrics.loc["sensitivity"]
    for column in ("low", "high", "wilson_low", "wilson_high"):
        j = jaccard[column]
        assert table.loc["f1", column] == pytest.approx(2 * j / (1 + j), rel=1e-12)


def test_the_exact_interval_of_f1_covers() -> None:
    rng = np.random.default_rng(9)
    tp, fn, fp, _ = cells = (0.2, 0.1, 0.15, 0.55)
    true = 2 * tp / (2 * tp + fn + fp)
    inside = 0
    for _ in range(300):
        row = diagnostic(*rows(*rng.multinomial(60, cells)), 0.5).metrics.loc["f1"]
        inside += row["low"] <= true <= row["high"]
    assert inside / 300 >= 0.93


def test_thresholds_may_differ_from_row_to_row() -> None:
    truth, score = [1, 1, 0, 0], [0.3, 0.6, 0.3, 0.6]
    result = diagnostic(truth, score, [0.2, 0.7, 0.4, 0.6])
    assert (result.tp, result.fn, result.fp, result.tn) == (1, 1, 1, 1)
    assert diagnostic(truth, score, np.inf).tn == 2


def test_clusters_widen_the_interval_and_are_those_of_the_bootstrap() -> None:
    rng = np.random.default_rng(7)
    truth = np.repeat(rng.integers(0, 2, size=40), 5)
    score = np.repeat(rng.normal(size=40), 5) + truth
    patients = np.repeat(np.arange(40), 5)
    table = diagnostic(truth, score, 0.5, clusters=patients, seed=3).metrics
    width = table["cluster_high"] - table["cluster_low"]
    assert np.all(width > 1.5 * (table["high"] - table["low"]))
    direct = cluster_bootstrap(
        lambda t, s: np.mean((s >= 0.5) == t), truth, score, clusters=patients, seed=3
    )
    accuracy = table.loc["accuracy"]
    assert accuracy["cluster_low"] == pytest.approx(direct.low, abs=1e-12)
    assert accuracy["cluster_high"] == pytest.approx(direct.high, abs=1e-12)
    assert not diagnostic(truth, score, 0.5, clusters=patients).few_clusters
    assert diagnostic(truth, score, 0.5, clusters=patients // 4).few_clusters


def test_what_has_no_cases_is_undefined() -> None:
    nobody = diagnostic([1, 1, 0], [0.1, 0.2, 0.1], 0.5, clusters=[1, 2, 3])
    assert nobody.metrics.loc["ppv"].isna().all()
    assert nobody.metrics.loc["sensitivity", "value"] == 0.0
    # some replicates have no positive case
    assert np.isnan(nobody.metrics.loc["sensitivity", "cluster_low"])
    one_class = diagnostic([1, 1, 1], [0.1, 0.9, 0.8], 0.5)
    assert one_class.metrics.loc["specificity"].isna().all()
    assert one_class.metrics.loc["npv", "value"] == 0.0
    answer = nobody.to_json()
    assert answer["metrics"]["ppv"]["value"] is None
    assert answer["metrics"]["npv"]["value"] == pytest.approx(1 / 3)
    json.dumps(answer, allow_nan=False)


@pytest.mark.parametrize(
    ("truth", "score", "threshold", "sentence"),
    [
        ([0, 2], [1, 2], 0.5, "must be 0 or 1"),
        ([0, 1], [1, np.inf], 0.5, "score is missing or infinite"),
        ([0, 1], [1], 0.5, "one score for each of 2 cases"),
        ([0, 1], [1, 2], [0.5] * 3, "one threshold, or one for each of 2"),
        ([0, 1], [1, 2], [0.5, np.nan], r"threshold is missing at \(case\) \(1\)"),
        ([0, 1], [1, 2], np.nan, "threshold is missing"),
        ([0, 1], [1, 2], "high", "must be numbers"),
    ],
)
def test_what_cannot_be_counted_is_refused(truth, score, threshold, sentence: str) -> None:
    with pytest.raises(StatsError, match=sentence):
        diagnostic(truth, score, threshold)


@pytest.mark.r
def test_holm_equals_r(tmp_path: Path) -> None:
    p = [0.01, 0.04, 0.03, 0.005, 0.03, 1.0, 0.0, 0.7]
    code = f"cat(sprintf('%.17g\\n', p.adjust(c({', '.join(map(str, p))}), 'holm')))"
    assert holm(p).tolist() == pytest.approx(ask_r(code, tmp_path), abs=1e-15)


def test_holm_of_nothing_of_one_and_of_what_is_no_p_value() -> None:
    assert holm([]).tolist() == []
    assert holm([0.2]).tolist() == [0.2]
    for wrong in ([0.1, np.nan], [0.1, 1.2], [[0.1]], [-0.1]):
        with pytest.raises(StatsError, match="between 0 and 1"):
            holm(wrong)
