"""Handing a study's readings out: one CSV, ImageJ ROI sets, masks, and what made them.

::

    readings.csv                    one row per reading, with its measurements
    imagej/A_round1/CASE.zip        RoiSet
    masks/A_round1/CASE.png         255 inside, 0 outside; CASE_frame003.png by frame
    study.json                      protocol, versions, hashes of images and files
"""

from __future__ import annotations

import csv
import hashlib
import json
import platform
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ptx.child import Progress
from napari_ptx.roi import MEASURANDS, RoiError, measure, rasterise, write_imagej, write_mask
from napari_ptx.study.types import CaseInfo, Reading, StudyError

if TYPE_CHECKING:
    from napari_ptx.study.study import Study

FORMAT = "napari-ptx study export 1"
_LIST = "study.json"
_COLUMNS = (
    *("case", "patient", "reader", "round", "revision", "origin", "assessable", "reason"),
    *("lesions", "frames", "unit", *(measurand.name for measurand in MEASURANDS)),
    *("active_seconds", "finished_at", "roi", "masks", "aided", "recalled"),
)


def export(study: Study, folder: Path, *, progress: Progress | None = None) -> list[Path]:
    """Write the latest readings of a study; see ``Study.export``."""
    folder = folder.absolute()
    _check_target(folder)
    draft = folder.with_name(f".{folder.name}.{getpid()}.new")
    old = folder.with_name(f".{folder.name}.{getpid()}.old")
    try:
        draft.mkdir(parents=True)
        names = _write(study, draft, progress)
        _check_target(folder)
        if folder.exists():
            folder.rename(old)
        draft.rename(folder)
    except OSError as error:
        raise StudyError(
            f"{folder} cannot be written ({error.strerror or error}); choose another folder."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
    return [folder / name for name in names]


def _check_target(folder: Path) -> None:
    """Refuse to replace anything but an export that nobody has changed or added to."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise StudyError(f"{folder} is a file; choose a folder.")
    there = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    if not there:
        return
    try:
        made = json.loads((folder / _LIST).read_bytes())
        ours = dict(made["files"]) if made["format"] == FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError):
        ours = {}
    for name, path in sorted(there.items()):
        if name != _LIST and ours.get(name) != _sha256(path):
            raise StudyError(
                f"{folder} is not empty, and no export has written {name} as it is now; choose "
                "an empty folder or move the file away."
            )
    if not ours:
        raise StudyError(f"{folder} is not empty; choose an empty folder.")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if not path.is_dir())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(study: Study, folder: Path, progress: Progress | None) -> list[str]:
    cases = {case.case: case for case in study.cases()}
    stems = _file_stems([*cases])
    folders = {
        (reader, round_): f"{stem}_round{round_}"
        for reader, stem in _file_stems(study.readers).items()
        for round_ in study.protocol.rounds
    }
    readings = study.readings(aided=None)
    # A mark of byte order tells Excel that names are UTF-8.
    with (folder / "readings.csv").open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.DictWriter(file, _COLUMNS, restval="")
        table.writeheader()
        for done, reading in enumerate(readings):
            place = folders[reading.reader, reading.round] + ("_aided" if reading.aided else "")
            table.writerow(
                _write_reading(folder, place, stems[reading.case], reading, cases[reading.case])
            )
            if progress is not None:
                progress(done + 1, len(readings), f"Writing reading {done + 1} of {len(readings)}")
    names = [path.relative_to(folder).as_posix() for path in _files(folder)]
    about = {
        "format": FORMAT,
        "study": study.name,
        "uid": study.uid,
        "protocol": study.protocol.to_json(),
        "status": study.status().to_json(),
        "conventions": {
            "coordinates": "pixel centres are at integers; y down, x right; frames from 0",
            "masks": "255 where a pixel's centre is inside",
            "measurements": "of the outlines (not the masks), in the row's unit",
        },
        "versions": {
            "napari-ptx": version("napari-ptx"),
            "python": platform.python_version(),
        },
        "images": {
            case.case: {"sha256": case.sha256, "shape": case.shape, "spacing": case.spacing}
            for case in cases.values()
        },
        "files": {name: _sha256(folder / name) for name in names},
    }
    (folder / _LIST).write_text(json.dumps(about, indent=2), encoding="utf-8")
    return [*names, _LIST]


def _write_reading(
    folder: Path, place: str, stem: str, reading: Reading, case: CaseInfo
) -> dict[str, Any]:
    """Write the files of one reading and give its row of the table."""
    row: dict[str, Any] = {
        "case": reading.case,
        "patient": reading.patient,
        "reader": reading.reader,
        "round": reading.round,
        "revision": reading.revision,
        "origin": reading.origin,
        "assessable": int(reading.assessable),
        "reason": reading.reason or "",
        "lesions": len(reading.outlines),
        "active_seconds": round(reading.active_seconds, 3),
        "finished_at": reading.finished_at.isoformat(),
        "aided": int(reading.aided),
        "recalled": "" if reading.recalled is None else int(reading.recalled),
    }
    if not reading.outlines:
        return row
    roi = Path("imagej", place, f"{stem}.zip")
    (folder / roi).parent.mkdir(parents=True, exist_ok=True)
    write_imagej(folder / roi, reading.outlines)
    frames = sorted({outline.frame for outline in reading.outlines})
    masks = []
    for frame in frames:
        ending = f"_frame{frame:03d}" if case.frames > 1 else ""
        mask = Path("masks", place, f"{stem}{ending}.png")
        (folder / mask).parent.mkdir(parents=True, exist_ok=True)
        write_mask(folder / mask, rasterise(reading.outlines, case.shape, frame))
        masks.append(mask.as_posix())
    row |= {"frames": ";".join(map(str, frames)), "roi": roi.as_posix(), "masks": ";".join(masks)}
    try:
        measured = measure(reading.outlines, case.spacing_of(reading.outlines))
    except RoiError:
        # A line that encloses nothing is a reading, but has no area to measure.
        return row
    row["unit"] = measured.unit
    row |= {measurand.name: getattr(measured, measurand.name) for measurand in MEASURANDS}
    return row


def _file_stems(names: tuple[str, ...] | list[str]) -> dict[str, str]:
    """Give each name one that every file system takes, and that no other name has."""
    stems: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        stem = base = re.sub(r"[^\w.-]+", "_", name).strip(".") or "_"
        count = 1
        while stem.casefold() in taken:
            count += 1
            stem = f"{base}-{count}"
        taken.add(stem.casefold())
        stems[name] = stem
    return stems
