"""The ratings of a multi-reader multi-case study as one array, or what is in the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.tables import numbers

COLUMNS = ("reader", "modality", "case", "truth", "rating")

_SHOWN = 5


@dataclass(frozen=True)
class Ratings:
    """Every reader's rating of every case in every modality.

    Parameters
    ----------
    readers, modalities, cases
        Their names, in the order of the table.
    positive
        ``(cases,)``.
    values
        ``(modalities, readers, cases)``; higher means more likely positive.
    """

    readers: tuple[str, ...]
    modalities: tuple[str, ...]
    cases: tuple[str, ...]
    positive: NDArray[np.bool_]
    values: NDArray[np.float64]


def ratings(table: Mapping[str, Any]) -> Ratings:
    """Arrange the columns of a table (a DataFrame or a dict of columns).

    Raises
    ------
    StatsError
        For a column that is not there, a label or truth that is missing, a truth
        other than 0 and 1 or that differs within a case, a cell that is missing or
        there twice, fewer than two readers, modalities, or cases of a class.
    """
    absent = [name for name in COLUMNS if name not in table]
    if absent:
        raise StatsError(f"The table has no column {' and no column '.join(absent)}.")
    labels = {name: _labels(table[name], name) for name in COLUMNS[:3]}
    score = numbers(table["rating"], "ratings")
    truth = numbers(table["truth"], "truth")
    lengths = [*map(len, labels.values()), len(score), len(truth)]
    if len(set(lengths)) > 1:
        raise StatsError("The columns have different lengths.")
    names = {name: tuple(dict.fromkeys(column)) for name, column in labels.items()}
    readers, modalities, cases = names["reader"], names["modality"], names["case"]
    place = {name: {label: i for i, label in enumerate(names[name])} for name in labels}
    at = [
        np.array([place[name][label] for label in labels[name]], dtype=np.intp)
        for name in ("modality", "reader", "case")
    ]
    positive = _truth(truth, at[2], cases)
    _enough(readers, modalities, positive)
    count = np.zeros((len(modalities), len(readers), len(cases)), dtype=np.intp)
    np.add.at(count, tuple(at), 1)
    values = np.full(count.shape, np.nan)
    values[tuple(at)] = score
    for wrong, what in (
        (count > 1, "there more than once"),
        ((count == 0) | ~np.isfinite(values), "missing"),
    ):
        if wrong.any():
            raise StatsError(
                f"Ratings are {what}: {_cells(wrong, modalities, readers, cases)}; every reader "
                "must rate every case in every modality once."
            )
    return Ratings(readers, modalities, cases, positive, values)


def _labels(column: Any, name: str) -> list[str]:
    found = []
    for row, label in enumerate(column, start=1):
        text = "" if label is None or label != label else str(label).strip()
        if not text:
            raise StatsError(f"Row {row} has no {name}.")
        found.append(text)
    return found


def _truth(
    truth: NDArray[np.float64], case: NDArray[np.intp], cases: tuple[str, ...]
) -> NDArray[np.bool_]:
    wrong = ~np.isin(truth, (0.0, 1.0))
    if wrong.any():
        names = list(dict.fromkeys(cases[i] for i in case[wrong]))
        raise StatsError(
            f"The truth of {_first(names, 'case')} is missing or neither 0 (negative) nor 1 "
            "(positive)."
        )
    positive = np.zeros(len(cases), dtype=bool)
    positive[case] = truth == 1.0
    differs = positive[case] != (truth == 1.0)
    if differs.any():
        names = list(dict.fromkeys(cases[i] for i in case[differs]))
        raise StatsError(f"The truth of {_first(names, 'case')} is 0 in one row and 1 in another.")
    return positive


def _enough(
    readers: tuple[str, ...], modalities: tuple[str, ...], positive: NDArray[np.bool_]
) -> None:
    if len(readers) < 2:
        raise StatsError(
            f"There is only one reader, {readers[0]!r}; with one, compare the modalities as two "
            "paired scores (stats auc)."
            if readers
            else "The table has no rows."
        )
    if len(modalities) < 2:
        raise StatsError(f"There is only one modality, {modalities[0]!r}, and nothing to compare.")
    for count, what in ((positive.sum(), "positive"), ((~positive).sum(), "negative")):
        if count < 2:
            found = f"there is only {count}" if count else "there is none"
            raise StatsError(f"At least 2 {what} cases are needed, and {found}.")


def _cells(
    wrong: NDArray[np.bool_],
    modalities: tuple[str, ...],
    readers: tuple[str, ...],
    cases: tuple[str, ...],
) -> str:
    found = [
        f"reader {readers[r]}, modality {modalities[m]}, case {cases[c]}"
        for m, r, c in np.argwhere(wrong).tolist()
    ]
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(found[:_SHOWN]) + more


def _first(names: list[str], what: str) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{what}{'s' if len(names) > 1 else ''} {', '.join(names[:_SHOWN])}{more}"
