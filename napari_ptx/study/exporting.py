"""Handing a study's readings out, in the formats that are asked for, and what made them.

::

    readings.csv                    one row per reading, with its measurements
    readings_long.csv               one row per lesion and measurand
    r/area_mm2.csv                  one row per case, one column per reader and round
    coco.json                       all outlines in one file
    imagej/A_round1/CASE.zip        RoiSet
    masks/A_round1/CASE.png         255 inside, 0 outside; CASE_frame003.png by frame
    nifti/A_round1/CASE.nii.gz      a label per lesion; their names in CASE.json
    nrrd/A_round1/CASE.seg.nrrd     3D Slicer's segmentation
    seg/A_round1/CASE.dcm           DICOM SEG; CASE_frame003.dcm by frame
    sr/A_round1/CASE.dcm            DICOM SR with the measurements
    study.json                      protocol, versions, hashes of images and files, and which
                                    readings a format could not hold, with the reason
"""

from __future__ import annotations

import csv
import hashlib
import json
import platform
import shutil
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ptx.child import Progress
from napari_ptx.roi import MEASURANDS, RoiError, measure
from napari_ptx.roi.outline_set import OutlineSet
from napari_ptx.study import export_tables as tables
from napari_ptx.study.export_formats import WRITERS, Images, Target, check_formats, outline_set
from napari_ptx.study.paths import file_stems
from napari_ptx.study.types import CaseInfo, Reading, StudyError

if TYPE_CHECKING:
    from napari_ptx.study.study import Study

FORMAT = "napari-ptx study export 1"
_LIST = "study.json"
_CELLS = {"imagej": "roi", "masks": "masks"}
"""The formats whose files are named in the table."""
_COLUMNS = (
    *("case", "patient", "reader", "round", "revision", "origin", "assessable", "reason"),
    *("lesions", "frames", "unit", *(measurand.name for measurand in MEASURANDS)),
    *("active_seconds", "finished_at", "roi", "masks", "aided", "recalled"),
)


def export(
    study: Study,
    folder: Path,
    *,
    formats: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write the latest readings of a study; see ``Study.export``."""
    chosen = check_formats(formats)
    folder = folder.absolute()
    _check_target(folder)
    draft = folder.with_name(f".{folder.name}.{getpid()}.new")
    old = folder.with_name(f".{folder.name}.{getpid()}.old")
    try:
        draft.mkdir(parents=True)
        names = _write(study, draft, chosen, progress)
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


def left_out(folder: Path) -> list[str]:
    """Give a sentence for each format of an export that could not hold every reading."""
    listed = json.loads((folder / _LIST).read_bytes())["left_out"]
    by_format: dict[str, list[dict[str, str]]] = {}
    for one in listed:
        by_format.setdefault(one["format"], []).append(one)
    return [
        f"{name}: {'1 reading' if len(ones) == 1 else f'{len(ones)} readings'} left out "
        f"(case {ones[0]['case']}, {ones[0]['set']}: {ones[0]['reason']})"
        for name, ones in by_format.items()
    ]


def _write(
    study: Study, folder: Path, formats: Sequence[str], progress: Progress | None
) -> list[str]:
    cases = {case.case: case for case in study.cases()}
    stems = file_stems([*cases])
    sessions = [(reader, round_) for reader in study.readers for round_ in study.protocol.rounds]
    places = file_stems(study.readers)
    images = Images(study)
    readings = study.readings(aided=None)
    sets: dict[tuple[str, str, int, bool], OutlineSet] = {}
    missing: list[dict[str, str]] = []
    # A mark of byte order tells Excel that names are UTF-8.
    with (folder / "readings.csv").open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.DictWriter(file, _COLUMNS, restval="")
        table.writeheader()
        for done, reading in enumerate(readings):
            case = cases[reading.case]
            row = _row(reading, case)
            if reading.outlines:
                made = outline_set(reading, case)
                sets[reading.case, reading.reader, reading.round, reading.aided] = made
                place = f"{places[reading.reader]}_round{reading.round}"
                place += "_aided" if reading.aided else ""
                target = Target(folder, place, stems[reading.case], case, made, images)
                row |= _write_set(target, formats, missing)
            table.writerow(row)
            if progress is not None:
                progress(done + 1, len(readings), f"Writing reading {done + 1} of {len(readings)}")
    drawn = [reading for reading in readings if reading.outlines]
    if "long" in formats:
        tables.write_long(folder / tables.LONG, drawn, sets)
    if "r" in formats:
        from napari_ptx.study.comparisons import common_unit

        unit, _ = common_unit(drawn, cases) if drawn else ("px", "")
        for aided, name in ((False, tables.R_FOLDER), (True, f"{tables.R_FOLDER}_aided")):
            these = [reading for reading in drawn if reading.aided is aided]
            if these or not aided:
                tables.write_r(folder / name, these, cases, sessions, unit)
    if "coco" in formats:
        about = f"Outlines of the study {study.name}"
        tables.write_pictures(folder / tables.COCO, cases.values(), sets.values(), about)
    return _list(study, folder, formats, missing)


def _write_set(
    target: Target, formats: Sequence[str], missing: list[dict[str, str]]
) -> dict[str, str]:
    """Write one set of outlines in every format; give the cells of the table that name files.

    What a format cannot hold is added to ``missing`` with the reason; nothing of it is left.
    """
    cells = {"frames": ";".join(map(str, target.made.drawn_frames))}
    for name in formats:
        if name not in WRITERS:
            continue
        try:
            files = WRITERS[name](target)
        except (RoiError, StudyError) as error:
            missing.append(
                {
                    "format": name,
                    "case": target.case.case,
                    "set": target.made.name,
                    "reason": error.message,
                }
            )
            continue
        written = ";".join(file.relative_to(target.folder).as_posix() for file in files)
        if name in _CELLS:
            cells[_CELLS[name]] = written
    return cells


def _list(
    study: Study, folder: Path, formats: Sequence[str], missing: Sequence[dict[str, str]]
) -> list[str]:
    """Write down what was written, and from what; give the names of all files."""
    for empty in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(empty.iterdir()):
            empty.rmdir()
    names = [path.relative_to(folder).as_posix() for path in _files(folder)]
    about = {
        "format": FORMAT,
        "study": study.name,
        "uid": study.uid,
        "protocol": study.protocol.to_json(),
        "status": study.status().to_json(),
        "formats": list(formats),
        "left_out": list(missing),
        "conventions": {
            "coordinates": "pixel centres are at integers; y down, x right; frames from 0",
            "corner": "COCO, ImageJ and DICOM SR count from the corner of the first pixel: "
            "half a pixel more",
            "masks": "255 where a pixel's centre is inside",
            "measurements": "of the outlines (not the masks), in the row's unit",
        },
        "versions": {
            "napari-ptx": version("napari-ptx"),
            "python": platform.python_version(),
        },
        "images": {
            case.case: {"sha256": case.sha256, "shape": case.shape, "spacing": case.spacing}
            for case in study.cases()
        },
        "files": {name: _sha256(folder / name) for name in names},
    }
    (folder / _LIST).write_text(json.dumps(about, indent=2), encoding="utf-8")
    return [*names, _LIST]


def _row(reading: Reading, case: CaseInfo) -> dict[str, Any]:
    """Give a reading's row of the table, without the names of files."""
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
    try:
        measured = measure(reading.outlines, case.spacing_of(reading.outlines))
    except RoiError:
        # A line that encloses nothing is a reading, but has no area to measure.
        return row
    row["unit"] = measured.unit
    row |= {measurand.name: getattr(measured, measurand.name) for measurand in MEASURANDS}
    return row
