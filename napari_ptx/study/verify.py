"""Checking a record: every hash, every link, the worklists, and the images on demand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from napari_ptx.child import Progress
from napari_ptx.image.types import ImageError
from napari_ptx.study import chain, paths
from napari_ptx.study.drafts import FINISHES, Fold
from napari_ptx.study.store import Store
from napari_ptx.study.tables import (
    AssignmentRow,
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
from napari_ptx.study.types import Problem


def verify(
    store: Store, *, images: bool = False, progress: Progress | None = None
) -> tuple[Problem, ...]:
    """Recompute every hash; see ``Study.verify``."""
    problems = [Problem(table, None, text) for table, text in store.problems()]
    if any(problem.table == "file" for problem in problems):
        # SQLite cannot read what it calls damaged; more would only be noise.
        return tuple(problems)
    with store.read() as db:
        problems += _study(db)
        problems += _events(db)
        sessions = db.scalars(
            select(SessionRow)
            .options(
                joinedload(SessionRow.reader),
                selectinload(SessionRow.assignments)
                .joinedload(AssignmentRow.image)
                .joinedload(ImageRow.case),
            )
            .order_by(SessionRow.id)
        ).all()
        for done, session in enumerate(sessions):
            name = f"{session.reader.name}, round {session.round}"
            if progress is not None:
                progress(done, len(sessions), f"Checking {name}")
            problems += _Session(db, session, name).problems()
    if images:
        problems += _images(store, progress)
    return tuple(problems)


def _study(db: Session) -> Iterator[Problem]:
    study = db.scalars(select(StudyRow)).one()
    found = chain.study_hash(
        study,
        list(db.scalars(select(ReaderRow.name).order_by(ReaderRow.id))),
        list(
            db.scalars(select(CaseRow).options(selectinload(CaseRow.images)).order_by(CaseRow.id))
        ),
        list(db.scalars(select(TruthRow).options(joinedload(TruthRow.case)).order_by(TruthRow.id))),
        list(
            db.scalars(
                select(SessionRow)
                .options(
                    joinedload(SessionRow.reader),
                    selectinload(SessionRow.assignments)
                    .joinedload(AssignmentRow.image)
                    .joinedload(ImageRow.case),
                )
                .order_by(SessionRow.id)
            )
        ),
    )
    if found != study.hash:
        yield Problem(
            "study",
            study.id,
            "The protocol, the cases, the truth or the worklists were changed after the study "
            "was made.",
        )


def _events(db: Session) -> Iterator[Problem]:
    previous = db.scalars(select(StudyRow.hash)).one()
    number = 0
    for row in db.scalars(select(EventRow).order_by(EventRow.number)):
        number += 1
        where = f"Event {row.number} of the study"
        yield from _link("events", row, number, previous, chain.event_hash(row), where)
        number, previous = row.number, row.hash


def _link(
    table: str,
    row: StrokeRow | ReadingRow | EventRow,
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
    name: str

    def problems(self) -> Iterator[Problem]:
        yield from self._strokes()
        for assignment in self.session.assignments:
            yield from self._case(assignment)

    def _where(self, assignment: AssignmentRow | None) -> str:
        case = f"case {assignment.image.case.name}" if assignment else "a case of nobody's"
        return f"{self.name}, {case}"

    def _study_hash(self) -> str:
        return self.db.scalars(select(StudyRow.hash)).one()

    def _strokes(self) -> Iterator[Problem]:
        known = {row.id: row for row in self.session.assignments}
        previous = chain.session_genesis(
            self._study_hash(), self.session.reader.name, self.session.round
        )
        number = 0
        rows = self.db.scalars(
            select(StrokeRow)
            .where(StrokeRow.session_id == self.session.id)
            .order_by(StrokeRow.number)
            .execution_options(yield_per=200)
        )
        for row in rows:
            number += 1
            assignment = known.get(row.assignment_id)
            where = f"{self._where(assignment)}, stroke {row.number}"
            code = assignment.code if assignment else ""
            yield from _link("strokes", row, number, previous, chain.stroke_hash(row, code), where)
            number, previous = row.number, row.hash

    def _case(self, assignment: AssignmentRow) -> Iterator[Problem]:
        """Follow the strokes of one case, and compare each reading with what made it."""
        where = self._where(assignment)
        readings = self.db.scalars(
            select(ReadingRow)
            .where(ReadingRow.assignment_id == assignment.id)
            .order_by(ReadingRow.revision)
        ).all()
        previous = chain.reading_genesis(
            self._study_hash(),
            self.session.reader.name,
            self.session.round,
            assignment,
            assignment.image.sha256,
        )
        number = 0
        for reading in readings:
            number += 1
            text = f"{where}, revision {reading.revision}"
            yield from _link(
                "readings", reading, number, previous, chain.reading_hash(reading), text
            )
            number, previous = reading.revision, reading.hash

        makers = {reading.stroke: reading for reading in readings}
        revisions = {reading.revision for reading in readings}
        work = Fold()
        for row in self.db.scalars(
            select(StrokeRow)
            .where(StrokeRow.assignment_id == assignment.id)
            .order_by(StrokeRow.number)
        ):
            work.apply(row.kind, row.outlines, row.view, row.seconds, row.reason)
            if row.kind in FINISHES and row.revision not in revisions:
                yield Problem("readings", None, f"{where}: revision {row.revision} is missing.")
            reading_made = makers.pop(row.hash, None)
            if reading_made is not None and not _agrees(reading_made, row, work):
                yield Problem(
                    "readings",
                    reading_made.id,
                    f"{where}, revision {reading_made.revision}: it is not what the strokes give.",
                )
        for reading in makers.values():
            yield Problem(
                "readings",
                reading.id,
                f"{where}, revision {reading.revision}: the stroke that made it is missing.",
            )


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
