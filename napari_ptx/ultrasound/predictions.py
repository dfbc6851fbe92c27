"""The predictions table: each model's probability for each case, beside the pathology.

Everything that looks at models reads this table: the evaluation, the figures, the
docks, the report. It is a CSV (or Parquet) with one row for each case and split, and a
JSON of the same name beside it with what the columns mean. Tables of other programs are
read, too; they need a label and a column of probabilities. Light to import: no torch,
no scikit-learn.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.ultrasound.errors import UltrasoundError

FORMAT = "napari-ptx predictions 1"
SPLITS = ("train", "validation", "test", "out-of-fold")
"""The names of splits, in the order in which they are shown."""

DEFAULT_THRESHOLD = 0.5
DEFAULT_RULE = "0.5, as no other is told"
MARK = "threshold:"
"""What a column begins with that holds a model's threshold for each row."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """The probabilities of several models for the same cases.

    Parameters
    ----------
    path
        The table it was read from, or is to be written to.
    table
        One row per case and split: ``case``, ``patient``, ``image``, ``roi`` and ``split`` as
        text (``image`` and ``roi`` are absolute paths or ""), the truth as 0 or 1 (NaN in
        every row of new cases), each model's probability of class 1, and any other column
        of the file.
    truth
        The column of the truth.
    models
        The columns of the models, in the order that gives them their colours.
    cluster
        The column of what is independent: patients, as a rule.
    note
        What the data were ("thyroid nodules, a stand-in").
    positive, negative
        What classes 1 and 0 are called.
    thresholds
        Rows of ``table`` x models: a case is called positive at or above it.
    rules
        How each model's threshold was found.
    about
        What else the JSON beside the table says of each model (family, classifier, ...).
    sources
        Hashes, versions and configuration of what made the table.
    """

    path: Path
    table: pd.DataFrame
    truth: str
    models: tuple[str, ...]
    cluster: str
    note: str
    positive: str
    negative: str
    thresholds: pd.DataFrame
    rules: Mapping[str, str]
    about: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sources: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have rows, in the order of ``SPLITS``, then any others."""
        here = list(dict.fromkeys(self.table["split"]))
        return tuple(sorted(here, key=lambda name: _rank(name, here)))

    @property
    def labelled(self) -> bool:
        """Whether the truth is known; of new cases it is not."""
        return bool(self.table[self.truth].notna().all())

    @property
    def labels(self) -> NDArray[np.int64]:
        """The truth of each row, 0 or 1.

        Raises
        ------
        UltrasoundError
            Where it is not known.
        """
        if not self.labelled:
            raise UltrasoundError(
                f"The column {self.truth!r} of {self.path.name} is empty: nothing can be compared "
                "with the pathology before it is filled in."
            )
        return self.table[self.truth].to_numpy(dtype=np.int64)

    @property
    def scores(self) -> NDArray[np.float64]:
        """Probabilities of class 1, (models, rows)."""
        return self.table[list(self.models)].to_numpy(dtype=np.float64).T

    @property
    def clusters(self) -> NDArray[np.str_]:
        """The patient (or other cluster) of each row."""
        return self.table[self.cluster].to_numpy(dtype=np.str_)

    @property
    def clustered(self) -> bool:
        """Whether a patient has more than one row, so that rows are not independent."""
        return bool(self.table[self.cluster].duplicated().any())

    def of(self, split: str) -> Predictions:
        """Give the rows of one split.

        Raises
        ------
        UltrasoundError
            If there is none.
        """
        here = (self.table["split"] == split).to_numpy()
        if not here.any():
            raise UltrasoundError(
                f"{self.path.name} has no split {split!r}; it has {_listed(self.splits)}."
            )
        return replace(
            self,
            table=self.table[here].reset_index(drop=True),
            thresholds=self.thresholds[here].reset_index(drop=True),
        )

    def pick(self, models: Sequence[str]) -> Predictions:
        """Give some of the models, in the order of the table.

        Raises
        ------
        UltrasoundError
            For a model that is not in the table.
        """
        for name in models:
            if name not in self.models:
                raise UltrasoundError(
                    f"{self.path.name} has no model {name!r}; it has {_listed(self.models)}."
                )
        kept = tuple(name for name in self.models if name in models)
        return replace(self, models=kept, thresholds=self.thresholds[list(kept)])

    def with_thresholds(self, thresholds: Mapping[str, float], rule: str) -> Predictions:
        """Put one threshold for all rows in place of some models' own."""
        changed = {name: value for name, value in thresholds.items() if name in self.models}
        return replace(
            self,
            thresholds=self.thresholds.assign(**changed),
            rules={**self.rules, **dict.fromkeys(changed, rule)},
        )

    def verdicts(self) -> pd.DataFrame:
        """Say for each row and model whether it is called positive."""
        return self.table[list(self.models)] >= self.thresholds

    def threshold(self, model: str) -> float:
        """Give a model's threshold, or NaN where rows have different ones."""
        values = self.thresholds[model].unique()
        return float(values[0]) if len(values) == 1 else float("nan")

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the table and its JSON; what ``read_predictions`` reads is equal to this."""
        return write_predictions(
            path,
            self.table.drop(
                columns=[MARK + name for name in self.models if MARK + name in self.table]
            ),
            self.models,
            thresholds=self.thresholds,
            note=self.note,
            truth=self.truth,
            positive=self.positive,
            negative=self.negative,
            rules=self.rules,
            about=self.about,
            sources=self.sources,
        )


def read_predictions(
    path: str | os.PathLike[str],
    *,
    truth: str = "label",
    models: Sequence[str] | None = None,
    clusters: str = "patient",
    positive: str | None = None,
) -> Predictions:
    """Read and check a predictions table.

    Parameters
    ----------
    path
        CSV (UTF-8; comma or semicolon) or Parquet. A table of ours has a JSON of the same
        name beside it.
    truth
        The column of the truth: 0 and 1, or two words of which ``positive`` is class 1;
        or empty in every row of a table of ours, which predicts new cases.
    models
        The columns of probabilities. Without it they are those of the JSON, or else all
        columns of numbers in [0, 1] whose name is not one of the table's own (``age``,
        ``fold``, ...) and that hold something between 0 and 1.
    clusters
        The column of what is independent. A table without a column ``patient`` has one
        patient for each case.
    positive
        The word of class 1 where the truth is in words.

    Raises
    ------
    UltrasoundError
        One sentence, with one line for each bad entry. Rows are counted as a spreadsheet
        does: the header is row 1.
    """
    from napari_ptx.ultrasound import predictions_file

    return predictions_file.read(
        Path(path).absolute(), truth=truth, models=models, clusters=clusters, positive=positive
    )


def write_predictions(
    path: str | os.PathLike[str],
    table: pd.DataFrame,
    models: Sequence[str],
    *,
    thresholds: Mapping[str, float] | pd.DataFrame,
    note: str,
    truth: str = "label",
    positive: str = "",
    negative: str = "",
    rules: Mapping[str, str] | None = None,
    about: Mapping[str, Mapping[str, Any]] | None = None,
    sources: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``path`` (CSV) and the JSON beside it; a kill leaves the old files or the new.

    Parameters
    ----------
    table
        ``case``, ``patient``, ``split``, the truth, one column per model; optionally
        ``image`` and ``roi`` (absolute, or relative to the table's folder) and any others.
    models
        The columns of probabilities of class 1.
    thresholds
        One number for each model, or rows x models where they differ from row to row (as
        in out-of-fold predictions), which become columns ``threshold:<model>``.
    note
        What the data were.
    truth
        The column of the truth.
    positive, negative
        What classes 1 and 0 are called.
    rules
        How each threshold was found ("Youden, learned on validation").
    about
        More on each model: ``{"late": {"family": ..., "classifier": ...}}``.
    sources
        Hashes, versions, configuration.

    Raises
    ------
    UltrasoundError
        If a column is missing or a file cannot be written.
    """
    from napari_ptx.ultrasound import predictions_file

    place = Path(path).absolute()
    missing = [name for name in ("case", truth, *models) if name not in table]
    if missing:
        raise UltrasoundError(
            f"The predictions for {place.name} have no column {_listed(missing)}; add it."
        )
    out = predictions_file.relative(table, place.parent)
    entries = {name: dict((about or {}).get(name, {})) for name in models}
    for name, entry in entries.items():
        values = np.unique(np.asarray(thresholds[name], dtype=np.float64))
        entry["threshold"] = float(values[0]) if len(values) == 1 else None
        entry["rule"] = (rules or {}).get(name, DEFAULT_RULE)
        if len(values) > 1:
            out[MARK + name] = np.asarray(thresholds[name], dtype=np.float64)
    said = {
        "format": FORMAT,
        "note": note,
        "truth": truth,
        "positive": positive,
        "negative": negative,
        "models": entries,
        "sources": dict(sources or {}),
    }
    text = json.dumps(said, indent=2, allow_nan=False)
    predictions_file.replace_both(place, out.to_csv(index=False, lineterminator="\n"), text)
    return place


def _rank(name: str, here: Sequence[str]) -> tuple[int, int]:
    known = SPLITS.index(name) if name in SPLITS else len(SPLITS)
    return known, list(here).index(name)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
