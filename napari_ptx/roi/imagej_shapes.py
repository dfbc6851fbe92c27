"""ImageJ's ovals, rectangles and composite paths as closed lines of ``(y, x)``."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from napari_ptx.roi.outline import Outline, RoiError
from napari_ptx.roi.raster import rasterise

_CHECKED = 2**24  # pixels of an oval whose mask is compared with ImageJ's
_MOST = 2**14  # vertices of an oval

# Numbers that follow each command of java.awt.geom.PathIterator.
_MOVE, _LINE, _QUADRATIC, _CUBIC, _CLOSE = range(5)
_NUMBERS = {_MOVE: 2, _LINE: 2, _QUADRATIC: 4, _CUBIC: 6, _CLOSE: 0}


def oval(top: float, left: float, height: float, width: float) -> NDArray[np.float64]:
    """Give the ellipse in a rectangle as a polygon, in ImageJ's coordinates.

    The polygon lies within 0.01 px of the ellipse. Up to 4,096 x 4,096 pixels it is
    made closer where that is needed for it to hold the same pixel centres: ImageJ's
    own mask of an oval is the pixels whose centre is in the ellipse or on it.
    """
    half = np.array([height, width]) / 2
    centre = np.array([top, left]) + half
    # a chord of the angle 2 pi / n is (1 - cos(pi / n)) r, about pi² r / (2 n²), off
    count = 4 * int(np.ceil(np.pi * np.sqrt(half.max() / 0.02) / 4) + 1)
    points = _ellipse(centre, half, count)
    if height * width > _CHECKED:
        return points
    corner = np.floor([top, left])
    shape = (int(np.ceil(height)) + 2, int(np.ceil(width)) + 2)
    y, x = np.ogrid[: shape[0], : shape[1]]
    down, across = y + 0.5 + corner[0] - centre[0], x + 0.5 + corner[1] - centre[1]
    wanted = (down / half[0]) ** 2 + (across / half[1]) ** 2 <= 1
    while count < _MOST and not np.array_equal(
        rasterise([Outline(points - corner - 0.5)], shape), wanted
    ):
        count *= 2
        points = _ellipse(centre, half, count)
    return points


def _ellipse(
    centre: NDArray[np.float64], half: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    # a hair outwards, for the centres that lie on the ellipse
    points: NDArray[np.float64] = centre + half * (1 + 1e-9) * np.stack(
        [np.sin(angle), np.cos(angle)], axis=1
    )
    return points


def rectangle(
    top: float, left: float, height: float, width: float, arc: float = 0
) -> NDArray[np.float64]:
    """Give a rectangle, with corners rounded to the diameter ``arc``, as a polygon."""
    bottom, right = top + height, left + width
    corners = np.array([[top, left], [top, right], [bottom, right], [bottom, left]], dtype=float)
    radius = np.minimum(arc, min(height, width)) / 2
    if radius <= 0:
        return corners
    inner = shapely.box(top + radius, left + radius, bottom - radius, right - radius)
    rounded = shapely.buffer(shapely.convex_hull(inner), radius, quad_segs=32)
    return np.asarray(shapely.get_coordinates(rounded.exterior)[:-1])


def path_rings(path: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """Give the rings of a composite's path; curves become 16 lines each.

    Raises
    ------
    RoiError
        Where the path has an unknown command or ends within one.
    """
    values = np.asarray(path, dtype=np.float64).tolist()
    rings: list[list[tuple[float, float]]] = []
    at = 0
    while at < len(values):
        command = values[at]
        needed = _NUMBERS.get(command)
        numbers = values[at + 1 : at + 1 + needed] if needed is not None else []
        if needed is None or len(numbers) < needed or (not rings and command != _MOVE):
            raise RoiError("the path of the composite is damaged; save it again from ImageJ.")
        at += 1 + needed
        points = [(y, x) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        if command == _MOVE:
            rings.append(points)
        elif command == _LINE:
            rings[-1] += points
        elif command in (_QUADRATIC, _CUBIC):
            rings[-1] += _bezier([rings[-1][-1], *points])
    return [np.array(ring) for ring in rings if len(ring) >= 3]


def _bezier(control: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points of a Bézier curve after its first, by de Casteljau's construction."""
    t = np.linspace(0, 1, 17)[1:, np.newaxis]
    points = [np.array(point) for point in control]
    while len(points) > 1:
        points = [a + (b - a) * t for a, b in pairwise(points)]
    return [(y, x) for y, x in points[0].tolist()]
