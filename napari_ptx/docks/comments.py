"""Reviewers' comments, in a table of their own beside the predictions.

``<predictions>.comments.csv`` has one row for each change: ``time, name, case,
comment``. Rows are only ever added; the last one of a case is its comment, and an
empty one takes it back. No Qt here.
"""

from __future__ import annotations

import csv
import io
import os
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from napari_ptx.errors import PtxError

COLUMNS = ("time", "name", "case", "comment")
_WAIT = 2.0  # seconds for another window to finish its row


class Comments:
    """The comments on one predictions table.

    Parameters
    ----------
    predictions
        The path of the predictions table; the comments lie beside it.

    Raises
    ------
    PtxError
        If the file is there and is not a table of comments.
    """

    def __init__(self, predictions: Path) -> None:
        self.path = predictions.with_name(f"{predictions.stem}.comments.csv")
        self._rows = self._read()

    @property
    def latest(self) -> dict[str, str]:
        """The present comment of each case that has one."""
        found = {row["case"]: row["comment"] for row in self._rows}
        return {case: comment for case, comment in found.items() if comment}

    def history(self, case: str) -> tuple[dict[str, str], ...]:
        """Give every row on a case, the oldest first."""
        return tuple(row for row in self._rows if row["case"] == case)

    def add(self, case: str, comment: str, name: str = "") -> bool:
        """Write a comment, at once and whole; give whether it is a new one.

        The file is read again first, so that two windows on one table keep each
        other's rows.

        Raises
        ------
        PtxError
            If the file cannot be written.
        """
        comment = " ".join(comment.split())
        if comment == self.latest.get(case, ""):
            return False
        row = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "name": name.strip(),
            "case": case,
            "comment": comment,
        }
        try:
            with FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=_WAIT):
                self._rows = [*self._read(), row]
                self._write()
        except Timeout:
            raise PtxError(
                f"{self.path} is being written by somebody else; save the comment again."
            ) from None
        except OSError as error:
            raise PtxError(
                f"The comment cannot be saved to {self.path}: {error.strerror}."
            ) from None
        return True

    def _read(self) -> list[dict[str, str]]:
        try:
            text = self.path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise PtxError(f"The comments in {self.path} cannot be read: {error}.") from None
        table = csv.DictReader(io.StringIO(text))
        if tuple(table.fieldnames or ()) != COLUMNS:
            raise PtxError(
                f"{self.path} is not a table of comments ({', '.join(COLUMNS)}); move it away."
            )
        return [{name: row[name] or "" for name in COLUMNS} for row in table]

    def _write(self) -> None:
        part = self.path.with_name(self.path.name + ".part")
        with part.open("w", newline="", encoding="utf-8") as stream:
            table = csv.DictWriter(stream, COLUMNS)
            table.writeheader()
            table.writerows(self._rows)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self.path)
