"""Multi-frame ultrasound, and sizes in millimetres."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from PIL import Image as Picture
from qtpy.QtCore import Qt

from napari_ptx.docks.layers import grid
from napari_ptx.docks.lesions import ACROSS_REGIONS, NOT_CALIBRATED, describe
from napari_ptx.image import Image, Region
from napari_ptx.roi import Outline
from napari_ptx.study import Protocol, Study
from tests.docks.reading.conftest import picture, write_study
from tests.docks.reading.hands import CTRL, Hands, ellipse

pytestmark = pytest.mark.once

LESION = ellipse(120, 160, 40, 60)


def square(top: float, left: float, size: float) -> Outline:
    return Outline([(top, left), (top, left + size), (top + size, left + size), (top + size, left)])


@pytest.fixture
def film(hands_at: Callable[[Path], Hands], tmp_path: Path) -> Hands:
    stack = np.stack([picture(seed) for seed in range(5)])
    path = write_study(tmp_path / "film", {"film.tif": stack, "still.png": picture(9)}, reread=0)
    hands = hands_at(path).open()
    if hands.session.image.frames == 1:
        hands.key(Qt.Key.Key_PageDown)
        hands.wait_for_case()
    assert hands.session.image.frames == 5
    return hands


def visible_lines(hands: Hands) -> int:
    return hands.session.drawing._ink._used


def test_an_outline_belongs_to_its_frame(film: Hands) -> None:
    page = film.dock.page
    assert page.frame_label.text() == "Frame 1 of 5"
    film.key(".")
    film.key(".")
    film.key(",")
    assert page.frame_label.text() == "Frame 2 of 5"
    film.drag(LESION)
    assert film.outlines[0].frame == 1
    assert film.session.draft.view["frame"] == 1
    assert visible_lines(film) == 1
    film.button(page.frame_on)
    assert visible_lines(film) == 0
    film.drag(LESION)
    assert [outline.frame for outline in film.outlines] == [1, 2]
    film.wait(500)
    layer = film.viewer.layers[1]
    assert [int(shape[0, 0]) for shape in layer.data] == [1, 2]
    film.key("z", CTRL)
    film.key("z", CTRL)
    assert film.session.drawing.frame == 1, "undo shows the frame that it changes"
    film.key("y", CTRL)
    assert [outline.frame for outline in film.outlines] == [1]


def test_a_film_and_a_still_image_follow_each_other(film: Hands) -> None:
    film.key(".")
    film.drag(LESION)
    index = film.session.index
    film.session.go(1 - index)
    film.wait_for_case()
    assert not film.dock.page.frame_label.isVisible()
    film.drag(LESION)
    assert film.outlines[0].frame == 0
    film.session.go(index)
    film.wait_for_case()
    assert film.session.drawing.frame == 1
    assert len(film.viewer.layers) == 2


@pytest.fixture
def calibrated(hands_at: Callable[[Path], Hands], tmp_path: Path) -> Hands:
    image = SimpleITK.GetImageFromArray(picture(1))
    image.SetSpacing((0.1, 0.2))
    SimpleITK.WriteImage(image, str(tmp_path / "one.mha"))
    with (tmp_path / "cohort.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("case", "patient", "image"), ("a", "b", "one.mha")])
    path = tmp_path / "mm.ptx"
    Study.create(path, tmp_path / "cohort.csv", Protocol(("A", "B"), reread=0, seed=1)).close()
    return hands_at(path).open()


def test_a_calibrated_image_is_measured_in_millimetres(calibrated: Hands) -> None:
    layer = calibrated.viewer.layers[0]
    assert tuple(layer.scale) == (0.2, 0.1)
    assert [str(unit) for unit in layer.units] == ["millimeter", "millimeter"]
    assert tuple(calibrated.viewer.layers[1].scale) == (0.2, 0.1)
    calibrated.drag(LESION)
    points = calibrated.outlines[0].points
    assert points.mean(axis=0) == pytest.approx((120, 160), abs=2), "outlines stay in pixels"
    (lesion,) = calibrated.session.lesions
    assert lesion.area.endswith("mm\N{SUPERSCRIPT TWO}")
    assert float(lesion.area.split()[0]) == pytest.approx(np.pi * 8 * 6, rel=0.02)
    longest, across = lesion.diameters.removesuffix(" mm").split(" \N{MULTIPLICATION SIGN} ")
    assert float(longest) == pytest.approx(16, rel=0.02)
    assert float(across) == pytest.approx(12, rel=0.02)
    assert not calibrated.dock.page.note.isVisible()


def test_each_region_has_its_own_millimetres() -> None:
    image = Image(
        np.zeros((100, 200), np.uint8),
        "yx",
        (1.0, 1.0),
        calibrated=False,
        regions=(Region(0, 0, 100, 90, (0.1, 0.1)), Region(0, 90, 100, 180, (0.2, 0.2))),
    )
    assert grid(image)["units"] == ("pixel", "pixel")
    assert describe(square(10, 10, 20), image).area == "4.0 mm\N{SUPERSCRIPT TWO}"
    assert describe(square(10, 110, 20), image).area == "16.0 mm\N{SUPERSCRIPT TWO}"
    across = describe(square(10, 80, 20), image)
    assert across.area == "400.0 px\N{SUPERSCRIPT TWO}"
    assert across.note == ACROSS_REGIONS
    assert describe(square(10, 182, 10), image).note == NOT_CALIBRATED


def test_a_colour_image_stays_in_colour(hands_at: Callable[[Path], Hands], tmp_path: Path) -> None:
    grey = picture(1)
    colour = np.stack([grey, grey // 2, grey], axis=-1)
    folder = tmp_path / "colour"
    folder.mkdir()
    Picture.fromarray(colour).save(folder / "a.png")
    Picture.fromarray(grey).save(folder / "b.png")
    with (folder / "cohort.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [("case", "patient", "image"), ("a", "a", "a.png"), ("b", "b", "b.png")]
        )
    path = folder / "s.ptx"
    Study.create(path, folder / "cohort.csv", Protocol(("A", "B"), reread=0, seed=1)).close()
    hands = hands_at(path).open()
    seen = []
    for index in (0, 1):
        hands.session.go(index)
        hands.wait_for_case()
        layer = hands.viewer.layers[0]
        seen.append(layer.rgb)
        assert layer.rgb == hands.session.image.colour
        hands.drag(LESION)
        assert len(hands.outlines) == 1
    assert sorted(seen) == [False, True]
