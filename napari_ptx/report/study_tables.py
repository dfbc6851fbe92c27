"""The tables of a study's report, as texts: readers, protocol, progress, times, disagreement."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from napari_ptx.report.page import NONE, Grid, counted, interval, number, plain
from napari_ptx.report.study_facts import StudyFacts
from napari_ptx.roi import MEASURANDS
from napari_ptx.stats.icc import FORMS
from napari_ptx.study.amendments import changes
from napari_ptx.study.history import active_times
from napari_ptx.study.protocol import Protocol

LABELS = {measurand.name: measurand.label for measurand in MEASURANDS}

UNTOLD = "not described"


def texts(*cells: str) -> tuple[tuple[str, ...], ...]:
    """Make a row of plain cells."""
    return tuple((cell,) for cell in cells)


def readers(facts: StudyFacts) -> Grid:
    """Say who the readers and the adjudicator were."""
    protocol = facts.protocol
    people = [(name, "reader") for name in protocol.readers]
    if protocol.adjudicator:
        people.append((protocol.adjudicator, "adjudicator"))
    rows = []
    for name, part in people:
        known = protocol.description(name)
        years = UNTOLD if known.years is None else f"{known.years:g}"
        rows.append(texts(name, part, known.role or UNTOLD, years, known.training or UNTOLD))
    return Grid(
        ("Name", "Part", "Role", "Years of experience", "Training for this study"), tuple(rows)
    )


# What a field of the protocol is called, and how its value reads.
_FIELDS: dict[str, tuple[str, Callable[[Protocol], str]]] = {
    "design": (
        "Design",
        lambda p: (
            "Independent readings"
            if p.design == "independent"
            else "Unaided first, and locked; then with a model's outline"
        ),
    ),
    "readers": ("Readers", lambda p: ", ".join(p.readers)),
    "reread": (
        "Second reading",
        lambda p: f"{counted(p.reread, 'case')} by each reader" if p.reread else "No",
    ),
    "reread_draw": (
        "Drawn by the program",
        lambda p: (
            "At random, the same cases for each reader"
            if p.reread_draw == "random"
            else "At random within each label, the same cases for each reader"
        ),
    ),
    "washout_days": ("Washout", lambda p: counted(p.washout_days, "day")),
    "ask_seen": (
        "Readers asked whether they remember a case",
        lambda p: "Yes, in the second round" if p.ask_seen else "No",
    ),
    "seed": ("Seed of orders, codes and draws", lambda p: str(p.seed)),
    "measurands": (
        "Measurands, the first above all",
        lambda p: ", ".join(LABELS[name].lower() for name in p.measurands),
    ),
    "icc_form": ("Intraclass correlation", lambda p: FORMS[p.icc_form]),
    "icc_threshold": ("Threshold", lambda p: f"{p.icc_threshold:g}"),
    "icc_bound": (
        "What has to clear it",
        lambda p: "The lower 95% limit" if p.icc_bound == "lower" else "The estimate",
    ),
    "tolerance_mm": ("Tolerance of the surface Dice", lambda p: f"{p.tolerance_mm:g} mm"),
    "disagree_dice": (
        "Disagreement by Dice",
        lambda p: NONE if p.disagree_dice is None else f"Below {p.disagree_dice:g}",
    ),
    "disagree_hd95_mm": (
        "Disagreement by HD95",
        lambda p: NONE if p.disagree_hd95_mm is None else f"Above {p.disagree_hd95_mm:g} mm",
    ),
    "disagree_lesions": (
        "Disagreement by the number of lesions",
        lambda p: "Any difference" if p.disagree_lesions else NONE,
    ),
    "adjudicator": ("Adjudicator", lambda p: p.adjudicator or "Nobody"),
    "adjudicate": (
        "Adjudicated",
        lambda p: (
            "Cases that break the rule"
            if p.adjudicate == "disagreements"
            else "All cases read twice"
        ),
    ),
    "adjudicator_repeats": (
        "Cases that come back hidden to the adjudicator",
        lambda p: str(p.adjudicator_repeats),
    ),
    "mask_text": (
        "Text outside the ultrasound region",
        lambda p: "Hidden" if p.mask_text else "Shown as in the image",
    ),
    "idle_seconds": ("Idle after", lambda p: f"{p.idle_seconds:g} s without an event"),
}


def field_name(field: str) -> str:
    """Name a field of the protocol as the page does."""
    return _FIELDS[field][0] if field in _FIELDS else field.replace("_", " ").capitalize()


def field_value(field: str, protocol: Protocol) -> str:
    """Write the value of a field of the protocol."""
    if field in _FIELDS:
        return _FIELDS[field][1](protocol)
    value: Any = protocol.to_json()[field]
    if field == "described":
        return "; ".join(
            f"{person['name']}: {person['role'] or UNTOLD}, "
            f"{UNTOLD if person['years'] is None else format(person['years'], 'g') + ' years'}, "
            f"{person['training'] or UNTOLD}"
            for person in value
        ) or UNTOLD  # fmt: skip
    return plain(value)


def protocol_table(facts: StudyFacts) -> Grid:
    """Give the protocol, and beside it what amendments made of it."""
    first, now = facts.history.original, facts.protocol
    fields = [*_FIELDS, *(field for field in now.to_json() if field not in _FIELDS)]
    fields.remove("described")  # the readers have a section of their own
    if not (first.adjudicator or now.adjudicator):
        fields = [field for field in fields if field not in ("adjudicate", "adjudicator_repeats")]
    changed = set(changes(first, now)) - {"described"}
    heads: tuple[str, ...] = ("Decided", "Before the first reading")
    rows = []
    for field in fields:
        cells = [field_name(field), field_value(field, first)]
        if changed:
            cells.append(field_value(field, now) if field in changed else "as before")
        rows.append(texts(*cells))
    return Grid((*heads, "Now in force") if changed else heads, tuple(rows))


def amendments_table(facts: StudyFacts) -> Grid | None:
    """Give every change of the protocol with its reason; None where there was none."""
    before, rows = facts.history.original, []
    for number_, amendment in enumerate(facts.history.amendments, start=1):
        for field in amendment.changed:
            rows.append(
                texts(
                    str(number_),
                    f"{amendment.at:%Y-%m-%d %H:%M}",
                    amendment.reason,
                    field_name(field),
                    field_value(field, before),
                    field_value(field, amendment.protocol),
                )
            )
        before = amendment.protocol
    if not rows:
        return None
    return Grid(("Amendment", "On (UTC)", "Reason", "Changed", "From", "To"), tuple(rows))


def sessions_table(facts: StudyFacts) -> Grid:
    """Count the cases of each reader and round: assigned, read, not assessable."""
    rows = []
    for entry in facts.status.rounds:
        mine = [r for r in facts.readings if (r.reader, r.round) == (entry.reader, entry.round)]
        why = "; ".join(
            f"{reason} ({count})"
            for (reader, round_, reason), count in facts.refused.items()
            if (reader, round_) == (entry.reader, entry.round)
        )
        refused = sum(not r.assessable for r in mine)
        cell = (str(refused), why) if why else (str(refused),)
        rows.append(
            (
                *texts(entry.reader, str(entry.round), str(entry.total), str(entry.finished)),
                (str(sum(bool(r.outlines) for r in mine)),),
                cell,
                (str(sum(r.origin == "imported" for r in mine)),),
            )
        )
    return Grid(
        ("Reader", "Round", "Assigned", "Finished", "Outlined", "Not assessable", "Imported"),
        tuple(rows),
        "Outlined and not assessable count the latest revision of each reading; a case that was "
        "changed after it was finished counts as finished again only when the reader says so.",
    )


def progress_table(facts: StudyFacts) -> Grid:
    """Give when each round was opened, worked at and closed."""
    happened = {(e.reader, e.round, e.kind): e for e in facts.history.events}
    worked = {(w.reader, w.round): w for w in facts.history.at_work}
    rows = []
    for entry in facts.status.rounds:
        key = entry.reader, entry.round
        opened = happened.get((*key, "opened")) or happened.get((*key, "opened early"))
        closed = happened.get((*key, "closed"))
        work = worked.get(key)
        state = entry.state
        if entry.state == "sealed" and entry.opens_on:
            state_text = f"sealed until {entry.opens_on:%Y-%m-%d}"
        elif entry.state == "waiting":
            state_text = f"waiting for round {entry.round - 1}"
        else:
            state_text = str(state)
        opening = f"{opened.at:%Y-%m-%d %H:%M}" if opened else NONE
        early = (opening, "before its date") if entry.early_reason else ()
        rows.append(
            (
                *texts(*map(str, key)),
                early or (opening,),
                (f"{work.first:%Y-%m-%d}" if work else NONE,),
                (f"{work.last:%Y-%m-%d}" if work else NONE,),
                (str(work.days) if work else NONE,),
                (f"{closed.at:%Y-%m-%d %H:%M}" if closed else NONE,),
                (state_text,),
            )
        )
    return Grid(
        ("Reader", "Round", "Opened", "First at work", "Last at work", "Days at work", "Closed",
         "State"),
        tuple(rows),
        "Dates and times are UTC. Imported readings are not work at a desk.",
    )  # fmt: skip


def times_table(facts: StudyFacts) -> Grid | None:
    """Give the active time per case of each session; None where nothing was drawn here."""
    if facts.times.empty:
        return None
    rows = []
    for time in active_times(facts.history.work):
        session = f"{time.reader}, round {time.round}"
        table = facts.times[facts.times["session"] == session].sort_values("position")
        ordered = table["seconds"].to_numpy(dtype=float)
        third = max(1, len(ordered) // 3)
        rows.append(
            texts(
                session,
                str(time.cases),
                number(time.median, 1),
                interval(time.q1, time.q3, 1),
                number(float(np.median(ordered[:third])), 1),
                number(float(np.median(ordered[-third:])), 1),
                number(float(ordered.sum()) / 60.0, 1),
            )
        )
    return Grid(
        ("Session", "Cases", "Median (s)", "Quartiles (s)", "First third (s)", "Last third (s)",
         "Together (min)"),
        tuple(rows),
        f"Active time: without what follows {facts.protocol.idle_seconds:g} s without an event, "
        "all revisions of a case together. Imported readings have none.",
    )  # fmt: skip


def disagreements_table(facts: StudyFacts) -> Grid | None:
    """List the pairs of first readings that break the rule; None where none does."""
    rows = [
        texts(
            pair.case,
            f"{pair.first} – {pair.second}",
            number(pair.dice),
            NONE if pair.hd95_mm is None else number(pair.hd95_mm, 2),
            f"{pair.lesions_first} – {pair.lesions_second}",
            ", ".join(pair.broken),
            "settled" if pair.case in facts.settled else "open",
        )
        for pair in facts.pairs
        if pair.broken
    ]
    if not rows:
        return None
    return Grid(
        ("Case", "Readers", "Dice", "HD95 (mm)", "Lesions", "Breaks the rule by", "Adjudication"),
        tuple(rows),
        "∞: one reader has no outline. A dash: the outlines are not calibrated, and their "
        "distance is not known in mm.",
    )


def decisions_table(facts: StudyFacts) -> Grid | None:
    """List what the adjudicator decided; None where nothing was."""
    if facts.decisions.empty:
        return None
    rows = [
        texts(
            str(row["case"]),
            plain(row["reasons"]),
            _measure(row["dice"], 3),
            _measure(row["hd95"], 2),
            plain(row["outcome"]),
            plain(row["reason"]),
            _measure(row["seconds"], 1),
        )
        for row in facts.decisions.to_dict("records")
    ]
    return Grid(
        ("Case", "In the queue for", "Dice", "HD95 (mm)", "Outcome", "Reason", "Active time (s)"),
        tuple(rows),
    )


def outcomes_table(facts: StudyFacts) -> Grid | None:
    """Count the outcomes of adjudication; None where there are none."""
    if facts.decisions.empty:
        return None
    counts = facts.decisions["outcome"].astype(str).value_counts()
    return Grid(("Outcome", "Cases"), tuple(texts(str(k), str(v)) for k, v in counts.items()))


def calibrations_table(facts: StudyFacts) -> Grid:
    """Count the cases whose images are calibrated, in part or whole."""
    found = {"Whole image in mm": 0, "Parts of the image in mm": 0, "Pixels only": 0}
    for case in facts.cases.values():
        kind = (
            "Whole image in mm"
            if case.spacing is not None
            else "Parts of the image in mm"
            if case.regions
            else "Pixels only"
        )
        found[kind] += 1
    return Grid(("Scale", "Cases"), tuple(texts(name, str(count)) for name, count in found.items()))


def hashes_table(facts: StudyFacts) -> Grid:
    """Give what tells this record from any other: the study's hash, each chain's last link."""
    rows = [("The study as it was made", facts.history.study_hash)]
    rows += [(f"Last of {name}", text) for name, text in facts.history.heads.items()]
    return Grid(("Chain", "SHA-256"), tuple(texts(*row) for row in rows))


def _measure(value: Any, decimals: int) -> str:
    return NONE if value is None else number(float(value), decimals)


def to_text(value: Any) -> str:
    """Write a value into a CSV cell: lists as JSON, nothing as nothing."""
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else str(value)
