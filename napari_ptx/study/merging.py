"""Bringing a reader's kit home: its strokes, readings and the end of its session.

Every hash of the kit is recomputed first, what no reader may change is compared with
the seal that the study keeps, and the pixels with those that went out. The hashes show
damage and careless changes; somebody who rewrites a whole chain with this program's own
functions could still pass, as with any file that leaves the house.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session, joinedload

from napari_ptx.child import Progress
from napari_ptx.study import amendments, chain, kit_pixels, kits, ledger
from napari_ptx.study.database import is_kit
from napari_ptx.study.kit_making import copy_values, seal
from napari_ptx.study.ledger import SessionKey
from napari_ptx.study.rounds import case_states, is_closed
from napari_ptx.study.store import Store
from napari_ptx.study.tables import (
    AssignmentRow,
    EventRow,
    ImageRow,
    PixelsRow,
    ReadingRow,
    SessionRow,
    StrokeRow,
    StudyRow,
)
from napari_ptx.study.times import Clock
from napari_ptx.study.types import StudyError
from napari_ptx.study.verify import session_problems

_LISTED = 10


@dataclass(frozen=True)
class Merged:
    """What one kit brought.

    Parameters
    ----------
    kit
        The file.
    strokes, readings
        How many rows were new.
    finished, cases
        How many cases of the session are finished now, and how many there are.
    closed
        Whether the session is closed for good.
    """

    kit: Path
    reader: str
    round: int
    strokes: int
    readings: int
    finished: int
    cases: int
    closed: bool

    def to_json(self) -> dict[str, Any]:
        """Give plain values."""
        return {**vars(self), "kit": str(self.kit)}


@dataclass
class _Arrival:
    """What is in a kit whose hashes fit; readings by the code of their case."""

    path: Path
    uid: str
    reader: str
    round: int
    seal: str
    study_hash: str
    strokes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    readings: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    cases: int = 0
    closed_at: str | None = None


def merge(
    store: Store, clock: Clock, paths: Sequence[Path], progress: Progress | None
) -> tuple[Merged, ...]:
    """Bring kits home, all or none; see ``Study.merge``."""
    if not paths:
        raise StudyError("Name the kits to bring home.")
    arrivals = []
    for done, path in enumerate(paths):
        if progress is not None:
            progress(done, len(paths), f"Checking {path.name}")
        arrivals.append(_arrive(store, path))
    with ExitStack() as locks:
        for key in {(one.reader, one.round): _key(store, one) for one in arrivals}.values():
            locks.callback(store.lock(key.id).release)
        with store.write() as db:
            return tuple(_add(db, clock, one) for one in arrivals)


def _key(store: Store, arrival: _Arrival) -> SessionKey:
    with store.read() as db:
        return ledger.session_key(db, arrival.reader, arrival.round)


# The kit by itself


def _arrive(home: Store, path: Path) -> _Arrival:
    """Read a kit and check everything about it that does not depend on later work."""
    if not path.is_file():
        raise StudyError(f"There is no kit {path}; check the path.")
    if not is_kit(path):
        raise StudyError(f"{path} is not a reader's kit.")
    arrival = None
    try:
        arrival, problems = _examine(home, path)
    except (ValueError, TypeError, LookupError, InvalidRequestError):
        # What was stored can no longer be read as what it should be.
        problems = ["Its rows are not what this program writes."]
    except StudyError as error:
        # A sentence about the database behind it does not say which.
        if str(path) in error.message:
            raise
        raise StudyError(f"{path}: {error.message}", error.details) from None
    if problems:
        raise StudyError(
            f"{path} was changed or damaged, so nothing of it was taken; ask its reader for "
            "another copy:",
            problems[:_LISTED],
        )
    assert arrival is not None
    return arrival


def _examine(home: Store, path: Path) -> tuple[_Arrival | None, list[str]]:
    """Give what is in a kit, and what is wrong with it."""
    store = Store.open(path)
    try:
        problems = [text for _, text in store.problems()]
        if problems:
            return None, problems
        with store.read() as db:
            arrival = _read(db, path)
            _check_origin(home, arrival)
            problems += _pixel_problems(db)
            problems += [problem.text for problem in session_problems(db)]
        return arrival, problems
    finally:
        store.close()


def _read(db: Session, path: Path) -> _Arrival:
    study = db.scalars(select(StudyRow)).one()
    session = db.scalars(select(SessionRow).options(joinedload(SessionRow.reader))).one()
    who = session.reader.name
    arrival = _Arrival(path, study.uid, who, session.round, seal(db), study.hash)
    codes = {row.id: row.code for row in db.scalars(select(AssignmentRow))}
    arrival.cases = len(codes)
    for stroke in db.scalars(select(StrokeRow).order_by(StrokeRow.number)):
        values = copy_values(stroke, "session_id", "assignment_id")
        arrival.strokes.append((codes[stroke.assignment_id], values))
    for reading in db.scalars(select(ReadingRow).order_by(ReadingRow.id)):
        values = copy_values(reading, "assignment_id")
        arrival.readings.setdefault(codes[reading.assignment_id], []).append(values)
    arrival.closed_at = db.scalar(select(EventRow.at).where(EventRow.kind == "closed"))
    return arrival


def _check_origin(home: Store, arrival: _Arrival) -> None:
    """Refuse a kit that this study has not made, or has withdrawn, or not like this."""
    who = f"{arrival.path} (round {arrival.round} of {arrival.reader})"
    with home.read() as db:
        if arrival.study_hash != db.scalars(select(StudyRow.hash)).one():
            raise StudyError(f"{arrival.path} is a kit of another study; choose its own study.")
        happened = [
            event
            for event in kits.history(db, arrival.reader, arrival.round)
            if event.kit == arrival.uid
        ]
    made = [event for event in happened if event.kind == kits.MADE]
    if not made or made[0].seal != arrival.seal:
        raise StudyError(
            f"{who} is not as this study made it: its worklist, its protocol or its images were "
            "changed. Ask its reader for another copy."
        )
    for event in happened:
        if event.kind == kits.WITHDRAWN:
            raise StudyError(
                f"{who} was withdrawn on {event.at:%Y-%m-%d} ({event.reason}); its readings "
                "cannot come in."
            )


def _pixel_problems(db: Session) -> list[str]:
    """Unpack every image: the seal covers the hash of its pixels, not the packed bytes."""
    problems = []
    rows = db.execute(
        select(AssignmentRow.code, ImageRow, PixelsRow)
        .join(ImageRow, ImageRow.id == AssignmentRow.image_id)
        .join(PixelsRow, PixelsRow.image_id == ImageRow.id)
        .order_by(AssignmentRow.position)
        .execution_options(yield_per=1)
    )
    for code, known, packed in rows:
        try:
            kit_pixels.unpack(known, packed)
        except kit_pixels.DamagedPixels:
            problems.append(f"The image of case {code} was changed or damaged.")
        db.expunge(packed)
    return problems


# The kit and the record


def _add(db: Session, clock: Clock, arrival: _Arrival) -> Merged:
    """Add what is new to the session; the rows keep their hashes."""
    key = ledger.session_key(db, arrival.reader, arrival.round)
    assignments = {
        row.code: row
        for row in db.scalars(select(AssignmentRow).where(AssignmentRow.session_id == key.id))
    }
    known = db.scalars(
        select(StrokeRow.hash).where(StrokeRow.session_id == key.id).order_by(StrokeRow.number)
    ).all()
    brought = [values["hash"] for _, values in arrival.strokes]
    shared = min(len(known), len(brought))
    if list(known[:shared]) != brought[:shared]:
        raise StudyError(
            f"{arrival.path}: round {arrival.round} of {arrival.reader} went on elsewhere after "
            "this kit was made, and cannot be put together with it; nothing was taken."
        )
    new = arrival.strokes[len(known) :]
    newest = [one.kit for one in kits.history(db, key.reader, key.round) if one.kind == kits.MADE]
    if new and newest[-1] != arrival.uid:
        raise StudyError(
            f"{arrival.path}: another kit of round {arrival.round} of {arrival.reader} was made "
            "after this one, and goes on from there; nothing was taken."
        )
    if new and is_closed(db, arrival.reader, arrival.round):
        raise StudyError(
            f"{arrival.path}: round {arrival.round} of {arrival.reader} is closed in the study; "
            "nothing can be added to it."
        )
    for code, values in new:
        place = {"session_id": key.id, "assignment_id": assignments[code].id}
        db.add(StrokeRow(**values, **place))
        db.flush()  # in this order: ids have no gaps
    readings = _add_readings(db, arrival, assignments)
    closed = _add_end(db, clock, key, arrival, len(new), readings)
    return Merged(
        kit=arrival.path,
        reader=arrival.reader,
        round=arrival.round,
        strokes=len(new),
        readings=readings,
        finished=_finished(db, key),
        cases=arrival.cases,
        closed=closed,
    )


def _add_readings(db: Session, arrival: _Arrival, assignments: dict[str, AssignmentRow]) -> int:
    added = 0
    for code, revisions in arrival.readings.items():
        last = ledger.latest_reading(db, assignments[code].id)
        for values in revisions[last.revision if last else 0 :]:
            db.add(ReadingRow(**values, assignment_id=assignments[code].id))
            db.flush()
            added += 1
    return added


def _add_end(
    db: Session, clock: Clock, key: SessionKey, arrival: _Arrival, strokes: int, readings: int
) -> bool:
    """Put on record that the kit came home, and with it perhaps the end of the session."""
    last = kits.history(db, key.reader, key.round)[-1]
    out = (last.kind, last.kit) == (kits.MADE, arrival.uid)
    was_closed = is_closed(db, key.reader, key.round)
    closes = arrival.closed_at is not None and not was_closed
    at = ledger.stamp(db, clock())
    if strokes or closes or out:
        text = {"kit": arrival.uid, "strokes": strokes, "readings": readings}
        ledger.add_event(
            db, kits.MERGED, at, reader=key.reader, round=key.round, text=chain.canonical(text)
        )
    if closes:
        text = {"kit": arrival.uid, "at": arrival.closed_at}
        ledger.add_event(
            db, "closed", at, reader=key.reader, round=key.round, text=chain.canonical(text)
        )
    return was_closed or closes


def _finished(db: Session, key: SessionKey) -> int:
    aided = amendments.in_force(db).design == "aided"
    return list(case_states(db, key.id, aided=aided).values()).count("finished")
