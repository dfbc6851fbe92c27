"""Which counts can stand behind a printed row of sensitivity, specificity and so on.

Five rounded proportions of one table of counts bind each other so tightly that the
table can mostly be worked out, and with it how many cases were really counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_ptx.stats.errors import StatsError

METRICS = ("SEN", "SPE", "PPV", "NPV", "ACC")
"""The columns of proportions, named as they are usually printed."""

MOST_TIMES = 20
"""How many times each class may have been counted."""

Integers = NDArray[np.int64]

_MOST_CASES = 1_000_000
_MOST_TABLES = 100_000
_MOST_DECIMALS = 9  # products of counts and scaled values then fit into 64 bits
_MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", "-"})


class Counts(NamedTuple):
    """One table of counts."""

    tp: int
    fn: int
    fp: int
    tn: int

    def metrics(self) -> dict[str, float]:
        """Give the five proportions; one with an empty denominator is NaN."""
        tp, fn, fp, tn = self
        parts = ((tp, tp + fn), (tn, tn + fp), (tp, tp + fp), (tn, tn + fn), (tp + tn, sum(self)))
        return {
            name: part / whole if whole else float("nan")
            for name, (part, whole) in zip(METRICS, parts, strict=True)
        }


@dataclass(frozen=True)
class Recount:
    """What was found for one printed row.

    Parameters
    ----------
    name
        The row.
    n_pos, n_neg
        Positives and negatives as claimed.
    printed
        The five proportions as written.
    fits_as_claimed
        Whether integer counts with the claimed positives and negatives give every
        proportion to the printed digits.
    n_pos_factor, n_neg_factor
        How many times the claimed positives and negatives were counted in
        ``tables``; None where nothing fits.
    rounding
        "nearest" where the tables give every printed digit (a half may go up or
        down); "one unit" where that cannot be and some value is off by up to one
        unit of its last digit; None where nothing fits.
    tables
        All tables of counts that fit.
    """

    name: str
    n_pos: int
    n_neg: int
    printed: Mapping[str, str]
    fits_as_claimed: bool
    n_pos_factor: int | None
    n_neg_factor: int | None
    rounding: str | None
    tables: tuple[Counts, ...]

    @property
    def text(self) -> str:
        """The finding in words."""
        claimed = f"{self.n_pos} positives and {self.n_neg} negatives"
        if self.n_pos_factor is None or self.n_neg_factor is None:
            return (
                f"{self.name}: no counts give these numbers, neither with {claimed} as claimed nor "
                f"with up to {MOST_TIMES} times as many of each."
            )
        if self.fits_as_claimed:
            return f"{self.name}: fits {claimed} as claimed: {self._counts()}."
        if (self.n_pos_factor, self.n_neg_factor) == (1, 1):
            return (
                f"{self.name}: fits {claimed} as claimed only where rounding is off by up to one "
                f"unit of the last digit ({self._off()}): {self._counts()}."
            )
        found = " and ".join(
            f"{factor * n} {what}" + (f" ({factor} times {n})" if factor > 1 else "")
            for factor, n, what in (
                (self.n_pos_factor, self.n_pos, "positives"),
                (self.n_neg_factor, self.n_neg, "negatives"),
            )
        )
        off = f", with {self._off()}" if self.rounding == "one unit" else ""
        return (
            f"{self.name}: no counts with {claimed} give these numbers; {found} do{off}: "
            f"{self._counts()}. This is what comes out where cases are counted several times, as "
            "augmented copies are."
        )

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers and lists, with the finding in words as ``text``."""
        return {
            "name": self.name,
            "fits_as_claimed": self.fits_as_claimed,
            "n_pos_factor": self.n_pos_factor,
            "n_neg_factor": self.n_neg_factor,
            "tables": [table._asdict() for table in self.tables],
            "rounding": self.rounding,
            "text": self.text,
        }

    def _counts(self) -> str:
        first = ", ".join(
            f"{key.upper()} {count}" for key, count in self.tables[0]._asdict().items()
        )
        more = len(self.tables) - 1
        return first + (f", and {more} other table{'s' if more > 1 else ''}" if more else "")

    def _off(self) -> str:
        """Name the values that no rounding of the first table's proportions gives."""
        found = []
        for name, value in self.tables[0].metrics().items():
            printed = Decimal(self.printed[name])
            exponent = min(0, int(printed.as_tuple().exponent))
            if value == value and abs(Decimal(value) - printed) > Decimal(1).scaleb(exponent) / 2:
                found.append(f"{name} printed as {printed} for {value:.{2 - exponent}f}")
        return ", ".join(found) or "in another of its tables"


def recount(rows: Iterable[Mapping[str, Any]]) -> list[Recount]:
    """Find the tables of counts behind printed proportions.

    Parameters
    ----------
    rows
        Each with ``name``, ``n_pos``, ``n_neg`` and the proportions ``SEN``, ``SPE``,
        ``PPV``, ``NPV``, ``ACC``. Give the proportions as the text that was printed:
        the digits tell how far each was rounded, and 0.70 says more than 0.7.

    Returns
    -------
    list of Recount
        One for each row.

    Raises
    ------
    StatsError
        Names the row: for a missing or unreadable value, a proportion outside 0 to
        1, a number of cases that is not a whole number, and an empty class; and
        where more than 100,000 tables fit, so that the numbers say nothing.

    Notes
    -----
    The search is exhaustive and in whole numbers. In this order: as claimed, to the
    printed digits; as claimed, with values off by up to one unit of the last digit;
    then the positives, the negatives or both counted up to 20 times, first to the
    printed digits, then off by one unit. Of several multiples that fit, the one is
    given that multiplies the fewer classes, and then the smallest. A predictive value
    with no predictions behind it is taken to be printed as 0.

    Examples
    --------
    >>> row = {"name": "Test", "n_pos": 11, "n_neg": 157, "SEN": "0.736", "SPE": "0.911",
    ...        "PPV": "0.853", "NPV": "0.831", "ACC": "0.839"}
    >>> found = recount([row])[0]
    >>> found.fits_as_claimed, found.n_pos_factor, found.n_neg_factor, found.tables
    (False, 10, 1, (Counts(tp=81, fn=29, fp=14, tn=143),))
    """
    return [_recount(number, row) for number, row in enumerate(rows, start=1)]


def _recount(number: int, row: Mapping[str, Any]) -> Recount:
    name = str(row.get("name", "")).strip() or f"row {number}"
    positives, negatives = _cases(name, row, "n_pos"), _cases(name, row, "n_neg")
    values = {metric: _proportion(name, row, metric) for metric in METRICS}
    factors, rounding, tables = _search(name, positives, negatives, list(values.values()))
    return Recount(
        name=name,
        n_pos=positives,
        n_neg=negatives,
        printed={metric: str(value) for metric, value in values.items()},
        fits_as_claimed=factors == (1, 1) and rounding == "nearest",
        n_pos_factor=factors[0] if factors else None,
        n_neg_factor=factors[1] if factors else None,
        rounding=rounding,
        tables=tables,
    )


def _decimal(name: str, row: Mapping[str, Any], column: str) -> Decimal:
    text = str(row.get(column, "")).strip()
    if text.lower() in _MISSING:
        raise StatsError(f"{name}: {column} is missing.")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise StatsError(f"{name}: {column} must be a number, not {text!r}.") from None
    if not value.is_finite():
        raise StatsError(f"{name}: {column} must be a number, not {text!r}.")
    return value


def _cases(name: str, row: Mapping[str, Any], column: str) -> int:
    value = _decimal(name, row, column)
    if value != value.to_integral_value():
        raise StatsError(f"{name}: {column} must be a whole number of cases, not {value}.")
    if value <= 0:
        raise StatsError(
            f"{name}: {column} is {value}; there must be cases of both classes, or the "
            "proportions mean nothing."
        )
    if value > _MOST_CASES:
        raise StatsError(f"{name}: {column} is {value}; more than {_MOST_CASES} are not searched.")
    return int(value)


def _proportion(name: str, row: Mapping[str, Any], column: str) -> Decimal:
    value = _decimal(name, row, column)
    if not 0 <= value <= 1:
        raise StatsError(
            f"{name}: {column} is {value}; proportions lie between 0 and 1 (write 0.736, not 73.6)."
        )
    if int(value.as_tuple().exponent) < -_MOST_DECIMALS:
        value = value.quantize(Decimal(1).scaleb(-_MOST_DECIMALS))
    return value


def _search(
    name: str, positives: int, negatives: int, values: list[Decimal]
) -> tuple[tuple[int, int] | None, str | None, tuple[Counts, ...]]:
    times = range(1, MOST_TIMES + 1)
    multiples = sorted(
        ((a, b) for a in times for b in times if (a, b) != (1, 1)),
        key=lambda ab: ((ab[0] > 1) + (ab[1] > 1), ab[0] * ab[1], ab[0] * positives),
    )
    for candidates in ([(1, 1)], multiples):
        for rounding, reach in (("nearest", 1), ("one unit", 2)):
            bounds = [_bounds(value, reach) for value in values]
            for factors in candidates:
                found = _tables(name, factors[0] * positives, factors[1] * negatives, bounds)
                if found:
                    return factors, rounding, found
    return None, None, ()


def _bounds(value: Decimal, reach: int) -> tuple[int, int, int]:
    """Low and high limit of a proportion and their common denominator.

    ``reach`` counts halves of the last digit.
    """
    decimals = max(0, -int(value.as_tuple().exponent))
    scaled = 2 * int(value.scaleb(decimals))
    return scaled - reach, scaled + reach, 2 * 10**decimals


def _tables(
    name: str, positives: int, negatives: int, bounds: list[tuple[int, int, int]]
) -> tuple[Counts, ...]:
    """All tables whose five proportions lie within ``bounds`` (ends included).

    For each TP that the sensitivity allows, every other proportion allows one run
    of TN; the tables are where the four runs overlap.
    """
    sen, spe, ppv, npv, acc = bounds
    low, high = _part(sen, positives)
    tp = np.arange(low, high + 1, dtype=np.int64)
    fn = positives - tp
    least, most = _part(spe, negatives)
    right_least, right_most = _part(acc, positives + negatives)
    fp_least, fp_most = _rest(ppv, tp, negatives)
    tn_least, tn_most = _rest(_complement(npv), fn, negatives)
    first = np.maximum.reduce(
        [np.full_like(tp, least), right_least - tp, negatives - fp_most, tn_least]
    )
    last = np.minimum.reduce(
        [np.full_like(tp, most), right_most - tp, negatives - fp_least, tn_most]
    )
    runs = np.maximum(last - first + 1, 0)
    if runs.sum() > _MOST_TABLES:
        raise StatsError(
            f"{name}: more than {_MOST_TABLES} tables of counts fit; with so many cases and so few "
            "digits the numbers say nothing."
        )
    found = (
        Counts(int(t), int(positives - t), int(negatives - n), int(n))
        for t, start, run in zip(tp, first, runs, strict=True)
        for n in range(int(start), int(start + run))
    )
    return tuple(table for table in found if _predictions(table, ppv, npv))


def _part(bound: tuple[int, int, int], whole: int) -> tuple[int, int]:
    """The least and the most part of ``whole`` whose proportion lies within ``bound``."""
    low, high, unit = bound
    return max(0, -(-low * whole // unit)), min(whole, high * whole // unit)


def _rest(bound: tuple[int, int, int], part: Integers, most: int) -> tuple[Integers, Integers]:
    """The least and the most rest, so that part / (part + rest) lies within ``bound``."""
    low, high, unit = bound
    least = np.maximum(-(-part * (unit - high) // high), 0)
    if low <= 0:
        return least, np.full_like(part, most)
    return least, np.minimum(part * (unit - low) // low, most)


def _complement(bound: tuple[int, int, int]) -> tuple[int, int, int]:
    low, high, unit = bound
    return unit - high, unit - low, unit


def _predictions(table: Counts, ppv: tuple[int, int, int], npv: tuple[int, int, int]) -> bool:
    """Whether a predictive value without predictions is printed as 0."""
    none_positive, none_negative = table.tp + table.fp == 0, table.tn + table.fn == 0
    return not (none_positive and ppv[0] > 0) and not (none_negative and npv[0] > 0)
