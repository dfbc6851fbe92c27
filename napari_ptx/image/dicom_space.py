"""Where the pixels of a DICOM file are: spacing, origin, direction, and what is a slice."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_ptx.image.types import Region
from napari_ptx.image.ultrasound import read_regions

Vector = tuple[float, float, float]


class Space(NamedTuple):
    """The geometry fields of an ``Image``."""

    axes: str
    spacing: tuple[float, ...]
    calibrated: bool
    origin: Vector | None = None
    direction: tuple[Vector, ...] | None = None
    regions: tuple[Region, ...] = ()
    notes: tuple[str, ...] = ()


def numbers(item: Any, keyword: str, count: int | None = None) -> list[float] | None:
    """Read an element as finite numbers; ``None`` where it is absent, other or another count."""
    try:
        value = item.get(keyword)
        if value is None or value == "":
            return None
        listed = [value] if isinstance(value, (str, int, float)) else list(value)
        found = [float(entry) for entry in listed]
    except (TypeError, ValueError, OverflowError):
        return None
    if not all(map(math.isfinite, found)) or (count is not None and len(found) != count):
        return None
    return found


def functional_group(dataset: Any, keyword: str, frame: int) -> Any | None:
    """Find the item of a functional group macro for a frame: the frame's own, or the shared."""
    for sequence, place in (
        ("PerFrameFunctionalGroupsSequence", frame),
        ("SharedFunctionalGroupsSequence", 0),
    ):
        groups = dataset.get(sequence) or ()
        if place < len(groups):
            items = groups[place].get(keyword)
            if items:
                return items[0]
    return None


def find_space(dataset: Any, rows: int, columns: int, frames: int) -> Space:
    """Give the geometry of a picture of ``frames`` frames."""
    notes: list[str] = []
    found = read_regions(dataset, rows, columns)
    if found is not None:
        plane, regions = found.whole, found.regions
        notes.extend(found.notes)
    else:
        plane, regions = _pixel_spacing(dataset, notes), ()
    calibrated = plane is not None
    spacing = plane or (1.0, 1.0)
    if frames == 1:
        group = functional_group(dataset, "PlanePositionSequence", 0)
        origin = numbers(group or dataset, "ImagePositionPatient", 3)
        along = _orientation(dataset, 0, notes)
        if origin is None or along is None:
            return Space("yx", spacing, calibrated, None, None, regions, tuple(notes))
        direction = _columns(along[0], along[1], np.cross(along[0], along[1]))
        return Space("yx", spacing, calibrated, _vector(origin), direction, regions, tuple(notes))
    volume = _volume(dataset, frames, notes)
    if volume is None or not calibrated:
        return Space("tyx", (1.0, *spacing), calibrated, None, None, regions, tuple(notes))
    origin, step, along = volume
    length = float(np.linalg.norm(step))
    direction = _columns(along[0], along[1], step / length)
    return Space("zyx", (length, *spacing), True, _vector(origin), direction, regions, tuple(notes))


def _pixel_spacing(dataset: Any, notes: list[str]) -> tuple[float, float] | None:
    """Find the distance of pixel centres (y, x) in mm."""
    group = functional_group(dataset, "PixelMeasuresSequence", 0)
    for item, keyword in ((group, "PixelSpacing"), (dataset, "PixelSpacing")):
        if item is not None and keyword in item:
            found = numbers(item, keyword, 2)
            if found is None or min(found) <= 0:
                notes.append("calibration ignored: Pixel Spacing is not two positive numbers")
                return None
            if dataset.get("Modality") == "US":
                notes.append("calibrated by Pixel Spacing; the file lists no ultrasound regions")
            return found[0], found[1]
    found = numbers(dataset, "ImagerPixelSpacing", 2)
    if found is not None and min(found) > 0:
        notes.append("spacing is at the detector, not corrected for magnification")
        return found[0], found[1]
    aspect = numbers(dataset, "PixelAspectRatio", 2)
    if aspect is not None and aspect[0] != aspect[1]:
        notes.append(f"pixels are not square (y : x = {aspect[0]:g} : {aspect[1]:g})")
    return None


def _orientation(dataset: Any, frame: int, notes: list[str]) -> NDArray[np.float64] | None:
    """Find the directions along a row (x) and down a column (y), one below the other."""
    group = functional_group(dataset, "PlaneOrientationSequence", frame)
    found = numbers(group or dataset, "ImageOrientationPatient", 6)
    if found is None:
        return None
    along = np.array(found).reshape(2, 3)
    if not np.allclose(along @ along.T, np.eye(2), atol=1e-3):
        notes.append("patient position ignored: Image Orientation is not two unit vectors")
        return None
    return along


def _volume(dataset: Any, frames: int, notes: list[str]) -> tuple[Any, Any, Any] | None:
    """Find origin, step and in-plane directions where the frames are evenly spaced slices."""
    along = _orientation(dataset, 0, notes)
    if along is None:
        return None
    offsets = numbers(dataset, "GridFrameOffsetVector", frames)
    start = numbers(dataset, "ImagePositionPatient", 3)
    uneven = False
    if offsets is not None and start is not None:
        normal = np.cross(along[0], along[1])
        # RT dose: relative to the first plane, or positions along its normal
        points = np.array(start) + np.outer(np.array(offsets) - offsets[0], normal)
    else:
        listed = []
        for frame in range(frames):
            group = functional_group(dataset, "PlanePositionSequence", frame)
            listed.append(numbers(group, "ImagePositionPatient", 3) if group else None)
            turned = _orientation(dataset, frame, [])
            uneven |= turned is None or not np.allclose(turned, along, atol=1e-3)
        if any(point is None for point in listed):
            return None
        points = np.array(listed, dtype=np.float64)
    steps = np.diff(points, axis=0)
    step = steps.mean(axis=0)
    length = float(np.linalg.norm(step))
    slack = max(0.01, 0.01 * length)
    sideways = np.abs(along @ step).max()
    if uneven or length < 1e-6 or np.abs(steps - step).max() > slack or sideways > slack:
        notes.append("the frames are not evenly spaced parallel slices: read as frames")
        return None
    return points[0], step, along


def _vector(values: Any) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _columns(x: Any, y: Any, z: Any) -> tuple[Vector, ...]:
    return tuple(_vector(row) for row in np.stack([x, y, z], axis=-1))
