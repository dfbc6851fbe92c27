"""Read the tables of this room as text, and report what is wrong with all rows at once."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from napari_ptx.ct.errors import CtError

Row = dict[str, str]


def read_rows(path: Path, what: str, required: Sequence[str]) -> list[tuple[int, Row]]:
    """Read a CSV table with a header.

    Parameters
    ----------
    path
        UTF-8 with or without a mark, comma or semicolon.
    what
        What the table is, for the sentence of an error ("a table of readings").
    required
        Columns that must be there.

    Returns
    -------
    list
        The number of each row, as a spreadsheet counts them (the header is 1), and its cells
        by column, without blanks around them.

    Raises
    ------
    CtError
        For a file that is not there or not text, and columns that are missing or there twice.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CtError(f"{path} cannot be read ({error.strerror}); it should be {what}.") from None
    except UnicodeDecodeError:
        raise CtError(f"{path} is not UTF-8 text; save it as 'CSV UTF-8'.") from None
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    try:
        lines = list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise CtError(f"{path} is not a CSV table ({error}); save it again.") from None
    columns = [name.strip() for name in lines[0]] if lines else []
    faults = [f"column {name!r} is missing" for name in required if name not in columns]
    faults += [
        f"column {name!r} is there twice"
        for name in dict.fromkeys(columns)
        if name and columns.count(name) > 1
    ]
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        cells = [cell.strip() for cell in line]
        if not any(cells):
            continue
        if len(cells) != len(columns):
            faults.append(f"row {number}: {len(cells)} entries for {len(columns)} columns")
        rows.append((number, dict(zip(columns, cells, strict=False))))
    stop(faults, f"{path} is not {what}; mend what is listed")
    return rows


def read_texts(path: Path, what: str, required: Sequence[str]) -> pd.DataFrame:
    """Read a table that rows are added to; without rows where it is not there yet.

    Raises
    ------
    CtError
        As ``read_rows``.
    """
    rows = [row for _, row in read_rows(path, what, required)] if path.is_file() else []
    return pd.DataFrame(rows, dtype=str)


def stop(faults: Sequence[str], sentence: str) -> None:
    """Raise a ``CtError`` with all faults, if there are any."""
    if faults:
        raise CtError(f"{sentence}.", faults)


def number(row: Row, column: str, place: int, faults: list[str]) -> float:
    """Give a cell as a number; NaN where it is empty or the table has no such column."""
    text = row.get(column, "")
    if text.lower() in ("", "nan", "na"):
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        faults.append(f"row {place}, column {column!r}: {text!r} is not a number")
        return math.nan
    return value


def whole(row: Row, column: str, place: int, faults: list[str]) -> int:
    """Give a cell as a number that counts from 1; 0, and a fault, where it is none."""
    text = row.get(column, "")
    value = float(text) if text.replace(".", "", 1).isdecimal() else 0.0
    if value < 1.0 or value != int(value):
        faults.append(f"row {place}, column {column!r}: {text!r} is not a number 1, 2, ...")
        return 0
    return int(value)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    table.to_csv(part, index=False, lineterminator="\n")
    part.replace(path)
