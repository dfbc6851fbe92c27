"""The phases of a cohort laid on its plain phase, with a residual for each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.ct.data import ONE_PHASE, Exam, read_exams
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.tables import number, read_rows, stop, write_table
from napari_ptx.ct.unfinished import Unfinished, hashes
from napari_ptx.image import Image, ImageError, read_image, write_nifti
from napari_ptx.image.hounsfield import check_hounsfield
from napari_ptx.image.registration import RegistrationError, register, resample_to

TABLE, COHORT = "registration.csv", "cohort.csv"
COLUMNS = ("patient", "phase", "residual_mm", "moved_mm", "verdict", "left_in_place", "matrix")


def register_cohort(
    cohort: Path, out: Path, *, progress: Progress | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """Write each phase on the grid of its patient's plain phase, and a cohort table of them.

    A patient without a plain phase has its others laid on the first of them. Labels and
    anatomy of the phase that stays are kept; those of a phase that is moved are not.

    Parameters
    ----------
    cohort
        CSV ``patient, phase, image[, labels, anatomy, split]``.
    out
        A folder; ``cohort.csv`` in it is the table of the registered phases, and
        ``registration.csv`` has a row for each phase that was laid on another: residual and
        motion in mm, the verdict (good, look, bad), and the matrix that takes a point of the
        phase that stays to the other (mm, LPS, row by row).

    Returns
    -------
    DataFrame, list of str
        ``registration.csv``, and one line for each patient that failed.

    Raises
    ------
    CohortError, CtError
        The table is faulty, or no patient could be registered.
    """
    exams = read_exams(cohort)
    if out.resolve() == cohort.resolve().parent:
        raise CtError(
            f"{out} holds the cohort itself, whose table would be overwritten; choose another "
            "folder."
        )
    out.mkdir(parents=True, exist_ok=True)
    store = Unfinished(out, {"registration": version("napari-ptx")})
    rows: list[dict[str, Any]] = []
    listed: list[dict[str, str]] = []
    failed: list[str] = []
    for done, exam in enumerate(exams):
        if progress is not None:
            progress(done, len(exams), f"registering {exam.patient}")
        images = hashes(exam.images)
        volumes = [_name(exam, phase) for phase in exam.phases if phase != _stays(exam)]
        if (held := store.find(exam.patient, images, volumes)) is not None:
            found = held["rows"]
        else:
            try:
                found = _register_exam(exam, out)
            except (ImageError, RegistrationError) as error:
                failed.append(f"{exam.patient}: {error.message}")
                continue
            store.keep(exam.patient, images, volumes, {"rows": found})
        rows += found
        listed += _places(exam)
    if not listed:
        raise CtError("No patient could be registered.", failed)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    write_table(table, out / TABLE)
    write_table(pd.DataFrame(listed).fillna(""), out / COHORT)
    if not failed:
        store.remove()
    return table, failed


def read_residuals(cohort: Path) -> dict[str, float]:
    """Give the largest residual (mm) of each patient, where the cohort was registered here.

    Raises
    ------
    CtError
        ``registration.csv`` was changed so that it is none; all faults at once.
    """
    path = cohort.parent / TABLE
    if not path.is_file():
        return {}
    faults: list[str] = []
    largest: dict[str, float] = {}
    for place, row in read_rows(path, "a table of registrations", ("patient", "residual_mm")):
        value = number(row, "residual_mm", place, faults)
        if not math.isnan(value):
            largest[row["patient"]] = max(value, largest.get(row["patient"], value))
    stop(faults, f"{path} has faults; mend each and try again")
    return largest


def _stays(exam: Exam) -> str:
    """Give the phase that the others are laid on."""
    return ONE_PHASE if ONE_PHASE in exam.images else exam.phases[0]


def _name(exam: Exam, phase: str) -> str:
    """Give the file of a phase that was laid on another."""
    return f"{exam.patient}_{phase}.nii.gz"


def _register_exam(exam: Exam, out: Path) -> list[dict[str, Any]]:
    """Register one patient; give the rows of ``registration.csv``."""
    fixed = _read(exam, _stays(exam))
    rows: list[dict[str, Any]] = []
    for phase in exam.phases:
        if phase == _stays(exam):
            continue
        moving = _read(exam, phase)
        motion = register(fixed, moving)
        path = out / _name(exam, phase)
        write_nifti(_moved(fixed, moving, resample_to(moving, fixed, motion)), path)
        rows.append(
            {
                "patient": exam.patient,
                "phase": phase,
                "residual_mm": round(motion.residual, 3),
                "moved_mm": round(motion.moved, 3),
                "verdict": motion.verdict,
                "left_in_place": int(motion.skipped),
                "matrix": " ".join(f"{value:.9g}" for row in motion.matrix for value in row),
            }
        )
    return rows


def _places(exam: Exam) -> list[dict[str, str]]:
    """Give the rows of the cohort table, which is beside the phases that were moved."""
    stays = _stays(exam)
    kept = {
        name: str(files[stays].resolve())
        for name, files in (("labels", exam.labels), ("anatomy", exam.anatomy))
        if stays in files
    }
    moved = [phase for phase in exam.phases if phase != stays]
    return [
        _place(exam, stays, exam.images[stays].resolve(), kept),
        *(_place(exam, phase, Path(_name(exam, phase)), {}) for phase in moved),
    ]


def _read(exam: Exam, phase: str) -> Image:
    image = read_image(exam.images[phase], timeout=600)
    check_hounsfield(image)
    return image


def _moved(fixed: Image, moving: Image, pixels: Any) -> Image:
    return replace(fixed, pixels=pixels, source=moving.source, modality=moving.modality)


def _place(exam: Exam, phase: str, image: Path, more: Mapping[str, str]) -> dict[str, str]:
    place = {"patient": exam.patient, "phase": phase, "image": str(image), **more}
    return {**place, "split": exam.split} if exam.split else place
