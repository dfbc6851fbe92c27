from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from napari_ptx.stats import StatsError, cluster_bootstrap, cluster_mean, icc


def mean_of_rows(stack):
    return np.nanmean(stack, axis=1)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(0).normal(size=60)
    patients = np.arange(60) // 2
    one, same, other = (
        cluster_bootstrap(np.mean, values, clusters=patients, seed=seed, replicates=300)
        for seed in (4, 4, 5)
    )
    assert (one.low, one.high) == (same.low, same.high)
    assert (one.low, one.high) != (other.low, other.high)
    assert (one.clusters, one.rows, one.replicates, one.seed) == (30, 60, 300, 4)


def test_all_replicates_at_once_give_what_one_after_another_does() -> None:
    rng = np.random.default_rng(1)
    patients = rng.integers(0, 15, size=50)
    table = rng.normal(size=(50, 1)) + 0.5 * rng.normal(size=(50, 2))
    settings = {"clusters": patients, "replicates": 200, "seed": 3}
    slow = cluster_bootstrap(lambda t: icc(t).value, table, **settings)
    fast = cluster_bootstrap(
        lambda t: icc(t, missing="drop").value, table, vectorised=True, **settings
    )
    assert fast.value == slow.value == icc(table).value
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), rel=1e-12)


def test_batches_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(2).normal(size=(40, 2))
    settings = {"clusters": np.arange(40) // 4, "replicates": 157, "vectorised": True}
    whole = cluster_bootstrap(mean_of_rows, values, **settings)
    monkeypatch.setattr("napari_ptx.stats.bootstrap._BATCH_NUMBERS", 800)
    parts = cluster_bootstrap(mean_of_rows, values, **settings)
    assert whole.low.tolist() == parts.low.tolist()
    assert whole.low.shape == (2,)


def test_copies_of_a_patient_change_nothing() -> None:
    values = np.random.default_rng(3).normal(size=25)
    once = cluster_bootstrap(np.mean, values, clusters=range(25))
    copied = cluster_bootstrap(
        np.mean, np.repeat(values, 10), clusters=np.repeat(np.arange(25), 10)
    )
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))


def test_single_rows_give_the_ordinary_bootstrap() -> None:
    values = np.random.default_rng(4).exponential(size=80)
    ours = cluster_bootstrap(mean_of_rows, values, clusters=range(80), vectorised=True)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=20_000)
    expected = theirs.confidence_interval
    assert ours.low == pytest.approx(expected.low, abs=0.03)
    assert ours.high == pytest.approx(expected.high, abs=0.03)


def test_patients_with_several_images_widen_the_interval() -> None:
    rng = np.random.default_rng(5)
    patients = np.repeat(np.arange(30), 4)
    values = rng.normal(size=30)[patients] + 0.2 * rng.normal(size=120)
    clustered = cluster_bootstrap(np.mean, values, clusters=patients)
    naive = cluster_bootstrap(np.mean, values, clusters=range(120))
    assert clustered.high - clustered.low > 1.6 * (naive.high - naive.low)


def test_rows_of_several_arrays_stay_together() -> None:
    a = np.arange(24.0)
    interval = cluster_bootstrap(
        lambda x, y, names: np.mean(y - x) + 0.0 * len(names),
        a,
        a + 2.5,
        np.array(list("abcdefghijklmnopqrstuvwx")),
        clusters=np.arange(24) // 2,
        replicates=50,
    )
    assert (interval.low, interval.value, interval.high) == (2.5, 2.5, 2.5)


@pytest.mark.parametrize(("clusters", "few"), [(19, True), (20, False)])
def test_few_clusters_are_flagged(clusters: int, few: bool) -> None:
    values = np.random.default_rng(6).normal(size=2 * clusters)
    found = cluster_bootstrap(np.mean, values, clusters=np.arange(2 * clusters) // 2, replicates=20)
    assert found.few_clusters is few


def test_an_undefined_replicate_is_counted_and_not_averaged_away() -> None:
    # only one patient varies: replicates without it are constant
    table = np.array([[1.0, 1.0]] * 4 + [[3.0, 4.0]])
    found = cluster_bootstrap(
        lambda t: icc(t, missing="drop").value,
        table,
        clusters=range(5),
        replicates=200,
        vectorised=True,
    )
    assert 20 < found.undefined < 120
    assert math.isfinite(found.value)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"clusters": [1, 1, 1]}, "at least 2 clusters"),
        ({"clusters": [1, 2]}, "2 cluster labels for 3 rows"),
        ({"clusters": [1, None, 2]}, "Row 1 .* no cluster label"),
        ({"clusters": [1, 2, 3], "replicates": 0}, "at least 1 replicate"),
        ({"clusters": [1, 2, 3], "confidence": 1.5}, "between 0 and 1"),
    ],
)
def test_what_cannot_be_resampled_is_refused(arguments, sentence: str) -> None:
    with pytest.raises(StatsError, match=sentence):
        cluster_bootstrap(np.mean, [1.0, 2.0, 3.0], **arguments)


def test_data_that_do_not_fit_are_refused() -> None:
    with pytest.raises(StatsError, match="no data"):
        cluster_bootstrap(np.mean, clusters=[1, 2])
    with pytest.raises(StatsError, match="equally many rows"):
        cluster_bootstrap(np.mean, [1.0, 2.0], [1.0], clusters=[1, 2])
    with pytest.raises(StatsError, match="leave out those rows"):
        cluster_bootstrap(mean_of_rows, [1.0, np.nan], clusters=[1, 2], vectorised=True)


def test_a_mean_has_limits_where_there_can_be_some() -> None:
    values, owners = [1.0, 2.0, 6.0, 7.0], ["a", "a", "b", "c"]
    whole = cluster_bootstrap(np.mean, values, clusters=owners, replicates=300, seed=4)
    found = cluster_mean(values, owners, replicates=300, seed=4)
    assert found == pytest.approx((whole.value, whole.low, whole.high))
    assert cluster_mean([1.0, 3.0], ["a", "a"]) == pytest.approx((2, np.nan, np.nan), nan_ok=True)
    assert cluster_mean([1.0, np.inf], ["a", "b"])[0] == np.inf
    assert np.isnan(cluster_mean([], [])).all()
