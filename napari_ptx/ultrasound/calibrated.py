"""From a classifier's score to a probability: Platt's sigmoid, or isotonic regression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from napari_ptx.ultrasound.errors import UltrasoundError

Floats = NDArray[np.float64]

_LEAST_SLOPE = 1e-3  # per standard deviation: the order of the scores is always kept


@dataclass(frozen=True)
class Calibrator:
    """A non-decreasing map from scores to probabilities.

    Parameters
    ----------
    kind
        "none": the score is the probability; "sigmoid": ``1 / (1 + exp(-(a s + b)))`` with
        ``numbers`` (a, b); "isotonic": linear between the points ``numbers`` (the scores,
        then their probabilities), constant beyond them.
    """

    kind: str = "none"
    numbers: tuple[float, ...] = ()

    def apply(self, scores: Floats) -> Floats:
        """Give the probability of each score (n,)."""
        if self.kind == "sigmoid":
            slope, intercept = self.numbers
            return np.asarray(expit(slope * scores + intercept), dtype=np.float64)
        if self.kind == "isotonic":
            half = len(self.numbers) // 2
            return np.interp(scores, self.numbers[:half], self.numbers[half:])
        return scores

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {"kind": self.kind, "numbers": list(self.numbers)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Calibrator:
        """Make it of plain values.

        Raises
        ------
        UltrasoundError
            If they are no calibrator.
        """
        kind, numbers = values.get("kind"), values.get("numbers")
        right = isinstance(numbers, list) and all(isinstance(n, int | float) for n in numbers)
        sizes = {"none": 0, "sigmoid": 2}
        if not right or kind not in ("none", "sigmoid", "isotonic"):
            raise UltrasoundError("The calibration of a model is damaged; copy the run again.")
        assert isinstance(numbers, list)
        if len(numbers) != sizes.get(kind, len(numbers)) or len(numbers) % 2:
            raise UltrasoundError("The calibration of a model is damaged; copy the run again.")
        return cls(kind, tuple(float(number) for number in numbers))


def fit_calibrator(kind: str, scores: Floats, labels: NDArray[np.int64]) -> Calibrator:
    """Learn a calibrator on scores (n,) of cases that the classifier was not fitted on.

    The sigmoid has Platt's smoothed targets, so that it exists for separable scores, too.

    References
    ----------
    Platt, Advances in Large Margin Classifiers 1999:61-74; Zadrozny & Elkan, KDD 2002:694.
    """
    if kind == "none":
        return Calibrator()
    if kind == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, labels)
        points = np.concatenate([fitted.X_thresholds_, fitted.y_thresholds_])
        return Calibrator("isotonic", tuple(points.tolist()))
    centre, width = float(scores.mean()), float(scores.std()) or 1.0
    z = (scores - centre) / width
    positives = int(labels.sum())
    negatives = len(labels) - positives
    high, low = (positives + 1) / (positives + 2), 1 / (negatives + 2)
    targets = np.where(labels == 1, high, low)

    def loss(at: Floats) -> tuple[float, Floats]:
        margin = at[0] * z + at[1]
        value = -(targets * log_expit(margin) + (1 - targets) * log_expit(-margin)).sum()
        slope = expit(margin) - targets
        return float(value), np.array([slope @ z, slope.sum()])

    found = minimize(
        loss,
        np.array([1.0, np.log((positives + 1) / (negatives + 1))]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(_LEAST_SLOPE, None), (None, None)],
    )
    slope, intercept = (float(value) for value in found.x)
    return Calibrator("sigmoid", (slope / width, intercept - slope * centre / width))
