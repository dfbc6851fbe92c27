"""Adjudication as the coordinator sees it: what disagrees, what was decided, what is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from napari_ptx.child import Progress
from napari_ptx.study import adjudication_record as record
from napari_ptx.study import disagreement
from napari_ptx.study.adjudication_opening import compared
from napari_ptx.study.adjudication_types import Decision
from napari_ptx.study.disagreement import Difference
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.store import Store


@dataclass(frozen=True)
class AdjudicationStatus:
    """How far adjudication is.

    Parameters
    ----------
    adjudicator
        Who decides; ``None`` where the protocol names nobody.
    rule
        When two readings go to the adjudicator, as a sentence.
    waiting
        Why adjudication cannot begin yet; empty: it can.
    compared
        On how many cases two readers were compared.
    queue
        The cases that go to the adjudicator, in the order of the cohort.
    decisions
        Every decision that was ever made, the oldest first.
    """

    adjudicator: str | None
    rule: str
    waiting: str
    compared: int
    queue: tuple[Difference, ...]
    decisions: tuple[Decision, ...]

    def decision_on(self, one: Difference) -> Decision | None:
        """Give the decision that holds for a comparison, if there is one."""
        for decision in reversed(self.decisions):
            if not decision.entry.repeat and compared(decision.entry) == compared(one):
                return decision
        return None

    @property
    def decided(self) -> int:
        """How many cases of the queue are decided."""
        return sum(self.decision_on(one) is not None for one in self.queue)

    @property
    def repeats(self) -> int:
        """How many hidden repeats are decided."""
        return len({one.entry.code for one in self.decisions if one.entry.repeat})

    @property
    def sentence(self) -> str:
        """Say in one line how far it is."""
        if self.waiting:
            return self.waiting
        count = len(self.queue)
        if not count:
            return f"No disagreements in {self.compared} cases."
        noun = "disagreement" if count == 1 else "disagreements"
        return f"{self.decided} of {count} {noun} decided"

    def to_json(self) -> dict[str, Any]:
        """Give plain values; an infinite distance is ``None``, times are ISO 8601."""
        return {
            "adjudicator": self.adjudicator,
            "rule": self.rule,
            "waiting": self.waiting or None,
            "compared": self.compared,
            "disagreements": len(self.queue),
            "decided": self.decided,
            "left": len(self.queue) - self.decided,
            "repeats_decided": self.repeats,
            "cases": [self._case(one) for one in self.queue],
        }

    def _case(self, one: Difference) -> dict[str, Any]:
        made = self.decision_on(one)
        return {
            "case": one.case,
            "readers": list(one.readers),
            **one.numbers,
            "lesions": list(one.lesions),
            "assessable": list(one.assessable),
            "outcome": made.outcome if made else None,
            "reader": made.reader if made else None,
            "reason": made.reason if made else None,
            "at": made.at.isoformat() if made else None,
        }


def adjudication_status(
    store: Store, protocol: Protocol, *, progress: Progress | None = None
) -> AdjudicationStatus:
    """Compare the readers and look up the decisions; see ``Study.adjudication``."""
    from napari_ptx.study.types import StudyError

    waiting = ""
    found: tuple[Difference, ...] = ()
    with store.read() as db:
        try:
            found = disagreement.differences(db, store.path, protocol, progress=progress)
        except StudyError as error:
            waiting = error.message
        made = decisions(db, protocol)
    return AdjudicationStatus(
        adjudicator=protocol.adjudicator,
        rule=disagreement.rule(protocol),
        waiting=waiting,
        compared=len(found),
        queue=disagreement.queued(found, protocol),
        decisions=made,
    )


def decisions(db: Session, protocol: Protocol) -> tuple[Decision, ...]:
    """Give every decision that was ever made, the oldest first."""
    readings = disagreement.hashed_readings(db, protocol.readers)
    latest = {one.hash for by_reader in readings.values() for one in by_reader.values()}
    return record.decisions(record.steps(db), latest)
