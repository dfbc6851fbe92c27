"""Table 1: who the patients were, in each group, and where the groups differ."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_ptx.stats.cohort_tests import (
    Tested,
    TTest,
    compare_counts,
    compare_means,
    compare_ranks,
    shapiro,
)
from napari_ptx.stats.errors import StatsError

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["mean", "median", "count"]

IDENTIFIERS = frozenset({"case", "patient", "subject", "image", "roi", "mask", "reader", "source"})
"""Columns that name something and are no characteristic of a patient."""

_MOST_LEVELS = 30
_BLANK = frozenset({"", "na", "n/a", "nan", "null", "none"})


@dataclass(frozen=True)
class Summary:
    """One characteristic in one group.

    ``mean`` to ``high`` are NaN for counts, ``counts`` (in the order of the levels) is
    empty for measurements. ``shapiro_p`` is NaN where the test is not made.
    """

    n: int
    missing: int
    mean: float = math.nan
    sd: float = math.nan
    median: float = math.nan
    q1: float = math.nan
    q3: float = math.nan
    low: float = math.nan
    high: float = math.nan
    shapiro_p: float = math.nan
    counts: tuple[int, ...] = ()


@dataclass(frozen=True)
class GroupTest:
    """A comparison of two groups, or of all where ``a`` and ``b`` are None."""

    a: str | None
    b: str | None
    test: str
    p: float


@dataclass(frozen=True)
class Characteristic:
    """One characteristic in all groups.

    Parameters
    ----------
    name
        The column.
    kind
        "mean" (normal in every group: mean and SD, t test), "median" (not normal:
        median and quartiles, Mann-Whitney), "count" (levels with number and percent).
    levels
        The levels of a count.
    total, groups
        The summary of all patients, and of each group.
    tests
        Of all groups where there are three or more, then of each pair.
    """

    name: str
    kind: Kind
    levels: tuple[str, ...]
    total: Summary
    groups: tuple[Summary, ...]
    tests: tuple[GroupTest, ...]


@dataclass(frozen=True)
class Description:
    """What ``describe`` found: the groups, their sizes, and each characteristic."""

    group: str
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    characteristics: tuple[Characteristic, ...]

    def to_frame(self) -> pd.DataFrame:
        """Give the table as it is printed: texts, one row for each line."""
        import pandas as pd

        return pd.DataFrame([line for found in self.characteristics for line in self._lines(found)])

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers and lists; what is undefined is None."""
        return {
            "group": self.group,
            "groups": dict(zip(self.names, self.sizes, strict=True)),
            "characteristics": [
                {
                    "name": found.name,
                    "kind": found.kind,
                    "levels": list(found.levels),
                    "total": _plain(found.total),
                    "groups": {
                        name: _plain(summary)
                        for name, summary in zip(self.names, found.groups, strict=True)
                    },
                    "tests": [_plain(test) for test in found.tests],
                }
                for found in self.characteristics
            ],
        }

    def _lines(self, found: Characteristic) -> list[dict[str, str]]:
        columns = [f"Total (n = {sum(self.sizes)})"]
        columns += [
            f"{name} (n = {size})" for name, size in zip(self.names, self.sizes, strict=True)
        ]
        summaries = [found.total, *found.groups]
        what = {"mean": "mean ± SD", "median": "median (Q1, Q3)", "count": "n (%)"}[found.kind]
        first = {"Characteristic": f"{found.name}, {what}"}
        first |= {
            column: "" if found.kind == "count" else _measured(summary, found)
            for column, summary in zip(columns, summaries, strict=True)
        }
        missing = [
            f"{name} {summary.missing}"
            for name, summary in zip(self.names, found.groups, strict=True)
            if summary.missing
        ]
        first["Missing"] = f"{found.total.missing}" + (
            f" ({', '.join(missing)})" if missing else ""
        )
        for test in found.tests:
            first[f"P {test.a} vs. {test.b}" if test.a is not None else "P"] = _p_text(test.p)
        first["Test"] = "; ".join(dict.fromkeys(test.test for test in found.tests))
        if len(self.names) == 2:  # the only pair needs no names
            first = {("P" if key.startswith("P ") else key): value for key, value in first.items()}
        rows = [first]
        for i, level in enumerate(found.levels):
            row = dict.fromkeys(first, "") | {"Characteristic": f"    {level}"}
            row |= {
                column: f"{summary.counts[i]} ({100 * summary.counts[i] / summary.n:.1f})"
                if summary.n
                else "–"
                for column, summary in zip(columns, summaries, strict=True)
            }
            rows.append(row)
        return rows


def describe(
    table: pd.DataFrame,
    group: str,
    columns: Sequence[str] | None = None,
    *,
    categorical: Collection[str] = (),
    t: TTest = "welch",
    alpha: float = 0.05,
    yates: bool = False,
) -> Description:
    """Describe a cohort and compare its groups, as Table 1 of a paper does.

    Parameters
    ----------
    table
        One row for each patient (or case; rows are taken to be independent).
    group
        The column of groups, as ``split``.
    columns
        The characteristics; otherwise all columns but ``group`` and those that name a
        case, a patient, a reader or a file.
    categorical
        Columns of numbers that are codes, as a grade. Text, truth values, and numbers
        with one or two different values are counted in any case.
    t
        "welch" (variances may differ) or "student" (the independent t test of many
        papers).
    alpha
        A measurement counts as normal where the Shapiro-Wilk p value exceeds this in
        every group. Below 3 or above 5,000 values the test is not made, and the
        measurement does not count as normal.
    yates
        Whether to correct chi-squared of 2 x 2 tables for continuity, as R does unless
        told otherwise.

    Raises
    ------
    StatsError
        For a column that is not there, rows without a group, fewer than two groups,
        infinite values, and text with more than 30 levels.

    Notes
    -----
    Quartiles are interpolated (R's type 7). P values are not corrected for their
    number. A comparison that is not possible (an empty group, equal values) has p NaN.
    """
    if t not in ("welch", "student"):
        raise StatsError(f"The t test is 'welch' or 'student', not {t!r}.")
    if columns is None:
        columns = [
            str(name)
            for name in table.columns
            if name != group and str(name).lower() not in IDENTIFIERS
        ]
    for name in (group, *columns, *categorical):
        if name not in table:
            raise StatsError(
                f"The table has no column {name!r}; its columns are: "
                f"{', '.join(map(str, table.columns))}."
            )
    if not columns:
        raise StatsError("There is no characteristic to describe; name some columns.")
    labels = [_level(value) for value in table[group]]
    absent = [str(row) for row, label in enumerate(labels, start=1) if label is None]
    if absent:
        more = ", ..." if len(absent) > 10 else ""
        raise StatsError(f"Rows without a {group}: {', '.join(absent[:10])}{more}.")
    names = tuple(dict.fromkeys(label for label in labels if label is not None))
    if len(names) < 2:
        raise StatsError(
            f"The column {group!r} has {'one group' if names else 'no group'}; two are compared "
            "at least."
        )
    codes = np.array([names.index(label) for label in labels if label is not None], dtype=np.intp)
    return Description(
        group=group,
        names=names,
        sizes=tuple(np.bincount(codes, minlength=len(names)).tolist()),
        characteristics=tuple(
            _counted(table[name], names, codes, yates)
            if name in categorical or _is_categorical(table[name])
            else _measurement(table[name], names, codes, t, alpha)
            for name in columns
        ),
    )


def _is_categorical(column: pd.Series[Any]) -> bool:
    from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

    if is_datetime64_any_dtype(column):
        raise StatsError(f"{column.name}: dates cannot be described; turn them into years or days.")
    return is_bool_dtype(column) or not is_numeric_dtype(column) or column.nunique() <= 2


def _measurement(
    column: pd.Series[Any], names: tuple[str, ...], codes: NDArray[np.intp], t: TTest, alpha: float
) -> Characteristic:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        raise StatsError(f"{column.name}: there are infinite values; correct or remove them.")
    parts = [values[codes == i] for i in range(len(names))]
    groups = tuple(_measure(part) for part in parts)
    seen = [part[~np.isnan(part)] for part in parts]
    some = [group for group in groups if group.n]
    normal = bool(some) and all(group.shapiro_p > alpha for group in some)
    return Characteristic(
        name=str(column.name),
        kind="mean" if normal else "median",
        levels=(),
        total=_measure(values),
        groups=groups,
        tests=_tests(
            names,
            lambda chosen: (
                compare_means([seen[i] for i in chosen], t)
                if normal
                else compare_ranks([seen[i] for i in chosen])
            ),
        ),
    )


def _measure(values: NDArray[np.float64]) -> Summary:
    seen = values[~np.isnan(values)]
    missing = len(values) - len(seen)
    if not len(seen):
        return Summary(0, missing)
    q1, median, q3 = np.quantile(seen, [0.25, 0.5, 0.75]).tolist()
    return Summary(
        n=len(seen),
        missing=missing,
        mean=float(seen.mean()),
        sd=float(seen.std(ddof=1)) if len(seen) > 1 else math.nan,
        median=median,
        q1=q1,
        q3=q3,
        low=float(seen.min()),
        high=float(seen.max()),
        shapiro_p=shapiro(seen),
    )


def _counted(
    column: pd.Series[Any], names: tuple[str, ...], codes: NDArray[np.intp], yates: bool
) -> Characteristic:
    labels = [_level(value) for value in column]
    levels = _levels(column, labels)
    if len(levels) > _MOST_LEVELS:
        raise StatsError(
            f"{column.name}: there are {len(levels)} different values, too many to count; leave "
            "the column out."
        )
    table = np.zeros((len(names), len(levels)), dtype=np.int64)
    for code, label in zip(codes, labels, strict=True):
        if label is not None:
            table[code, levels.index(label)] += 1
    sizes = np.bincount(codes, minlength=len(names))
    groups = tuple(
        Summary(int(row.sum()), int(size - row.sum()), counts=tuple(row.tolist()))
        for row, size in zip(table, sizes, strict=True)
    )
    return Characteristic(
        name=str(column.name),
        kind="count",
        levels=levels,
        total=Summary(
            n=sum(group.n for group in groups),
            missing=sum(group.missing for group in groups),
            counts=tuple(table.sum(axis=0).tolist()),
        ),
        groups=groups,
        tests=_tests(names, lambda chosen: compare_counts(table[list(chosen)], yates)),
    )


def _levels(column: pd.Series[Any], labels: list[str | None]) -> tuple[str, ...]:
    """Give the levels: in a categorical column's own order, numbers by size, else by name."""
    seen = {label for label in labels if label is not None}
    if column.dtype.name == "category":
        known = [_level(value) for value in column.cat.categories]
        return tuple(level for level in known if level in seen and level is not None)

    def rank(level: str) -> tuple[float, str]:
        try:
            return float(level), level
        except ValueError:
            return math.inf, level

    return tuple(sorted(seen, key=rank))


def _level(value: Any) -> str | None:
    if value is None or value != value or type(value).__name__ in ("NAType", "NaTType"):
        return None
    text = f"{value:.15g}" if isinstance(value, float) else str(value).strip()
    return None if text.lower() in _BLANK else text


def _tests(names: tuple[str, ...], compare: Any) -> tuple[GroupTest, ...]:
    """All groups at once where there are three or more, then each pair."""
    found: list[GroupTest] = []

    def add(a: str | None, b: str | None, tested: Tested) -> None:
        found.append(GroupTest(a, b, tested.test, tested.p))

    everything = range(len(names))
    if len(names) > 2:
        add(None, None, compare(everything))
    for i, j in combinations(everything, 2):
        add(names[i], names[j], compare((i, j)))
    return tuple(found)


def _measured(summary: Summary, found: Characteristic) -> str:
    if not summary.n:
        return "–"
    spread = found.total.sd
    places = int(np.clip(2 - math.floor(math.log10(spread)), 0, 4)) if spread > 0.0 else 1
    if found.kind == "mean":
        return f"{summary.mean:.{places}f} ± {summary.sd:.{places}f}"
    q1, median, q3 = (f"{value:.{places}f}" for value in (summary.q1, summary.median, summary.q3))
    return f"{median} ({q1}, {q3})"


def _p_text(p: float) -> str:
    if math.isnan(p):
        return "–"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _plain(value: Summary | GroupTest) -> dict[str, Any]:
    return {
        key: None if isinstance(item, float) and not math.isfinite(item) else item
        for key, item in asdict(value).items()
    }
