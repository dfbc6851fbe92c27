"""Candidates of maps that are known, and where they lie in the patient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_ptx.ct.candidates import COLUMNS, CandidateSettings, find_candidates
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.space import ball_diameter, body_centre, measure, positions, same_grid, slot_of
from tests.ct.make import CENTRES, ORIGIN, SHAPE, SLOTS, SPACING, ball, volume


def test_hysteresis_takes_what_is_connected_to_a_peak() -> None:
    values = np.zeros(SHAPE, dtype=np.float32)
    values[2, 2, 2:12] = 0.3
    values[2, 2, 5] = 0.9  # a peak: the whole run is a candidate
    values[10, 10, 2:12] = 0.45  # no peak
    values[20, 30, 30] = 0.8  # a peak that is too small
    found = find_candidates(volume(values), "p1", settings=CandidateSettings(min_volume_mm3=5.0))
    assert list(found.table.columns) == list(COLUMNS)
    assert found.table["volume_mm3"].tolist() == pytest.approx([10 * 0.64])
    assert found.table["score"].tolist() == pytest.approx([0.9])
    assert (found.labels.pixels == 1).sum() == 10
    small = find_candidates(volume(values), "p1", settings=CandidateSettings(min_volume_mm3=0.0))
    assert small.table["candidate"].tolist() == [1, 2]
    assert small.table["score"].tolist() == pytest.approx([0.9, 0.8])  # the highest is 1
    assert small.labels.pixels[20, 30, 30] == 2


def test_parts_that_touch_at_a_corner_are_one() -> None:
    values = np.zeros(SHAPE)
    values[4, 4, 4] = values[5, 5, 5] = values[6, 6, 4] = 0.9
    values[6, 9, 9] = 0.9
    found = find_candidates(volume(values), "p1", settings=CandidateSettings(min_volume_mm3=0.0))
    assert sorted(found.table["volume_mm3"] / 0.64) == pytest.approx([1, 3])


def test_measures_are_those_of_a_ball() -> None:
    values = np.where(ball(CENTRES[1], 4.0), 0.9, 0.0)
    hu = np.where(ball(CENTRES[1], 4.0), 170.0, 50.0)
    found = find_candidates(volume(values), "p1", phases={"arterial": hu})
    (row,) = found.table.to_dict("records")
    assert row["volume_mm3"] == pytest.approx(4 / 3 * np.pi * 64, rel=0.05)
    assert row["diameter_mm"] == pytest.approx(8.0, rel=0.02)
    z, y, x = CENTRES[1]
    expected = np.add(ORIGIN, np.multiply((x, y, z), SPACING[::-1]))
    assert [row["x_mm"], row["y_mm"], row["z_mm"]] == pytest.approx(expected.tolist())
    assert row["hu_arterial"] == 170.0
    assert np.isnan(row["hu_plain"])


def test_slots_have_the_side_of_the_patient() -> None:
    """In LPS x grows towards the left; an image that runs the other way has the same sides."""
    values = np.zeros(SHAPE)
    for centre in CENTRES:
        values[ball(centre, 3.0)] = 0.9
    for image in (volume(values), replace(volume(values[:, :, ::-1]), origin=(11.2, 100.0, -340.0),
                  direction=((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))):  # fmt: skip
        found = find_candidates(image, "p1", centre=(-4.4, 116.0, -328.5)).table
        sides = {slot: (x, z) for slot, x, z in zip(found["slot"], found["x_mm"], found["z_mm"],
                                                    strict=True)}  # fmt: skip
        assert set(sides) == set(SLOTS)
        assert sides["left_superior"] == pytest.approx((4.0, -323.0))
        assert sides["right_inferior"] == pytest.approx((-12.8, -334.0))
    assert slot_of((40.0, 0.0, 0.0), (0.0, 0.0, 0.0)) == "ectopic"
    assert slot_of((1.0, 0.0, -60.0), (0.0, 0.0, 0.0)) == "ectopic"


def test_the_centre_of_the_body_ignores_the_air_around() -> None:
    hu = np.full(SHAPE, -1000)
    hu[:, 10:30, 4:20] = 40
    x, y, z = body_centre(volume(hu))
    assert (x, y, z) == pytest.approx((-20 + 11.5 * 0.8, 100 + 19.5 * 0.8, -340 + 11.5))


def test_an_empty_map_has_no_candidate() -> None:
    found = find_candidates(volume(np.zeros(SHAPE)), "p1")
    assert found.table.empty
    assert list(found.table.columns) == list(COLUMNS)
    assert found.labels.pixels.max() == 0
    assert found.labels.pixels.dtype == np.int16
    assert measure(found.labels) == {}


def test_what_cannot_be_is_told() -> None:
    for values in (np.full(SHAPE, 3.0), np.full(SHAPE, -0.5), np.full(SHAPE, np.nan)):
        with pytest.raises(CtError, match="apply the sigmoid first"):
            find_candidates(volume(values), "p1")
    with pytest.raises(CtError, match="resample it to the same grid"):
        find_candidates(volume(np.zeros(SHAPE)), "p1", phases={"plain": np.zeros((2, 2, 2))})
    with pytest.raises(CtError, match="0 < low <= high"):
        CandidateSettings(high=0.1, low=0.5)
    with pytest.raises(CtError, match="no place in the patient"):
        positions(replace(volume(np.zeros(SHAPE)), origin=None), [[0, 0, 0]])


def test_grids_are_compared_in_space() -> None:
    one = volume(np.zeros(SHAPE))
    assert same_grid(one, replace(one, origin=(-20.001, 100.0, -340.0)))
    assert not same_grid(one, replace(one, origin=(-20.1, 100.0, -340.0)))
    assert not same_grid(one, volume(np.zeros((24, 40, 41))))
    assert ball_diameter(4 / 3 * np.pi) == pytest.approx(2.0)
