"""Read a table of numbers that somebody saved from a spreadsheet, or say what is wrong.

Delimiter and decimal comma are worked out where there is one way to read the
file; where there are two, the file is refused. A number is never guessed.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_ptx.errors import PtxError

LABEL_COLUMNS = ("subject", "case", "patient")
"""Columns that name a row; every other column is a rater unless the user chooses."""

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
"""What stands for a missing number, in lower case."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?(\d*,\d+|\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_SHOWN = 20


class TableError(PtxError):
    """A table that cannot be read; the sentence names the file, the line and the column."""


@dataclass(frozen=True)
class Table:
    """The cells of a file as text, with the line that each row came from.

    Parameters
    ----------
    path
        The file.
    columns
        The header.
    rows
        The cells of each row, as many as there are columns.
    lines
        The line of each row in the file, the header being line 1.
    delimiter
        ",", ";" or a tab.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    delimiter: str

    def text(self, column: str) -> tuple[str, ...]:
        """Give the cells of a column as they stand."""
        place = self._place(column)
        return tuple(row[place] for row in self.rows)

    def labels(self, column: str) -> tuple[str, ...]:
        """Give the cells of a column that says which rows belong together.

        Raises
        ------
        TableError
            Where a cell is empty: it would join rows that nothing joins.
        """
        cells = tuple(cell.strip() for cell in self.text(column))
        for line, cell in zip(self.lines, cells, strict=True):
            if not cell:
                raise TableError(f"{self.path.name}, line {line}: {column!r} is empty.")
        return cells

    def raters(self, wanted: Sequence[str] = ()) -> tuple[str, ...]:
        """Give the columns to compare: those wanted, or all that are not labels.

        Raises
        ------
        TableError
            For a column that is not there, or twice; for fewer than two.
        """
        if not wanted:
            for place, name in enumerate(self.columns, start=1):
                if not name:
                    raise TableError(
                        f"{self.path.name}: column {place} has no name, so it cannot be told "
                        "whether it is a rater; name it, or choose the raters by --columns."
                    )
            wanted = [name for name in self.columns if name.lower() not in LABEL_COLUMNS]
        for name in wanted:
            self._place(name)
        if len(set(wanted)) < len(wanted):
            raise TableError(f"{self.path.name}: a column is named twice in {', '.join(wanted)}.")
        if len(wanted) < 2:
            found = f"there is only {wanted[0]!r}" if wanted else "there is none"
            raise TableError(
                f"{self.path.name}: at least 2 columns of raters are needed; {found} "
                f"(the columns are: {', '.join(self.columns)})."
            )
        return tuple(wanted)

    def where(self, column: str, value: str) -> Table:
        """Give the table of those rows that have ``value`` in a column.

        Raises
        ------
        TableError
            Where there are none.
        """
        cells = [cell.strip() for cell in self.text(column)]
        kept = [i for i, cell in enumerate(cells) if cell == value]
        if not kept:
            raise TableError(
                f"{self.path.name} has no row with {value!r} in the column {column!r}; there "
                f"are: {', '.join(dict.fromkeys(cells))}."
            )
        return replace(
            self,
            rows=tuple(self.rows[i] for i in kept),
            lines=tuple(self.lines[i] for i in kept),
        )

    def kinds(self, column: str) -> tuple[int, tuple[str, ...]]:
        """Count the cells of a column that can be numbers, and list its words by line.

        What is missing is neither.
        """
        numbers = 0
        words = []
        for line, cell in zip(self.lines, self.text(column), strict=True):
            text = cell.strip()
            if _NUMBER.fullmatch(text) or _COMMA_NUMBER.fullmatch(text):
                numbers += 1
            elif text.lower() not in MISSING:
                words.append(f"line {line}: {text!r}")
        return numbers, tuple(words)

    def numbers(self, columns: Sequence[str], missing: str = "raise") -> NDArray[np.float64]:
        """Give columns as numbers ``(rows, columns)``; an empty cell is NaN.

        Raises
        ------
        TableError
            For text, and for missing numbers unless ``missing`` is "drop"; all
            such cells at once, each by line and column.
        """
        places = [self._place(column) for column in columns]
        cells = [[row[place].strip() for place in places] for row in self.rows]
        comma = self._decimal_comma([cell for row in cells for cell in row])
        values = np.full((len(cells), len(places)), np.nan)
        text: list[str] = []
        absent: list[str] = []
        for i, row in enumerate(cells):
            for j, cell in enumerate(row):
                where = f"line {self.lines[i]}, column {columns[j]!r}"
                if cell.lower() in MISSING:
                    absent.append(where)
                elif (_COMMA_NUMBER if comma else _NUMBER).fullmatch(cell):
                    values[i, j] = float(cell.replace(",", "."))
                else:
                    text.append(f"{where}: {cell!r}")
        if text:
            raise TableError(
                f"{self.path.name}: what should be a number is not, in {_count(text)}.",
                listed(text),
            )
        if absent and missing == "raise":
            raise TableError(
                f"{self.path.name}: a number is missing in {_count(absent)}; fill it in, or leave "
                "these rows out by --missing drop.",
                listed(absent),
            )
        if np.isinf(values).any():
            raise TableError(f"{self.path.name}: a number is too large to compute with.")
        return values

    def _place(self, column: str) -> int:
        if column not in self.columns:
            raise TableError(
                f"{self.path.name} has no column {column!r}; its columns are: "
                f"{', '.join(self.columns)}."
            )
        return self.columns.index(column)

    def _decimal_comma(self, cells: Sequence[str]) -> bool:
        """Whether a comma in a number is the decimal sign; refuse where unclear."""
        with_comma = [cell for cell in cells if "," in cell]
        if not with_comma or self.delimiter == ",":
            return False
        if any("." in cell for cell in cells):
            return False  # then the cells with a comma are reported as text
        # Who separates by semicolons needs the comma for decimals; tabs prove nothing.
        if self.delimiter == "\t" and all(_THOUSANDS.fullmatch(cell) for cell in with_comma):
            raise TableError(
                f"{self.path.name}: it is not clear whether {with_comma[0]!r} has a decimal comma "
                "or a thousands separator; write numbers with a decimal point."
            )
        return True


def read_table(path: Path) -> Table:
    """Read a CSV file with a header, separated by commas, semicolons or tabs.

    Raises
    ------
    TableError
        For a file that is not there, not text, empty, without rows, or with rows
        of unequal length; for a header with a name twice.
    """
    text = _text(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise TableError(f"{path.name} is empty; a header and one line for each case are needed.")
    candidates = [mark for mark in _DELIMITERS if mark in first] or [","]
    parsed = {mark: _parse(path, text, mark) for mark in candidates}
    even = [mark for mark in candidates if not _uneven(parsed[mark])]
    if len(even) > 1:
        either = " or ".join(_DELIMITERS[mark] for mark in even)
        raise TableError(f"{path.name} could be separated by {either}; use one of them only.")
    if not even:
        mark = max(candidates, key=lambda mark: len(parsed[mark][0][1]))
        raise TableError(
            f"{path.name}: not every line has {len(parsed[mark][0][1])} cells separated by "
            f"{_DELIMITERS[mark]}, as the header has.",
            listed([f"line {line}: {len(row)} cells" for line, row in _uneven(parsed[mark])]),
        )
    (_, header_cells), *body = parsed[even[0]]
    names = tuple(name.strip() for name in header_cells)
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise TableError(f"{path.name} has more than one column {twice[0]!r}.")
    if not body:
        raise TableError(f"{path.name} has a header but no rows.")
    return Table(
        path=path,
        columns=names,
        rows=tuple(tuple(row) for _, row in body),
        lines=tuple(line for line, _ in body),
        delimiter=even[0],
    )


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise TableError(f"There is no file {path}.") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}.") from None
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise TableError(f"{path.name} is a spreadsheet, not text; save it as CSV.")
    # Excel's "Unicode text" is UTF-16 with a mark; its plain CSV is often Windows-1252.
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise TableError(f"{path.name} is not a text file; save the table as CSV.")


def _parse(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Each line that has something in it: its number and its cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise TableError(f"{path.name}, line {reader.line_num}: {error}.") from None


def _uneven(parsed: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    return [(line, row) for line, row in parsed if len(row) != len(parsed[0][1])]


def _count(found: Sequence[str]) -> str:
    return "1 cell" if len(found) == 1 else f"{len(found)} cells"


def listed(found: Sequence[str]) -> list[str]:
    """Give the first twenty lines of the details of an error, and how many more there are."""
    more = [f"... and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return [*found[:_SHOWN], *more]
