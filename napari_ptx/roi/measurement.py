"""What is measured on a ROI: area, perimeter, diameters, centroid, with units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from napari_ptx.roi.digital import straight_corners
from napari_ptx.roi.outline import Outline, RoiError
from napari_ptx.roi.raster import trace
from napari_ptx.roi.shapes import is_pixel_edge, polygons, to_area

Point = tuple[float, float]


@dataclass(frozen=True)
class Measurement:
    """The measurements of one ROI.

    Parameters
    ----------
    area
        In mm² or px².
    perimeter
        Length of the line, holes included; see ``measure`` for masks.
    max_diameter
        The largest distance between two points of the line (Feret's diameter).
    short_axis
        The extent perpendicular to the maximum diameter: the distance of the two
        lines parallel to it that hold the lesion between them.
    centroid_y, centroid_x
        Centre of area, from the centre of the image's first pixel.
    bounding_box
        Top, left, bottom, right of the line, always in pixels.
    unit
        "mm" where the image is calibrated, else "px".
    max_diameter_ends, short_axis_ends
        The two ends ``(y, x)`` of each axis in pixels, to be drawn on the image.
    """

    area: float
    perimeter: float
    max_diameter: float
    short_axis: float
    centroid_y: float
    centroid_x: float
    bounding_box: tuple[float, float, float, float]
    unit: Literal["mm", "px"]
    max_diameter_ends: tuple[Point, Point]
    short_axis_ends: tuple[Point, Point]


def measure(outlines: Iterable[Outline], spacing: Iterable[float] | None = None) -> Measurement:
    """Measure a ROI.

    Outlines that overlap or share an edge are one lesion (their union); a line
    that crosses itself counts by the even-odd rule, as in ``rasterise``. With
    several lesions the area and the perimeter are sums, the centroid is that of
    the whole area, and the two diameters are those of the lesion with the largest
    area. Outlines of different frames never merge.

    The line of a mask runs along pixel edges and is up to 41% longer than what it
    shows. Where a ring does (every vertex at half-integers, every edge along an
    axis), its perimeter is the length of the polygon through its digital straight
    segments; see ``napari_ptx.roi.digital``. Everything else is the polygon's.

    Parameters
    ----------
    outlines
        In pixels.
    spacing
        Millimetres between pixel centres, ``(y, x)``; ``None`` measures in pixels.

    Raises
    ------
    RoiError
        Where there is no outline, or none that encloses an area.
    """
    scale = _scale(spacing)
    lesions: list[Any] = []
    for _, group in groupby(sorted(outlines, key=_frame), key=_frame):
        areas = [to_area(outline) for outline in group]
        merged = areas[0] if len(areas) == 1 else shapely.union_all(areas)
        lesions.extend(polygons(merged))
    if not lesions:
        raise RoiError("There is no area to measure: draw an outline round the lesion first.")
    shapes = np.array(lesions, dtype=object)
    areas_px = shapely.area(shapes)
    centre = np.average(shapely.get_coordinates(shapely.centroid(shapes)), axis=0, weights=areas_px)
    low, high = np.split(shapely.total_bounds(shapes), 2)
    hull = shapely.get_coordinates(shapely.convex_hull(lesions[int(np.argmax(areas_px))]))[:-1]
    diameter, diameter_ends, short, short_ends = _axes(hull * scale)
    return Measurement(
        area=float(areas_px.sum() * scale.prod()),
        perimeter=sum(_length(ring, scale) for lesion in lesions for ring in _rings(lesion)),
        max_diameter=diameter,
        short_axis=short,
        centroid_y=float(centre[0] * scale[0]),
        centroid_x=float(centre[1] * scale[1]),
        bounding_box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
        unit="px" if spacing is None else "mm",
        max_diameter_ends=_points(diameter_ends / scale),
        short_axis_ends=_points(short_ends / scale),
    )


def measure_mask(mask: ArrayLike, spacing: Iterable[float] | None = None) -> Measurement:
    """Measure a mask ``(y, x)``: ``measure`` of its traced outlines.

    Against the polygon of perimeter L that the mask was filled from, and in pixels,
    the area differs by at most √2 L + π/2 (only pixels that the line passes within
    √2/2 can differ). The maximum diameter exceeds it by at most √2, on rounded
    lesions by about 1, and falls short by at most √2 where every point of the
    polygon lies in a disc of radius √2/2 inside it. The tests hold these bounds.
    """
    return measure(trace(mask), spacing)


def _frame(outline: Outline) -> int:
    return outline.frame


def _scale(spacing: Iterable[float] | None) -> NDArray[np.float64]:
    scale = np.array((1.0, 1.0) if spacing is None else tuple(spacing), dtype=np.float64)
    if scale.shape != (2,) or not (np.isfinite(scale) & (scale > 0)).all():
        raise RoiError(
            f"The spacing must be two positive numbers (y, x) in mm, not {scale.tolist()}."
        )
    return scale


def _rings(polygon: Any) -> list[NDArray[np.float64]]:
    rings = [polygon.exterior, *polygon.interiors]
    return [shapely.get_coordinates(ring)[:-1] for ring in rings]


def _length(ring: NDArray[np.float64], scale: NDArray[np.float64]) -> float:
    corners = straight_corners(ring) if is_pixel_edge(ring) else ring
    steps = (np.roll(corners, -1, axis=0) - corners) * scale
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


def _axes(
    hull: NDArray[np.float64],
) -> tuple[float, NDArray[np.float64], float, NDArray[np.float64]]:
    """Maximum diameter of a convex polygon and the extent across it, each with its two ends."""
    squares = cdist(hull, hull, "sqeuclidean")
    i, j = np.unravel_index(np.argmax(squares), squares.shape)
    ends = hull[[i, j]]
    diameter = float(np.sqrt(squares[i, j]))
    along = (ends[1] - ends[0]) / diameter
    across = np.array([-along[1], along[0]])
    side = (hull - ends[0]) @ across
    near, far = int(np.argmin(side)), int(np.argmax(side))
    # The segment is drawn perpendicular to the diameter, halfway between the two
    # points that bound the lesion.
    place = ends[0] + along * ((hull[[near, far]] - ends[0]) @ along).mean()
    short_ends = place + np.outer(side[[near, far]], across)
    return diameter, ends, float(side[far] - side[near]), short_ends


def _points(ends: NDArray[np.float64]) -> tuple[Point, Point]:
    (y0, x0), (y1, x1) = ends.tolist()
    return (y0, x0), (y1, x1)
