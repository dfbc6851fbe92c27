"""The beginning of a session: whether a round may be opened, and what is put on record."""

from __future__ import annotations

from datetime import timedelta

from napari_ptx.study import kits, ledger
from napari_ptx.study.chain import canonical
from napari_ptx.study.ledger import SessionKey
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.rounds import round_status
from napari_ptx.study.store import Store
from napari_ptx.study.times import Clock, from_text, to_text
from napari_ptx.study.types import RoundStatus, StudyError

CLOCK = "clock behind"
"""The event that a session was opened with a clock behind the record's."""
TOLERATED = timedelta(minutes=5)
"""How far the clocks of two computers may be apart."""


def open_round(
    store: Store,
    protocol: Protocol,
    key: SessionKey,
    clock: Clock,
    early_reason: str | None = None,
) -> None:
    """Open a round for its reader, or raise ``StudyError`` with what has to happen first.

    The first opening is an event of the record. Opening a second round closes the
    reader's first one: an outline made weeks ago must not be at hand.
    """
    reason = (early_reason or "").strip() or None
    status = require_round(store, protocol, key, clock, reason)
    if status.opened:
        return
    with store.read() as db:
        earlier = ledger.session_key(db, key.reader, key.round - 1) if key.round > 1 else None
    # Nobody may be at work in the round that is about to be closed.
    earlier_lock = store.lock(earlier.id) if earlier else None
    try:
        with store.write() as db:
            at = ledger.stamp(db, clock())
            if earlier and (
                round_status(db, protocol, key.reader, earlier.round, clock()).state != "closed"
            ):
                ledger.add_event(db, "closed", at, reader=key.reader, round=earlier.round)
            early = status.state == "sealed"
            ledger.add_event(
                db,
                "opened early" if early else "opened",
                at,
                reader=key.reader,
                round=key.round,
                text=reason if early and reason else "",
            )
    finally:
        if earlier_lock:
            earlier_lock.release()


def require_round(
    store: Store, protocol: Protocol, key: SessionKey, clock: Clock, reason: str | None
) -> RoundStatus:
    """Give the state of a round that may be opened now, or raise ``StudyError`` with why not."""
    with store.read() as db:
        status = round_status(db, protocol, key.reader, key.round, clock())
        made = kits.out_since(db, key.reader, key.round)
    if made is not None:
        raise StudyError(
            f"Round {key.round} of {key.reader} is out as a kit since {made:%Y-%m-%d}; merge the "
            "kit when it comes back, or withdraw it with a reason."
        )
    _require(status, reason)
    return status


def note_clock(store: Store, key: SessionKey, clock: Clock) -> None:
    """Put it on record when a session is opened with a clock that is behind the record.

    Either it was set back, or it was set forward before, perhaps to open a sealed round:
    the record's times never go back, so both show.
    """
    now = clock()
    with store.read() as db:
        ahead = from_text(ledger.newest(db)) - now
    if ahead > TOLERATED:
        with store.write() as db:
            text = canonical({"clock": to_text(now), "record": ledger.newest(db)})
            at = ledger.stamp(db, now)
            ledger.add_event(db, CLOCK, at, reader=key.reader, round=key.round, text=text)


def _require(status: RoundStatus, reason: str | None) -> None:
    if status.state == "closed":
        raise StudyError(
            f"Round {status.round} of {status.reader} is closed; nothing in it can change any more."
        )
    if status.state == "waiting":
        raise StudyError(
            f"Round {status.round} of {status.reader} opens after round {status.round - 1} is "
            "finished; finish that first."
        )
    if status.state == "sealed" and reason is None:
        assert status.opens_on is not None
        raise StudyError(
            f"Round {status.round} of {status.reader} is sealed until "
            f"{status.opens_on:%Y-%m-%d %H:%M} UTC; wait, or give a reason to open it earlier."
        )
