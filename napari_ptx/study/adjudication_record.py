"""The chain of adjudication as what it means: the worklist, the work in hand, the decisions.

Kinds of steps: "queue" (entries that were added to the worklist), "show" (an entry was
opened: which readings, in which order), "look" (view and time only), "begin" (a copy of
a reading, or nothing, to draw on), "stroke", "undo", "redo", "decide".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from napari_ptx.study.adjudication_types import (
    SIDES,
    AdjudicationDraft,
    Decision,
    Entry,
    Outcome,
    Ruling,
    Work,
)
from napari_ptx.study.drafts import parse_outlines
from napari_ptx.study.tables import AdjudicationRow
from napari_ptx.study.times import from_text
from napari_ptx.study.types import CaseState, StudyError


@dataclass(frozen=True)
class Made:
    """One state of the work that can be undone: outlines, how they began, on which reading."""

    outlines: str = "[]"
    work: Work = ""
    reading: str | None = None


@dataclass
class EntryFold:
    """The steps on one entry, folded in their order."""

    history: list[Made] = field(default_factory=lambda: [Made()])
    cursor: int = 0
    seconds: float = 0.0
    view: dict[str, Any] = field(default_factory=dict)
    ruling: Ruling | None = None
    decided: tuple[str, str | None] | None = None
    state: CaseState = "new"

    @property
    def made(self) -> Made:
        """The work as it stands."""
        return self.history[self.cursor]

    @property
    def can_undo(self) -> bool:
        """Whether a step can be taken back."""
        return self.cursor > 0

    @property
    def can_redo(self) -> bool:
        """Whether a step that was taken back can be repeated."""
        return self.cursor < len(self.history) - 1

    def apply(self, kind: str, text: dict[str, Any], outlines: str | None, seconds: float) -> None:
        """Take one more step."""
        self.seconds += seconds
        self.view = text.get("view") or self.view
        if kind in ("begin", "stroke"):
            # Undone strokes become unreachable; they stay in the record.
            del self.history[self.cursor + 1 :]
            self.history.append(Made(outlines or "[]", text["work"], text["reading"]))
            self.cursor += 1
        elif kind == "undo":
            self.cursor = max(self.cursor - 1, 0)
        elif kind == "redo":
            self.cursor = min(self.cursor + 1, len(self.history) - 1)
        elif kind == "decide":
            self.ruling = Ruling(text["outcome"], text["reason"])
            self.decided = (outlines or "[]", text["reading"])
            self.state = "finished"
        if kind in ("begin", "stroke", "undo", "redo"):
            self.state = "started"

    def draft(self, entry: Entry) -> AdjudicationDraft:
        """Give the value that the adjudicator's session sees."""
        made = self.made
        source = made.reading in entry.hashes
        return AdjudicationDraft(
            outlines=parse_outlines(made.outlines),
            work=made.work,
            side=SIDES[entry.hashes.index(str(made.reading))] if source else None,
            can_undo=self.can_undo,
            can_redo=self.can_redo,
            active_seconds=self.seconds,
            view=self.view,
            ruling=self.ruling,
            state=self.state,
        )


def text_of(row: AdjudicationRow) -> dict[str, Any]:
    """Read what a step says; ``StudyError`` where somebody has tampered with it."""
    try:
        value: dict[str, Any] = json.loads(row.text)
        if row.kind != "queue":
            value["code"]
    except (ValueError, KeyError, TypeError):
        raise StudyError(
            f"Step {row.number} of the adjudication is damaged; take the newest copy of the study "
            "from your backup."
        ) from None
    return value


def steps(db: Session) -> list[AdjudicationRow]:
    """Give all steps in their order."""
    return list(db.scalars(select(AdjudicationRow).order_by(AdjudicationRow.number)))


def entries(rows: Iterable[AdjudicationRow]) -> list[Entry]:
    """Give every entry that was ever queued, in the order of the worklist."""
    found: list[Entry] = []
    for row in rows:
        if row.kind == "queue":
            try:
                found += [Entry.from_json(value) for value in text_of(row)["entries"]]
            except (KeyError, TypeError):
                raise StudyError(
                    f"Step {row.number} of the adjudication is damaged; take the newest copy of "
                    "the study from your backup."
                ) from None
    return found


def folds(rows: Iterable[AdjudicationRow]) -> dict[str, EntryFold]:
    """Fold the steps on each entry, by its code."""
    found: dict[str, EntryFold] = {}
    for row in rows:
        if row.kind != "queue":
            text = text_of(row)
            found.setdefault(text["code"], EntryFold()).apply(
                row.kind, text, row.outlines, row.seconds
            )
    return found


def decisions(rows: Sequence[AdjudicationRow], latest: set[str]) -> tuple[Decision, ...]:
    """Give all decisions in their order.

    Parameters
    ----------
    latest
        The hashes of the latest readings.
    """
    known = {entry.code: entry for entry in entries(rows)}
    last = {text_of(row)["code"]: row.number for row in rows if row.kind == "decide"}
    seconds: dict[str, float] = {}
    found = []
    for row in rows:
        if row.kind == "queue":
            continue
        text = text_of(row)
        code = text["code"]
        seconds[code] = seconds.get(code, 0.0) + row.seconds
        if row.kind != "decide":
            continue
        entry = known[code]
        outcome: Outcome = text["outcome"]
        source = text["reading"]
        found.append(
            Decision(
                number=row.number,
                entry=entry,
                outcome=outcome,
                reason=text["reason"],
                reader=entry.readers[entry.hashes.index(source)]
                if source in entry.hashes
                else None,
                outlines=parse_outlines(row.outlines or "[]"),
                assessable=bool(text["assessable"]),
                at=from_text(row.at),
                seconds=seconds[code],
                revised=last[code] != row.number,
                current=set(entry.hashes) <= latest,
            )
        )
    return tuple(found)


def in_force(made: Sequence[Decision]) -> dict[str, Decision]:
    """Give the decision that holds for each case: the latest on readings that still hold.

    What was decided on a hidden repeat only serves the adjudicator's own agreement.
    """
    return {
        decision.entry.case: decision
        for decision in made
        if decision.current and not decision.revised and not decision.entry.repeat
    }
