"""Two small necks in two phases, a prediction of them that was made by hand, and the dock."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from napari_ptx.ct.candidates import COLUMNS
from napari_ptx.ct.predictions import Predictions, write_predictions
from napari_ptx.ct.space import body_centre, measure, slot_of
from napari_ptx.docks import settings
from napari_ptx.docks.glands import GlandsDock
from napari_ptx.docks.hub import Hub
from napari_ptx.image import Image, write_nifti
from tests.docks.coordinator.conftest import (  # noqa: F401 - fixtures
    clean_machine,
    hub,
    made_study,
    new_study_file,
    told,
    viewer,
)

SHAPE = (36, 56, 64)
SPACING = (2.0, 1.5, 1.5)
ORIGIN = (-48.0, -40.0, 100.0)
GLANDS = ((26, 26, 24), (26, 26, 42), (10, 27, 23))  # z y x; the model misses the third
FALSE = (18, 40, 40)
SCORES = (0.9, 0.4, 0.7)
PATIENTS = ("P1", "P2")


def ball(centre: tuple[int, int, int], radius: float = 4.0) -> np.ndarray:
    grid = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    return (
        sum(((a - c) * s) ** 2 for a, c, s in zip(grid, centre, SPACING, strict=True)) <= radius**2
    )


def image(pixels: np.ndarray) -> Image:
    direction = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    return Image(pixels, "zyx", SPACING, True, "CT", origin=ORIGIN, direction=direction)


def neck(gland: float) -> np.ndarray:
    _, y, x = np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]].astype(float)
    made = np.where(((y - 30) / 22) ** 2 + ((x - 32) / 26) ** 2 < 1, 40.0, -1000.0)
    made[(y - 20) ** 2 + (x - 32) ** 2 < 16] = -950
    for centre in GLANDS:
        made[ball(centre)] = gland
    return ndimage.gaussian_filter(made, 0.4)


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    """Forget the name that a test gives: napari keeps settings for the whole run."""
    settings.set_reviewer("")
    yield
    settings.set_reviewer("")


@pytest.fixture(scope="session")
def made_prediction(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("necks")
    rng = np.random.default_rng(0)
    lines, tables, labels = ["patient,phase,image"], [], {}
    for patient in PATIENTS:
        for phase, gland in (("plain", 50.0), ("arterial", 170.0)):
            pixels = np.rint(neck(gland) + rng.normal(0, 5, SHAPE)).astype(np.int16)
            write_nifti(image(pixels), folder / f"{patient}_{phase}.nii.gz")
            lines.append(f"{patient},{phase},{patient}_{phase}.nii.gz")
        found = np.zeros(SHAPE, np.int16)
        for number, centre in enumerate((GLANDS[0], FALSE, GLANDS[1]), start=1):
            found[ball(centre, 3.5)] = number
        centre = body_centre(image(np.rint(neck(50.0)).astype(np.int16)))
        rows = [
            {"patient": patient, "candidate": number, "score": SCORES[number - 1], **one,
             "slot": slot_of((one["x_mm"], one["y_mm"], one["z_mm"]), centre),
             "hu_plain": 50.0, "hu_arterial": 170.0}
            for number, one in measure(image(found)).items()
        ]  # fmt: skip
        tables.append(pd.DataFrame(rows).reindex(columns=list(COLUMNS)))
        labels[patient] = image(found)
    (folder / "cohort.csv").write_text("\n".join(lines) + "\n")
    examined = pd.DataFrame({"patient": PATIENTS, "examined_fraction": 0.8, "region": "the bed"})
    about = {"cohort": "../cohort.csv", "note": "balls in a box, not patients"}
    write_predictions(folder / "out", Predictions(pd.concat(tables), examined, labels, about))
    return folder


@pytest.fixture
def out(made_prediction: Path, tmp_path: Path) -> Path:
    """Give a copy of the prediction, beside its images, that a test may decide on."""
    shutil.copytree(made_prediction, tmp_path / "necks")
    return tmp_path / "necks" / "out"


@pytest.fixture
def dock(hub: Hub) -> GlandsDock:  # noqa: F811
    return hub.show("Glands")


@pytest.fixture
def opened(dock: GlandsDock, out: Path, qtbot) -> GlandsDock:
    """Open the prediction under a name, with the first patient's images shown."""
    dock.desk.set_who("Ada")
    assert dock.desk.open(out)
    qtbot.waitUntil(lambda: dock.review.layers.open is not None and dock.hub.phases is not None)
    return dock
