"""A PIN for each reader: it keeps colleagues from reading under each other's names.

It protects from a mistake, and no more: the study file is not encrypted, and whoever can
open it can read and change it (which ``verify`` then tells), or clear the PIN. What is
kept is a salted scrypt hash, in ``settings``, outside the chain; that a PIN was set or
cleared is an event of the record.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from napari_ptx.study import amendments, ledger
from napari_ptx.study.store import Store
from napari_ptx.study.tables import SettingRow
from napari_ptx.study.times import Clock, from_text, to_text
from napari_ptx.study.types import StudyError

PROTECTS = (
    "A PIN keeps colleagues from reading under each other's names by mistake. It does not "
    "protect the file: whoever can open it can read and change it, and clear the PIN."
)
SHORTEST = 4
TRIES = 3
WAIT = timedelta(seconds=30)
_COST = {"n": 2**14, "r": 8, "p": 1}


class PinError(StudyError):
    """A session needs a PIN, or another one."""


def has_pin(db: Session, reader: str) -> bool:
    """Tell whether a reader has a PIN."""
    return db.get(SettingRow, _name(reader)) is not None


def set_pin(db: Session, reader: str, pin: str | None, now: datetime) -> None:
    """Set a reader's or the adjudicator's PIN, or clear it with ``None``.

    Raises
    ------
    StudyError
        For somebody who is not in the protocol, a PIN of fewer than 4 characters, and
        to clear one that there is not.
    """
    protocol = amendments.in_force(db)
    if reader not in (*protocol.readers, protocol.adjudicator):
        raise StudyError(f"The study has no reader {reader}; check the name.")
    row = db.get(SettingRow, _name(reader))
    if pin is None:
        if row is None:
            raise StudyError(f"{reader} has no PIN; there is nothing to clear.")
        db.delete(row)
    else:
        if len(pin) < SHORTEST:
            raise StudyError(f"A PIN needs at least {SHORTEST} characters.")
        salt = os.urandom(16)
        _put(db, reader, {"salt": salt.hex(), "hash": _hash(pin, salt), **_COST})
    kind = "pin set" if pin is not None else "pin cleared"
    ledger.add_event(db, kind, ledger.stamp(db, now), reader=reader)


def check_pin(store: Store, reader: str, pin: str | None, clock: Clock) -> None:
    """Let a reader in, whose PIN this is, or who has none.

    Raises
    ------
    PinError
        Without the PIN, for a wrong one, and for half a minute after three wrong ones.
    """
    with store.read() as db:
        row = db.get(SettingRow, _name(reader))
        known: dict[str, Any] | None = json.loads(row.value) if row else None
    if known is None:
        return
    if pin is None:
        raise PinError(f"{reader} has set a PIN; give it to read as {reader}.")
    wrong, now = int(known.get("wrong", 0)), clock()
    # A clock that was set back does not shorten the wait, nor make it endless.
    since = now - from_text(known["at"]) if wrong else WAIT
    if wrong >= TRIES and timedelta(0) <= since < WAIT:
        left = max(1, round((WAIT - since).total_seconds()))
        raise PinError(f"{wrong} wrong PINs of {reader}; wait {left} seconds and try again.")
    right = hmac.compare_digest(_hash(pin, bytes.fromhex(known["salt"]), known), known["hash"])
    if right and not wrong:
        return
    told = {"wrong": 0} if right else {"wrong": wrong + 1, "at": to_text(now)}
    with store.write() as db:
        _put(db, reader, {**known, **told})
    if not right:
        raise PinError(f"This is not the PIN of {reader}; try again, or ask the coordinator.")


def _name(reader: str) -> str:
    return f"pin of {reader}"


def _put(db: Session, reader: str, value: dict[str, Any]) -> None:
    db.merge(SettingRow(name=_name(reader), value=json.dumps(value)))


def _hash(pin: str, salt: bytes, cost: dict[str, Any] | None = None) -> str:
    made_with = {key: int((cost or _COST)[key]) for key in _COST}
    return hashlib.scrypt(pin.encode(), salt=salt, **made_with).hex()
