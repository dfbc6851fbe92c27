"""The oracle: R's pROC on its own data, aSAH (Turck et al. 2010), and on ties and offsets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_ptx.stats import compare_auc, roc_curve, threshold_for_sensitivity, youden
from tests.stats.r import ask_r

pytestmark = pytest.mark.r

MARKERS = ("s100b", "wfns", "ndka")
PAIRS = ((0, 1), (0, 2), (1, 2))

SCRIPT = """
suppressMessages(library(pROC))
data(aSAH)
show <- function(...) cat(sprintf("%.17g\\n", c(...)))
rocs <- lapply(c("s100b", "wfns", "ndka"), function(name)
  roc(aSAH$outcome, as.numeric(aSAH[[name]]), levels = c("Good", "Poor"), direction = "<"))
for (r in rocs) for (level in c(0.95, 0.9))
  show(auc(r), var(r, method = "delong"), ci.auc(r, method = "delong", conf.level = level)[c(1, 3)])
for (pair in list(c(1, 2), c(1, 3), c(2, 3))) {
  test <- roc.test(rocs[[pair[1]]], rocs[[pair[2]]], method = "delong", paired = TRUE)
  show(diff(rev(test$estimate)), test$statistic, test$p.value, test$conf.int)
}
"""
TABLE = """
suppressMessages(library(pROC))
data(aSAH)
cat(sprintf("%.17g\\n", c(t(cbind(aSAH$outcome == "Poor", aSAH$s100b, as.numeric(aSAH$wfns),
  aSAH$ndka, aSAH$age)))))
"""


@pytest.fixture(scope="module")
def asah(tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.float64]:
    cells = ask_r(TABLE, tmp_path_factory.mktemp("asah"), "pROC")
    return np.reshape(cells, (113, 5)).T


def test_areas_variances_limits_and_paired_tests_equal_proc(asah, tmp_path: Path) -> None:
    numbers = ask_r(SCRIPT, tmp_path, "pROC")
    expected = iter(np.reshape(numbers[:24], (6, 4)))
    tests = np.reshape(numbers[24:], (3, 5))
    truth, *scores, _ = asah
    result = compare_auc(truth, scores, names=MARKERS)
    assert (result.positives, result.negatives) == (41, 72)
    for i in range(3):
        for level in (0.95, 0.9):
            found = [result.auc[i], result.cov[i, i], *result.ci(level)[i]]
            np.testing.assert_allclose(found, next(expected), rtol=0, atol=1e-12)
    for (i, j), row in zip(PAIRS, tests, strict=True):
        test = result.test(i, j)
        found = [test.difference, test.z, test.p, test.low, test.high]
        np.testing.assert_allclose(found, row, rtol=1e-10, atol=1e-12)


def test_what_procs_documentation_prints(asah) -> None:
    # Robin et al. 2011, BMC Bioinformatics 12:77; roc.test(roc1, roc2) of S100b and WFNS
    truth, s100b, wfns, *_ = asah
    result = compare_auc(truth, [s100b, wfns])
    test = result.test(0, 1)
    assert result.auc.round(7).tolist() == [0.7313686, 0.8236789]
    assert (round(test.z, 3), round(test.p, 5)) == (-2.209, 0.02718)


def test_clustered_covariance_equals_the_program_of_obuchowskis_group(asah) -> None:
    # funcs_clusteredROC.R (Cleveland Clinic; doAUCcluster in the R package iMRMC) on
    # S100b and NDKA, with patients of the same age as one cluster
    truth, s100b, _, ndka, age = asah
    result = compare_auc(truth, [s100b, ndka], clusters=age)
    assert (result.clusters, result.positive_clusters, result.negative_clusters) == (52, 30, 44)
    expected = [[0.0028350270324449811, -0.0011366200104578311],
                [-0.0011366200104578311, 0.0032769718476923669]]  # fmt: skip
    np.testing.assert_allclose(result.cov, expected, rtol=1e-12)
    np.testing.assert_allclose(result.auc, [0.73136856368563685, 0.61195799457994582], rtol=1e-14)


def test_points_and_thresholds_of_the_curve_equal_proc(asah, tmp_path: Path) -> None:
    code = """
    suppressMessages(library(pROC))
    data(aSAH)
    show <- function(...) cat(sprintf("%.17g\\n", c(...)))
    for (name in c("s100b", "wfns", "ndka")) {
      r <- roc(aSAH$outcome, as.numeric(aSAH[[name]]), levels = c("Good", "Poor"), direction = "<")
      all <- coords(r, "all", ret = c("specificity", "sensitivity"))
      best <- coords(r, "best", best.method = "youden", ret = "threshold")
      enough <- coords(r, "all", ret = c("threshold", "sensitivity"))
      show(length(all$specificity), rev(1 - all$specificity), rev(all$sensitivity),
           max(best$threshold), max(enough$threshold[enough$sensitivity >= 0.9]))
    }
    """
    numbers = ask_r(code, tmp_path, "pROC")
    truth, *scores, _ = asah
    for score in scores:
        curve = roc_curve(truth, score)
        count = int(numbers.pop(0))
        expected = numbers[: 2 * count + 2]
        del numbers[: 2 * count + 2]
        np.testing.assert_allclose([*curve.fpr, *curve.tpr], expected[:-2], rtol=0, atol=1e-15)
        assert youden(truth, score) == pytest.approx(expected[-2], rel=1e-14)
        found = threshold_for_sensitivity(truth, score, 0.9)
        assert found == pytest.approx(expected[-1], rel=1e-14)
    assert not numbers


def test_ties_offsets_and_few_cases_equal_proc(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    code = (
        "suppressMessages(library(pROC))\n"
        "cells <- as.matrix(read.csv('cells.csv', header = FALSE))\n"
        "one <- roc(cells[, 1], cells[, 2], levels = c(0, 1), direction = '<', quiet = TRUE)\n"
        "two <- roc(cells[, 1], cells[, 3], levels = c(0, 1), direction = '<', quiet = TRUE)\n"
        "test <- roc.test(one, two, method = 'delong', paired = TRUE)\n"
        "cat(sprintf('%.17g\\n', c(auc(one), auc(two), var(one, method = 'delong'),"
        " test$statistic, test$p.value)))\n"
    )
    for n, offset in ((12, 0.0), (200, 1e6)):
        truth = np.arange(n) % 3 == 0
        grades = np.round(2 * rng.normal(size=(2, n)) + truth) + offset
        np.savetxt(tmp_path / "cells.csv", np.column_stack([truth, *grades]), "%.17g", ",")
        result = compare_auc(truth, grades)
        test = result.test(0, 1)
        found = [*result.auc, result.cov[0, 0], test.z, test.p]
        np.testing.assert_allclose(found, ask_r(code, tmp_path, "pROC"), rtol=1e-9, atol=1e-12)
