from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import shapely

import napari_ptx.roi
from napari_ptx.roi import Outline
from napari_ptx.roi.shapes import is_pixel_edge, nest, to_area
from tests.roi.make import box


def test_names_are_there_and_are_not_hidden_by_modules() -> None:
    for name in napari_ptx.roi.__all__:
        value = getattr(napari_ptx.roi, name)
        assert not hasattr(value, "__path__")
        assert type(value).__name__ != "module"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = napari_ptx.roi.nonsense


def test_the_room_loads_nothing_heavy_before_it_is_used() -> None:
    code = (
        "import sys, napari_ptx.roi; napari_ptx.roi.Outline; "
        "heavy = {'scipy', 'shapely', 'skimage', 'SimpleITK', 'PIL', 'tifffile', 'roifile', "
        "'highdicom'}; "
        "sys.exit(f'loaded: {sorted(heavy & set(sys.modules))}' if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_parts_that_share_an_edge_stay_two_and_keep_their_vertices() -> None:
    left, right = box(0, 0, 4, 4), box(0, 4, 4, 8)
    assert nest([left.points, right.points], frame=0) == (left, right)


def test_the_same_line_twice_encloses_nothing() -> None:
    assert nest([box(0, 0, 4, 4).points] * 2) == ()


def test_crossing_rings_are_cut_anew() -> None:
    parts = nest([box(0, 0, 4, 4).points, box(0, 2, 4, 6).points], frame=7)
    assert [part.frame for part in parts] == [7, 7]
    assert sorted(to_area(part).area for part in parts) == pytest.approx([8, 8])


def test_a_hole_that_leaves_its_outline_counts_by_the_even_odd_rule() -> None:
    outline = Outline(box(0, 0, 4, 4).points, (box(2, 2, 6, 6).points,))
    assert to_area(outline).area == pytest.approx(16 + 16 - 2 * 4)
    assert to_area(outline).is_valid


@pytest.mark.parametrize(
    ("ring", "expected"),
    [
        (box(0.5, 1.5, 3.5, 4.5).points, True),
        (box(-0.5, -0.5, 3.5, 4.5).points, True),
        (box(0, 0, 3, 4).points, False),
        (np.array([[0.5, 0.5], [3.5, 3.5], [0.5, 3.5]]), False),
    ],
)
def test_pixel_edges_are_known(ring: np.ndarray, expected: bool) -> None:
    assert is_pixel_edge(ring) is expected
    assert shapely.Polygon(ring).is_valid
