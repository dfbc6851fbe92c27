"""Two small phases of an asymmetric body, and the dock on a clean machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from napari_ptx.docks.hub import Hub
from napari_ptx.docks.phases import PhasesDock
from napari_ptx.image import Image
from napari_ptx.image.write import write_nifti
from tests.docks.coordinator.conftest import (  # noqa: F401 - fixtures
    clean_machine,
    hub,
    made_study,
    new_study_file,
    told,
    viewer,
)

SHAPE = (36, 56, 64)
SHIFT = (1, 2, -2)  # voxels of 2 mm, z y x
SPACING = (2.0, 2.0, 2.0)


def body(gland: float) -> np.ndarray:
    """Make a neck of soft tissue with bone at the back and a gland on the left (HU)."""
    z, y, x = np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]].astype(float)
    inside = ((y - 28) / 20) ** 2 + ((x - 32) / (22 + 0.2 * z)) ** 2 < 1
    made = np.where(inside, 40.0, -1000.0)
    made[((y - 38) / 6) ** 2 + ((x - 32) / 7) ** 2 < 1] = 600
    made[(y - 20) ** 2 + (x - 31) ** 2 < 16] = -950
    made[(y - 22 - 0.1 * z) ** 2 + (x - 46) ** 2 < 9] = 180
    made[(z - 18) ** 2 + (y - 25) ** 2 + (x - 40) ** 2 < 12] = gland
    return ndimage.gaussian_filter(made, 0.6)


@pytest.fixture(scope="session")
def made_phases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a plain phase and an arterial one that is shifted."""
    folder = tmp_path_factory.mktemp("phases")
    rng = np.random.default_rng(0)
    for name, gland, shift in (("plain", 50.0, (0, 0, 0)), ("arterial", 170.0, SHIFT)):
        pixels = np.roll(body(gland), shift, (0, 1, 2)) + rng.normal(0, 8, SHAPE)
        image = Image(
            np.rint(pixels).astype(np.int16),
            "zyx",
            SPACING,
            True,
            "CT",
            origin=(-60.0, -50.0, 100.0),
            direction=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        )
        write_nifti(image, folder / f"P7_{name}.nii.gz")
    return folder


@pytest.fixture
def dock(hub: Hub) -> PhasesDock:  # noqa: F811
    return hub.show("Phases")
