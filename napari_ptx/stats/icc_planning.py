"""How many cases an agreement study needs, before it and while it runs.

The question is always the lower confidence limit of the ICC (McGraw & Wong 1996, as in
``icc``): when can it be expected to clear a threshold, and when does it with a given
probability (the assurance of Zou 2012)?
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.icc import (
    FORMS,
    _check_form,
    _checked,
    _limits,
    _mean_squares,
    _MeanSquares,
    icc,
    icc_needed,
)
from napari_ptx.stats.tables import confidence_level

MOST = 100_000
"""No study is planned with more cases than this."""
_DRAWS = 20_000
_SEED = 20_120


@dataclass(frozen=True)
class IccPlan:
    """How many cases a lower limit above a threshold asks for.

    Parameters
    ----------
    expected, threshold, raters, form, confidence
        What was assumed: the true ICC, what the lower limit has to clear, and how.
    cases
        The smallest number at which an observed ICC of ``expected`` clears it.
    assurance, assured
        The smallest number at which the lower limit clears it with this probability.
    probability
        With which it does at ``cases``: about a half, hence ``assured``.
    """

    expected: float
    threshold: float
    raters: int
    form: str
    confidence: float
    cases: int
    assurance: float
    assured: int
    probability: float

    def to_json(self) -> dict[str, Any]:
        """Give plain values."""
        return {**vars(self), "name": FORMS[self.form]}


def plan_icc(
    expected: float,
    threshold: float,
    raters: int = 2,
    form: str = "A,1",
    confidence: float = 0.95,
    assurance: float = 0.80,
) -> IccPlan:
    """Plan the number of cases of an agreement study.

    Parameters
    ----------
    expected
        The ICC that is assumed to be true, above the threshold.
    threshold
        What the lower confidence limit has to clear.
    raters
        Readers, or the readings of one.
    form, confidence
        As for ``icc``.
    assurance
        The probability with which the study is to succeed.

    Raises
    ------
    StatsError
        For an expected ICC that is not above the threshold, and for a plan that would
        need more than 100,000 cases.

    Notes
    -----
    Readers are assumed to have equal means; a bias between them makes more cases
    necessary. The assurance is exact for the forms "1" and "C" (a ratio of mean squares
    is a multiple of F), and for "A" from 20,000 draws of the mean squares, to within
    0.01. Zou (2012) and Walter, Eliasziw & Donner (1998) give closed approximations of
    the same for the one-way form, Bonett (2002) for the expected width.

    References
    ----------
    Walter, Eliasziw & Donner (1998), Statistics in Medicine 17, 101-110.
    Bonett (2002), Statistics in Medicine 21, 1331-1335.
    Zou (2012), Statistics in Medicine 31, 3972-3981.

    Examples
    --------
    >>> plan = plan_icc(0.85, 0.80)
    >>> plan.cases
    157
    """
    _check_form(form)
    confidence = confidence_level(confidence)
    _check(expected, threshold, raters, assurance)

    def clears(n: int) -> bool:
        return icc_needed(n, threshold, raters, form, confidence) <= expected

    def assured(n: int) -> bool:
        return success(n, expected, threshold, raters, form, confidence) >= assurance

    cases = _smallest(clears, f"an expected ICC of {expected:g}")
    enough = _smallest(assured, f"an expected ICC of {expected:g}")
    return IccPlan(
        expected=expected,
        threshold=threshold,
        raters=raters,
        form=form,
        confidence=confidence,
        cases=cases,
        assurance=assurance,
        assured=enough,
        probability=success(cases, expected, threshold, raters, form, confidence),
    )


def success(
    n: int,
    expected: float,
    threshold: float,
    raters: int = 2,
    form: str = "A,1",
    confidence: float = 0.95,
) -> float:
    """Give the probability that the lower limit of n cases clears a threshold.

    Parameters
    ----------
    n
        Cases.
    expected
        The true ICC of a single reading; for the average forms of their mean.
    threshold, raters, form, confidence
        As for ``plan_icc``.
    """
    from scipy.special import fdtrc

    model, unit = form.split(",")
    single = expected / (raters - (raters - 1) * expected) if unit == "k" else expected
    signal = (1 + (raters - 1) * single) / (1 - single)
    df1 = n - 1
    df2 = n * (raters - 1) if model == "1" else (n - 1) * (raters - 1)
    if model != "A":
        needed = icc_needed(n, threshold, raters, form, confidence)
        share = 1.0 if unit == "k" else 1 + (raters - 1) * needed
        return float(fdtrc(df1, df2, share / (1 - needed) / signal))
    # A fixed seed: the same plan gives the same number on every machine.
    rng = np.random.default_rng(_SEED)
    squares = _MeanSquares(
        subjects=signal * rng.chisquare(df1, _DRAWS) / df1,
        within=np.nan,
        raters=rng.chisquare(raters - 1, _DRAWS) / (raters - 1),
        error=rng.chisquare(df2, _DRAWS) / df2,
    )
    low = _limits(squares, np.int64(n), raters, form, confidence)[0]
    return float(np.mean(low > threshold))


def cases_to_go(
    ratings: ArrayLike, threshold: float, form: str = "A,1", confidence: float = 0.95
) -> int | None:
    """Tell how many more cases would lift the lower limit above a threshold.

    The variation that was observed is held as it is, the readers' bias included.

    Parameters
    ----------
    ratings
        ``(subjects, raters)``, as for ``icc``.
    threshold, form, confidence
        As for ``plan_icc``.

    Returns
    -------
    int or None
        0 where the limit clears the threshold already; ``None`` where no number of
        cases would do: the ICC is too low, or the readers differ by too much on all
        of them.

    Raises
    ------
    StatsError
        As ``icc``.
    """
    found = icc(ratings, form, confidence)
    if found.passes(threshold, "bound"):
        return 0
    table, keep = _checked(ratings, "raise")
    observed = _mean_squares(table, keep)
    n, k = table.shape
    # A reader's bias adds to the mean square between readers with each case.
    bias = max(float(observed.raters - observed.error), 0.0) / n

    def clears(cases: int) -> bool:
        raters = observed.error + cases * bias
        squares = _MeanSquares(observed.subjects, observed.within, raters, observed.error)
        with np.errstate(divide="ignore", invalid="ignore"):
            low = _limits(squares, np.int64(cases), k, form, confidence)[0]
        return bool(low > threshold)

    try:
        return max(int(_smallest(clears, "what was observed")) - int(n), 1)
    except StatsError:
        return None


def _check(expected: float, threshold: float, raters: int, assurance: float) -> None:
    if not 0.0 <= threshold < 1.0:
        raise StatsError(f"The threshold must be at least 0 and below 1, not {threshold:g}.")
    if not threshold < expected < 1.0:
        raise StatsError(
            f"The expected ICC must lie above the threshold {threshold:g} and below 1, not "
            f"{expected:g}: no number of cases lifts a lower limit above the ICC itself."
        )
    if raters < 2:
        raise StatsError(f"An ICC needs at least 2 raters, not {raters}.")
    if not 0.0 < assurance < 1.0:
        raise StatsError(f"The assurance must lie between 0 and 1, not {assurance:g}.")


def _smallest(enough: Callable[[int], bool], what: str) -> int:
    """Find the smallest number of cases that is enough, by bisection."""
    top = 4
    while not enough(top):
        top *= 2
        if top > MOST:
            raise StatsError(
                f"With {what} even {MOST:,} cases would not lift the lower limit above the "
                "threshold."
            )
    low, high = top // 2, top
    if top == 4:
        low = 2
    while high - low > 1:
        middle = math.floor((low + high) / 2)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
