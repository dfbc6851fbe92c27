from __future__ import annotations

import numpy as np

from napari_ptx.image import Image, Region
from napari_ptx.roi import Outline
from napari_ptx.roi.calibration import common_spacing

LEFT = Region(0, 0, 100, 50, (0.1, 0.1))
RIGHT = Region(0, 50, 100, 100, (0.2, 0.2))
SAME = Region(0, 50, 100, 100, (0.1, 0.1))


def image(*regions: Region, calibrated: bool = False) -> Image:
    pixels = np.zeros((100, 120), dtype=np.uint8)
    return Image(pixels, "yx", (0.3, 0.3), calibrated, regions=regions)


def square(top: float, left: float, size: float = 10) -> Outline:
    return Outline([[top, left], [top, left + size], [top + size, left + size], [top + size, left]])


def test_an_outline_has_the_spacing_of_its_region() -> None:
    assert common_spacing([square(5, 5)], image(LEFT, RIGHT)) == (0.1, 0.1)
    assert common_spacing([square(5, 60)], image(LEFT, RIGHT)) == (0.2, 0.2)


def test_outlines_in_regions_that_differ_have_no_common_spacing() -> None:
    assert common_spacing([square(5, 5), square(5, 60)], image(LEFT, RIGHT)) is None
    assert common_spacing([square(5, 45)], image(LEFT, RIGHT)) is None


def test_regions_with_one_calibration_are_one() -> None:
    assert common_spacing([square(5, 5), square(5, 60)], image(LEFT, SAME)) == (0.1, 0.1)
    assert common_spacing([square(5, 45)], image(LEFT, SAME)) == (0.1, 0.1)


def test_an_outline_may_reach_over_the_edge_of_its_region_but_not_lie_outside() -> None:
    assert common_spacing([square(5, 93)], image(LEFT, RIGHT)) == (0.2, 0.2)
    assert common_spacing([square(5, 105)], image(LEFT, RIGHT)) is None
    assert common_spacing([square(5, 5), square(5, 105)], image(LEFT, RIGHT)) is None


def test_without_regions_the_whole_image_counts() -> None:
    assert common_spacing([square(5, 5)], image(calibrated=True)) == (0.3, 0.3)
    assert common_spacing([square(5, 5)], image()) is None


def test_nothing_outlined_has_no_spacing() -> None:
    assert common_spacing([], image(calibrated=True)) is None
