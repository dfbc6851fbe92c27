"""How the cases of a study came through it, and how long they took: the other figures."""

from __future__ import annotations

from collections import Counter, defaultdict

import pandas as pd

from napari_ptx.report.page import Picture, counted, inline
from napari_ptx.report.study_facts import StudyFacts


def flow_steps(facts: StudyFacts) -> tuple[pd.DataFrame, dict[str, int]]:
    """Count the cases from the cohort to the consensus, for ``figures.flow_figure``.

    First readings only: the steps, and into what the last of them is divided.
    """
    total = len(facts.cases)
    head = f"Cases in the cohort, of {counted(facts.patients, 'patient')}"
    first = defaultdict(list)
    for reading in facts.readings:
        if reading.round == 1:
            first[reading.case].append(reading)
    needed = min(2, len(facts.protocol.readers))
    read = {case: found for case, found in first.items() if len(found) >= needed}
    who = "two or more readers" if needed == 2 else facts.protocol.readers[0]
    rows: list[dict[str, object]] = [{"step": head, "n": total}]
    _leave(rows, {f"Not finished by {who.replace(' or more', '')}": total - len(read)})
    rows.append({"step": f"Read by {who}", "n": len(read)})
    none = {case for case, found in read.items() if not any(r.outlines for r in found)}
    reasons = Counter(
        " / ".join(sorted({reading.reason or "no reason" for reading in read[case]}))
        for case in none
    )
    _leave(rows, {f"Not assessable: {reason}": count for reason, count in reasons.items()})
    if needed == 1:
        rows.append({"step": "Outlined", "n": len(read) - len(none)})
        return pd.DataFrame(rows), {}
    rows.append({"step": "Outlined by a reader, and compared", "n": len(read) - len(none)})
    apart = set(facts.disagreed)
    left = {
        "Readers agree by the protocol's rule": len(read) - len(none) - len(apart),
        "They disagree; adjudicated": len(apart & facts.settled),
        "They disagree; not adjudicated": len(apart - facts.settled),
    }
    groups = {name: count for name, count in left.items() if count}
    if len(groups) == 1:
        rows += [{"step": name, "n": count} for name, count in groups.items()]
        groups = {}
    return pd.DataFrame(rows), groups


def _leave(rows: list[dict[str, object]], reasons: dict[str, int]) -> None:
    for reason, count in reasons.items():
        if count:
            told: dict[str, object] = {"reason": reason, "n_excluded": count}
            if "reason" in rows[-1]:
                rows.append(told)
            else:
                rows[-1] |= told


def draw_flow(facts: StudyFacts) -> Picture:
    """Draw how the cases came through the first round to the consensus."""
    from napari_ptx.figures import flow_figure

    steps, groups = flow_steps(facts)
    figure = flow_figure(steps, groups=groups or None, note=facts.note)
    return inline(figure, "Flow of cases")


def draw_times(facts: StudyFacts) -> list[Picture]:
    """Draw the active time of each case over the session: one figure for each round."""
    from napari_ptx.figures import times_figure

    found = []
    for round_, table in facts.times.groupby("round"):
        figure = times_figure(table, note=facts.note)
        found.append(inline(figure, f"Active time in round {round_}"))
    return found
