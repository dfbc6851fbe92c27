"""Outlines as DICOM SEG, and a SEG of one image as outlines.

A segment for each lesion, so that lesions may overlap. The file takes patient and study from
the header of its image, as the standard asks, and refers to the very frames.

References
----------
DICOM PS3.3 A.51 (segmentation IOD), C.8.20 (segmentation modules).
"""
# highdicom and pydicom are annotated in part only.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import copy
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from napari_ptx.image.dicom import check_data, read_header
from napari_ptx.image.dicom_space import functional_group, numbers
from napari_ptx.image.foreign import Unreadable, check_size
from napari_ptx.image.read import Decoder, refusing, shared_decoder
from napari_ptx.image.types import ImageError
from napari_ptx.roi.dicom_objects import text_of
from napari_ptx.roi.dicom_source import (
    PROGRAM,
    content_uid,
    lesion_uid,
    person,
    read_source,
    save,
    set_times,
    uid_of,
)
from napari_ptx.roi.outline import Outline, RoiError
from napari_ptx.roi.outline_set import OutlineSet, lesion_name
from napari_ptx.roi.raster import trace
from napari_ptx.roi.segmentation import read_frames, segment_names

SERIES = 9001
"""The number that our segmentations' series gets, after those of any scanner."""


def write_seg(path: Path | str, made: OutlineSet, source: Path | str) -> tuple[Path, ...]:
    """Write the masks of outlines as DICOM SEG.

    Parameters
    ----------
    path
        Ends in ".dcm". An existing file is replaced, whole or not at all. An image of several
        frames without a place in the patient, as ultrasound has, gives a file for each frame
        that has an outline, "..._frame003.dcm".
    made
        The outlines. One in which no pixel's centre lies has no segment.
    source
        The DICOM image that they were drawn on.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    RoiError
        The image is not DICOM or its header is not enough; or no outline holds a pixel.
    """
    path, source = Path(path), Path(source)
    dataset = read_source(source, made)
    whole = made.frames == 1 or "FrameOfReferenceUID" in dataset
    files: list[tuple[Path, Any]] = []
    for frame in (None,) if whole else made.drawn_frames:
        lesions = [
            (number, outline.frame, mask)
            for number, outline in made.lesions(frame)
            if (mask := made.mask(number)).any()
        ]
        if lesions:
            name = path.name if frame is None else f"{path.stem}_frame{frame:03d}{path.suffix}"
            made_file = _segmentation(dataset, made, lesions, frame, source)
            files.append((path.with_name(name), made_file))
    if not files:
        raise RoiError(
            f"No outline of {made.name} on {source.name} holds the centre of a pixel; there is "
            "no mask to write."
        )
    return tuple(save(made_file, place) for place, made_file in files)


def _segmentation(
    dataset: Any,
    made: OutlineSet,
    lesions: list[tuple[int, int, NDArray[np.bool_]]],
    frame: int | None,
    source: Path,
) -> Any:
    """Make one SEG of lesions (number, frame, mask): of one frame of several, or of the image."""
    import highdicom
    from pydicom.sr.codedict import codes

    pages = 1 if frame is not None else made.frames
    pixels = np.zeros((pages, *made.shape, len(lesions)), np.uint8)
    for place, (_, page, mask) in enumerate(lesions):
        pixels[0 if frame is not None else page, :, :, place] = mask
    header = dataset if "FrameOfReferenceUID" in dataset else _one_frame(dataset)
    segments = [
        highdicom.seg.SegmentDescription(
            place,
            lesion_name(number),
            codes.SCT.MorphologicallyAbnormalStructure,
            codes.SCT.Lesion,
            highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
            tracking_uid=lesion_uid(dataset, made, number),
            tracking_id=f"{made.name}, {lesion_name(number)}",
        )
        for place, (number, _, _) in enumerate(lesions, start=1)
    ]
    with warnings.catch_warnings():
        # Of odd values in the image's own header, which are copied as they are.
        warnings.simplefilter("ignore")
        try:
            result = highdicom.seg.Segmentation(
                [header],
                pixels,
                "BINARY",
                segments,
                uid_of("SEG", dataset.SeriesInstanceUID, made.name),
                SERIES,
                content_uid("SEG", dataset, made, frame),
                1 if frame is None else frame + 1,
                PROGRAM,
                PROGRAM,
                version(PROGRAM),
                "0",
                content_label="OUTLINES",
                content_description=f"Outlines, {made.name}"[:64],
                content_creator_name=person(made.observer),
                series_description=f"Outlines, {made.name}"[:64],
                specific_character_set="ISO_IR 192",
            )
        except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
            raise RoiError(
                f"The header of {source.name} does not make a SEG ({error}); export NIfTI or COCO."
            ) from error
    _tidy(result, frame)
    set_times(result, made)
    return result


def _one_frame(dataset: Any) -> Any:
    """Give the header as that of a single frame.

    highdicom takes every image of a multi-frame class for an enhanced one, whose functional
    groups state the pixel size; ultrasound has none, and its calibration is the image's.
    """
    header = copy.deepcopy(dataset)
    header.NumberOfFrames = 1
    group = pydicom.Dataset()
    group.PixelMeasuresSequence = [pydicom.Dataset()]
    header.SharedFunctionalGroupsSequence = [group]
    return header


def _tidy(result: Any, frame: int | None) -> None:
    """Take out the pixel size that is none, and name the frame that ``_one_frame`` stood for."""
    for group in result.SharedFunctionalGroupsSequence:
        if not any("PixelSpacing" in item for item in group.get("PixelMeasuresSequence") or ()):
            group.pop("PixelMeasuresSequence", None)
    if frame is None:
        return
    for group in result.PerFrameFunctionalGroupsSequence:
        for derived in group.get("DerivationImageSequence") or ():
            for item in derived.SourceImageSequence:
                item.ReferencedFrameNumber = frame + 1


def read_seg(
    path: Path | str,
    shape: tuple[int, int] | None = None,
    *,
    decoder: Decoder | None = None,
    timeout: float = 60.0,
) -> tuple[Outline, ...]:
    """Read the segments of a SEG of one image as outlines on that image.

    Segments may overlap: each gives outlines of its own. Frames are those of the image, as
    the file refers to them.

    Parameters
    ----------
    path
        The file. It is read in a child process, as by ``read_image``.
    shape
        Rows and columns of the image, to be checked.

    Raises
    ------
    RoiError
        The file is no SEG, is damaged, is of several images (then ``read_instances`` takes
        it), or of an image of another size.
    """
    place = Path(path).absolute()
    try:
        found: tuple[tuple[int, ...], tuple[Outline, ...]] = (decoder or shared_decoder()).run(
            "napari_ptx.roi.dicom_seg:load", place, place, timeout=timeout
        )
    except ImageError as error:
        raise RoiError(error.message, error.details) from None
    held, outlines = found
    if shape is not None and held != tuple(shape):
        raise RoiError(
            f"{place.name} has {held[0]} x {held[1]} pixels, but its image has "
            f"{shape[0]} x {shape[1]}: choose the segmentation that belongs to it."
        )
    return outlines


def load(path: Path) -> tuple[tuple[int, int], tuple[Outline, ...]]:
    """Read a SEG in this process: its size and its outlines.

    Raises
    ------
    ImageError
    """
    return refusing(path, lambda: _load(path))


def _load(path: Path) -> tuple[tuple[int, int], tuple[Outline, ...]]:
    notes: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset: Any = pydicom.dcmread(path, force=True)
        kind = text_of(dataset, "Modality").upper()
        if kind != "SEG":
            raise Unreadable(
                f"it is a DICOM file of the kind {kind or 'unknown'}, not a segmentation (SEG)"
            )
        header = read_header(dataset, notes)
        check_size(-(-header.frames * header.rows * header.columns * header.bits // 8), path)
        check_data(dataset, header, notes)
        shape = (header.rows, header.columns)
        masks: dict[tuple[int, int], NDArray[np.bool_]] = {}
        at = [_frame(dataset, frame) for frame in range(header.frames)]
        images = {image for image, _ in at}
        if len(images) > 1:
            raise Unreadable(
                f"it is a segmentation of a series of {len(images)} images; take it as the labels "
                "of a CT volume"
            )
        segments = segment_names(dataset)
        for frame, number, mask in read_frames(dataset, header, segments):
            key = (number, at[frame][1])
            # Two frames of one segment may be of one frame of the image.
            masks[key] = masks[key] | mask if key in masks else mask
    outlines = [
        outline
        for (_, frame), mask in sorted(masks.items(), key=lambda item: item[0])
        for outline in trace(mask.reshape(shape), frame)
    ]
    return shape, tuple(outlines)


def _frame(dataset: Any, frame: int) -> tuple[str, int]:
    """Tell which image, and which of its frames, a frame of a SEG is of."""
    group = functional_group(dataset, "DerivationImageSequence", frame)
    items = (group.get("SourceImageSequence") if group is not None else None) or ()
    if len(items) > 1:
        raise Unreadable(
            f"its frame {frame + 1} is of {len(items)} images at once; export it again"
        )
    if items:
        stated = numbers(items[0], "ReferencedFrameNumber", 1)
        place = int(stated[0]) - 1 if stated else 0
        return text_of(items[0], "ReferencedSOPInstanceUID"), place
    named = [
        text_of(one, "ReferencedSOPInstanceUID")
        for series in dataset.get("ReferencedSeriesSequence") or ()
        for one in series.get("ReferencedInstanceSequence") or ()
    ]
    if len(named) != 1 or len(_positions(dataset)) > 1:
        raise Unreadable(
            f"its frame {frame + 1} does not say which frame of which image it is of; export it "
            "again with references to its image"
        )
    return named[0], 0


def _positions(dataset: Any) -> set[tuple[float, ...]]:
    groups = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    found = set()
    for frame in range(len(groups)):
        group = functional_group(dataset, "PlanePositionSequence", frame)
        stated = numbers(group, "ImagePositionPatient", 3) if group is not None else None
        found.add(tuple(stated or ()))
    return found
