"""Volumes that are taken for CT in Hounsfield units, and those that cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_ptx.image import Image, ImageError, read_image
from napari_ptx.image.hounsfield import check_hounsfield

CT = Path("ct_headneck")
generator = np.random.default_rng(0)
NECK = np.where(generator.random((6, 20, 20)) < 0.5, -1000, 40) + generator.normal(
    0, 9, (6, 20, 20)
)


def volume(pixels: np.ndarray) -> Image:
    return Image(pixels, "zyx", (1.0, 1.0, 1.0), True, source=Path("p1.nii.gz"))


@pytest.mark.parametrize(
    "pixels",
    [
        NECK.astype(np.int16),
        np.clip(NECK, -160, 240).astype(np.float32),
        generator.normal(-100, 10, (3, 4, 5)),  # fat alone
        np.full((3, 4, 5), -1024, np.int16),
    ],
)
def test_these_are(pixels: np.ndarray) -> None:
    check_hounsfield(volume(pixels))


@pytest.mark.parametrize(
    ("pixels", "values"),
    [
        ((NECK.clip(-1000) + 1024).astype(np.int16), "24 to"),  # without the rescale intercept
        (np.clip((NECK + 160) / 400 * 255, 0, 255).astype(np.uint8), "0 to"),
        ((NECK - NECK.mean()) / NECK.std(), "-1"),
        (np.zeros((3, 4, 5), np.uint16), "0 to 0"),
    ],
)
def test_these_are_not(pixels: np.ndarray, values: str) -> None:
    with pytest.raises(ImageError, match=rf"^p1\.nii\.gz is not in Hounsfield.*run from {values}"):
        check_hounsfield(volume(pixels))
    nameless = replace(volume(pixels), source=None)
    with pytest.raises(ImageError, match=r"^The volume is not"):
        check_hounsfield(nameless)


def test_real_ct_is(data_dir: Path) -> None:
    paths = sorted((data_dir / CT).glob("*/ct.nii.gz"))[:6]
    assert paths
    for path in paths:
        check_hounsfield(read_image(path))
