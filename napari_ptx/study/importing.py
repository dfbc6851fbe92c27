"""Readings made elsewhere: a table of outline files, or a COCO file, becomes revisions.

The table is CSV with the columns ``case`` and ``roi`` (an ImageJ file, a mask image, a DICOM
SEG or a label map in NIfTI or NRRD), and optionally ``frame`` (counted from 0; the frame of
all outlines of the row), ``reason`` (the case was not assessable; then ``roi`` is empty) and
``finished_at`` (ISO 8601; UTC where no zone is given). Other columns are ignored. How a COCO
file (``.json``) names its cases, ``importing_coco`` says. Everything is checked before
anything is added.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from napari_ptx.child import Progress
from napari_ptx.roi import Outline, RoiError, read_label_map, read_roi
from napari_ptx.roi.label_files import is_label_file
from napari_ptx.study import chain, kits, ledger
from napari_ptx.study.drafts import CHANGES, FINISHES
from napari_ptx.study.importing_coco import CocoCase, read_cases
from napari_ptx.study.ledger import SessionKey
from napari_ptx.study.rounds import is_closed
from napari_ptx.study.store import Store
from napari_ptx.study.tables import AssignmentRow, CaseRow, ImageRow, StrokeRow
from napari_ptx.study.times import Clock, to_text
from napari_ptx.study.types import CaseInfo, StudyError

if TYPE_CHECKING:
    from napari_ptx.study.study import Study


@dataclass(frozen=True)
class _Row:
    """One row of the table that holds what it should."""

    case: str
    outlines: str
    reason: str | None
    finished_at: datetime | None
    source: str


class _Fault(Exception):
    """What is wrong with one row."""


class _Line(NamedTuple):
    """One row of the table, or one case of a COCO file, before it is read."""

    where: str
    case: str
    read: Callable[[CaseInfo], _Row]


def import_readings(
    study: Study,
    store: Store,
    clock: Clock,
    reader: str,
    round: int,
    table: Path,
    *,
    threshold: float | None,
    invert: bool,
    replace: bool,
    progress: Progress | None,
) -> int:
    """Add the readings of a table; see ``Study.import_readings``."""
    with store.read() as db:
        key = ledger.session_key(db, reader, round)
        assigned = _assigned(db, key)
        if is_closed(db, reader, round):
            raise StudyError(
                f"Round {round} of {reader} is closed; nothing in it can change any more."
            )
        if kits.out_since(db, reader, round) is not None:
            raise StudyError(
                f"Round {round} of {reader} is out as a kit; merge it, or withdraw it first."
            )
    cases = {case.case: case for case in study.cases()}
    if table.suffix.lower() == ".json":
        lines = _coco_lines(study, reader, round, table)
    else:
        lines = _table_lines(study, table, threshold, invert, clock)
    lock = store.lock(key.id)
    try:
        with store.read() as db:
            drawn = _drawn(db, key)
            locked = _locked(db, key) if study.protocol.design == "aided" else set()
        rows: list[_Row] = []
        faults: list[str] = []
        seen: set[str] = set()
        for done, (where, case, read) in enumerate(lines):
            try:
                if case not in cases:
                    raise _Fault("the study has no such case")
                if case not in assigned:
                    raise _Fault(f"the case is not among those that {reader} reads again")
                if case in seen:
                    raise _Fault("the case is listed twice")
                if case in drawn and not replace:
                    raise _Fault(f"{reader} has drawn this case; replace it by choice (--replace)")
                if case in locked:
                    raise _Fault(f"{reader} has answered this case, and the answer is locked")
                rows.append(read(cases[case]))
            except _Fault as fault:
                faults.append(f"{where}, case {case or '(none)'}: {fault}")
            seen.add(case)
            if progress is not None:
                progress(done + 1, len(lines), f"Reading ROI {done + 1} of {len(lines)}")
        if faults:
            raise StudyError(
                f"{len(faults)} of {len(lines)} rows in {table} cannot be imported, so none was; "
                "mend these and try again:",
                faults,
            )
        with store.write() as db:
            return _add(db, key, assigned, rows, table, clock())
    finally:
        lock.release()


def _assigned(db: Session, key: SessionKey) -> dict[str, AssignmentRow]:
    """Give the worklist of the session by the cases' names."""
    rows = db.execute(
        select(CaseRow.name, AssignmentRow)
        .join(ImageRow, ImageRow.case_id == CaseRow.id)
        .join(AssignmentRow, AssignmentRow.image_id == ImageRow.id)
        .where(AssignmentRow.session_id == key.id)
        .options(joinedload(AssignmentRow.image))
    )
    return dict(rows.all())


def _drawn(db: Session, key: SessionKey) -> set[str]:
    """Name the cases on which the reader's own hand was the last."""
    rows = db.execute(
        select(CaseRow.name, StrokeRow.kind)
        .join(ImageRow, ImageRow.case_id == CaseRow.id)
        .join(AssignmentRow, AssignmentRow.image_id == ImageRow.id)
        .join(StrokeRow, StrokeRow.assignment_id == AssignmentRow.id)
        .where(
            AssignmentRow.session_id == key.id,
            StrokeRow.kind.in_((*CHANGES, *FINISHES)),
        )
        .order_by(StrokeRow.number)
    )
    last = dict(rows.all())
    return {case for case, kind in last.items() if kind != "import"}


def _locked(db: Session, key: SessionKey) -> set[str]:
    """Name the cases whose unaided answer was given at the desk: it cannot change any more."""
    return set(
        db.scalars(
            select(CaseRow.name)
            .join(ImageRow, ImageRow.case_id == CaseRow.id)
            .join(AssignmentRow, AssignmentRow.image_id == ImageRow.id)
            .join(StrokeRow, StrokeRow.assignment_id == AssignmentRow.id)
            .where(AssignmentRow.session_id == key.id, StrokeRow.kind.in_(("finish", "aid")))
        )
    )


def _read_table(table: Path) -> dict[int, dict[str, str]]:
    """Read the table: row number as a spreadsheet counts (the header is 1) -> cells."""
    try:
        text = table.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise StudyError(f"{table} cannot be read ({error.strerror}); check the path.") from None
    except UnicodeDecodeError:
        raise StudyError(f"{table} is not UTF-8 text; save it as 'CSV UTF-8'.") from None
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    try:
        names, *lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)) or [[]]
    except csv.Error as error:
        raise StudyError(f"{table} is not a CSV table ({error}); save it again.") from None
    names = [name.strip() for name in names]
    if missing := [name for name in ("case", "roi") if name not in names]:
        raise StudyError(f"{table} has no column {' and no column '.join(missing)}; add it.")
    rows = {
        number: dict(
            zip_longest(names, (cell.strip() for cell in line[: len(names)]), fillvalue="")
        )
        for number, line in enumerate(lines, start=2)
        if any(cell.strip() for cell in line)
    }
    if not rows:
        raise StudyError(f"{table} has no rows below its header.")
    return rows


def _table_lines(
    study: Study, table: Path, threshold: float | None, invert: bool, clock: Clock
) -> list[_Line]:
    def reader_of(line: Mapping[str, str]) -> Callable[[CaseInfo], _Row]:
        return lambda case: _read_row(line, case, study, table.parent, threshold, invert, clock())

    return [
        _Line(f"row {number}", line["case"], reader_of(line))
        for number, line in _read_table(table).items()
    ]


def _coco_lines(study: Study, reader: str, round: int, table: Path) -> list[_Line]:
    def reader_of(found: CocoCase) -> Callable[[CaseInfo], _Row]:
        return lambda case: _coco_row(found, case, table.name, digest)

    listed = read_cases(table, study.cases(), reader, round)
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    return [_Line(found.where, found.case, reader_of(found)) for found in listed]


def _coco_row(found: CocoCase, case: CaseInfo, file: str, digest: str) -> _Row:
    if found.fault:
        raise _Fault(found.fault)
    _check_frames(found.outlines, case)
    return _Row(
        case=case.case,
        outlines=ledger.outlines_text(found.outlines),
        reason=None,
        finished_at=None,
        source=chain.canonical({"file": file, "sha256": digest}),
    )


def _read_row(
    line: Mapping[str, str],
    case: CaseInfo,
    study: Study,
    folder: Path,
    threshold: float | None,
    invert: bool,
    now: datetime,
) -> _Row:
    reason = line.get("reason") or None
    if bool(line["roi"]) == bool(reason):
        raise _Fault(
            "give either a roi or, where the case was not assessable, a reason"
            if not reason
            else "it has a roi and a reason for not being assessable; keep one of them"
        )
    outlines: tuple[Outline, ...] = ()
    file_hash = None
    if not reason:
        path = folder / line["roi"]
        outlines = _read_outlines(path, case, study, line.get("frame", ""), threshold, invert)
        file_hash = hashlib.sha256(path.read_bytes()).hexdigest()
    return _Row(
        case=case.case,
        outlines=ledger.outlines_text(outlines),
        reason=reason,
        finished_at=_time(line.get("finished_at", ""), now),
        source=chain.canonical({"file": line["roi"], "sha256": file_hash}),
    )


def _read_outlines(
    path: Path,
    case: CaseInfo,
    study: Study,
    frame: str,
    threshold: float | None,
    invert: bool,
) -> tuple[Outline, ...]:
    try:
        if is_label_file(path):
            # Only the image itself can tell which way its axes run.
            outlines = read_label_map(path, study.image(case.case))
        else:
            outlines = read_roi(path, shape=case.shape, threshold=threshold, invert=invert)
    except (RoiError, StudyError) as error:
        raise _Fault(str(error)) from None
    if not outlines:
        raise _Fault(
            f"{path.name} holds no outline; if the case was not assessable, leave roi empty and "
            "give a reason"
        )
    if frame:
        if not frame.isdecimal():
            raise _Fault(f"the frame {frame!r} is not a number counted from 0")
        if len({outline.frame for outline in outlines}) > 1:
            raise _Fault(f"{path.name} says itself which frames it is of; leave frame empty")
        outlines = tuple(dataclasses.replace(outline, frame=int(frame)) for outline in outlines)
    _check_frames(outlines, case)
    return outlines


def _check_frames(outlines: Sequence[Outline], case: CaseInfo) -> None:
    for outline in outlines:
        if not 0 <= outline.frame < case.frames:
            raise _Fault(f"frame {outline.frame} is not one of the image's {case.frames}, from 0")


def _time(text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise _Fault(f"finished_at {text!r} is not an ISO 8601 time") from None
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    if time > now:
        raise _Fault(f"finished_at {text} lies in the future")
    return time


def _add(
    db: Session,
    key: SessionKey,
    assigned: Mapping[str, AssignmentRow],
    rows: list[_Row],
    table: Path,
    now: datetime,
) -> int:
    """Add what is new; a reading that the record has already is not added again."""
    at = ledger.stamp(db, now)
    added = 0
    for row in rows:
        assignment = assigned[row.case]
        last = ledger.latest_reading(db, assignment.id)
        if last and (last.outlines, last.reason) == (row.outlines, row.reason):
            continue
        stroke = ledger.add_stroke(
            db,
            key,
            assignment,
            "import",
            at,
            outlines=row.outlines,
            reason=row.reason,
            revision=last.revision + 1 if last else 1,
        )
        ledger.add_reading(
            db,
            key,
            assignment,
            assignment.image.sha256,
            stroke,
            outlines=row.outlines,
            active_seconds=0.0,
            finished_at=to_text(row.finished_at) if row.finished_at else at,
            origin="imported",
            source=row.source,
        )
        added += 1
    if added:
        ledger.add_event(
            db,
            "imported",
            at,
            reader=key.reader,
            round=key.round,
            text=chain.canonical(
                {
                    "table": table.name,
                    "sha256": hashlib.sha256(table.read_bytes()).hexdigest(),
                    "readings": added,
                }
            ),
        )
    return added
