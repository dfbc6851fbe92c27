"""The DICOM files of a folder: their headers, and their slices read in parallel.

What runs in a decoder's child process; ``series`` calls it.
"""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pydicom

from napari_ptx.image.dicom_space import numbers
from napari_ptx.image.foreign import Unreadable
from napari_ptx.image.read import decode, format_of
from napari_ptx.image.types import Image

_TAGS = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "Modality",
    "SeriesNumber", "SeriesDescription", "ProtocolName", "PatientID", "ContrastBolusAgent",
    "ContrastBolusStartTime", "ContrastBolusVolume", "ContrastFlowDuration",
    "AcquisitionTime", "AcquisitionNumber",
    "TemporalPositionIdentifier", "FrameOfReferenceUID", "Rows", "Columns", "NumberOfFrames",
    "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "ImageType",
)  # fmt: skip

_DAMAGED = "damaged"
_CLASS = "MediaStorageSOPClassUID"

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class Header:
    """What one file says of its slice; texts are empty and numbers ``None`` where absent."""

    path: Path
    instance: str
    series: str
    study: str
    patient: str
    modality: str
    number: int | None
    description: str
    protocol: str
    agent: str
    bolus: float | None
    acquired: float | None
    part: str
    frame_of_reference: str
    rows: int
    columns: int
    frames: int
    spacing: tuple[float, float] | None
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None


def scan(
    paths: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> tuple[list[Header], list[str], int]:
    """Read the headers of files.

    Returns
    -------
    tuple
        The headers of DICOM images, the DICOM files that are damaged, and how many files are
        something else.
    """
    headers, damaged, others = [], [], 0
    for done, (path, header) in enumerate(
        zip(paths, in_parallel(_read_header, paths), strict=True), start=1
    ):
        if isinstance(header, Header):
            headers.append(header)
        elif header == _DAMAGED:
            damaged.append(path)
        else:
            others += 1
        if progress is not None and (done % 20 == 0 or done == len(paths)):
            progress(done, len(paths))
    return headers, damaged, others


def read_slices(paths: Sequence[str], progress: Callable[[int, Image], None]) -> None:
    """Decode one file after the other, several at a time, and send each as it is done.

    Raises
    ------
    ImageError
        At the first file that cannot be read.
    """
    for place, image in enumerate(in_parallel(decode, paths)):
        progress(place, image)


def in_parallel(function: Callable[[In], Out], items: Sequence[In]) -> Iterator[Out]:
    """Run a function on all items, in their order, a few ahead of what has been taken."""
    workers = min(4, os.cpu_count() or 1)
    left = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        # Few, because each holds a slice.
        running: deque[Future[Out]] = deque(
            pool.submit(function, item) for item in islice(left, 2 * workers)
        )
        try:
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(function, item) for item in islice(left, 1))
        finally:
            for future in running:
                future.cancel()


def _read_header(path: str) -> Header | str | None:
    """Read a header; ``None`` for what is no DICOM image."""
    try:
        if format_of(Path(path)) != "dicom":
            return None
    except (Unreadable, OSError):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = pydicom.dcmread(
                path, force=True, stop_before_pixels=True, specific_tags=list(_TAGS)
            )
            meta = getattr(found, "file_meta", {})
            # pydicom reads past garbage: a whole file at least says what it is.
            if not ("SeriesInstanceUID" in found or "SOPClassUID" in found or _CLASS in meta):
                return _DAMAGED
            return _header(Path(path), found)
        except Exception:
            # As in ``decode``: no list of what pydicom raises on damaged files would be
            # complete. The file is named to the user.
            return _DAMAGED


def _header(path: Path, found: Any) -> Header | None:
    if any(name not in found for name in ("SeriesInstanceUID", "Rows", "Columns")):
        return None
    if found.get("Modality") == "SEG":  # masks of another series, not pictures
        return None

    def text(keyword: str) -> str:
        return str(found.get(keyword) or "").strip()

    def values(keyword: str, count: int) -> tuple[float, ...] | None:
        listed = numbers(found, keyword, count)
        return tuple(listed) if listed is not None else None

    number = numbers(found, "SeriesNumber", 1)
    spacing = values("PixelSpacing", 2)
    return Header(
        path=path,
        instance=text("SOPInstanceUID"),
        series=text("SeriesInstanceUID"),
        study=text("StudyInstanceUID"),
        patient=text("PatientID"),
        modality=text("Modality") or "OT",
        number=int(number[0]) if number else None,
        description=text("SeriesDescription"),
        protocol=text("ProtocolName"),
        agent=text("ContrastBolusAgent"),
        # Zeros stand where the injector told the scanner nothing; the time is then made up.
        bolus=(
            None
            if values("ContrastBolusVolume", 1) == values("ContrastFlowDuration", 1) == (0.0,)
            else _seconds(text("ContrastBolusStartTime"))
        ),
        acquired=_seconds(text("AcquisitionTime")),
        part=text("TemporalPositionIdentifier") or text("AcquisitionNumber"),
        frame_of_reference=text("FrameOfReferenceUID"),
        rows=int(found.Rows),
        columns=int(found.Columns),
        frames=int(found.get("NumberOfFrames") or 1),
        spacing=(spacing[0], spacing[1]) if spacing and min(spacing) > 0 else None,
        position=values("ImagePositionPatient", 3),
        orientation=values("ImageOrientationPatient", 6),
    )


def _seconds(time: str) -> float | None:
    """Turn a DICOM time (HHMMSS.FFFFFF) into seconds of the day."""
    if len(time) < 6 or not time[:6].isdigit():
        return None
    hours, minutes = int(time[:2]), int(time[2:4])
    try:
        return 3600.0 * hours + 60.0 * minutes + float(time[4:])
    except ValueError:
        return None
