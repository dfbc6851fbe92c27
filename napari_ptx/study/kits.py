"""What the record says of readers' kits: which session is out, and with which kit.

A kit is a file with one reader's one session. While it is out, the study's own desk
does not open that session: two people at one session would be two chains. Making,
merging and withdrawing a kit are events of the study.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from napari_ptx.study.tables import EventRow
from napari_ptx.study.times import from_text
from napari_ptx.study.types import StudyError

SUFFIX = ".ptxkit"
MADE, MERGED, WITHDRAWN = "kit made", "kit merged", "kit withdrawn"


@dataclass(frozen=True)
class KitEvent:
    """One event in the life of a kit.

    Parameters
    ----------
    kind
        ``MADE``, ``MERGED`` or ``WITHDRAWN``.
    kit
        What tells one kit from another.
    seal
        Of a made kit: the hash of all in it that no reader may change.
    reason
        Of a withdrawn kit.
    """

    kind: str
    kit: str
    at: datetime
    seal: str = ""
    reason: str = ""


def history(db: Session, reader: str, round: int) -> tuple[KitEvent, ...]:
    """Give what happened to the kits of one session, the oldest event first."""
    rows = db.scalars(
        select(EventRow)
        .where(
            EventRow.kind.in_((MADE, MERGED, WITHDRAWN)),
            EventRow.reader == reader,
            EventRow.round == round,
        )
        .order_by(EventRow.number)
    )
    return tuple(_event(row) for row in rows)


def _event(row: EventRow) -> KitEvent:
    try:
        text = json.loads(row.text)
        return KitEvent(
            row.kind,
            str(text["kit"]),
            from_text(row.at),
            str(text.get("seal", "")),
            str(text.get("reason", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StudyError(
            f"Event {row.number} of the study, about a kit, is damaged; take the newest copy of "
            "the study from your backup."
        ) from None


def out_since(db: Session, reader: str, round: int) -> datetime | None:
    """Tell since when a session is out as a kit; ``None`` while it is at home."""
    happened = history(db, reader, round)
    return happened[-1].at if happened and happened[-1].kind == MADE else None
