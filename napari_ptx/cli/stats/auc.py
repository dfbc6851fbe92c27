"""``napari-ptx stats auc``: areas under ROC curves and their comparison."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from napari_ptx.cli.show import Json
from napari_ptx.cli.stats.answers import clusters_note, give, p_value, with_interval
from napari_ptx.cli.stats.options import ConfidenceOption, Missing, MissingOption, names
from napari_ptx.cli.tables import LABEL_COLUMNS, MISSING, Table, TableError, listed, read_table

_NOT_SCORES = frozenset(
    {
        *LABEL_COLUMNS,
        "label", "truth", "image", "roi", "split", "reader", "round", "repeat", "fold", "copy",
        "augmented", "age", "sex", "female", "male", "calcium", "pth", "phosphate", "subtype",
        "weight", "index", "id", "site", "center", "centre",
    }
)  # fmt: skip
_NOT_SCORES_PREFIX = "threshold:"
_BINARY = re.compile(r"[01]([.,]0*)?")


def auc_command(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="SCORES.csv",
            help="One line for each case, with a column of the truth (0 or 1) and one column "
            "of scores for each model.",
            show_default=False,
        ),
    ],
    truth: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column of the truth: 0 or 1.")
    ] = "label",
    scores: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Columns of the scores; a higher score means 1. Otherwise all columns of "
            "numbers but the truth, case, patient, split, age and the like.",
            show_default=False,
        ),
    ] = None,
    clusters: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column that says which rows belong together, as the patient; the variances "
            "are then Obuchowski's.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Take only the rows that have this in the column split, as test.",
            show_default=False,
        ),
    ] = None,
    confidence: ConfidenceOption = 0.95,
    missing: MissingOption = Missing.refuse,
    json_: Json = False,
) -> None:
    """Areas under the ROC curves with intervals, and a test for each pair of scores.

    DeLong's variances, or Obuchowski's for clustered rows; the limits of an area are
    clipped to 0 and 1. What is infinite is null in JSON.
    """
    from napari_ptx.stats import StatsError, compare_auc

    read = read_table(table)
    if split is not None:
        read = read.where("split", split)
    columns = _scores(read, names(scores), truth, clusters)
    _must_be_binary(read, truth)
    values = read.numbers([truth, *columns], missing.value)
    groups = None if clusters is None else read.labels(clusters)
    whole = np.flatnonzero(~np.isnan(values).any(axis=1))
    try:
        result = compare_auc(
            values[whole, 0],
            values[whole, 1:].T,
            None if groups is None else [groups[i] for i in whole],
            columns,
        )
    except StatsError as error:
        raise TableError(f"{table.name}: {error}") from None
    notes = [clusters_note(read, groups), _splits_note(read)]
    answer = {
        **result.to_json(confidence),
        "truth": truth,
        "dropped": len(values) - len(whole),
        "note": " ".join(note for note in notes if note) or None,
    }
    variance = "DeLong" if groups is None else f"Obuchowski, {result.clusters} clusters"
    give(
        answer,
        json_,
        f"Areas under the ROC curve for {truth}",
        [
            *(
                (name, with_interval(area["auc"], [area["low"], area["high"]]))
                for name, area in answer["auc"].items()
            ),
            *(
                (
                    f"{pair['a']} - {pair['b']}",
                    f"{with_interval(pair['difference'], [pair['low'], pair['high']])}, "
                    f"p = {p_value(pair['p'])}",
                )
                for pair in answer["pairs"]
            ),
            ("Positives, negatives", f"{result.positives}, {result.negatives}"),
            ("Dropped rows", str(answer["dropped"])),
            ("Intervals", f"{100 * confidence:g}%, {variance}"),
        ],
    )


def _scores(read: Table, wanted: list[str], truth: str, clusters: str | None) -> list[str]:
    """Give the columns of scores: those wanted, or all that can be scores."""
    read.text(truth)
    if not wanted:
        for place, name in enumerate(read.columns, start=1):
            if not name:
                raise TableError(
                    f"{read.path.name}: column {place} has no name, so it cannot be told "
                    "whether it is a score; name it, or choose the scores by --scores."
                )
        wanted = [
            name
            for name in read.columns
            if name not in (truth, clusters)
            and name.lower() not in _NOT_SCORES
            and not name.startswith(_NOT_SCORES_PREFIX)
            and _is_score(read, name)
        ]
    if not wanted:
        raise TableError(
            f"{read.path.name} has no column of scores beside the truth; choose by --scores "
            f"(the columns are: {', '.join(read.columns)})."
        )
    if len(set(wanted)) < len(wanted):
        raise TableError(f"{read.path.name}: a column is named twice in {', '.join(wanted)}.")
    if truth in wanted:
        raise TableError(f"{read.path.name}: {truth!r} is the truth and cannot be a score, too.")
    return wanted


def _is_score(read: Table, name: str) -> bool:
    numbers, words = read.kinds(name)
    if numbers and words:
        raise TableError(
            f"{read.path.name}: {name!r} has numbers and words, so it cannot be told whether it "
            "is a score; mend it, or choose the scores by --scores.",
            listed(words),
        )
    return numbers > 0


def _must_be_binary(read: Table, truth: str) -> None:
    cells = [cell.strip() for cell in read.text(truth)]
    wrong = [
        f"line {line}: {cell!r}"
        for line, cell in zip(read.lines, cells, strict=True)
        if cell.lower() not in MISSING and not _BINARY.fullmatch(cell)
    ]
    if wrong:
        count = "1 line" if len(wrong) == 1 else f"{len(wrong)} lines"
        raise TableError(
            f"{read.path.name}: the truth {truth!r} must be 0 or 1, and is not in {count}; "
            "write 1 for the class that a high score means.",
            listed(wrong),
        )


def _splits_note(read: Table) -> str | None:
    """Say so where the rows of several splits are taken together."""
    if "split" not in read.columns:
        return None
    found = list(dict.fromkeys(cell.strip() for cell in read.text("split")))
    if len(found) < 2:
        return None
    return (
        f"Rows of several splits ({', '.join(found)}) are taken together: add --split {found[-1]}."
    )
