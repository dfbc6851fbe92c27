"""PNG, JPEG and BMP of every kind, written by Pillow and by hand, read against imagecodecs."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image as pillow  # noqa: N813

from napari_ptx.image import ImageError, decode

from .make import random_grey


def png(path: Path, depth: int, kind: int, rows: list[bytes], columns: int, *extra: bytes) -> Path:
    """Write a PNG by hand: bit depth, colour type, rows without filter, chunks before the data."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", columns, len(rows), depth, kind, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [chunk(b"IHDR", header), *(chunk(each[:4], each[4:]) for each in extra)]
    parts += [chunk(b"IDAT", body), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((5, 7), np.uint8),
        ((5, 7), np.uint16),
        ((5, 7, 3), np.uint8),
        ((5, 7, 3), np.uint16),
        ((5, 7, 4), np.uint8),
        ((5, 7, 4), np.uint16),
        ((5, 7, 2), np.uint8),
    ],
)
def test_png_keeps_its_depth_and_loses_its_alpha(
    tmp_path: Path, shape: tuple[int, ...], kind: type
) -> None:
    pixels = random_grey(shape, kind) * (1 if kind is np.uint8 else 16)
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(pixels))
    image = decode(path)
    expected = pixels
    if shape[2:] in ((2,), (4,)):
        expected = pixels[..., 0] if shape[2] == 2 else pixels[..., :3]
        assert image.notes == ("its transparency is left out",)
    assert image.pixels.dtype == kind
    assert image.colour == (expected.ndim == 3)
    assert np.array_equal(image.pixels, expected)
    assert not image.calibrated


def test_png_of_one_bit(tmp_path: Path) -> None:
    image = decode(png(tmp_path / "a.png", 1, 0, [b"\xa0", b"\x40"], 4))
    assert np.array_equal(image.pixels, [[255, 0, 255, 0], [0, 255, 0, 0]])


def test_png_of_four_bits(tmp_path: Path) -> None:
    image = decode(png(tmp_path / "a.png", 4, 0, [b"\x0f\x73"], 4))
    assert np.array_equal(image.pixels, [[0, 255, 119, 51]])


def test_png_with_a_palette(tmp_path: Path) -> None:
    colours = b"PLTE" + bytes([255, 0, 0, 0, 255, 0, 9, 8, 7])
    image = decode(png(tmp_path / "a.png", 8, 3, [bytes([0, 1, 2]), bytes([2, 1, 0])], 3, colours))
    assert image.colour
    assert np.array_equal(image.pixels[0], [[255, 0, 0], [0, 255, 0], [9, 8, 7]])


def test_dots_per_inch_do_not_calibrate(tmp_path: Path) -> None:
    for suffix in ("png", "jpg", "bmp"):
        path = tmp_path / f"a.{suffix}"
        pillow.fromarray(random_grey((9, 9))).save(path, dpi=(254, 254))
        image = decode(path)
        assert not image.calibrated
        assert image.spacing == (1.0, 1.0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpeg_is_turned_as_exif_says(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((40, 56), np.uint8)
    upright[:16, :24] = 200  # a bright corner, top left
    turn = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: np.rot90,
        7: lambda a: np.rot90(a, 2).T,
        8: lambda a: np.rot90(a, -1),
    }
    exif = pillow.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    pillow.fromarray(np.ascontiguousarray(turn[orientation](upright))).save(path, exif=exif)
    image = decode(path)
    assert image.shape == (40, 56)
    assert np.abs(image.pixels.astype(int) - upright).max() < 12
    assert bool(image.notes) == (orientation != 1)


def test_jpeg_in_cmyk_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    pillow.new("CMYK", (8, 8), (0, 255, 255, 0)).save(path)
    image = decode(path)
    assert image.colour
    assert image.pixels[4, 4, 0] > 240
    assert image.pixels[4, 4, 1] < 20
    assert any("CMYK" in note for note in image.notes)


def test_bmp(tmp_path: Path) -> None:
    for shape in ((5, 7), (5, 7, 3)):
        pixels = random_grey(shape)
        path = tmp_path / "a.bmp"
        pillow.fromarray(pixels).save(path)
        assert np.array_equal(decode(path).pixels, pixels)


def test_the_suffix_does_not_matter(tmp_path: Path) -> None:
    pixels = random_grey((5, 7))
    path = tmp_path / "scan.dcm"
    path.write_bytes(imagecodecs.png_encode(pixels))
    assert np.array_equal(decode(path).pixels, pixels)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp"])
@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.9])
def test_cut_files_are_refused(tmp_path: Path, suffix: str, part: float) -> None:
    path = tmp_path / f"a.{suffix}"
    pillow.fromarray(random_grey((60, 70, 3))).save(path)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(ImageError, match="cannot be read"):
        decode(path)


def test_deep_png_that_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    data = imagecodecs.png_encode(random_grey((60, 70, 3), np.uint16))
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match="cannot be read"):
        decode(path)


@pytest.mark.parametrize(
    ("side", "said"), [(12_000, "bytes of file can hold"), (60_000, "more pixels than a PNG")]
)
def test_png_that_declares_more_than_it_holds(tmp_path: Path, side: int, said: str) -> None:
    path = png(tmp_path / "a.png", 8, 0, [b"\0" * 4] * 4, 4)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    path.write_bytes(data)
    with pytest.raises(ImageError, match=said):
        decode(path)
