"""What the Glands dock runs in a child process. Nothing here imports Qt or napari.

The network's modules are imported inside the functions: torch is loaded in the child alone.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ptx.child import Progress
from napari_ptx.docks.phase_tasks import OpenPhases, Source, open_pair
from napari_ptx.errors import PtxError
from napari_ptx.image import Image, write_nifti
from napari_ptx.image.orient import to_lps
from napari_ptx.image.registration import Registration
from napari_ptx.report.gland_review import (
    Exported,
    export_review,
    open_record,
    read_mask,
)

Box = tuple[slice, ...]

_PHASES = ("plain", "arterial", "venous", "delayed")


@dataclass(frozen=True, eq=False)
class OpenPatient:
    """One patient of a prediction.

    Parameters
    ----------
    patient
        The code.
    phases
        The images, as the Phases dock has them.
    labels
        ``(z, y, x)`` int16: the model's candidates on the grid of the first phase.
    boxes
        Where each candidate lies in ``labels``.
    masks
        What people drew, by the file's name in the record.
    notes
        What a user should know.
    """

    patient: str
    phases: OpenPhases
    labels: NDArray[np.int16]
    boxes: dict[int, Box]
    masks: dict[str, Image]
    notes: tuple[str, ...]


def open_patient(
    folder: Path, cohort: Path, patient: str, progress: Progress | None = None
) -> OpenPatient:
    """Open the phases of a patient with the candidates and the masks that people drew.

    Raises
    ------
    PtxError
        The table does not name the patient, an image cannot be read, or the candidates do not
        lie on it.
    """
    from scipy import ndimage

    from napari_ptx.ct.data import read_exams
    from napari_ptx.ct.predictions import read_predictions

    if progress is not None:
        progress(0, 0, f"Opening {patient}")
    predictions = read_predictions(folder)
    exam = next((one for one in read_exams(cohort) if one.patient == patient), None)
    if exam is None:
        raise PtxError(f"{cohort} does not name the patient {patient}; choose another table.")
    settings = (predictions.about.get("configuration") or {}).get("settings") or {}
    wanted = [phase for phase in settings.get("phases", ()) if phase in exam.images]
    names = [*wanted, *(phase for phase in exam.phases if phase not in wanted)][:2]
    second = exam.images[names[1]] if len(names) > 1 else None
    pair = open_pair(exam.images[names[0]], second, False, False, progress)
    native = predictions.label_map(patient)
    if native is None:
        labels = np.zeros(pair.first.shape, dtype=np.int16)
    else:
        turned = to_lps(native)
        if turned.shape != pair.first.shape:
            raise PtxError(
                f"The candidates of {patient} do not lie on the grid of {exam.images[names[0]]}; "
                "choose the table that the prediction was made of."
            )
        labels = np.ascontiguousarray(turned.pixels, dtype=np.int16)
    found = enumerate(ndimage.find_objects(labels), start=1)
    masks, notes = {}, list(pair.notes)
    with open_record(folder) as record:
        drawn = {row.value["mask"]: row.value["sha256"] for row in record.decisions
                 if row.patient == patient and row.kind in ("added", "edited")
                 and row.value is not None}  # fmt: skip
    for name, sha256 in drawn.items():
        try:
            masks[name] = read_mask(folder, name, sha256)
        except PtxError as error:
            notes.append(str(error))
    sources: tuple[Source, Source | None] = (exam.images[names[0]], second)
    shown = OpenPhases(pair, (names[0], names[1] if second else ""), sources, patient)
    boxes = {number: box for number, box in found if box is not None}
    return OpenPatient(patient, shown, labels, boxes, masks, tuple(notes))


@dataclass(frozen=True)
class Work:
    """A pair of phases that a model is to look at; see ``phase_tasks.OpenPhases``."""

    patient: str
    names: tuple[str, str]
    sources: tuple[Source, Source | None]
    resampled: bool
    registration: Registration | None

    @classmethod
    def of(cls, phases: OpenPhases) -> Work:
        """Give what a child needs of the phases that are shown: all but the pixels."""
        return cls(
            patient_code(phases.patient), phases.names, phases.sources, phases.resampled,
            phases.registration,
        )  # fmt: skip


def patient_code(text: str) -> str:
    """Give a code that may stand in the name of a file."""
    return re.sub(r"[^\w.-]+", "-", text).strip(".-_ ") or "patient"


def run_model(
    model: Path, work: Work, out: Path, search: str, progress: Progress | None = None
) -> Path:
    """Look for glands in a pair of phases, and give the folder of the prediction.

    The folder gets ``cohort.csv``, which names the images; those that were moved or came from
    a DICOM series are written beside it.

    Raises
    ------
    PtxError
        The model is not whole or not one of glands, or the images are none that it knows.
    """
    from napari_ptx.ct.bundle import open_model
    from napari_ptx.ct.predict import predict

    if progress is not None:
        progress(0, 0, "Opening the model")
    opened = open_model(model)
    if not opened.settings.glands:
        raise PtxError(
            f"{model} outlines {', '.join(opened.settings.classes)}, not glands; choose a model "
            "of glands, or run this one with 'napari-ptx ct predict'."
        )
    out.mkdir(parents=True)
    cohort = write_cohort(work, opened.settings.phases, out, progress)
    predict(opened, cohort, out, search=search, progress=progress)
    return out


def make_demo(folder: Path, progress: Progress | None = None) -> Path:
    """Make simulated necks with a model's candidates once, and give the prediction's folder."""
    from napari_ptx.ct.demo import make_demo as make

    return make(folder, progress=progress)


def write_cohort(
    work: Work, wanted: Sequence[str], out: Path, progress: Progress | None = None
) -> Path:
    """Write the cohort table of one pair of phases, and the images that are no file yet."""
    from napari_ptx.ct.register import TABLE

    first, second = work.sources
    names = _named(work.names, wanted)
    motion = work.registration
    moved = motion is not None and not motion.skipped
    places: list[Path | None] = [first if isinstance(first, Path) else None]
    if second is not None:
        places.append(second if isinstance(second, Path) and not moved else None)
    if None in places:
        pair = open_pair(first, None if moved else second, False, work.resampled, progress)
        pixels: list[Any] = [pair.first.pixels, pair.second]
        if moved and second is not None:
            pixels[1] = _moved(pair.first, second, work, progress)
        for index, place in enumerate(places):
            if place is None:
                places[index] = out / f"{work.patient}_{names[index]}.nii.gz"
                if progress is not None:
                    progress(0, 0, f"Writing the {names[index]} phase")
                write_nifti(replace(pair.first, pixels=pixels[index]), places[index])
    with (out / "cohort.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(("patient", "phase", "image"))
        for name, place in zip(names, places, strict=False):
            table.writerow((work.patient, name, _relative(place, out)))
    if motion is not None:
        line = f"patient,phase,residual_mm\n{work.patient},{names[1]},{motion.residual:.3f}\n"
        (out / TABLE).write_text(line, encoding="utf-8")
    return out / "cohort.csv"


def _moved(still: Image, source: Source, work: Work, progress: Progress | None) -> NDArray[Any]:
    from napari_ptx.image.registration import resample_to

    other = open_pair(source, None, False, work.resampled, progress).first
    return resample_to(other, still, work.registration)


def _named(names: tuple[str, str], wanted: Sequence[str]) -> tuple[str, str]:
    """Name phases whose name is not known by their part: the plain one and the enhanced one."""
    roles = (wanted[0], wanted[1] if len(wanted) > 1 else "arterial")
    first = names[0] if names[0] in _PHASES else roles[0]
    second = names[1] if names[1] in _PHASES and names[1] != first else roles[1]
    return first, second


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return str(path)


def export(folder: Path, out: Path, progress: Progress | None = None) -> Exported:
    """Write the reviewed glands of a prediction and their maps."""
    return export_review(folder, out, progress)
