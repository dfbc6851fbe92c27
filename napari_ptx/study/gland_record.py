"""The record of what people decided on glands: who, when, and what it was before.

One SQLite file beside a prediction, with one table to which rows are only added; each
row carries the hash of the one before. What holds now is the last decision on each
subject. The room ``ct`` reads what is exported from it; it never sees the record.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, insert, select, text

from napari_ptx import __version__
from napari_ptx.study.chain import canonical, sha256
from napari_ptx.study.database import connected, is_database, make_engine
from napari_ptx.study.times import Clock, to_text, utc_now
from napari_ptx.study.types import Problem, StudyError

FILE_NAME = "glands.review"
"""What the record is called in the folder of a prediction."""

KINDS: Mapping[str, str] = {
    "candidate": "a candidate's number: 'accepted' or 'rejected'",
    "slot": "a candidate's number: the slot or ectopic site that a person gave it",
    "added": "the number of a gland that the model missed: where it is, and its mask",
    "edited": "a candidate's number: the mask that took the place of the model's",
    "truth": "a slot: whether surgery or pathology found a gland there",
    "found": "'slot|finder': whether a modality's reader found the gland there",
    "cause": "a mistake's name: the cause that a reviewer gave it",
}
"""What is decided: for each kind what its subject and its value are."""

_SCHEMA = 1
_WHAT = "record of glands"
_metadata = MetaData()
_about = Table(
    "about",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Column("made_with", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
_decisions = Table(
    "decisions",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("patient", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("undoes", Integer),
    Column("who", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    sqlite_autoincrement=True,
)
_FIELDS = ("number", "patient", "kind", "subject", "value", "undoes", "who", "at", "previous")


@dataclass(frozen=True)
class Decision:
    """One row of the record.

    Parameters
    ----------
    number
        From 1, in the order of the record.
    patient, kind, subject
        What was decided on (``KINDS``).
    value
        JSON; ``None`` takes back what was decided before.
    who
        The name that the person gave.
    at
        UTC, as text (``times``); never before the row before.
    undoes
        The number of the decision that this one takes back, if it does.
    """

    number: int
    patient: str
    kind: str
    subject: str
    value: Any
    who: str
    at: str
    undoes: int | None = None


class GlandRecord:
    """The decisions on one prediction; use it as a context manager, or close it.

    Every decision is on the disk when the method returns. Two windows may have one record
    open: ``refresh`` reads what the other one added.

    Attributes
    ----------
    source
        What was said of it when it was made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = make_engine(path)
        self._writer = self._engine.execution_options(ptx_write=True)
        self._all: list[Decision] = []
        self.source: Mapping[str, Any] = {}

    @classmethod
    def open(
        cls, path: str | Path, *, source: Mapping[str, Any] | None = None, clock: Clock = utc_now
    ) -> GlandRecord:
        """Open a record, or make it where there is none yet.

        Parameters
        ----------
        path
            The file; its folder must be there.
        source
            Of a new record: what it is about (the model and its hash, the cohort), JSON.
        clock
            Of a new record.

        Raises
        ------
        StudyError
            If the file is no such record, of a newer version, or cannot be written.
        """
        path = Path(path)
        if path.exists() and path.stat().st_size and not is_database(path):
            raise StudyError(f"{path} is not a napari-ptx {_WHAT}; move it away.")
        record = cls(path)
        try:
            record._make(source or {}, clock)
            with connected(record._engine, _WHAT) as connection:
                record.source = json.loads(connection.scalars(select(_about.c.source)).one())
            record.refresh()
        except BaseException:
            record.close()
            raise
        return record

    def __enter__(self) -> GlandRecord:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    # Reading

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """All rows, the oldest first, as of the last write or ``refresh``."""
        return tuple(self._all)

    def refresh(self) -> None:
        """Read what other windows added."""
        with connected(self._engine, _WHAT) as connection:
            self._read(connection)

    def current(self, kind: str, patient: str | None = None) -> dict[tuple[str, str], Decision]:
        """Give what holds now: (patient, subject) to the last decision that was not taken back."""
        found = {
            (row.patient, row.subject): row
            for row in self._all
            if row.kind == kind and patient in (None, row.patient)
        }
        return {key: row for key, row in found.items() if row.value is not None}

    def value(self, patient: str, kind: str, subject: str) -> Any:
        """Give what holds now for one subject; ``None`` if nothing does."""
        for row in reversed(self._all):
            if (row.patient, row.kind, row.subject) == (patient, kind, subject):
                return row.value
        return None

    # Writing

    def add(
        self,
        patient: str,
        kind: str,
        subject: str,
        value: Any,
        who: str,
        *,
        clock: Clock = utc_now,
    ) -> Decision | None:
        """Write a decision; give it, or ``None`` where the very same holds already.

        Raises
        ------
        StudyError
            If nobody is named, or the file cannot be written.
        ValueError
            If the kind is not of ``KINDS``, or the value is not JSON.
        """
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
        who = who.strip()
        if not who:
            raise StudyError("A decision needs the name of who made it; type your name first.")
        with connected(self._writer, _WHAT) as connection:
            self._read(connection)
            if self.value(patient, kind, subject) == value:
                return None
            return self._append(connection, patient, kind, subject, value, who, None, clock)

    def undo(self, patient: str, who: str, *, clock: Clock = utc_now) -> Decision | None:
        """Take back this person's last decision on a patient; ``None`` if there is none.

        What held before holds again, by a new row that says what it undoes.

        Raises
        ------
        StudyError
            If somebody else has decided on the same subject since.
        """
        with connected(self._writer, _WHAT) as connection:
            self._read(connection)
            undone = {row.undoes for row in self._all}
            mine = [
                row
                for row in self._all
                if (row.patient, row.who) == (patient, who.strip())
                and row.undoes is None
                and row.number not in undone
            ]
            if not mine:
                return None
            last = mine[-1]
            same = [
                row
                for row in self._all
                if (row.patient, row.kind, row.subject) == (patient, last.kind, last.subject)
            ]
            if same[-1].who != last.who:
                raise StudyError(
                    f"{same[-1].who} has decided on {last.subject} since; decide on it anew "
                    "instead of undoing."
                )
            before = [row for row in same if row.number < last.number]
            value = before[-1].value if before else None
            return self._append(
                connection, patient, last.kind, last.subject, value, last.who, last.number, clock
            )

    def verify(self) -> tuple[Problem, ...]:
        """Recompute every hash and every link; a sentence for each row that does not fit."""
        found = []
        with connected(self._engine, _WHAT) as connection:
            lines = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            if list(lines) != ["ok"]:
                return tuple(Problem("file", None, f"The file is damaged: {one}.") for one in lines)
            triggers = set(
                connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
            )
            if triggers != set(_TRIGGERS):
                found.append(Problem("decisions", None, "What keeps rows from change is gone."))
            about = connection.execute(select(_about)).one()
            previous, number = about.hash, 0
            if _about_hash(about._mapping) != about.hash:
                found.append(Problem("about", about.id, "What the record is about was changed."))
            for row in connection.execute(select(_decisions).order_by(_decisions.c.number)):
                where = f"Decision {row.number} (patient {row.patient}, {row.kind} {row.subject})"
                if row.number != number + 1:
                    found.append(Problem("decisions", row.id, f"Rows before {where} are missing."))
                elif row.previous != previous:
                    found.append(
                        Problem("decisions", row.id, f"{where} does not follow the one before.")
                    )
                if _hash(row._mapping) != row.hash:
                    found.append(Problem("decisions", row.id, f"{where} was changed."))
                number, previous = row.number, row.hash
            given = connection.exec_driver_sql(
                "SELECT max(seq) FROM sqlite_sequence WHERE name = 'decisions'"
            ).scalar()
            if (given or 0) != number:
                found.append(Problem("decisions", None, "The last decisions are missing."))
        return tuple(found)

    # Parts

    def _make(self, source: Mapping[str, Any], clock: Clock) -> None:
        with connected(self._writer, _WHAT) as connection:
            names = set(connection.scalars(text("SELECT name FROM sqlite_master")))
            version = connection.exec_driver_sql("PRAGMA user_version").scalar() or 0
            if version > _SCHEMA and "decisions" in names:
                raise StudyError(
                    f"{self.path} was made by a newer version of napari-ptx; update napari-ptx."
                )
            if names:
                if not {"about", "decisions"} <= names:
                    raise StudyError(f"{self.path} is not a napari-ptx {_WHAT}; move it away.")
                return
            _metadata.create_all(connection)
            for name, statement in _TRIGGERS.items():
                connection.exec_driver_sql(f"CREATE TRIGGER {name} {statement}")
            connection.exec_driver_sql(f"PRAGMA user_version = {_SCHEMA}")
            row = {
                "uid": uuid.uuid4().hex,
                "made_at": to_text(clock()),
                "made_with": f"napari-ptx {__version__}",
                "source": canonical(dict(source)),
            }
            connection.execute(insert(_about).values(**row, hash=_about_hash(row)))
            connection.commit()

    def _read(self, connection: Connection) -> None:
        last = self._all[-1].number if self._all else 0
        rows = connection.execute(
            select(_decisions).where(_decisions.c.number > last).order_by(_decisions.c.number)
        )
        self._all += [
            Decision(
                row.number, row.patient, row.kind, row.subject, json.loads(row.value),
                row.who, row.at, row.undoes,
            )
            for row in rows
        ]  # fmt: skip

    def _append(
        self,
        connection: Connection,
        patient: str,
        kind: str,
        subject: str,
        value: Any,
        who: str,
        undoes: int | None,
        clock: Clock,
    ) -> Decision:
        last = connection.execute(
            select(_decisions.c.number, _decisions.c.hash, _decisions.c.at)
            .order_by(_decisions.c.number.desc())
            .limit(1)
        ).one_or_none()
        about = connection.execute(select(_about.c.hash, _about.c.made_at)).one()
        row = {
            "number": last.number + 1 if last else 1,
            "patient": patient,
            "kind": kind,
            "subject": subject,
            "value": canonical(value),
            "undoes": undoes,
            "who": who,
            # A clock that was set back cannot put a decision before the one that it follows.
            "at": max(to_text(clock()), last.at if last else about.made_at),
            "previous": last.hash if last else about.hash,
        }
        connection.execute(insert(_decisions).values(**row, hash=_hash(row)))
        connection.commit()
        self._read(connection)
        return self._all[-1]


_TRIGGERS = {
    f"{table}_no_{verb.lower()}": f"BEFORE {verb} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, '{table}: rows are never changed or deleted'); END"
    for table in ("about", "decisions")
    for verb in ("UPDATE", "DELETE")
}


def _hash(row: Mapping[Any, Any]) -> str:
    return sha256({name: row[name] for name in _FIELDS})


def _about_hash(row: Mapping[Any, Any]) -> str:
    return sha256({name: row[name] for name in ("uid", "made_at", "made_with", "source")})
