"""Turning volumes: every value stays where it is in the patient, and left stays left."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use

from napari_ptx.image import Image, read_image
from napari_ptx.image.orient import to_lps

TURNS = [
    np.array(signs)[None, :] * np.eye(3)[:, list(order)]
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


def place(image: Image, index: tuple[int, ...]) -> np.ndarray:
    """Give the position (mm) of the pixel z, y, x."""
    steps = np.array(index[::-1]) * np.array(image.spacing[::-1])
    return np.array(image.origin) + np.array(image.direction) @ steps


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("oblique", [0.0, 0.2])
def test_every_value_keeps_its_place(turn: np.ndarray, oblique: float) -> None:
    tilt = np.array(sitk.Euler3DTransform((0, 0, 0), oblique, oblique / 2, 0).GetMatrix())
    image = Image(
        np.arange(24).reshape(2, 3, 4),
        "zyx",
        (3.0, 0.5, 0.7),
        True,
        origin=(1.0, -2.0, 5.0),
        direction=tuple(tuple(row) for row in (tilt.reshape(3, 3) @ turn).tolist()),
    )
    turned = to_lps(image)
    assert (np.diag(np.array(turned.direction)) > 0.9).all()
    for index in np.ndindex(image.shape):
        there = np.argwhere(turned.pixels == image.pixels[index])[0]
        np.testing.assert_allclose(place(turned, tuple(there)), place(image, index), atol=1e-9)


def test_a_real_neck_is_turned_as_itk_does(data_dir: Path) -> None:
    path = data_dir / "ct_headneck" / "pt_1" / "ct.nii.gz"
    turned = to_lps(read_image(path))
    theirs = sitk.DICOMOrient(sitk.ReadImage(str(path)), "LPS")
    np.testing.assert_array_equal(turned.pixels, sitk.GetArrayFromImage(theirs))
    assert turned.origin == pytest.approx(theirs.GetOrigin(), abs=1e-4)
    assert turned.spacing == pytest.approx(theirs.GetSpacing()[::-1], abs=1e-6)
