"""The work on one case as the fold of its steps: what there is, what can be undone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from napari_ptx.roi.outline import Outline
from napari_ptx.study.types import CaseState, Draft

CHANGES = ("stroke", "undo", "redo", "reopen")
"""Kinds of steps after which a case has to be finished again."""
FINISHES = ("finish", "import")
"""Kinds of steps that leave a case finished."""


def case_state(last_change: int | None, last_finish: int | None) -> CaseState:
    """Tell the state from the numbers of the last step of either sort."""
    if last_finish is not None and last_finish > (last_change or 0):
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
    """

    history: list[str] = field(default_factory=lambda: ["[]"])
    cursor: int = 0
    seconds: float = 0.0
    view: str = "{}"
    reason: str | None = None
    state: CaseState = "new"

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
        self, kind: str, outlines: str | None, view: str, seconds: float, reason: str | None
    ) -> None:
        """Take one more step."""
        self.seconds += seconds
        if view != "{}":
            self.view = view
        if kind in ("stroke", "import"):
            # A new stroke after an undo leaves the undone ones unreachable; they
            # stay in the record.
            del self.history[self.cursor + 1 :]
            self.history.append(outlines or "[]")
            self.cursor += 1
        elif kind == "undo":
            self.cursor = max(self.cursor - 1, 0)
        elif kind == "redo":
            self.cursor = min(self.cursor + 1, len(self.history) - 1)
        if kind in CHANGES:
            self.state, self.reason = "started", None
        elif kind in FINISHES:
            self.state, self.reason = "finished", reason

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
        )


def fold(steps: Iterable[tuple[str, str | None, str, float, str | None]]) -> Fold:
    """Fold the steps (kind, outlines, view, seconds, reason) of one case."""
    result = Fold()
    for step in steps:
        result.apply(*step)
    return result
