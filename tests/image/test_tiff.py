"""TIFF: axes, colour and calibration; against Pillow where it reads."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as pillow  # noqa: N813

from napari_ptx.image import ImageError, decode

from .make import random_grey


def write(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(path, pixels, **options)
    return path


@pytest.mark.parametrize(
    ("pixels", "options", "axes", "colour"),
    [
        (random_grey((6, 7)), {}, "yx", False),
        (random_grey((6, 7), np.uint16), {"byteorder": ">"}, "yx", False),
        (random_grey((6, 7)).astype(np.float32), {}, "yx", False),
        (random_grey((6, 7, 3)), {"photometric": "rgb"}, "yx", True),
        (random_grey((4, 6, 7)), {"photometric": "minisblack"}, "tyx", False),
        (random_grey((4, 6, 7)), {"imagej": True, "metadata": {"axes": "ZYX"}}, "zyx", False),
        (random_grey((4, 6, 7)), {"imagej": True, "metadata": {"axes": "TYX"}}, "tyx", False),
        (random_grey((4, 6, 7, 3)), {"photometric": "rgb"}, "tyx", True),
        (random_grey((64, 64)), {"compression": "zlib", "tile": (32, 32)}, "yx", False),
        (random_grey((64, 64)), {"compression": "lzw", "predictor": True}, "yx", False),
    ],
)
def test_axes_and_pixels(
    tmp_path: Path, pixels: np.ndarray, options: dict[str, Any], axes: str, colour: bool
) -> None:
    image = decode(write(tmp_path / "a.tif", pixels, **options))
    assert image.axes == axes
    assert image.colour == colour
    assert image.pixels.dtype == pixels.dtype
    assert np.array_equal(image.pixels, pixels)
    assert not image.calibrated


def test_pixels_equal_pillows(tmp_path: Path) -> None:
    kinds = (("L", "tiff_lzw"), ("RGB", "tiff_adobe_deflate"), ("1", "group4"), ("1", None))
    for mode, compression in kinds:
        path = tmp_path / "a.tif"
        pillow.fromarray(random_grey((40, 50, 3))).convert(mode).save(path, compression=compression)
        with pillow.open(path) as expected:
            pixels = np.array(expected.convert("L") if mode == "1" else expected)
        image = decode(path)
        assert np.array_equal(image.pixels, pixels), mode


def test_planes_of_colour(tmp_path: Path) -> None:
    pixels = random_grey((3, 6, 7))
    path = write(tmp_path / "a.tif", pixels, photometric="rgb", planarconfig="separate")
    assert np.array_equal(decode(path).pixels, np.moveaxis(pixels, 0, -1))


def test_alpha_is_left_out(tmp_path: Path) -> None:
    pixels = random_grey((6, 7, 4))
    path = write(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
    image = decode(path)
    assert np.array_equal(image.pixels, pixels[..., :3])
    assert image.notes == ("its transparency is left out",)


def test_white_is_zero_is_inverted(tmp_path: Path) -> None:
    pixels = random_grey((6, 7), np.uint16)
    image = decode(write(tmp_path / "a.tif", pixels, photometric="miniswhite"))
    assert np.array_equal(image.pixels, 65535 - pixels)
    assert any("inverted" in note for note in image.notes)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("mm", 1.0), ("cm", 10.0), ("micron", 1e-3), ("\\u00B5m", 1e-3), ("um", 1e-3)],
)
def test_imagej_units_calibrate(tmp_path: Path, unit: str, factor: float) -> None:
    path = write(
        tmp_path / "a.tif",
        random_grey((4, 6, 7)),
        imagej=True,
        resolution=(5.0, 4.0),
        metadata={"axes": "ZYX", "unit": unit, "spacing": 3.0},
    )
    image = decode(path)
    assert image.calibrated
    assert image.spacing == pytest.approx((3 * factor, 0.25 * factor, 0.2 * factor))


@pytest.mark.parametrize("unit", [None, "pixel", "inch", ""])
def test_other_units_do_not_calibrate(tmp_path: Path, unit: str | None) -> None:
    metadata = {"unit": unit} if unit is not None else {}
    path = write(
        tmp_path / "a.tif",
        random_grey((6, 7)),
        imagej=True,
        resolution=(5.0, 4.0),
        metadata=metadata,
    )
    assert not decode(path).calibrated


def test_resolution_for_printing_does_not_calibrate(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.tif", random_grey((6, 7)), resolution=(300, 300), resolutionunit="CENTIMETER"
    )
    assert not decode(path).calibrated


def test_ome_calibrates(tmp_path: Path) -> None:
    metadata = {
        "axes": "ZYX",
        "PhysicalSizeX": 0.2,
        "PhysicalSizeXUnit": "mm",
        "PhysicalSizeY": 250.0,
        "PhysicalSizeZ": 1.5,
        "PhysicalSizeZUnit": "mm",
    }
    path = write(tmp_path / "a.ome.tif", random_grey((4, 6, 7)), metadata=metadata)
    image = decode(path)
    assert image.axes == "zyx"
    assert image.spacing == pytest.approx((1.5, 0.25, 0.2))  # the default unit is the micrometre


@pytest.mark.parametrize(
    ("pixels", "options", "said"),
    [
        (random_grey((4, 6, 7)), {"imagej": True, "metadata": {"axes": "CYX"}}, "axes are CYX"),
        (random_grey((6, 7)).astype(np.complex64), {}, "complex64"),
        (random_grey((6, 7, 4)), {"photometric": "separated"}, "SEPARATED"),
    ],
)
def test_what_is_no_picture_is_refused(
    tmp_path: Path, pixels: np.ndarray, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ImageError, match=said):
        decode(write(tmp_path / "a.tif", pixels, **options))


def test_palette_is_refused(tmp_path: Path) -> None:
    colours = random_grey((3, 256), np.uint16)
    path = write(tmp_path / "a.tif", random_grey((6, 7)), photometric="palette", colormap=colours)
    with pytest.raises(ImageError, match="palette; save it as RGB"):
        decode(path)


def test_more_series_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(random_grey((6, 7)))
        writer.write(random_grey((9, 9)))
    assert any("first of 2" in note for note in decode(path).notes)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (32, 32)}])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.98])
def test_cut_files_are_refused(tmp_path: Path, options: dict[str, Any], kept: float) -> None:
    path = write(tmp_path / "a.tif", random_grey((3, 64, 96)), photometric="minisblack", **options)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(ImageError, match="cannot be read"):
        decode(path)


def test_strips_that_are_missing_are_not_filled_with_black(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", random_grey((64, 96)), rowsperstrip=16, compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        counts = list(file.pages[0].databytecounts)
        counts[2] = 0
        file.pages[0].tags["StripByteCounts"].overwrite(counts)
    with pytest.raises(ImageError, match="cut off or damaged"):
        decode(path)


def test_pages_that_point_in_a_circle(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", random_grey((3, 8, 8)), photometric="minisblack")
    with tifffile.TiffFile(path) as file:
        first, second, third = (page.offset for page in file.pages)
        tags = len(file.pages[2].tags)
    data = bytearray(path.read_bytes())
    place = third + 2 + 12 * tags  # where the offset of the next page stands
    for target in (first, second, third):
        struct.pack_into("<I", data, place, target)
        path.write_bytes(data)
        assert decode(path).shape == (3, 8, 8)
