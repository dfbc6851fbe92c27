"""Intervals of proportions."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def proportion_limits(
    hits: NDArray[Any], total: NDArray[Any], confidence: float, kind: Literal["exact", "wilson"]
) -> tuple[Floats, Floats]:
    """Give the limits of ``hits`` of ``total``; NaN where the total is 0.

    Parameters
    ----------
    hits, total
        Counts of the same shape.
    confidence
        Level of the interval, between 0 and 1.
    kind
        "exact" (Clopper-Pearson) or "wilson".
    """
    from statsmodels.stats.proportion import proportion_confint

    method = "beta" if kind == "exact" else kind
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = proportion_confint(hits, total, 1.0 - confidence, method)
        value = np.asarray(hits) / np.asarray(total)
    # Wilson's limits of 0 of n and n of n are 0 and 1 but for rounding
    return np.minimum(low, value), np.maximum(high, value)
