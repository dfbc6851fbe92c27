"""A folder of images as a cohort table: cases and patients by the names of files and folders."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from napari_ptx.errors import PtxError

IMAGE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd",
)  # fmt: skip


@dataclass(frozen=True)
class FoundImage:
    """An image of a folder, with the names that the cohort table will give it."""

    case: str
    patient: str
    path: Path


def find_images(folder: Path) -> tuple[FoundImage, ...]:
    """List the images below a folder, in the order of their names.

    The case is the name of the file. The patient is the name of the sub-folder
    that holds it; images that lie in ``folder`` itself count as one patient each.

    Raises
    ------
    PtxError
        If the folder cannot be read, or holds no images.
    """
    found: list[Path] = []
    try:
        for here, folders, names in os.walk(folder):
            folders.sort()
            folders[:] = [name for name in folders if not name.startswith(".")]
            found += [Path(here, name) for name in sorted(names) if _looks_like_image(name)]
    except OSError as error:
        raise PtxError(f"The folder {folder} cannot be read: {error.strerror}.") from None
    if not found:
        raise PtxError(f"There are no images in {folder}; choose another folder.")
    return tuple(_named(folder, found))


def _looks_like_image(name: str) -> bool:
    lower = name.lower()
    return lower.endswith((*IMAGE_SUFFIXES, ".nii.gz")) and not name.startswith(".")


def _named(folder: Path, paths: Iterable[Path]) -> Iterable[FoundImage]:
    paths = tuple(paths)
    stems = [path.name.split(".")[0] if path.name.lower().endswith(".nii.gz") else path.stem
             for path in paths]  # fmt: skip
    for path, stem in zip(paths, stems, strict=True):
        inside = path.relative_to(folder)
        # Two files of one name are told apart by their folders, and by their endings.
        case = stem if stems.count(stem) == 1 else "-".join(inside.parts)
        patient = inside.parts[-2] if len(inside.parts) > 1 else case
        yield FoundImage(case, patient, path)


def write_cohort(path: Path, images: Iterable[FoundImage]) -> Path:
    """Write a cohort table with image paths relative to it (absolute across drives).

    Another table that is there already is left alone: the new one gets a number
    ("cohort-2.csv").

    Raises
    ------
    PtxError
        If the place cannot be written to.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("case", "patient", "image"))
    for image in images:
        try:
            where = os.path.relpath(image.path, path.parent)
        except ValueError:  # another drive
            where = str(image.path)
        writer.writerow((image.case, image.patient, Path(where).as_posix()))
    whole = text.getvalue().encode()
    number, place = 1, path
    try:
        while place.exists() and place.read_bytes() != whole:
            number += 1
            place = path.with_name(f"{path.stem}-{number}{path.suffix}")
        part = place.with_name(place.name + ".part")
        part.write_bytes(whole)
        part.replace(place)
    except OSError as error:
        raise PtxError(f"{place} cannot be written: {error.strerror}.") from None
    return place


def as_cohort(place: Path, table: Path) -> Path:
    """Give a cohort table as it is; for a folder of images, write ``table`` and give that.

    Raises
    ------
    PtxError
        If it is a folder that cannot be read, or holds no images; as ``write_cohort``.
    """
    return write_cohort(table, find_images(place)) if place.is_dir() else place
