"""What the drawing tools do to outlines: pure functions, in image pixels.

Whatever is returned is a simple outline (no ring crosses itself or another, holes
lie inside). What cannot be is refused with a ``RoiError``; only ``resample`` works
on open lines and promises nothing about crossings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_ptx.roi import shapes
from napari_ptx.roi.outline import Outline, RoiError
from napari_ptx.roi.raster import signed_area

Point = tuple[float, float]

_LEAST_AREA = 3.0  # pixels; less is a slip of the hand
_LEAST_PART = 0.05  # of the largest part that one line encloses
_FINE = 0.5  # pixels between the samples of a line that is filtered
# the value in the middle of the least-squares parabola through eleven samples
_PARABOLA: NDArray[np.float64] = np.linalg.pinv(np.vander(np.arange(-5, 6), 3))[-1]


class Place(NamedTuple):
    """A place on an outline.

    ``ring`` is 0 for the outer polygon and 1 on for the holes. ``vertex`` is the
    vertex, or the vertex that the edge starts from. ``point`` is where it lies
    ``(y, x)``, and ``distance`` how far that is from the point asked about, in pixels.
    """

    ring: int
    vertex: int
    point: Point
    distance: float


def resample(points: ArrayLike, step: float = 1.0, *, closed: bool = False) -> NDArray[np.float64]:
    """Place vertices at equal arc lengths along a line.

    The result depends on the line in the image, not on the speed of the hand or
    the zoom at which it was drawn.

    Parameters
    ----------
    points
        ``(n, 2)`` vertices ``(y, x)``.
    step
        Wanted distance along the line in image pixels; the real one is the nearest
        that divides the line evenly.
    closed
        Whether the line runs back from its last vertex to the first.

    Returns
    -------
    numpy.ndarray
        ``(m, 2)``; the ends of an open line are kept. A line without length gives
        its first point.
    """
    line = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if step <= 0:
        raise ValueError(f"step must be positive, not {step}")
    if closed and len(line):
        line = np.concatenate([line, line[:1]])
    lengths = np.hypot(*np.diff(line, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    if len(line) < 2 or along[-1] == 0:
        return line[:1].copy()
    count = max(int(np.rint(along[-1] / step)), 3 if closed else 1)
    wanted = np.linspace(0, along[-1], count + 1)[: count if closed else None]
    return np.stack([np.interp(wanted, along, line[:, axis]) for axis in (0, 1)], axis=1)


def close_freehand(
    points: ArrayLike,
    step: float = 1.0,
    *,
    shape: Sequence[int] | None = None,
    frame: int = 0,
) -> tuple[Outline, ...]:
    """Make outlines of a line drawn by hand.

    The line is closed by a straight edge and resampled, each vertex from the
    least-squares parabola through the five steps round it: that takes away the
    stairs of the pointer's grid, which would make the line up to 27% longer at low
    zoom, and leaves the curvature, so the area does not shrink. All that the line
    encloses is object, however often it goes round it, so overlapping ends leave no
    hole. Where crossings leave separate parts, each is an outline, but for loops of
    less than 5% of the largest part, which are dropped.

    Parameters
    ----------
    points
        ``(n, 2)`` positions of the pointer ``(y, x)`` in image pixels.
    step
        Distance of the vertices in image pixels.
    shape
        Rows and columns of the image that clips the outlines.
    frame
        The frame they get.

    Returns
    -------
    tuple of Outline
        The largest first; empty where less than 3 square pixels are enclosed.
    """
    line = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    line = line[np.isfinite(line).all(axis=1)]
    ring = resample(line, step / 2, closed=True)
    if len(ring) < len(_PARABOLA):
        return ()  # shorter than five steps: the slip of a hand
    ring = resample(ndimage.convolve1d(ring, _PARABOLA, axis=0, mode="wrap"), step, closed=True)
    if len(ring) < 3:
        return ()
    area = shapely.union_all([_without_holes(face) for face in shapes.faces([ring])])
    if shape is not None:
        area = area.intersection(shapely.box(-0.5, -0.5, shape[0] - 0.5, shape[1] - 0.5))
    parts = sorted((_without_holes(p) for p in shapes.polygons(area)), key=_area, reverse=True)
    if not parts:
        return ()
    least = max(_LEAST_AREA, _LEAST_PART * parts[0].area)
    kept = [part for part in parts if part.area >= least]
    return tuple(outline for part in kept for outline in shapes.from_area(part, frame))


def repair(outline: Outline) -> tuple[Outline, ...]:
    """Make simple outlines of one that crosses itself; its pixels stay the same.

    The area by the even-odd rule is cut into separate outlines. A simple outline
    comes back as it is; one without area gives none.
    """
    if shapes.is_simple(outline):
        return (outline,)
    return shapes.from_area(shapes.to_area(outline), outline.frame)


def smooth(outline: Outline, sigma: float = 2.0) -> Outline:
    """Smooth an outline, keeping its area.

    Each ring is resampled to half a pixel, its coordinates are filtered with a
    periodic Gaussian along the arc, and the ring is thinned to the vertices that
    its detail needs and enlarged about its centre to the area that it had.

    Parameters
    ----------
    outline
        A simple outline.
    sigma
        Standard deviation of the Gaussian in pixels of arc length.

    Raises
    ------
    RoiError
        Where the smoothed line would cross itself, or the outline is so small that
        little of it would be left.
    """
    if sigma <= 0:
        raise ValueError(f"sigma must be positive, not {sigma}")
    rings = [_smooth_ring(ring, sigma) for ring in outline.rings]
    return _checked(rings, outline.frame, "Smoothing would make the outline cross itself")


def insert_vertex(outline: Outline, place: Place) -> Outline:
    """Put a vertex at ``place.point`` on the edge that starts at ``place.vertex``."""

    def change(ring: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.insert(ring, place.vertex + 1, place.point, axis=0)

    return _changed(outline, place.ring, change, "The new vertex makes the outline cross itself")


def move_vertex(outline: Outline, place: Place, to: Point) -> Outline:
    """Move the vertex ``place.vertex`` to ``to`` ``(y, x)``.

    Raises
    ------
    RoiError
        Where the outline would cross itself there: leave the vertex where it was.
    """

    def change(ring: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = ring.copy()
        moved[place.vertex] = to
        return moved

    return _changed(outline, place.ring, change, "The outline would cross itself there")


def delete_vertex(outline: Outline, place: Place) -> Outline:
    """Take the vertex ``place.vertex`` away; a hole of three vertices goes as a whole.

    Raises
    ------
    RoiError
        Where an outer polygon of three vertices would lose one, or the outline
        would cross itself.
    """
    if place.ring and len(outline.rings[place.ring]) == 3:
        holes = [hole for number, hole in enumerate(outline.holes, 1) if number != place.ring]
        return Outline(outline.points, tuple(holes), outline.frame)

    def change(ring: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.delete(ring, place.vertex, axis=0)

    reason = "Without this vertex the outline would cross itself"
    return _changed(outline, place.ring, change, reason)


def nearest_vertex(outline: Outline, point: Point) -> Place:
    """Find the vertex nearest to a point ``(y, x)``."""
    places = []
    for number, ring in enumerate(outline.rings):
        distances = np.hypot(*(ring - point).T)
        index = int(np.argmin(distances))
        places.append(Place(number, index, _point(ring[index]), float(distances[index])))
    return min(places, key=_distance)


def nearest_edge(outline: Outline, point: Point) -> Place:
    """Find the edge nearest to a point ``(y, x)``, and the nearest point on it."""
    places = []
    for number, ring in enumerate(outline.rings):
        along = np.roll(ring, -1, axis=0) - ring
        squares = np.maximum((along**2).sum(axis=1), np.finfo(np.float64).tiny)
        part = np.clip(((np.array(point) - ring) * along).sum(axis=1) / squares, 0, 1)
        feet = ring + part[:, np.newaxis] * along
        distances = np.hypot(*(feet - point).T)
        index = int(np.argmin(distances))
        places.append(Place(number, index, _point(feet[index]), float(distances[index])))
    return min(places, key=_distance)


def push(outline: Outline, start: Point, end: Point, radius: float) -> Outline:
    """Push the line into shape with a soft round brush that moves from start to end.

    What lies at the centre of the brush moves with it, what lies at its rim stays,
    with a smooth ``(1 - d²/r²)²`` between. Edges under the brush are divided first,
    to a sixth of the radius, but never below one pixel.

    Parameters
    ----------
    outline
        A simple outline.
    start, end
        The centre of the brush ``(y, x)`` before and after.
    radius
        Of the brush, in pixels.

    Raises
    ------
    RoiError
        Where the outline would cross itself.
    """
    if radius <= 0:
        raise ValueError(f"radius must be positive, not {radius}")
    begin, travel = np.asarray(start, dtype=np.float64), np.subtract(end, start)
    # in steps short enough that the plane is never folded under the brush
    steps = max(int(np.ceil(np.hypot(*travel) / (radius / 4))), 1)
    rings = []
    for ring in outline.rings:
        moved = ring
        for step in range(steps):
            centre = begin + travel * (step / steps)
            moved = _divide(moved, centre, radius)
            nearness = np.clip(1 - ((moved - centre) ** 2).sum(axis=1) / radius**2, 0, None)
            moved = moved + np.outer(nearness**2, travel / steps)
        rings.append(moved)
    return _checked(rings, outline.frame, "Pushed this far, the outline would cross itself")


def contains(outline: Outline, point: Point) -> bool:
    """Tell whether a point ``(y, x)`` is inside, by the rule of ``rasterise``."""
    return shapes.inside(outline, point)


def _smooth_ring(ring: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    fine = resample(ring, _FINE, closed=True)
    spacing = np.hypot(*np.diff(ring, axis=0, append=ring[:1]).T).sum() / len(fine)
    filtered = ndimage.gaussian_filter1d(fine, sigma / max(spacing, 1e-9), axis=0, mode="wrap")
    curve = resample(filtered, max(2 * _FINE, sigma / 2), closed=True)
    wanted = abs(signed_area(ring))
    area = abs(signed_area(curve)) if len(curve) >= 3 else 0.0
    if area <= wanted / 100:
        raise RoiError("The outline is too small to be smoothed that much: smooth it less.")
    centre = curve.mean(axis=0)
    enlarged: NDArray[np.float64] = centre + (curve - centre) * np.sqrt(wanted / area)
    return enlarged


def _divide(ring: NDArray[np.float64], centre: NDArray[np.float64], radius: float) -> Any:
    """Divide the edges under a brush into pieces short enough to follow it."""
    following = np.roll(ring, -1, axis=0)
    edges = shapely.linestrings(np.stack([ring, following], axis=1))
    near = shapely.distance(edges, shapely.Point(centre)) < radius
    pieces = np.ceil(np.hypot(*(following - ring).T) / max(radius / 6, 1.0))
    pieces = np.where(near, np.maximum(pieces, 1), 1).astype(np.int64)
    edge = np.repeat(np.arange(len(ring)), pieces)
    piece = np.arange(len(edge)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    part = (piece / pieces[edge])[:, np.newaxis]
    return ring[edge] + part * (following - ring)[edge]


def _changed(
    outline: Outline,
    number: int,
    change: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    otherwise: str,
) -> Outline:
    """Change one ring of an outline."""
    rings = list(outline.rings)
    rings[number] = change(rings[number])
    return _checked(rings, outline.frame, otherwise)


def _checked(rings: Sequence[NDArray[np.float64]], frame: int, otherwise: str) -> Outline:
    """Make an outline of its rings, or refuse with what ``otherwise`` says."""
    outline = Outline(rings[0], tuple(rings[1:]), frame)
    if not shapes.is_simple(outline):
        raise RoiError(f"{otherwise}: undo the last change, or redraw this part.")
    return outline


def _without_holes(polygon: Any) -> Any:
    return shapely.Polygon(polygon.exterior)


def _area(polygon: Any) -> float:
    return float(polygon.area)


def _distance(place: Place) -> float:
    return place.distance


def _point(position: NDArray[np.float64]) -> Point:
    y, x = position.tolist()
    return y, x
