"""Areas under many ROC curves of the same cases, and three estimates of their covariance."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Method = Literal["delong", "jackknife", "unbiased"]

METHODS: tuple[Method, ...] = ("delong", "jackknife", "unbiased")

_CHUNK = 4_000_000  # comparisons held at a time: 32 MB


def auc_covariances(
    values: Floats, positive: NDArray[np.bool_]
) -> tuple[Floats, dict[Method, Floats]]:
    """Compute the area under each curve and the covariance of the areas.

    Parameters
    ----------
    values
        ``(curves, cases)`` ratings, finite.
    positive
        ``(cases,)``; at least two of each class.

    Returns
    -------
    auc, covariances
        ``(curves,)``, and ``(curves, curves)`` by each method.

    Notes
    -----
    All three come from the kernel psi (1 where the positive case is rated higher, 1/2
    for a tie, 0 otherwise), of which the area is the mean over pairs. DeLong et al.
    (1988): covariances of its row and column means. Jackknife (Efron 1982): each case
    is left out in turn. Unbiased (Gallas 2006): the product of two areas minus the
    mean of the products psi psi' over pairs that share no case; it can be negative.
    """
    high, low = values[:, positive], values[:, ~positive]
    curves, m = high.shape
    n = low.shape[1]
    row_means = np.empty((curves, m))
    column_sums = np.zeros((curves, n))
    products = np.zeros((curves, curves))
    step = max(1, _CHUNK // (curves * n))
    for start in range(0, m, step):
        part = high[:, start : start + step, None]
        psi = (part > low[:, None, :]) + 0.5 * (part == low[:, None, :])
        row_means[:, start : start + step] = psi.mean(axis=2)
        column_sums += psi.sum(axis=1)
        flat = psi.reshape(curves, -1)
        products += flat @ flat.T
    column_means = column_sums / m
    auc = row_means.mean(axis=1)
    rows, columns = row_means - auc[:, None], column_means - auc[:, None]
    delong = rows @ rows.T / (m * (m - 1)) + columns @ columns.T / (n * (n - 1))

    left_out = np.concatenate([-rows / (m - 1), -columns / (n - 1)], axis=1)
    jackknife = (m + n - 1) / (m + n) * (left_out @ left_out.T)

    total = np.outer(auc, auc) * (m * n) ** 2
    apart = (
        total - n**2 * (row_means @ row_means.T) - m**2 * (column_means @ column_means.T) + products
    )
    unbiased = np.outer(auc, auc) - apart / (m * (m - 1) * n * (n - 1))
    return auc, {"delong": delong, "jackknife": jackknife, "unbiased": unbiased}
