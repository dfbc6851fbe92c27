"""RTSTRUCT: closed contours in mm become voxels of the grid that they were drawn on.

What a decoder's child process runs; ``instances`` calls it.

References
----------
DICOM PS3.3 C.8.8.5 (structure set) and C.8.8.6 (ROI contour; inner and outer contours in
C.8.8.6.3).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ptx.image.dicom_space import numbers
from napari_ptx.image.foreign import Unreadable
from napari_ptx.image.grid import Grid
from napari_ptx.roi.dicom_objects import text_of
from napari_ptx.roi.outline import Outline
from napari_ptx.roi.raster import rasterise, rasterise_window
from napari_ptx.roi.voxels import Part, check_frame, slices_told

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")

_OFF_MM = 0.1
_OFF_STEPS = 0.1
"""A contour lies on a slice where no vertex is further from it than either of these: planning
systems round positions to a tenth of a millimetre or less."""

_BODY = "EXTERNAL"
"""The type of an outline of the whole body, which is no structure that anyone looks for."""

Ring = NDArray[np.float64]
Voxels = NDArray[np.int64]


def read_structure_set(
    dataset: Any, grid: Grid, frame_of_reference: str, notes: list[str]
) -> list[Part]:
    """Give the voxels of each structure, in the order of the file.

    All contours of a structure on a slice are filled together by the even-odd rule, so that
    holes are cut whether they are keyholes, ``CLOSEDPLANAR_XOR``, or contours within others.

    Raises
    ------
    Unreadable
        A contour lies between slices, across them or outside all of them; contours are
        damaged; the frame of reference is another.
    """
    contours: dict[int, list[Any]] = defaultdict(list)
    for item in dataset.get("ROIContourSequence") or ():
        contours[_number(item, "ReferencedROINumber")] += item.get("ContourSequence") or []
    kinds = {
        _number(item, "ReferencedROINumber"): text_of(item, "RTROIInterpretedType").upper()
        for item in dataset.get("RTROIObservationsSequence") or ()
    }
    parts = []
    for item in dataset.get("StructureSetROISequence") or ():
        number = _number(item, "ROINumber")
        name = text_of(item, "ROIName") or f"ROI {number}"
        frame = text_of(item, "ReferencedFrameOfReferenceUID")

        def voxels(name: str = name, number: int = number, frame: str = frame) -> Voxels:
            # Only of the structures that are wanted: a set may hold several frames.
            check_frame(frame, frame_of_reference, name)
            return _fill(name, contours[number], grid, notes)

        parts.append(Part(name, voxels, whole_body=kinds.get(number) == _BODY))
    if not parts:
        raise Unreadable("it lists no structure; export it again with its structures")
    return parts


def _number(item: Any, keyword: str) -> int:
    found = numbers(item, keyword, 1)
    if found is None:
        raise Unreadable(f"its tag {keyword} is missing in one of its structures; export it again")
    return int(found[0])


def _fill(name: str, contours: Sequence[Any], grid: Grid, notes: list[str]) -> Voxels:
    """Give the flat indices of the voxels inside the contours of one structure."""
    slices: dict[int, list[Ring]] = defaultdict(list)
    outside = open_ = 0
    for contour in contours:
        kind = text_of(contour, "ContourGeometricType").upper()
        points = _points(name, contour)
        if kind not in _CLOSED or len(points) < 3:
            open_ += 1
            continue
        place, ring = _on_slice(name, points, grid)
        if 0 <= place < grid.shape[0]:
            slices[place].append(ring)
        else:
            outside += 1
    if open_:
        notes.append(f"{name}: {open_} of {len(contours)} contours are points or open lines")
    if outside:
        if not slices:
            raise Unreadable(
                f'the contours of "{name}" lie above or below all slices of the image; give '
                "the series that it was drawn on"
            )
        notes.append(f"{name}: {outside} contours lie above or below all slices of the image")
    _check_steps(name, sorted(slices), grid, notes)
    found, twice = [], 0
    for place, rings in slices.items():
        # The first ring only carries the others: even-odd knows no outer and inner one.
        mask, (top, left) = rasterise_window([Outline(rings[0], tuple(rings[1:]))], grid.shape[1:])
        rows, columns = np.nonzero(mask)
        found.append((place * grid.shape[1] + rows + top) * grid.shape[2] + columns + left)
        twice += _crossing(rings, grid.shape[1:])
    if twice:
        notes.append(
            f"{name}: contours of one slice cross each other; by the even-odd rule {twice} "
            "voxels in two of them are outside"
        )
    return np.concatenate(found).astype(np.int64) if found else np.zeros(0, np.int64)


def _points(name: str, contour: Any) -> NDArray[np.float64]:
    """Read the vertices (mm); none where the contour has no data."""
    if not contour.get("ContourData"):
        return np.zeros((0, 3))
    listed = numbers(contour, "ContourData")
    stated = numbers(contour, "NumberOfContourPoints", 1)
    wrong = listed is None or len(listed) % 3 or (stated and 3 * int(stated[0]) != len(listed))
    if listed is None or wrong:
        raise Unreadable(
            f'a contour of "{name}" is not a list of as many points (x, y, z) as it declares; '
            "export it again"
        )
    return np.array(listed).reshape(-1, 3)


def _on_slice(name: str, points: NDArray[np.float64], grid: Grid) -> tuple[int, Ring]:
    """Give the number of the slice that a contour lies on, and its vertices (y, x) in pixels."""
    indices = grid.indices(points)
    step = grid.spacing[0]
    slack = max(_OFF_STEPS, _OFF_MM / step)
    along = indices[:, 0]
    if np.ptp(along) > 2 * slack:
        raise Unreadable(
            f'a contour of "{name}" runs across slices ({np.ptp(along) * step:.2f} mm along '
            "their normal); give the series that it was drawn on"
        )
    place = int(np.rint(along.mean()))
    off = float(np.abs(along - place).max())
    if off > slack:
        raise Unreadable(
            f'a contour of "{name}" lies {off * step:.2f} mm from the nearest slice (slices are '
            f"{step:.2f} mm apart); give the series that it was drawn on"
        )
    # Arithmetic in mm leaves 1e-12 of a pixel: a vertex on a pixel's centre shall be on it, so
    # that the one rule for lines through centres decides, and not the rounding.
    return place, np.round(indices[:, 1:], 6)


def _check_steps(name: str, places: Sequence[int], grid: Grid, notes: list[str]) -> None:
    """Refuse contours drawn on thicker slices: they would be discs with nothing between."""
    gaps = np.diff(places)
    if len(places) >= 4 and gaps.min() >= 2:
        raise Unreadable(
            f'the contours of "{name}" are at least {gaps.min() * grid.spacing[0]:.2f} mm '
            f"apart, on slices that are {grid.spacing[0]:.2f} mm apart; give the series that it "
            "was drawn on, or let the planning system interpolate them"
        )
    missing = int((gaps - 1).sum())
    if missing:
        notes.append(f"{name}: no contour on {slices_told(missing)} between its first and last")


def _crossing(rings: Sequence[Ring], shape: Sequence[int]) -> int:
    """Count pixels that two rings share although neither lies within the other."""
    count = 0
    masks = [rasterise([Outline(ring)], shape) for ring in rings] if len(rings) > 1 else []
    for place, one in enumerate(masks):
        for other in masks[:place]:
            shared = int((one & other).sum())
            if shared and shared < min(int(one.sum()), int(other.sum())):
                count += shared
    return count
