"""Random masks and outlines for the tests of this room."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from napari_ptx.roi import Outline


def masks(side: int = 12) -> st.SearchStrategy[NDArray[np.bool_]]:
    shapes = st.tuples(st.integers(1, side), st.integers(1, side))
    return shapes.flatmap(lambda shape: npst.arrays(np.bool_, shape))


def coordinates(low: float, high: float) -> st.SearchStrategy[float]:
    """Floats, and often whole and half numbers, where ties are."""
    halves = st.integers(int(2 * low), int(2 * high)).map(lambda n: n / 2)
    return halves | st.floats(low, high).map(lambda value: round(value, 9))


def rings(low: float = -3, high: float = 15, least: int = 3) -> st.SearchStrategy[NDArray]:
    """Closed lines that may cross themselves."""
    value = coordinates(low, high)
    return st.lists(st.tuples(value, value), min_size=least, max_size=9).map(np.array)


@st.composite
def lesions(draw: st.DrawFn, radius: float = 20) -> Outline:
    """A lobed shape round (60, 60) in which every point lies in a disc of radius 2 inside it."""
    lobes = draw(st.lists(st.floats(0.4, 1.6), min_size=5, max_size=16))
    turn = draw(st.floats(0, 1))
    angle = 2 * np.pi * (np.arange(len(lobes)) + turn) / len(lobes)
    points = 60 + radius * np.array(lobes)[:, None] * np.stack([np.sin(angle), np.cos(angle)], 1)
    opened = shapely.Polygon(points).buffer(-2).buffer(2)
    largest = max(shapely.get_parts(opened), key=lambda part: part.area)
    return Outline(shapely.get_coordinates(largest.exterior))


def disc(radius: float, centre: tuple[float, float] = (60.0, 60.0), count: int = 720) -> Outline:
    return ellipse(radius, radius, centre, count)


def ellipse(
    a: float,
    b: float,
    centre: tuple[float, float] = (60.0, 60.0),
    count: int = 720,
    turn: float = 0,
) -> Outline:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    points = np.stack([a * np.cos(angle), b * np.sin(angle)], axis=1)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return Outline(points @ rotation + centre)


def box(top: float, left: float, bottom: float, right: float, frame: int = 0) -> Outline:
    corners = [[top, left], [top, right], [bottom, right], [bottom, left]]
    return Outline(np.array(corners), (), frame)
