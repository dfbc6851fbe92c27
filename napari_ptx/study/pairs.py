"""Which cases the readers disagree on, by the rule of the protocol."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from napari_ptx.roi.calibration import common_spacing
from napari_ptx.study.comparisons import name_of, overlap_of
from napari_ptx.study.disagreement import count_lesions
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.types import CaseInfo, Reading

if TYPE_CHECKING:
    from napari_ptx.study.agreement import Agreement
    from napari_ptx.study.study import Study

INFINITE = float("inf")


@dataclass(frozen=True)
class ReadingPair:
    """Two readers' first readings of one case, held against the rule.

    Parameters
    ----------
    case, first, second
        The case, and the two readers in the order of the protocol.
    dice
        Over all frames; 1 where both called the case not assessable, 0 where one did.
    hd95_mm
        In millimetres; ``None`` where the outlines are not calibrated alike, infinite where
        one reader has no outline.
    lesions_first, lesions_second
        How many each outlined: on the frame where there are most.
    broken
        What the rule finds: "Dice", "HD95", "lesions", "assessability"; empty where the
        readers agree.
    """

    case: str
    first: str
    second: str
    dice: float
    hd95_mm: float | None
    lesions_first: int
    lesions_second: int
    broken: tuple[str, ...]


def reading_pairs(study: Study, compared: Agreement | None = None) -> tuple[ReadingPair, ...]:
    """Hold every pair of first readings of a case against the protocol's rule.

    Parameters
    ----------
    compared
        The agreement of the study, if it is at hand: its overlaps are then not computed
        again.
    """
    order = {reader: place for place, reader in enumerate(study.readers)}
    readings: dict[str, list[Reading]] = defaultdict(list)
    for reading in sorted(study.readings(round=1), key=lambda r: order[r.reader]):
        readings[reading.case].append(reading)
    known = _known(compared)
    return tuple(
        _pair(first, second, case, study.protocol, known)
        for case in study.cases()
        for first, second in combinations(readings[case.case], 2)
    )


Overlaps = dict[tuple[str, str], tuple[float, float | None]]


def _known(compared: Agreement | None) -> Overlaps:
    """Dice and HD95 by comparison and case; the HD95 is ``None`` where it is in pixels."""
    if compared is None:
        return {}
    return {
        (row["comparison"], row["case"]): (
            row["dice"],
            row["hd95"] if row["unit"] == "mm" else None,
        )
        for row in compared.overlap.to_dict("records")
        if row["kind"] == "inter"
    }


def _pair(
    first: Reading, second: Reading, case: CaseInfo, protocol: Protocol, known: Overlaps
) -> ReadingPair:
    dice, hd95 = _overlap(first, second, case, protocol, known)
    counts = count_lesions(first.outlines), count_lesions(second.outlines)
    limit, length = protocol.disagree_dice, protocol.disagree_hd95_mm
    rules = {
        "assessability": first.assessable != second.assessable,
        "Dice": limit is not None and dice < limit,
        "HD95": length is not None and hd95 is not None and hd95 > length,
        "lesions": protocol.disagree_lesions and counts[0] != counts[1],
    }
    # A case that one reader could not assess breaks the other rules by that alone.
    broken = ["assessability"] if rules["assessability"] else [n for n, b in rules.items() if b]
    return ReadingPair(
        case.case, first.reader, second.reader, dice, hd95, *counts, broken=tuple(broken)
    )


def _overlap(
    first: Reading, second: Reading, case: CaseInfo, protocol: Protocol, known: Overlaps
) -> tuple[float, float | None]:
    if not (first.outlines and second.outlines):
        alike = bool(first.outlines) == bool(second.outlines)
        return (1.0, 0.0) if alike else (0.0, INFINITE)
    there = known.get((name_of(((first.reader, 1), (second.reader, 1))), case.case))
    spacing = common_spacing(first.outlines, case)
    if spacing != common_spacing(second.outlines, case):
        spacing = None
    if there is not None and (spacing is None or there[1] is not None):
        return there
    found = overlap_of(first, second, case.shape, spacing or (1.0, 1.0), protocol.tolerance_mm)
    return found["dice"], found["hd95"] if spacing else None
