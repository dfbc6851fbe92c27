"""Which cases two readers disagree on, by the rule of the protocol.

First readings only, and only of readers who have finished all of their first round:
what is settled before would not be independent of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from napari_ptx.child import Progress
from napari_ptx.study import views
from napari_ptx.study.rounds import case_states
from napari_ptx.study.tables import (
    AssignmentRow,
    CaseRow,
    ImageRow,
    ReaderRow,
    ReadingRow,
    SessionRow,
)
from napari_ptx.study.types import CaseInfo, Reading, StudyError

if TYPE_CHECKING:
    from napari_ptx.roi.outline import Roi
    from napari_ptx.study.protocol import Protocol


@dataclass(frozen=True)
class HashedReading:
    """A reader's latest reading of a case, and the hash that it has in the record."""

    reading: Reading
    hash: str


@dataclass(frozen=True)
class Difference:
    """Two readings of one case, and how far they differ.

    Parameters
    ----------
    case, readers, hashes
        What was compared: two readers in the protocol's order, and their readings.
    dice
        Of the pixels of all frames together; 1 where both are empty.
    hd95
        Of the frame where it is largest, in ``unit``; infinite where only one reader
        outlined a frame, 0 where both are empty.
    unit
        "mm" where one calibration holds for both readings, else "px".
    lesions
        How many each outlined: on the frame where there are most.
    assessable
        Whether each called the case assessable.
    reasons
        Which parts of the protocol's rule the pair breaks, in words that name no
        reader; empty: they agree.
    """

    case: str
    readers: tuple[str, str]
    hashes: tuple[str, str]
    dice: float
    hd95: float
    unit: Literal["mm", "px"]
    lesions: tuple[int, int]
    assessable: tuple[bool, bool]
    reasons: tuple[str, ...]

    @property
    def numbers(self) -> dict[str, Any]:
        """Dice, HD95 and reasons as JSON says them: an infinite distance is ``None``."""
        hd95 = self.hd95 if math.isfinite(self.hd95) else None
        return {"dice": self.dice, "hd95": hd95, "unit": self.unit, "reasons": list(self.reasons)}


def rule(protocol: Protocol) -> str:
    """Say when two readings go to the adjudicator."""
    if protocol.adjudicate == "all":
        return "every case that two readers have finished"
    parts = []
    if protocol.disagree_dice is not None:
        parts.append(f"Dice below {protocol.disagree_dice:g}")
    if protocol.disagree_hd95_mm is not None:
        parts.append(f"HD95 above {protocol.disagree_hd95_mm:g} mm (calibrated cases)")
    if protocol.disagree_lesions:
        parts.append("another number of lesions")
    return ", ".join([*parts, "assessable for one reader only"])


def cases_left(db: Session, protocol: Protocol) -> dict[str, int]:
    """Count the cases of the first round that each reader has not finished."""
    rows = db.execute(
        select(SessionRow.id, ReaderRow.name).join(ReaderRow).where(SessionRow.round == 1)
    ).all()
    sessions = {name: id_ for id_, name in rows}
    return {
        reader: sum(state != "finished" for state in case_states(db, sessions[reader]).values())
        for reader in protocol.readers
        if reader in sessions
    }


def require_two(db: Session, protocol: Protocol) -> tuple[str, ...]:
    """Give the readers who have finished round 1; ``StudyError`` if there are not two."""
    left = cases_left(db, protocol)
    ready = tuple(reader for reader, count in left.items() if count == 0)
    if len(ready) >= 2:
        return ready
    if len(left) < 2:
        raise StudyError("Adjudication needs two readers; this study has one.")
    waiting = ", ".join(f"{reader} has {count} left" for reader, count in left.items() if count)
    raise StudyError(
        "Adjudication opens once two readers have finished all of their first round, so that "
        f"the readings stay independent of it: {waiting}."
    )


def hashed_readings(db: Session, readers: Sequence[str]) -> dict[str, dict[str, HashedReading]]:
    """Give the latest first readings by case and reader, in the order of the cohort."""
    hashes: dict[tuple[str, str, int], str] = {
        (reader, case, revision): hash_
        for reader, case, revision, hash_ in db.execute(
            select(ReaderRow.name, CaseRow.name, ReadingRow.revision, ReadingRow.hash)
            .join(AssignmentRow, AssignmentRow.id == ReadingRow.assignment_id)
            .join(SessionRow, SessionRow.id == AssignmentRow.session_id)
            .join(ReaderRow, ReaderRow.id == SessionRow.reader_id)
            .join(ImageRow, ImageRow.id == AssignmentRow.image_id)
            .join(CaseRow, CaseRow.id == ImageRow.case_id)
            .where(SessionRow.round == 1)
        )
    }
    found: dict[str, dict[str, HashedReading]] = {
        name: {} for name in db.scalars(select(CaseRow.name).order_by(CaseRow.id))
    }
    # What a model's outline had a part in is no independent reading.
    for reading in views.readings(db, None, 1, False):
        if reading.reader in readers:
            hash_ = hashes[reading.reader, reading.case, reading.revision]
            found[reading.case][reading.reader] = HashedReading(reading, hash_)
    return found


def differences(
    db: Session, study: Path, protocol: Protocol, *, progress: Progress | None = None
) -> tuple[Difference, ...]:
    """Compare the readers on every case that two of them have finished.

    With three or more readers a case is represented by the two who differ most: by the
    rule first, then by the smaller Dice.

    Raises
    ------
    StudyError
        Until two readers have finished their first round.
    """
    ready = require_two(db, protocol)
    readings = hashed_readings(db, ready)
    infos = {info.case: info for info in views.cases(db, study)}
    found = []
    for done, (case, by_reader) in enumerate(readings.items()):
        there = [by_reader[reader] for reader in ready if reader in by_reader]
        pairs = [compare(infos[case], one, two, protocol) for one, two in combinations(there, 2)]
        if pairs:
            found.append(min(pairs, key=lambda one: (not one.reasons, one.dice, -one.hd95)))
        if progress is not None:
            progress(done + 1, len(readings), f"Comparing case {done + 1} of {len(readings)}")
    return tuple(found)


def queued(found: Sequence[Difference], protocol: Protocol) -> tuple[Difference, ...]:
    """Give those that go to the adjudicator."""
    return tuple(one for one in found if one.reasons or protocol.adjudicate == "all")


def compare(
    info: CaseInfo, first: HashedReading, second: HashedReading, protocol: Protocol
) -> Difference:
    """Compare two readings of a case, and say what of the rule they break."""
    pair = (first.reading, second.reading)
    spacing = info.spacing_of([outline for one in pair for outline in one.outlines])
    dice, hd95 = overlap_of(pair[0].outlines, pair[1].outlines, info.shape, spacing)
    lesions = (count_lesions(pair[0].outlines), count_lesions(pair[1].outlines))
    assessable = (pair[0].assessable, pair[1].assessable)
    reasons = []
    if assessable[0] != assessable[1]:
        reasons.append("assessable for one reader only")
    elif all(assessable):
        if protocol.disagree_dice is not None and dice < protocol.disagree_dice:
            # Never "Dice 0.80 is below 0.8".
            digits = 2 if round(dice, 2) < protocol.disagree_dice else 4
            reasons.append(f"Dice {dice:.{digits}f} is below {protocol.disagree_dice:g}")
        limit = protocol.disagree_hd95_mm
        if limit is not None and spacing is not None and hd95 > limit:
            far = f"{hd95:.1f} mm" if math.isfinite(hd95) else "without bound"
            reasons.append(f"HD95 {far} is above {limit:g} mm")
        if protocol.disagree_lesions and lesions[0] != lesions[1]:
            low, high = sorted(lesions)
            reasons.append(f"{low} against {high} lesions")
    return Difference(
        case=info.case,
        readers=(pair[0].reader, pair[1].reader),
        hashes=(first.hash, second.hash),
        dice=dice,
        hd95=hd95,
        unit="px" if spacing is None else "mm",
        lesions=lesions,
        assessable=assessable,
        reasons=tuple(reasons),
    )


def overlap_of(
    first: Roi, second: Roi, shape: tuple[int, int], spacing: tuple[float, float] | None
) -> tuple[float, float]:
    """Give Dice and HD95 of two ROIs, frame by frame.

    Dice pools the pixels of all frames that either outlined; HD95 is that of the worst
    frame. Both as in ``study.agreement``.
    """
    from napari_ptx.roi import overlap, rasterise

    common = total = 0
    distances = [0.0]
    for frame in sorted({outline.frame for outline in (*first, *second)}):
        one, two = (rasterise(outlines, shape, frame) for outlines in (first, second))
        common += int((one & two).sum())
        total += int(one.sum()) + int(two.sum())
        distances.append(overlap(one, two, spacing).hd95)
    return (2 * common / total if total else 1.0), max(distances)


def count_lesions(outlines: Roi) -> int:
    """Count the separate areas on the frame that has most of them.

    Outlines that overlap or share an edge are one lesion, as in ``roi.measure``.
    """
    import shapely

    from napari_ptx.roi.shapes import polygons, to_area

    by_frame: Mapping[int, list[Any]] = {outline.frame: [] for outline in outlines}
    for outline in outlines:
        by_frame[outline.frame].append(to_area(outline))
    return max((len(polygons(shapely.union_all(areas))) for areas in by_frame.values()), default=0)
