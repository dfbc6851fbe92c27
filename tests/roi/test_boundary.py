"""Signed distances along a line: circles, whose distances are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_ptx.roi import Outline, RoiError
from napari_ptx.roi.boundary import along, signed_distance


def circle(y: float, x: float, radius: float, frame: int = 0, corners: int = 2000) -> Outline:
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    points = np.stack([y + radius * np.sin(turn), x + radius * np.cos(turn)], axis=1)
    return Outline(points, frame=frame)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(-30, 30), st.floats(-30, 30), st.floats(2, 40), st.floats(2, 40),
    st.sampled_from([0.1, 0.5, 2.0]),
)  # fmt: skip
def test_circles(y: float, x: float, first: float, second: float, mm: float) -> None:
    other = [circle(0, 0, second)]
    (line,) = along([circle(y, x, first)], other, (mm, mm), step=0.5)
    exact = mm * (np.hypot(*line.points.T) - second)
    # The circles are polygons: their sagitta, and the chords between the resampled points.
    assert line.distance == pytest.approx(exact, abs=mm * 1e-3)
    lengths = np.hypot(*(np.roll(line.points, -1, axis=0) - line.points).T)
    assert lengths.max() <= 0.6


def test_the_sign_is_outside_and_a_hole_is_outside() -> None:
    ring = Outline(circle(0, 0, 20).points, (circle(0, 0, 10).points,))
    points = [(0, 0), (0, 15), (0, 18), (0, 25), (12, 0)]
    assert signed_distance(points, [ring]) == pytest.approx([10, -5, -2, 5, -2], abs=1e-3)


def test_outlines_that_overlap_are_one_area() -> None:
    both = [circle(0, -5, 10), circle(0, 5, 10)]
    # Each circle's own line through the other is no boundary of the two together.
    assert signed_distance([(0, 0)], both) == pytest.approx([-np.sqrt(75)], abs=1e-3)


def test_a_spacing_that_differs_by_axis() -> None:
    square = Outline(np.array([(0, 0), (0, 10), (10, 10), (10, 0)], float))
    found = signed_distance([(5, 15), (15, 5), (5, 9), (9, 5)], [square], (0.5, 2.0))
    assert found == pytest.approx([10, 2.5, -2, -0.5])


def test_frames_are_compared_with_themselves_alone() -> None:
    first = [circle(0, 0, 10, frame=1), circle(0, 0, 10, frame=2)]
    (line,) = along(first, [circle(0, 0, 8, frame=2)])
    assert line.distance == pytest.approx(2, abs=1e-3)


def test_nothing_to_measure_from_is_refused() -> None:
    with pytest.raises(RoiError, match="no area"):
        signed_distance([(0, 0)], [])
    with pytest.raises(RoiError, match="two positive numbers"):
        signed_distance([(0, 0)], [circle(0, 0, 3)], (0, 1))
