"""The values of adjudication: entries of the worklist, what is shown, what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from napari_ptx.roi.outline import Outline
from napari_ptx.study.types import CaseState

Side = Literal["first", "second"]
Work = Literal["", "edited", "new"]
Outcome = Literal["first", "second", "edited", "new", "not assessable"]

SIDES: tuple[Side, Side] = ("first", "second")
OUTCOMES: tuple[Outcome, ...] = (*SIDES, "edited", "new", "not assessable")


@dataclass(frozen=True)
class Entry:
    """A case in the adjudicator's worklist.

    Parameters
    ----------
    code
        What the adjudicator sees of its identity.
    case
        Its name.
    readers, hashes
        Whose readings are compared, and their hashes: first and second as shown.
    repeat
        Whether the case comes for the second time, for the adjudicator's own agreement.
    dice, hd95, unit, reasons
        As in ``disagreement.Difference``; an infinite distance is ``None``.
    """

    code: str
    case: str
    readers: tuple[str, str]
    hashes: tuple[str, str]
    repeat: bool
    dice: float
    hd95: float | None
    unit: str
    reasons: tuple[str, ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Entry:
        """Read an entry as the record keeps it."""
        pairs = {name: tuple(value[name]) for name in ("readers", "hashes", "reasons")}
        return cls(**{**value, **pairs})


@dataclass(frozen=True)
class ShownReading:
    """One of the two readings, without its reader."""

    outlines: tuple[Outline, ...]
    assessable: bool
    reason: str | None


@dataclass(frozen=True)
class Pair:
    """The two readings of a case as the adjudicator sees them, and how they differ.

    ``hd95`` is infinite where only one of them outlined a frame; ``spacing`` holds for
    both, and is ``None`` where distances are in pixels.
    """

    first: ShownReading
    second: ShownReading
    dice: float
    hd95: float
    unit: str
    reasons: tuple[str, ...]
    spacing: tuple[float, float] | None

    def side(self, side: Side) -> ShownReading:
        """Give the reading of one side."""
        return self.first if side == "first" else self.second


@dataclass(frozen=True)
class Ruling:
    """What the adjudicator decided on the case at hand, as the adjudicator may know it."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class AdjudicationDraft:
    """The adjudicator's work on one case as it stands.

    Parameters
    ----------
    outlines
        The outlines in the making; empty while nothing is edited or drawn.
    work
        "edited" while a copy of a reading is changed, "new" while one is drawn, else "".
    side
        Which reading the copy is of.
    ruling
        The latest decision, if there is one; ``state`` is "finished" while nothing has
        changed since.
    """

    outlines: tuple[Outline, ...]
    work: Work
    side: Side | None
    can_undo: bool
    can_redo: bool
    active_seconds: float
    view: Mapping[str, Any]
    ruling: Ruling | None
    state: CaseState

    # What a reader's draft has beside; here no model's outline is shown, and nothing asked.
    locked = False
    aid = None
    recalled = None

    @property
    def not_assessable(self) -> str | None:
        """The reason with which the case was decided to be not assessable."""
        if self.ruling is None or self.ruling.outcome != "not assessable":
            return None
        return self.ruling.reason


@dataclass(frozen=True)
class Decision:
    """One decision, for the coordinator.

    Parameters
    ----------
    number
        Of the step in the chain of adjudication.
    entry
        What was decided on: case, code, readers, whether it was a hidden repeat.
    outcome, reason
        The decision, and why.
    reader
        Whose reading was taken, or edited; ``None`` otherwise.
    outlines, assessable
        What holds for the case from now on.
    seconds
        Active time on this entry until the decision.
    revised
        Whether a later decision on the same entry replaces it.
    current
        Whether both readings are still the latest ones of their readers.
    """

    number: int
    entry: Entry
    outcome: Outcome
    reason: str
    reader: str | None
    outlines: tuple[Outline, ...]
    assessable: bool
    at: datetime
    seconds: float
    revised: bool
    current: bool
