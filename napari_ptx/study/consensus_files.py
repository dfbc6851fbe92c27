"""Writing the consensus: a cohort table that ``us crop``, ``us features`` and ``us train`` take.

::

    cohort.csv        one row per settled case with an outline: case, patient, image, roi,
                      label and the other columns of the study's cohort, and where the
                      outline comes from
    imagej/CASE.zip   the outlines (RoiSet)
    masks/CASE.png    255 inside, 0 outside; CASE_frame003.png by frame
    left_out.csv      cases without an outline, and why
    decisions.csv     every decision of the adjudicator
    consensus.json    method, protocol, counts, versions, hashes of readings and files
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ptx.child import Progress
from napari_ptx.roi import rasterise, write_imagej, write_mask
from napari_ptx.study.adjudication_status import AdjudicationStatus
from napari_ptx.study.adjudicator_agreement import own_agreement
from napari_ptx.study.consensus import Consensus
from napari_ptx.study.paths import file_stems
from napari_ptx.study.types import StudyError

if TYPE_CHECKING:
    from napari_ptx.study.study import Study

FORMAT = "napari-ptx consensus 1"
_ORIGIN = ("consensus", "method", "agreement_dice", "agreement_hd95", "unit", "reason")
_HEAD = ("case", "patient", "image", "roi", "masks")
_DECISION = (
    *("case", "code", "repeat", "outcome", "reader_taken", "reason", "first", "second"),
    *("dice_before", "hd95_before", "unit", "at", "seconds", "revised", "in_force"),
)


def write_consensus(
    study: Study,
    folder: str | Path,
    method: str | None = None,
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the consensus of a study into a new or empty folder, whole or not at all.

    Returns
    -------
    dict
        What ``consensus.json`` says, without the lists of hashes: "folder", "method",
        "cases" (origin to how many), "written", "left_out", "own_agreement".

    Raises
    ------
    StudyError
        If a folder has files already, cannot be written, or the method does not fit.
    """
    folder = Path(folder).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StudyError(f"{folder} is not an empty folder; choose another.")
    settled = study.consensus(method, progress=progress)
    if not any(one.outlines for one in settled):
        raise StudyError(
            f"No case of the study {study.name} has a settled outline yet; let two readers finish "
            "their first round, and the adjudicator decide."
        )
    status = study.adjudication()
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    try:
        draft.mkdir(parents=True)
        about = _write(study, settled, status, draft, folder, method)
        if folder.exists():
            folder.rmdir()
        draft.rename(folder)
    except OSError as error:
        raise StudyError(
            f"{folder} cannot be written ({error.strerror or error}); choose another folder."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return {"folder": str(folder), **about}


def _write(
    study: Study,
    settled: Sequence[Consensus],
    status: AdjudicationStatus,
    draft: Path,
    folder: Path,
    method: str | None,
) -> dict[str, Any]:
    kept = [one for one in settled if one.outlines]
    extra = list(dict.fromkeys(name for one in kept for name in one.case.extra))
    # A reference outline has the name of ours; it stays the truth under another.
    named = {name: f"reference_{name}" if name in (*_HEAD, *_ORIGIN) else name for name in extra}
    stems = file_stems([one.case.case for one in kept])
    (draft / "imagej").mkdir()
    (draft / "masks").mkdir()
    rows = []
    for one in kept:
        row = _outlined(one, stems[one.case.case], draft, folder)
        others = {named[name]: _cell(one.case.extra.get(name)) for name in extra}
        rows.append({**row, **others})
    _csv(draft / "cohort.csv", (*_HEAD, *named.values(), *_ORIGIN), rows)
    left = [one for one in settled if not one.outlines]
    _csv(
        draft / "left_out.csv",
        ("case", "patient", "why", "reason"),
        (
            {
                "case": one.case.case,
                "patient": one.case.patient,
                "why": "not settled" if one.origin == "open" else "not assessable",
                "reason": one.reason,
            }
            for one in left
        ),
    )
    _csv(draft / "decisions.csv", _DECISION, decision_rows(status))
    own = own_agreement(status.decisions, {case.case: case for case in study.cases()})
    about = {
        "method": next((one.method for one in settled if one.origin != "adjudicated"), method),
        "cases": dict(Counter(one.origin for one in settled)),
        "written": len(kept),
        "left_out": len(left),
        "not_settled": sum(one.origin == "open" for one in settled),
        "own_agreement": own.to_json(),
    }
    files = sorted(path for path in draft.rglob("*") if path.is_file())
    whole = {
        "format": FORMAT,
        "study": study.name,
        "uid": study.uid,
        **about,
        "rule": status.rule,
        "protocol": study.protocol.to_json(),
        "conventions": {
            "coordinates": "pixel centres are at integers; y down, x right; frames from 0",
            "masks": "255 where a pixel's centre is inside",
        },
        "versions": {"napari-ptx": version("napari-ptx"), "python": platform.python_version()},
        "readings": {one.case.case: dict(one.readings) for one in settled},
        "images": {one.case.case: one.case.sha256 for one in settled},
        "files": {
            path.relative_to(draft).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        },
    }
    (draft / "consensus.json").write_text(json.dumps(whole, indent=2), encoding="utf-8")
    return about


def _outlined(one: Consensus, stem: str, draft: Path, folder: Path) -> dict[str, Any]:
    """Write the outlines of a case and give its row of the cohort."""
    case = one.case
    roi = Path("imagej", f"{stem}.zip")
    write_imagej(draft / roi, one.outlines)
    masks = []
    for frame in sorted({outline.frame for outline in one.outlines}):
        ending = f"_frame{frame:03d}" if case.frames > 1 else ""
        mask = Path("masks", f"{stem}{ending}.png")
        write_mask(draft / mask, rasterise(one.outlines, case.shape, frame))
        masks.append(mask.as_posix())
    apart = one.difference.numbers if one.difference else {}
    return {
        "case": case.case,
        "patient": case.patient,
        "image": _relative(case.image, folder),
        "roi": roi.as_posix(),
        "masks": ";".join(masks),
        "consensus": one.origin,
        "method": one.method,
        "agreement_dice": _cell(apart.get("dice")),
        "agreement_hd95": _cell(apart.get("hd95")),
        "unit": _cell(apart.get("unit")),
        "reason": one.reason,
    }


def decision_rows(status: AdjudicationStatus) -> list[dict[str, Any]]:
    """Give every decision as a row of ``decisions.csv``."""
    held = {
        made.number for one in status.queue if (made := status.decision_on(one)) and made.current
    }
    return [
        {
            "case": made.entry.case,
            "code": made.entry.code,
            "repeat": int(made.entry.repeat),
            "outcome": made.outcome,
            "reader_taken": made.reader or "",
            "reason": made.reason,
            "first": made.entry.readers[0],
            "second": made.entry.readers[1],
            "dice_before": made.entry.dice,
            "hd95_before": _cell(made.entry.hd95),
            "unit": made.entry.unit,
            "at": made.at.isoformat(),
            "seconds": round(made.seconds, 3),
            "revised": int(made.revised),
            "in_force": int(made.number in held),
        }
        for made in status.decisions
    ]


def _relative(image: Path, folder: Path) -> str:
    """Give the path of an image from the folder, or absolute where there is no way."""
    try:
        return Path(os.path.relpath(image, folder)).as_posix()
    except ValueError:  # another drive
        return image.as_posix()


def _cell(value: object) -> object:
    return "" if value is None else value


def _csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    # A mark of byte order tells Excel that names are UTF-8.
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.DictWriter(file, columns, restval="")
        table.writeheader()
        table.writerows(rows)
