"""Areas under ROC curves and their comparison, for independent and for clustered rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from napari_ptx.stats.bootstrap import FEW_CLUSTERS
from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.tables import (
    cluster_codes,
    confidence_level,
    numbers,
    places,
    two_classes,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AUCTest:
    """The comparison of two areas on the same cases.

    Parameters
    ----------
    difference
        Area of the first model minus that of the second.
    z, p
        Of difference = 0, by the normal distribution, two-sided. Where the difference
        has variance 0: z = 0 and p = 1 if it is 0, else an infinite z and p = 0.
    low, high
        Confidence limits of the difference; they are not clipped.
    """

    difference: float
    z: float
    p: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class AUCComparison:
    """Areas of several models on the same cases, with their covariance.

    Parameters
    ----------
    names
        Of the m models.
    auc
        ``(m,)`` areas.
    cov
        ``(m, m)`` their covariance.
    positives, negatives
        Rows of each class.
    clusters, positive_clusters, negative_clusters
        How many clusters there are, and how many of them have a positive and a
        negative row; None where the rows are independent.
    """

    names: tuple[str, ...]
    auc: Floats
    cov: Floats
    positives: int
    negatives: int
    clusters: int | None
    positive_clusters: int | None
    negative_clusters: int | None
    _parts: _Parts = field(repr=False)

    @property
    def few_clusters(self) -> bool:
        """Whether there are fewer than 20 clusters: the intervals tend to be too narrow."""
        return self.clusters is not None and self.clusters < FEW_CLUSTERS

    def ci(self, confidence: float = 0.95) -> Floats:
        """Give the limits ``(m, 2)`` of the areas, clipped to 0 and 1.

        They are symmetric about the area before clipping, as those of R's pROC are;
        an area of exactly 0 or 1 has variance 0 and an interval of no width.
        """
        reach = _reach(confidence) * np.sqrt(np.diag(self.cov))
        limits = np.stack([self.auc - reach, self.auc + reach], axis=1)
        return np.clip(limits, 0.0, 1.0)

    def test(self, i: int | str, j: int | str, confidence: float = 0.95) -> AUCTest:
        """Compare two models, each by its place (from 0) or its name.

        Raises
        ------
        StatsError
            For a model that is not there.
        """
        first, second = self._place(i), self._place(j)
        # Both from whole numbers: equal areas differ by exactly 0, and curves that
        # rank alike have a variance of exactly 0.
        difference = self._parts.difference(first, second)
        error = math.sqrt(self._parts.variance(first, second))
        if error > 0.0:
            z = difference / error
        else:
            z = 0.0 if difference == 0.0 else math.copysign(math.inf, difference)
        reach = _reach(confidence) * error
        return AUCTest(
            difference=difference,
            z=z,
            p=2.0 * float(ndtr(-abs(z))),
            low=difference - reach,
            high=difference + reach,
        )

    def p_matrix(self, adjust: Literal["holm"] | None = None) -> Floats:
        """Give the p values ``(m, m)`` of all pairs, with 1 on the diagonal.

        Parameters
        ----------
        adjust
            "holm" for the step-down adjustment over all m (m - 1) / 2 pairs.

        Raises
        ------
        StatsError
            For another adjustment.
        """
        from napari_ptx.stats.multiplicity import holm

        if adjust not in (None, "holm"):
            raise StatsError(f"The adjustment must be 'holm' or None, not {adjust!r}.")
        count = len(self.names)
        rows, columns = np.triu_indices(count, k=1)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        found = np.array([self.test(i, j).p for i, j in pairs])
        if adjust == "holm" and found.size:
            found = holm(found)
        matrix = np.eye(count)
        matrix[rows, columns] = matrix[columns, rows] = found
        return matrix

    def to_json(self, confidence: float = 0.95) -> dict[str, Any]:
        """Give plain numbers: ``auc`` by model, ``pairs``, ``clusters``; infinite z is None."""
        limits = self.ci(confidence)
        return {
            "auc": {
                name: {
                    "auc": float(self.auc[i]),
                    "var": float(self.cov[i, i]),
                    "low": float(limits[i, 0]),
                    "high": float(limits[i, 1]),
                }
                for i, name in enumerate(self.names)
            },
            "pairs": [self._pair(a, b, confidence) for a, b in combinations(self.names, 2)],
            "clusters": self.clusters,
            "positives": self.positives,
            "negatives": self.negatives,
            "confidence": confidence,
        }

    def _pair(self, a: str, b: str, confidence: float) -> dict[str, Any]:
        found = self.test(a, b, confidence)
        return {
            "a": a,
            "b": b,
            "difference": found.difference,
            "z": found.z if math.isfinite(found.z) else None,
            "p": found.p,
            "low": found.low,
            "high": found.high,
        }

    def _place(self, model: int | str) -> int:
        if isinstance(model, str):
            if model not in self.names:
                raise StatsError(f"There is no model {model!r}, only {', '.join(self.names)}.")
            return self.names.index(model)
        if not 0 <= model < len(self.names):
            raise StatsError(f"There is no model {model}; the last is {len(self.names) - 1}.")
        return model


def compare_auc(
    truth: ArrayLike,
    scores: ArrayLike,
    clusters: Iterable[Any] | None = None,
    names: Sequence[str] | None = None,
) -> AUCComparison:
    """Estimate the areas under the ROC curves of models on the same cases.

    Parameters
    ----------
    truth
        ``(n,)`` 0 or 1.
    scores
        ``(m, n)`` of m models, or ``(n,)`` of one; a higher score means class 1.
    clusters
        The patient of each row, where a patient has several rows.
    names
        Of the models; otherwise "1", "2", ...

    Raises
    ------
    StatsError
        For a truth that is not 0 or 1, missing or infinite scores, unequal lengths,
        names that are not m different ones, or fewer than 2 positives or negatives
        (with clusters: clusters that have one), which leave no variance.

    Notes
    -----
    The area is the Mann-Whitney statistic with ties counting half. Independent rows:
    the covariance is DeLong's (1988), from the placements of each row among the rows
    of the other class; binary search in the sorted class gives the numbers that
    midranks give (Sun & Xu 2014), in O(n log n) for each model, and as whole numbers.

    Clustered rows: Obuchowski's covariance (1997), from the sums of placements in each
    cluster, with the divisors I10/(I10 - 1) over the clusters that have a positive
    row, I01/(I01 - 1) over those that have a negative one, and I/(I - 1) for the
    covariance of the two sums. With these divisors every row its own cluster gives
    exactly DeLong's covariance, and no variance is negative. In simulated studies with
    1 to 7 alike images of each of 15, 30, 60 and 120 patients, the test of two equal
    models at 5% rejected 10, 7, 6.5 and 5% of 1000 times (rows as independent: 27-30%),
    and the 95% interval of an area of 0.76 held it 83, 87, 93 and 95% of the time.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44, 837-845.
    Sun & Xu (2014), IEEE Signal Processing Letters 21, 1389-1393.
    Obuchowski (1997), Biometrics 53, 567-578.

    Examples
    --------
    >>> result = compare_auc([0, 0, 0, 1, 1, 1], [[1, 2, 4, 3, 5, 6], [2, 1, 3, 1, 2, 4]])
    >>> [round(float(area), 3) for area in result.auc]
    [0.889, 0.556]
    >>> round(result.test(0, 1).p, 3)
    0.083
    """
    positive = two_classes(truth)
    values = _scores(scores, len(positive))
    labels = _names(names, len(values))
    codes, count = (
        (np.arange(len(positive)), len(positive))
        if clusters is None
        else cluster_codes(clusters, len(positive))
    )
    parts = _parts(positive, values, codes, count, clustered=clusters is not None)
    return AUCComparison(
        names=labels,
        auc=parts.areas(),
        cov=parts.covariance(),
        positives=int(np.count_nonzero(positive)),
        negatives=int(np.count_nonzero(~positive)),
        clusters=None if clusters is None else count,
        positive_clusters=None if clusters is None else parts.with_positive,
        negative_clusters=None if clusters is None else parts.with_negative,
        _parts=parts,
    )


@dataclass(frozen=True, eq=False)
class _Parts:
    """What areas and covariance are made of, in whole numbers, which are exact.

    ``pairs`` ``(m,)`` counts twice the pairs in order. ``positive`` and ``negative``
    ``(m, clusters)`` are the centred placements summed over each cluster.
    """

    pairs: Floats
    positive: Floats
    negative: Floats
    positives: int
    negatives: int
    with_positive: int
    with_negative: int

    def areas(self) -> Floats:
        return np.asarray(self.pairs / (2.0 * self.positives * self.negatives))

    def difference(self, i: int, j: int) -> float:
        pairs = float(self.pairs[i] - self.pairs[j])
        return pairs / (2.0 * self.positives * self.negatives)

    def covariance(self) -> Floats:
        found = self._products(self.positive, self.negative)
        # what is 0 may round to less
        np.fill_diagonal(found, np.maximum(np.diag(found), 0.0))
        return found

    def variance(self, i: int, j: int) -> float:
        """Variance of the difference of two areas, without the cancellation of their sum."""
        positive = self.positive[i] - self.positive[j]
        negative = self.negative[i] - self.negative[j]
        return max(0.0, float(self._products(positive[None], negative[None])[0, 0]))

    def _products(self, positive: Floats, negative: Floats) -> Floats:
        # centred sums are in units of 1/2 of a pair, times the size of the own class
        unit = 2.0 * self.positives * self.negatives
        x, y = positive / (unit * self.positives), negative / (unit * self.negatives)
        mixed = x @ y.T
        clusters = x.shape[1]
        return np.asarray(
            _divisor(self.with_positive) * (x @ x.T)
            + _divisor(self.with_negative) * (y @ y.T)
            + _divisor(clusters) * (mixed + mixed.T)
        )


def _parts(
    positive: NDArray[np.bool_],
    values: Floats,
    codes: NDArray[np.intp],
    count: int,
    clustered: bool,
) -> _Parts:
    m, n = int(np.count_nonzero(positive)), int(np.count_nonzero(~positive))
    with_positive = len(np.unique(codes[positive]))
    with_negative = len(np.unique(codes[~positive]))
    for found, kind in ((with_positive, "positive"), (with_negative, "negative")):
        if found < 2:
            rows = f"clusters that have a {kind} row" if clustered else f"{kind} rows"
            raise StatsError(f"The variance of an AUC needs at least 2 {rows}; there is {found}.")
    pairs = np.empty(len(values))
    of_positive, of_negative = np.empty((2, len(values), count))
    for model, row in enumerate(values):
        high, low = row[positive], row[~positive]
        above = _doubled_placements(high, low)
        pairs[model] = above.sum()
        centred = m * above - pairs[model]
        of_positive[model] = np.bincount(codes[positive], centred, minlength=count)
        centred = n * (2.0 * m - _doubled_placements(low, high)) - pairs[model]
        of_negative[model] = np.bincount(codes[~positive], centred, minlength=count)
    return _Parts(pairs, of_positive, of_negative, m, n, with_positive, with_negative)


def _doubled_placements(values: Floats, others: Floats) -> Floats:
    """Twice the number of ``others`` below each value, with one for each equal to it."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, values, side="left")
    return np.asarray(below + np.searchsorted(ordered, values, side="right"), dtype=np.float64)


def _divisor(count: int) -> float:
    return count / (count - 1.0)


def _reach(confidence: float) -> float:
    return float(ndtri(0.5 + confidence_level(confidence) / 2.0))


def _scores(scores: ArrayLike, rows: int) -> Floats:
    values = np.atleast_2d(numbers(scores, "scores"))
    if values.ndim != 2 or values.shape[1] != rows or not len(values):
        raise StatsError(
            f"The scores must have the shape (models, {rows}), a row of {rows} for each model, "
            f"not {values.shape}."
        )
    wrong = ~np.isfinite(values)
    if wrong.any():
        raise StatsError(
            f"Scores are missing or infinite {places(wrong, 'model, case')}; leave out these cases."
        )
    return values


def _names(names: Sequence[str] | None, models: int) -> tuple[str, ...]:
    if names is None:
        return tuple(str(i + 1) for i in range(models))
    if len(names) != models or len(set(names)) != models:
        raise StatsError(
            f"There must be {models} different names for {models} models, not "
            f"{', '.join(map(str, names)) or 'none'}."
        )
    return tuple(str(name) for name in names)
