"""RTSTRUCT and SEG files: which there are, of which series, and what they name.

Only headers are read here; ``instances`` reads the structures themselves.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom

from napari_ptx.child import Progress
from napari_ptx.image.foreign import Unreadable
from napari_ptx.image.read import Decoder, format_of, shared_decoder
from napari_ptx.image.series_files import in_parallel

KINDS = ("RTSTRUCT", "SEG")
"""The modalities of files that hold structures."""

_TAGS = (
    "Modality", "SOPInstanceUID", "SeriesDescription", "StructureSetLabel", "ContentLabel",
    "FrameOfReferenceUID", "ReferencedFrameOfReferenceSequence", "ReferencedSeriesSequence",
    "StructureSetROISequence", "SegmentSequence",
)  # fmt: skip


@dataclass(frozen=True)
class DicomObject:
    """What the header of an RTSTRUCT or SEG file says.

    Parameters
    ----------
    path
        The file.
    kind
        "RTSTRUCT" or "SEG".
    instance
        Its SOP Instance UID; copies have the same one.
    label
        Structure Set Label, or the description of its series, or Content Label.
    names
        Of the structures, in the order of the file.
    series
        UIDs of the series that it says it was drawn on.
    frames_of_reference
        The patient frames that its structures lie in.
    """

    path: Path
    kind: str
    instance: str
    label: str
    names: tuple[str, ...]
    series: tuple[str, ...]
    frames_of_reference: tuple[str, ...]

    @property
    def name(self) -> str:
        """The object for a sentence: its file, its kind and its label."""
        labelled = f'{self.kind} "{self.label}"' if self.label else self.kind
        return f"{self.path.name} ({labelled})"


def find_objects(
    folder: str | os.PathLike[str],
    *,
    decoder: Decoder | None = None,
    progress: Progress | None = None,
    timeout: float = 60.0,
) -> list[DicomObject]:
    """Find the RTSTRUCT and SEG files in a folder and the folders in it.

    Parameters
    ----------
    decoder, timeout
        As in ``find_series``.

    Returns
    -------
    list of DicomObject
        By path; copies of one instance once, damaged files not at all.

    Raises
    ------
    ImageError
        If reading hangs or crashes the decoder.
    """
    place = Path(folder).absolute()
    paths = sorted(str(path) for path in place.rglob("*") if path.is_file())
    tell = None if progress is None else lambda done, all_: progress(done, all_, "reading headers")
    listed: list[DicomObject] = (decoder or shared_decoder()).run(
        "napari_ptx.roi.dicom_objects:scan",
        place,
        paths,
        timeout=timeout,
        on_progress=tell or (lambda *_: None),
    )
    kept: dict[str, DicomObject] = {}
    for one in listed:
        kept.setdefault(one.instance or str(one.path), one)
    return list(kept.values())


def object_of(
    path: str | os.PathLike[str], *, decoder: Decoder | None = None, timeout: float = 60.0
) -> DicomObject | None:
    """Read the header of one file; ``None`` for what is neither RTSTRUCT nor SEG.

    Raises
    ------
    ImageError
        If reading hangs or crashes the decoder.
    """
    place = str(Path(path).absolute())
    found: list[DicomObject] = (decoder or shared_decoder()).run(
        "napari_ptx.roi.dicom_objects:scan", place, [place], timeout=timeout
    )
    return found[0] if found else None


def scan(
    paths: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> list[DicomObject]:
    """Read the headers of files: what a decoder runs in its child."""
    found = []
    for done, one in enumerate(in_parallel(_read, paths), start=1):
        if one is not None:
            found.append(one)
        if progress is not None and (done % 20 == 0 or done == len(paths)):
            progress(done, len(paths))
    return found


def _read(path: str) -> DicomObject | None:
    try:
        if format_of(Path(path)) != "dicom":
            return None
    except (Unreadable, OSError):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(
                path, force=True, stop_before_pixels=True, specific_tags=list(_TAGS)
            )
            return _described(Path(path), dataset)
        except Exception:
            # As in ``series_files``: what a damaged file raises has no end. Whoever wants this
            # file itself is told by ``read_instances``.
            return None


def _described(path: Path, dataset: Any) -> DicomObject | None:
    kind = text_of(dataset, "Modality").upper()
    if kind not in KINDS:
        return None
    contours = kind == "RTSTRUCT"
    items = dataset.get("StructureSetROISequence" if contours else "SegmentSequence") or ()
    frames = [*_frames_of_reference(dataset)]
    series = [
        text_of(one, "SeriesInstanceUID") for one in dataset.get("ReferencedSeriesSequence") or ()
    ]
    for frame in dataset.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            series += [
                text_of(one, "SeriesInstanceUID")
                for one in study.get("RTReferencedSeriesSequence") or ()
            ]
    labels = (
        text_of(dataset, name)
        for name in ("StructureSetLabel", "SeriesDescription", "ContentLabel")
    )
    return DicomObject(
        path,
        kind,
        text_of(dataset, "SOPInstanceUID"),
        next(filter(None, labels), ""),
        tuple(text_of(item, "ROIName" if contours else "SegmentLabel") for item in items),
        tuple(dict.fromkeys(filter(None, series))),
        tuple(dict.fromkeys(filter(None, frames))),
    )


def _frames_of_reference(dataset: Any) -> Iterator[str]:
    yield text_of(dataset, "FrameOfReferenceUID")
    for item in dataset.get("ReferencedFrameOfReferenceSequence") or ():
        yield text_of(item, "FrameOfReferenceUID")
    for item in dataset.get("StructureSetROISequence") or ():
        yield text_of(item, "ReferencedFrameOfReferenceUID")


def text_of(item: Any, keyword: str) -> str:
    """Read an element as text without blanks around it; "" where it is absent."""
    return str(item.get(keyword) or "").strip()
