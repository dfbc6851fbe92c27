"""The features of a family: numbers as they are, and clinical columns made into numbers.

Clinical columns are encoded by the training rows: a missing number becomes the training
median and has an indicator column; a word becomes one column for each word that the
training rows have, and a missing or new word is 0 in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.ultrasound.errors import UltrasoundError

Floats = NDArray[np.float64]

CLINICAL = "clinical:"


@dataclass(frozen=True)
class ClinicalColumn:
    """How one clinical column is encoded.

    Parameters
    ----------
    name
        In the cohort table.
    words
        The categories, or () for a number.
    median
        Of the training rows, for a number.
    missing
        Whether a training row lacked it, so that there is an indicator.
    """

    name: str
    words: tuple[str, ...] = ()
    median: float = 0.0
    missing: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns it becomes."""
        if self.words:
            return tuple(f"{CLINICAL}{self.name}={word}" for word in self.words)
        indicator = (f"{CLINICAL}{self.name} missing",) if self.missing else ()
        return (CLINICAL + self.name, *indicator)

    def encode(self, column: pd.Series) -> Floats:
        """Give the numbers (n, columns)."""
        if self.words:
            texts = column.astype(str).str.strip().to_numpy(dtype=object)
            return np.asarray(
                texts[:, None] == np.array(self.words, dtype=object), dtype=np.float64
            )
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
        absent = ~np.isfinite(numbers)
        filled = np.where(absent, self.median, numbers)
        return np.column_stack([filled, absent] if self.missing else [filled]).astype(np.float64)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {
            "name": self.name,
            "words": list(self.words),
            "median": self.median,
            "missing": self.missing,
        }


@dataclass(frozen=True, eq=False)
class Matrix:
    """The features of all cases, before anything is learned.

    Parameters
    ----------
    names
        Of the columns of ``x``.
    x
        (cases, features).
    clinical
        One row per case and one column for each clinical column, or ``None``.
    """

    names: tuple[str, ...]
    x: Floats
    clinical: pd.DataFrame | None = None

    def encode(self, rows: NDArray[np.intp]) -> Encoded:
        """Learn the encoding of the clinical columns on some rows."""
        if self.clinical is None:
            return Encoded(self, ())
        return Encoded(self, tuple(fit_clinical(self.clinical.iloc[rows])))


@dataclass(frozen=True, eq=False)
class Encoded:
    """A matrix with the encoding of its clinical columns."""

    matrix: Matrix
    columns: tuple[ClinicalColumn, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The features, clinical ones last."""
        return (*self.matrix.names, *(name for column in self.columns for name in column.names))

    def rows(self, rows: NDArray[np.intp]) -> Floats:
        """Give the features of some rows (n, features)."""
        parts = [self.matrix.x[rows]]
        if self.matrix.clinical is not None:
            some = self.matrix.clinical.iloc[rows]
            parts += [column.encode(some[column.name]) for column in self.columns]
        return np.hstack(parts)


def fit_clinical(table: pd.DataFrame) -> list[ClinicalColumn]:
    """Learn the encoding of each column of a table of training rows.

    Raises
    ------
    UltrasoundError
        For a column without any value, or with a different word in most rows.
    """
    made = []
    for name in map(str, table.columns):
        column = table[name]
        there = column.notna() & (column.astype(str).str.strip() != "")
        if not there.any():
            raise UltrasoundError(
                f"The clinical column {name!r} has no value in a training part; leave it out."
            )
        if pd.api.types.is_numeric_dtype(column):
            numbers = column[there].to_numpy(dtype=np.float64)
            missing = not bool(there.all())
            made.append(ClinicalColumn(name, (), float(np.median(numbers)), missing))
            continue
        words = sorted(set(column[there].astype(str).str.strip()))
        if len(words) > max(2, len(table) // 5):
            raise UltrasoundError(
                f"The clinical column {name!r} has {len(words)} different words in "
                f"{len(table)} training cases; give numbers, or fewer categories."
            )
        made.append(ClinicalColumn(name, tuple(words)))
    return made


def clinical_table(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame | None:
    """Take the clinical columns out of a cohort table.

    Raises
    ------
    UltrasoundError
        For a column that is not there.
    """
    if not columns:
        return None
    missing = [name for name in columns if name not in table]
    if missing:
        raise UltrasoundError(
            f"The cohort has no clinical column {', '.join(map(repr, missing))}; its columns "
            f"are {', '.join(map(repr, table.columns))}."
        )
    return table[list(columns)].reset_index(drop=True)


def clinical_from_json(values: Mapping[str, Any]) -> ClinicalColumn:
    """Make a column of plain values."""
    return ClinicalColumn(
        str(values["name"]),
        tuple(str(word) for word in values["words"]),
        float(values["median"]),
        bool(values["missing"]),
    )
