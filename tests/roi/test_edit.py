from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_ptx.roi import Outline, RoiError, measure, rasterise, trace
from napari_ptx.roi.edit import (
    Place,
    close_freehand,
    contains,
    delete_vertex,
    insert_vertex,
    move_vertex,
    nearest_edge,
    nearest_vertex,
    push,
    repair,
    resample,
    smooth,
)
from napari_ptx.roi.shapes import is_simple
from tests.roi.make import box, coordinates, disc, lesions, masks, rings

points = st.tuples(coordinates(-20, 140), coordinates(-20, 140))
paths = st.lists(points, max_size=40)


def area(*outlines: Outline) -> float:
    return measure(outlines).area


@given(st.lists(points, min_size=2, max_size=20), st.floats(0.3, 5), st.booleans())
def test_resampling_gives_equal_arcs_on_the_line(path: list, step: float, closed: bool) -> None:
    line = shapely.LinearRing(path) if closed and len(path) > 2 else shapely.LineString(path)
    assume(line.length > 4 * step)
    found = resample(path, step, closed=closed and len(path) > 2)
    assert shapely.distance(line, shapely.points(found)).max() < 1e-6
    count = len(found) if closed and len(path) > 2 else len(found) - 1
    assert line.length / count == pytest.approx(step, rel=0.25)
    steps = np.hypot(*np.diff(found, axis=0).T)
    assert (steps <= line.length / count * (1 + 1e-9)).all()  # corners shorten a chord


def test_resampling_keeps_the_ends_and_survives_what_has_no_length() -> None:
    np.testing.assert_array_equal(resample([[0, 0], [0, 9.7]])[[0, -1]], [[0, 0], [0, 9.7]])
    assert resample([]).shape == (0, 2)
    assert resample([[3, 4]]).tolist() == [[3, 4]]
    assert resample([[3, 4]] * 5, closed=True).tolist() == [[3, 4]]
    with pytest.raises(ValueError, match="step"):
        resample([[0, 0], [1, 1]], 0)


@pytest.mark.parametrize("zoom", [1, 2, 3, 8])
@pytest.mark.parametrize("speed", [0.5, 2, 5])
@pytest.mark.parametrize("radius", [10, 25])
def test_freehand_does_not_depend_on_zoom_or_speed(zoom: int, speed: float, radius: int) -> None:
    # the pointer reports whole screen pixels, slowly drawn as stairs
    length = 2 * np.pi * radius
    angle = np.linspace(0, 2 * np.pi, int(length * zoom / speed), endpoint=False)
    circle = 60.3 + radius * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    (outline,) = close_freehand(np.rint(zoom * circle) / zoom)
    found = measure([outline])
    assert len(outline.points) == pytest.approx(length, rel=0.04)
    assert found.perimeter == pytest.approx(length, rel=0.03)
    assert found.area == pytest.approx(np.pi * radius**2, rel=0.08 if speed == 5 else 0.03)


@given(paths)
def test_freehand_gives_simple_outlines_inside_the_image(path: list) -> None:
    outlines = close_freehand(path, shape=(120, 100), frame=3)
    areas = [area(outline) for outline in outlines]
    assert areas == sorted(areas, reverse=True)
    for outline in outlines:
        assert is_simple(outline)
        assert outline.frame == 3
        assert not outline.holes
        assert area(outline) >= 3
        assert outline.points.min() >= -0.5 - 1e-6
        assert (outline.points.max(axis=0) <= np.array([119.5, 99.5]) + 1e-6).all()


def test_line_that_overshoots_its_start_leaves_no_hole() -> None:
    angle = np.linspace(0, 2.3 * np.pi, 400)
    radius = 30 + angle / 2
    path = 60 + radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    outlines = close_freehand(path)
    assert len(outlines) == 1
    assert np.pi * 30**2 < area(*outlines) < np.pi * 34**2


def test_eight_is_two_outlines_and_a_tiny_loop_is_dropped() -> None:
    eight = [[0, 0], [20, 20], [20, 0], [0, 20]]
    assert [round(area(outline)) for outline in close_freehand(eight)] == [100, 100]
    slip = [[0, 0], [0, 40], [40, 40], [40, 0], [5, 0], [-2, 2], [-2, -2], [5, 1]]
    outlines = close_freehand(slip)
    assert len(outlines) == 1
    assert area(*outlines) == pytest.approx(1590, rel=0.02)


@pytest.mark.parametrize(
    "path", [[], [[1, 1]], [[5, 5]] * 9, [[0, 0], [30, 30]], [[0, 0], [1, 0], [1, 1]]]
)
def test_slips_of_the_hand_give_nothing(path: list) -> None:
    assert close_freehand(path) == ()


def test_outside_the_image_gives_nothing_and_across_the_border_is_cut() -> None:
    assert close_freehand(disc(20, (200, 200)).points, shape=(100, 100)) == ()
    (outline,) = close_freehand(box(-10, -10, 9.5, 9.5).points, shape=(100, 100))
    assert area(outline) == pytest.approx(100, abs=1)


@given(rings(0, 13))
def test_repair_keeps_the_pixels(ring: np.ndarray) -> None:
    outline = Outline(ring, (), 2)
    repaired = repair(outline)
    assert all(is_simple(part) and part.frame == 2 for part in repaired)
    differs = np.argwhere(rasterise(repaired, (14, 14)) != rasterise([outline], (14, 14)))
    line = shapely.LinearRing(ring)
    assert (shapely.distance(line, shapely.points(differs)) < 1e-6).all()
    if is_simple(outline):
        assert repaired == (outline,)


@given(lesions(), st.floats(0.5, 4))
def test_smoothing_keeps_the_area_and_shortens_the_line(outline: Outline, sigma: float) -> None:
    found = smooth(outline, sigma)
    assert is_simple(found)
    before, after = measure([outline]), measure([found])
    assert after.area == pytest.approx(before.area, rel=1e-9)
    assert after.perimeter <= before.perimeter * 1.02
    assert after.max_diameter == pytest.approx(before.max_diameter, abs=4 * sigma)


def test_smoothing_takes_the_jitter_away() -> None:
    rng = np.random.default_rng(5)
    clean = disc(30, count=200)
    shaky = Outline(clean.points + rng.normal(0, 0.4, clean.points.shape))
    found = smooth(shaky, 3)
    radii = np.hypot(*(found.points - 60).T)
    assert np.hypot(*(shaky.points - 60).T).std() > 0.3
    assert radii.std() < 0.2
    staircase = trace(rasterise([clean], (120, 120)))[0]
    assert measure([smooth(staircase)]).perimeter == pytest.approx(2 * np.pi * 30, rel=0.01)


def test_smoothing_keeps_holes_and_frame() -> None:
    ring = Outline(disc(30).points, (disc(10).points,), 4)
    found = smooth(ring)
    assert found.frame == 4
    assert area(found) == pytest.approx(area(ring))
    with pytest.raises(RoiError, match="too small to be smoothed"):
        smooth(box(0, 0, 3, 3), 50)
    with pytest.raises(ValueError, match="sigma"):
        smooth(ring, 0)


@given(lesions(), points)
def test_nearest_places_are_nearest(outline: Outline, point: tuple[float, float]) -> None:
    vertex, edge = nearest_vertex(outline, point), nearest_edge(outline, point)
    line = shapely.LinearRing(outline.points)
    assert edge.distance == pytest.approx(line.distance(shapely.Point(point)), abs=1e-9)
    assert line.distance(shapely.Point(edge.point)) < 1e-9
    assert vertex.distance == pytest.approx(np.hypot(*(outline.points - point).T).min())
    assert vertex.point == tuple(outline.points[vertex.vertex])


@given(masks())
def test_places_on_holes_have_their_ring(mask: np.ndarray) -> None:
    for outline in trace(mask):
        for number, hole in enumerate(outline.holes, 1):
            middle = tuple((hole[0] + hole[1]) / 2)
            place = nearest_edge(outline, middle)
            assert place.distance == 0
            assert place.ring == number


@given(lesions(), points)
def test_inserting_and_deleting_a_vertex_leaves_the_outline_as_it_was(
    outline: Outline, point: tuple[float, float]
) -> None:
    edge = nearest_edge(outline, point)
    assume(nearest_vertex(outline, edge.point).distance > 1e-6)
    more = insert_vertex(outline, edge)
    assert len(more.points) == len(outline.points) + 1
    assert area(more) == pytest.approx(area(outline))
    there = nearest_vertex(more, edge.point)
    assert there.point == edge.point
    assert delete_vertex(more, there) == outline


def test_moving_a_vertex_is_refused_where_lines_would_cross() -> None:
    square = Outline(box(0, 0, 10, 10).points, (box(2, 2, 4, 4).points,), 1)
    corner = nearest_vertex(square, (9, 9))
    moved = move_vertex(square, corner, (20, 20))
    assert moved.points[corner.vertex].tolist() == [20, 20]
    assert (moved.frame, len(moved.holes)) == (1, 1)
    for to in [(-5, 5), (3, 3), (2.5, -1)]:
        with pytest.raises(RoiError, match="cross itself there"):
            move_vertex(square, corner, to)
    inner = nearest_vertex(square, (4.2, 4.2))
    assert inner.ring == 1
    assert area(move_vertex(square, inner, (8, 8))) == pytest.approx(100 - 12)
    with pytest.raises(RoiError, match="cross itself there"):
        move_vertex(square, inner, (12, 12))


def test_deleting_vertices_ends_at_a_triangle_and_takes_a_whole_hole() -> None:
    triangle = Outline([[0, 0], [0, 9], [9, 0]], ([[1, 1], [1, 3], [3, 1]],))
    with pytest.raises(RoiError, match="at least 3 vertices"):
        delete_vertex(triangle, nearest_vertex(triangle, (0, 0)))
    assert delete_vertex(triangle, nearest_vertex(triangle, (1, 1))).holes == ()


@given(lesions(), points, points, st.floats(3, 30))
def test_pushing_gives_a_simple_outline_that_changes_only_under_the_brush(
    outline: Outline, start: tuple[float, float], end: tuple[float, float], radius: float
) -> None:
    try:
        found = push(outline, start, end, radius)
    except RoiError:
        # coarse edges at the rim of the brush may come to cross when pushed far
        assert np.hypot(*np.subtract(end, start)) > radius / 4
        return
    assert is_simple(found)
    swept = shapely.LineString([start, end]).buffer(radius + max(1, radius / 6))
    change = shapely.Polygon(outline.points) ^ shapely.Polygon(found.points)
    assert (change - swept).area < 1e-6


def test_pushing_moves_what_is_under_the_centre_with_it() -> None:
    found = push(box(0, 0, 100, 100), (50, 100), (50, 103), 12)
    assert found.points[:, 1].max() == pytest.approx(103, abs=0.4)
    dented = push(box(0, 0, 100, 100), (50, 100), (50, 80), 12)
    assert not contains(dented, (50, 90))
    assert contains(dented, (20, 90))
    assert len(push(dented, (50, 80), (50, 81), 12).points) < 2 * len(dented.points)
    untouched = push(box(0, 0, 10, 10), (50, 50), (60, 60), 5)
    assert untouched == box(0, 0, 10, 10)
    with pytest.raises(ValueError, match="radius"):
        push(untouched, (0, 0), (1, 1), 0)


@given(rings(0, 13), rings(0, 13))
def test_contains_is_the_rule_of_the_pixels(outer: np.ndarray, hole: np.ndarray) -> None:
    outline = Outline(outer, (hole,))
    mask = rasterise([outline], (14, 14))
    for y, x in [(0, 0), (3, 4), (5, 5), (7, 2), (13, 13)]:
        assert contains(outline, (y, x)) == mask[y, x]


def test_place_of_a_vertex_reads_well() -> None:
    assert nearest_vertex(box(0, 0, 10, 10), (1, 1)) == Place(0, 0, (0.0, 0.0), np.sqrt(2))
