"""The cases of a predictions table as a reviewer asks for them. No Qt here.

pandas comes in with the table itself: a dock opens without it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_ptx.ultrasound.predictions import Predictions

NEAR = 0.1
"""How far from its threshold a probability still counts as near it."""
MOST_GROUPS = 30
"""A text column with more values than this is no grouping (names, remarks)."""

Kind = Literal["all", "wrong", "disagree", "near", "commented"]

KINDS: Mapping[Kind, str] = {
    "all": "All cases",
    "wrong": "Wrong",
    "disagree": "Models disagree",
    "near": f"Within {NEAR:g} of the threshold",
    "commented": "With a comment",
}

_HIDDEN = ("image", "roi")
_THRESHOLD = "threshold:"
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Wish:
    """Which cases to list.

    Parameters
    ----------
    model
        The model that "wrong" and "near" ask about.
    split
        One split, or "" for all.
    group
        A column of text and its value, or ``None``.
    search
        Words that must all be in the row's texts, whatever their case.
    """

    model: str
    kind: Kind = "all"
    split: str = ""
    group: tuple[str, str] | None = None
    search: str = ""


@dataclass(frozen=True)
class Column:
    """One column of the table of cases; ``kind`` says how it is written and sorted."""

    name: str
    title: str
    kind: Literal["text", "number", "truth", "model", "comment"]


@dataclass(frozen=True)
class Verdict:
    """What one model says of one case.

    Parameters
    ----------
    probability
        Of the positive class; NaN where the model has no value for the case.
    name
        The name of the class that it means, "" without a value.
    right
        Whether that is the pathology; ``None`` where either is not known.
    """

    model: str
    probability: float
    threshold: float
    name: str
    right: bool | None

    @property
    def sign(self) -> str:
        """Right or wrong without colour."""
        return {True: "✓", False: "✗", None: "·"}[self.right]

    @property
    def text(self) -> str:
        """The verdict in words."""
        if not self.name:
            return "no value"
        return f"{self.sign} {self.name}"


class Review:
    """The rows of a predictions table with verdicts, ready to be listed and sorted.

    Parameters
    ----------
    predictions
        The open table.
    overrides
        Thresholds that the reviewer has set, by model, in place of the table's.
    comments
        The latest comment of each case.
    """

    def __init__(
        self,
        predictions: Predictions,
        overrides: Mapping[str, float],
        comments: Mapping[str, str],
    ) -> None:
        table = predictions.table
        self.models: tuple[str, ...] = tuple(predictions.models)
        self.names = (predictions.negative or "negative", predictions.positive or "positive")
        self._table = table
        self._cases = [_text(case) for case in table["case"]]
        self._splits = np.array([_text(value) for value in table["split"]], dtype=object)
        self.splits = tuple(predictions.splits)
        self._truth = np.asarray(_floats(table[predictions.truth]))
        self._probability = np.column_stack([_floats(table[model]) for model in self.models])
        self._told = np.column_stack([_floats(predictions.thresholds[m]) for m in self.models])
        self.columns = self._find_columns(predictions)
        self._texts = {
            column.name: [_text(value) for value in table[column.name]]
            for column in self.columns
            if column.kind in ("text", "number")
        }
        self._words = [
            "\n".join(row).casefold() for row in zip(*self._texts.values(), strict=True)
        ]  # the case is always there
        self.set_overrides(overrides)
        self.set_comments(comments)

    def __len__(self) -> int:
        return len(self._cases)

    # What changes under the reviewer's hands

    def set_overrides(self, overrides: Mapping[str, float]) -> None:
        """Take other thresholds; every verdict follows."""
        self._threshold = self._told.copy()
        for place, model in enumerate(self.models):
            if model in overrides:
                self._threshold[:, place] = overrides[model]
        known = ~np.isnan(self._probability)
        self._positive = self._probability >= self._threshold
        self._wrong = known & ~np.isnan(self._truth)[:, None]
        self._wrong &= self._positive != (self._truth == 1)[:, None]
        self._disagree = (known & self._positive).any(axis=1) & (known & ~self._positive).any(
            axis=1
        )

    def set_comments(self, comments: Mapping[str, str]) -> None:
        """Take other comments."""
        self._comments = dict(comments)

    # One row

    def case(self, row: int) -> str:
        """The case of a row."""
        return self._cases[row]

    def record(self, row: int) -> dict[str, Any]:
        """Give a row of the table as plain values, for a child process."""
        return {str(name): value for name, value in self._table.iloc[row].to_dict().items()}

    def place(self, row: int, name: str) -> str:
        """The ``image`` or ``roi`` of a row, or ""."""
        return _text(self._table[name].iloc[row]) if name in self._table else ""

    def split(self, row: int) -> str:
        """The split of a row."""
        return str(self._splits[row])

    def truth(self, row: int) -> str:
        """The name of the pathology's class, or "unknown"."""
        value = self._truth[row]
        return "unknown" if math.isnan(value) else self.names[int(value == 1)]

    def comment(self, row: int) -> str:
        """The latest comment on the case of a row."""
        return self._comments.get(self._cases[row], "")

    def verdicts(self, row: int) -> tuple[Verdict, ...]:
        """Give what every model says of a row, in the table's order."""
        return tuple(self.verdict(row, place) for place in range(len(self.models)))

    def verdict(self, row: int, place: int) -> Verdict:
        """Give what one model says of a row."""
        probability = float(self._probability[row, place])
        known = not math.isnan(probability)
        right = None if not known or math.isnan(self._truth[row]) else not self._wrong[row, place]
        return Verdict(
            self.models[place],
            probability,
            float(self._threshold[row, place]),
            self.names[int(self._positive[row, place])] if known else "",
            None if right is None else bool(right),
        )

    def facts(self, row: int) -> tuple[tuple[str, str], ...]:
        """Give the other columns of a row that have an entry: age, subtype and the like."""
        return tuple(
            (column.title, self._texts[column.name][row])
            for column in self.columns
            if column.kind in ("text", "number")
            and column.name not in ("case", "split")
            and self._texts[column.name][row]
        )

    def text(self, row: int, column: Column) -> str:
        """Give a cell as it is shown."""
        if column.kind == "comment":
            return self.comment(row)
        if column.kind == "truth":
            return self.truth(row)
        if column.kind == "model":
            verdict = self.verdict(row, self.models.index(column.name))
            if not verdict.name:
                return "–"
            return f"{verdict.probability:.2f} {verdict.sign}"
        return self._texts[column.name][row]

    # Rows

    def groups(self) -> tuple[tuple[str, str, int], ...]:
        """Give what cases can be grouped by: column, value, and how many rows have it."""
        found = []
        for column in self.columns:
            if column.kind != "text" or column.name in ("case", "patient", "split"):
                continue
            values, counts = np.unique(
                np.array(self._texts[column.name], dtype=object), return_counts=True
            )
            if 2 <= len(values) <= MOST_GROUPS:
                found += [
                    (column.name, str(value), int(count))
                    for value, count in zip(values, counts, strict=True)
                    if value
                ]
        return tuple(found)

    def rows(self, wish: Wish) -> NDArray[np.intp]:
        """Give the rows that are wished for, in the table's order."""
        keep = np.ones(len(self), dtype=bool)
        place = self.models.index(wish.model)
        if wish.kind == "wrong":
            keep &= self._wrong[:, place]
        elif wish.kind == "disagree":
            keep &= self._disagree
        elif wish.kind == "near":
            with np.errstate(invalid="ignore"):  # NaN is near nothing
                keep &= np.abs(self._probability[:, place] - self._threshold[:, place]) <= NEAR
        elif wish.kind == "commented":
            keep &= np.array([bool(self._comments.get(case)) for case in self._cases])
        if wish.split:
            keep &= self._splits == wish.split
        if wish.group is not None:
            name, value = wish.group
            keep &= np.array([text == value for text in self._texts[name]])
        for word in wish.search.casefold().split():
            keep &= np.array(
                [
                    word in words or word in self._comments.get(case, "").casefold()
                    for words, case in zip(self._words, self._cases, strict=True)
                ]
            )
        return np.flatnonzero(keep)

    def ranks(self, column: Column) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Give the place of every row when sorted by a column, and where it has no entry.

        Numbers in texts count as numbers: case 2 comes before case 10.
        """
        values: Any
        if column.kind == "model":
            values = self._probability[:, self.models.index(column.name)]
        elif column.kind == "number":
            values = _floats(self._table[column.name])
        elif column.kind == "truth":
            values = self._truth
        else:
            texts = [self.text(row, column) for row in range(len(self))]
            order = {text: n for n, text in enumerate(sorted(set(texts), key=natural))}
            values = np.array([order[text] if text else np.nan for text in texts], dtype=float)
        ranks = np.unique(values, return_inverse=True)[1]
        return ranks.astype(np.intp), np.isnan(values)

    def _find_columns(self, predictions: Predictions) -> tuple[Column, ...]:
        from pandas.api.types import is_numeric_dtype

        table = predictions.table
        columns = [Column("case", "Case", "text"), Column(predictions.truth, "Truth", "truth")]
        columns += [Column(model, model, "model") for model in self.models]
        named = {column.name for column in columns}
        for name in map(str, table.columns):
            if name in named or name in _HIDDEN or name.startswith(_THRESHOLD):
                continue
            if name == "split" and len(self.splits) < 2:
                continue
            number = is_numeric_dtype(table[name])
            columns.append(Column(name, name, "number" if number else "text"))
        return (*columns, Column("", "Comment", "comment"))


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Give a key that sorts digits as numbers, and letters whatever their case."""
    return tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in _DIGITS.split(text.casefold())
        if part
    )


def _floats(column: Any) -> NDArray[np.float64]:
    import pandas as pd

    return np.asarray(pd.to_numeric(column, errors="coerce"), dtype=float)


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def neighbour(rows: Sequence[int], row: int | None, step: int) -> int | None:
    """Give the row before (-1) or after (1) one in a list; the first where it is not there."""
    rows = list(rows)
    if not rows:
        return None
    if row is None or row not in rows:
        return rows[0]
    place = rows.index(row) + step
    return rows[place] if 0 <= place < len(rows) else None
