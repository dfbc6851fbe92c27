"""Hashes of the record: canonical JSON, and what each link of a chain covers.

A link's hash is the SHA-256 of the canonical JSON of its fields and of the hash
before it. The first link of each chain hangs on the hash of the study, which covers
the protocol, the readers, the cases with their pixels' hashes, and the worklists.
Columns that hold JSON are hashed as the text that is stored: any changed byte shows.
Row ids are left out: they are not the same after a merge of two files.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_ptx.study.tables import (
        AdjudicationRow,
        AssignmentRow,
        CaseRow,
        EventRow,
        ReadingRow,
        SessionRow,
        StrokeRow,
        StudyRow,
        TruthRow,
    )


def canonical(value: Any) -> str:
    """Write JSON in the one form that is hashed: sorted keys, no spaces, ASCII.

    Raises
    ------
    TypeError, ValueError
        For what JSON cannot say, NaN and infinity included.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256(value: Any) -> str:
    """Hash the canonical JSON of a value; hex digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def study_hash(
    study: StudyRow,
    readers: list[str],
    cases: list[CaseRow],
    truth: list[TruthRow],
    sessions: list[SessionRow],
) -> str:
    """Hash all that is fixed when a study is made. Paths are not: images may move."""
    return sha256(
        {
            "uid": study.uid,
            "name": study.name,
            "created_at": study.created_at,
            "made_with": study.made_with,
            "protocol": study.protocol,
            "readers": readers,
            "cases": [
                {
                    "name": case.name,
                    "patient": case.patient,
                    "extra": case.extra,
                    "images": [
                        [
                            image.position,
                            image.sha256,
                            image.modality,
                            image.axes,
                            image.shape,
                            image.colour,
                            image.spacing,
                            image.calibrated,
                            image.regions,
                        ]
                        for image in case.images
                    ],
                }
                for case in cases
            ],
            "truth": [[row.case.name, row.name, row.value] for row in truth],
            "sessions": [
                {
                    "reader": session.reader.name,
                    "round": session.round,
                    "worklist": [
                        [row.position, row.code, row.image.case.name, row.image.position]
                        for row in session.assignments
                    ],
                }
                for session in sessions
            ],
        }
    )


def session_genesis(study_hash: str, reader: str, round: int) -> str:
    """Give what the first stroke of a session hangs on."""
    return sha256({"study": study_hash, "reader": reader, "round": round})


def reading_genesis(
    study_hash: str, reader: str, round: int, assignment: AssignmentRow, image_sha256: str
) -> str:
    """Give what the first revision of a reading hangs on."""
    return sha256(
        {
            "study": study_hash,
            "reader": reader,
            "round": round,
            "code": assignment.code,
            "image": image_sha256,
        }
    )


def adjudication_genesis(study_hash: str) -> str:
    """Give what the first step of adjudication hangs on."""
    return sha256({"study": study_hash, "adjudication": True})


def stroke_hash(row: StrokeRow, code: str) -> str:
    """Hash one stroke of the case with this code."""
    return sha256(
        {
            "code": code,
            "number": row.number,
            "kind": row.kind,
            "action": row.action,
            "outlines": row.outlines,
            "view": row.view,
            "seconds": row.seconds,
            "reason": row.reason,
            "revision": row.revision,
            "at": row.at,
            "previous": row.previous,
        }
    )


def reading_hash(row: ReadingRow) -> str:
    """Hash one revision. ``stroke`` ties it to the strokes that it came from."""
    return sha256(
        {
            "revision": row.revision,
            "outlines": row.outlines,
            "assessable": row.assessable,
            "reason": row.reason,
            "active_seconds": row.active_seconds,
            "view": row.view,
            "finished_at": row.finished_at,
            "origin": row.origin,
            "source": row.source,
            "stroke": row.stroke,
            "previous": row.previous,
        }
    )


def event_hash(row: EventRow) -> str:
    """Hash one event of the study."""
    return sha256(
        {
            "number": row.number,
            "kind": row.kind,
            "reader": row.reader,
            "round": row.round,
            "text": row.text,
            "at": row.at,
            "previous": row.previous,
        }
    )


def adjudication_hash(row: AdjudicationRow, case: str | None) -> str:
    """Hash one step of adjudication; ``case`` is the name of its case."""
    return sha256(
        {
            "number": row.number,
            "kind": row.kind,
            "case": case,
            "seconds": row.seconds,
            "text": row.text,
            "outlines": row.outlines,
            "at": row.at,
            "previous": row.previous,
        }
    )
