"""Volumes that are written as NIfTI are the same when they are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_ptx.image import Image, ImageError, read_image, write_nifti

TURNED = ((0.6, -0.8, 0.0), (0.8, 0.6, 0.0), (0.0, 0.0, 1.0))


def volume(kind: type = np.int16) -> Image:
    pixels = np.arange(3 * 4 * 5).reshape(3, 4, 5).astype(kind)
    return Image(pixels, "zyx", (2.0, 0.5, 0.75), True, "CT", origin=(-3, 4, 9), direction=TURNED)


@pytest.mark.parametrize("kind", [np.int16, np.uint8, np.float32])
@pytest.mark.parametrize("name", ["a.nii", "b.nii.gz"])
def test_what_is_written_is_read(tmp_path: Path, kind: type, name: str) -> None:
    image = volume(kind)
    write_nifti(image, tmp_path / name, note="a note")
    read = read_image(tmp_path / name)
    np.testing.assert_array_equal(read.pixels, image.pixels)
    assert read.pixels.dtype == kind
    assert read.spacing == pytest.approx(image.spacing)
    assert read.origin == pytest.approx(image.origin)
    np.testing.assert_allclose(read.direction, TURNED, atol=1e-6)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_the_same_image_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        write_nifti(volume(), tmp_path / name)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    flat = Image(np.zeros((4, 5), np.uint8), "yx", (1.0, 1.0), True)
    with pytest.raises(ImageError, match="needs a volume"):
        write_nifti(flat, tmp_path / "a.nii.gz")
    with pytest.raises(ImageError, match="name it"):
        write_nifti(volume(), tmp_path / "a.mha")
    with pytest.raises(ImageError, match="choose another folder"):
        write_nifti(volume(), tmp_path / "absent" / "a.nii.gz")
    assert not list(tmp_path.iterdir())
