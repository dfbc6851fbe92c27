"""Registration of phases: known motions of a real head are found again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use

from napari_ptx.image import Image, read_image
from napari_ptx.image.registration import (
    Registration,
    RegistrationError,
    register,
    resample_to,
)

MOTION = ((0.06, -0.04, 0.05), (6.0, -4.0, 3.0))


@pytest.fixture(scope="session")
def neck(data_dir: Path) -> Image:
    """Give the middle of a real neck at 4 mm, which keeps the tests short."""
    image = read_image(data_dir / "ct_headneck" / "pt_1" / "ct.nii.gz")
    whole = _itk(_at(image, 4.0))
    quarter = whole.GetSize()[2] // 4
    return _image(whole[:, :, quarter : 3 * quarter])


def _itk(image: Image) -> sitk.Image:
    made = sitk.GetImageFromArray(image.pixels.astype(np.int16))
    made.SetSpacing(image.spacing[::-1])
    made.SetOrigin(image.origin)
    made.SetDirection(np.array(image.direction).ravel().tolist())
    return made


def _image(made: sitk.Image) -> Image:
    return Image(
        sitk.GetArrayFromImage(made),
        "zyx",
        made.GetSpacing()[::-1],
        True,
        modality="CT",
        origin=made.GetOrigin(),
        direction=tuple(tuple(row) for row in np.array(made.GetDirection()).reshape(3, 3).tolist()),
    )


def _at(image: Image, spacing: float) -> Image:
    made = _itk(image)
    size = [
        round(count * step / spacing)
        for count, step in zip(made.GetSize(), made.GetSpacing(), strict=True)
    ]
    return _image(
        sitk.Resample(
            made, size, sitk.Transform(), sitk.sitkLinear, made.GetOrigin(), [spacing] * 3,
            made.GetDirection(), -1000,
        )
    )  # fmt: skip


def _motion(image: Image) -> sitk.Euler3DTransform:
    made = _itk(image)
    centre = made.TransformContinuousIndexToPhysicalPoint([c / 2 for c in made.GetSize()])
    return sitk.Euler3DTransform(centre, *MOTION[0], MOTION[1])


def moved(image: Image, seed: int = 0) -> Image:
    """Move a volume, change its grey values as contrast medium would, and add noise."""
    made = _itk(image)
    there = sitk.Resample(
        made, made, _motion(image).GetInverse(), sitk.sitkLinear, -1000, sitk.sitkInt16
    )
    pixels = sitk.GetArrayFromImage(there).astype(np.float64)
    pixels[(pixels > 20) & (pixels < 200)] += 60
    pixels += np.random.default_rng(seed).normal(0, 15, pixels.shape)
    return replace(_image(there), pixels=np.rint(pixels).astype(np.int16))


def body_points(image: Image) -> np.ndarray:
    """Give some points (mm) of the body."""
    inside = np.argwhere(image.pixels > -300)[::997][:, ::-1]
    matrix = np.array(image.direction) * np.array(image.spacing[::-1])
    return inside @ matrix.T + np.array(image.origin)


def apply(registration: Registration, points: np.ndarray) -> np.ndarray:
    matrix = np.array(registration.matrix)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


@pytest.mark.once
def test_a_known_motion_of_a_real_neck_is_found(neck: Image) -> None:
    steps = []
    other = moved(neck)
    found = register(neck, other, progress=lambda *step: steps.append(step))
    points = body_points(neck)
    # ``moved`` shows at T(p) what the neck shows at p.
    expected = np.array([_motion(neck).TransformPoint(point) for point in points.tolist()])
    error = np.linalg.norm(apply(found, points) - expected, axis=1)
    before = np.linalg.norm(expected - points, axis=1)
    assert before.mean() > 7
    assert error.mean() < 0.9
    assert found.verdict == "good"
    assert not found.skipped
    assert steps[-1][:2] == (9, 9)
    # The resampled volume lies on the fixed one.
    aligned = resample_to(other, neck, found)
    assert aligned.dtype == np.int16
    assert np.corrcoef(aligned.ravel(), neck.pixels.ravel())[0, 1] > 0.97


@pytest.mark.once
def test_what_lies_on_each_other_is_left_so(neck: Image) -> None:
    pixels = neck.pixels + np.random.default_rng(0).normal(0, 15, neck.shape)
    found = register(neck, replace(neck, pixels=np.rint(pixels).astype(np.int16)))
    assert found.skipped
    np.testing.assert_allclose(found.matrix, np.eye(4), atol=1e-12)


@pytest.mark.once
def test_a_bent_neck_has_a_large_residual(neck: Image) -> None:
    """The upper half turns by five degrees more than the lower: no rigid motion fits both."""
    other = moved(neck)
    half = neck.shape[0] // 2
    pixels = other.pixels.copy()
    pixels[half:] = neck.pixels[half:]
    found = register(neck, replace(other, pixels=pixels))
    assert found.residual > 1.5
    assert found.verdict != "good"


def test_what_cannot_be_registered_is_told(neck: Image) -> None:
    flat = replace(neck, origin=None, direction=None)
    with pytest.raises(RegistrationError, match="not a volume with a place in the patient"):
        register(flat, neck)
    empty = replace(neck, pixels=np.full(neck.shape, -1000, np.int16))
    with pytest.raises(RegistrationError, match="shows no body"):
        register(empty, neck)


def test_the_same_volumes_give_the_same_answer_to_the_last_digit(neck: Image) -> None:
    """ITK by itself gave another one in nearly every run, as its threads came to their sums."""
    other = moved(neck)
    first = register(neck, other)
    assert [register(neck, other) for _ in range(3)] == [first] * 3
