"""Whether predicted probabilities are right: recalibration, Brier score, binned curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.proportions import proportion_limits
from napari_ptx.stats.tables import binary, confidence_level, probabilities

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Interval = tuple[float, float]

_NEAREST = 1e-6  # to 0 and 1 for a logit


@dataclass(frozen=True, eq=False)
class Calibration:
    """How predicted probabilities relate to what was observed.

    Parameters
    ----------
    slope, intercept
        Of the logistic recalibration logit P(1) = intercept + slope logit(p); 1 and 0
        where the probabilities are right. A slope below 1 means that they are too extreme.
    slope_ci, intercept_ci
        Wald limits.
    in_the_large, in_the_large_ci
        The intercept with the slope held at 1: above 0 where the probabilities are
        too low on the whole.
    brier
        Mean squared difference of probability and truth.
    curve
        The groups of ``calibration_curve``.
    clipped
        Probabilities below 1e-6 or above 1 - 1e-6, which were set to these for the logit.
    confidence
        Level of the intervals.
    """

    slope: float
    intercept: float
    slope_ci: Interval
    intercept_ci: Interval
    in_the_large: float
    in_the_large_ci: Interval
    brier: float
    curve: pd.DataFrame
    clipped: int
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers and lists; ``curve`` is one record for each group."""
        return {
            "slope": self.slope,
            "slope_ci": list(self.slope_ci),
            "intercept": self.intercept,
            "intercept_ci": list(self.intercept_ci),
            "in_the_large": self.in_the_large,
            "in_the_large_ci": list(self.in_the_large_ci),
            "brier": self.brier,
            "curve": self.curve.to_dict("records"),
            "clipped": self.clipped,
            "confidence": self.confidence,
        }


def calibration(
    truth: ArrayLike, probability: ArrayLike, *, bins: int = 10, confidence: float = 0.95
) -> Calibration:
    """Recalibrate probabilities by logistic regression, and give their Brier score and curve.

    Parameters
    ----------
    truth
        ``(n,)`` 0 or 1.
    probability
        ``(n,)`` of class 1, between 0 and 1.
    bins, confidence
        As for ``calibration_curve``.

    Raises
    ------
    StatsError
        As ``calibration_curve``; for one class alone, probabilities that are all the
        same, and probabilities that separate the classes perfectly: the slope is then
        infinite. ``brier_score`` and ``calibration_curve`` still have an answer there.

    Notes
    -----
    The intervals take the rows as independent.

    References
    ----------
    Cox (1958), Biometrika 45, 562-565.
    Van Calster et al. (2019), BMC Medicine 17, 230.

    Examples
    --------
    >>> result = calibration([0, 0, 1, 0, 1, 1], [0.1, 0.3, 0.4, 0.6, 0.7, 0.9], bins=3)
    >>> round(result.slope, 3), round(result.brier, 3)
    (1.505, 0.153)
    """
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    curve = calibration_curve(truth, probability, bins=bins, confidence=confidence)
    positive, given = _given(truth, probability)
    clipped = np.clip(given, _NEAREST, 1.0 - _NEAREST)
    x = logit(clipped)
    _must_overlap(positive, x)
    ones = np.ones((len(x), 1))
    # Newton steps double the digits: differences of 1e-10 leave an exact maximum.
    exactly = {"tol": 1e-10, "tol_criterion": "params"}
    line = GLM(positive, np.column_stack([ones, x]), family=Binomial()).fit(**exactly)
    level = GLM(positive, ones, family=Binomial(), offset=x).fit(**exactly)
    (intercept, slope), limits = line.params, line.conf_int(1.0 - confidence)
    return Calibration(
        slope=float(slope),
        intercept=float(intercept),
        slope_ci=_interval(limits[1]),
        intercept_ci=_interval(limits[0]),
        in_the_large=float(level.params[0]),
        in_the_large_ci=_interval(level.conf_int(1.0 - confidence)[0]),
        brier=brier_score(truth, probability),
        curve=curve,
        clipped=int(np.count_nonzero(clipped != given)),
        confidence=confidence,
    )


def calibration_curve(
    truth: ArrayLike, probability: ArrayLike, *, bins: int = 10, confidence: float = 0.95
) -> pd.DataFrame:
    """Give the observed rate in groups of equally many cases of rising probability.

    Parameters
    ----------
    truth
        ``(n,)`` 0 or 1.
    probability
        ``(n,)`` of class 1, between 0 and 1.
    bins
        Groups. Equal probabilities stay together, so groups can differ in size, and
        there can be fewer.
    confidence
        Level of the Wilson interval of the observed rate.

    Returns
    -------
    One row for each group: ``predicted`` (mean), ``observed``, ``low``, ``high``, ``n``.

    Raises
    ------
    StatsError
        For a truth that is not 0 or 1, probabilities that are missing or not between
        0 and 1, unequal lengths, or fewer than 1 group.
    """
    import pandas as pd
    from scipy.stats import rankdata

    confidence = confidence_level(confidence)
    if bins < 1:
        raise StatsError(f"There must be at least 1 group, not {bins}.")
    positive, given = _given(truth, probability)
    # Midranks lie between 1 and n, and (rank - 1/2) / n strictly inside 0 and 1.
    group = np.floor((rankdata(given) - 0.5) / len(given) * bins).astype(np.intp)
    _, group = np.unique(group, return_inverse=True)
    n = np.bincount(group)
    events = np.bincount(group, positive)
    low, high = proportion_limits(events, n, confidence, "wilson")
    return pd.DataFrame(
        {
            "predicted": np.bincount(group, given) / n,
            "observed": events / n,
            "low": low,
            "high": high,
            "n": n,
        }
    )


def brier_score(truth: ArrayLike, probability: ArrayLike) -> float:
    """Give the mean squared difference of probability and truth.

    Raises
    ------
    StatsError
        As ``calibration_curve``.

    References
    ----------
    Brier (1950), Monthly Weather Review 78, 1-3.
    """
    positive, given = _given(truth, probability)
    return float(np.mean(np.square(given - positive)))


def _given(truth: ArrayLike, probability: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    positive = binary(truth)
    return positive, probabilities(probability, len(positive))


def _must_overlap(positive: NDArray[np.bool_], x: Floats) -> None:
    """Refuse what has no maximum of the likelihood."""
    if positive.all() or not positive.any():
        raise StatsError("A calibration slope needs both classes, and there is one in the truth.")
    if np.ptp(x) == 0.0:
        raise StatsError(
            "The probabilities are all the same, so that they have no calibration slope."
        )
    ones, zeros = x[positive], x[~positive]
    if zeros.max() <= ones.min() or ones.max() <= zeros.min():
        raise StatsError(
            "The probabilities separate the classes perfectly, so that their calibration "
            "slope is infinite."
        )


def _interval(limits: Floats) -> Interval:
    return float(limits[0]), float(limits[1])
