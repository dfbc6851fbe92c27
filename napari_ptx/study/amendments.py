"""Amendments: a change of the protocol after the study was made, kept beside the original.

An amendment is an event of the record (kind "amended"), and so part of its chain: its
text holds the whole protocol as amended, and the reason. The original stays as it was
hashed when the study was made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from napari_ptx.study import chain, ledger
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.tables import EventRow, StudyRow
from napari_ptx.study.times import from_text
from napari_ptx.study.types import StudyError

KIND = "amended"

FIXED = ("readers", "design", "reread", "reread_draw", "seed")
"""Fields that the worklists were drawn from: only a new study can change them."""


@dataclass(frozen=True)
class Amendment:
    """One change of the protocol: when, why, and the protocol from then on."""

    at: datetime
    reason: str
    protocol: Protocol
    changed: tuple[str, ...]


def original(db: Session) -> Protocol:
    """Give the protocol that the study was made with."""
    return Protocol.from_text(db.scalars(select(StudyRow.protocol)).one())


def amendments(db: Session) -> tuple[Amendment, ...]:
    """Give all amendments, the oldest first."""
    found: list[Amendment] = []
    before = original(db)
    for row in db.scalars(select(EventRow).where(EventRow.kind == KIND).order_by(EventRow.number)):
        try:
            text = json.loads(row.text)
            after, reason = Protocol.from_json(text["protocol"]), str(text["reason"])
        except (ValueError, KeyError, TypeError):
            raise StudyError(
                "An amendment of the protocol is damaged; take the newest copy of the study from "
                "your backup."
            ) from None
        found.append(Amendment(from_text(row.at), reason, after, changes(before, after)))
        before = after
    return tuple(found)


def in_force(db: Session) -> Protocol:
    """Give the protocol with its amendments."""
    made = amendments(db)
    return made[-1].protocol if made else original(db)


def changes(before: Protocol, after: Protocol) -> tuple[str, ...]:
    """Name the fields that differ."""
    old, new = before.to_json(), after.to_json()
    return tuple(field for field in new if old[field] != new[field])


def amend(db: Session, protocol: Protocol, reason: str, now: datetime) -> tuple[str, ...]:
    """Put a protocol in force from now on; gives the fields that it changes.

    Raises
    ------
    StudyError
        Without a reason, without a change, or for a field that is fixed.
    """
    reason = reason.strip()
    changed = changes(in_force(db), protocol)
    if not reason:
        raise StudyError("An amendment needs a reason; say why the protocol has to change.")
    if not changed:
        raise StudyError("The protocol is the same as before; there is nothing to amend.")
    if fixed := [field for field in changed if field in FIXED]:
        raise StudyError(
            f"{', '.join(fixed)} cannot be amended: the worklists were drawn from it. "
            "Make a new study for that."
        )
    text = chain.canonical({"protocol": protocol.to_json(), "reason": reason})
    ledger.add_event(db, KIND, ledger.stamp(db, now), text=text)
    return changed
