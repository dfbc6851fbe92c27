"""What the record of a study says, gathered once for the whole report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.report.study_decisions import COLUMNS, decision_rows
from napari_ptx.study.agreement import Agreement, agreement
from napari_ptx.study.aid_effect import AidEffect, aid_effect
from napari_ptx.study.history import History
from napari_ptx.study.pairs import ReadingPair, reading_pairs
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.types import CaseInfo, Problem, Reading, Status, StudyError

if TYPE_CHECKING:
    from napari_ptx.study.study import Study


@dataclass(frozen=True, eq=False)
class StudyFacts:
    """A study, as its record tells it to the coordinator.

    Parameters
    ----------
    name, uid, path
        Of the study; ``path`` is the name of its file.
    made
        When the report was made.
    cases, readings, status, history, protocol
        As ``Study`` gives them.
    agreement
        ``None`` where no two readings can be compared; ``why_not`` says why.
    pairs
        Every pair of first readings, held against the protocol's rule.
    aid
        What the model's outlines changed; ``None`` where none were shown yet.
    decisions
        With the columns ``study_decisions.COLUMNS``.
    problems, images_checked
        What the check of the record found when the report was made, and whether it read
        the images, too.
    """

    name: str
    uid: str
    path: str
    made: datetime
    cases: Mapping[str, CaseInfo]
    readings: tuple[Reading, ...]
    status: Status
    history: History
    protocol: Protocol
    agreement: Agreement | None
    why_not: str
    pairs: tuple[ReadingPair, ...]
    aid: AidEffect | None
    decisions: pd.DataFrame
    problems: tuple[Problem, ...]
    images_checked: bool

    @cached_property
    def patients(self) -> int:
        """How many patients the cases are of."""
        return len({case.patient for case in self.cases.values()})

    @cached_property
    def simulated(self) -> int:
        """How many cases the cohort table marks as simulated."""
        no = ("", "0", "false", "no", "none")
        return sum(
            str(case.extra.get("simulated", "")).strip().lower() not in no
            for case in self.cases.values()
        )

    @property
    def note(self) -> str:
        """What the data were, as far as the record says; "" where it does not."""
        if not self.simulated:
            return ""
        if self.simulated == len(self.cases):
            return "simulated images, not patients"
        return f"{self.simulated} of {len(self.cases)} cases are simulated, not patients"

    @property
    def imported(self) -> int:
        """How many readings were made elsewhere and imported."""
        return sum(reading.origin == "imported" for reading in self.readings)

    @cached_property
    def early(self) -> tuple[tuple[str, str], ...]:
        """The sessions that were opened before their washout was over, with the reasons."""
        return tuple(
            (f"{entry.reader}, round {entry.round}", entry.early_reason)
            for entry in self.status.rounds
            if entry.early_reason
        )

    @cached_property
    def refused(self) -> Counter[tuple[str, int, str]]:
        """How often each session called a case not assessable, by reason."""
        return Counter(
            (reading.reader, reading.round, reading.reason or "no reason")
            for reading in self.readings
            if not reading.assessable
        )

    @cached_property
    def disagreed(self) -> tuple[str, ...]:
        """The cases with a pair of first readings that breaks the rule."""
        return tuple(dict.fromkeys(pair.case for pair in self.pairs if pair.broken))

    @cached_property
    def settled(self) -> frozenset[str]:
        """The cases that the adjudicator has settled."""
        return frozenset(map(str, self.decisions["case"]))

    @cached_property
    def intervals(self) -> tuple[float, ...]:
        """Days between the first and the second reading of a case, each repeated one."""
        first = {(r.reader, r.case): r.finished_at for r in self.readings if r.round == 1}
        return tuple(
            (reading.finished_at - first[reading.reader, reading.case]).total_seconds() / 86400.0
            for reading in self.readings
            if reading.round == 2 and (reading.reader, reading.case) in first
        )

    @cached_property
    def times(self) -> pd.DataFrame:
        """Active time of each drawn reading: reader, round, session, position, case, seconds."""
        return pd.DataFrame(
            [
                (w.reader, w.round, f"{w.reader}, round {w.round}", w.position, w.case, w.seconds)
                for w in self.history.work
                if w.origin == "drawn"
            ],
            columns=pd.Index(["reader", "round", "session", "position", "case", "seconds"]),
        )


def gather(
    study: Study,
    *,
    made: datetime,
    decisions: pd.DataFrame | None = None,
    images: bool = False,
    replicates: int = 2000,
    progress: Progress | None = None,
) -> StudyFacts:
    """Read a study, check its record and compare its readings, each once.

    Parameters
    ----------
    made
        When the report is made.
    decisions
        What the adjudicator decided (columns ``study_decisions.COLUMNS``); by default what
        the record has.
    images
        Read every image, too, when the record is checked.
    replicates
        Of the bootstrap by patient.
    """
    problems = study.verify(images=images, progress=progress)
    compared, why_not = None, ""
    try:
        compared = agreement(study, replicates=replicates, progress=progress)
    except StudyError as error:
        why_not = str(error)
    helped = None
    if study.readings(aided=True):
        helped = aid_effect(study, replicates=replicates, progress=progress)
    if decisions is None:
        decisions = decision_rows(study.decisions())
    if missing := [name for name in COLUMNS if name not in decisions]:
        raise StudyError(f"The table of decisions has no column {', '.join(missing)}.")
    return StudyFacts(
        name=study.name,
        uid=study.uid,
        path=study.path.name,
        made=made,
        cases={case.case: case for case in study.cases()},
        readings=study.readings(),
        status=study.status(),
        history=study.history(),
        protocol=study.protocol,
        agreement=compared,
        why_not=why_not,
        pairs=reading_pairs(study, compared),
        aid=helped,
        decisions=decisions,
        problems=problems,
        images_checked=images,
    )
