from __future__ import annotations

import numpy as np
import pytest

from napari_ptx.image.masking import masked
from napari_ptx.image.types import Image, Region


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize(("axes", "colour"), [("yx", False), ("tyx", False), ("yx", True)])
def test_all_but_the_regions_is_black(kind: type, axes: str, colour: bool) -> None:
    shape = (*((4,) if axes == "tyx" else ()), 30, 40, *((3,) if colour else ()))
    low = -100 if np.issubdtype(kind, np.signedinteger) else 1
    pixels = np.random.default_rng(1).integers(low, 100, shape).astype(kind)
    regions = (Region(5, 6, 15, 20, (0.1, 0.1)), Region(10, 18, 25, 30, (0.2, 0.2)))
    image = Image(pixels, axes, (1.0,) * len(axes), False, colour=colour, regions=regions)
    shown = masked(image)
    for y in range(30):
        for x in range(40):
            part = shown.pixels[(..., y, x, slice(None))] if colour else shown.pixels[..., y, x]
            whole = pixels[(..., y, x, slice(None))] if colour else pixels[..., y, x]
            kept = image.spacing_at(y, x) is not None
            assert np.array_equal(part, whole) if kept else (part == min(pixels.min(), 0)).all()
    assert shown.regions == regions
    assert shown.pixels.dtype == kind
    assert not shown.pixels.flags.writeable
    assert np.array_equal(image.pixels, pixels)


def test_without_regions_nothing_is_hidden() -> None:
    image = Image(np.ones((4, 4), np.uint8), "yx", (1.0, 1.0), False)
    assert masked(image) is image
