"""The DICOM image that a SEG or SR refers to: its header, and names made from it."""

from __future__ import annotations

import hashlib
import warnings
from os import getpid
from pathlib import Path
from typing import Any

import pydicom

from napari_ptx.image.foreign import Unreadable
from napari_ptx.image.read import format_of
from napari_ptx.roi.outline import RoiError
from napari_ptx.roi.outline_set import OutlineSet

PROGRAM = "napari-ptx"

_NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_MAY_BE_EMPTY = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"),
    *("StudyDate", "StudyTime", "ReferringPhysicianName"),
)
"""Attributes that a file must have, though they may be empty (type 2)."""


def read_source(path: Path, made: OutlineSet) -> Any:
    """Read the header of the image that outlines were drawn on.

    Attributes that must be there but may be empty are added empty where the file lacks them.

    Raises
    ------
    RoiError
        The image is no DICOM file, has not the size of the outlines' image, or lacks what
        others could refer to.
    """
    try:
        if format_of(path) != "dicom":
            raise RoiError(
                f"{path.name} is no DICOM file, and a SEG or SR takes patient and study from the "
                "header of its image; export NIfTI or COCO."
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset: Any = pydicom.dcmread(path, force=True, stop_before_pixels=True)
            missing = [name for name in _NEEDED if not dataset.get(name)]
            size = (int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0))
            frames = int(dataset.get("NumberOfFrames") or 1)
            for name in _MAY_BE_EMPTY:
                if name not in dataset:
                    setattr(dataset, name, "")
                elif name.endswith(("Date", "Time")):
                    # ACR-NEMA wrote 2004.08.26 and 14:04:38, which DICOM still reads.
                    mark = "." if name.endswith("Date") else ":"
                    setattr(dataset, name, str(dataset[name].value or "").replace(mark, ""))
    except RoiError:
        raise
    except (Unreadable, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise RoiError(f"The header of {path.name} cannot be read ({error}).") from error
    if missing:
        raise RoiError(
            f"{path.name} has no {' and no '.join(missing)}, by which others could refer to it; "
            "export NIfTI or COCO."
        )
    kind = pydicom.uid.UID(str(dataset.SOPClassUID))
    if not kind.is_private and kind.type and kind.is_retired:
        raise RoiError(
            f"{path.name} is of a kind that DICOM has retired ({kind.name}), and new files cannot "
            "refer to it; export NIfTI or COCO."
        )
    if (size, frames) != (tuple(made.shape), made.frames):
        raise RoiError(
            f"{path.name} has {frames} frames of {size[0]} x {size[1]} pixels, but the outlines "
            f"are of {made.frames} of {made.shape[0]} x {made.shape[1]}."
        )
    if not dataset.get("ImagePositionPatient") and not dataset.get(
        "PerFrameFunctionalGroupsSequence"
    ):
        # A frame of reference without a position says nothing about pixels.
        dataset.pop("FrameOfReferenceUID", None)
    return dataset


def uid_of(*parts: object) -> str:
    """Make a UID that is always the same for the same facts.

    References
    ----------
    DICOM PS3.5 B.2 (UIDs made from a UUID).
    """
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()[:16]
    # the bits that mark a UUID as made from a name by a rule of its own (RFC 9562, version 8)
    number = int.from_bytes(digest, "big")
    number = (number & ~(0xF << 76)) | (0x8 << 76)
    number = (number & ~(0x3 << 62)) | (0x2 << 62)
    return f"2.25.{number}"


def content_uid(kind: str, dataset: Any, made: OutlineSet, *more: object) -> str:
    """Make the UID of a file from what it holds."""
    text = repr([outline.to_json() for outline in made.outlines])
    return uid_of(kind, dataset.SOPInstanceUID, made.name, made.observer, made.made_at, text, *more)


def lesion_uid(dataset: Any, made: OutlineSet, number: int) -> str:
    """Make the UID by which SEG and SR mean the same lesion of the same set."""
    return uid_of("lesion", dataset.SOPInstanceUID, made.name, number)


def person(name: str) -> str:
    """Write a person's name as DICOM has it: one that is not in parts is the family name."""
    plain = name.replace("\\", " ").replace("=", " ").strip()[:64]
    return plain if "^" in plain or not plain else f"{plain[:63]}^"


def set_times(dataset: Any, made: OutlineSet) -> None:
    """Date a file by when its outlines were finished, in local time as DICOM's times are."""
    if made.made_at is None:
        return
    then = made.made_at.astimezone()
    dataset.ContentDate = dataset.InstanceCreationDate = f"{then:%Y%m%d}"
    dataset.ContentTime = dataset.InstanceCreationTime = f"{then:%H%M%S}"


def save(dataset: Any, path: Path) -> Path:
    """Write a data set, whole or not at all, and give its path."""
    part = path.with_name(f".{path.name}.{getpid()}.new")
    try:
        dataset.save_as(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
