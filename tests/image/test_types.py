"""``Image``: grey, hashes, positions, and what it refuses to be."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ptx.image import Image, Region, decode

from .make import dataset, random_grey, save


def test_grey_stored_as_rgb_keeps_its_values() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = Image(np.stack([grey] * 3, axis=-1), "yx", (1.0, 1.0), False, colour=True)
    assert image.grey().dtype == np.uint8
    assert np.array_equal(image.grey(), grey)


def test_grey_is_luma_by_bt601() -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    image = Image(pixels, "yx", (1.0, 1.0), False, colour=True)
    assert image.grey().tolist() == [[76, 150, 29]]


def test_grey_of_a_grey_image_is_itself() -> None:
    pixels = random_grey((3, 4, 5), np.int16)
    image = Image(pixels, "zyx", (1.0, 1.0, 1.0), True)
    assert np.array_equal(image.grey(), pixels)
    assert (image.frames, image.shape) == (1, (3, 4, 5))


def test_one_hash_for_one_picture_in_every_format(tmp_path: Path) -> None:
    pixels = random_grey((12, 16, 3))
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    (tmp_path / "a.tif").write_bytes(imagecodecs.tiff_encode(pixels))
    save(dataset(pixels), tmp_path / "a.dcm")
    hashes = {decode(path).sha256 for path in tmp_path.iterdir()}
    assert len(hashes) == 1


def test_the_hash_tells_shape_and_type_apart() -> None:
    pixels = np.zeros((4, 6), np.uint8)
    others = [pixels.T, pixels.astype(np.uint16), np.ones_like(pixels)]
    hashes = {Image(each, "yx", (1.0, 1.0), False).sha256 for each in (pixels, *others)}
    assert len(hashes) == 4
    big = random_grey((4, 6), np.uint16)
    swapped = Image(big.astype(">u2"), "yx", (1.0, 1.0), False)
    assert swapped.sha256 == Image(big, "yx", (1.0, 1.0), False).sha256


@pytest.mark.parametrize(
    ("shape", "axes", "spacing", "said"),
    [
        ((4, 5), "xy", (1.0, 1.0), "axes must be"),
        ((4, 5, 6), "yx", (1.0, 1.0), "do not have the axes"),
        ((4, 5), "yx", (1.0,), "does not fit"),
        ((4, 5), "yx", (1.0, 0.0), "does not fit"),
    ],
)
def test_what_is_no_image(
    shape: tuple[int, ...], axes: str, spacing: tuple[float, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Image(np.zeros(shape), axes, spacing, False)


@given(y=st.integers(0, 19), x=st.integers(0, 29))
def test_every_pixel_lies_in_exactly_the_regions_that_hold_its_index(y: int, x: int) -> None:
    first = Region(0, 0, 20, 10, (0.1, 0.1))
    second = Region(5, 10, 20, 30, (0.2, 0.3))
    image = Image(np.zeros((20, 30)), "yx", (1.0, 1.0), False, regions=(first, second))
    expected = first.spacing if x < 10 else second.spacing if y >= 5 else None
    assert image.spacing_at(y, x) == expected


def test_spacing_of_an_image_without_regions() -> None:
    pixels = np.zeros((2, 3, 4))
    assert Image(pixels, "zyx", (3.0, 2.0, 1.0), True).spacing_at(0, 0) == (2.0, 1.0)
    assert Image(pixels, "zyx", (1.0, 1.0, 1.0), False).spacing_at(0, 0) is None
