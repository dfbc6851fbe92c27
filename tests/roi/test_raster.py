from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from skimage.draw import polygon2mask
from skimage.measure import label

from napari_ptx.roi import Outline, RoiError, rasterise, rasterise_window, trace
from napari_ptx.roi.raster import signed_area
from tests.roi.make import box, disc, lesions, masks, rings

SHAPE = (13, 11)


def area(outline: Outline) -> float:
    return abs(signed_area(outline.points)) - sum(abs(signed_area(h)) for h in outline.holes)


def by_definition(outline: Outline, shape: tuple[int, int]) -> np.ndarray:
    """One edge at a time: it counts for all pixels of the rows it spans that lie right of it."""
    y, x = np.indices(shape)
    mask = np.zeros(shape, dtype=bool)
    for ring in outline.rings:
        for one, other in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            (ya, xa), (yb, xb) = sorted([tuple(one), tuple(other)])
            if ya < yb:
                mask ^= (ya < y) & (y <= yb) & (xa + (y - ya) / (yb - ya) * (xb - xa) < x)
    return mask


@given(rings(), rings())
def test_every_pixel_follows_the_even_odd_rule(outer: np.ndarray, hole: np.ndarray) -> None:
    outline = Outline(outer, (hole,))
    np.testing.assert_array_equal(rasterise([outline], SHAPE), by_definition(outline, SHAPE))


@given(rings())
def test_agrees_with_shapely_away_from_the_line(ring: np.ndarray) -> None:
    polygon = shapely.Polygon(ring)
    assume(polygon.is_valid)
    mask = rasterise([Outline(ring)], SHAPE)
    centres = shapely.points(np.moveaxis(np.indices(SHAPE), 0, -1))
    clear = shapely.distance(polygon.exterior, centres) > 1e-9
    np.testing.assert_array_equal(mask[clear], shapely.contains(polygon, centres)[clear])


@given(lesions())
def test_agrees_with_scikit_image(outline: Outline) -> None:
    mask = rasterise([outline], (120, 120))
    differs = mask != polygon2mask((120, 120), outline.points)
    if differs.any():  # only in ties, which scikit-image decides otherwise
        centres = shapely.points(np.argwhere(differs))
        assert shapely.distance(shapely.Polygon(outline.points).exterior, centres).max() < 1e-9


@given(st.lists(st.tuples(*[st.integers(0, 20).map(lambda n: n / 2)] * 2), min_size=3, max_size=9))
def test_pieces_that_share_edges_share_no_pixel_and_lose_none(points: list) -> None:
    whole = shapely.box(-1, -1, 13, 11)
    pieces = shapely.get_parts(
        shapely.delaunay_triangles(shapely.MultiPoint([*points, *whole.exterior.coords]))
    )
    counts = np.zeros(SHAPE, dtype=int)
    for piece in pieces:
        counts += rasterise([Outline(shapely.get_coordinates(piece.exterior))], SHAPE)
    np.testing.assert_array_equal(counts, 1)


@given(rings())
def test_direction_and_first_vertex_do_not_matter(ring: np.ndarray) -> None:
    expected = rasterise([Outline(ring)], SHAPE)
    np.testing.assert_array_equal(rasterise([Outline(ring[::-1])], SHAPE), expected)
    np.testing.assert_array_equal(rasterise([Outline(np.roll(ring, 2, axis=0))], SHAPE), expected)


@given(st.lists(rings(), max_size=3))
def test_window_is_the_same_mask_without_the_empty_rest(several: list[np.ndarray]) -> None:
    outlines = [Outline(ring) for ring in several]
    full = rasterise(outlines, SHAPE)
    mask, (top, left) = rasterise_window(outlines, SHAPE)
    again = np.zeros(SHAPE, dtype=bool)
    again[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    np.testing.assert_array_equal(again, full)
    unclipped, (top, left) = rasterise_window(outlines)
    wide = np.zeros((40, 40), dtype=bool)  # from row and column -10 on
    wide[top + 10 : top + 10 + unclipped.shape[0], left + 10 : left + 10 + unclipped.shape[1]] = (
        unclipped
    )
    np.testing.assert_array_equal(wide[10 : 10 + SHAPE[0], 10 : 10 + SHAPE[1]], full)


def test_ties_go_to_the_pixel_whose_inside_is_above_or_left() -> None:
    mask = rasterise([box(1, 2, 3, 5)], (6, 8))
    assert np.argwhere(mask).min(axis=0).tolist() == [2, 3]
    assert np.argwhere(mask).max(axis=0).tolist() == [3, 5]


def test_outlines_of_other_frames_are_left_out() -> None:
    outlines = [box(-0.5, -0.5, 1.5, 1.5, frame=0), box(-0.5, -0.5, 3.5, 0.5, frame=2)]
    assert rasterise(outlines, (4, 4)).sum() == 6
    assert rasterise(outlines, (4, 4), frame=2).sum() == 4
    assert rasterise_window(outlines, frame=1)[0].size == 0


def test_far_outlines_are_clipped_without_large_arrays() -> None:
    huge = box(-1e300, -1e300, 1e300, 1e300)
    assert rasterise([huge], (5, 4)).all()
    assert rasterise_window([huge], (5, 4))[0].shape == (5, 4)
    assert not rasterise([box(1e12, 1e12, 2e12, 2e12)], (5, 4)).any()
    far = box(1e6 - 0.5, 1e6 - 0.5, 1e6 + 1.5, 1e6 + 2.5)
    mask, corner = rasterise_window([far])
    assert mask.shape == (2, 3)
    assert mask.all()
    assert corner == (1_000_000, 1_000_000)


@settings(max_examples=300)
@given(masks())
def test_trace_is_exact_and_simple(mask: np.ndarray) -> None:
    outlines = trace(mask, frame=4)
    np.testing.assert_array_equal(rasterise(outlines, mask.shape), mask)
    assert sum(area(outline) for outline in outlines) == mask.sum()
    assert len(outlines) == label(mask, connectivity=1).max()
    for outline in outlines:
        assert outline.frame == 4
        assert shapely.Polygon(outline.points, outline.holes).is_valid
        for ring in outline.rings:
            assert shapely.LinearRing(ring).is_simple
            assert (ring % 1 == 0.5).all()
            turns = np.diff(np.sign(np.diff(ring, axis=0, append=ring[:1])), axis=0)
            assert (turns != 0).all()  # a corner at every vertex


def test_trace_joins_pixels_by_edges_and_keeps_holes_with_their_component() -> None:
    ring = np.ones((5, 5), dtype=bool)
    ring[1:4, 1:4] = False
    ring[2, 2] = True
    outer, island = trace(ring)
    assert len(outer.holes) == 1
    assert area(island) == 1
    assert len(trace(np.eye(3))) == 3
    # a hole that touches the outside only at a corner is a hole all the same
    pinched = np.ones((3, 3), dtype=bool)
    pinched[1, 1] = pinched[0, 0] = False
    assert [len(outline.holes) for outline in trace(pinched)] == [1]


def test_trace_of_nothing_and_of_a_volume() -> None:
    assert trace(np.zeros((4, 4))) == ()
    with pytest.raises(RoiError, match="axes"):
        trace(np.zeros((2, 3, 4)))


@pytest.mark.slow
@given(lesions(radius=25))
@settings(max_examples=500)
def test_polygon_to_mask_to_polygon_to_mask(outline: Outline) -> None:
    mask = rasterise([outline], (120, 120))
    np.testing.assert_array_equal(rasterise(trace(mask), mask.shape), mask)
    assert abs(mask.sum() - area(outline)) < 0.75 * shapely.Polygon(outline.points).length


def test_disc_holds_the_pixels_within_its_radius() -> None:
    y, x = np.indices((120, 120))
    mask = rasterise([disc(20.3, count=5000)], (120, 120))
    np.testing.assert_array_equal(mask, np.hypot(y - 60, x - 60) < 20.3)
