"""How many more cases until the ICC clears its threshold: for the coordinator, never a reader.

A reader who knew how far the agreement has come could read towards it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_ptx.study.types import StudyError

if TYPE_CHECKING:
    from napari_ptx.study.study import Study


@dataclass(frozen=True)
class Outlook:
    """Where one comparison stands in the protocol's first measurand.

    Parameters
    ----------
    comparison, label
        "A – B", and the measurand's name.
    n
        Cases that both have read.
    icc, low
        The observed ICC in the protocol's form, and its lower 95% limit.
    more
        Cases until the lower limit clears the threshold if they vary as those before;
        0: it does; ``None``: no number of cases would do.
    threshold, possible
        The protocol's threshold, and how many cases the two have in common at most.
    """

    comparison: str
    label: str
    n: int
    icc: float
    low: float
    more: int | None
    threshold: float
    possible: int

    @property
    def sentence(self) -> str:
        """What the coordinator is told."""
        now = f"{self.comparison}, {self.label.lower()}: ICC {self.icc:.3f} in {self.n} cases"
        limit = f"the lower limit clears {self.threshold:.2f}"
        if self.more is None:
            return f"{now}; no number of cases like these would lift its lower limit above " + (
                f"{self.threshold:.2f}."
            )
        if self.more == 0:
            return f"{now}; {limit} ({self.low:.3f})."
        cases = "1 more case" if self.more == 1 else f"{self.more} more cases"
        short = f" ({self.shortage})" if self.shortage else ""
        return f"{now}; {cases} like these until {limit}{short}."

    @property
    def shortage(self) -> str:
        """How many of these cases the study lacks, in words; "" where it has them."""
        more = self.more or 0
        lacking = self.n + more - self.possible
        if not more or lacking <= 0:
            return ""
        if lacking >= more:
            return "the study has none left"
        return f"{lacking} more than there are to read"


def outlook(study: Study, *, aided: bool = False) -> tuple[Outlook, ...]:
    """Tell for each comparison how far the lower limit is from the threshold.

    Comparisons with fewer than 3 cases, without variation, or of a study whose protocol
    judges by the estimate, are left out.
    """
    protocol = study.protocol
    if protocol.icc_bound != "lower":
        return ()
    from napari_ptx.roi import MEASURANDS
    from napari_ptx.stats import StatsError, icc
    from napari_ptx.stats.icc_planning import cases_to_go
    from napari_ptx.study import comparisons as steps

    cases = {case.case: case for case in study.cases()}
    readings = [reading for reading in study.readings(aided=aided) if reading.outlines]
    inter, intra = steps.comparisons(readings, study.readers)
    if not inter and not intra:
        return ()
    measurand = next(one for one in MEASURANDS if one.name == protocol.measurands[0])
    unit, _ = steps.common_unit(readings, cases)
    values = steps.values(readings, cases, unit)
    values = values[values["measurand"] == measurand.name]
    found = []
    for pair in (*inter, *intra):
        ratings = steps.paired(values, pair).iloc[:, 3:].to_numpy(dtype=float)
        try:
            if len(ratings) < steps.ENOUGH:
                continue
            now = icc(ratings, protocol.icc_form)
            more = cases_to_go(ratings, protocol.icc_threshold, protocol.icc_form)
        except StatsError:
            continue
        if now.value != now.value:
            continue
        possible = len(cases) if pair[0][1] == pair[1][1] else protocol.reread
        found.append(
            Outlook(
                steps.name_of(pair),
                measurand.label,
                len(ratings),
                float(now.value),
                float(now.low),
                more,
                protocol.icc_threshold,
                possible,
            )
        )
    return tuple(found)


def needed_text(cases: int, readers: int, threshold: float, form: str, bound: str) -> str:
    """Say what an observed ICC has to be for this many cases; empty where none can be."""
    from napari_ptx.stats import StatsError, icc_needed

    if bound == "point":
        return f"An observed ICC above {threshold:.2f} clears it, whatever the number of cases."
    if cases < 3 or readers < 2:
        return ""
    try:
        needed = icc_needed(cases, threshold, readers, form)
    except StatsError as error:
        raise StudyError(str(error)) from error
    return f"{cases} cases: an observed ICC of {needed:.3f} clears {threshold:.2f}."
