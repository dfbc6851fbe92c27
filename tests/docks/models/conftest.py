"""A small table of predictions with its images, and a viewer on a clean machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Picture

from napari_ptx.docks.hub import Hub
from napari_ptx.docks.predictions import PredictionsDock
from napari_ptx.ultrasound import write_predictions
from tests.docks.coordinator.conftest import (  # noqa: F401 - fixtures
    clean_machine,
    hub,
    made_study,
    study_file,
    told,
    viewer,
)

SHAPE = (60, 80)
MODELS = ("radiomics", "resnet-1ch", "merged-1")
THRESHOLDS = {"radiomics": 0.5, "resnet-1ch": 0.6, "merged-1": 0.4}
# case, patient, label, split, subtype, age, then the models in order
ROWS = (
    ("N1", "p1", 1, "test", "PC", 61, 0.91, 0.80, 0.95),
    ("N2", "p2", 1, "test", "APT", 45, 0.45, 0.90, 0.70),  # radiomics wrong, near
    ("N10", "p3", 0, "test", "PA", 30, 0.20, 0.65, 0.10),  # resnet wrong, near
    ("N11", "p4", 0, "test", "PA", None, 0.70, 0.75, 0.55),  # all wrong
    ("N12", "p5", 0, "validation", "PA", 52, 0.10, 0.05, 0.02),
    ("N13", "p6", 1, "validation", "PC", 38, 0.30, 0.20, 0.35),  # all wrong; merged near
)


def corner(number: int) -> tuple[int, int]:
    """Say where the ROI of a case begins (y, x); it is 20 x 24 pixels."""
    return 8 + number, 10 + 2 * number


@pytest.fixture(scope="session")
def made_predictions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predictions")
    table = pd.DataFrame(
        ROWS, columns=["case", "patient", "label", "split", "subtype", "age", *MODELS]
    )
    for number, case in enumerate(table["case"]):
        pixels = np.random.default_rng(number).integers(0, 200, SHAPE, np.uint8)
        Picture.fromarray(pixels).save(folder / f"{case}.png")
        mask = np.zeros(SHAPE, np.uint8)
        y, x = corner(number)
        mask[y : y + 20, x : x + 24] = 255
        Picture.fromarray(mask).save(folder / f"{case}-roi.png")
    table["image"] = [f"{case}.png" for case in table["case"]]
    table["roi"] = [f"{case}-roi.png" for case in table["case"]]
    return write_predictions(
        folder / "predictions.csv",
        table,
        MODELS,
        thresholds=THRESHOLDS,
        note="made for a test",
        positive="APT/PC",
        negative="PA",
    )


@pytest.fixture
def table(made_predictions: Path, tmp_path: Path) -> Path:
    """Give a copy of the table, with its images, that a test may change."""
    shutil.copytree(made_predictions.parent, tmp_path / "run")
    return tmp_path / "run" / made_predictions.name


@pytest.fixture
def dock(hub: Hub) -> PredictionsDock:  # noqa: F811 - the fixture
    return hub.show("Predictions")


CASES = 24


@pytest.fixture(scope="session")
def made_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a cohort whose lesions tell by their grey values what they are."""
    folder = tmp_path_factory.mktemp("cohort")
    rows = []
    for number in range(CASES):
        rng = np.random.default_rng(number)
        label = number % 2
        pixels = rng.normal(90, 25, (70, 90))
        mask = np.zeros(pixels.shape, np.uint8)
        y, x = 15 + number % 7, 20 + number % 9
        mask[y : y + 26, x : x + 34] = 255
        pixels[mask > 0] = rng.normal(120 if label else 95, 20, np.count_nonzero(mask))
        Picture.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"c{number}.png")
        Picture.fromarray(mask).save(folder / f"c{number}-roi.png")
        mean = float(pixels[mask > 0].mean())
        rows.append(
            (f"c{number}", f"p{number}", f"c{number}.png", f"c{number}-roi.png", label, mean)
        )
    columns = ["case", "patient", "image", "roi", "label", "mean"]
    table = pd.DataFrame(rows, columns=columns)
    table.drop(columns="mean").to_csv(folder / "cohort.csv", index=False)
    features = pd.DataFrame({"case": table["case"]})
    noise = np.random.default_rng(0).normal(0, 12, (CASES, 4))
    features["original_firstorder_Mean"] = table["mean"] + noise[:, 0]
    for place, name in enumerate(("original_glcm_Contrast", "original_glcm_Idm"), start=1):
        features[name] = noise[:, place]
    features.to_csv(folder / "features.csv", index=False)
    return folder / "cohort.csv"
