"""The cohort table: one row per image, the common input of every batch command.

All faults of a table are found in one go and reported by row and column, so that
a coordinator mends the table once.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from napari_ptx.errors import PtxError

_PATHS = ("image", "roi")
_TEXT = ("case", "patient", "image", "roi", "reader")
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


class CohortError(PtxError):
    """A cohort table with faults: one line of ``details`` for each, by row and column."""


@dataclass(frozen=True, eq=False)
class Cohort:
    """A checked table of cases.

    Parameters
    ----------
    path
        The table it was read from.
    table
        One row per image. ``case``, ``patient``, ``reader`` are text as written
        ("001" stays "001"); ``image`` and ``roi`` are absolute paths as text, an
        absent ``roi`` is ""; any other column is numeric where every entry is a
        plain number or empty, and text otherwise.
    """

    path: Path
    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.table)


def read_cohort(
    path: str | os.PathLike[str],
    *,
    require: Sequence[str] = ("case", "patient", "image"),
    unique: Sequence[str] = ("case",),
) -> Cohort:
    """Read and check a cohort table.

    Parameters
    ----------
    path
        CSV (UTF-8 with or without a mark, comma or semicolon) or Parquet. Paths in
        it are relative to its folder.
    require
        Columns that must be there with a value in every row. Files in ``image`` and
        ``roi`` must exist.
    unique
        No two rows may agree in all of these columns, as far as the table has them:
        ("case", "reader", "round") for a table with several readings of a case.

    Raises
    ------
    CohortError
        All faults at once. Rows are counted as a spreadsheet does: the header
        is row 1.
    """
    place = Path(path).absolute()
    if not place.is_file():
        raise CohortError(f"{place} is not a file; give a cohort table (CSV or Parquet).")
    parquet = place.suffix.lower() in (".parquet", ".pq")
    columns, rows = _read_parquet(place) if parquet else _read_csv(place)
    faults = [f"column {name!r} is missing" for name in require if name not in columns]
    faults += [
        f"column {name!r} is there {columns.count(name)} times"
        for name in dict.fromkeys(columns)
        if columns.count(name) > 1
    ]
    if not rows and not faults:
        faults.append("there is no row below the header")
    if faults:
        raise CohortError(
            f"{place} is not a cohort table; mend what is listed (its columns are: "
            f"{', '.join(columns) or 'none'}).",
            faults,
        )
    texts = [(number, dict(zip(columns, values, strict=False))) for number, values in rows]
    for number, values in rows:
        if len(values) != len(columns):
            faults.append(f"row {number}: {len(values)} entries for {len(columns)} columns")
    identity = [name for name in unique if name in columns]
    faults += _check_rows(texts, columns, require, identity, place.parent)
    if faults:
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        raise CohortError(f"{place} has {count}; mend each and try again.", faults)
    table = pd.DataFrame([row for _, row in texts], columns=columns, dtype=str)
    for name in columns:
        if name in _PATHS:
            table[name] = [str(place.parent / text) if text else "" for text in table[name]]
        elif name not in _TEXT:
            table[name] = _numeric(table[name])
    return Cohort(place, table)


def _read_csv(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CohortError(f"{path} is not UTF-8 text; save it as 'CSV UTF-8'.") from None
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    try:
        lines = list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise CohortError(f"{path} is not a CSV table ({error}); save it again.") from None
    if not lines:
        raise CohortError(f"{path} is empty; give a table with a header and one row per image.")
    rows = [
        (number, [entry.strip() for entry in line])
        for number, line in enumerate(lines[1:], start=2)
        if any(entry.strip() for entry in line)
    ]
    return [name.strip() for name in lines[0]], rows


def _read_parquet(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise CohortError(
            f"{path} is a Parquet table, which needs pyarrow: install it with "
            "'python -m pip install pyarrow', or save the table as CSV."
        ) from None
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        said = str(error).splitlines()[0]
        raise CohortError(f"{path} is not a Parquet table ({said}); save it again.") from None
    columns = [_texts(column) for column in table.to_pydict().values()]
    rows = [(number, list(entries)) for number, entries in enumerate(zip(*columns, strict=True), 2)]
    return list(table.column_names), rows


def _texts(values: Iterable[Any]) -> list[str]:
    return ["" if value is None or value != value else str(value).strip() for value in values]


def _check_rows(
    rows: Sequence[tuple[int, dict[str, str]]],
    columns: Sequence[str],
    require: Sequence[str],
    identity: Sequence[str],
    folder: Path,
) -> list[str]:
    faults = []
    seen: dict[tuple[str, ...], int] = {}
    for number, row in rows:
        for name in require:
            if not row.get(name):
                faults.append(f"row {number}, column {name!r}: is empty")
        case = row.get("case")
        if case:
            first = seen.setdefault(tuple(row.get(name, "") for name in identity), number)
            if first != number:
                others = ", ".join(f"{name} {row[name]}" for name in identity if name != "case")
                faults.append(
                    f"row {number}, column 'case': {case!r} is already the case of row {first}"
                    + (f" ({others})" if others else "")
                )
        for name in _PATHS:
            text = row.get(name)
            if name in columns and text:
                wrong = _wrong_path(folder, text)
                if wrong:
                    faults.append(f"row {number}, column {name!r}: {wrong}")
    return faults


def _wrong_path(folder: Path, text: str) -> str | None:
    try:
        found = folder / text
        if found.is_file():
            return None
        if found.is_dir():
            return f"{text} is a folder; name one file"
    except (OSError, ValueError) as error:  # too long, not allowed, a null character
        return f"{text[:100]!r} is not a path ({error})"
    hint = "; write paths with / instead of \\" if "\\" in text else ""
    return f"there is no file {text}{hint}"


def _numeric(column: pd.Series) -> pd.Series:
    filled = column[column != ""]
    if len(filled) == 0 or not all(_NUMBER.fullmatch(text) for text in filled):
        return column
    return pd.to_numeric(column.where(column != "", None))
