"""Making a reader's kit: one file with one session, built from nothing.

A copy of the study that is then emptied would keep what was deleted in its free pages.
A kit is therefore a new database of the same schema, into which only that goes which a
session at the study's own desk may see: the worklist under its codes, the pixels, and
what the session's chains hang on.

Of a study that shows a model's outlines, the kit holds those of its cases: the program shows
them once the unaided answer is locked, as at the study's own desk.

A session that has begun takes its own strokes with it: they are this reader's work in
this session, and somebody who has begun at the clinic may go on at home. A session with
imported readings is refused: an import names files, and what it says is part of its hash.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session, joinedload

from napari_ptx.child import Progress
from napari_ptx.image.masking import masked
from napari_ptx.study import chain, kit_pixels, kits, ledger, opening
from napari_ptx.study.create import AID
from napari_ptx.study.database import mark_as_kit
from napari_ptx.study.ledger import SessionKey
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.store import Store
from napari_ptx.study.tables import (
    AssignmentRow,
    Base,
    CaseRow,
    EventRow,
    ImageRow,
    PixelsRow,
    ReaderRow,
    ReadingRow,
    SessionRow,
    StrokeRow,
    StudyRow,
    TruthRow,
)
from napari_ptx.study.times import Clock
from napari_ptx.study.types import StudyError

if TYPE_CHECKING:
    from napari_ptx.study.study import Study

NAME = "Reader's kit"
"""The name of the study in a kit: its own could tell where and when it was made."""

_KEPT = ("design", "idle_seconds", "ask_seen", "mask_text")
"""What a session needs of the protocol. Everything else stays at its default."""


def make_kit(
    study: Study,
    store: Store,
    clock: Clock,
    reader: str,
    round: int,
    path: Path,
    *,
    early_reason: str | None,
    progress: Progress | None,
) -> int:
    """Make a kit and give the number of its cases; see ``Study.make_kit``."""
    _check_target(path)
    with store.read() as db:
        key = ledger.session_key(db, reader, round)
    lock = store.lock(key.id)
    try:
        reason = (early_reason or "").strip() or None
        opening.require_round(store, study.protocol, key, clock, reason)
        with _draft(path) as draft:
            seal, uid, cases = _build(study, store, clock, key, draft, progress)
            opening.open_round(store, study.protocol, key, clock, reason)
            text = {
                "kit": uid,
                "seal": seal,
                "file": path.name,
                "cases": cases,
                "masked": study.protocol.mask_text,
            }
            _hand_out(store, clock, key, draft, path, chain.canonical(text))
        return cases
    finally:
        lock.release()


def withdraw_kit(store: Store, clock: Clock, reader: str, round: int, reason: str) -> None:
    """Call a kit back that will not come home; see ``Study.withdraw_kit``."""
    reason = reason.strip()
    if not reason:
        raise StudyError("Withdrawing a kit needs a reason; say why it will not come back.")
    with store.write() as db:
        ledger.session_key(db, reader, round)
        if kits.out_since(db, reader, round) is None:
            raise StudyError(f"Round {round} of {reader} is not out as a kit.")
        text = {"kit": kits.history(db, reader, round)[-1].kit, "reason": reason}
        at = ledger.stamp(db, clock())
        ledger.add_event(
            db, kits.WITHDRAWN, at, reader=reader, round=round, text=chain.canonical(text)
        )


def seal(db: Session) -> str:
    """Hash all in a kit that no reader may change: the session, its worklist, the pixels.

    The study keeps it with the event of the kit. Strokes, readings and events have
    their own chains.
    """
    study = db.scalars(select(StudyRow)).one()
    worklist = db.scalars(
        select(AssignmentRow)
        .options(joinedload(AssignmentRow.image).joinedload(ImageRow.case))
        .order_by(AssignmentRow.position)
    )
    pixels = {row.image_id: row.about for row in db.execute(
        select(PixelsRow.image_id, PixelsRow.about)
    )}  # fmt: skip
    aids = {
        row.name: row.value
        for row in db.execute(
            select(CaseRow.name, TruthRow.value)
            .join(TruthRow, TruthRow.case_id == CaseRow.id)
            .where(TruthRow.name == AID)
        )
    }
    return chain.sha256(
        {
            # Only where there are any: a kit without stays what it was.
            **({"aids": aids} if aids else {}),
            "study": _values(study, "id"),
            "readers": list(db.scalars(select(ReaderRow.name))),
            "sessions": list(db.scalars(select(SessionRow.round))),
            "cases": len(db.scalars(select(CaseRow.id)).all()),
            "worklist": [
                {
                    "position": row.position,
                    "code": row.code,
                    "case": _values(row.image.case, "id"),
                    "image": _values(row.image, "id", "case_id"),
                    "pixels": pixels.get(row.image_id),
                }
                for row in worklist
            ],
        }
    )


def _check_target(path: Path) -> None:
    if path.suffix != kits.SUFFIX:
        raise StudyError(f"A kit ends in {kits.SUFFIX}: use {path.with_suffix(kits.SUFFIX)}.")
    if path.exists():
        raise StudyError(f"{path} is there already; choose another name.")
    if not path.parent.is_dir():
        raise StudyError(f"There is no folder {path.parent}; make it first.")


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """Give the path of a file beside the kit, which is gone afterwards."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        yield draft
    except OSError as error:
        raise StudyError(f"{path} cannot be written ({error.strerror or error}).") from error
    finally:
        for ending in ("", "-journal"):
            with suppress(OSError):
                draft.with_name(draft.name + ending).unlink(missing_ok=True)


def _build(
    study: Study,
    store: Store,
    clock: Clock,
    key: SessionKey,
    draft: Path,
    progress: Progress | None,
) -> tuple[str, str, int]:
    """Fill a new file with a session; give its seal, what tells it from others, its cases."""
    uid = str(uuid.uuid4())
    with store.read() as source:
        _refuse_imports(source, key)
        at = ledger.stamp(source, clock())
        worklist = source.scalars(
            select(AssignmentRow)
            .where(AssignmentRow.session_id == key.id)
            .options(joinedload(AssignmentRow.image).joinedload(ImageRow.case))
            .order_by(AssignmentRow.position)
        ).all()
        mark_as_kit(draft)
        kit = Store.create(draft)
        try:
            with kit.write() as db:
                _fill_frame(db, study.protocol, key, uid, at)
                for place, row in enumerate(worklist, start=1):
                    _fill_case(db, source, study, row, place)
                    if progress is not None:
                        progress(place, len(worklist), f"Packing image {place} of {len(worklist)}")
                _fill_work(db, source, key, [row.id for row in worklist])
            with kit.read() as db:
                sealed = seal(db)
        finally:
            kit.close()
    return sealed, uid, len(worklist)


def _refuse_imports(db: Session, key: SessionKey) -> None:
    imported = select(StrokeRow.id).where(
        StrokeRow.session_id == key.id, StrokeRow.kind == "import"
    )
    if db.scalar(imported.limit(1)) is not None:
        raise StudyError(
            f"Round {key.round} of {key.reader} holds imported readings, whose files must not "
            "reach a reader: this session cannot leave as a kit. Read it at the study itself."
        )


def _fill_frame(db: Session, protocol: Protocol, key: SessionKey, uid: str, at: str) -> None:
    """Add what every session hangs on, reduced to this one."""
    known = protocol.to_json()
    reduced = {"readers": [key.reader], **{field: known[field] for field in _KEPT}}
    db.add_all(
        (
            StudyRow(
                uid=uid,
                name=NAME,
                created_at=at,
                made_with=f"napari-ptx {version('napari-ptx')}",
                protocol=chain.canonical(reduced),
                hash=key.study_hash,
            ),
            SessionRow(id=1, reader=ReaderRow(id=1, name=key.reader), round=key.round),
        )
    )
    db.flush()
    ledger.add_event(db, "opened", at, reader=key.reader, round=key.round)


def _fill_case(db: Session, source: Session, study: Study, row: AssignmentRow, place: int) -> None:
    """Add one case under its code, in the order of the worklist, with its pixels."""
    known = row.image
    image = study.image(known.case.name)
    if study.protocol.mask_text:
        image = masked(image)
    copy = ImageRow(**(_values(known, "case_id") | {"id": place, "path": ""}))
    case = CaseRow(id=place, name=row.code, patient=row.code, extra="{}", images=[copy])
    db.add(case)
    db.flush()  # the pixels refer to it
    aid = source.scalar(
        select(TruthRow.value).where(TruthRow.case_id == known.case_id, TruthRow.name == AID)
    )
    if aid is not None:
        db.add(TruthRow(case_id=place, name=AID, value=aid))
    db.add(kit_pixels.pack(image, place))
    db.flush()
    db.expunge_all()  # one image in memory at a time
    db.add(AssignmentRow(id=place, session_id=1, image_id=place, position=row.position,
                         code=row.code))  # fmt: skip


def _fill_work(db: Session, source: Session, key: SessionKey, assignments: list[int]) -> None:
    """Add what the reader has done in this session so far, hashes and all."""
    places = {id_: place for place, id_ in enumerate(assignments, start=1)}
    for stroke in source.scalars(
        select(StrokeRow).where(StrokeRow.session_id == key.id).order_by(StrokeRow.number)
    ):
        place = {"session_id": 1, "assignment_id": places[stroke.assignment_id]}
        db.add(StrokeRow(**(_values(stroke, "id") | place)))
        db.flush()  # in this order: ids have no gaps
    for reading in source.scalars(
        select(ReadingRow).where(ReadingRow.assignment_id.in_(places)).order_by(ReadingRow.id)
    ):
        place = {"assignment_id": places[reading.assignment_id]}
        db.add(ReadingRow(**(_values(reading, "id") | place)))
        db.flush()


def _values(row: Base, *without: str) -> dict[str, Any]:
    """Give the columns of a row, but for some."""
    columns = inspect(type(row)).column_attrs.keys()
    return {name: getattr(row, name) for name in columns if name not in without}


def _hand_out(
    store: Store, clock: Clock, key: SessionKey, draft: Path, path: Path, text: str
) -> None:
    """Put the finished file in its place, and on record that it is out."""
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    _check_target(path)
    placed = False
    try:
        with store.write() as db:
            at = ledger.stamp(db, clock())
            ledger.add_event(db, kits.MADE, at, reader=key.reader, round=key.round, text=text)
            draft.replace(path)
            placed = True
    except BaseException:
        # Nobody may read a kit that the study knows nothing of.
        if placed:
            path.unlink(missing_ok=True)
        raise


def copy_values(row: StrokeRow | ReadingRow | EventRow, *without: str) -> dict[str, Any]:
    """Give the columns of a row that is brought home, but for some."""
    return _values(row, "id", *without)
