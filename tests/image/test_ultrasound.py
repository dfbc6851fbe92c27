"""Ultrasound regions: which calibrate, which do not, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from napari_ptx.image import Image
from napari_ptx.image.ultrasound import read_regions

from .make import region


def regions_of(*items: Dataset, rows: int = 100, columns: int = 200) -> object:
    made = Dataset()
    made.SequenceOfUltrasoundRegions = Sequence(items)
    found = read_regions(made, rows, columns)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "item",
    [
        region((0, 0, 102, 199)),
        region((0, 0, 99, 250)),
        region((50, 0, 50, 199)),
        region((60, 0, 50, 199)),
        region((0, 0, 99, 199), delta=(0.0, 0.02)),
        region((0, 0, 99, 199), units=(3, 4)),
        region((0, 0, 99, 199), units=(7, 4)),
    ],
)
def test_regions_that_calibrate_nothing_leave_a_note(item: Dataset) -> None:
    found = regions_of(item)
    assert found.regions == ()
    assert found.whole is None
    assert len(found.notes) == 1


def test_region_without_units_leaves_a_note() -> None:
    item = region((0, 0, 99, 199))
    del item.PhysicalUnitsXDirection
    found = regions_of(item)
    assert found.regions == ()
    assert "lacks its bounds, units or deltas" in found.notes[0]


def test_region_of_negative_delta_and_one_pixel_too_many() -> None:
    found = regions_of(region((0, 0, 100, 200), delta=(-0.01, 0.02)))
    (only,) = found.regions
    assert only.spacing == (0.1, 0.2)
    assert (only.bottom, only.right) == (100, 200)
    assert found.whole == (0.1, 0.2)


def test_region_of_high_priority_wins_where_two_overlap() -> None:
    over = region((10, 10, 50, 50), delta=(0.1, 0.1), flags=0)
    under = region((0, 0, 99, 199), delta=(0.2, 0.2), flags=1)
    for order in ((over, under), (under, over)):
        found = regions_of(*order)
        image = Image(
            np.zeros((100, 200), np.uint8), "yx", (1.0, 1.0), False, regions=found.regions
        )
        assert image.spacing_at(20, 20) == (1.0, 1.0)
        assert image.spacing_at(80, 80) == (2.0, 2.0)


def test_trace_over_a_calibrated_region_is_told() -> None:
    found = regions_of(region((0, 0, 99, 199)), region((80, 0, 99, 199), units=(7, 4)))
    assert len(found.regions) == 1
    assert found.whole is None
    assert any("do not measure there" in note for note in found.notes)


@settings(max_examples=100, deadline=None)
@given(
    bounds=st.tuples(*[st.integers(0, 300)] * 4),
    delta=st.tuples(*[st.floats(-1, 1)] * 2),
    units=st.tuples(*[st.integers(0, 12)] * 2),
)
def test_any_region_is_inside_and_positive_or_refused(
    bounds: tuple[int, int, int, int], delta: tuple[float, float], units: tuple[int, int]
) -> None:
    found = regions_of(region(bounds, delta, units))
    for kept in found.regions:
        assert units == (3, 3)
        assert 0 <= kept.top < kept.bottom <= 100
        assert 0 <= kept.left < kept.right <= 200
        assert min(kept.spacing) > 0
    if found.whole is not None:
        assert len(found.regions) == 1
