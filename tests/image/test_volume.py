"""NIfTI, NRRD and MetaImage: geometry and damage. nibabel-free: the bytes are made by hand."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from napari_ptx.image import ImageError, decode

from .make import random_grey

PIXELS = random_grey((4, 6, 8), np.int16)
SUFFIXES = [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"]


def volume(path: Path, pixels: np.ndarray = PIXELS) -> Path:
    made = sitk.GetImageFromArray(pixels, isVector=pixels.shape[-1] == 3)
    if made.GetDimension() == 3:
        made.SetSpacing((0.5, 0.75, 2.0))
        made.SetOrigin((-10.0, 20.0, 30.0))
        made.SetDirection((0, 0, 1, 1, 0, 0, 0, 1, 0))
    sitk.WriteImage(made, str(path), path.name.endswith("gz"))
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pixels_and_geometry_survive(tmp_path: Path, suffix: str) -> None:
    image = decode(volume(tmp_path / f"a{suffix}"))
    assert image.axes == "zyx"
    assert np.array_equal(image.pixels, PIXELS)
    assert image.calibrated
    assert image.spacing == pytest.approx((2.0, 0.75, 0.5))
    assert image.origin == pytest.approx((-10.0, 20.0, 30.0))
    assert image.direction is not None
    assert np.allclose(image.direction, [[0, 0, 1], [1, 0, 0], [0, 1, 0]])


def test_nifti_made_by_hand_is_turned_to_lps(tmp_path: Path) -> None:
    """A NIfTI-1 header by the standard: RAS, sform, a slope of 2 and an intercept of -5."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 8, 6, 4, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 4, 16)  # int16
    struct.pack_into("<8f", header, 76, 1, 0.5, 0.75, 2, 1, 1, 1, 1)
    struct.pack_into("<fff", header, 108, 352, 2, -5)
    header[123] = 2  # mm
    struct.pack_into("<hh", header, 252, 0, 1)
    struct.pack_into("<12f", header, 280, 0.5, 0, 0, 11, 0, 0.75, 0, 12, 0, 0, 2, 13)
    header[344:348] = b"n+1\0"
    for name, data in (
        ("a.nii", bytes(header) + PIXELS.tobytes()),
        ("a.nii.gz", gzip.compress(bytes(header) + PIXELS.tobytes())),
    ):
        (tmp_path / name).write_bytes(data)
        image = decode(tmp_path / name)
        assert np.array_equal(image.pixels, PIXELS * 2.0 - 5)
        assert image.origin == pytest.approx((-11.0, -12.0, 13.0))
        assert image.direction is not None
        assert np.allclose(image.direction, np.diag([-1.0, -1.0, 1.0]))


def test_nifti_2_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    path.write_bytes(struct.pack("<i8s", 540, b"n+2\0\r\n\x1a\n") + bytes(600))
    with pytest.raises(ImageError, match="NIfTI-2"):
        decode(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kept", [0.6, 0.9])
def test_cut_files_are_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    path = volume(tmp_path / f"a{suffix}")
    body = path.with_suffix(".raw") if suffix == ".mhd" else path
    body.write_bytes(body.read_bytes()[: int(kept * body.stat().st_size)])
    with pytest.raises(ImageError, match=r"cut off|damaged"):
        decode(path)


@pytest.mark.parametrize("suffix", [".mhd", ".nhdr", ".hdr"])
def test_a_header_beside_a_large_file_of_pixels(tmp_path: Path, suffix: str) -> None:
    """The header's few hundred bytes are not what the pixels are held against."""
    pixels = np.zeros((64, 256, 256), np.int16)
    path = volume(tmp_path / f"a{suffix}", pixels)
    assert np.array_equal(decode(path).pixels, pixels)
    next(one for one in tmp_path.iterdir() if one != path).unlink()
    with pytest.raises(ImageError, match=r"put both into one folder"):
        decode(path)


@pytest.mark.parametrize(
    "listed", ["a%d.raw 0 4 1", "LIST\na0.raw\na1.raw\na2.raw\na3.raw\na4.raw"]
)
def test_slices_in_files_of_their_own(tmp_path: Path, listed: str) -> None:
    pixels = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)
    for number, one in enumerate(pixels):
        (tmp_path / f"a{number}.raw").write_bytes(one.tobytes())
    header = "ObjectType = Image\nNDims = 3\nDimSize = 7 6 5\nElementType = MET_SHORT\n"
    (tmp_path / "a.mhd").write_text(f"{header}ElementDataFile = {listed}\n", encoding="ascii")
    assert np.array_equal(decode(tmp_path / "a.mhd").pixels, pixels)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".hdr"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_pixels_without_a_value_are_the_lowest(tmp_path: Path, suffix: str, kind: type) -> None:
    """ITK reads NaN of NIfTI as 0, which in a CT is water."""
    pixels = np.random.default_rng(0).normal(40, 300, (70, 50, 60)).astype(kind)
    known = np.full(pixels.shape, True)
    known[-1] = known[3, 4, 5] = False
    lowest = pixels[known].min()
    pixels[~known] = np.nan
    pixels[3, 4, 5] = np.inf
    image = decode(volume(tmp_path / f"a{suffix}", pixels))
    assert np.array_equal(image.pixels, np.where(known, pixels, lowest))
    assert image.notes == (
        f"1.4% of the pixels have no value (NaN); they are read as {lowest:g}, the lowest of the "
        "others",
    )
    with pytest.raises(ImageError, match="none of its pixels has a value"):
        decode(volume(tmp_path / f"b{suffix}", np.full_like(pixels, np.nan)))


def test_colour_and_flat_images(tmp_path: Path) -> None:
    colour = decode(volume(tmp_path / "a.mha", random_grey((6, 8, 3))))
    assert colour.colour
    assert (colour.axes, colour.direction) == ("yx", None)
    flat = decode(volume(tmp_path / "b.nrrd", random_grey((6, 8))))
    assert (flat.axes, flat.colour) == ("yx", False)


def test_no_stated_spacing_is_no_calibration(tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    header = "NRRD0004\ntype: uint8\ndimension: 2\nsizes: 8 6\nencoding: raw\n\n"
    path.write_bytes(header.encode() + random_grey((6, 8)).tobytes())
    image = decode(path)
    assert not image.calibrated
    assert image.notes == ("the file states no spacing",)
    path = tmp_path / "a.mha"
    header = "ObjectType = Image\nNDims = 2\nDimSize = 8 6\nElementType = MET_UCHAR\n"
    path.write_bytes(
        (header + "ElementDataFile = LOCAL\n").encode() + random_grey((6, 8)).tobytes()
    )
    image = decode(path)
    assert np.array_equal(image.pixels, random_grey((6, 8)))
    assert not image.calibrated


def test_what_is_no_single_volume_is_refused(tmp_path: Path) -> None:
    four = sitk.JoinSeries([sitk.GetImageFromArray(PIXELS)] * 3)
    sitk.WriteImage(four, str(tmp_path / "a.nii"))
    with pytest.raises(ImageError, match="four dimensions"):
        decode(tmp_path / "a.nii")
    vectors = sitk.GetImageFromArray(np.zeros((4, 5, 6, 2), np.float32), isVector=True)
    sitk.WriteImage(vectors, str(tmp_path / "b.nrrd"))
    with pytest.raises(ImageError, match="2 values per pixel"):
        decode(tmp_path / "b.nrrd")


def test_a_wrong_name_is_told(tmp_path: Path) -> None:
    path = volume(tmp_path / "a.nii").rename(tmp_path / "a.dat")
    with pytest.raises(ImageError, match="must be named so; rename it"):
        decode(path)


def test_half_a_pair_is_told(tmp_path: Path) -> None:
    path = volume(tmp_path / "a.hdr")
    assert np.array_equal(decode(path).pixels, PIXELS)
    (tmp_path / "a.img").unlink()
    with pytest.raises(ImageError, match="cannot be read"):
        decode(path)
