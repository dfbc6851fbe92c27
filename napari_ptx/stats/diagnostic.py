"""What a threshold makes of a score: counts, and metrics with three kinds of interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ptx.stats.bootstrap import FEW_CLUSTERS, cluster_bootstrap
from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.proportions import proportion_limits
from napari_ptx.stats.tables import (
    binary,
    cluster_codes,
    confidence_level,
    finite_row,
    numbers,
    places,
)

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

METRICS = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1")
"""Metrics of a 2 x 2 table, in the order of ``Diagnostic.metrics``."""

_KINDS: tuple[tuple[Literal["exact", "wilson"], str], ...] = (("exact", ""), ("wilson", "wilson_"))


@dataclass(frozen=True, eq=False)
class Diagnostic:
    """A 2 x 2 table and its metrics.

    Parameters
    ----------
    tp, fn, fp, tn
        True positives, false negatives, false positives, true negatives: rows.
    metrics
        One row for each of ``METRICS``; columns ``value``; ``low``, ``high``: exact
        (Clopper-Pearson); ``wilson_low``, ``wilson_high``; ``cluster_low``,
        ``cluster_high``: cluster bootstrap, NaN without clusters. A metric without
        cases (0/0) is NaN in every column.
    clusters
        How many there are, or None.
    confidence
        Level of the intervals.
    """

    tp: int
    fn: int
    fp: int
    tn: int
    metrics: pd.DataFrame
    clusters: int | None
    confidence: float

    @property
    def few_clusters(self) -> bool:
        """Whether there are fewer than 20 clusters: their intervals tend to be too narrow."""
        return self.clusters is not None and self.clusters < FEW_CLUSTERS

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers; what is undefined is None."""
        return {
            "tp": self.tp,
            "fn": self.fn,
            "fp": self.fp,
            "tn": self.tn,
            "metrics": {
                str(name): {
                    str(column): float(cell) if np.isfinite(cell) else None
                    for column, cell in row.items()
                }
                for name, row in self.metrics.iterrows()
            },
            "clusters": self.clusters,
            "confidence": self.confidence,
        }


def diagnostic(
    truth: ArrayLike,
    score: ArrayLike,
    threshold: ArrayLike,
    *,
    clusters: Iterable[Any] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Diagnostic:
    """Count the verdicts of a threshold, and give their metrics with intervals.

    Parameters
    ----------
    truth
        ``(n,)`` 0 or 1. With one class alone, what needs the other is NaN.
    score
        ``(n,)``; a case is called positive where its score >= threshold.
    threshold
        A number, or ``(n,)`` one for each row, as folds have that learn their own.
    clusters
        The patient of each row, where a patient has several rows.
    confidence
        Level of the intervals.
    seed
        Of the cluster bootstrap (2,000 replicates, percentiles).

    Raises
    ------
    StatsError
        For a truth that is not 0 or 1, missing scores or thresholds, unequal lengths,
        or fewer than 2 clusters.

    Notes
    -----
    The exact and the Wilson interval take the rows as independent. The F1 score is
    2 J / (1 + J) of the proportion J = tp / (tp + fn + fp), which is binomial given
    that sum, so its limits are those of J transformed. A cluster bootstrap limit is
    NaN where a replicate leaves the metric undefined (no case to divide by).

    References
    ----------
    Clopper & Pearson (1934), Biometrika 26, 404-413.
    Wilson (1927), Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> result = diagnostic([1, 1, 1, 0, 0], [0.9, 0.6, 0.2, 0.4, 0.7], 0.5)
    >>> result.tp, result.fn, result.fp, result.tn
    (2, 1, 1, 1)
    >>> result.metrics.loc["sensitivity", ["value", "low", "high"]].round(3).tolist()
    [0.667, 0.094, 0.992]
    """
    import pandas as pd

    confidence = confidence_level(confidence)
    positive = binary(truth)
    called = finite_row(score, len(positive), "score") >= _thresholds(threshold, len(positive))
    cells = np.stack(
        [positive & called, positive & ~called, ~positive & called, ~positive & ~called], axis=1
    ).astype(np.float64)
    counts = cells.sum(axis=0)
    hits, total = _proportions(counts)
    table = pd.DataFrame({"value": _metrics(counts)}, index=pd.Index(METRICS, name="metric"))
    for kind, prefix in _KINDS:
        low, high = proportion_limits(hits, total, confidence, kind)
        table[f"{prefix}low"], table[f"{prefix}high"] = _with_f1(low), _with_f1(high)
    table["cluster_low"] = table["cluster_high"] = np.nan
    count = None
    if clusters is not None:
        codes, count = cluster_codes(clusters, len(positive))
        found = cluster_bootstrap(
            lambda drawn: _metrics(np.nansum(drawn, axis=-2)),
            np.stack([np.bincount(codes, cell, minlength=count) for cell in cells.T], axis=1),
            clusters=range(count),
            seed=seed,
            confidence=confidence,
            vectorised=True,
        )
        table["cluster_low"], table["cluster_high"] = found.low, found.high
    tp, fn, fp, tn = (int(cell) for cell in counts)
    return Diagnostic(tp, fn, fp, tn, table, count, confidence)


def _thresholds(threshold: ArrayLike, rows: int) -> Floats:
    values = numbers(threshold, "threshold")
    if values.shape not in ((), (rows,)):
        raise StatsError(f"There must be one threshold, or one for each of {rows} cases.")
    if np.isnan(values).any():
        where = f" {places(np.isnan(values), 'case')}" if values.ndim else ""
        raise StatsError(f"The threshold is missing{where}.")
    return values


def _proportions(counts: Floats) -> tuple[Floats, Floats]:
    """Numerators and denominators ``(..., 6)`` of counts ``(..., tp-fn-fp-tn)``.

    The last is the Jaccard index, of which F1 is a function.
    """
    tp, fn, fp, tn = np.moveaxis(counts, -1, 0)
    hits = np.stack([tp, tn, tp, tn, tp + tn, tp], axis=-1)
    total = np.stack([tp + fn, tn + fp, tp + fp, tn + fn, tp + fn + fp + tn, tp + fn + fp], axis=-1)
    return hits, total


def _metrics(counts: Floats) -> Floats:
    hits, total = _proportions(counts)
    return _with_f1(np.divide(hits, total, out=np.full_like(hits, np.nan), where=total > 0))


def _with_f1(proportions: Floats) -> Floats:
    """Turn the Jaccard index, the last of the proportions, into F1."""
    jaccard = proportions[..., -1:]
    return np.concatenate([proportions[..., :-1], 2.0 * jaccard / (1.0 + jaccard)], axis=-1)
