"""``AdjudicationDesk``: the only way from the adjudicator to the record.

The adjudicator sees the two readings of a case without their readers, in random order,
under a code; the truth, the predictions and all other readings stay out of sight. Each
step is added to the chain of adjudication before a method returns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from sqlalchemy import select

from napari_ptx.image.types import Image
from napari_ptx.roi.outline import Outline
from napari_ptx.study import amendments, ledger, pins
from napari_ptx.study.adjudication_opening import Waiting, fill_queue, load
from napari_ptx.study.adjudication_types import (
    OUTCOMES,
    SIDES,
    AdjudicationDraft,
    Outcome,
    Pair,
    Side,
    Work,
)
from napari_ptx.study.images import blinded_image
from napari_ptx.study.open_desk import OpenDesk, View
from napari_ptx.study.store import Store
from napari_ptx.study.tables import CaseRow, StudyRow
from napari_ptx.study.times import Clock
from napari_ptx.study.types import DeskCase, StudyError

_LOCK = 0
"""Sessions of readers count from 1."""


class AdjudicationDesk(OpenDesk):
    """The adjudicator's session. Get it from ``Study.adjudication_desk``; close it when done.

    It has the methods of a reader's ``Desk``; what differs is that a case is decided, not
    finished, and that nothing can be drawn before ``begin``.
    ``image`` may be called from another thread; the rest belongs to one thread.
    """

    def __init__(self, store: Store, *, clock: Clock, pin: str | None = None) -> None:
        self._store = store
        self._clock = clock
        self._alive = True
        with ExitStack() as undo:
            undo.callback(store.close)
            with store.read() as db:
                protocol = amendments.in_force(db)
                self._study_name = db.scalars(select(StudyRow.name)).one()
            if protocol.adjudicator is None:
                raise StudyError(
                    "The protocol of this study names no adjudicator; amend it with one first."
                )
            self._adjudicator = protocol.adjudicator
            self._idle_seconds = protocol.idle_seconds
            self._mask_text = protocol.mask_text
            pins.check_pin(store, protocol.adjudicator, pin, clock)
            self._lock = store.lock(_LOCK)
            undo.callback(self._lock.release)
            queued = fill_queue(store, protocol, clock)
            self._waiting, self._position = load(store, protocol, queued)
            self._show(self._position)
            undo.pop_all()

    # What there is

    @property
    def reader(self) -> str:
        """The adjudicator's name."""
        return self._adjudicator

    @property
    def closed(self) -> bool:
        """Never: a decision can be revised, and every one is kept."""
        return False

    @property
    def cases(self) -> tuple[DeskCase, ...]:
        """The worklist in its order; a hidden repeat is a case like any other."""
        return tuple(
            DeskCase(index, one.entry.code, one.fold.state)
            for index, one in enumerate(self._waiting)
        )

    @property
    def progress(self) -> tuple[int, int]:
        """How many cases are decided, and how many there are."""
        return sum(one.fold.state == "finished" for one in self._waiting), len(self._waiting)

    def image(self, index: int) -> Image:
        """Read the image of a case; it does not say which file it came from.

        Raises
        ------
        StudyError
            Names the case's code if the image has moved or changed.
        """
        one = self._at(index)
        return blinded_image(self._store, one.image_id, one.entry.code, mask_text=self._mask_text)

    def pair(self, index: int) -> Pair:
        """Give the two readings of a case, first and second in their random order."""
        one = self._at(index)
        entry, (first, second) = one.entry, one.shown
        return Pair(
            first=first,
            second=second,
            dice=entry.dice,
            hd95=math.inf if entry.hd95 is None else entry.hd95,
            unit=entry.unit,
            reasons=entry.reasons,
            spacing=one.info.spacing_of((*first.outlines, *second.outlines)),
        )

    def draft(self, index: int) -> AdjudicationDraft:
        """Give the work on a case as it stands."""
        one = self._at(index)
        return one.fold.draft(one.entry)

    # Steps

    def go(
        self, index: int, *, view: View | None = None, seconds: float = 0.0, action: str = ""
    ) -> None:
        """Go to a case. ``view`` and ``seconds`` belong to the one that is left.

        With the index of the case at hand it only records those two.
        """
        self._at(index)
        if view or seconds:
            self._step(self._position, "look", view, seconds, action=action)
        if index != self._position:
            self._show(index)

    def begin(
        self, index: int, side: Side | None, *, view: View | None = None, seconds: float = 0.0
    ) -> AdjudicationDraft:
        """Begin to edit a copy of one reading, or (``None``) to draw anew. It can be undone.

        Raises
        ------
        StudyError
            If there is nothing in that reading to edit.
        """
        one = self._at(index)
        entry = one.entry
        work: Work = "new" if side is None else "edited"
        outlines: tuple[Outline, ...] = ()
        if side is not None:
            outlines = one.shown[SIDES.index(side)].outlines
            if not outlines:
                raise StudyError(
                    f"This reading of case {entry.code} has no outline to edit; edit the other, "
                    "or draw anew."
                )
        return self._step(
            index,
            "begin",
            view,
            seconds,
            outlines=ledger.outlines_text(outlines),
            work=work,
            reading=None if side is None else entry.hashes[SIDES.index(side)],
        )

    def record(
        self,
        index: int,
        outlines: Sequence[Outline],
        action: str,
        view: View | None = None,
        seconds: float = 0.0,
    ) -> AdjudicationDraft:
        """Keep a finished stroke on what ``begin`` began; as ``Desk.record``."""
        one = self._at(index)
        entry, made = one.entry, one.fold.made
        if not made.work:
            raise StudyError("Edit a copy of a reading (3), or draw anew (4), first.")
        frames = one.info.frames
        for outline in outlines:
            if not 0 <= outline.frame < frames:
                raise StudyError(
                    f"An outline is on frame {outline.frame + 1}, but case {entry.code} has "
                    f"{frames}; draw it on a frame of the image."
                )
        return self._step(
            index,
            "stroke",
            view,
            seconds,
            outlines=ledger.outlines_text(outlines),
            action=action,
            work=made.work,
            reading=made.reading,
        )

    def undo(
        self, index: int, *, view: View | None = None, seconds: float = 0.0, action: str = ""
    ) -> AdjudicationDraft:
        """Take the last stroke back, or what ``begin`` began; with none, nothing happens."""
        if not self._at(index).fold.can_undo:
            return self.draft(index)
        return self._step(index, "undo", view, seconds, action=action)

    def redo(
        self, index: int, *, view: View | None = None, seconds: float = 0.0, action: str = ""
    ) -> AdjudicationDraft:
        """Repeat the stroke that was taken back; with none, nothing happens."""
        if not self._at(index).fold.can_redo:
            return self.draft(index)
        return self._step(index, "redo", view, seconds, action=action)

    def decide(
        self,
        index: int,
        outcome: Outcome,
        *,
        reason: str = "",
        view: View | None = None,
        seconds: float = 0.0,
    ) -> DeskCase:
        """Decide a case. Deciding it anew adds a decision; the earlier one is kept.

        Parameters
        ----------
        outcome
            "first" or "second": that reading as it is. "edited", "new": the outlines in
            the making. "not assessable": none.
        reason
            Why; needed where the case is not assessable.

        Raises
        ------
        StudyError
            Without the outlines or the reason that the outcome needs.
        """
        one = self._at(index)
        entry, fold = one.entry, one.fold
        if outcome not in OUTCOMES:
            raise StudyError(f"{outcome!r} is no outcome; use one of {', '.join(OUTCOMES)}.")
        reason, source, assessable = reason.strip(), None, True
        if outcome in SIDES:
            place = SIDES.index(outcome)
            shown, source = one.shown[place], entry.hashes[place]
            outlines, assessable = ledger.outlines_text(shown.outlines), shown.assessable
        elif outcome == "not assessable":
            if not reason:
                raise StudyError("Say why the case is not assessable.")
            outlines, assessable = "[]", False
        else:
            made = fold.made
            if made.work != outcome or made.outlines == "[]":
                raise StudyError(
                    f"Case {entry.code} has no outline of yours; draw one, take a reading, or say "
                    "why the case is not assessable."
                )
            outlines, source = made.outlines, made.reading
        same = fold.ruling is not None and (fold.ruling.outcome, fold.ruling.reason) == (
            outcome, reason
        ) and fold.decided == (outlines, source)  # fmt: skip
        if fold.state == "finished" and same:
            self.go(index, view=view, seconds=seconds)
        else:
            self._step(
                index,
                "decide",
                view,
                seconds,
                outlines=outlines,
                outcome=outcome,
                reason=reason,
                reading=source,
                assessable=assessable,
            )
        return self.cases[index]

    def _show(self, index: int) -> None:
        entry = self._at(index).entry
        self._step(index, "show", None, 0.0, readers=list(entry.readers), hashes=list(entry.hashes))

    def _step(
        self,
        index: int,
        kind: str,
        view: View | None,
        seconds: float,
        *,
        outlines: str | None = None,
        **text: Any,
    ) -> AdjudicationDraft:
        one = self._at(index)
        entry = one.entry
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"{seconds} is not a duration in seconds")
        if not self._alive:
            raise StudyError("You have left this session; open it again to go on.")
        value = {"code": entry.code, **text, **({"view": dict(view)} if view else {})}
        with self._store.write() as db:
            case = db.scalars(select(CaseRow).where(CaseRow.name == entry.case)).one()
            ledger.add_adjudication(
                db,
                kind,
                ledger.stamp(db, self._clock()),
                case=case,
                value=value,
                outlines=outlines,
                seconds=seconds,
            )
        # Follow the record, once it is on disk.
        one.fold.apply(kind, value, outlines, seconds)
        self._position = index
        return self.draft(index)

    def _at(self, index: int) -> Waiting:
        if not 0 <= index < len(self._waiting):
            raise IndexError(f"there is no case {index} of {len(self._waiting)}")
        return self._waiting[index]
