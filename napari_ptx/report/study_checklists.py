"""GRRAS and CLAIM filled from what a study's record knows; the rest is left to the authors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from napari_ptx.report import claim_items, grras_items
from napari_ptx.report.checklist import OPEN, Answer, Item
from napari_ptx.report.page import counted, interval, number
from napari_ptx.report.study_facts import StudyFacts
from napari_ptx.report.study_tables import LABELS
from napari_ptx.stats.icc import FORMS

SECTIONS = {
    "cases": "Cases",
    "readers": "Readers",
    "protocol": "Protocol",
    "progress": "Progress",
    "times": "Times",
    "agreement": "Agreement",
    "disagreement": "Disagreement",
    "record": "Record",
}

CLEARR_AI = (
    "Elfer et al., Reproducible Reporting of the Collection and Evaluation of Annotations for "
    "Artificial Intelligence Models, Modern Pathology 2024;37:100439"
)

_MODEL = "Of a model, not of the readings: from the report of the model run."


class Said(NamedTuple):
    """What is known of an item, what the authors must add, and where the page tells more."""

    known: str = ""
    missing: str = ""
    where: tuple[str, ...] = ()


def grras(facts: StudyFacts) -> list[Answer]:
    """Answer the items of GRRAS."""
    return _answers(grras_items.ITEMS, _grras(facts))


def claim(facts: StudyFacts) -> list[Answer]:
    """Answer the items of CLAIM, 2024 update."""
    return _answers(claim_items.ITEMS, _claim(facts))


def _answers(items: Sequence[Item], said: Mapping[str, Said]) -> list[Answer]:
    found = []
    for item in items:
        known, missing, where = said.get(item.number, Said("", OPEN))
        links = tuple((id_, SECTIONS[id_]) for id_ in where)
        found.append(Answer(item, known, missing, links))
    return found


def _grras(facts: StudyFacts) -> dict[str, Said]:
    imported = _imported(facts)
    return {
        "2": Said(
            f"Closed outlines on the images, drawn in {facts.history.made_with}"
            f"{' or imported' if facts.imported else ''}; measured: {_measured(facts)}.",
            "The scanner and its settings.",
            ("protocol",),
        ),
        "3": Said(_cohort(facts), "Whom these patients stand for.", ("cases",)),
        "4": Said(_roles(facts), "Whom these readers stand for.", ("readers",)),
        "6": Said(_planned(facts), "Why these numbers.", ("protocol", "agreement")),
        "7": Said(
            f"{_drawn(facts)} All cases of the cohort table were assigned to every reader.",
            "How the cases of the cohort and the readers were chosen.",
            ("protocol", "cases"),
        ),
        "8": Said(_process(facts), imported, ("protocol", "progress")),
        "9": Said(
            "A session reaches its own cases only: no other reader's work and no earlier round "
            f"of the reader's own. Order and codes are new in each session.{_early(facts)}",
            imported,
            ("progress", "record"),
        ),
        "10": Said(_analysis(facts), "", ("agreement",)) if facts.agreement else Said("", OPEN),
        "11": Said(_actual(facts), "", ("cases", "progress")),
        "12": Said(
            _roles(facts),
            "" if _complete(facts) and facts.note else _characteristics(facts),
            ("readers", "cases"),
        ),
        "13": Said(_estimates(facts), "", ("agreement",)) if facts.agreement else Said("", OPEN),
        "15": Said(
            "The folder tables/ beside this page has the value of every reading and every pair, "
            "by case.",
            "Where readers of the paper find them.",
            ("record",),
        ),
    }


def _claim(facts: StudyFacts) -> dict[str, Said]:
    protocol, history = facts.protocol, facts.history
    left = sum(entry.total - entry.finished for entry in facts.status.rounds)
    refused = sum(facts.refused.values())
    models = {str(number_): Said("", _MODEL) for number_ in (*range(19, 21), *range(22, 28))}
    evaluation = {str(number_): Said("", _MODEL) for number_ in (28, 30, 31, 32, 33, 37, 38, 39)}
    agreement: dict[str, Said] = {}
    if facts.agreement is not None:
        agreement = {
            "18": Said(_estimates(facts), "", ("agreement",)),
            "29": Said(_analysis(facts), "The same for a model.", ("agreement",)),
        }
    return {
        **models,
        **evaluation,
        **agreement,
        "5": Said(
            f"The readings were planned: the protocol was fixed on {history.created_at:%Y-%m-%d}"
            f"{_amended(facts)}.",
            "Whether the images were collected for this study.",
            ("protocol",),
        ),
        "7": Said(_cohort(facts), "Centres, scanners and dates.", ("cases", "record")),
        "8": Said(
            f"All {len(facts.cases)} cases of the cohort table were assigned.",
            "The criteria by which the table was put together.",
            ("cases",),
        ),
        "9": Said(
            "Readers saw the stored pixels"
            + (", with what lies outside the ultrasound region hidden." if protocol.mask_text
               else " as they are."),
            "What was done before the images came into the study.",
            ("protocol",),
        ),
        "10": Said(_drawn(facts), "", ("protocol",)) if protocol.reread else Said("", OPEN),
        "11": Said(
            "Readers saw codes that are new in each session, and no names, dates, file names or "
            "clinical data.",
            "How identities were removed from the files.",
            ("protocol",),
        ),
        "12": Said(
            f"Nothing was imputed: a comparison has the cases that both readings outlined. "
            f"{counted(refused, 'reading')} called a case not assessable; "
            f"{counted(left, 'assigned reading')} {'is' if left == 1 else 'are'} not finished.",
            "",
            ("cases",),
        ),
        "13": Said(_calibrated(facts), "Scanners, probes and settings.", ("cases",)),
        "14": Said(_reference(facts), "How the outlines became one reference standard."
                   if facts.decisions.empty else "", ("protocol", "disagreement")),
        "16": Said(
            _roles(facts),
            "" if _complete(facts) else "Role, experience and training of all of them.",
            ("readers",),
        ),
        "17": Said(
            "All cases were read in the same way, whatever they serve for later.",
            "Which of them are the test set.",
            ("protocol",),
        ),
        "21": Said(_planned(facts), "Why these numbers; the size that testing needs.",
                   ("protocol", "agreement")),
        "35": Said(_flow(facts), "Who was left out before the cohort table was made.", ("cases",)),
        "42": Said(
            f"The protocol and its amendments are in this page; SHA-256 of the study as it was "
            f"made: {history.study_hash[:16]}….",
            "Where it is published.",
            ("protocol", "record"),
        ),
        "43": Said(
            "Software: napari-ptx, open source (BSD-3).",
            "Who can have the data and a model.",
            ("record",),
        ),
    }  # fmt: skip


def _imported(facts: StudyFacts) -> str:
    if not facts.imported:
        return ""
    return (
        f"How {facts.imported} imported readings were made: the program was not there to keep them "
        "blind."
    )


def _measured(facts: StudyFacts) -> str:
    return ", ".join(LABELS[name].lower() for name in facts.protocol.measurands)


def _cohort(facts: StudyFacts) -> str:
    note = f" The record says: {facts.note}." if facts.note else ""
    return f"{len(facts.cases)} cases of {counted(facts.patients, 'patient')}.{note}"


def _roles(facts: StudyFacts) -> str:
    told = []
    for name in facts.protocol.readers:
        known = facts.protocol.description(name)
        parts = [known.role, "" if known.years is None else f"{known.years:g} years"]
        if any(parts):
            told.append(f"{name}: {', '.join(filter(None, parts))}")
    return f"{'; '.join(told)}." if told else ""


def _complete(facts: StudyFacts) -> bool:
    return all(facts.protocol.description(name).complete for name in facts.protocol.readers)


def _characteristics(facts: StudyFacts) -> str:
    readers = "" if _complete(facts) else "Role, experience and training of every reader; "
    return f"{readers}the characteristics of the cases.".capitalize()


def _planned(facts: StudyFacts) -> str:
    protocol = facts.protocol
    text = (
        f"{counted(len(protocol.readers), 'reader')}, {len(facts.cases)} cases"
        f"{f', {protocol.reread} of them read again by each reader' if protocol.reread else ''}."
    )
    if facts.agreement is not None:
        rows = facts.agreement.rows
        needed = rows[rows["needed"].notna()]["needed"]
        if len(needed):
            low, high = float(needed.min()), float(needed.max())
            span = number(low) if number(low) == number(high) else interval(low, high)
            text += (
                f" With the cases that could be compared, a lower limit of "
                f"{protocol.icc_threshold:g} needs an observed ICC of {span}."
            )
    return text


def _drawn(facts: StudyFacts) -> str:
    protocol = facts.protocol
    if not protocol.reread:
        return "No case was read again."
    how = "at random" if protocol.reread_draw == "random" else "at random within each label"
    return (
        f"The program drew {counted(protocol.reread, 'case')} {how} (seed {protocol.seed}) to be "
        "read again, the same for each reader."
    )


def _process(facts: StudyFacts) -> str:
    protocol = facts.protocol
    text = (
        "Readers saw the images alone: no clinical data, no pathology, no prediction, no other "
        "reader's work, in a random order of their own. "
        if protocol.design == "independent"
        else "Each case was read without help and locked before a model's outline was shown. "
    )
    if protocol.reread:
        text += f"The second reading was sealed for {counted(protocol.washout_days, 'day')}"
        if facts.intervals:
            low, middle, high = np.quantile(facts.intervals, [0.0, 0.5, 1.0])
            text += (
                f"; between the readings of a case lay {middle:.0f} days "
                f"({low:.0f} to {high:.0f}), median and range"
            )
        text += "."
    return text + _early(facts)


def _early(facts: StudyFacts) -> str:
    if not facts.early:
        return ""
    told = "; ".join(f"{session} ({reason})" for session, reason in facts.early)
    return f" Opened before the washout was over: {told}."


def _amended(facts: StudyFacts) -> str:
    made = len(facts.history.amendments)
    return f" and amended {'once' if made == 1 else f'{made} times'}" if made else ""


def _analysis(facts: StudyFacts) -> str:
    protocol = facts.protocol
    assert facts.agreement is not None
    settings = facts.agreement.settings
    bound = "lower limit" if protocol.icc_bound == "lower" else "estimate"
    return (
        f"{FORMS[protocol.icc_form]} of {_measured(facts)} with "
        f"{settings['confidence']:.0%} intervals (Satterthwaite), also by a bootstrap of patients; "
        f"the {bound} is held against {protocol.icc_threshold:g}. Bias and limits of agreement "
        "(Bland-Altman), Dice, HD95, mean surface distance and surface Dice at "
        f"{settings['tolerance']:g} {settings['unit']}."
    )


def _actual(facts: StudyFacts) -> str:
    readers = len({reading.reader for reading in facts.readings})
    cases = len({reading.case for reading in facts.readings})
    again = sum(reading.round == 2 for reading in facts.readings)
    return (
        f"{counted(readers, 'reader')} finished {counted(len(facts.readings), 'reading')} of "
        f"{counted(cases, 'case')}, {again} of them second readings."
    )


def _estimates(facts: StudyFacts) -> str:
    assert facts.agreement is not None
    first = facts.protocol.measurands[0]
    told = []
    for row in facts.agreement.rows.to_dict("records"):
        if row["measurand"] == first and row["name"]:
            told.append(
                f"{row['comparison']} {number(row['icc'])} ({interval(row['low'], row['high'])})"
            )
    return f"ICC of {LABELS[first].lower()}: {'; '.join(told)}." if told else ""


def _calibrated(facts: StudyFacts) -> str:
    found = sum(case.spacing is not None or bool(case.regions) for case in facts.cases.values())
    return f"{found} of {len(facts.cases)} images have a calibration in mm."


def _reference(facts: StudyFacts) -> str:
    protocol = facts.protocol
    text = f"Independent outlines by {counted(len(protocol.readers), 'reader')}"
    if protocol.adjudicator:
        text += f"; {protocol.adjudicator} settles "
        text += "disagreements" if protocol.adjudicate == "disagreements" else "every case"
        text += f", and has settled {counted(len(facts.settled), 'case')}"
    return f"{text}."


def _flow(facts: StudyFacts) -> str:
    read = len({pair.case for pair in facts.pairs})
    return (
        f"{len(facts.cases)} cases of {counted(facts.patients, 'patient')} assigned; {read} read "
        "by two readers or more."
    )
