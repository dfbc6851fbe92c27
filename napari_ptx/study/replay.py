"""One reading step by step, as the record has it, and what it cost the reader's hands.

The steps are folded by the rule that the desk itself follows (``drafts``): what a replay
shows after a step is what the reader had before them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from napari_ptx.roi.outline import Outline
from napari_ptx.study import ledger
from napari_ptx.study.drafts import FINISHES, Fold, parse_outlines
from napari_ptx.study.store import Store
from napari_ptx.study.tables import AssignmentRow, CaseRow, ImageRow, StrokeRow
from napari_ptx.study.times import from_text
from napari_ptx.study.types import StudyError

_WORDS: Mapping[tuple[str, str], str] = {
    ("look", "open"): "image on the screen",
    ("look", "leave"): "left the case",
    ("look", "pause"): "paused",
    ("look", ""): "looked",
    ("go", ""): "came to the case",
    ("stroke", ""): "stroke",
    ("reopen", ""): "reopened the finished case",
    ("import", ""): "outlines imported",
}


@dataclass(frozen=True)
class Step:
    """One step of a reading, and what there was after it.

    Parameters
    ----------
    number
        The row of the session's ledger.
    at
        When it was recorded; aware, in UTC.
    active
        Active seconds at the case up to this step, this step's included.
    seconds
        Of these, since the step before.
    kind, action
        As the record has them (``tables.StrokeRow``).
    text
        What happened, in words.
    reason, revision
        Of a step that finished the case.
    outlines
        The outlines after it.
    view
        How the reader saw the image (zoom, centre, window, frame, ...), as it was last
        recorded; empty before the first.
    inputs
        Keys, clicks and presses for drawing since the step before; ``None`` where the
        app did not count them.
    """

    number: int
    at: datetime
    active: float
    seconds: float
    kind: str
    action: str
    text: str
    reason: str | None
    revision: int | None
    outlines: tuple[Outline, ...]
    view: Mapping[str, Any]
    inputs: Mapping[str, int] | None

    def to_json(self) -> dict[str, Any]:
        """Give plain values."""
        return {
            **vars(self),
            "at": self.at.isoformat(),
            "outlines": [outline.to_json() for outline in self.outlines],
        }


@dataclass(frozen=True)
class Effort:
    """What one case cost a reader.

    Parameters
    ----------
    case
        Its name.
    steps, strokes
        Rows of the ledger, and those among them that drew or changed an outline.
    active_seconds
        Time at work on it.
    keys, clicks
        Keystrokes and clicks beside the drawing itself; ``None`` where some step was
        not counted.
    drawing
        Presses of the mouse that drew: one for an outline by hand, one for each corner
        of a polygon.
    reopened, revisions
        How often the finished case was changed, and how many readings it has.
    finished
        Whether it is finished now.
    """

    case: str
    steps: int
    strokes: int
    active_seconds: float
    keys: int | None
    clicks: int | None
    drawing: int | None
    reopened: int
    revisions: int
    finished: bool


@dataclass(frozen=True)
class Replay:
    """All steps of one reader at one case in one round, in their order."""

    reader: str
    round: int
    case: str
    steps: tuple[Step, ...]

    @property
    def active_seconds(self) -> float:
        """Time at work on the case, without idle time."""
        return self.steps[-1].active if self.steps else 0.0

    @property
    def effort(self) -> Effort:
        """What the case cost the reader."""
        return _effort(self.case, self.steps)

    def to_json(self) -> dict[str, Any]:
        """Give plain values."""
        return {
            "reader": self.reader,
            "round": self.round,
            "case": self.case,
            "active_seconds": self.active_seconds,
            "effort": vars(self.effort),
            "steps": [step.to_json() for step in self.steps],
        }


def replay(store: Store, reader: str, round: int, case: str) -> Replay:
    """Give the steps of one reading; see ``Study.replay``."""
    with store.read() as db:
        session = ledger.session_key(db, reader, round)
        assignment = db.scalars(
            select(AssignmentRow)
            .join(ImageRow, ImageRow.id == AssignmentRow.image_id)
            .join(CaseRow, CaseRow.id == ImageRow.case_id)
            .where(AssignmentRow.session_id == session.id, CaseRow.name == case)
        ).one_or_none()
        if assignment is None:
            raise StudyError(
                f"{reader} does not read a case {case} in round {round}; check the case and the "
                "round."
            )
        found = tuple(_steps(_rows(db, assignment.id)))
    if not found:
        raise StudyError(f"{reader} has not been at case {case} in round {round} yet.")
    return Replay(reader, round, case, found)


def efforts(store: Store, reader: str, round: int) -> tuple[Effort, ...]:
    """Give what each case of a session cost, in the order of the worklist."""
    with store.read() as db:
        session = ledger.session_key(db, reader, round)
        worklist = db.execute(
            select(AssignmentRow.id, CaseRow.name)
            .join(ImageRow, ImageRow.id == AssignmentRow.image_id)
            .join(CaseRow, CaseRow.id == ImageRow.case_id)
            .where(AssignmentRow.session_id == session.id)
            .order_by(AssignmentRow.position)
        ).all()
        found = [(case, tuple(_steps(_rows(db, id_)))) for id_, case in worklist]
    return tuple(_effort(case, steps) for case, steps in found if steps)


def _rows(db: Session, assignment_id: int) -> Sequence[StrokeRow]:
    return db.scalars(
        select(StrokeRow).where(StrokeRow.assignment_id == assignment_id).order_by(StrokeRow.number)
    ).all()


def _steps(rows: Iterable[StrokeRow]) -> Iterable[Step]:
    work = Fold()
    parsed: dict[str, tuple[Outline, ...]] = {}
    for row in rows:
        before = work.state
        work.apply(row.kind, row.outlines, row.view, row.seconds, row.reason)
        if work.outlines not in parsed:
            parsed[work.outlines] = parse_outlines(work.outlines)
        view: dict[str, Any] = json.loads(row.view)
        yield Step(
            number=row.number,
            at=from_text(row.at),
            active=work.seconds,
            seconds=row.seconds,
            kind=row.kind,
            action=row.action,
            text=_text(row, before),
            reason=row.reason,
            revision=row.revision,
            outlines=parsed[work.outlines],
            view={key: value for key, value in json.loads(work.view).items() if key != "input"},
            inputs=view.get("input"),
        )


def _text(row: StrokeRow, before: str) -> str:
    """Say in words what a step did; ``before`` is the state of the case before it."""
    if row.kind in FINISHES and row.reason:
        return f"finished as not assessable: {row.reason}"
    if row.kind == "finish":
        again = before == "finished" or (row.revision or 1) > 1
        return f"finished again, revision {row.revision}" if again else "finished"
    if (row.kind, row.action) in _WORDS:
        return _WORDS[row.kind, row.action]
    if row.kind == "look":
        return f"looked: {row.action}"
    if row.kind == "go":
        return _WORDS["go", ""]
    return row.action if row.kind == "stroke" else row.kind


def _effort(case: str, steps: Sequence[Step]) -> Effort:
    counted = [step.inputs for step in steps if step.inputs is not None]
    # What the app writes by itself, and what has no view, needs no hand.
    complete = bool(counted) and all(
        step.inputs is not None or step.kind in ("go", "reopen", "import") for step in steps
    )
    keys, clicks, drawing = (
        sum(inputs.get(name, 0) for inputs in counted) if complete else None
        for name in ("keys", "clicks", "drawing")
    )
    state = Fold()
    for step in steps:
        state.apply(step.kind, None, "{}", 0.0, step.reason)
    return Effort(
        case=case,
        steps=len(steps),
        strokes=sum(step.kind == "stroke" for step in steps),
        active_seconds=steps[-1].active,
        keys=keys,
        clicks=clicks,
        drawing=drawing,
        reopened=sum(step.kind == "reopen" for step in steps),
        revisions=max((step.revision or 0 for step in steps), default=0),
        finished=state.state == "finished",
    )
