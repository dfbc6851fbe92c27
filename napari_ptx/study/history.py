"""What a record says of its own course: when things happened, and how long work took.

For the coordinator's report. Nothing here reaches a reader's session.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from napari_ptx.study import amendments
from napari_ptx.study.amendments import Amendment
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.tables import (
    AdjudicationRow,
    AssignmentRow,
    CaseRow,
    EventRow,
    ImageRow,
    ReaderRow,
    ReadingRow,
    SessionRow,
    StrokeRow,
    StudyRow,
)
from napari_ptx.study.times import from_text


@dataclass(frozen=True)
class Happening:
    """An event of the study: a session opened, opened early or closed, an amendment."""

    kind: str
    reader: str | None
    round: int | None
    text: str
    at: datetime


@dataclass(frozen=True)
class Work:
    """A finished reading as work: its place in the session (from 1), and the time it took.

    ``seconds`` is active time without idle time; of an imported reading it is 0 and means
    nothing. ``revisions`` counts how often the case was finished.
    """

    reader: str
    round: int
    case: str
    position: int
    seconds: float
    origin: str
    revisions: int
    finished_at: datetime


@dataclass(frozen=True)
class AtWork:
    """When a reader was at the desk in a round, and on how many days (UTC)."""

    reader: str
    round: int
    first: datetime
    last: datetime
    days: int


@dataclass(frozen=True)
class History:
    """The course of a study.

    Parameters
    ----------
    created_at, made_with
        When the study was made, and with which version.
    study_hash
        SHA-256 of all that was fixed then; every chain hangs on it.
    heads
        The last link of each chain ("events", "adjudications", "A, round 1", ...): with
        these the record as it stands can be told from any other.
    original
        The protocol as it was first written.
    amendments, events, work, at_work
        In the order of the record; work by reader, round and place in the session.
    """

    created_at: datetime
    made_with: str
    study_hash: str
    heads: dict[str, str]
    original: Protocol
    amendments: tuple[Amendment, ...]
    events: tuple[Happening, ...]
    work: tuple[Work, ...]
    at_work: tuple[AtWork, ...]


@dataclass(frozen=True)
class ActiveTime:
    """Active time per drawn case of one session, in seconds: how many, median, quartiles."""

    reader: str
    round: int
    cases: int
    median: float
    q1: float
    q3: float


def active_times(work: Iterable[Work]) -> tuple[ActiveTime, ...]:
    """Summarise the active time of each session; imported readings have none."""
    sessions: dict[tuple[str, int], list[float]] = defaultdict(list)
    for one in work:
        if one.origin == "drawn":
            sessions[one.reader, one.round].append(one.seconds)
    return tuple(
        ActiveTime(reader, round_, len(found), *map(float, np.quantile(found, [0.5, 0.25, 0.75])))
        for (reader, round_), found in sessions.items()
    )


def history(db: Session) -> History:
    """Read the course of a study from its record."""
    study = db.scalars(select(StudyRow)).one()
    return History(
        created_at=from_text(study.created_at),
        made_with=study.made_with,
        study_hash=study.hash,
        heads=_heads(db),
        original=amendments.original(db),
        amendments=amendments.amendments(db),
        events=tuple(
            Happening(row.kind, row.reader, row.round, row.text, from_text(row.at))
            for row in db.scalars(select(EventRow).order_by(EventRow.number))
        ),
        work=_work(db),
        at_work=_at_work(db),
    )


def _heads(db: Session) -> dict[str, str]:
    heads = {
        name: db.scalar(select(table.hash).order_by(table.number.desc()).limit(1))
        for name, table in (("events", EventRow), ("adjudications", AdjudicationRow))
    }
    sessions = select(SessionRow).join(ReaderRow).order_by(ReaderRow.id, SessionRow.round)
    for session in db.scalars(sessions):
        heads[f"{session.reader.name}, round {session.round}"] = db.scalar(
            select(StrokeRow.hash)
            .where(StrokeRow.session_id == session.id)
            .order_by(StrokeRow.number.desc())
            .limit(1)
        )
    return {name: text for name, text in heads.items() if text}


def _work(db: Session) -> tuple[Work, ...]:
    latest = (
        select(ReadingRow.assignment_id, func.max(ReadingRow.revision).label("revision"))
        .group_by(ReadingRow.assignment_id)
        .subquery()
    )
    # without the outlines, which can be long
    rows = db.execute(
        select(
            ReaderRow.name,
            SessionRow.round,
            CaseRow.name,
            AssignmentRow.position + 1,
            ReadingRow.active_seconds,
            ReadingRow.origin,
            ReadingRow.revision,
            ReadingRow.finished_at,
        )
        .join(
            latest,
            (latest.c.assignment_id == ReadingRow.assignment_id)
            & (latest.c.revision == ReadingRow.revision),
        )
        .join(AssignmentRow, AssignmentRow.id == ReadingRow.assignment_id)
        .join(SessionRow, SessionRow.id == AssignmentRow.session_id)
        .join(ReaderRow, ReaderRow.id == SessionRow.reader_id)
        .join(ImageRow, ImageRow.id == AssignmentRow.image_id)
        .join(CaseRow, CaseRow.id == ImageRow.case_id)
        .order_by(ReaderRow.id, SessionRow.round, AssignmentRow.position)
    )
    return tuple(Work(*row[:-1], from_text(row[-1])) for row in rows)


def _at_work(db: Session) -> tuple[AtWork, ...]:
    day = func.substr(StrokeRow.at, 1, 10)  # times are ISO 8601 text
    rows = db.execute(
        select(
            ReaderRow.name,
            SessionRow.round,
            func.min(StrokeRow.at),
            func.max(StrokeRow.at),
            func.count(day.distinct()),
        )
        .join(SessionRow, SessionRow.id == StrokeRow.session_id)
        .join(ReaderRow, ReaderRow.id == SessionRow.reader_id)
        # an import is not the reader at work
        .where(StrokeRow.kind != "import")
        .group_by(ReaderRow.id, ReaderRow.name, SessionRow.round)
        .order_by(ReaderRow.id, SessionRow.round)
    )
    return tuple(
        AtWork(reader, round_, from_text(first), from_text(last), days)
        for reader, round_, first, last, days in rows
    )
