from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("skops")

from napari_ptx.cli.root import run
from napari_ptx.ultrasound.predictions import read_predictions
from tests.ultrasound.make_run import make_cohort, make_features


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("us")
    cohort = make_cohort(folder / "cohort", 40)
    make_features(cohort)
    status = run(["us", "train", str(cohort), "-o", str(folder / "run"), *options(cohort)])
    assert status == 0
    return folder


def options(cohort: Path) -> list[str]:
    return [
        "--features", str(cohort.parent / "features.parquet"), "--classifiers", "lr,knn",
        "--folds", "3", "--inner", "2", "--note", "drawn numbers", "--positive", "PTC",
    ]  # fmt: skip


def test_train_again_gives_the_same_answer_as_json(trained: Path, capsys) -> None:
    cohort = trained / "cohort" / "cohort.csv"
    arguments = ["us", "train", str(cohort), "-o", str(trained / "run"), *options(cohort)]
    assert run([*arguments, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["note"] == "drawn numbers"
    assert answer["positive"] == "PTC"
    assert 0.5 < answer["models"]["radiomics"]["auc"] <= 1
    assert run(arguments) == 0
    shown = capsys.readouterr().out
    assert "radiomics" in shown
    assert "Data: drawn numbers." in shown


def test_predict_writes_a_table_that_can_be_evaluated(trained: Path, capsys) -> None:
    cohort = trained / "cohort" / "cohort.csv"
    out = trained / "predictions.csv"
    status = run(
        ["us", "predict", str(trained / "run"), str(cohort), "-o", str(out), "--features",
         str(cohort.parent / "features.parquet"), "--json"]
    )  # fmt: skip
    assert status == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["cases"] == answer["seen_in_training"] == 40
    predictions = read_predictions(out)
    assert predictions.models == ("radiomics",)
    assert predictions.note == "drawn numbers"
    assert predictions.threshold("radiomics") == pytest.approx(answer["models"]["radiomics"])
    assert predictions.about["radiomics"]["family"] == "radiomics"


def test_new_cases_without_a_label_are_predicted_but_not_evaluated(trained: Path, capsys) -> None:
    cohort = trained / "cohort" / "cohort.csv"
    new = cohort.with_name("new.csv")
    pd.read_csv(cohort).drop(columns="label").to_csv(new, index=False)
    out = trained / "new_predictions.csv"
    features = str(cohort.parent / "features.parquet")
    assert run(["us", "predict", str(trained / "run"), str(new), "-o", str(out),
                "--features", features]) == 0  # fmt: skip
    assert not read_predictions(out).labelled
    assert run(["us", "evaluate", str(out), "-o", str(trained / "evaluation")]) == 2
    assert "the pathology is not known yet" in capsys.readouterr().err


def test_expected_errors_are_told_in_one_sentence(trained: Path, capsys) -> None:
    cohort = trained / "cohort" / "cohort.csv"
    assert run(["us", "train", str(cohort), "-o", str(trained / "run"), "--folds", "4"]) == 2
    assert "choose another folder" in capsys.readouterr().err
    nested = ["us", "train", str(cohort), "-o", str(trained / "new"), "--choose-on", "test"]
    assert run(nested) == 2
    assert "only with --scheme paper" in capsys.readouterr().err
    assert not (trained / "new").exists()
    assert run(["us", "predict", str(trained), str(cohort), "-o", str(trained / "p.csv")]) == 2
    assert "is not a finished run" in capsys.readouterr().err
