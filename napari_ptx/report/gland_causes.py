"""Causes of misses and false positives: from the record into the table an evaluation takes over.

A mistake is known by what does not change when a prediction is made again: a miss by its gland,
a false positive by its place (within 2 mm), a reader's false finding by its site.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_ptx.ct.mistakes import CAUSES, KEPT, read_causes
from napari_ptx.ct.tables import write_table
from napari_ptx.report.gland_rows import BoardError

if TYPE_CHECKING:
    from napari_ptx.study.gland_record import Decision, GlandRecord

MISS, FALSE = "miss", "false positive"
SAME_MM = 2.0
"""A false positive this near is the same one."""

_PLACE = ("x_mm", "y_mm", "z_mm")


@dataclass(frozen=True)
class Cause:
    """What somebody set.

    Parameters
    ----------
    code
        Of ``ct.mistakes.CAUSES``; "" where it was taken back.
    who, at
        The name, and UTC as text; "" for a cause of the table alone.
    """

    code: str
    who: str = ""
    at: str = ""


def codes(kind: str) -> tuple[str, ...]:
    """Give the causes that a miss or a false positive can have, in the order of their keys."""
    return (*CAUSES[kind], *CAUSES["both"])


def subject(row: Mapping[Any, Any]) -> str:
    """Name a mistake for the record: "model|miss|3", "model|false positive|12.0,-4.5,30.1".

    Parameters
    ----------
    row
        Of ``mistakes.csv``.
    """
    start = f"{row['finder']}|{row['kind']}"
    if row["kind"] == MISS:
        return f"{start}|{int(row['item'])}"
    if _known(row):
        return f"{start}|" + ",".join(f"{float(row[name]):.1f}" for name in _PLACE)
    return f"{start}|{row['site']}|{int(row['item'])}"


def _known(row: Mapping[Any, Any]) -> bool:
    return not any(math.isnan(float(row[name])) for name in _PLACE)


def _parsed(patient: str, name: str) -> dict[str, Any]:
    """Give the cells of a mistake by its name."""
    finder, kind, *rest = name.split("|")
    row: dict[str, Any] = dict.fromkeys(KEPT, "")
    row |= {"finder": finder, "patient": patient, "kind": kind, "item": math.nan}
    row |= dict.fromkeys((*_PLACE, "diameter_mm"), math.nan)
    if kind == MISS:
        row["item"] = float(rest[0])
    elif len(rest) == 1:
        row |= {axis: float(value) for axis, value in zip(_PLACE, rest[0].split(","), strict=True)}
    else:
        row |= {"site": rest[0], "item": float(rest[1])}
    return row


def same(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    """Tell whether two rows are the same mistake."""
    if any(str(one[name]) != str(other[name]) for name in ("finder", "patient", "kind")):
        return False
    if one["kind"] == MISS or not (_known(one) and _known(other)):
        return float(one["item"]) == float(other["item"]) and (
            one["kind"] == MISS or str(one["site"]) == str(other["site"])
        )
    places = ([float(row[name]) for name in _PLACE] for row in (one, other))
    return math.dist(*places) <= SAME_MM


def read_mistakes(folder: Path) -> pd.DataFrame:
    """Read the mistakes of an evaluation; an empty table where there is none.

    Raises
    ------
    BoardError
        If the table cannot be read.
    """
    path = folder / "mistakes.csv"
    texts = ("finder", "rule", "patient", "kind", "slot", "site", "pattern", "hint", "cause",
             "comment", "region")  # fmt: skip
    try:
        table = pd.read_csv(
            path, encoding="utf-8-sig", dtype=dict.fromkeys(texts, str), na_values=[""],
            keep_default_na=False,
        )  # fmt: skip
    except FileNotFoundError:
        return pd.DataFrame()
    except (OSError, ValueError) as error:
        raise BoardError(f"{path} cannot be read ({error}); evaluate again.") from None
    return table.fillna(dict.fromkeys(texts, ""))


def causes_of(record: GlandRecord | None, table: pd.DataFrame) -> list[Cause]:
    """Give the cause of each mistake: what the record says, or else the table."""
    held: dict[str, list[tuple[dict[str, Any], Decision]]] = {}
    for (patient, name), row in ({} if record is None else record.current("cause")).items():
        held.setdefault(patient, []).append((_parsed(patient, name), row))
    found = []
    for one in table.to_dict("records"):
        near = [row for other, row in held.get(str(one["patient"]), []) if same(one, other)]
        last = max(near, key=lambda row: row.number, default=None)
        found.append(
            Cause(str(one["cause"])) if last is None else Cause(str(last.value), last.who, last.at)
        )
    return found


def held_subject(record: GlandRecord | None, row: Mapping[Any, Any]) -> str | None:
    """Give the name under which the record knows a mistake already, or ``None``."""
    held = {} if record is None else record.current("cause", str(row["patient"]))
    near = [one for one in held.values() if same(row, _parsed(one.patient, one.subject))]
    last = max(near, key=lambda one: one.number, default=None)
    return None if last is None else last.subject


def counts(table: pd.DataFrame, causes: Iterable[Cause]) -> pd.DataFrame:
    """Count mistakes: ``finder, cause, misses, false_positives``; "" is a cause not set."""
    with_causes = table.assign(cause=[one.code for one in causes])
    sizes = with_causes.groupby(["finder", "cause", "kind"], sort=False).size().unstack("kind")
    sizes = sizes.reindex(columns=[MISS, FALSE]).fillna(0).astype(int)
    sizes.columns = pd.Index(["misses", "false_positives"])
    return sizes.reset_index()


def merged_causes(record: GlandRecord | None, path: Path) -> pd.DataFrame:
    """Join the causes of the record with those that stand in a table already.

    Parameters
    ----------
    path
        A ``causes.csv``; of a mistake that both know the record has the cause, and the table's
        comment stays.

    Raises
    ------
    CtError
        If the table has faults.
    """
    held = {} if record is None else record.current("cause")
    rows = [
        _parsed(patient, name) | {"cause": str(row.value), "comment": ""}
        for (patient, name), row in held.items()
    ]
    kept = []
    for old in read_causes(path).to_dict("records"):
        mine = [row for row in rows if same(row, old)]
        for row in mine:
            row["comment"] = row["comment"] or old["comment"]
        if not mine and (old["cause"] or old["comment"]):
            kept.append(old)
    return pd.DataFrame([*rows, *kept], columns=list(KEPT))


def write_causes(path: Path, table: pd.DataFrame) -> None:
    """Write a table of causes that ``ct evaluate`` takes over from the folder it writes into.

    Raises
    ------
    BoardError
        If it cannot be written.
    """
    try:
        write_table(table.replace({np.nan: ""}), path)
    except OSError as error:
        raise BoardError(
            f"The causes cannot be written to {path} ({error.strerror}); close the file, or "
            "choose another place."
        ) from None
