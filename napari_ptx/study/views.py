"""Rows of the record as the values that the coordinator sees."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from napari_ptx.image.types import Region
from napari_ptx.study import paths
from napari_ptx.study.drafts import parse_outlines
from napari_ptx.study.tables import (
    AssignmentRow,
    CaseRow,
    ImageRow,
    ReaderRow,
    ReadingRow,
    SessionRow,
    SettingRow,
    TruthRow,
)
from napari_ptx.study.times import from_text
from napari_ptx.study.types import CaseInfo, Reading


def cases(db: Session, study: Path) -> tuple[CaseInfo, ...]:
    """Give all cases in the order of the cohort table."""
    truth: dict[int, dict[str, Any]] = defaultdict(dict)
    for row in db.scalars(select(TruthRow)):
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


def readings(db: Session, reader: str | None, round: int | None) -> tuple[Reading, ...]:
    """Give the latest revision of each reading, by reader, round and case."""
    latest = (
        select(ReadingRow.assignment_id, func.max(ReadingRow.revision).label("revision"))
        .group_by(ReadingRow.assignment_id)
        .subquery()
    )
    query = (
        select(ReadingRow, CaseRow.name, CaseRow.patient, ReaderRow.name, SessionRow.round)
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
        .order_by(ReaderRow.id, SessionRow.round, CaseRow.id)
    )
    if reader is not None:
        query = query.where(ReaderRow.name == reader)
    if round is not None:
        query = query.where(SessionRow.round == round)
    return tuple(_reading(*row) for row in db.execute(query))


def _reading(row: ReadingRow, case: str, patient: str, reader: str, round_: int) -> Reading:
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


def verified(db: Session) -> Mapping[str, Any] | None:
    """Give what the last check of the record found, if there was one."""
    row = db.get(SettingRow, "verified")
    value: Mapping[str, Any] | None = json.loads(row.value) if row else None
    return value
