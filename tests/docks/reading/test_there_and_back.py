"""What a reader draws goes out as ImageJ files and comes back; closing loses nothing."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_ptx.roi import overlap, rasterise
from napari_ptx.study import Study
from tests.docks.reading.conftest import SHAPE
from tests.docks.reading.hands import Hands, ellipse

LESION = ellipse(120, 160, 40, 60)
OTHER = ellipse(50, 60, 20, 25)


@pytest.mark.once
def test_drawn_outlines_go_out_to_imagej_and_come_back(hands: Hands, tmp_path: Path) -> None:
    for _ in range(2):
        hands.drag(LESION)
        hands.drag(OTHER)
        hands.finish()
    hands.hub.close_desk()
    study = hands.hub.study
    assert study is not None
    study.export(tmp_path / "out")
    with (tmp_path / "out" / "readings.csv").open(newline="", encoding="utf-8-sig") as stream:
        exported = list(csv.DictReader(stream))
    table = tmp_path / "out" / "for-b.csv"
    with table.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("case", "roi"))
        rows.writerows((row["case"], row["roi"]) for row in exported)
    assert study.import_readings("B", 1, table) == 2
    drawn, back = study.readings("A", 1), study.readings("B", 1)
    assert [reading.case for reading in back] == [reading.case for reading in drawn]
    for first, second in zip(drawn, back, strict=True):
        assert len(second.outlines) == 2
        masks = [rasterise(reading.outlines, SHAPE) for reading in (first, second)]
        assert masks[0].sum() > 5000
        assert overlap(masks[0], masks[1]).dice == 1.0
        for one, other in zip(first.outlines, second.outlines, strict=True):
            # ImageJ keeps coordinates as 32-bit floats.
            np.testing.assert_allclose(other.points, one.points, atol=1e-4)


def test_closing_the_window_with_a_line_in_hand_loses_only_that_line(
    hands_at: Callable[[Path], Hands], study_file: Path
) -> None:
    hands = hands_at(study_file).open()
    hands.drag(LESION)
    kept = hands.outlines
    hands.press(OTHER[0])
    for where in OTHER[1:30]:
        hands.move(where)
    hands.viewer.close()
    again = hands_at(study_file).open()
    assert again.outlines == kept
    again.hub.close_desk()
    with Study.open(study_file) as study:
        assert study.verify() == ()


@pytest.mark.once
def test_closing_the_window_at_the_moment_of_release_keeps_the_stroke(
    hands_at: Callable[[Path], Hands], study_file: Path
) -> None:
    hands = hands_at(study_file).open()
    hands.drag(LESION)
    kept = hands.outlines
    assert len(kept) == 1
    # No event is handled in between: what is on screen later must not be needed.
    hands.viewer.close()
    again = hands_at(study_file).open()
    assert again.outlines == kept
