"""The work on one case as the fold of its steps: what there is, what can be undone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from napari_ptx.roi.outline import Outline
from napari_ptx.study.types import CaseState, Draft

CHANGES = ("stroke", "undo", "redo", "reopen", "aid")
"""Kinds of steps after which a case has to be finished again."""
FINISHES = ("finish", "import")
"""Kinds of steps that leave a case finished."""


def case_state(
    last_change: int | None, last_finish: int | None, *, locked: bool = False
) -> CaseState:
    """Tell the state from the numbers of the last step of either sort.

    ``locked``: the design shows a model's outline, and it was not shown yet.
    """
    if last_finish is not None and last_finish > (last_change or 0) and not locked:
        return "finished"
    return "started" if last_change is not None or last_finish is not None else "new"


def parse_outlines(text: str) -> tuple[Outline, ...]:
    """Read outlines as the record keeps them."""
    return tuple(Outline.from_json(value) for value in json.loads(text))


@dataclass
class Fold:
    """The steps of one case, folded in their order.

    Parameters
    ----------
    history
        The outlines (as text) after each stroke that can still be reached; the first
        is the empty image.
    cursor
        Where in the history the work stands.
    aided
        Whether the design shows a model's outline after the first answer.
    aid
        That outline (as text), once it was shown.
    locked
        Whether the first answer is given, and the outline not shown yet.
    answered
        Whether the case was finished since the outline was shown.
    recalled
        What the reader said last to "seen before?".
    """

    history: list[str] = field(default_factory=lambda: ["[]"])
    cursor: int = 0
    seconds: float = 0.0
    view: str = "{}"
    reason: str | None = None
    state: CaseState = "new"
    aided: bool = False
    aid: str | None = None
    locked: bool = False
    answered: bool = False
    recalled: bool | None = None

    @property
    def outlines(self) -> str:
        """The outlines now, as text."""
        return self.history[self.cursor]

    @property
    def can_undo(self) -> bool:
        """Whether a step can be taken back."""
        return self.cursor > 0

    @property
    def can_redo(self) -> bool:
        """Whether a step that was taken back can be repeated."""
        return self.cursor < len(self.history) - 1

    def apply(
        self,
        kind: str,
        outlines: str | None,
        view: str,
        seconds: float,
        reason: str | None,
        action: str = "",
    ) -> None:
        """Take one more step."""
        self.seconds += seconds
        if view != "{}":
            self.view = view
        if kind == "seen":
            self.recalled = action == "yes"
        elif kind in ("stroke", "import"):
            # A new stroke after an undo leaves the undone ones unreachable; they
            # stay in the record.
            del self.history[self.cursor + 1 :]
            self.history.append(outlines or "[]")
            self.cursor += 1
        elif kind == "undo":
            self.cursor = max(self.cursor - 1, 0)
        elif kind == "redo":
            self.cursor = min(self.cursor + 1, len(self.history) - 1)
        elif kind == "aid":
            # Nothing goes back beyond the answer that was locked.
            self.history, self.cursor = [self.outlines], 0
            self.aid, self.locked = outlines or "[]", False
        if kind in CHANGES:
            self.state = "started"
            # Who called the case not assessable may keep that answer.
            self.reason = self.reason if kind == "aid" else None
        elif kind in FINISHES:
            self.locked = self.aided and self.aid is None
            self.answered = self.aid is not None
            self.state, self.reason = "started" if self.locked else "finished", reason

    def draft(self) -> Draft:
        """Give the value that the reader's session sees."""
        return Draft(
            outlines=parse_outlines(self.outlines),
            can_undo=self.can_undo,
            can_redo=self.can_redo,
            active_seconds=self.seconds,
            view=json.loads(self.view),
            not_assessable=self.reason,
            state=self.state,
            locked=self.locked,
            aid=None if self.aid is None else parse_outlines(self.aid),
            recalled=self.recalled,
        )


def fold(
    steps: Iterable[tuple[str, str | None, str, float, str | None, str]], *, aided: bool = False
) -> Fold:
    """Fold the steps (kind, outlines, view, seconds, reason, action) of one case."""
    result = Fold(aided=aided)
    for step in steps:
        result.apply(*step)
    return result
