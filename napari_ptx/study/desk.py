"""``Desk``: the only way from a reader's session to the record.

A desk sees its own worklist and nothing else: no other reader, no other round, no
truth, no names, no dates. What it raises names a case by its code. Errors of lower
rooms, which name files, are replaced, not chained.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import select

from napari_ptx.image.types import Image
from napari_ptx.roi.outline import Outline
from napari_ptx.study import ledger
from napari_ptx.study.images import blinded_image
from napari_ptx.study.open_desk import View
from napari_ptx.study.seat import Seat, duration
from napari_ptx.study.tables import (
    ImageRow,
    TruthRow,
)
from napari_ptx.study.types import DeskCase, Draft, StudyError


class Desk(Seat):
    """One reader's session. Get it from ``Study.desk``; close it when done.

    Every method that adds to the record returns when the addition is on disk.
    ``image`` may be called from another thread; the rest belongs to one thread.
    ``view`` is what the app wants kept with the step (zoom, centre, window, tool,
    frame), as JSON can say it; ``seconds`` is active time since the step before;
    ``action`` is what the reader did, or how a step was called, in the app's words.
    """

    def image(self, index: int) -> Image:
        """Read the image of a case; it does not say which file it came from.

        Raises
        ------
        StudyError
            Names the case's code if the image has moved or changed.
        """
        row = self._assignment(index)
        return blinded_image(self._store, row.image_id, row.code, mask_text=self._mask_text)

    def record(
        self,
        index: int,
        outlines: Sequence[Outline],
        action: str,
        view: View | None = None,
        seconds: float = 0.0,
    ) -> Draft:
        """Keep a finished stroke.

        Parameters
        ----------
        outlines
            All outlines of the case after it.
        action
            What the reader did, in the app's words ("freehand", "move vertex", ...).
        """
        self._require_unlocked(index)
        frames = self._frames[self._index(index)]
        for outline in outlines:
            if not 0 <= outline.frame < frames:
                raise StudyError(
                    f"An outline is on frame {outline.frame + 1}, but case "
                    f"{self._assignment(index).code} has {frames}; draw it on a frame of the image."
                )
        return self._step(
            index, "stroke", view, seconds, action=action, outlines=ledger.outlines_text(outlines)
        )

    def undo(
        self, index: int, *, view: View | None = None, seconds: float = 0.0, action: str = ""
    ) -> Draft:
        """Take the last stroke back; with none left, nothing happens."""
        self._require_unlocked(index)
        if not self._fold(index).can_undo:
            return self.draft(index)
        return self._step(index, "undo", view, seconds, action=action)

    def redo(
        self, index: int, *, view: View | None = None, seconds: float = 0.0, action: str = ""
    ) -> Draft:
        """Repeat the stroke that was taken back; with none, nothing happens."""
        self._require_unlocked(index)
        if not self._fold(index).can_redo:
            return self.draft(index)
        return self._step(index, "redo", view, seconds, action=action)

    def go(
        self, index: int, *, view: View | None = None, seconds: float = 0.0, action: str = ""
    ) -> None:
        """Go to a case. ``view`` and ``seconds`` belong to the one that is left.

        With the index of the case at hand it only records those two, as a look.
        """
        stays = self._index(index) == self._position
        if view or seconds:
            self._step(self._position, "look", view, seconds, action=action if stays else "leave")
        if not stays:
            self._step(index, "go", None, 0.0, action=action)

    def finish(
        self,
        index: int,
        *,
        view: View | None = None,
        seconds: float = 0.0,
        not_assessable: str | None = None,
        action: str = "",
    ) -> DeskCase:
        """Finish a case: its outlines, or the reason why there are none, are the reading.

        Finishing a case again after a change adds a revision; without one it does not.
        In the design "aided" the first finish locks the unaided answer, and the first
        one after ``aid`` is the aided reading, changed or not.

        Raises
        ------
        StudyError
            Without an outline or a reason, without an answer to "seen before?" where
            it is asked, and for an answer that is locked.
        """
        self._require_unlocked(index)
        reason = (not_assessable or "").strip() or None
        work = self._fold(index)
        row = self._assignment(index)
        outlines = "[]" if reason else work.outlines
        if not reason and outlines == "[]":
            raise StudyError(
                f"Case {row.code} has no outline; draw one, or say why it is not assessable."
            )
        if self._asks_seen and work.recalled is None:
            raise StudyError(f"Say first whether you have seen case {row.code} before.")
        seconds = duration(seconds)
        self._require_open()
        with self._store.write() as db:
            at = ledger.stamp(db, self._clock())
            last = ledger.latest_reading(db, row.id)
            first_aided = work.aid is not None and not work.answered
            changed = first_aided or (
                last is None or (last.outlines, last.reason) != (outlines, reason)
            )
            stroke = ledger.add_stroke(
                db,
                self._key,
                row,
                "finish",
                at,
                action=action,
                view=view or json.loads(work.view),
                seconds=seconds,
                reason=reason,
                revision=(last.revision if last else 0) + changed,
            )
            if changed:
                ledger.add_reading(
                    db,
                    self._key,
                    row,
                    db.get_one(ImageRow, row.image_id).sha256,
                    stroke,
                    outlines=outlines,
                    active_seconds=work.seconds + seconds,
                    finished_at=at,
                    origin="drawn",
                )
        self._apply(index, stroke)
        return self.cases[index]

    def aid(
        self, index: int, *, view: View | None = None, seconds: float = 0.0
    ) -> tuple[Outline, ...]:
        """Show the model's outlines of a case whose unaided answer is locked.

        The first time is on record, with what was shown. Empty: the model found nothing.

        Raises
        ------
        StudyError
            Before the unaided answer, and in a study without aid.
        """
        work = self._fold(index)
        row = self._assignment(index)
        if not self._aided:
            raise StudyError("The protocol of this study shows no model's outlines.")
        if work.aid is None:
            if not work.locked:
                raise StudyError(
                    f"Finish case {row.code} on your own first; then the model's outline is shown."
                )
            with self._store.read() as db:
                shown = db.scalar(
                    select(TruthRow.value)
                    .join(ImageRow, ImageRow.case_id == TruthRow.case_id)
                    .where(ImageRow.id == row.image_id, TruthRow.name == "aid")
                )
            self._step(index, "aid", view, seconds, outlines=shown or "[]")
        return work.draft().aid or ()

    def seen(
        self, index: int, recalled: bool, *, view: View | None = None, seconds: float = 0.0
    ) -> Draft:
        """Keep whether the reader remembers the case from the first round."""
        if not self._asks_seen:
            raise StudyError("The protocol does not ask in this round what was seen before.")
        return self._step(index, "seen", view, seconds, action="yes" if recalled else "no")

    def close_session(self) -> None:
        """Close the session for good: nothing in it can change any more.

        Raises
        ------
        StudyError
            While a case is not finished.
        """
        self._require_open()
        finished, total = self.progress
        if finished < total:
            raise StudyError(
                f"{total - finished} of {total} cases are not finished; finish them before you "
                "close the session."
            )
        with self._store.write() as db:
            at = ledger.stamp(db, self._clock())
            ledger.add_event(db, "closed", at, reader=self.reader, round=self.round)
        self._closed = True
