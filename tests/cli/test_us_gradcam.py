"""us gradcam: from a run to a picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("monai")
pytest.importorskip("skops")
pytest.importorskip("xgboost")

from napari_ptx.cli.root import run
from napari_ptx.ultrasound.config import RunConfig
from napari_ptx.ultrasound.runs import Run
from napari_ptx.ultrasound.train import train
from tests.ultrasound.make_run import make_cohort


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cohort(tmp_path_factory.mktemp("cohort"), 24, per_patient=1, shown=True)


@pytest.fixture(scope="module")
def trained(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = RunConfig(
        families=("resnet-1ch",),
        scheme="paper",
        size=32,
        epochs=1,
        batch=8,
        classifiers=("lr",),
        note="noise",
    )
    return train(cohort, tmp_path_factory.mktemp("runs") / "run", config)


def test_the_picture_has_the_size_of_the_image_and_lies_in_the_crop(
    cohort: Path, trained: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "cam.tif"
    peaks = []
    for evidence in ("positive", "negative"):
        arguments = ["us", "gradcam", str(trained.folder), str(cohort), "c003", "-o", str(out)]
        assert run([*arguments, "--evidence", evidence, "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert answer["network"] == "resnet-1ch"
        assert answer["folds"] == ["paper"]
        assert answer["note"] == "noise"
        assert 0 < answer["probability"] < 1
        values = tifffile.imread(out)
        mask = np.asarray(Image.open(cohort.parent / "3_mask.png")) > 0
        assert values.shape == mask.shape == (40, 48)
        assert values.dtype == np.float32
        assert not values[~mask].any()  # the mask is a rectangle, so it is the crop
        assert 0 <= values.min() <= values.max() <= 1
        peaks.append(values.max())
    assert max(peaks) > 0.5  # one of the two classes has evidence


def test_what_there_is_not_is_a_sentence(
    cohort: Path, trained: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["us", "gradcam", str(trained.folder), str(cohort)]
    assert run([*arguments, "c999", "-o", str(tmp_path / "a.tif")]) == 2
    assert "has no case c999" in capsys.readouterr().err
    two = [*arguments, "c003", "-o", str(tmp_path / "a.tif"), "--network", "resnet-2ch"]
    assert run(two) == 2
    assert "has no network resnet-2ch: it has resnet-1ch" in " ".join(
        capsys.readouterr().err.split()
    )
    assert run([*arguments, "c003", "-o", str(tmp_path / "a.png")]) == 2
    assert "TIFF" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
