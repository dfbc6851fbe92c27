"""Outlines as shapely polygons and back, and what lines that cross themselves mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from napari_ptx.roi.outline import Outline


def to_polygon(outline: Outline) -> Any:
    """Give the outline as a shapely ``Polygon`` of ``(y, x)``, as it is, valid or not."""
    return shapely.Polygon(outline.points, outline.holes)


def to_area(outline: Outline) -> Any:
    """Give the area of the outline as a valid (multi)polygon, by the even-odd rule.

    A line that crosses itself is split where it crosses; what it encloses an even
    number of times is outside, as in ``rasterise``.
    """
    polygon = to_polygon(outline)
    if polygon.is_valid:
        return polygon
    kept = []
    for face in faces(outline.rings):
        inner = face.representative_point()
        if inside(outline, (inner.x, inner.y)):
            kept.append(face)
    return shapely.union_all(kept)


def inside(outline: Outline, point: tuple[float, float]) -> bool:
    """Tell whether a point ``(y, x)`` is inside, by the rule of ``rasterise``, ties included."""
    y, x = point
    crossed = False
    for ring in outline.rings:
        start, end = ring, np.roll(ring, -1, axis=0)
        swap = (start[:, 0] > end[:, 0])[:, np.newaxis]
        upper, lower = np.where(swap, end, start), np.where(swap, start, end)
        hit = (upper[:, 0] < y) & (y <= lower[:, 0])
        (y0, x0), (y1, x1) = upper[hit].T, lower[hit].T
        crossed ^= bool(((x0 + (y - y0) / (y1 - y0) * (x1 - x0)) < x).sum() % 2)
    return crossed


def from_area(area: Any, frame: int = 0) -> tuple[Outline, ...]:
    """Give the polygons of a shapely geometry as outlines; lines and points are dropped."""
    return tuple(
        Outline(
            shapely.get_coordinates(polygon.exterior),
            tuple(shapely.get_coordinates(hole) for hole in polygon.interiors),
            frame,
        )
        for polygon in polygons(area)
    )


def polygons(area: Any) -> list[Any]:
    """Give the polygons of a shapely geometry that have an area."""
    return [
        part
        for part in shapely.get_parts(area, return_index=False).tolist()
        if part.geom_type == "Polygon" and part.area > 0
    ]


def is_simple(outline: Outline) -> bool:
    """Tell whether no ring crosses itself or another, and the holes lie inside."""
    return bool(to_polygon(outline).is_valid)


def is_pixel_edge(ring: NDArray[np.float64]) -> bool:
    """Tell whether a ring runs along the edges of pixels, as the outline of a mask does."""
    doubled = 2 * ring
    if not (doubled % 2 == 1).all():
        return False
    steps = ring - np.roll(ring, -1, axis=0)
    return bool(((steps != 0).sum(axis=1) <= 1).all())


def faces(lines: Iterable[NDArray[np.float64]]) -> list[Any]:
    """Give the areas that closed lines cut the plane into, without the outermost."""
    noded = shapely.union_all([shapely.LinearRing(line) for line in lines])
    return polygons(shapely.polygonize([noded]))
