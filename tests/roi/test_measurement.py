from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from skimage.measure import label, regionprops

from napari_ptx.roi import (
    MEASURANDS,
    Outline,
    RoiError,
    measure,
    measure_mask,
    rasterise,
    read_mask,
)
from tests.roi.make import box, disc, ellipse, lesions, rings

ROOT2 = np.sqrt(2)
spacings = st.tuples(st.floats(0.02, 3), st.floats(0.02, 3))


def values(measurement: object) -> np.ndarray:
    return np.array([getattr(measurement, measurand.name) for measurand in MEASURANDS])


def test_circle() -> None:
    found = measure([disc(20, (30.25, 40.5))], (0.1, 0.1))
    expected = [np.pi * 4, np.pi * 4, 4, 4, 3.025, 4.05]
    np.testing.assert_allclose(values(found), expected, rtol=1e-4)
    assert found.unit == "mm"


@pytest.mark.parametrize("turn", [0, 0.3, 1.1])
def test_ellipse_has_its_axes_in_every_direction(turn: float) -> None:
    a, b = 30, 12
    found = measure([ellipse(a, b, turn=turn)])
    h = ((a - b) / (a + b)) ** 2
    ramanujan = np.pi * (a + b) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h)))
    expected = [np.pi * a * b, ramanujan, 2 * a, 2 * b, 60, 60]
    np.testing.assert_allclose(values(found), expected, rtol=1e-4)
    assert found.unit == "px"


def test_rectangle() -> None:
    found = measure([box(10, 20, 16, 28)])
    np.testing.assert_allclose(values(found), [48, 28, 10, 2 * 48 / 10, 13, 24])
    assert found.bounding_box == (10, 20, 16, 28)


def test_triangle() -> None:
    found = measure([Outline([[0, 0], [0, 5], [4, 0]])])
    hypotenuse = np.sqrt(41)
    expected = [10, 9 + hypotenuse, hypotenuse, 20 / hypotenuse, 4 / 3, 5 / 3]
    np.testing.assert_allclose(values(found), expected)


def test_hole_counts_in_area_and_perimeter_but_not_in_diameters() -> None:
    outer = box(0, 0, 10, 10)
    ring = Outline(outer.points, (box(2, 2, 4, 6).points,))
    whole, found = measure([outer]), measure([ring])
    assert found.area == pytest.approx(92)
    assert found.perimeter == pytest.approx(52)
    assert (found.max_diameter, found.short_axis) == (whole.max_diameter, whole.short_axis)
    assert found.centroid_x == pytest.approx((100 * 5 - 8 * 4) / 92)


def test_several_lesions_are_summed_and_the_largest_gives_the_diameters() -> None:
    large, small = box(0, 0, 10, 20), box(30, 30, 34, 34)
    found = measure([small, large])
    assert found.area == pytest.approx(216)
    assert found.perimeter == pytest.approx(76)
    assert found.max_diameter == measure([large]).max_diameter
    assert found.centroid_y == pytest.approx((200 * 5 + 16 * 32) / 216)
    assert found.bounding_box == (0, 0, 34, 34)


def test_lesions_that_overlap_are_one() -> None:
    found = measure([box(0, 0, 10, 10), box(5, 0, 15, 10)])
    np.testing.assert_allclose(values(found), values(measure([box(0, 0, 15, 10)])))


def test_lesions_of_different_frames_do_not_merge() -> None:
    found = measure([box(0, 0, 10, 10, frame=1), box(5, 0, 15, 10, frame=0)])
    assert found.area == pytest.approx(200)
    assert found.max_diameter == pytest.approx(10 * ROOT2)


@given(lesions(), spacings)
def test_anisotropic_spacing_is_the_scaled_shape(
    outline: Outline, spacing: tuple[float, float]
) -> None:
    found = measure([outline], spacing)
    expected = measure([Outline(outline.points * spacing)])
    np.testing.assert_allclose(values(found), values(expected), rtol=1e-6)
    assert found.bounding_box == pytest.approx(measure([outline]).bounding_box)


@given(lesions(), spacings)
def test_axes_are_drawn_where_they_were_measured(
    outline: Outline, spacing: tuple[float, float]
) -> None:
    found = measure([outline], spacing)
    long, short = (
        (np.array(ends[1]) - ends[0]) * spacing
        for ends in (found.max_diameter_ends, found.short_axis_ends)
    )
    points = outline.points * spacing
    assert np.hypot(*long) == pytest.approx(found.max_diameter)
    assert np.hypot(*short) == pytest.approx(found.short_axis)
    assert long @ short == pytest.approx(0, abs=1e-6 * np.hypot(*long) ** 2)
    assert found.max_diameter == pytest.approx(pdist(points).max())
    assert found.short_axis == pytest.approx(np.ptp(points @ short) / np.hypot(*short))
    for end in found.max_diameter_ends:
        assert np.hypot(*(outline.points - end).T).min() == pytest.approx(0, abs=1e-9)


@given(rings(0, 12))
def test_line_that_crosses_itself_counts_as_its_pixels_do(ring: np.ndarray) -> None:
    # each pixel as 20 x 20, so that the mask's area is near the polygon's
    fine = rasterise([Outline(ring * 20 + 0.25)], (250, 250)).sum() / 400
    try:
        found = measure([Outline(ring)]).area
    except RoiError:
        found = 0.0
    length = shapely.LinearRing(ring).length * 20
    assert abs(found - fine) <= (ROOT2 * length + np.pi / 2) / 400


@pytest.mark.parametrize(
    "outline", [Outline([[0, 0], [1, 1], [2, 2]]), Outline([[3, 3], [3, 3], [3, 3]])]
)
def test_nothing_to_measure_is_said(outline: Outline) -> None:
    for roi in [(outline,), ()]:
        with pytest.raises(RoiError, match="no area to measure"):
            measure(roi)


@pytest.mark.parametrize("spacing", [(1.0,), (0, 1), (-1, 1), (np.nan, 1), (1, 1, 1)])
def test_impossible_spacing_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(RoiError, match="spacing"):
        measure([disc(5)], spacing)


@given(lesions())
def test_mask_and_polygon_agree_within_the_stated_bounds(outline: Outline) -> None:
    polygon = measure([outline])
    mask = measure_mask(rasterise([outline], (120, 120)))
    length = polygon.perimeter
    assert abs(mask.area - polygon.area) <= ROOT2 * length + np.pi / 2
    assert -ROOT2 <= mask.max_diameter - polygon.max_diameter <= ROOT2
    shift = np.hypot(mask.centroid_y - polygon.centroid_y, mask.centroid_x - polygon.centroid_x)
    assert shift < 1
    np.testing.assert_allclose(mask.bounding_box, polygon.bounding_box, atol=ROOT2)
    # no theorem, but what the estimate of the length is worth on such shapes
    assert mask.perimeter == pytest.approx(length, rel=0.12)


@given(st.floats(10, 50), st.tuples(st.floats(58, 62), st.floats(58, 62)))
def test_perimeter_of_a_disc_as_a_mask_is_within_two_percent(
    radius: float, centre: tuple[float, float]
) -> None:
    mask = measure_mask(rasterise([disc(radius, centre)], (120, 120)))
    assert mask.perimeter == pytest.approx(2 * np.pi * radius, rel=0.02)


@given(*[st.integers(2, 30)] * 2)
def test_rectangle_of_pixels_is_exact(height: int, width: int) -> None:
    mask = np.zeros((40, 40), dtype=bool)
    mask[3 : 3 + height, 5 : 5 + width] = True
    found, expected = measure_mask(mask), measure([box(2.5, 4.5, 2.5 + height, 4.5 + width)])
    assert found.area == height * width
    assert found.perimeter == 2 * (height + width)
    assert found == expected


@pytest.mark.data
def test_real_masks_agree_with_scikit_image(data_dir: Path) -> None:
    paths = sorted((data_dir / "multi_reader/bubil6/GoldStandard").glob("*.png"))
    assert len(paths) == 35
    for path in paths:
        mask = read_mask(path, invert=True)
        found = measure_mask(mask)
        parts = regionprops(label(mask, connectivity=1))
        largest = max(parts, key=lambda part: part.area)
        assert found.area == mask.sum()
        assert found.centroid_y == pytest.approx(np.argwhere(mask)[:, 0].mean())
        assert found.centroid_x == pytest.approx(np.argwhere(mask)[:, 1].mean())
        corners = (largest.coords[:, None] + [(0, 0), (0, 1), (1, 0), (1, 1)]).reshape(-1, 2)
        hull = corners[ConvexHull(corners).vertices]
        assert found.max_diameter == pytest.approx(pdist(hull).max())
        if len(parts) == 1:
            crofton = largest.perimeter_crofton
            assert found.perimeter == pytest.approx(crofton, rel=0.06)


def test_measurands_are_fields_with_their_units() -> None:
    measurement = measure([disc(5)], (1, 1))
    assert len(MEASURANDS) == 6
    assert all(np.isfinite(getattr(measurement, measurand.name)) for measurand in MEASURANDS)
    assert [measurand.unit("mm") for measurand in MEASURANDS] == ["mm²", *["mm"] * 5]
