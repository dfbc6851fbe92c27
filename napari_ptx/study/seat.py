"""``Seat``: a session that is held open, its worklist, and how a step gets into the record."""

from __future__ import annotations

import json
import math
from contextlib import ExitStack

from sqlalchemy import select

from napari_ptx.study import amendments, ledger, opening, pins
from napari_ptx.study.drafts import CHANGES, Fold, fold
from napari_ptx.study.open_desk import OpenDesk, View
from napari_ptx.study.rounds import case_states
from napari_ptx.study.store import Store
from napari_ptx.study.tables import (
    AssignmentRow,
    ImageRow,
    StrokeRow,
    StudyRow,
)
from napari_ptx.study.times import Clock
from napari_ptx.study.types import DeskCase, Draft, StudyError


class Seat(OpenDesk):
    """What a ``Desk`` stands on: the lock, the worklist, and the fold of each case's steps."""

    def __init__(
        self,
        store: Store,
        reader: str,
        round: int,
        *,
        clock: Clock,
        early_reason: str | None = None,
        pin: str | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._folds: dict[int, Fold] = {}
        self._alive = True
        self._closed = False
        with ExitStack() as undo:
            undo.callback(store.close)
            with store.read() as db:
                self._key = ledger.session_key(db, reader, round)
                self._study_name = db.scalars(select(StudyRow.name)).one()
                # The protocol names the other readers: it does not stay with the desk.
                protocol = amendments.in_force(db)
                self._idle_seconds = protocol.idle_seconds
                self._aided = protocol.design == "aided"
                self._asks_seen = protocol.ask_seen and round > 1
                self._mask_text = protocol.mask_text
            pins.check_pin(store, reader, pin, clock)
            self._lock = store.lock(self._key.id)
            undo.callback(self._lock.release)
            opening.open_round(store, protocol, self._key, clock, early_reason)
            opening.note_clock(store, self._key, clock)
            self._load()
            undo.pop_all()

    def _load(self) -> None:
        with self._store.read() as db:
            rows = db.execute(
                select(AssignmentRow, ImageRow.shape)
                .join(ImageRow, ImageRow.id == AssignmentRow.image_id)
                .where(AssignmentRow.session_id == self._key.id)
                .order_by(AssignmentRow.position)
            ).all()
            states = case_states(db, self._key.id, aided=self._aided)
            # Where the reader last did something; an import is not the reader's doing.
            last = db.scalar(
                select(StrokeRow.assignment_id)
                .where(StrokeRow.session_id == self._key.id, StrokeRow.kind != "import")
                .order_by(StrokeRow.number.desc())
                .limit(1)
            )
        self._assignments = [row for row, _ in rows]
        shapes = [json.loads(shape) for _, shape in rows]
        self._frames = [shape[0] if len(shape) == 3 else 1 for shape in shapes]
        self._states = [states[row.id] for row in self._assignments]
        ids = [row.id for row in self._assignments]
        self._position = ids.index(last) if last is not None else 0

    @property
    def reader(self) -> str:
        """The reader at the desk."""
        return self._key.reader

    @property
    def round(self) -> int:
        """1 or 2."""
        return self._key.round

    @property
    def aided(self) -> bool:
        """Whether each case is read again with a model's outline, once it was answered."""
        return self._aided

    @property
    def asks_seen(self) -> bool:
        """Whether the reader has to say of each case if they remember it."""
        return self._asks_seen

    @property
    def closed(self) -> bool:
        """Whether the session is closed for good."""
        return self._closed

    @property
    def cases(self) -> tuple[DeskCase, ...]:
        """The worklist in its reading order."""
        return tuple(
            DeskCase(index, row.code, state)
            for index, (row, state) in enumerate(zip(self._assignments, self._states, strict=True))
        )

    @property
    def progress(self) -> tuple[int, int]:
        """How many cases are finished, and how many there are."""
        return self._states.count("finished"), len(self._states)

    def draft(self, index: int) -> Draft:
        """Give the work on a case as it stands."""
        return self._fold(index).draft()

    def _step(
        self,
        index: int,
        kind: str,
        view: View | None,
        seconds: float,
        *,
        action: str = "",
        outlines: str | None = None,
    ) -> Draft:
        row = self._assignment(index)
        work = self._fold(index)
        seconds = duration(seconds)
        self._require_open()
        with self._store.write() as db:
            at = ledger.stamp(db, self._clock())
            steps = []
            if kind in CHANGES and work.state == "finished":
                steps.append(ledger.add_stroke(db, self._key, row, "reopen", at))
            steps.append(
                ledger.add_stroke(
                    db,
                    self._key,
                    row,
                    kind,
                    at,
                    action=action,
                    outlines=outlines,
                    view=view,
                    seconds=seconds,
                )
            )
        for step in steps:
            self._apply(index, step)
        return work.draft()

    def _apply(self, index: int, row: StrokeRow) -> None:
        """Follow the record, once it is on disk."""
        work = self._folds[index]
        work.apply(row.kind, row.outlines, row.view, row.seconds, row.reason, row.action)
        self._states[index] = work.state
        self._position = index

    def _fold(self, index: int) -> Fold:
        if self._index(index) not in self._folds:
            with self._store.read() as db:
                self._folds[index] = fold(
                    db.execute(
                        select(
                            StrokeRow.kind,
                            StrokeRow.outlines,
                            StrokeRow.view,
                            StrokeRow.seconds,
                            StrokeRow.reason,
                            StrokeRow.action,
                        )
                        .where(StrokeRow.assignment_id == self._assignments[index].id)
                        .order_by(StrokeRow.number)
                    ),
                    aided=self._aided,
                )
        return self._folds[index]

    def _assignment(self, index: int) -> AssignmentRow:
        return self._assignments[self._index(index)]

    def _index(self, index: int) -> int:
        if not 0 <= index < len(self._assignments):
            raise IndexError(f"there is no case {index} of {len(self._assignments)}")
        return index

    def _require_unlocked(self, index: int) -> None:
        if self._fold(index).locked:
            raise StudyError(
                f"Your answer to case {self._assignment(index).code} is locked; look at the "
                "model's outline, then you can go on."
            )

    def _require_open(self) -> None:
        if self._closed:
            raise StudyError("This session is closed; nothing in it can change any more.")
        if not self._alive:
            raise StudyError("You have left this session; open it again to go on.")


def duration(value: float) -> float:
    """Give a number of seconds; ``ValueError`` for what cannot be one."""
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{value} is not a duration in seconds")
    return float(value)
