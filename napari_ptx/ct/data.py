"""CT examinations as a network sees them: phases on one grid, in Hounsfield units.

Every volume is brought to the same axes (x to the left, y to the back, z up), so that side is
the same thing in each; the phases are placed by the coordinates that their files give, in which
they are registered.
"""
# SimpleITK has no annotations.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use
from numpy.typing import NDArray

from napari_ptx.ct.config import ModelSettings, in_order
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.labels import read_labels
from napari_ptx.image import CohortError, Image, ImageError, read_cohort, read_image
from napari_ptx.image.grid import Grid
from napari_ptx.image.hounsfield import check_hounsfield
from napari_ptx.image.itk import to_itk

AIR_HU = -1024
ONE_PHASE = "plain"
"""The phase of a table without the column."""

_READ_SECONDS = 600.0
_SAME_MM = 1e-4


@dataclass(frozen=True)
class Exam:
    """One patient's CT.

    Parameters
    ----------
    patient
        The code.
    images, labels, anatomy
        Files by phase; labels and anatomy only of phases that have them.
    split
        "train", "validation", "test" or "" where the table does not say.
    """

    patient: str
    images: Mapping[str, Path]
    labels: Mapping[str, Path]
    anatomy: Mapping[str, Path]
    split: str = ""

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases that were taken, in the order of every model."""
        return in_order(set(self.images))


@dataclass(frozen=True, eq=False)
class Volume:
    """The phases of one patient on one grid.

    Parameters
    ----------
    patient, phases
        Whose, and the phase of each channel.
    hu
        ``(channels, z, y, x)`` int16; air where a phase is absent or does not reach.
    present
        Whether each phase was taken.
    labels
        ``(z, y, x)`` int16 or ``None``.
    anatomy
        ``(z, y, x)`` int16 or ``None``.
    grid, native
        The grid of these arrays, and that of the file of the first phase.
    """

    patient: str
    phases: tuple[str, ...]
    hu: NDArray[np.int16]
    present: tuple[bool, ...]
    labels: NDArray[np.int16] | None
    anatomy: NDArray[np.int16] | None
    grid: Grid
    native: Grid


def read_exams(path: Path) -> tuple[Exam, ...]:
    """Read a cohort table of CT: ``patient, image[, phase, labels, anatomy, split]``.

    One row per patient and phase; paths are relative to the table.

    Raises
    ------
    CohortError
        All faults at once, each by row and column.
    """
    cohort = read_cohort(path, require=("patient", "image"), unique=("patient", "phase"))
    table, folder = cohort.table, cohort.path.parent
    faults: list[str] = []
    exams: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(table.to_dict("records"), start=2):
        patient = str(row["patient"])
        phase = str(row.get("phase") or ONE_PHASE).strip().lower()
        held = exams.setdefault(patient, {"images": {}, "labels": {}, "anatomy": {}, "split": ""})
        if phase in held["images"]:
            faults.append(
                f"row {number}, column 'phase': patient {patient!r} has the phase {phase!r} twice"
            )
            continue
        held["images"][phase] = Path(str(row["image"]))
        for name in ("labels", "anatomy"):
            text = str(row.get(name) or "")
            if text and text != "nan":
                place = folder / text
                if not place.is_file():
                    faults.append(f"row {number}, column {name!r}: there is no file {text}")
                held[name][phase] = place
        split = str(row.get("split") or "").strip().lower()
        split = {"val": "validation", "valid": "validation", "nan": ""}.get(split, split)
        if split not in ("", "train", "validation", "test"):
            faults.append(f"row {number}, column 'split': {split!r} is not train, validation, test")
        if held["split"] not in ("", split):
            faults.append(f"row {number}, column 'split': patient {patient!r} is on two sides")
        held["split"] = split
    if faults:
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        raise CohortError(f"{cohort.path} has {count}; mend each and try again.", faults)
    return tuple(Exam(patient, **held) for patient, held in exams.items())


def samples(exam: Exam, settings: ModelSettings) -> list[tuple[str, ...]]:
    """Give the phases of each volume that a patient is to the network.

    One volume with all phases for early fusion; one for each phase that was taken for separate.

    Raises
    ------
    CtError
        The patient has none of the model's phases.
    """
    here = [phase for phase in settings.phases if phase in exam.images]
    if not here:
        raise CtError(
            f"Patient {exam.patient} has the phases {', '.join(exam.phases)}, none of the model's "
            f"({', '.join(settings.phases)}); name them in the column 'phase'."
        )
    if settings.fusion == "early":
        return [settings.phases]
    return [(phase,) for phase in here]


def load_volume(exam: Exam, phases: Sequence[str], spacing: Sequence[float]) -> Volume:
    """Read phases of a patient and bring them to one grid.

    Parameters
    ----------
    exam
        The patient.
    phases
        One for each channel; those that were not taken stay air.
    spacing
        Of the grid, mm, ``(z, y, x)``.

    Raises
    ------
    CtError, ImageError
        A file cannot be read, is no volume, or has no place in the patient.
    """
    first = next(phase for phase in phases if phase in exam.images)
    native = _read(exam.patient, exam.images[first])
    reference = sitk.DICOMOrient(native, "LPS")
    reference = _empty(reference, spacing)
    size = tuple(reversed(reference.GetSize()))
    hu = np.full((len(phases), *size), AIR_HU, dtype=np.int16)
    for channel, phase in enumerate(phases):
        if phase in exam.images:
            image = native if phase == first else _read(exam.patient, exam.images[phase])
            hu[channel] = _on(image, reference, sitk.sitkLinear, AIR_HU)
    maps: dict[str, NDArray[np.int16] | None] = {}
    for name, files in (("labels", exam.labels), ("anatomy", exam.anatomy)):
        of = _phase_of_map(files, phases)
        maps[name] = (
            None
            if of is None
            else _on(_read_map(exam, of, files[of]), reference, sitk.sitkNearestNeighbor, 0)
        )
    return Volume(
        exam.patient,
        tuple(phases),
        hu,
        tuple(phase in exam.images for phase in phases),
        maps["labels"],
        maps["anatomy"],
        _grid(reference),
        _grid(native),
    )


def map_of(files: Mapping[str, Path], phases: Sequence[str]) -> Path | None:
    """Give the labels or anatomy of some phases: theirs, else another's, which lies over them."""
    of = _phase_of_map(files, phases)
    return None if of is None else files[of]


def _phase_of_map(files: Mapping[str, Path], phases: Sequence[str]) -> str | None:
    listed = [*phases, *in_order(set(files))]
    return next((phase for phase in listed if phase in files), None)


def resample(image: Image, grid: Grid, outside: float) -> NDArray[Any]:
    """Give a volume's values (linear) on another grid, in its own type."""
    place = sitk.Image(grid.shape[::-1], sitk.sitkUInt8)
    place.SetSpacing(grid.spacing[::-1])
    place.SetOrigin(grid.origin)
    place.SetDirection([float(value) for row in grid.direction for value in row])
    found: NDArray[Any] = sitk.GetArrayFromImage(
        sitk.Resample(_to_sitk(image), place, sitk.Transform(), sitk.sitkLinear, outside)
    )
    return found


def _read(patient: str, path: Path) -> sitk.Image:
    def read() -> Image:
        image = read_image(path, timeout=_READ_SECONDS)
        check_hounsfield(image)
        return image

    return _checked(patient, path, read)


def _read_map(exam: Exam, phase: str, path: Path) -> sitk.Image:
    on = exam.images[phase]
    return _checked(exam.patient, path, lambda: read_labels(path, on, timeout=_READ_SECONDS))


def _checked(patient: str, path: Path, read: Callable[[], Image]) -> sitk.Image:
    try:
        image = read()
    except ImageError as error:
        raise CtError(f"Patient {patient}: {error.message}", error.details) from None
    if image.axes != "zyx" or image.origin is None or image.colour:
        raise CtError(
            f"Patient {patient}: {path} is no volume with a place in the patient; give NIfTI, "
            "NRRD or MetaImage ('napari-ptx ct' makes them of a DICOM series)."
        )
    if not image.calibrated:
        raise CtError(f"Patient {patient}: {path} states no spacing; export it with its spacing.")
    return _to_sitk(image)


def _to_sitk(image: Image) -> sitk.Image:
    pixels = image.pixels
    if pixels.dtype.kind == "f" and pixels.dtype.itemsize != 4:
        pixels = pixels.astype(np.float32)
    elif pixels.dtype.kind in "biu" and pixels.dtype != np.int16:
        pixels = np.clip(pixels, -32768, 32767).astype(np.int16)
    made: sitk.Image = to_itk(replace(image, pixels=pixels))
    return made


def _empty(oriented: sitk.Image, spacing: Sequence[float]) -> sitk.Image:
    """Give an empty grid that covers a volume with other voxels."""
    old, wanted = np.array(oriented.GetSpacing()), np.array(spacing[::-1], dtype=float)
    # 0.6 mm stands in a NIfTI file as 0.60000002: such voxels stay as they are.
    wanted = np.where(np.abs(old - wanted) < _SAME_MM, old, wanted)
    size = np.maximum(1, np.ceil(np.array(oriented.GetSize()) * old / wanted - 0.01)).astype(int)
    made = sitk.Image([int(side) for side in size], sitk.sitkUInt8)
    made.SetSpacing([float(step) for step in wanted])
    made.SetDirection(oriented.GetDirection())
    # The outer edges of the first voxels coincide.
    shift = np.array(oriented.GetDirection()).reshape(3, 3) @ ((wanted - old) / 2)
    made.SetOrigin([float(value) for value in np.array(oriented.GetOrigin()) + shift])
    return made


def _on(image: sitk.Image, reference: sitk.Image, how: int, outside: int) -> NDArray[np.int16]:
    found = sitk.Resample(image, reference, sitk.Transform(), how, outside, sitk.sitkInt16)
    pixels: NDArray[np.int16] = sitk.GetArrayFromImage(found)
    return pixels


def _grid(image: sitk.Image) -> Grid:
    z, y, x = reversed(image.GetSize())
    dz, dy, dx = reversed(image.GetSpacing())
    matrix = np.array(image.GetDirection()).reshape(3, 3).tolist()
    direction = tuple((row[0], row[1], row[2]) for row in matrix)
    return Grid((z, y, x), (dz, dy, dx), image.GetOrigin(), direction)
