"""RTSTRUCT and SEG files made for the tests with pydicom, tag by tag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import pack_bits
from pydicom.uid import generate_uid

from napari_ptx.image import Image
from napari_ptx.roi import trace
from tests.image.make import dataset, save

FRAME = "1.2.826.0.1.3680043.8.498.1"
SERIES = "1.2.826.0.1.3680043.8.498.2"
OBLIQUE = ((0.8, -0.6, 0.0), (0.6, 0.8, 0.0), (0.0, 0.0, 1.0))


def volume(
    shape: tuple[int, int, int] = (6, 8, 9),
    spacing: tuple[float, float, float] = (1.5, 0.5, 0.75),
    direction: Any = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
) -> Image:
    """Make a volume whose three axes cannot be taken for each other."""
    pixels = np.random.default_rng(0).integers(-100, 200, shape).astype(np.int16)
    return Image(
        pixels, "zyx", spacing, True, "CT", origin=(-10.0, -20.0, 30.0), direction=direction
    )


def in_mm(image: Image, indices: ArrayLike) -> NDArray[np.float64]:
    """Give places (x, y, z, mm) of array indices (z, y, x), written out by hand."""
    found = np.array(image.origin) + np.zeros((len(np.atleast_2d(indices)), 3))
    for axis, column in zip((2, 1, 0), np.array(image.direction).T, strict=True):
        found += np.outer(np.atleast_2d(indices)[:, axis] * image.spacing[axis], column)
    return found


def contour(points: ArrayLike, kind: str = "CLOSED_PLANAR") -> Dataset:
    """Make a contour of points (x, y, z, mm)."""
    item = Dataset()
    item.ContourGeometricType = kind
    item.NumberOfContourPoints = len(np.atleast_2d(points))
    item.ContourData = [f"{value:.10g}" for value in np.asarray(points).ravel()]
    return item


def contours_of(image: Image, mask: NDArray[np.bool_]) -> list[Dataset]:
    """Make the contours of a mask (z, y, x) along the edges of its pixels, a ring each."""
    made = []
    for place, page in enumerate(mask):
        for outline in trace(page):
            for ring in outline.rings:
                indices = np.column_stack([np.full(len(ring), place), ring])
                made.append(contour(in_mm(image, indices)))
    return made


def structure_set(
    path: Path,
    contours: Mapping[str, Sequence[Dataset]],
    *,
    kinds: Mapping[str, str] | None = None,
    frame: str = FRAME,
    series: str = SERIES,
    **tags: Any,
) -> Path:
    """Write an RTSTRUCT file with structures by name."""
    rois, listed, observed = [], [], []
    for number, (name, items) in enumerate(contours.items(), start=11):
        roi, of, said = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, frame
        of.ReferencedROINumber, of.ContourSequence = number, list(items)
        said.ReferencedROINumber = number
        said.RTROIInterpretedType = (kinds or {}).get(name, "")
        rois.append(roi)
        listed.insert(0, of)  # in another order than the structures
        observed.append(said)
    one, study, at = Dataset(), Dataset(), Dataset()
    one.SeriesInstanceUID = series
    study.RTReferencedSeriesSequence = [one]
    at.FrameOfReferenceUID, at.RTReferencedStudySequence = frame, [study]
    made = dataset(
        Modality="RTSTRUCT",
        SOPInstanceUID=generate_uid(),
        StructureSetLabel="glands",
        StructureSetROISequence=rois,
        ROIContourSequence=listed,
        RTROIObservationsSequence=observed,
        ReferencedFrameOfReferenceSequence=[at],
    )
    for name, value in tags.items():
        setattr(made, name, value)
    return save(made, path)


def segmentation(
    path: Path,
    image: Image,
    frames: Sequence[tuple[int, int, NDArray[Any]]],
    names: Sequence[str] = ("one",),
    *,
    kind: str = "BINARY",
    frame: str = FRAME,
    series: str = SERIES,
    **tags: Any,
) -> Path:
    """Write a SEG file of frames: segment, slice of the image, pixels (y, x)."""
    pixels = np.stack([page for _, _, page in frames])
    made = dataset(
        pixels.astype(np.uint8),
        Modality="SEG",
        SOPInstanceUID=generate_uid(),
        SegmentationType=kind,
        FrameOfReferenceUID=frame,
        SeriesDescription="glands",
    )
    if kind == "BINARY":
        made.BitsAllocated = made.BitsStored = 1
        made.HighBit = 0
        made.PixelData = pack_bits(pixels.astype(np.uint8))
    if kind == "FRACTIONAL":
        made.MaximumFractionalValue = 200
    made.NumberOfFrames = len(frames)
    shared, turned, measured, one = Dataset(), Dataset(), Dataset(), Dataset()
    matrix = np.array(image.direction)
    turned.ImageOrientationPatient = [*matrix[:, 0].tolist(), *matrix[:, 1].tolist()]
    measured.PixelSpacing = list(image.spacing[1:])
    measured.SliceThickness = image.spacing[0]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [turned], [measured]
    made.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for number, place, _ in frames:
        group, at, of = Dataset(), Dataset(), Dataset()
        at.ImagePositionPatient = in_mm(image, [(place, 0, 0)])[0].tolist()
        group.PlanePositionSequence = [at]
        if kind != "LABELMAP":
            of.ReferencedSegmentNumber = number
            group.SegmentIdentificationSequence = [of]
        groups.append(group)
    made.PerFrameFunctionalGroupsSequence = groups
    segments = []
    for number, name in enumerate(names, start=1):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel = number, name
        segments.append(segment)
    made.SegmentSequence = segments
    one.SeriesInstanceUID = series
    made.ReferencedSeriesSequence = [one]
    for name, value in tags.items():
        setattr(made, name, value)
    return save(made, path)
