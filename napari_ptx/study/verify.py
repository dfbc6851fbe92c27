"""Checking a record: every hash, every link, the worklists, and the images on demand."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from napari_ptx.child import Progress
from napari_ptx.image.types import ImageError
from napari_ptx.study import amendments, chain, paths
from napari_ptx.study.drafts import FINISHES, Fold
from napari_ptx.study.store import Store
from napari_ptx.study.tables import (
    APPEND_ONLY,
    AdjudicationRow,
    AssignmentRow,
    Base,
    CaseRow,
    EventRow,
    ImageRow,
    ReaderRow,
    ReadingRow,
    SessionRow,
    StrokeRow,
    StudyRow,
    TruthRow,
)
from napari_ptx.study.types import Problem, StudyError


def verify(
    store: Store, *, images: bool = False, progress: Progress | None = None
) -> tuple[Problem, ...]:
    """Recompute every hash; see ``Study.verify``."""
    problems = [Problem(table, None, text) for table, text in store.problems()]
    if any(problem.table == "file" for problem in problems):
        # SQLite cannot read what it calls damaged; more would only be noise.
        return tuple(problems)
    with store.read_as_stored() as db:
        if wrong := list(_storage(db)):
            # What is no text or number any more cannot be hashed.
            return (*problems, *wrong)
        sessions = _sessions(db)
        problems += _study(db, sessions)
        problems += _events(db)
        study_hash = db.scalars(select(StudyRow.hash)).one()
        problems += _adjudications(db, study_hash)
        aided, aids = _aided(db), _aids(db)
        for done, row in enumerate(sessions):
            session = _Session(db, row, study_hash, aided, aids)
            if progress is not None:
                progress(done, len(sessions), f"Checking {session.name}")
            problems += session.problems()
    if images:
        problems += _images(store, progress)
    return tuple(problems)


_STORED = {sa.Text: ("text",), sa.Float: ("real", "integer"), sa.Integer: ("integer",)}
"""How SQLite stores the values of a column of each type; a Boolean is the integer 0 or 1."""


def _storage(db: Session) -> Iterator[Problem]:
    """Name each row that holds a value of another type than its column.

    SQLite lets any type into any column, and a Boolean that is 2 reads as true.
    """
    for name in APPEND_ONLY:
        table = Base.metadata.tables[name]
        for column in table.columns:
            kind = next((kind for kind in _STORED if isinstance(column.type, kind)), None)
            stored = sa.func.typeof(column)
            good: sa.ColumnElement[bool]
            if isinstance(column.type, sa.Boolean):
                good = (stored == "integer") & sa.cast(column, sa.Integer).in_((0, 1))
            elif kind is not None:
                good = stored.in_(_STORED[kind])
            else:
                continue
            if column.nullable:
                good = good | (stored == "null")
            for row in db.scalars(sa.select(table.c.id).where(sa.not_(good))):
                text = f"Row {row} of {name}: its {column.name} was changed after it was written."
                yield Problem(name, row, text)


def session_problems(db: Session) -> Iterator[Problem]:
    """Recompute the hashes of all sessions and events, but not of the study's frame.

    That is what a reader's kit can be checked by: its frame is only part of the study's.
    """
    yield from _events(db)
    study_hash = db.scalars(select(StudyRow.hash)).one()
    aided, aids = _aided(db), _aids(db)
    for row in _sessions(db):
        yield from _Session(db, row, study_hash, aided, aids).problems()


def _study(db: Session, sessions: list[SessionRow]) -> Iterator[Problem]:
    study = db.scalars(select(StudyRow)).one()
    found = chain.study_hash(
        study,
        list(db.scalars(select(ReaderRow.name).order_by(ReaderRow.id))),
        list(
            db.scalars(select(CaseRow).options(selectinload(CaseRow.images)).order_by(CaseRow.id))
        ),
        list(db.scalars(select(TruthRow).options(joinedload(TruthRow.case)).order_by(TruthRow.id))),
        sessions,
    )
    if found != study.hash:
        yield Problem(
            "study",
            study.id,
            "The protocol, the cases, the truth or the worklists were changed after the study "
            "was made.",
        )


def _aided(db: Session) -> bool:
    try:
        return amendments.original(db).design == "aided"
    except StudyError:  # damaged: the study's hash says so
        return False


def _aids(db: Session) -> dict[int, str]:
    """Give the model's outlines by the id of the case."""
    rows = db.scalars(select(TruthRow).where(TruthRow.name == "aid"))
    return {row.case_id: row.value for row in rows}


def _sessions(db: Session) -> list[SessionRow]:
    worklist = selectinload(SessionRow.assignments)
    return list(
        db.scalars(
            select(SessionRow)
            .options(
                joinedload(SessionRow.reader),
                worklist.joinedload(AssignmentRow.image).joinedload(ImageRow.case),
            )
            .order_by(SessionRow.id)
        )
    )


def _events(db: Session) -> Iterator[Problem]:
    previous = db.scalars(select(StudyRow.hash)).one()
    number = 0
    for row in db.scalars(select(EventRow).order_by(EventRow.number)):
        where = f"Event {row.number} of the study"
        yield from _link("events", row, number + 1, previous, chain.event_hash(row), where)
        number, previous = row.number, row.hash


def _adjudications(db: Session, study_hash: str) -> Iterator[Problem]:
    previous, number = chain.adjudication_genesis(study_hash), 0
    names: dict[int | None, str] = {row.id: row.name for row in db.scalars(select(CaseRow))}
    for row in db.scalars(select(AdjudicationRow).order_by(AdjudicationRow.number)):
        case = names.get(row.case_id)
        where = f"Step {row.number} of the adjudication" + (f", case {case}" if case else "")
        found = chain.adjudication_hash(row, case)
        yield from _link("adjudications", row, number + 1, previous, found, where)
        number, previous = row.number, row.hash


def _link(
    table: str,
    row: StrokeRow | ReadingRow | EventRow | AdjudicationRow,
    number: int,
    previous: str,
    found: str,
    where: str,
) -> Iterator[Problem]:
    """Compare one row with its own hash, its number, and the row before."""
    own = row.revision if isinstance(row, ReadingRow) else row.number
    if own != number:
        yield Problem(table, row.id, f"{where}: rows before it are missing or out of order.")
    elif row.previous != previous:
        yield Problem(table, row.id, f"{where}: it does not follow from the row before it.")
    if row.hash != found:
        yield Problem(table, row.id, f"{where}: it was changed after it was written.")


@dataclass
class _Session:
    """One session's strokes and readings."""

    db: Session
    session: SessionRow
    study_hash: str
    aided: bool
    aids: Mapping[int, str]

    @property
    def name(self) -> str:
        return f"{self.session.reader.name}, round {self.session.round}"

    def problems(self) -> Iterator[Problem]:
        yield from self._strokes()
        readings = defaultdict(list)
        for row in self.db.scalars(
            select(ReadingRow)
            .join(AssignmentRow, AssignmentRow.id == ReadingRow.assignment_id)
            .where(AssignmentRow.session_id == self.session.id)
            .order_by(ReadingRow.revision)
        ):
            readings[row.assignment_id].append(row)
        for assignment in self.session.assignments:
            yield from self._readings(assignment, readings[assignment.id])
        strokes = self.db.scalars(
            select(StrokeRow)
            .where(StrokeRow.session_id == self.session.id)
            .order_by(StrokeRow.assignment_id, StrokeRow.number)
            .execution_options(yield_per=200)
        )
        # Only cases with strokes come up here; a reading without any is left over.
        left = {row.id: self._where(a) for a in self.session.assignments for row in readings[a.id]}
        known = {row.id: row for row in self.session.assignments}
        for id_, steps in groupby(strokes, key=lambda row: row.assignment_id):
            if id_ in known:
                where, aid = self._where(known[id_]), self.aids.get(known[id_].image.case_id, "[]")
                yield from self._replay(where, steps, readings[id_], left, aid)
        for id_, where in left.items():
            yield Problem("readings", id_, f"{where}: the stroke that made a reading is missing.")

    def _where(self, assignment: AssignmentRow | None) -> str:
        case = f"case {assignment.image.case.name}" if assignment else "a case not in its worklist"
        return f"{self.name}, {case}"

    def _strokes(self) -> Iterator[Problem]:
        """Follow the chain of the session."""
        known = {row.id: row for row in self.session.assignments}
        previous = chain.session_genesis(
            self.study_hash, self.session.reader.name, self.session.round
        )
        number = 0
        rows = self.db.scalars(
            select(StrokeRow)
            .where(StrokeRow.session_id == self.session.id)
            .order_by(StrokeRow.number)
            .execution_options(yield_per=200)
        )
        for row in rows:
            assignment = known.get(row.assignment_id)
            where = f"{self._where(assignment)}, stroke {row.number}"
            code = assignment.code if assignment else ""
            found = chain.stroke_hash(row, code)
            yield from _link("strokes", row, number + 1, previous, found, where)
            number, previous = row.number, row.hash

    def _readings(
        self, assignment: AssignmentRow, readings: Sequence[ReadingRow]
    ) -> Iterator[Problem]:
        """Follow the chain of one case's revisions."""
        previous = chain.reading_genesis(
            self.study_hash,
            self.session.reader.name,
            self.session.round,
            assignment,
            assignment.image.sha256,
        )
        number = 0
        for row in readings:
            where = f"{self._where(assignment)}, revision {row.revision}"
            found = chain.reading_hash(row)
            yield from _link("readings", row, number + 1, previous, found, where)
            number, previous = row.revision, row.hash

    def _replay(
        self,
        where: str,
        steps: Iterable[StrokeRow],
        readings: Sequence[ReadingRow],
        left: dict[int, str],
        aid: str,
    ) -> Iterator[Problem]:
        """Fold the strokes of one case, and compare each reading with what made it.

        Readings that were compared are taken out of ``left``.
        """
        makers = {row.stroke: row for row in readings}
        revisions = {row.revision for row in readings}
        work = Fold(aided=self.aided)
        for step in steps:
            locked = work.locked
            work.apply(step.kind, step.outlines, step.view, step.seconds, step.reason, step.action)
            text = None
            if step.kind == "aid" and (not locked or step.outlines != aid):
                text = "it is not the model's outline, shown after the unaided answer."
            elif locked and step.kind in ("stroke", "undo", "redo", "finish"):
                text = "it changes an answer that was locked."
            if text is not None:
                yield Problem("strokes", step.id, f"{where}, stroke {step.number}: {text}")
            if step.kind in FINISHES and step.revision not in revisions:
                yield Problem("readings", None, f"{where}: revision {step.revision} is missing.")
            made = makers.get(step.hash)
            if made is None:
                continue
            left.pop(made.id, None)
            if not _agrees(made, step, work):
                text = f"{where}, revision {made.revision}: it is not what the strokes give."
                yield Problem("readings", made.id, text)


def _agrees(reading: ReadingRow, stroke: StrokeRow, work: Fold) -> bool:
    drawn = stroke.kind == "finish"
    return (
        (reading.origin == "drawn") == drawn
        and reading.revision == stroke.revision
        and reading.reason == stroke.reason
        and reading.outlines == (work.outlines if reading.assessable else "[]")
        and (not drawn or math.isclose(reading.active_seconds, work.seconds, abs_tol=1e-6))
    )


def _images(store: Store, progress: Progress | None) -> Iterator[Problem]:
    from napari_ptx.image import read_image

    with store.read() as db:
        rows = db.execute(select(ImageRow, CaseRow.name).join(CaseRow).order_by(ImageRow.id)).all()
    for done, (row, case) in enumerate(rows):
        if progress is not None:
            progress(done, len(rows), f"Reading image {done + 1} of {len(rows)}")
        path = paths.from_record(row.path, store.path)
        try:
            found = read_image(path).sha256
        except ImageError as error:
            yield Problem("images", row.id, f"Case {case}: {error.message}")
            continue
        if found != row.sha256:
            yield Problem("images", row.id, f"Case {case}: the pixels of {path} have changed.")
