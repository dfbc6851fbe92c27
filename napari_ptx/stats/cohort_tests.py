"""The tests that compare the groups of a cohort, each with the name that a table prints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
TTest = Literal["welch", "student"]

SHAPIRO_LIMITS = (3, 5000)
"""The numbers of values between which the Shapiro-Wilk test is made."""

_MOST_TABLES = 2_000_000
_DRAWS = 100_000
_EXACT_RANKS = 50  # below this size of both groups, as in R's wilcox.test


class Tested(NamedTuple):
    """The name of a test and its p value, NaN where there is nothing to test."""

    test: str
    p: float


def shapiro(values: Floats) -> float:
    """P value of the Shapiro-Wilk test; NaN where it is not made.

    It is not made of fewer than 3 or more than 5,000 values, or of equal ones.
    """
    from scipy import stats

    least, most = SHAPIRO_LIMITS
    if not least <= len(values) <= most or np.ptp(values) == 0.0:
        return math.nan
    return float(stats.shapiro(values).pvalue)


def compare_means(groups: Sequence[Floats], kind: TTest) -> Tested:
    """Compare means: the t test of two groups, the analysis of variance of more."""
    from scipy import stats

    name = ("Welch's" if kind == "welch" else "Student's") + " t"
    if len(groups) > 2:
        name = "Welch's ANOVA" if kind == "welch" else "ANOVA"
    if any(len(group) < 2 or np.ptp(group) == 0.0 for group in groups):
        return Tested(name, math.nan)
    if len(groups) == 2:
        result = stats.ttest_ind(*groups, equal_var=kind == "student")
        return Tested(name, float(result.pvalue))
    if kind == "student":
        return Tested(name, float(stats.f_oneway(*groups).pvalue))
    from statsmodels.stats.oneway import anova_oneway

    result = anova_oneway(list(groups), use_var="unequal", welch_correction=True)
    return Tested(name, float(result.pvalue))


def compare_ranks(groups: Sequence[Floats]) -> Tested:
    """Compare ranks: Mann-Whitney for two groups, Kruskal-Wallis for more.

    Mann-Whitney is exact for groups below 50 without ties; otherwise it is the normal
    approximation with correction for ties and continuity. R does the same.
    """
    from scipy import stats

    name = "Mann-Whitney" if len(groups) == 2 else "Kruskal-Wallis"
    everything = np.concatenate(groups)
    if min(map(len, groups)) == 0 or np.ptp(everything) == 0.0:
        return Tested(name, math.nan)
    if len(groups) > 2:
        return Tested(name, float(stats.kruskal(*groups).pvalue))
    ties = len(np.unique(everything)) < len(everything)
    exact = max(map(len, groups)) < _EXACT_RANKS and not ties
    result = stats.mannwhitneyu(*groups, method="exact" if exact else "asymptotic")
    return Tested(f"{name}, exact" if exact else name, float(result.pvalue))


def compare_counts(table: Counts, yates: bool = False) -> Tested:
    """Compare proportions in a table ``(groups, levels)``: chi-squared or Fisher's exact.

    Fisher's where an expected count of a 2 x 2 table is below 5; in larger tables where
    one is below 1 or more than a fifth are below 5 (Cochran 1954).
    """
    from scipy import stats

    table = table[:, table.sum(axis=0) > 0]
    if (table.sum(axis=1) == 0).any() or table.shape[1] < 2:
        return Tested("chi-squared", math.nan)
    expected = stats.contingency.expected_freq(table)
    small = (expected < 5.0).any()
    if table.shape != (2, 2):
        small = (expected < 1.0).any() or (expected < 5.0).mean() > 0.2
    if small:
        return fisher(table)
    square = table.shape == (2, 2) and yates
    result = stats.chi2_contingency(table, correction=square)
    name = "chi-squared, Yates" if square else "chi-squared"
    return Tested(name, float(result.pvalue))


def fisher(table: Counts) -> Tested:
    """Fisher's exact test of a table of any size without empty rows or columns.

    P is the probability of all tables with the same margins that are not more probable
    than this one. Where there may be more than two million of them, 100,000 are drawn.
    """
    from scipy import stats

    if table.shape == (2, 2):
        return Tested("Fisher's exact", float(stats.fisher_exact(table).pvalue))
    wide, tall = _work(table), _work(table.T)
    if min(wide, tall) > _MOST_TABLES:
        margins = stats.random_table(table.sum(axis=1), table.sum(axis=0), seed=0)
        drawn = margins.logpmf(margins.rvs(_DRAWS))
        rarer = int((drawn <= margins.logpmf(table) + 1e-7).sum())
        return Tested("Fisher's, simulated", (rarer + 1) / (_DRAWS + 1))
    return Tested("Fisher's exact", _fisher_exact(table if wide <= tall else table.T))


def _work(table: Counts) -> int:
    """The number of tables at most: each row but the largest placed freely."""
    rows = sorted(table.sum(axis=1).tolist())[:-1]
    columns = table.shape[1]
    return math.prod(math.comb(int(row) + columns - 1, columns - 1) for row in rows)


def _fisher_exact(table: Counts) -> float:
    from scipy.special import gammaln

    rows = np.sort(table.sum(axis=1))
    left = table.sum(axis=0)[None, :]
    weight = np.zeros(1)
    for row in rows[:-1]:
        ways = _ways(int(row), table.shape[1])
        rest = left[:, None, :] - ways[None, :, :]
        possible = (rest >= 0).all(axis=2)
        weight = (weight[:, None] - gammaln(ways + 1.0).sum(axis=1)[None, :])[possible]
        left = rest[possible]
    weight = weight - gammaln(left + 1.0).sum(axis=1)
    seen = -gammaln(table + 1.0).sum()
    # the tolerance of R's fisher.test
    rarer = weight <= seen + 1e-7
    largest = weight.max()
    return float(np.exp(weight[rarer] - largest).sum() / np.exp(weight - largest).sum())


def _ways(total: int, columns: int) -> Counts:
    """All ways to share ``total`` among ``columns``, ``(ways, columns)``."""
    if columns == 1:
        return np.array([[total]], dtype=np.int64)
    parts = []
    for first in range(total + 1):
        rest = _ways(total - first, columns - 1)
        parts.append(np.column_stack([np.full(len(rest), first, dtype=np.int64), rest]))
    return np.concatenate(parts)
