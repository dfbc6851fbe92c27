"""All families together, on pictures whose lesions are brighter where they are positive."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
pytest.importorskip("radiomics")
pytest.importorskip("sklearn")
pytest.importorskip("skops")

from sklearn.metrics import roc_auc_score

from napari_ptx.image.read import read_image
from napari_ptx.roi.masks import read_roi
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.predict import predict_cohort, predict_one
from napari_ptx.ultrasound.runs import Run
from napari_ptx.ultrasound.train import train
from tests.ultrasound.make_run import QUICK, make_cohort

FAMILIES = ("radiomics", "resnet-1ch", "resnet-2ch", "merged-1", "merged-2", "late")
PARAMS = """
setting: {binWidth: 25, force2D: true, force2Ddimension: 0}
imageType: {Original: {}}
featureClass: {firstorder: [Mean, Variance, Skewness], shape2D: [Elongation]}
"""


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cohort(tmp_path_factory.mktemp("shown"), 30, per_patient=1, shown=True)


@pytest.fixture(scope="module")
def run(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    params = folder / "params.yaml"
    params.write_text(PARAMS)
    config = replace(
        QUICK,
        scheme="paper",
        families=FAMILIES,
        classifiers=("lr",),
        params=str(params),
        size=32,
        epochs=2,
        patience=2,
        batch=10,
        late="weighted",
    )
    made = train(cohort, folder / "deep", config)
    params.unlink()  # the run has its own copy
    return made


def test_every_family_is_trained_and_the_bright_lesions_are_found(run: Run) -> None:
    predictions = run.predictions()
    assert predictions.models == FAMILIES
    test = predictions.of("test")
    for name in ("resnet-1ch", "resnet-2ch", "merged-1", "merged-2"):
        assert roc_auc_score(test.labels, test.table[name]) > 0.8
    kinds = run.table("search.csv").query("family == 'resnet-1ch'")["classifier"]
    assert "network" in set(kinds)  # the network itself is a candidate
    assert run.summary()["models"]["late"]["classifier"].startswith("weighted mean")


def test_merged_models_see_both_blocks(run: Run) -> None:
    selection = run.table("selection.csv")
    for family, block in (("merged-1", "resnet-1ch"), ("merged-2", "resnet-2ch")):
        features = selection.loc[selection["family"] == family, "feature"]
        heads = {name.split("_")[0].split(":")[0] for name in features}
        assert heads == {"original", block}
        assert len(features) == 4 + 512


@pytest.mark.slow
def test_a_moved_run_with_networks_predicts_the_same(
    run: Run, cohort: Path, tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(run.folder, tmp_path / "moved"))
    predicted = predict_cohort(Run.open(moved), cohort)  # radiomics, too, are made again
    known = run.predictions().table
    for name in FAMILIES:
        np.testing.assert_allclose(predicted[name], known[name], atol=1e-6)
    assert predicted["split"].tolist() == known["split"].tolist()


def test_a_changed_network_is_refused(run: Run, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(run.folder, tmp_path / "copy"))
    path = next(copied.glob("networks/*/*/model.safetensors"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(UltrasoundError, match=r"model\.safetensors has changed"):
        Run.open(copied)


def test_one_open_image_has_the_probability_that_its_cohort_gives(run: Run) -> None:
    row = run.predictions().table.iloc[3]
    image = read_image(row["image"])
    answers = predict_one(run.folder, image.pixels, read_roi(row["roi"], image.shape))
    assert tuple(answers) == FAMILIES
    for name, (probability, threshold, positive) in answers.items():
        assert probability == pytest.approx(row[name], abs=1e-6)
        assert threshold == run.threshold(name)
        assert positive == (probability >= threshold)


def test_one_open_image_without_roi_or_clinical_column_is_refused(
    cohort: Path, tmp_path: Path
) -> None:
    config = replace(QUICK, families=("clinical",), clinical=("age",), classifiers=("lr",), folds=2)
    made = train(cohort, tmp_path / "clinical", config)
    pixels = np.zeros((40, 40), dtype=np.uint8)
    with pytest.raises(UltrasoundError, match="needs the clinical columns age"):
        predict_one(made.folder, pixels, ())
    answer = predict_one(made.folder, pixels, (), clinical={"age": 75})
    assert 0 < answer["clinical"][0] < 1


@pytest.mark.slow
def test_one_open_image_gets_the_crop_of_the_training(cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS)
    how = {"params": str(tmp_path / "params.yaml"), "normalise": "lesion", "mode": "spacing"}
    config = replace(QUICK, families=("radiomics",), classifiers=("lr",), folds=2, **how)
    made = train(cohort, tmp_path / "run", config)
    row = made.predictions().table.iloc[0]
    image = read_image(row["image"])
    shown = predict_one(made.folder, image.pixels, read_roi(row["roi"], image.shape))
    expected = predict_cohort(made, cohort)
    assert shown["radiomics"][0] == pytest.approx(expected["radiomics"].iloc[0], abs=1e-9)
