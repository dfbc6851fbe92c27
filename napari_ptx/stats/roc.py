"""The ROC curve, its band, and thresholds learned from it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.tables import (
    cluster_codes,
    confidence_level,
    numbers,
    truth_and_score,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RocCurve:
    """The points of an empirical ROC curve, from (0, 0) to (1, 1).

    Parameters
    ----------
    fpr, tpr
        ``(k,)`` false and true positive rates.
    thresholds
        ``(k,)`` falling: a case is positive where its score >= threshold. The first
        is infinite, the others are the different scores.
    """

    fpr: Floats
    tpr: Floats
    thresholds: Floats

    @property
    def auc(self) -> float:
        """The area under straight lines between the points: the Mann-Whitney statistic."""
        return float(np.sum(np.diff(self.fpr) * (self.tpr[1:] + self.tpr[:-1])) / 2.0)


@dataclass(frozen=True, eq=False)
class RocBand:
    """An ROC curve with the limits of its sensitivity at each false positive rate.

    Parameters
    ----------
    fpr
        ``(k,)`` the grid.
    tpr
        ``(k,)`` of the curve itself; on a vertical piece the highest.
    low, high
        ``(k,)`` pointwise limits; they are no limits of the curve as a whole.
    clusters
        Clusters that were resampled, or None where rows were.
    replicates, seed, confidence
        How the band was made; the same call gives the same band.
    """

    fpr: Floats
    tpr: Floats
    low: Floats
    high: Floats
    clusters: int | None
    replicates: int
    seed: int
    confidence: float


def roc_curve(truth: ArrayLike, score: ArrayLike) -> RocCurve:
    """Give every point of the empirical ROC curve.

    Parameters
    ----------
    truth
        ``(n,)`` 0 or 1.
    score
        ``(n,)``; a higher score means class 1.

    Raises
    ------
    StatsError
        For a truth that is not 0 or 1 or has one class, missing or infinite scores,
        and unequal lengths.

    Examples
    --------
    >>> curve = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])
    >>> curve.thresholds.tolist(), curve.tpr.tolist(), curve.fpr.tolist()
    ([inf, 0.8, 0.4, 0.1], [0.0, 0.5, 1.0, 1.0], [0.0, 0.0, 0.5, 1.0])
    >>> curve.auc
    0.875
    """
    ranked = _Ranked(*truth_and_score(truth, score))
    fpr, tpr = ranked.rates()
    return RocCurve(fpr, tpr, ranked.thresholds)


def roc_band(
    truth: ArrayLike,
    score: ArrayLike,
    *,
    clusters: Iterable[Any] | None = None,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    grid: ArrayLike | None = None,
) -> RocBand:
    """Give pointwise limits of an ROC curve by vertical averaging of bootstrap curves.

    Parameters
    ----------
    truth, score
        As for ``roc_curve``.
    clusters
        The patient of each row, where a patient has several rows.
    confidence, replicates, seed
        The level, the number of replicates, and the seed of their draw.
    grid
        Rising false positive rates in [0, 1]; otherwise 0, 0.01, ..., 1.

    Raises
    ------
    StatsError
        As ``roc_curve``; for a grid that is not rising or not in [0, 1], fewer than
        2 clusters, or no replicates.

    Notes
    -----
    The bootstrap is stratified: rows are resampled within their class, and clusters
    within those that have only positive rows, only negative rows, or both, so that
    every replicate has both classes. The limits are quantiles of the replicates'
    sensitivity at each rate of the grid, straight lines joining a curve's points
    (vertical averaging, Fawcett 2006, Algorithm 3).

    References
    ----------
    Fawcett (2006), Pattern Recognition Letters 27, 861-874.
    """
    confidence = confidence_level(confidence)
    if replicates < 1:
        raise StatsError(f"There must be at least 1 replicate, not {replicates}.")
    positive, values = truth_and_score(truth, score)
    rates = _grid(grid)
    codes, count = (
        (np.arange(len(positive)), len(positive))
        if clusters is None
        else cluster_codes(clusters, len(positive))
    )
    ranked = _Ranked(positive, values)
    random = np.random.default_rng(seed)
    strata = _strata(positive, codes, count)
    found = np.empty((replicates, len(rates)))
    for replicate in range(replicates):
        drawn = np.concatenate([random.choice(members, size=len(members)) for members in strata])
        weights = np.bincount(drawn, minlength=count)[codes]
        found[replicate] = _vertical(*ranked.rates(weights), rates)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(found, [tail, 1.0 - tail], axis=0)
    return RocBand(
        fpr=rates,
        tpr=_vertical(*ranked.rates(), rates),
        low=low,
        high=high,
        clusters=None if clusters is None else count,
        replicates=replicates,
        seed=seed,
        confidence=confidence,
    )


def youden(truth: ArrayLike, score: ArrayLike) -> float:
    """Learn the threshold with the largest sensitivity + specificity - 1.

    Learn it on validation data, not on those that it will be judged by. A case is
    positive where its score >= threshold; the threshold lies midway between two
    scores, so that rounding changes no verdict. Among equally good thresholds it is
    the highest, which has the most specificity.

    Raises
    ------
    StatsError
        As ``roc_curve``.

    References
    ----------
    Youden (1950), Cancer 3, 32-35.
    """
    ranked = _Ranked(*truth_and_score(truth, score))
    true, false = ranked.counts()
    # In whole numbers, so that equally good thresholds are exactly equal.
    gain = true[1:] * false[-1] - false[1:] * true[-1]
    return _midway(ranked.thresholds, int(np.argmax(gain)) + 1)


def threshold_for_sensitivity(truth: ArrayLike, score: ArrayLike, sensitivity: float) -> float:
    """Learn the highest threshold that reaches a sensitivity.

    Learn it on validation data, not on those that it will be judged by. A case is
    positive where its score >= threshold; the threshold lies midway between two scores.

    Parameters
    ----------
    truth, score
        As for ``roc_curve``.
    sensitivity
        Above 0, at most 1.

    Raises
    ------
    StatsError
        As ``roc_curve``, and for a sensitivity out of its range.
    """
    if not 0.0 < sensitivity <= 1.0:
        raise StatsError(f"The sensitivity must lie above 0 and at most at 1, not {sensitivity}.")
    ranked = _Ranked(*truth_and_score(truth, score))
    true, _ = ranked.counts()
    # 0.9 of 10 positives are 9, whatever the rounding of the product
    needed = math.ceil(sensitivity * true[-1] * (1.0 - 1e-12))
    return _midway(ranked.thresholds, int(np.argmax(true >= needed)))


class _Ranked:
    """Cases in the order of falling scores, for counting at every threshold."""

    def __init__(self, positive: NDArray[np.bool_], score: Floats) -> None:
        order = np.argsort(-score, kind="stable")
        falling = score[order]
        self._order = order
        self._positive = positive[order]
        self._last = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)
        self.thresholds = np.concatenate([[np.inf], falling[self._last]])

    def counts(
        self, weights: NDArray[np.intp] | None = None
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Give true and false positives at each threshold, rows counted by weight."""
        weight = np.ones(len(self._order), np.intp) if weights is None else weights[self._order]
        total = np.cumsum(weight)[self._last]
        true = np.cumsum(weight * self._positive)[self._last]
        return np.concatenate([[0], true]), np.concatenate([[0], total - true])

    def rates(self, weights: NDArray[np.intp] | None = None) -> tuple[Floats, Floats]:
        """Give the false and the true positive rate at each threshold."""
        true, false = self.counts(weights)
        return false / false[-1], true / true[-1]


def _vertical(fpr: Floats, tpr: Floats, grid: Floats) -> Floats:
    """Sensitivity at each rate of the grid; the highest where the curve is vertical."""
    last = np.searchsorted(fpr, grid, side="right") - 1
    after = np.minimum(last + 1, len(fpr) - 1)
    width = fpr[after] - fpr[last]
    share = np.where(width > 0.0, (grid - fpr[last]) / np.where(width > 0.0, width, 1.0), 0.0)
    return np.asarray(tpr[last] + share * (tpr[after] - tpr[last]))


def _strata(
    positive: NDArray[np.bool_], codes: NDArray[np.intp], count: int
) -> list[NDArray[np.intp]]:
    """The clusters of each kind: positive rows only, negative rows only, both."""
    has_positive = np.bincount(codes[positive], minlength=count) > 0
    has_negative = np.bincount(codes[~positive], minlength=count) > 0
    kind = has_positive + 2 * has_negative.astype(np.intp)
    return [np.flatnonzero(kind == k) for k in (1, 2, 3) if (kind == k).any()]


def _grid(grid: ArrayLike | None) -> Floats:
    if grid is None:
        return np.linspace(0.0, 1.0, 101)
    rates = numbers(grid, "grid")
    inside = rates.ndim == 1 and rates.size and np.all((rates >= 0.0) & (rates <= 1.0))
    if not inside or np.any(np.diff(rates) <= 0.0):
        raise StatsError("The grid must be rising false positive rates between 0 and 1.")
    return rates


def _midway(thresholds: Floats, place: int) -> float:
    """A threshold between the score at ``place`` and the next lower one."""
    score = thresholds[place]
    if place + 1 == len(thresholds):
        return float(score)
    middle = thresholds[place + 1] + (score - thresholds[place + 1]) / 2.0
    # neighbouring floats have nothing between them
    return float(middle if middle > thresholds[place + 1] else score)
