"""Decision curves: what acting on a model is worth, in true positives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.tables import binary, numbers, probabilities

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit of a model at each threshold probability.

    Parameters
    ----------
    thresholds
        ``(k,)`` probabilities at which one would just act.
    net_benefit
        ``(k,)`` true positives for each case, less the false positives at the odds of
        the threshold.
    treat_all
        ``(k,)`` of acting on every case. Acting on none is worth 0.
    """

    thresholds: Floats
    net_benefit: Floats
    treat_all: Floats

    def to_json(self) -> dict[str, Any]:
        """Give plain lists of numbers."""
        return {
            "thresholds": self.thresholds.tolist(),
            "net_benefit": self.net_benefit.tolist(),
            "treat_all": self.treat_all.tolist(),
        }


def decision_curve(
    truth: ArrayLike, probability: ArrayLike, thresholds: ArrayLike | None = None
) -> DecisionCurve:
    """Give the net benefit of acting where a probability reaches a threshold.

    Parameters
    ----------
    truth
        ``(n,)`` 0 or 1.
    probability
        ``(n,)`` of class 1, between 0 and 1; the model acts where it is >= the threshold.
    thresholds
        ``(k,)`` between 0 and 1, both excluded; otherwise 0.01, 0.02, ..., 0.99.

    Raises
    ------
    StatsError
        For a truth that is not 0 or 1, probabilities that are missing or not between
        0 and 1, unequal lengths, or thresholds out of their range.

    References
    ----------
    Vickers & Elkin (2006), Medical Decision Making 26, 565-574.

    Examples
    --------
    >>> curve = decision_curve([1, 1, 0, 0, 0], [0.9, 0.3, 0.6, 0.2, 0.1], [0.2, 0.5])
    >>> curve.net_benefit.round(3).tolist(), curve.treat_all.round(3).tolist()
    ([0.3, 0.0], [0.25, -0.2])
    """
    positive = binary(truth)
    given = probabilities(probability, len(positive))
    at = _thresholds(thresholds)
    n, prevalence = len(positive), positive.mean()
    true, false = (_reaching(given[chosen], at) / n for chosen in (positive, ~positive))
    odds = at / (1.0 - at)
    return DecisionCurve(at, true - false * odds, prevalence - (1.0 - prevalence) * odds)


def _reaching(given: Floats, at: Floats) -> NDArray[np.intp]:
    """How many probabilities are at least as large as each threshold."""
    return len(given) - np.searchsorted(np.sort(given), at, side="left")


def _thresholds(thresholds: ArrayLike | None) -> Floats:
    if thresholds is None:
        return np.arange(1, 100) / 100.0
    at = numbers(thresholds, "thresholds")
    if at.ndim != 1 or not at.size or not np.all((at > 0.0) & (at < 1.0)):
        raise StatsError("Threshold probabilities must lie between 0 and 1, both excluded.")
    return at
