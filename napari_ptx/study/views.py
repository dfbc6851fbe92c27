"""Rows of the record as the values that the coordinator sees."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from napari_ptx.image.types import Region
from napari_ptx.roi.outline import Outline
from napari_ptx.study import ledger, opening, paths
from napari_ptx.study.drafts import FINISHES, parse_outlines
from napari_ptx.study.tables import (
    AssignmentRow,
    CaseRow,
    EventRow,
    ImageRow,
    ReaderRow,
    ReadingRow,
    SessionRow,
    SettingRow,
    StrokeRow,
    TruthRow,
)
from napari_ptx.study.times import from_text
from napari_ptx.study.types import CaseInfo, Reading

_NEVER = 2**31 - 1
"""A revision that no case reaches."""


def cases(db: Session, study: Path) -> tuple[CaseInfo, ...]:
    """Give all cases in the order of the cohort table."""
    truth: dict[int, dict[str, Any]] = defaultdict(dict)
    # A model's outlines are many numbers; ``aid`` gives them.
    for row in db.scalars(select(TruthRow).where(TruthRow.name != "aid")):
        truth[row.case_id][row.name] = json.loads(row.value)
    rows = db.scalars(select(CaseRow).options(selectinload(CaseRow.images)).order_by(CaseRow.id))
    return tuple(
        _case(row, row.images[0], study, {**json.loads(row.extra), **truth[row.id]}) for row in rows
    )


def _case(case: CaseRow, image: ImageRow, study: Path, extra: dict[str, Any]) -> CaseInfo:
    shape: list[int] = json.loads(image.shape)
    spacing: list[float] = json.loads(image.spacing)
    return CaseInfo(
        case=case.name,
        patient=case.patient,
        image=paths.from_record(image.path, study),
        sha256=image.sha256,
        axes=image.axes,
        shape=(shape[-2], shape[-1]),
        frames=shape[0] if len(shape) == 3 else 1,
        spacing=(spacing[-2], spacing[-1]) if image.calibrated else None,
        regions=tuple(
            Region(**{**region, "spacing": tuple(region["spacing"])})
            for region in json.loads(image.regions)
        ),
        extra=extra,
    )


def aid(db: Session, case: str) -> tuple[Outline, ...] | None:
    """Give the model's outlines of a case; ``None`` where the study has none."""
    value = db.scalar(
        select(TruthRow.value).join(CaseRow).where(CaseRow.name == case, TruthRow.name == "aid")
    )
    return None if value is None else parse_outlines(value)


def readings(
    db: Session, reader: str | None, round: int | None, aided: bool | None
) -> tuple[Reading, ...]:
    """Give the latest revision of each reading, by reader, round, case, and aid.

    The aided reading is what was finished after the stroke that showed the model's
    outline: the revisions themselves do not say so.
    """
    shown = (
        select(StrokeRow.assignment_id, func.min(StrokeRow.number).label("number"))
        .where(StrokeRow.kind == "aid")
        .group_by(StrokeRow.assignment_id)
        .subquery()
    )
    first = (
        select(StrokeRow.assignment_id, func.min(StrokeRow.revision).label("revision"))
        .join(shown, shown.c.assignment_id == StrokeRow.assignment_id)
        .where(StrokeRow.kind.in_(FINISHES), StrokeRow.number > shown.c.number)
        .group_by(StrokeRow.assignment_id)
        .subquery()
    )
    with_aid = ReadingRow.revision >= func.coalesce(first.c.revision, _NEVER)
    latest = (
        select(
            ReadingRow.assignment_id,
            func.max(ReadingRow.revision).label("revision"),
            with_aid.label("aided"),
        )
        .join(first, first.c.assignment_id == ReadingRow.assignment_id, isouter=True)
        .group_by(ReadingRow.assignment_id, with_aid)
    )
    if aided is not None:
        latest = latest.where(with_aid if aided else ~with_aid)
    found = latest.subquery()
    recalled: dict[int, bool] = {
        id_: action == "yes"
        for id_, action in db.execute(
            select(StrokeRow.assignment_id, StrokeRow.action)
            .where(StrokeRow.kind == "seen")
            .order_by(StrokeRow.number)
        )
    }
    query = (
        select(
            *(ReadingRow, CaseRow.name, CaseRow.patient, ReaderRow.name, SessionRow.round),
            found.c.aided,
        )
        .join(
            found,
            (found.c.assignment_id == ReadingRow.assignment_id)
            & (found.c.revision == ReadingRow.revision),
        )
        .join(AssignmentRow, AssignmentRow.id == ReadingRow.assignment_id)
        .join(SessionRow, SessionRow.id == AssignmentRow.session_id)
        .join(ReaderRow, ReaderRow.id == SessionRow.reader_id)
        .join(ImageRow, ImageRow.id == AssignmentRow.image_id)
        .join(CaseRow, CaseRow.id == ImageRow.case_id)
        .order_by(ReaderRow.id, SessionRow.round, CaseRow.id, ReadingRow.revision)
    )
    if reader is not None:
        query = query.where(ReaderRow.name == reader)
    if round is not None:
        query = query.where(SessionRow.round == round)
    return tuple(
        _reading(row, case, patient, who, number, bool(helped), recalled.get(row.assignment_id))
        for row, case, patient, who, number, helped in db.execute(query)
    )


def _reading(
    row: ReadingRow,
    case: str,
    patient: str,
    reader: str,
    round_: int,
    aided: bool,
    recalled: bool | None,
) -> Reading:
    return Reading(
        case=case,
        patient=patient,
        reader=reader,
        round=round_,
        revision=row.revision,
        outlines=parse_outlines(row.outlines),
        assessable=row.assessable,
        reason=row.reason,
        active_seconds=row.active_seconds,
        view=json.loads(row.view),
        finished_at=from_text(row.finished_at),
        origin="imported" if row.origin == "imported" else "drawn",
        aided=aided,
        recalled=recalled,
    )


def warnings(db: Session) -> tuple[str, ...]:
    """Name the cases that are the same picture: they are not independent."""
    same: dict[str, list[str]] = defaultdict(list)
    for sha256, case in db.execute(
        select(ImageRow.sha256, CaseRow.name).join(CaseRow).order_by(CaseRow.id)
    ):
        same[sha256].append(case)
    return tuple(
        f"The cases {', '.join(cases)} have the same pixels."
        for cases in same.values()
        if len(cases) > 1
    )


def clock_warnings(db: Session, now: datetime) -> tuple[str, ...]:
    """Say where a clock was set back or forward: the record's times never go back."""
    told = []
    for row in db.scalars(
        select(EventRow).where(EventRow.kind == opening.CLOCK).order_by(EventRow.number)
    ):
        value = json.loads(row.text)
        clock, record = from_text(value["clock"]), from_text(value["record"])
        told.append(
            f"The clock at round {row.round} of {row.reader} stood at {clock:%Y-%m-%d %H:%M} UTC, "
            f"but the record had reached {record:%Y-%m-%d %H:%M}: a clock was set back, or "
            "forward before."
        )
    last = from_text(ledger.newest(db))
    if last - now > opening.TOLERATED:
        told.append(
            f"The record has times until {last:%Y-%m-%d %H:%M} UTC, which lie in the future: a "
            "clock was set forward, or this one is behind."
        )
    return tuple(told)


def verified(db: Session) -> Mapping[str, Any] | None:
    """Give what the last check of the record found, if there was one."""
    row = db.get(SettingRow, "verified")
    value: Mapping[str, Any] | None = json.loads(row.value) if row else None
    return value
