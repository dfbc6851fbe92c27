"""Turn what a caller gives into arrays of finite numbers, or say what is in the way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ptx.stats.errors import StatsError

_SHOWN = 10


def numbers(values: ArrayLike, what: str) -> NDArray[np.float64]:
    """Give ``values`` as float64; what is missing (None, NA, masked) becomes NaN.

    Raises
    ------
    StatsError
        For text, dates, complex numbers, and rows of unequal length. Text is
        refused even where it looks like a number: "1,5" and "1.5" both occur.
    """
    if isinstance(values, np.ma.MaskedArray):
        return np.asarray(np.ma.filled(values.astype(np.float64), np.nan))
    try:
        array = np.asarray(values)
    except ValueError:
        raise StatsError(f"The {what} have rows of unequal length.") from None
    if array.dtype.kind in "biuf":
        return np.asarray(array, dtype=np.float64)
    if array.dtype.kind != "O":
        raise StatsError(f"The {what} must be numbers, not {array.dtype.name}.")
    flat = [_number(item, what) for item in array.ravel().tolist()]
    return np.array(flat, dtype=np.float64).reshape(array.shape)


def _number(item: Any, what: str) -> float:
    # pandas.NA and NaT are told by their names: this room loads pandas for no one.
    if item is None or type(item).__name__ in ("NAType", "NaTType"):
        return float("nan")
    if isinstance(item, (str, bytes)):
        raise StatsError(f"The {what} must be numbers; one is the text {item!r}.")
    try:
        return float(item)
    except (TypeError, ValueError):
        raise StatsError(f"The {what} must be numbers; one is {item!r}.") from None


def places(wrong: NDArray[np.bool_], axes: str) -> str:
    """Name the positions where ``wrong`` is true, the first ten of them.

    Positions count from 0, as array indices do; ``axes`` names the last axes.
    """
    found = np.argwhere(wrong)
    text = ", ".join(f"({', '.join(map(str, spot))})" for spot in found[:_SHOWN].tolist())
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    leading = wrong.ndim - len(axes.split(", "))
    names = ", ".join([*("table" for _ in range(leading)), axes])
    return f"at ({names}) {text}{more}, counted from 0"


def confidence_level(confidence: float) -> float:
    """Check that a confidence level lies between 0 and 1."""
    if not 0.0 < confidence < 1.0:
        raise StatsError(f"The confidence must lie between 0 and 1, not {confidence}.")
    return float(confidence)


def two_classes(truth: ArrayLike) -> NDArray[np.bool_]:
    """Give a truth of 0 and 1 as booleans; both classes must be there.

    Raises
    ------
    StatsError
        For missing values, values other than 0 and 1, and a single class.
    """
    positive = binary(truth)
    if positive.all() or not positive.any():
        kind = "positive (1)" if positive.all() else "negative (0)"
        raise StatsError(
            f"Both classes are needed, and all {len(positive)} cases of the truth are {kind}."
        )
    return positive


def binary(truth: ArrayLike) -> NDArray[np.bool_]:
    """Give a truth of 0 and 1 as booleans.

    Raises
    ------
    StatsError
        For missing values, values other than 0 and 1, and no values.
    """
    values = numbers(truth, "truth")
    if values.ndim != 1 or not len(values):
        raise StatsError(f"The truth must be one row of 0 and 1, not of shape {values.shape}.")
    if np.isnan(values).any():
        raise StatsError(f"The truth is missing {places(np.isnan(values), 'case')}.")
    wrong = (values != 0.0) & (values != 1.0)
    if wrong.any():
        raise StatsError(f"The truth must be 0 or 1, and is {values[wrong][0]:g} for a case.")
    return np.asarray(values == 1.0)


def truth_and_score(
    truth: ArrayLike, score: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Check a truth with both classes and a finite score for each of its cases.

    Raises
    ------
    StatsError
        As ``two_classes`` and ``finite_row``.
    """
    positive = two_classes(truth)
    return positive, finite_row(score, len(positive), "score")


def finite_row(values: ArrayLike, rows: int, what: str) -> NDArray[np.float64]:
    """Check that there is a finite number for each of ``rows`` cases.

    Raises
    ------
    StatsError
        For missing or infinite values, and another shape.
    """
    row = numbers(values, what)
    if row.shape != (rows,):
        raise StatsError(f"There must be one {what} for each of {rows} cases, not {row.shape}.")
    wrong = ~np.isfinite(row)
    if wrong.any():
        raise StatsError(
            f"The {what} is missing or infinite {places(wrong, 'case')}; leave out these cases."
        )
    return row


def probabilities(probability: ArrayLike, rows: int) -> NDArray[np.float64]:
    """Check that there is a probability for each of ``rows`` cases.

    Raises
    ------
    StatsError
        For missing values, values that are not between 0 and 1, and another shape.
    """
    given = finite_row(probability, rows, "probability")
    wrong = (given < 0.0) | (given > 1.0)
    if wrong.any():
        raise StatsError(f"Probabilities must lie between 0 and 1; one is {given[wrong][0]:g}.")
    return given


def cluster_codes(clusters: Iterable[Any], rows: int) -> tuple[NDArray[np.intp], int]:
    """Number the clusters 0, 1, ... in the order of their first row.

    Returns
    -------
    codes, count
        ``(rows,)`` and the number of clusters.

    Raises
    ------
    StatsError
        Where a row has no cluster, the lengths differ, or there is one cluster.
    """
    labels = list(clusters)
    if len(labels) != rows:
        raise StatsError(f"There are {len(labels)} cluster labels for {rows} rows.")
    order: dict[Any, int] = {}
    codes = np.empty(rows, dtype=np.intp)
    for row, label in enumerate(labels):
        # NaN and NA differ from themselves or cannot say
        if label is None or type(label).__name__ == "NAType" or label != label:
            raise StatsError(f"Row {row} (counted from 0) has no cluster label.")
        codes[row] = order.setdefault(label, len(order))
    if len(order) < 2:
        raise StatsError(f"There must be at least 2 clusters; there are {len(order)}.")
    return codes, len(order)
