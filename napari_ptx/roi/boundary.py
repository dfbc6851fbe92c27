"""How far one line lies outside or inside another: signed distances along an outline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from napari_ptx.roi.edit import resample
from napari_ptx.roi.outline import Outline, Roi, RoiError
from napari_ptx.roi.shapes import to_area


@dataclass(frozen=True, eq=False)
class Boundary:
    """One closed line with its distance from another ROI at each of its points.

    Parameters
    ----------
    points
        ``(n, 2)`` positions ``(y, x)`` in pixels, not repeated at the end.
    distance
        ``(n,)``, in mm where a spacing was given, else in pixels. Positive outside of the
        other ROI, negative inside, 0 on its line.
    """

    points: NDArray[np.float64]
    distance: NDArray[np.float64]


def signed_distance(
    points: ArrayLike, other: Roi, spacing: Sequence[float] | None = None
) -> NDArray[np.float64]:
    """Give the distance of points from the nearest line of a ROI, holes included.

    Parameters
    ----------
    points
        ``(n, 2)`` positions ``(y, x)`` in pixels.
    other
        Outlines of one frame; the mask is their union, and so is the inside.
    spacing
        Millimetres between pixel centres, ``(y, x)``; ``None`` measures in pixels.

    Returns
    -------
    numpy.ndarray
        ``(n,)``: positive outside, negative inside.

    Raises
    ------
    RoiError
        Where the other ROI holds no area: nothing is near or far from it then.
    """
    scale = np.array((1.0, 1.0) if spacing is None else tuple(spacing), dtype=np.float64)
    if scale.shape != (2,) or not (np.isfinite(scale) & (scale > 0)).all():
        raise RoiError(
            f"The spacing must be two positive numbers (y, x) in mm, not {scale.tolist()}."
        )
    # The union's own line: where two outlines overlap, the part of a line inside the other
    # is no boundary of the mask.
    area = _scaled(shapely.union_all([to_area(outline) for outline in other]), scale)
    if area.is_empty:
        raise RoiError("There is no area to measure distances from; draw an outline first.")
    places = np.asarray(points, dtype=np.float64).reshape(-1, 2) * scale
    shapely.prepare(area)
    far = shapely.distance(shapely.points(places), area.boundary)
    within = shapely.contains_xy(area, places[:, 0], places[:, 1])
    signed: NDArray[np.float64] = np.where(within, -far, far)
    return signed


def along(
    outlines: Roi, other: Roi, spacing: Sequence[float] | None = None, *, step: float = 1.0
) -> tuple[Boundary, ...]:
    """Measure every line of a ROI against another ROI of the same frame.

    Parameters
    ----------
    outlines, other
        In pixels. Only frames that both have are measured; take the frame that is shown.
    spacing
        As for ``signed_distance``.
    step
        Distance of the points along the lines, in pixels; the corners of a line need not
        be among them.

    Returns
    -------
    tuple of Boundary
        One for each ring; empty where the other has no outline on the frame.
    """
    found: list[Boundary] = []
    for frame in sorted({outline.frame for outline in outlines}):
        against = [outline for outline in other if outline.frame == frame]
        if not against:
            continue
        for outline in _of(outlines, frame):
            for ring in outline.rings:
                points = resample(ring, step, closed=True)
                found.append(Boundary(points, signed_distance(points, against, spacing)))
    return tuple(found)


def _of(outlines: Roi, frame: int) -> list[Outline]:
    return [outline for outline in outlines if outline.frame == frame]


def _scaled(area: Any, scale: NDArray[np.float64]) -> Any:
    return shapely.transform(area, lambda points: points * scale)
