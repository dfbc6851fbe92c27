"""How far each round is, and whether it may be opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from napari_ptx.study import kits
from napari_ptx.study.drafts import CHANGES, FINISHES, case_state
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.tables import (
    AssignmentRow,
    EventRow,
    ReaderRow,
    ReadingRow,
    SessionRow,
    StrokeRow,
)
from napari_ptx.study.times import from_text
from napari_ptx.study.types import CaseState, RoundState, RoundStatus


def case_states(db: Session, session_id: int, *, aided: bool = False) -> dict[int, CaseState]:
    """Give the state of each assignment of a session, by its id, in reading order.

    ``aided``: a case is not finished before it was read with the model's outline, too.
    """

    def last(kinds: tuple[str, ...]) -> ColumnElement[int | None]:
        return func.max(case((StrokeRow.kind.in_(kinds), StrokeRow.number)))

    rows = db.execute(
        select(AssignmentRow.id, last(CHANGES), last(FINISHES), last(("aid",)))
        .join(StrokeRow, StrokeRow.assignment_id == AssignmentRow.id, isouter=True)
        .where(AssignmentRow.session_id == session_id)
        .group_by(AssignmentRow.id)
        .order_by(AssignmentRow.position)
    )
    return {
        id_: case_state(change, finish, locked=aided and aid is None)
        for id_, change, finish, aid in rows
    }


def is_closed(db: Session, reader: str, round: int) -> bool:
    """Tell whether a session was closed for good."""
    closed = select(EventRow.id).where(
        EventRow.kind == "closed", EventRow.reader == reader, EventRow.round == round
    )
    return db.scalar(closed.limit(1)) is not None


@dataclass(frozen=True)
class _Session:
    """What the record says of one session, before rounds are compared."""

    states: tuple[CaseState, ...]
    opened: bool
    closed: bool
    early_reason: str | None
    out: bool
    last_active: datetime | None
    last_finished: datetime | None

    @property
    def finished(self) -> bool:
        return all(state == "finished" for state in self.states)

    @property
    def ended(self) -> datetime | None:
        """When the reader last had to do with the round, once all of it is finished."""
        times = [time for time in (self.last_active, self.last_finished) if time]
        return max(times) if times and self.finished else None


def _read(db: Session, session: SessionRow, reader: str, *, aided: bool) -> _Session:
    happened: dict[str, str] = {
        row.kind: row.text
        for row in db.execute(
            select(EventRow.kind, EventRow.text).where(
                EventRow.reader == reader, EventRow.round == session.round
            )
        )
    }
    # An import is not the reader at work: its readings say when they were made.
    active = db.scalar(
        select(StrokeRow.at)
        .where(StrokeRow.session_id == session.id, StrokeRow.kind != "import")
        .order_by(StrokeRow.number.desc())
        .limit(1)
    )
    finished = db.scalar(
        select(func.max(ReadingRow.finished_at))
        .join(AssignmentRow, AssignmentRow.id == ReadingRow.assignment_id)
        .where(AssignmentRow.session_id == session.id)
    )
    return _Session(
        states=tuple(case_states(db, session.id, aided=aided).values()),
        opened="opened" in happened or "opened early" in happened,
        closed="closed" in happened,
        early_reason=happened.get("opened early"),
        out=kits.out_since(db, reader, session.round) is not None,
        last_active=from_text(active) if active else None,
        last_finished=from_text(finished) if finished else None,
    )


def round_status(
    db: Session, protocol: Protocol, reader: str, round: int, now: datetime
) -> RoundStatus:
    """Tell how far a reader is in a round, and whether the round is open at ``now``."""
    sessions = {
        row.round: _read(db, row, reader, aided=protocol.design == "aided")
        for row in db.scalars(select(SessionRow).join(ReaderRow).where(ReaderRow.name == reader))
    }
    this = sessions[round]
    opens_on = None
    # A reader's kit holds no earlier round: its washout was checked when it was made.
    before = sessions.get(round - 1)
    if before is not None and (ended := before.ended) is not None:
        opens_on = ended + timedelta(days=protocol.washout_days)
    state: RoundState
    if this.closed:
        state = "closed"
    elif round == 1 or this.opened:
        state = "open"
    elif opens_on is None:
        state = "waiting"
    else:
        state = "sealed" if now < opens_on else "open"
    times = [time for time in (this.last_active, this.last_finished) if time]
    return RoundStatus(
        reader=reader,
        round=round,
        total=len(this.states),
        started=this.states.count("started"),
        finished=this.states.count("finished"),
        state=state,
        opened=this.opened,
        opens_on=opens_on,
        last_active=max(times, default=None),
        early_reason=this.early_reason,
        out=this.out,
    )
