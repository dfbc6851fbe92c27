"""The report of a reader study: one HTML page, its tables, and what made them.

::

    report.html        the page; it needs no other file and no network
    tables/*.csv       every number of it, by comparison, case and reading
    report.json        configuration, versions, hashes of the record, images and files

It is the coordinator's: it names cases, readers and outlines, and no reader's session may
open it.
"""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.report import claim_items, grras_items, study_agreement, study_tables
from napari_ptx.report.checklist import Answer, by_section, count
from napari_ptx.report.folder import write_folder
from napari_ptx.report.page import counted, moment, render, settings
from napari_ptx.report.study_checklists import CLEARR_AI, SECTIONS, claim, grras
from napari_ptx.report.study_facts import StudyFacts, gather
from napari_ptx.report.study_flow import draw_flow, draw_times
from napari_ptx.study.times import Clock, utc_now
from napari_ptx.study.types import StudyError

if TYPE_CHECKING:
    from napari_ptx.study.study import Study

FORMAT = "napari-ptx study report 1"
PAGE = "report.html"
_LIST = "report.json"


def study_report(
    study: Study,
    folder: str | Path,
    *,
    decisions: pd.DataFrame | None = None,
    images: bool = False,
    replicates: int = 2000,
    clock: Clock = utc_now,
    progress: Progress | None = None,
) -> list[Path]:
    """Write the report of a study into a folder, whole or not at all.

    Parameters
    ----------
    folder
        New, empty, or with an earlier report that nobody has changed.
    decisions
        What the adjudicator decided: the columns of ``study_decisions.COLUMNS``.
    images
        Read every image, too, when the record is checked.
    replicates
        Of the bootstrap by patient.
    clock
        Gives the present.
    progress
        ``progress(done, total, text)``.

    Returns
    -------
    list of Path
        The files; the first is the page.

    Raises
    ------
    StudyError
        If the folder holds anything else or cannot be written.
    """

    def write(draft: Path) -> dict[str, Any]:
        facts = gather(
            study,
            made=clock(),
            decisions=decisions,
            images=images,
            replicates=replicates,
            progress=progress,
        )
        (draft / PAGE).write_text(
            render("study.html.jinja", _content(facts, progress)), encoding="utf-8", newline="\n"
        )
        _write_tables(facts, draft / "tables")
        return _about(facts)

    files = write_folder(Path(folder), _LIST, FORMAT, write, StudyError)
    return sorted(files, key=lambda path: path.name != PAGE)


def _content(facts: StudyFacts, progress: Progress | None) -> dict[str, Any]:
    answers = {"grras": grras(facts), "claim": claim(facts)}
    return {
        "facts": facts,
        "made": moment(facts.made),
        "created": moment(facts.history.created_at),
        "version": version("napari-ptx"),
        "nav": [(id_, name) for id_, name in SECTIONS.items()],
        "headline": study_agreement.headline(facts),
        "warnings": _warnings(facts),
        "verified": _verified(facts),
        "flow": draw_flow(facts),
        "sessions": study_tables.sessions_table(facts),
        "calibrations": study_tables.calibrations_table(facts),
        "readers": study_tables.readers(facts),
        "protocol": study_tables.protocol_table(facts),
        "amendments": study_tables.amendments_table(facts),
        "progress": study_tables.progress_table(facts),
        "times": study_tables.times_table(facts),
        "time_pictures": draw_times(facts),
        "agreement": study_agreement.tables(facts),
        "overlap": study_agreement.overlap_table(facts),
        "aid": study_agreement.aid_tables(facts),
        "pictures": study_agreement.draw(facts, progress),
        "disagreements": study_tables.disagreements_table(facts),
        "decisions": study_tables.decisions_table(facts),
        "outcomes": study_tables.outcomes_table(facts),
        "hashes": study_tables.hashes_table(facts),
        "versions": settings(_versions(facts)),
        "checklists": {
            name: {"sections": by_section(found), "tally": count(found), "items": len(found)}
            for name, found in answers.items()
        },
        "references": {
            "grras": grras_items.REFERENCE,
            "claim": claim_items.REFERENCE,
            "clearr": CLEARR_AI,
        },
        "states": {"known": "from the record", "partly": "in part", "open": "open"},
    }


def _verified(facts: StudyFacts) -> str:
    what = "The record and the images" if facts.images_checked else "The record"
    if facts.problems:
        was = "were" if facts.images_checked else "was"
        return f"{what} {was} checked on {moment(facts.made)}: {_problems(facts)} found."
    verb = "fit" if facts.images_checked else "fits"
    return f"{what} {verb} every hash, checked on {moment(facts.made)}."


def _problems(facts: StudyFacts) -> str:
    return counted(len(facts.problems), "problem")


def _warnings(facts: StudyFacts) -> list[str]:
    """Give what has to be read with the results."""
    described = [facts.protocol.description(name).complete for name in facts.protocol.readers]
    unfinished = sum(entry.total - entry.finished for entry in facts.status.rounds)
    made = len(facts.history.amendments)
    found = [problem.text for problem in facts.problems]
    found += [
        f"{session} was opened before its washout was over: {reason}"
        for session, reason in facts.early
    ]
    if made:
        found.append(f"The protocol was amended {'once' if made == 1 else f'{made} times'}.")
    if unfinished:
        found.append(f"{counted(unfinished, 'assigned reading')} not finished: results may change.")
    if not all(described):
        found.append("The record does not say the role, years and training of every reader.")
    found += facts.status.warnings
    found += _uncalibrated(facts)
    found += facts.agreement.notes if facts.agreement is not None else (facts.why_not,)
    return found


def _uncalibrated(facts: StudyFacts) -> list[str]:
    """Say where the protocol means millimetres that the images do not have."""
    protocol, found = facts.protocol, []
    if facts.agreement is not None and facts.agreement.settings["unit"] != "mm":
        found.append(
            f"The protocol's tolerance of the surface Dice is {protocol.tolerance_mm:g} mm; it was "
            f"taken as {protocol.tolerance_mm:g} px, as the comparisons are in pixels."
        )
    unknown = sum(pair.hd95_mm is None for pair in facts.pairs)
    if protocol.disagree_hd95_mm is not None and unknown:
        found.append(
            f"The protocol's limit of the HD95 could not be applied to {counted(unknown, 'pair')} "
            "of readings, which are not calibrated."
        )
    return found


def _versions(facts: StudyFacts) -> dict[str, str]:
    return {
        "napari-ptx": version("napari-ptx"),
        "made the study": facts.history.made_with,
        "Python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scipy", "pandas", "matplotlib")},
    }


def _write_tables(facts: StudyFacts, folder: Path) -> None:
    frames: dict[str, pd.DataFrame] = {
        "pairs": pd.DataFrame([asdict(pair) for pair in facts.pairs]),
        "decisions": facts.decisions,
        "work": pd.DataFrame([asdict(work) for work in facts.history.work]),
        "checklists": _checklist_rows(facts),
    }
    if facts.agreement is not None:
        frames |= {
            "inter": facts.agreement.inter,
            "intra": facts.agreement.intra,
            "overlap": facts.agreement.overlap,
            "overlap_summary": facts.agreement.summary(),
            "values": facts.agreement.values,
        }
    grids = {
        "readers": study_tables.readers(facts),
        "protocol": study_tables.protocol_table(facts),
        "amendments": study_tables.amendments_table(facts),
        "sessions": study_tables.sessions_table(facts),
        "progress": study_tables.progress_table(facts),
        "times": study_tables.times_table(facts),
    }
    if facts.aid is not None:
        frames |= {
            f"aid_{name}": getattr(facts.aid, name) for name in ("cases", "readers", "pairs")
        }
    frames |= {
        name: pd.DataFrame(
            [["; ".join(cell) for cell in row] for row in grid.rows], columns=list(grid.headings)
        )
        for name, grid in grids.items()
        if grid is not None
    }
    folder.mkdir()
    for name, frame in frames.items():
        shown = frame.map(study_tables.to_text) if name == "pairs" else frame
        # A mark of byte order tells Excel that names and units are UTF-8.
        shown.to_csv(folder / f"{name}.csv", index=False, encoding="utf-8-sig")


def _checklist_rows(facts: StudyFacts) -> pd.DataFrame:
    def row(name: str, answer: Answer) -> list[str]:
        item = answer.item
        return [name, item.number, item.about, answer.state, answer.known, answer.missing]

    found = [("GRRAS", grras(facts)), ("CLAIM 2024", claim(facts))]
    return pd.DataFrame(
        [row(name, answer) for name, answers in found for answer in answers],
        columns=pd.Index(["checklist", "item", "about", "state", "known", "authors"]),
    )


def _about(facts: StudyFacts) -> dict[str, Any]:
    result = facts.agreement
    return {
        "study": facts.name,
        "uid": facts.uid,
        "file": facts.path,
        "made": facts.made.isoformat(),
        "data": facts.note or None,
        "protocol": facts.protocol.to_json(),
        "original_protocol": facts.history.original.to_json(),
        "amendments": [
            {"at": a.at.isoformat(), "reason": a.reason, "changed": list(a.changed)}
            for a in facts.history.amendments
        ],
        "status": facts.status.to_json(),
        "verified": {
            "images": facts.images_checked,
            "problems": [asdict(problem) for problem in facts.problems],
        },
        "agreement": result.to_json() if result is not None else None,
        "disagreements": {"cases": list(facts.disagreed), "settled": sorted(facts.settled)},
        "checklists": {
            name: count(answers)
            for name, answers in (("GRRAS", grras(facts)), ("CLAIM 2024", claim(facts)))
        },
        "versions": _versions(facts),
        "record": {"study": facts.history.study_hash, "chains": facts.history.heads},
        "images": {name: case.sha256 for name, case in facts.cases.items()},
    }
