"""The intraclass correlation: six forms, their intervals, and what a bound asks for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtrc, fdtri

from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.tables import confidence_level, numbers, places

Floats = NDArray[np.float64]

FORMS: dict[str, str] = {
    "1,1": "ICC(1) = ICC(1,1)",
    "A,1": "ICC(A,1) = ICC(2,1)",
    "C,1": "ICC(C,1) = ICC(3,1)",
    "1,k": "ICC(k) = ICC(1,k)",
    "A,k": "ICC(A,k) = ICC(2,k)",
    "C,k": "ICC(C,k) = ICC(3,k)",
}
"""Each form with both names: McGraw & Wong (1996) = Shrout & Fleiss (1979)."""


@dataclass(frozen=True, eq=False)
class ICC:
    """An intraclass correlation, or one for each table of a stack.

    The numbers are Python floats for one table, and arrays with the leading shape
    of the ratings for a stack. What is undefined is NaN.

    Parameters
    ----------
    value
        The estimate. A constant table has none (NaN). "A,k" exceeds 1 where "A,1"
        is negative and its denominator is too: such a value means disagreement,
        and ``passes`` refuses it.
    low, high
        The confidence limits, each with half of the error.
    f, df1, df2, p
        The test of ICC = 0.
    n, k
        Subjects that were used (for each table) and raters.
    form
        "1,1", "A,1", "C,1", "1,k", "A,k" or "C,k".
    confidence
        The level of the interval.
    """

    value: float | Floats
    low: float | Floats
    high: float | Floats
    f: float | Floats
    df1: float | Floats
    df2: float | Floats
    p: float | Floats
    n: int | NDArray[np.int64]
    k: int
    form: str
    confidence: float

    @property
    def name(self) -> str:
        """Both namings: McGraw & Wong = Shrout & Fleiss, "ICC(A,1) = ICC(2,1)"."""
        return FORMS[self.form]

    def passes(
        self, threshold: float, by: Literal["point", "bound"] = "point"
    ) -> bool | NDArray[np.bool_]:
        """Tell whether the ICC lies above a threshold.

        Parameters
        ----------
        threshold
            0.80, for example.
        by
            "point" compares the estimate, "bound" the lower limit. With 100
            subjects whose true ICC is the threshold, half pass by point and about
            2.5% by the bound of a 95% interval.

        Returns
        -------
        bool, or an array of them for a stack
            Never true for what is undefined, nor for an "A,k" above 1.
        """
        if by not in ("point", "bound"):
            raise StatsError(f"by must be 'point' or 'bound', not {by!r}.")
        edge = np.asarray(self.value if by == "point" else self.low)
        passed = (edge > threshold) & (np.asarray(self.value) <= 1.0)
        return passed if passed.ndim else bool(passed)

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers and lists; what is undefined or infinite is None."""
        fields = ("value", "low", "high", "f", "df1", "df2", "p", "n", "k")
        answer: dict[str, Any] = {name: _plain(getattr(self, name)) for name in fields}
        return {**answer, "form": self.form, "name": self.name, "confidence": self.confidence}


def icc(
    ratings: ArrayLike,
    form: str = "A,1",
    confidence: float = 0.95,
    missing: Literal["raise", "drop"] = "raise",
) -> ICC:
    """Compute the intraclass correlation of raters over subjects.

    Parameters
    ----------
    ratings
        ``(..., subjects, raters)``; every leading axis is a stack of tables that
        are computed at once, as of 567 features.
    form
        The model and the unit, as McGraw & Wong write them. "1": one-way random;
        "A": two-way, absolute agreement, which counts a rater's bias as
        disagreement; "C": two-way, consistency, which does not. ",1": one rater;
        ",k": the mean of the k raters, only where that mean is what is used.
    confidence
        The level of the interval.
    missing
        What to do with NaN: "raise", or "drop" the subject in the tables where a
        rating of it is missing; ``n`` then says how many were used.

    Returns
    -------
    ICC

    Raises
    ------
    StatsError
        For missing ratings (unless dropped), infinite ones, text, or fewer than
        2 subjects or raters.

    Notes
    -----
    The conventions, where programs differ, are those of R's ``psych::ICC``:

    - p tests ICC = 0 by F = MSB/MSW with n - 1 and n(k - 1) degrees of freedom
      for the one-way forms, and F = MSB/MSE with n - 1 and (n - 1)(k - 1) for the
      two-way forms, absolute agreement included.
    - The interval of "A,1" uses Satterthwaite's degrees of freedom (McGraw & Wong
      1996, Table 7); "A,k" has the Spearman-Brown transform of the limits of
      "A,1", and NaN for a limit that is past the pole of that transform, where
      ``psych`` prints a number that is no limit.
    - Perfect agreement is 1, with both limits 1, what they tend to as the error
      vanishes. Effects within the rounding error of the ratings count as zero.

    References
    ----------
    Shrout & Fleiss (1979), Psychological Bulletin 86, 420-428.
    McGraw & Wong (1996), Psychological Methods 1, 30-46 (and erratum, 1, 390).

    Examples
    --------
    >>> import numpy as np
    >>> table = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8],
    ...                   [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
    >>> result = icc(table, form="A,1")
    >>> print(f"{result.name} {result.value:.2f} [{result.low:.2f}, {result.high:.2f}]")
    ICC(A,1) = ICC(2,1) 0.29 [0.02, 0.76]
    """
    _check_form(form)
    confidence = confidence_level(confidence)
    table, keep = _checked(ratings, missing)
    n = np.count_nonzero(keep, axis=-1)
    k = table.shape[-1]
    squares = _mean_squares(table, keep)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = _estimate(squares, n, k, form)
        low, high = _limits(squares, n, k, form, confidence)
        one_way = form.startswith("1")
        f = squares.subjects / (squares.within if one_way else squares.error)
    df1 = (n - 1).astype(np.float64)
    df2 = (n * (k - 1) if one_way else (n - 1) * (k - 1)).astype(np.float64)
    p = fdtrc(df1, df2, f)
    plain: Callable[[Any], Any] = float if table.ndim == 2 else np.asarray
    return ICC(
        value=plain(value),
        low=plain(low),
        high=plain(high),
        f=plain(f),
        df1=plain(df1),
        df2=plain(df2),
        p=plain(p),
        n=int(n) if table.ndim == 2 else n,
        k=k,
        form=form,
        confidence=confidence,
    )


def icc_needed(
    n: int,
    bound: float,
    raters: int = 2,
    form: str = "A,1",
    confidence: float = 0.95,
) -> float:
    """Give the observed ICC whose lower confidence limit equals a bound.

    For "A,1" and "A,k" the limit depends on the raters' bias, too; none is
    assumed, that is, the mean square between raters equals the error's, as is
    expected of raters with equal means. A bias makes more necessary.

    Parameters
    ----------
    n
        Subjects.
    bound
        The lower limit that is asked for, from 0 to below 1.
    raters
        Raters.
    form, confidence
        As for ``icc``.

    Raises
    ------
    StatsError
        With fewer than 2 subjects or raters, or a bound outside [0, 1).

    Examples
    --------
    >>> round(icc_needed(100, 0.80), 3)
    0.861
    """
    # loads slowly, and only this function needs it
    from scipy.optimize import brentq

    _check_form(form)
    confidence = confidence_level(confidence)
    if n < 2 or raters < 2:
        raise StatsError(f"An ICC needs at least 2 subjects and 2 raters, not {n} and {raters}.")
    if not 0.0 <= bound < 1.0:
        raise StatsError(f"The bound must be at least 0 and below 1, not {bound}.")

    def squares(log_f: float) -> _MeanSquares:
        one = np.float64(1.0)
        return _MeanSquares(np.exp(np.float64(log_f)), one, one, one)

    def gap(log_f: float) -> float:
        low = _limits(squares(log_f), np.int64(n), raters, form, confidence)[0]
        # past the pole of the Spearman-Brown transform the limit lies below all bounds
        return float(low) - bound if np.isfinite(low) else -math.inf

    top = 1.0
    while gap(top) <= 0.0:
        top *= 2.0
    root = brentq(lambda log_f: max(gap(log_f), -1e3), 0.0, top, xtol=1e-13)
    return float(_estimate(squares(root), np.int64(n), raters, form))


class _MeanSquares(NamedTuple):
    """Between subjects (MSB), within (MSW), between raters (MSJ), error (MSE)."""

    subjects: Any
    within: Any
    raters: Any
    error: Any


def _check_form(form: str) -> None:
    if form not in FORMS:
        raise StatsError(f"There is no form {form!r}; the forms are {'; '.join(FORMS)}.")


def _checked(ratings: ArrayLike, missing: str) -> tuple[Floats, NDArray[np.bool_]]:
    """Give the tables and which subjects ``(..., subjects)`` to keep in each."""
    if missing not in ("raise", "drop"):
        raise StatsError(f"missing must be 'raise' or 'drop', not {missing!r}.")
    table = numbers(ratings, "ratings")
    if table.ndim < 2:
        raise StatsError(f"The ratings need the shape (..., subjects, raters), not {table.shape}.")
    for axis, what in ((-2, "subjects"), (-1, "raters")):
        if table.shape[axis] < 2:
            raise StatsError(
                f"An ICC needs at least 2 {what}; the ratings of shape {table.shape} "
                f"(..., subjects, raters) have {table.shape[axis]}."
            )
    infinite = np.isinf(table)
    if infinite.any():
        raise StatsError(f"Ratings are infinite {places(infinite, 'subject, rater')}.")
    absent = np.isnan(table)
    keep: NDArray[np.bool_] = np.logical_not(absent.any(axis=-1))
    if missing == "raise" and absent.any():
        raise StatsError(
            f"Ratings are missing {places(absent, 'subject, rater')}; complete them, or "
            "drop these subjects by missing='drop'."
        )
    few = np.count_nonzero(keep, axis=-1) < 2
    if few.any():
        where = f" in {np.count_nonzero(few)} of the tables, first in table " if few.ndim else ""
        where += str(tuple(np.argwhere(few)[0].tolist())) if few.ndim else ""
        raise StatsError(f"Fewer than 2 subjects have all their ratings{where}.")
    return table, keep


def _mean_squares(table: Floats, keep: NDArray[np.bool_]) -> _MeanSquares:
    """Split the variation of each table, up to a factor that no ICC depends on."""
    rows = keep[..., None]
    n = np.count_nonzero(keep, axis=-1)
    k = table.shape[-1]
    # A power of two is an exact unit: nothing overflows, no digit is lost.
    size = np.max(np.where(rows, np.abs(table), 0.0), axis=(-2, -1), keepdims=True)
    scaled = np.where(rows, np.ldexp(table, -np.frexp(size)[1]), 0.0)
    # From the first kept rating on, a large offset costs no precision, and
    # ratings that are equal differ by exactly zero.
    first = np.argmax(keep, axis=-1)[..., None, None]
    start = np.take_along_axis(scaled, first, axis=-2)[..., :1]
    shifted = np.where(rows, scaled - start, 0.0)
    count = n[..., None, None]
    centred = np.where(rows, shifted - shifted.sum((-2, -1), keepdims=True) / (count * k), 0.0)
    of_subjects = centred.mean(axis=-1, keepdims=True)
    of_raters = centred.sum(axis=-2, keepdims=True) / count
    error = np.where(rows, centred - of_subjects - of_raters, 0.0)
    # The ratings carry a rounding error of their own, the sums one of the spread.
    spread = np.ptp(shifted, axis=(-2, -1))
    rounding = np.finfo(np.float64).eps * (1.0 + 8.0 * spread)

    def sum_of_squares(effect: Floats) -> Floats:
        real = np.abs(effect).max(axis=(-2, -1)) > rounding
        return np.where(real, np.square(effect).sum(axis=(-2, -1)), 0.0)

    ss_raters = n * sum_of_squares(of_raters)
    ss_error = sum_of_squares(error)
    return _MeanSquares(
        subjects=k * sum_of_squares(of_subjects) / (n - 1),
        within=(ss_raters + ss_error) / (n * (k - 1)),
        raters=ss_raters / (k - 1),
        error=ss_error / ((n - 1) * (k - 1)),
    )


def _estimate(squares: _MeanSquares, n: Any, k: int, form: str) -> Any:
    msb, msw, msj, mse = squares
    model, unit = form.split(",")
    noise = msw if model == "1" else mse
    bias = (msj - mse) / n if model == "A" else 0.0
    if unit == "k":
        return (msb - noise) / (msb + bias)
    return (msb - noise) / (msb + (k - 1) * noise + k * bias)


def _limits(squares: _MeanSquares, n: Any, k: int, form: str, confidence: float) -> tuple[Any, Any]:
    """Give the confidence limits, in mean squares so that no error gives 1, not NaN."""
    msb, msw, _, mse = squares
    model, unit = form.split(",")
    level = 1.0 - (1.0 - confidence) / 2.0
    if model == "A":
        low, high = _agreement_limits(squares, n, k, level)
        return (_average(low, k), _average(high, k)) if unit == "k" else (low, high)
    noise = msw if model == "1" else mse
    df1 = n - 1
    df2 = n * (k - 1) if model == "1" else (n - 1) * (k - 1)
    lowered = msb / fdtri(df1, df2, level)
    raised = msb * fdtri(df2, df1, level)
    if unit == "k":
        return 1.0 - noise / lowered, 1.0 - noise / raised
    return (
        (lowered - noise) / (lowered + (k - 1) * noise),
        (raised - noise) / (raised + (k - 1) * noise),
    )


def _agreement_limits(squares: _MeanSquares, n: Any, k: int, level: float) -> tuple[Any, Any]:
    """Limits of "A,1" by Satterthwaite's degrees of freedom (McGraw & Wong 1996)."""
    msb, _, msj, mse = squares
    value = _estimate(squares, n, k, "A,1")
    of_raters = k * value * msj
    of_error = (n * (1 + (k - 1) * value) - k * value) * mse
    df = (k - 1) * (n - 1) * (of_raters + of_error) ** 2 / ((n - 1) * of_raters**2 + of_error**2)
    # Without any disagreement the degrees of freedom are 0/0, and do not matter.
    df = np.where((msj == 0.0) & (mse == 0.0), 1.0, df)
    rest = k * msj + (k * n - k - n) * mse
    lowered = msb / fdtri(n - 1, df, level)
    raised = msb * fdtri(df, n - 1, level)
    return n * (lowered - mse) / (rest + n * lowered), n * (raised - mse) / (rest + n * raised)


def _average(single: Any, k: int) -> Any:
    """Spearman-Brown: the reliability of a mean of k, NaN past the pole."""
    divisor = 1.0 + (k - 1) * single
    return np.where(divisor > 0.0, k * single / divisor, np.nan)


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    if array.ndim:
        return [_plain(item) for item in array]
    return array.item() if np.isfinite(array) else None
