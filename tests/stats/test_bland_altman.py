from __future__ import annotations

import json
import math
import shutil
import subprocess

import numpy as np
import pytest
from scipy import stats

from napari_ptx.stats import StatsError, bland_altman
from tests.stats.tables import CARDIAC, MINI, WRIGHT


def test_peak_flow_of_bland_and_altman_1986() -> None:
    result = bland_altman(MINI, WRIGHT)
    assert result.n == 17
    assert round(result.bias, 1) == -2.1
    assert round(result.sd, 1) == 38.8
    assert [round(x, 1) for x in result.bias_ci] == [-22.0, 17.8]
    # the paper takes 2 for 1.96, and the rounded numbers
    assert round(result.bias, 1) - 2 * round(result.sd, 1) == pytest.approx(-79.7)
    assert result.loa_low == pytest.approx(-2.117647 - 1.959964 * 38.765130, abs=1e-5)
    assert result.loa_high == pytest.approx(-2.117647 + 1.959964 * 38.765130, abs=1e-5)


def test_cardiac_output_of_bland_and_altman_2007() -> None:
    patient, ventriculography, impedance = CARDIAC.T
    alone = bland_altman(impedance, ventriculography)
    assert alone.sd == pytest.approx(0.9610571, abs=5e-8)
    result = bland_altman(impedance, ventriculography, clusters=patient)
    assert (result.n, result.clusters) == (60, 12)
    assert result.bias == pytest.approx(0.6021667, abs=5e-8)
    assert result.sd == pytest.approx(0.99062408, abs=5e-8)
    # the paper takes 1.96
    assert result.bias - 1.96 * result.sd == pytest.approx(-1.3394565, abs=5e-7)
    assert result.bias + 1.96 * result.sd == pytest.approx(2.5437899, abs=5e-7)
    assert result.few_clusters
    # the interval of the bias knows that there are 12 patients, not 60
    assert np.ptp(result.bias_ci) > 1.5 * np.ptp(alone.bias_ci)
    for limit, interval in (
        (result.loa_low, result.loa_low_ci),
        (result.loa_high, result.loa_high_ci),
    ):
        assert interval[0] < limit < interval[1]


@pytest.mark.r
def test_intervals_of_the_limits_equal_the_noncentral_t_of_r() -> None:
    rscript = shutil.which("Rscript")
    assert rscript is not None
    code = (
        "d <- c(" + ",".join(str(w - m) for m, w in zip(MINI, WRIGHT, strict=True)) + ");"
        "n <- length(d); k <- qt(c(.025, .975), n - 1, ncp = qnorm(.975) * sqrt(n)) / sqrt(n);"
        "m <- mean(d); s <- sd(d);"
        "cat(sprintf('%.12f', c(m + k * s, m - rev(k) * s, t.test(d)$conf.int)))"
    )
    done = subprocess.run([rscript, "-e", code], capture_output=True, text=True, check=True)
    expected = [float(x) for x in done.stdout.split()]
    result = bland_altman(MINI, WRIGHT)
    got = [*result.loa_high_ci, *result.loa_low_ci, *result.bias_ci]
    assert got == pytest.approx(expected, abs=1e-6)


def test_exact_intervals_cover_the_true_limit() -> None:
    rng = np.random.default_rng(0)
    truth = 1.0 + 1.959963984540054 * 2.0
    inside = 0
    for _ in range(400):
        difference = rng.normal(1.0, 2.0, size=12)
        low, high = bland_altman(np.zeros(12), difference).loa_high_ci
        inside += low < truth < high
    assert 0.92 < inside / 400 < 0.98


def test_swapping_the_readers_mirrors_everything() -> None:
    one, other = bland_altman(MINI, WRIGHT), bland_altman(WRIGHT, MINI)
    assert other.bias == -one.bias
    assert other.loa_low == pytest.approx(-one.loa_high)
    assert other.loa_low_ci == pytest.approx((-one.loa_high_ci[1], -one.loa_high_ci[0]))
    assert other.slope == pytest.approx(-one.slope)
    assert other.slope_p == pytest.approx(one.slope_p)


def test_percent_bias_is_of_the_mean_of_all_measurements() -> None:
    result = bland_altman([10.0, 20.0, 30.0], [11.0, 22.0, 33.0])
    assert result.percent == pytest.approx(100 * 2.0 / 21.0)


def test_the_trend_is_the_comparison_of_variances_of_pitman() -> None:
    rng = np.random.default_rng(4)
    a = rng.normal(50, 10, size=60)
    b = 1.2 * a + rng.normal(0, 3, size=60)
    result = bland_altman(a, b)
    assert result.slope_p == pytest.approx(stats.pearsonr(a + b, b - a).pvalue)
    assert result.slope == pytest.approx(np.polyfit((a + b) / 2, b - a, 1)[0])
    assert result.slope_p < 1e-6


def test_copies_of_a_patient_do_not_make_a_trend_more_certain() -> None:
    rng = np.random.default_rng(5)
    a = rng.normal(50, 10, size=30)
    b = 1.03 * a + rng.normal(0, 3, size=30)
    once = bland_altman(a, b)
    a10, b10, patients = np.repeat(a, 10), np.repeat(b, 10), np.repeat(np.arange(30), 10)
    copied = bland_altman(a10, b10, clusters=patients)
    assert bland_altman(a10, b10).slope_p < once.slope_p / 5
    assert once.slope_p / 3 < copied.slope_p < once.slope_p * 3


def test_copies_of_a_patient_do_not_narrow_the_intervals() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.normal(50, 10, size=(2, 40))
    patients = np.repeat(np.arange(40), 5)
    copied = bland_altman(np.repeat(a, 5), np.repeat(b, 5), clusters=patients)
    once = bland_altman(a, b)
    assert copied.sd == pytest.approx(once.sd)
    assert np.ptp(copied.bias_ci) == pytest.approx(np.ptp(once.bias_ci), rel=0.15)
    assert np.ptp(copied.loa_high_ci) == pytest.approx(np.ptp(once.loa_high_ci), rel=0.4)
    assert not copied.few_clusters


def test_clusters_of_one_pair_each_are_independent_pairs() -> None:
    alone, clustered = bland_altman(MINI, WRIGHT), bland_altman(MINI, WRIGHT, clusters=range(17))
    assert clustered.loa_low_ci == alone.loa_low_ci
    assert clustered.slope_p == alone.slope_p
    assert clustered.clusters == 17
    assert not clustered.few_clusters


def test_readers_who_agree_exactly_or_differ_by_a_constant() -> None:
    same = bland_altman([1.0, 2.0, 4.0], [1.0, 2.0, 4.0])
    assert (same.bias, same.sd, same.loa_low_ci) == (0.0, 0.0, (0.0, 0.0))
    apart = bland_altman([0.1, 0.2, 0.4], [0.4, 0.5, 0.7], clusters=[1, 1, 2])
    assert apart.loa_high == pytest.approx(0.3)
    assert apart.slope == 0.0
    assert math.isnan(apart.slope_p)
    level = bland_altman([1.0, 2.0, 3.0], [3.0, 2.0, 1.0])
    assert math.isnan(level.slope)
    assert level.to_json()["slope"] is None
    json.dumps(level.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("a", "b", "clusters", "sentence"),
    [
        ([1.0, 2.0], [1.0, 2.0], None, "at least 3 pairs; there are 2"),
        ([1.0, 2.0, 3.0], [1.0, 2.0], None, "two equally long rows"),
        ([1.0, np.nan, 3.0], [1.0, 2.0, 3.0], None, r"\(pair, reader\) \(1, 0\)"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, np.inf], None, r"\(2, 1\)"),
        (["1", "2", "3"], [1.0, 2.0, 3.0], None, "must be numbers"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 4.0], ["p", "p"], "2 cluster labels for 3 rows"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 4.0], ["p"] * 3, "at least 2 clusters"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 4.0], ["p", None, "q"], "Row 1 .* no cluster label"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 4.0], [1.0, math.nan, 2.0], "Row 1 .* no cluster label"),
    ],
)
def test_what_cannot_be_compared_is_refused(a, b, clusters, sentence: str) -> None:
    with pytest.raises(StatsError, match=sentence):
        bland_altman(a, b, clusters=clusters)
