from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, ImagejRoi

from napari_ptx.roi import (
    rasterise,
    read_imagej,
)
from tests.roi.make import box, rings
from tests.roi.make_imagej import composite, ring_path, saved, selection

SHAPE = (14, 17)


def imagej_polygon_mask(rings: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Fill polygons of (x, y) by ImageJ's rule, stated in its PolygonFiller.

    The pixel (x, y) reaches from (x, y) to (x + 1, y + 1), and belongs to a polygon
    when its centre does by the even-odd rule; a centre on the line belongs where the
    inside is at its left or above it.
    """
    mask = np.zeros(shape, dtype=bool)
    for y in range(shape[0]):
        crossings = []
        for ring in rings:
            for (xa, ya), (xb, yb) in zip(ring, [*ring[1:], ring[0]], strict=True):
                if (ya < y + 0.5) != (yb < y + 0.5):
                    crossings.append(xa + (y + 0.5 - ya) * (xb - xa) / (yb - ya))
        for x in range(shape[1]):
            mask[y, x] = sum(crossing < x + 0.5 for crossing in crossings) % 2 == 1
    return mask


def imagej_oval_mask(
    top: int, left: int, height: int, width: int, shape: tuple[int, int]
) -> np.ndarray:
    """Pixels whose centre is in the ellipse or on it, as in ImageJ's OvalRoi."""
    y, x = np.indices(shape) + 0.5
    a, b = height / 2, width / 2
    return ((y - top - a) / a) ** 2 + ((x - left - b) / b) ** 2 <= 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("imagej")


whole = st.lists(st.tuples(st.integers(0, 16), st.integers(0, 13)), min_size=3, max_size=8)


@given(whole, st.sampled_from([ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED]))
def test_whole_number_selections_give_imagej_s_mask(
    folder: Path, points: list, kind: ROI_TYPE
) -> None:
    outlines = read_imagej(saved(folder, selection(kind, np.array(points))))
    expected = imagej_polygon_mask([points], SHAPE)
    np.testing.assert_array_equal(rasterise(outlines, SHAPE), expected)


def rounding_decides(points: np.ndarray) -> bool:
    """Tell whether a sloping line runs through a pixel's centre, but for rounding.

    Both sides compute such a crossing in their own order of operations, and the last bit of it
    says on which side the centre is. ((0, 0), (3.5, 3.5), (1/16, 1/16)) is such a ring.
    """
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if x0 == x1 or y0 == y1:
            continue
        rows = np.arange(np.floor(min(y0, y1)), np.ceil(max(y0, y1)) + 1) + 0.5
        rows = rows[(rows >= min(y0, y1)) & (rows <= max(y0, y1))]
        crossing = x0 + (rows - y0) / (y1 - y0) * (x1 - x0) - 0.5
        if (np.abs(crossing - np.rint(crossing)) < 1e-9).any():
            return True
    return False


@given(rings(0, 13))
def test_subpixel_selections_give_imagej_s_mask(folder: Path, ring: np.ndarray) -> None:
    points = ring.astype(np.float32).astype(np.float64)
    assume(not rounding_decides(points))
    outlines = read_imagej(saved(folder, selection(ROI_TYPE.POLYGON, points)))
    expected = imagej_polygon_mask([points], SHAPE)
    np.testing.assert_array_equal(rasterise(outlines, SHAPE), expected)


sides = st.integers(1, 12)


@given(st.integers(-3, 8), st.integers(-3, 8), sides, sides)
def test_rectangles_and_ovals_give_imagej_s_mask(
    folder: Path, top: int, left: int, height: int, width: int
) -> None:
    place = {"top": top, "left": left, "bottom": top + height, "right": left + width}
    (rectangle,) = read_imagej(saved(folder, ImagejRoi(roitype=ROI_TYPE.RECT, **place)))
    expected = np.zeros(SHAPE, dtype=bool)
    rows, columns = (slice(max(n, 0), max(n + m, 0)) for n, m in ((top, height), (left, width)))
    expected[rows, columns] = True
    np.testing.assert_array_equal(rasterise([rectangle], SHAPE), expected)
    (oval,) = read_imagej(saved(folder, ImagejRoi(roitype=ROI_TYPE.OVAL, **place)))
    expected = imagej_oval_mask(top, left, height, width, SHAPE)
    np.testing.assert_array_equal(rasterise([oval], SHAPE), expected)


@pytest.mark.parametrize("height", [37, 100, 255])
@pytest.mark.parametrize("width", [20, 101, 142, 300])
def test_large_ovals_give_imagej_s_mask(folder: Path, height: int, width: int) -> None:
    roi = ImagejRoi(roitype=ROI_TYPE.OVAL, top=3, left=5, bottom=3 + height, right=5 + width)
    expected = imagej_oval_mask(3, 5, height, width, (270, 320))
    found = rasterise(read_imagej(saved(folder, roi)), (270, 320))
    np.testing.assert_array_equal(found, expected)


def test_an_oval_of_the_largest_size_takes_no_memory(tmp_path: Path) -> None:
    roi = ImagejRoi(roitype=ROI_TYPE.OVAL, top=0, left=0, bottom=60_000, right=60_000)
    (found,) = read_imagej(saved(tmp_path, roi))
    radii = np.hypot(*(found.points - 29_999.5).T)
    np.testing.assert_allclose(radii, 30_000, atol=0.01)


def test_subpixel_rectangle_and_oval(tmp_path: Path) -> None:
    fields = {"xd": 2.25, "yd": 3.5, "widthd": 4.5, "heightd": 6.25}
    options = ROI_OPTIONS.SUB_PIXEL_RESOLUTION
    roi = ImagejRoi(roitype=ROI_TYPE.RECT, options=options, **fields)
    (found,) = read_imagej(saved(tmp_path, roi))
    assert found == box(3, 1.75, 9.25, 6.25)
    roi = ImagejRoi(roitype=ROI_TYPE.OVAL, options=options, **fields)
    (found,) = read_imagej(saved(tmp_path, roi))
    np.testing.assert_allclose(found.points.min(axis=0), [3, 1.75], atol=1e-3)
    np.testing.assert_allclose(found.points.max(axis=0), [9.25, 6.25], atol=1e-3)


@pytest.mark.parametrize("subtype", [ROI_SUBTYPE.ELLIPSE, ROI_SUBTYPE.ROTATED_RECT])
def test_fitted_ellipses_and_rotated_rectangles_are_their_vertices(
    tmp_path: Path, subtype: ROI_SUBTYPE
) -> None:
    points = np.array([(1.5, 2.0), (9.25, 4.0), (8.0, 9.0), (0.5, 7.0)])
    roi = selection(ROI_TYPE.FREEHAND, points, subtype=subtype, x1=1.0, y1=1.0, x2=9.0, y2=9.0)
    (found,) = read_imagej(saved(tmp_path, roi))
    np.testing.assert_array_equal(found.points, points[:, ::-1] - 0.5)


def test_rounded_rectangle_loses_its_corners(tmp_path: Path) -> None:
    roi = ImagejRoi(
        roitype=ROI_TYPE.RECT, top=2, left=2, bottom=12, right=14, rounded_rect_arc_size=6
    )
    mask = rasterise(read_imagej(saved(tmp_path, roi)), SHAPE)
    assert not mask[2, 2]
    assert mask[2, 8]
    assert mask[7, 2]
    assert mask.sum() < 120


def test_composite_has_holes_islands_and_parts(tmp_path: Path) -> None:
    squares = [
        [(x, y), (x + s, y), (x + s, y + s), (x, y + s)]
        for x, y, s in [(1, 1, 10), (3, 3, 6), (5, 5, 2), (12, 1, 4)]
    ]
    roi = composite([value for square in squares for value in ring_path(square)])
    outlines = read_imagej(saved(tmp_path, roi))
    assert [len(outline.holes) for outline in outlines] == [1, 0, 0]
    expected = imagej_polygon_mask(squares, SHAPE)
    np.testing.assert_array_equal(rasterise(outlines, SHAPE), expected)


@given(st.lists(rings(0, 13), min_size=2, max_size=4))
def test_composite_of_rings_that_cross_follows_the_even_odd_rule(
    folder: Path, several: list[np.ndarray]
) -> None:
    points = [ring.astype(np.float32).astype(np.float64) for ring in several]
    roi = composite([value for ring in points for value in ring_path(ring.tolist())])
    mask = rasterise(read_imagej(saved(folder, roi)), SHAPE)
    expected = imagej_polygon_mask(points, SHAPE)
    differs = np.argwhere(mask != expected) + 0.5
    # where lines cross they are cut anew, within 1e-8 pixels
    for y, x in differs:
        assert min(distance_to(ring, (x, y)) for ring in points) < 1e-6


def distance_to(ring: np.ndarray, point: tuple[float, float]) -> float:
    along = np.roll(ring, -1, axis=0) - ring
    squares = np.maximum((along**2).sum(axis=1), 1e-300)
    part = np.clip(((np.array(point) - ring) * along).sum(axis=1) / squares, 0, 1)
    return float(np.hypot(*(ring + part[:, None] * along - point).T).min())


def test_curves_of_a_composite_are_followed(tmp_path: Path) -> None:
    k = 0.5522847498  # a circle of radius 5 round (8, 7) of four cubic curves
    path = [0, 13, 7]
    compass = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])
    for start, end in zip(compass, np.roll(compass, -1, axis=0), strict=True):
        control = np.array([start + k * end, end + k * start, end])
        path += [3, *(5 * control + (8, 7)).ravel()]
    mask = rasterise(read_imagej(saved(tmp_path, composite([*path, 4]))), SHAPE)
    np.testing.assert_array_equal(mask, imagej_oval_mask(2, 3, 10, 10, SHAPE))
