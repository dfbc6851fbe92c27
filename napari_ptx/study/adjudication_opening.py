"""The beginning of an adjudicator's session: what is queued, and what the desk then holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from napari_ptx.study import adjudication_record as record
from napari_ptx.study import disagreement, ledger, views
from napari_ptx.study.adjudication_plan import plan
from napari_ptx.study.adjudication_types import Entry, ShownReading
from napari_ptx.study.disagreement import Difference, HashedReading
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.store import Store
from napari_ptx.study.tables import AssignmentRow, CaseRow, ImageRow, StudyRow
from napari_ptx.study.times import Clock
from napari_ptx.study.types import CaseInfo, StudyError

Compared = tuple[str, frozenset[str]]
"""A case, and the hashes of the two readings that are compared."""


@dataclass
class Waiting:
    """One entry of the worklist as the desk holds it."""

    entry: Entry
    fold: record.EntryFold
    image_id: int
    info: CaseInfo
    shown: tuple[ShownReading, ShownReading]


def compared(one: Difference | Entry) -> Compared:
    """Give what tells a comparison from one of other readings of the same case."""
    return one.case, frozenset(one.hashes)


def fill_queue(store: Store, protocol: Protocol, clock: Clock) -> tuple[Difference, ...]:
    """Add to the worklist what disagrees and is not in it: new, or read again since.

    Returns
    -------
    tuple of Difference
        All that goes to the adjudicator now.
    """
    with store.read() as db:
        now = disagreement.queued(disagreement.differences(db, store.path, protocol), protocol)
        known = record.entries(record.steps(db))
        codes = {*db.scalars(select(AssignmentRow.code)), *(one.code for one in known)}
        study = db.scalars(select(StudyRow.name)).one()
    there = {compared(one) for one in known}
    new = [one for one in now if compared(one) not in there]
    if not new:
        return now
    wanted = {compared(one) for one in now}
    repeats = sum(one.repeat and compared(one) in wanted for one in known)
    lacking = max(protocol.adjudicator_repeats - repeats, 0)
    entries = plan(study, protocol, new, repeats=lacking, taken=codes)
    with store.write() as db:
        ledger.add_adjudication(
            db,
            "queue",
            ledger.stamp(db, clock()),
            value={
                "adjudicator": protocol.adjudicator,
                "rule": disagreement.rule(protocol),
                "entries": entries,
            },
        )
    return now


def load(store: Store, protocol: Protocol, now: Sequence[Difference]) -> tuple[list[Waiting], int]:
    """Give the worklist and the place in it where the adjudicator last was.

    Entries stay out of it once a reading has changed, and where the case no longer goes to
    the adjudicator and nothing was decided.

    Raises
    ------
    StudyError
        If the worklist is empty.
    """
    with store.read() as db:
        rows = record.steps(db)
        readings = disagreement.hashed_readings(db, protocol.readers)
        infos = {info.case: info for info in views.cases(db, store.path)}
        found = db.execute(
            select(CaseRow.name, ImageRow.id)
            .join(ImageRow, ImageRow.case_id == CaseRow.id)
            .where(ImageRow.position == 0)
        )
        images: dict[str, int] = {name: id_ for name, id_ in found}  # noqa: C416 - typed rows
    folds = record.folds(rows)
    latest = {one.hash: one for by_reader in readings.values() for one in by_reader.values()}
    wanted = {compared(one) for one in now}
    waiting = []
    for entry in record.entries(rows):
        fold = folds.get(entry.code, record.EntryFold())
        if set(entry.hashes) <= latest.keys() and (compared(entry) in wanted or fold.ruling):
            first, second = (_shown(latest[hash_]) for hash_ in entry.hashes)
            waiting.append(
                Waiting(entry, fold, images[entry.case], infos[entry.case], (first, second))
            )
    if not waiting:
        raise StudyError(
            "There is nothing to adjudicate: no two readings break the rule of the protocol "
            f"({disagreement.rule(protocol)})."
        )
    codes = {one.entry.code: place for place, one in enumerate(waiting)}
    visited = [record.text_of(row)["code"] for row in reversed(rows) if row.kind != "queue"]
    return waiting, next((codes[code] for code in visited if code in codes), 0)


def _shown(known: HashedReading) -> ShownReading:
    reading = known.reading
    return ShownReading(reading.outlines, reading.assessable, reading.reason)
