"""How far the adjudicator agrees with himself or herself on the hidden repeats."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from napari_ptx.study.adjudication_types import Decision
from napari_ptx.study.disagreement import overlap_of
from napari_ptx.study.types import CaseInfo


@dataclass(frozen=True)
class OwnAgreement:
    """The adjudicator's agreement between the first decision on a case and the repeat.

    Parameters
    ----------
    cases
        The cases that were decided twice.
    choices
        For each, what was taken at first and again: the reader whose reading was taken,
        or "edited", "new", "not assessable".
    kappa
        Cohen's kappa of ``choices`` (unweighted); NaN without two cases, or where both
        times the same was taken everywhere.
    dice
        For each, of the two outlines that were decided; 1 where both are empty.
    icc
        ICC(A,1) of the areas, in the pixels of each image; NaN below 3 cases that were
        outlined both times.
    """

    cases: tuple[str, ...]
    choices: tuple[tuple[str, str], ...]
    kappa: float
    dice: tuple[float, ...]
    icc: float

    def to_json(self) -> dict[str, Any]:
        """Give plain values; ``None`` for what is undefined."""
        return {
            "cases": list(self.cases),
            "choices": [list(pair) for pair in self.choices],
            "kappa": None if math.isnan(self.kappa) else self.kappa,
            "dice": list(self.dice),
            "dice_median": median(self.dice) if self.dice else None,
            "icc_area": None if math.isnan(self.icc) else self.icc,
        }


def own_agreement(decisions: Sequence[Decision], cases: Mapping[str, CaseInfo]) -> OwnAgreement:
    """Compare what was decided on each hidden repeat with what was decided at first.

    Only decisions that still hold count, on the same two readings.
    """
    held = [one for one in decisions if one.current and not one.revised]
    first = {
        (one.entry.case, frozenset(one.entry.hashes)): one for one in held if not one.entry.repeat
    }
    pairs = [
        (first[key], again)
        for again in held
        if again.entry.repeat
        and (key := (again.entry.case, frozenset(again.entry.hashes))) in first
    ]
    choices = tuple((choice(one), choice(two)) for one, two in pairs)
    dice = tuple(
        overlap_of(one.outlines, two.outlines, cases[one.entry.case].shape, None)[0]
        for one, two in pairs
    )
    return OwnAgreement(
        cases=tuple(one.entry.case for one, _ in pairs),
        choices=choices,
        kappa=kappa(choices),
        dice=dice,
        icc=_icc(pairs),
    )


def choice(decision: Decision) -> str:
    """Say what was taken: a reader's reading as it is, or the outcome."""
    taken = decision.outcome in ("first", "second")
    return str(decision.reader) if taken else decision.outcome


def kappa(choices: Sequence[tuple[str, str]]) -> float:
    """Give Cohen's kappa of pairs of categories (Cohen 1960); NaN where it is undefined."""
    count = len(choices)
    if count < 2:
        return math.nan
    observed = sum(one == two for one, two in choices) / count
    names = {name for pair in choices for name in pair}
    first, second = zip(*choices, strict=True)
    expected = sum(first.count(name) * second.count(name) for name in names) / count**2
    return math.nan if expected == 1 else (observed - expected) / (1 - expected)


def _icc(pairs: Sequence[tuple[Decision, Decision]]) -> float:
    from napari_ptx.roi import RoiError, measure
    from napari_ptx.stats import icc

    areas = []
    for one, two in pairs:
        try:
            areas.append([measure(one.outlines).area, measure(two.outlines).area])
        except RoiError:  # not outlined both times
            continue
    return float(icc(areas, "A,1").value) if len(areas) >= 3 else math.nan
