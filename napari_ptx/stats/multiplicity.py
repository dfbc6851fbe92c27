"""P values of a family of tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.tables import numbers


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjust the p values of a family of tests by Holm's step-down method.

    Parameters
    ----------
    p
        ``(k,)`` p values, in any order.

    Returns
    -------
    ``(k,)`` adjusted p values in the same order.

    Raises
    ------
    StatsError
        Where a value is missing or not between 0 and 1.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    values = numbers(p, "p values")
    if values.ndim != 1 or not np.all((values >= 0.0) & (values <= 1.0)):
        raise StatsError("P values must be one row of numbers between 0 and 1, none missing.")
    if not values.size:
        return values
    from statsmodels.stats.multitest import multipletests

    return np.asarray(multipletests(values, method="holm")[1], dtype=np.float64)
