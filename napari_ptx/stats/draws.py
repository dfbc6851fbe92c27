"""The same resampled patients for every statistic of a table, all replicates at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class PatientDraws:
    """How often each patient is drawn in each replicate of a cluster bootstrap.

    A statistic that is made of sums over rows needs no resampled rows: the sum of each patient,
    weighted by how often the patient was drawn, is the sum over the drawn rows.

    Parameters
    ----------
    codes
        The patient of each row, counted from 0, as ``tables.cluster_codes`` gives them.
    count
        How many patients there are; one without a row may be drawn, too.
    replicates, seed
        The number of draws and their seed.

    References
    ----------
    Field & Welsh (2007), Journal of the Royal Statistical Society B 69, 369-390.
    """

    def __init__(self, codes: NDArray[np.intp], count: int, replicates: int, seed: int) -> None:
        drawn = np.random.default_rng(seed).integers(count, size=(replicates, count))
        places = (drawn + count * np.arange(replicates)[:, np.newaxis]).ravel()
        flat = np.bincount(places, minlength=replicates * count)
        self.times: Floats = flat.reshape(replicates, count).astype(np.float64)
        """How often, ``(replicates, patients)``."""
        self.codes = codes

    def sums(self, values: ArrayLike) -> Floats:
        """Give the sums ``(replicates, items)`` over the drawn rows of values ``(items, rows)``."""
        table = np.atleast_2d(np.asarray(values, dtype=np.float64))
        count = self.times.shape[1]
        totals = np.stack([np.bincount(self.codes, row, minlength=count) for row in table])
        product: Floats = self.times @ totals.T
        return product

    def rows(self) -> Floats:
        """Give how often each row is drawn, ``(replicates, rows)``."""
        return self.times[:, self.codes]


def ratio(above: Floats, below: Floats) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    shape = np.broadcast_shapes(above.shape, below.shape)
    found: Floats = np.full(shape, np.nan)
    return np.divide(above, below, out=found, where=np.broadcast_to(below > 0, shape))


def percentile_limits(replicates: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Give plain percentile limits over the first axis; NaN where a replicate was undefined."""
    tail = (1.0 - confidence) / 2.0
    defined = np.isfinite(replicates)
    limits = np.quantile(np.where(defined, replicates, 0.0), [tail, 1.0 - tail], axis=0)
    low, high = np.where(defined.all(axis=0), limits, np.nan)
    return low, high
