"""Outlines as shapely polygons and back, and what lines that cross themselves mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from napari_ptx.roi.outline import Outline

_GRID = 1e-8  # pixels


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
        for part in shapely.get_parts(area).tolist()
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
    # the grid makes GEOS node by snap rounding, which loses no crossing
    noded = shapely.union_all([shapely.LinearRing(line) for line in lines], grid_size=_GRID)
    return polygons(shapely.polygonize([noded]))


def nest(rings: Sequence[NDArray[np.float64]], frame: int = 0) -> tuple[Outline, ...]:
    """Put rings together by the even-odd rule: which are holes, and of which outline.

    Rings that do not cross are kept to the last bit; where some cross, the area
    that they hold by the even-odd rule is cut into outlines anew. One ring alone
    is kept as it is, even if it crosses itself.
    """
    if len(rings) == 1:
        return (Outline(rings[0], (), frame),)
    areas = np.array([shapely.Polygon(Outline(ring).points) for ring in rings], dtype=object)
    if shapely.is_valid(areas).all():
        outlines = _nest_simple(rings, areas, frame)
        parts = [to_polygon(outline) for outline in outlines]
        whole = sum(part.area for part in parts)
        # parts that share an edge are two lesions; parts that share area cross
        if all(part.is_valid for part in parts) and np.isclose(
            whole, shapely.union_all(parts).area, rtol=1e-9
        ):
            return outlines
    return from_area(to_area(Outline(rings[0], tuple(rings[1:]), frame)), frame)


def _nest_simple(
    rings: Sequence[NDArray[np.float64]], areas: NDArray[Any], frame: int
) -> tuple[Outline, ...]:
    """Nest rings that do not cross by which lies within which."""
    inner, around = shapely.STRtree(areas).query(areas, predicate="within")
    proper = inner != around
    inner, around = inner[proper], around[proper]
    depth = np.bincount(inner, minlength=len(rings))
    outlines = []
    for i in np.flatnonzero(depth % 2 == 0).tolist():
        within = inner[around == i]
        holes = tuple(rings[j] for j in within[depth[within] == depth[i] + 1].tolist())
        outlines.append(Outline(rings[i], holes, frame))
    return tuple(outlines)
