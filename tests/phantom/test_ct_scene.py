"""The images of a simulated neck: truth, Hounsfield units, noise, motion, sides."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from napari_ptx.image import read_image, write_nifti
from napari_ptx.phantom.ct.glands import HOMES
from napari_ptx.phantom.ct.motion import Motion, draw_motion, draw_pose
from napari_ptx.phantom.ct.scanner import Canvas, blur, noise
from napari_ptx.phantom.ct.scene import NOTE, NeckCT, Settings, draw_plan, render, simulate
from napari_ptx.phantom.ct.shapes import Blob
from napari_ptx.phantom.ct.tissue import Part

pytestmark = pytest.mark.once

COARSE = Settings(spacing=(3.0, 1.5, 1.5))


@pytest.fixture(scope="module")
def neck() -> NeckCT:
    return simulate(2)


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    code = (
        "from napari_ptx.phantom.ct.scene import *\n"
        "c = simulate(5, Settings(spacing=(3.0, 1.5, 1.5)))\n"
        "print(c.images['arterial'].sha256, c.labels['plain'].sha256, c.anatomy.sha256)\n"
        "print(c.glands.to_csv())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = simulate(5, COARSE)
    hashes = (here.images["arterial"], here.labels["plain"], here.anatomy)
    assert run.stdout.splitlines()[0].split() == [image.sha256 for image in hashes]
    assert run.stdout.split("\n", 1)[1].strip() == here.glands.to_csv().strip()


def test_images_are_ct_in_hounsfield_units_and_say_what_they_are(neck: NeckCT) -> None:
    assert list(neck.images) == ["plain", "arterial"]
    for image in neck.images.values():
        assert (image.modality, image.axes) == ("CT", "zyx")
        assert image.pixels.dtype == np.int16
        assert image.spacing == (1.0, 0.6, 0.6)
        assert NOTE in image.notes[0]
        assert -1024 <= image.pixels.min() < -950
        assert 700 < image.pixels.max() <= 3071
    assert {i.shape for i in (*neck.images.values(), *neck.labels.values())} == {neck.anatomy.shape}


def test_labels_are_the_glands_of_the_table(neck: NeckCT) -> None:
    numbers = list(range(1, len(neck.truth) + 1))
    assert [g.gland for g in neck.truth] == numbers
    for labels in neck.labels.values():
        assert np.unique(labels.pixels).tolist() == [0, *numbers]
    inside = neck.labels["plain"].pixels > 0
    assert (neck.anatomy.pixels[inside] == Part.GLAND).all()
    for gland, plan in zip(neck.truth, neck.plan.glands, strict=True):
        voxels = (neck.labels["plain"].pixels == gland.gland).sum() * 0.36
        assert gland.volume_mm3 == pytest.approx(plan.shape.volume, rel=0.05)
        assert voxels == pytest.approx(plan.shape.volume, rel=0.12)
        assert gland.diameter_mm == pytest.approx(plan.draw.size, rel=0.35)


def test_tissues_have_the_values_of_the_table(neck: NeckCT) -> None:
    tissues = neck.plan.anatomy.tissues
    core = {
        part: binary_erosion(neck.anatomy.pixels == part, iterations=2)
        for part in (Part.THYROID, Part.ARTERY, Part.VEIN, Part.MUSCLE, Part.AIRWAY)
    }
    values = neck.images["plain"].pixels
    for part, name in ((Part.THYROID, "thyroid"), (Part.MUSCLE, "muscle"), (Part.AIRWAY, "air")):
        assert core[part].sum() > 500
        assert values[core[part]].mean() == pytest.approx(tissues[name][0], abs=6)


def test_contrast_medium_reaches_the_vessels() -> None:
    still = simulate(2, Settings(still=True, phases=("arterial",)))
    tissues = still.plan.anatomy.tissues
    values = still.images["arterial"].pixels
    for part, name in ((Part.THYROID, "thyroid"), (Part.ARTERY, "artery"), (Part.VEIN, "vein")):
        core = binary_erosion(still.anatomy.pixels == part, iterations=2)
        assert core.sum() > 100
        assert np.median(values[core]) == pytest.approx(tissues[name][1], abs=6)
    assert 250 <= tissues["artery"][1] <= 350
    assert 120 <= tissues["vein"][1] <= 200


@pytest.mark.parametrize(("size", "whole"), [(4.0, 0.25), (7.0, 0.08), (12.0, 0.03)])
def test_partial_volume_keeps_the_volume(size: float, whole: float) -> None:
    bent = Blob(
        (0.2, -0.1, 0.3),
        (size / 2, size / 3, size / 4),
        axes=((0.8, 0.6, 0.0), (-0.6, 0.8, 0.0), (0.0, 0.0, 1.0)),
        bumps=(0.05, -0.04, 0.03, 0.06, -0.02, 0.05, 0.0),
    )
    axes = (np.arange(-12, 12.1, 1.0), np.arange(-12, 12.1, 0.6), np.arange(-12, 12.1, 0.6))
    canvas = Canvas(axes, Motion(), hu=-100.0)
    canvas.fill(bent, 50.0)
    painted = (canvas.hu + 100).sum(dtype=float) / 150 * 0.36
    assert painted == pytest.approx(bent.volume, rel=0.03)
    assert canvas.label(bent, 1) == pytest.approx(painted, rel=1e-4)
    # whole voxels cannot say it as well: the smallest is 2 mm thick, in slices of 1 mm
    assert (canvas.labels == 1).sum() * 0.36 == pytest.approx(bent.volume, rel=whole)


def test_a_gland_that_is_smaller_than_a_voxel_still_has_a_label() -> None:
    axes = (np.arange(-12.0, 13, 4), np.arange(-10.0, 11, 2), np.arange(-10.0, 11, 2))
    canvas = Canvas(axes, Motion(), hu=0.0)
    assert canvas.label(Blob((1.9, 0.9, 0.8), (2.0, 0.8, 0.7)), 1) > 0
    assert (canvas.labels == 1).sum() == 1


def test_volume_of_an_ellipsoid_and_its_diameter() -> None:
    ball = Blob((0.0, 0.0, 0.0), (5.0, 3.0, 2.0))
    assert ball.volume == pytest.approx(4 / 3 * np.pi * 30, rel=1e-6)
    assert ball.diameter == pytest.approx(10, rel=0.01)


def test_noise_has_its_standard_deviation_and_a_spectrum_like_a_ramp() -> None:
    levels = np.repeat([8.0, 20.0], 20)
    field = noise((40, 150, 170), (1.0, 0.6, 0.6), levels, np.zeros(40), np.random.default_rng(1))
    for part, level in ((field[:20], 8.0), (field[20:], 20.0)):
        assert part.std() == pytest.approx(level, rel=0.02)
        assert abs(part.mean()) < 0.02 * level
    power = (np.abs(np.fft.fft2(field[:20, :150, :150])) ** 2).mean(axis=0)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(150, 0.6), np.fft.fftfreq(150, 0.6)))
    bands = [power[(radius > a) & (radius <= a + 0.06)].mean() for a in (0.02, 0.12, 0.3, 0.7)]
    assert bands[0] < 0.2 * bands[1] < 0.2 * bands[2]  # rises from zero
    assert bands[3] < 0.2 * bands[2]  # and falls to the limit of sampling


def test_streaks_are_long_from_side_to_side() -> None:
    field = noise(
        (20, 120, 140), (1.0, 0.8, 0.8), np.zeros(20), np.full(20, 10.0), np.random.default_rng(2)
    )
    assert field.std() == pytest.approx(10, rel=0.06)
    along, across = (np.square(np.diff(field, axis=axis)).mean() for axis in (2, 1))
    assert along < 0.05 * across


def test_blur_has_its_width_and_keeps_the_sum() -> None:
    volume = np.zeros((41, 41, 41), np.float32)
    volume[20, 20, 20] = 1
    blurred = blur(volume, (1.0, 0.6, 0.6), (1.0, 0.8, 0.8))
    assert blurred.sum() == pytest.approx(1, rel=1e-5)
    place = np.arange(41) - 20
    for axis, (step, width) in enumerate(((1.0, 1.0), (0.6, 0.8), (0.6, 0.8))):
        profile = blurred.sum(axis=tuple({0, 1, 2} - {axis}))
        sigma = np.sqrt((profile * (place * step) ** 2).sum())
        assert sigma * 2 * np.sqrt(2 * np.log(2)) == pytest.approx(width, rel=1e-3)


def test_motion_can_be_undone() -> None:
    rng = np.random.default_rng(4)
    points = rng.uniform(-60, 60, (200, 3))
    for _ in range(5):
        motion = draw_pose(rng).then(draw_motion(rng))
        there = np.stack(motion.to_anatomy(*motion.to_image(points).T), axis=1)
        np.testing.assert_allclose(there, points, atol=0.02)


def test_phases_are_related_by_the_stated_motion(neck: NeckCT) -> None:
    axes = neck.plan.settings.axes()
    start = [axis[0] for axis in axes]
    moved = []
    for gland, plan in zip(neck.truth, neck.plan.glands, strict=True):
        found = {}
        for phase, labels in neck.labels.items():
            where = np.argwhere(labels.pixels == gland.gland)
            found[phase] = where.mean(axis=0) * neck.plan.settings.steps + start
            centre = np.array([plan.shape.centre])
            (expected,) = neck.plan.motions[phase].to_image(centre)
            # the centre of the volume is not quite that of the ellipsoid
            assert np.linalg.norm(found[phase] - expected) < 0.8
        np.testing.assert_allclose(found["plain"], (gland.z_mm, gland.y_mm, gland.x_mm), atol=0.01)
        (a,), (b,) = (
            neck.plan.motions[p].to_image(np.array([plan.shape.centre]))
            for p in ("plain", "arterial")
        )
        np.testing.assert_allclose(found["arterial"] - found["plain"], b - a, atol=0.35)
        moved.append(np.linalg.norm(b - a))
    assert 0.3 < max(moved) < 10


def test_still_phases_have_the_same_labels() -> None:
    still = simulate(2, Settings(still=True, spacing=COARSE.spacing))
    np.testing.assert_array_equal(still.labels["plain"].pixels, still.labels["arterial"].pixels)


def test_the_left_is_at_larger_x_after_writing_and_reading(neck: NeckCT, tmp_path: Path) -> None:
    path = tmp_path / "labels.nii.gz"
    write_nifti(neck.labels["plain"], path, note=NOTE)
    read = read_image(path)
    np.testing.assert_array_equal(read.pixels, neck.labels["plain"].pixels)
    assert read.spacing == pytest.approx(neck.labels["plain"].spacing)
    assert read.origin is not None
    assert read.direction is not None
    sides = set()
    for gland in neck.truth:
        index = np.argwhere(read.pixels == gland.gland).mean(axis=0)[::-1]
        x, y, z = np.array(read.origin) + np.array(read.direction) @ (index * read.spacing[::-1])
        assert (x, y, z) == pytest.approx((gland.x_mm, gland.y_mm, gland.z_mm), abs=0.01)
        if gland.slot in HOMES:
            sides.add(gland.slot.partition("_")[0])
            assert (x > 0) == gland.slot.startswith("left")
    assert sides == {"left", "right"}
    # and the gullet, which only the patient's left shows, is there too
    gullet = np.argwhere(neck.anatomy.pixels == Part.OESOPHAGUS)[:, 2].mean()
    assert gullet * 0.6 + read.origin[0] > 1


def test_a_third_phase_can_be_asked_for() -> None:
    plan = draw_plan(1, Settings(phases=("arterial", "venous"), spacing=(4.0, 2.0, 2.0)))
    neck = render(plan)
    assert list(neck.images) == ["arterial", "venous"]


@pytest.mark.slow
def test_a_whole_neck_has_shoulders_jaw_and_lungs() -> None:
    neck = simulate(2, Settings(region="neck"))
    parts = neck.anatomy.pixels
    axes = neck.plan.settings.axes()
    assert set(np.unique(parts)) >= {int(p) for p in Part if p not in (Part.NODULE,)}
    wide = (neck.images["plain"].pixels > -300).any(axis=1).sum(axis=1) * 0.8
    assert wide[np.searchsorted(axes[0], -80)] > 290
    assert 90 < wide[np.searchsorted(axes[0], 20)] < 160
