"""Adding to the record: strokes, readings and events, each linked to the one before.

The functions run inside ``Store.write`` and leave the commit to it. Whoever adds to
a session's strokes or readings holds that session's lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from napari_ptx.roi.outline import Outline
from napari_ptx.study import chain
from napari_ptx.study.tables import (
    AdjudicationRow,
    AssignmentRow,
    CaseRow,
    EventRow,
    ReaderRow,
    ReadingRow,
    SessionRow,
    StrokeRow,
    StudyRow,
)
from napari_ptx.study.times import to_text
from napari_ptx.study.types import StudyError


@dataclass(frozen=True)
class SessionKey:
    """What the links of one session's chains hang on."""

    id: int
    reader: str
    round: int
    study_hash: str


def session_key(db: Session, reader: str, round: int) -> SessionKey:
    """Give the key of a session; ``StudyError`` if the study has none such."""
    session = db.scalars(
        select(SessionRow)
        .join(ReaderRow)
        .where(ReaderRow.name == reader, SessionRow.round == round)
    ).one_or_none()
    if session is None:
        raise StudyError(f"The study has no round {round} for a reader {reader}; check both.")
    return SessionKey(session.id, reader, round, db.scalars(select(StudyRow.hash)).one())


def outlines_text(outlines: Sequence[Outline]) -> str:
    """Write outlines as the record keeps them; exact to the last bit."""
    return chain.canonical([outline.to_json() for outline in outlines])


def stamp(db: Session, clock_time: datetime) -> str:
    """Give the time for a new row: never before the newest one in the record.

    A clock that was set back can thus not make a reading older than it is, and with
    it a washout shorter.
    """
    return max(to_text(clock_time), newest(db))


def newest(db: Session) -> str:
    """Give the latest time in the record."""
    times = [
        db.scalar(select(StudyRow.created_at)),
        db.scalar(select(StrokeRow.at).order_by(StrokeRow.id.desc()).limit(1)),
        db.scalar(select(EventRow.at).order_by(EventRow.id.desc()).limit(1)),
        db.scalar(select(AdjudicationRow.at).order_by(AdjudicationRow.id.desc()).limit(1)),
    ]
    return max(time for time in times if time)


def add_stroke(
    db: Session,
    key: SessionKey,
    assignment: AssignmentRow,
    kind: str,
    at: str,
    *,
    action: str = "",
    outlines: str | None = None,
    view: Mapping[str, Any] | None = None,
    seconds: float = 0.0,
    reason: str | None = None,
    revision: int | None = None,
) -> StrokeRow:
    """Add one step to a session's chain."""
    last = db.execute(
        select(StrokeRow.number, StrokeRow.hash)
        .where(StrokeRow.session_id == key.id)
        .order_by(StrokeRow.number.desc())
        .limit(1)
    ).one_or_none()
    row = StrokeRow(
        session_id=key.id,
        assignment_id=assignment.id,
        number=last.number + 1 if last else 1,
        kind=kind,
        action=action,
        outlines=outlines,
        view=chain.canonical(dict(view or {})),
        seconds=float(seconds),
        reason=reason,
        revision=revision,
        at=at,
        previous=last.hash
        if last
        else chain.session_genesis(key.study_hash, key.reader, key.round),
    )
    row.hash = chain.stroke_hash(row, assignment.code)
    db.add(row)
    db.flush()
    return row


def latest_reading(db: Session, assignment_id: int) -> ReadingRow | None:
    """Give the latest revision of a reading, if there is one."""
    return db.scalars(
        select(ReadingRow)
        .where(ReadingRow.assignment_id == assignment_id)
        .order_by(ReadingRow.revision.desc())
        .limit(1)
    ).one_or_none()


def add_reading(
    db: Session,
    key: SessionKey,
    assignment: AssignmentRow,
    image_sha256: str,
    stroke: StrokeRow,
    *,
    outlines: str,
    active_seconds: float,
    finished_at: str,
    origin: str,
    source: str | None = None,
) -> ReadingRow:
    """Add the revision that ``stroke`` made; its reason and view are the stroke's."""
    last = latest_reading(db, assignment.id)
    row = ReadingRow(
        assignment_id=assignment.id,
        revision=last.revision + 1 if last else 1,
        outlines=outlines,
        assessable=stroke.reason is None,
        reason=stroke.reason,
        active_seconds=float(active_seconds),
        view=stroke.view,
        finished_at=finished_at,
        origin=origin,
        source=source,
        stroke=stroke.hash,
        previous=last.hash
        if last
        else chain.reading_genesis(key.study_hash, key.reader, key.round, assignment, image_sha256),
    )
    row.hash = chain.reading_hash(row)
    db.add(row)
    db.flush()
    return row


def add_event(
    db: Session,
    kind: str,
    at: str,
    *,
    reader: str | None = None,
    round: int | None = None,
    text: str = "",
) -> EventRow:
    """Add one event to the study's chain."""
    last = db.execute(
        select(EventRow.number, EventRow.hash).order_by(EventRow.number.desc()).limit(1)
    ).one_or_none()
    row = EventRow(
        number=last.number + 1 if last else 1,
        kind=kind,
        reader=reader,
        round=round,
        text=text,
        at=at,
        previous=last.hash if last else db.scalars(select(StudyRow.hash)).one(),
    )
    row.hash = chain.event_hash(row)
    db.add(row)
    db.flush()
    return row


def add_adjudication(
    db: Session,
    kind: str,
    at: str,
    *,
    case: CaseRow | None = None,
    value: Mapping[str, Any] | None = None,
    outlines: str | None = None,
    seconds: float = 0.0,
) -> AdjudicationRow:
    """Add one step to the chain of adjudication; ``value`` is what its text says."""
    last = db.execute(
        select(AdjudicationRow.number, AdjudicationRow.hash)
        .order_by(AdjudicationRow.number.desc())
        .limit(1)
    ).one_or_none()
    row = AdjudicationRow(
        number=last.number + 1 if last else 1,
        kind=kind,
        case_id=case.id if case else None,
        seconds=float(seconds),
        at=at,
        previous=last.hash
        if last
        else chain.adjudication_genesis(db.scalars(select(StudyRow.hash)).one()),
        text=chain.canonical(dict(value or {})),
        outlines=outlines,
    )
    row.hash = chain.adjudication_hash(row, case.name if case else None)
    db.add(row)
    db.flush()
    return row
