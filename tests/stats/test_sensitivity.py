"""Sensitivities against Li 2025, Fagerland 2013, statsmodels and our own cluster bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from napari_ptx.stats import (
    StatsError,
    cluster_bootstrap,
    compare_found,
    compare_sensitivity,
    holm,
    mcnemar,
)

LI = {"U-Net": (34, 36), "ultrasound": (22, 36), "CT": (26, 36), "MIBI": (31, 36)}


def glands(seed: int = 0, count: int = 36) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Give three modalities that find 0.9, 0.7 and 0.5 of the glands of 20 patients."""
    random = np.random.default_rng(seed)
    hard = random.random(count)
    table = {
        name: (0.6 * hard + 0.4 * random.random(count) < share).astype(float)
        for name, share in (("a", 0.8), ("b", 0.6), ("c", 0.45))
    }
    return table, np.sort(random.integers(20, size=count))


def test_the_p_values_that_li_et_al_print() -> None:
    """Li 2025: 34 of 36 against 22, 26 and 31: P = 0.0013, 0.0238, 0.429."""
    pairs = {pair.second: pair for pair in compare_found(LI).pairs if pair.first == "U-Net"}
    assert f"{pairs['ultrasound'].fisher:.4f}" == "0.0013"
    assert f"{pairs['CT'].fisher:.4f}" == "0.0238"
    assert f"{pairs['MIBI'].fisher:.3f}" == "0.429"
    assert all(pair.mcnemar_exact is None for pair in pairs.values())


def test_mcnemar_of_fagerland_et_al() -> None:
    """Fagerland, Lydersen & Laake 2013: hyper-responsive airways, and the supplement's rule."""
    exact, mid = mcnemar(1, 7)
    assert (f"{exact:.3f}", f"{mid:.3f}") == ("0.070", "0.039")
    assert mcnemar(2, 2) == (1.0, 1.0 - 6 / 16 / 2)
    assert mcnemar(0, 0) == (1.0, 1.0)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_equals_statsmodels(b: int, c: int) -> None:
    exact, mid = mcnemar(b, c)
    assert exact == pytest.approx(statsmodels_mcnemar([[5, b], [c, 5]], exact=True).pvalue, 1e-12)
    assert (exact, mid) == mcnemar(c, b)
    assert 0.0 < mid <= exact <= 1.0


def test_a_table_is_counted_right() -> None:
    missing = np.nan
    result = compare_sensitivity(
        {"a": [1, 1, 1, 0, 1, missing], "b": [1, 0, 0, 1, missing, 1]}, confidence=0.9
    )
    assert [(one.found, one.of) for one in result.modalities.values()] == [(4, 5), (3, 5)]
    (pair,) = result.pairs
    assert (pair.both, pair.first_only, pair.second_only, pair.neither) == (1, 2, 1, 0)
    assert pair.difference == 0.25  # of the four glands that both were used on
    assert pair.cluster_bootstrap is pair.cluster_bootstrap_p is result.clusters is None


def test_intervals_are_those_of_the_cluster_bootstrap() -> None:
    table, patients = glands()
    result = compare_sensitivity(table, patients, replicates=2000, seed=3)
    assert result.clusters == len(set(patients))
    for name, values in table.items():
        found = cluster_bootstrap(
            lambda drawn: np.nanmean(drawn, axis=-1),
            values, clusters=patients, replicates=2000, seed=3, vectorised=True,
        )  # fmt: skip
        assert result.modalities[name].cluster_bootstrap == pytest.approx(
            (found.low, found.high), abs=1e-12
        )
    pair = result.pairs[1]
    found = cluster_bootstrap(
        lambda drawn: np.nanmean(drawn, axis=-1),
        table["a"] - table["c"], clusters=patients, replicates=2000, seed=3, vectorised=True,
    )  # fmt: skip
    assert (pair.first, pair.second) == ("a", "c")
    assert pair.cluster_bootstrap == pytest.approx((found.low, found.high), abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_p_is_below_5_percent_where_the_interval_leaves_0_out(seed: int) -> None:
    table, patients = glands(seed)
    for pair in compare_sensitivity(table, patients, replicates=2000).pairs:
        assert pair.cluster_bootstrap is not None
        assert pair.cluster_bootstrap_p is not None
        low, high = pair.cluster_bootstrap
        if low > 1e-9 or high < -1e-9:
            assert pair.cluster_bootstrap_p < 0.051
        if low < -1e-9 and high > 1e-9:
            assert pair.cluster_bootstrap_p > 0.05


def test_holm_is_over_all_pairs() -> None:
    pairs = compare_sensitivity(glands()[0]).pairs
    assert [pair.mcnemar_exact_holm for pair in pairs] == pytest.approx(
        holm([pair.mcnemar_exact for pair in pairs])
    )


def test_the_same_modality_twice_differs_by_nothing() -> None:
    table, patients = glands()
    (pair,) = compare_sensitivity({"a": table["a"], "again": table["a"]}, patients).pairs
    assert pair.difference == 0.0
    assert pair.mcnemar_exact == pair.mcnemar_mid_p == pair.cluster_bootstrap_p == pair.fisher == 1
    assert pair.cluster_bootstrap == (0.0, 0.0)


def test_a_modality_that_few_patients_had_has_no_bootstrap_interval() -> None:
    table = {"a": [1, 0, 1, 1], "rare": [1, np.nan, np.nan, np.nan]}
    result = compare_sensitivity(table, ["p", "q", "r", "s"])
    answer = result.to_json()
    assert answer["modalities"]["rare"]["cluster_bootstrap"] == [None, None]
    assert answer["pairs"][0]["cluster_bootstrap_p"] is None
    assert result.few_clusters


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({}, "no modality"),
        ({"a": [0, 2]}, "a must be 0, 1 or missing, and is 2"),
        ({"a": [np.nan, np.nan]}, "a was used on no lesion"),
        ({"a": [0, 1], "b": [1]}, "one value for each lesion"),
        ({"a": [0, np.nan], "b": [np.nan, 1]}, "a and b were used on no lesion in common"),
        ({"a": ["yes", "no"]}, "must be numbers"),
    ],
)
def test_what_cannot_be_compared(found, sentence) -> None:
    with pytest.raises(StatsError, match=sentence):
        compare_sensitivity(found)


@pytest.mark.parametrize("counts", [{}, {"a": (3, 2)}, {"a": (0, 0)}, {"a": (-1, 4)}])
def test_counts_that_cannot_be(counts) -> None:
    with pytest.raises(StatsError, match=r"cannot be|no modality"):
        compare_found(counts)
