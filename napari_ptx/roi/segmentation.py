"""DICOM SEG: frames of segments become voxels of a grid, by where they lie in the patient.

What a decoder's child process runs; ``instances`` calls it.

References
----------
DICOM PS3.3 C.8.20 (segmentation), C.7.6.16 (functional groups).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels import get_decoder  # type: ignore[attr-defined]  # documented as theirs
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from napari_ptx.image.dicom import Header, check_data, read_header
from napari_ptx.image.dicom_space import functional_group, numbers
from napari_ptx.image.foreign import Unreadable, check_size
from napari_ptx.image.grid import Grid
from napari_ptx.roi.dicom_objects import text_of
from napari_ptx.roi.voxels import Part, check_frame

_TYPES = ("BINARY", "FRACTIONAL", "LABELMAP")

_PLAIN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)

_SLACK = 0.1
"""Voxels are those of the grid where no centre is further off than this share of one."""

_SAME_PLANE_MM = 0.01

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Planes:
    """Where the frames of a SEG lie.

    Parameters
    ----------
    shape
        Planes, rows, columns.
    place
        The plane of each frame, counted from the lowest along the normal.
    corners
        Position of the first pixel of each plane (mm), ``(planes, 3)``.
    along
        Unit vectors of a row (x), of a column (y) and of the normal, one below the other.
    spacing
        Distance of pixel centres down a column and along a row (mm).
    step
        How thick each plane is (mm).
    """

    shape: tuple[int, int, int]
    place: tuple[int, ...]
    corners: Array
    along: Array
    spacing: tuple[float, float]
    step: float


def read_segments(
    dataset: Any, path: Path, frame_of_reference: str, notes: list[str]
) -> tuple[list[Part], Planes]:
    """Give the voxels of each segment on the planes of the file.

    A fractional segment is where its value is at least half of the largest.

    Raises
    ------
    Unreadable
        The frames have no place in the patient, are not parallel, or lie in another frame of
        reference; pixels or segments are missing.
    """
    header = read_header(dataset, notes)
    # Frames are decoded one at a time: a bit for each pixel is what is held.
    check_size(-(-header.frames * header.rows * header.columns * header.bits // 8), path)
    check_data(dataset, header, notes)
    check_frame(text_of(dataset, "FrameOfReferenceUID"), frame_of_reference)
    planes = find_planes(dataset, header)
    names = segment_names(dataset)
    found = _voxels(dataset, header, planes, names)

    def taken(number: int) -> NDArray[np.int64]:
        pieces = found.get(number)
        return np.concatenate(list(pieces.values())) if pieces else np.zeros(0, np.int64)

    def part(number: int, name: str) -> Part:
        return Part(name, lambda: taken(number))

    return [part(number, name) for number, name in names.items()], planes


def _kind(dataset: Any) -> str:
    kind = text_of(dataset, "SegmentationType").upper()
    if kind not in _TYPES:
        raise Unreadable(
            f"its Segmentation Type is {kind or 'missing'}, which is none of {', '.join(_TYPES)}; "
            "export it again"
        )
    return kind


def segment_names(dataset: Any) -> dict[int, str]:
    """Give the names of segments by number; the background of a label map is none.

    Raises
    ------
    Unreadable
    """
    ground = _background(dataset) if _kind(dataset) == "LABELMAP" else ()
    names: dict[int, str] = {}
    for item in dataset.get("SegmentSequence") or ():
        number = numbers(item, "SegmentNumber", 1)
        if number is None or int(number[0]) in names:
            raise Unreadable("its segments are not numbered, or not each once; export it again")
        if int(number[0]) not in ground:
            names[int(number[0])] = text_of(item, "SegmentLabel") or f"segment {int(number[0])}"
    if not names:
        raise Unreadable("it lists no segment; export it again")
    return names


def _background(dataset: Any) -> tuple[int, ...]:
    """Give the values of a label map that are no segment: 0, and the padding."""
    padding = numbers(dataset, "PixelPaddingValue", 1)
    return (0, int(padding[0])) if padding else (0,)


def _voxels(
    dataset: Any, header: Header, planes: Planes, names: Mapping[int, str]
) -> dict[int, dict[int, NDArray[np.int64]]]:
    """Give the flat indices, on the planes, of each segment's pixels in each plane."""
    found: dict[int, dict[int, NDArray[np.int64]]] = {}
    area = header.rows * header.columns
    for frame, number, mask in read_frames(dataset, header, names):
        plane = planes.place[frame]
        inside = np.flatnonzero(mask) + plane * area
        pieces = found.setdefault(number, {})
        # Two frames of one segment may lie in one plane.
        pieces[plane] = np.union1d(pieces[plane], inside) if plane in pieces else inside
    return found


def read_frames(
    dataset: Any, header: Header, names: Mapping[int, str]
) -> Iterator[tuple[int, int, NDArray[np.bool_]]]:
    """Give the masks of a SEG, one after the other: frame, number of the segment, flat pixels.

    A frame of a label map gives a mask for each segment in it. A fractional segment is where
    its value is at least half of the largest.

    Raises
    ------
    Unreadable
        A frame is of a segment that the file does not list, or cannot be decompressed.
    """
    kind = _kind(dataset)
    most = numbers(dataset, "MaximumFractionalValue", 1) or [255.0]
    for frame, pixels in enumerate(_frames(dataset, header)):
        if kind == "LABELMAP":
            for number in np.setdiff1d(pixels, _background(dataset)):
                _check_number(int(number), names, frame)
                yield frame, int(number), pixels == number
            continue
        group = functional_group(dataset, "SegmentIdentificationSequence", frame)
        stated = numbers(group, "ReferencedSegmentNumber", 1) if group is not None else None
        number = int(stated[0]) if stated else next(iter(names)) if len(names) == 1 else -1
        _check_number(number, names, frame)
        yield frame, number, pixels > 0 if kind == "BINARY" else 2.0 * pixels >= most[0]


def _check_number(number: int, names: Mapping[int, str], frame: int) -> None:
    if number not in names:
        which = f"segment {number}, which it does not list" if number >= 0 else "no stated segment"
        raise Unreadable(f"its frame {frame + 1} is of {which}; export it again")


def _frames(dataset: Any, header: Header) -> Iterator[NDArray[Any]]:
    area = header.rows * header.columns
    if header.bits == 1 and header.syntax in _PLAIN:
        # Frames that end within a byte are shifted or cut by pydicom 3.0.2.
        data = np.frombuffer(dataset[header.element].value, np.uint8)
        for frame in range(header.frames):
            first, last = frame * area, (frame + 1) * area
            held = np.unpackbits(data[first // 8 : -(-last // 8)], bitorder="little")
            yield held[first % 8 : first % 8 + area]
        return
    decoder = get_decoder(header.syntax)
    try:
        for pixels, _ in decoder.iter_array(dataset, raw=True, allow_excess_frames=False):
            yield pixels.reshape(-1)
    except RuntimeError as error:
        said = str(error).splitlines()[0]
        raise Unreadable(
            f"its pixels ({header.syntax.name}) could not be decompressed ({said}); export it again"
        ) from None


def find_planes(dataset: Any, header: Header) -> Planes:
    """Find where the frames lie.

    Raises
    ------
    Unreadable
        A frame states no position, or they are not parallel with one pixel size.
    """
    corners, turned, sizes = [], [], []
    for frame in range(header.frames):
        corner = _stated(dataset, "PlanePositionSequence", "ImagePositionPatient", 3, frame)
        turn = _stated(dataset, "PlaneOrientationSequence", "ImageOrientationPatient", 6, frame)
        size = _stated(dataset, "PixelMeasuresSequence", "PixelSpacing", 2, frame)
        if corner is None or turn is None or size is None or min(size) <= 0:
            raise Unreadable(
                f"its frame {frame + 1} does not state where it lies in the patient, as those of "
                "slides and projections do not; give a segmentation of a CT series"
            )
        corners.append(corner)
        turned.append(turn)
        sizes.append(size)
    if not (np.allclose(turned, turned[0], atol=1e-3) and np.allclose(sizes, sizes[0], rtol=1e-3)):
        raise Unreadable("its frames differ in orientation or pixel size; export it again")
    across = np.array(turned[0]).reshape(2, 3)
    if not np.allclose(across @ across.T, np.eye(2), atol=1e-3):
        raise Unreadable("its orientation is not two unit vectors at right angles; export it again")
    along = np.vstack([across, np.cross(across[0], across[1])])
    points = np.array(corners)
    distances = points @ along[2]
    order = np.argsort(distances, kind="stable")
    gaps = np.diff(distances[order])
    counted = np.concatenate([[0], np.cumsum(gaps > _SAME_PLANE_MM)])
    place = np.empty(len(order), dtype=int)
    place[order] = counted
    first = np.array([points[place == number][0] for number in range(counted[-1] + 1)])
    if np.abs(points - first[place]).max() > _SAME_PLANE_MM:
        raise Unreadable(
            "frames of one plane begin at different places (tiles of a slide); give a "
            "segmentation of a CT series"
        )
    step = _step(dataset, gaps[gaps > _SAME_PLANE_MM])
    return Planes(
        (len(first), header.rows, header.columns),
        tuple(int(one) for one in place),
        first,
        along,
        (sizes[0][0], sizes[0][1]),
        step,
    )


def _step(dataset: Any, gaps: Array) -> float:
    """Find how thick planes are: as stated, else by their gaps.

    Empty planes may be left out, so that a gap can be several planes wide; and slices may be
    thicker than they are apart.
    """
    stated = _stated(dataset, "PixelMeasuresSequence", "SpacingBetweenSlices", 1, 0)
    if stated is not None and stated[0]:
        return abs(stated[0])
    thick = _stated(dataset, "PixelMeasuresSequence", "SliceThickness", 1, 0) or []
    found = [*(one for one in thick if one > 0), *gaps]
    return float(min(found)) if found else 1.0


def _stated(
    dataset: Any, sequence: str, keyword: str, count: int, frame: int
) -> list[float] | None:
    group = functional_group(dataset, sequence, frame)
    found = None if group is None else numbers(group, keyword, count)
    return numbers(dataset, keyword, count) if found is None else found


def place_labels(
    labels: NDArray[np.int16], planes: Planes, grid: Grid, notes: list[str]
) -> NDArray[np.int16]:
    """Bring labels on the planes of a SEG to a grid.

    Where its voxels are voxels of the grid, however the axes run, every label is put where it
    belongs; otherwise each voxel of the grid takes the label of the nearest one, and a note
    tells so.

    Raises
    ------
    Unreadable
        The voxels are neither those of the grid nor on a regular one of their own.
    """
    exact = _exact(planes, grid)
    if exact is not None:
        placed, lost = _put(labels, *exact, grid)
        if lost and placed.any():
            notes.append(
                f"{lost} of {np.count_nonzero(labels)} labelled voxels lie outside of the image"
            )
        return placed
    rows, columns = planes.shape[1:]
    notes.append(
        f"its voxels ({rows} x {columns} of {planes.spacing[0]:.3g} x {planes.spacing[1]:.3g} "
        f"mm, {planes.step:.3g} mm apart) are not those of the image: each voxel took the "
        "label of the nearest"
    )
    return _nearest(labels, planes, grid)


def _put(
    labels: NDArray[np.int16], turned: NDArray[np.int64], corners: NDArray[np.int64], grid: Grid
) -> tuple[NDArray[np.int16], int]:
    """Put labels where ``_exact`` says; the second value counts those outside of the grid."""
    placed = np.zeros(grid.shape, np.int16)
    lost = 0
    # Plane by plane: the places of a whole body would take more memory than the volume.
    for page, corner in zip(labels, corners, strict=True):
        row, column = np.nonzero(page)
        x, y, z = turned @ np.stack([column, row]) + corner[:, np.newaxis]
        within = np.all(
            [(one >= 0) & (one < size) for one, size in zip((z, y, x), grid.shape, strict=True)],
            axis=0,
        )
        placed[z[within], y[within], x[within]] = page[row, column][within]
        lost += int((~within).sum())
    return placed, lost


def _exact(planes: Planes, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Give how pixels (column, row) count along x, y, z of the grid, and where planes begin."""
    steps = planes.along[:2] * np.array(planes.spacing[::-1])[:, np.newaxis]
    inverse = np.linalg.inv(grid.matrix())
    turned = inverse @ steps.T
    whole = np.rint(turned)
    corners = grid.indices(planes.corners)[:, ::-1]
    axes = np.abs(whole).sum(axis=1)
    # Each of rows and columns runs along one axis of the grid, and not the same.
    if not (np.abs(whole).sum(axis=0) == 1).all() or axes.max() > 1:
        return None
    if np.abs(turned - whole).max() * max(planes.shape[1:]) > _SLACK:
        return None
    if np.abs(corners - np.rint(corners)).max() > _SLACK:
        return None
    # Thick planes on thin slices would leave slices between them empty.
    if abs(inverse @ planes.along[2]).max() * planes.step > 1.5:
        return None
    return whole.astype(np.int64), np.rint(corners).astype(np.int64)


def _nearest(labels: NDArray[np.int16], planes: Planes, grid: Grid) -> NDArray[np.int16]:
    distances = planes.corners @ planes.along[2]
    # The in-plane corner of every plane is that of the first: a sheared stack is not resampled.
    shift = (planes.corners - planes.corners[0]) @ planes.along[:2].T
    if np.abs(shift).max() > 0.5 * min(planes.spacing):
        raise Unreadable(
            "its frames are moved against each other and its voxels are not those of the image; "
            "give the series that it was drawn on"
        )
    made = np.zeros(grid.shape, np.int16)
    matrix = grid.matrix()
    y, x = np.mgrid[: grid.shape[1], : grid.shape[2]]
    flat = matrix[:, 0] * x.reshape(-1, 1) + matrix[:, 1] * y.reshape(-1, 1) + np.array(grid.origin)
    for slice_ in range(grid.shape[0]):
        points = flat + matrix[:, 2] * slice_
        across = (points - planes.corners[0]) @ planes.along[:2].T
        column = np.rint(across[:, 0] / planes.spacing[1]).astype(np.int64)
        row = np.rint(across[:, 1] / planes.spacing[0]).astype(np.int64)
        at = points @ planes.along[2]
        plane = _closest(distances, at)
        held = (
            (np.abs(distances[plane] - at) <= planes.step / 2 + 1e-6)
            & (row >= 0) & (row < planes.shape[1]) & (column >= 0) & (column < planes.shape[2])
        )  # fmt: skip
        values = np.zeros(len(points), np.int16)
        values[held] = labels[plane[held], row[held], column[held]]
        made[slice_] = values.reshape(grid.shape[1:])
    return made


def _closest(sorted_: Array, wanted: Array) -> NDArray[np.int64]:
    after = np.clip(np.searchsorted(sorted_, wanted), 1, max(len(sorted_) - 1, 1))
    after = np.minimum(after, len(sorted_) - 1)
    before = np.maximum(after - 1, 0)
    nearer: NDArray[np.int64] = np.where(
        np.abs(sorted_[before] - wanted) <= np.abs(sorted_[after] - wanted), before, after
    )
    return nearer
