from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("xgboost")
pytest.importorskip("lightgbm")
pytest.importorskip("skops")

from sklearn.metrics import roc_auc_score

from napari_ptx.child import Child
from napari_ptx.image.cohort import CohortError
from napari_ptx.learn.manifest import file_sha256
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.predict import predict_cohort
from napari_ptx.ultrasound.runs import Run, list_runs
from napari_ptx.ultrasound.train import train, train_run
from tests.ultrasound.make_run import QUICK, make_cohort, make_features

FAMILIES = ("radiomics", "radiomics+clinical", "late", "clinical")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_cohort(tmp_path_factory.mktemp("cohort"))
    make_features(path)
    return path


@pytest.fixture(scope="module")
def config(cohort: Path):
    features = str(cohort.parent / "features.parquet")
    return replace(QUICK, features=features, families=FAMILIES, clinical=("age", "sex"), repeats=2)


@pytest.fixture(scope="module")
def run(cohort: Path, config, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(cohort, tmp_path_factory.mktemp("runs") / "first", config)


@pytest.fixture
def copied(run: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run.folder, tmp_path / "copy"))


def forge(folder: Path, name: str) -> None:
    """Make the manifest agree with a changed file, as somebody with intent would."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][name] = file_sha256(folder / name)
    path.write_text(json.dumps(manifest))


def test_nested_predictions_are_out_of_fold_with_a_threshold_for_each_row(run: Run) -> None:
    predictions = run.predictions()
    assert predictions.models == FAMILIES
    assert predictions.splits == ("out-of-fold",)
    assert len(predictions) == 60
    assert predictions.note == "drawn numbers"
    assert {"age", "sex"} <= set(predictions.table.columns)
    assert predictions.thresholds["radiomics"].nunique() > 1
    assert "Youden, learned out of fold" in predictions.rules["radiomics"]
    summary = run.summary()["models"]["radiomics"]
    auc = roc_auc_score(predictions.labels, predictions.table["radiomics"])
    assert summary["auc"] == pytest.approx(auc, abs=1e-12)
    assert summary["auc"] > 0.75  # two features of strength 1: 0.84 at best
    assert summary["interval"].endswith("(Obuchowski)")


def test_out_of_fold_probability_is_of_the_fold_that_did_not_see_the_case(run: Run) -> None:
    from napari_ptx.ultrasound.features import read_features
    from napari_ptx.ultrasound.model import load_model

    table = read_features(run.config.features).table
    splits = run.table("splits.csv")
    expected = np.zeros(len(table))
    for fold in run.folds:
        test = (splits[f"fold {fold}"] == "test").to_numpy()
        model = load_model(run.folder / "models" / "radiomics" / fold)
        expected[test] += model.probability(table[test], None) / 2
    np.testing.assert_allclose(run.predictions().table["radiomics"], expected, atol=1e-9)


def test_selection_and_search_tables_tell_every_step(run: Run) -> None:
    selection = run.table("selection.csv")
    radiomics = selection[selection["family"] == "radiomics"]
    assert (radiomics.groupby("fold").size() == 12).all()
    steps = radiomics.set_index("feature")["fell_at"]
    assert set(steps["original_firstorder_F3"]) == {"variance"}
    assert set(radiomics["fell_at"]) <= {"variance", "redundancy", "LASSO", "kept"}
    search = run.table("search.csv")
    assert set(search["fold"]) == set(run.folds)
    chosen = search[(search["family"] == "radiomics") & search["chosen"].eq(True)]
    assert (chosen.groupby("fold").size() == 1).all()


def test_a_moved_run_predicts_the_same(run: Run, copied: Path, cohort: Path) -> None:
    here = predict_cohort(run, cohort, features=run.config.features)
    there = predict_cohort(Run.open(copied), cohort, features=run.config.features)
    for name in FAMILIES:
        np.testing.assert_allclose(here[name], there[name], atol=1e-6)
    assert set(here["split"]) == {"train"}  # each image was in the training


def test_new_cases_are_test_cases_and_need_no_label(run: Run, tmp_path: Path) -> None:
    path = make_cohort(tmp_path, 20, seed=8)
    table = pd.read_csv(path)
    features = make_features(path, seed=9)
    table.drop(columns="label").to_csv(path, index=False)
    predicted = predict_cohort(run, path, features=features)
    assert set(predicted["split"]) == {"test"}
    assert roc_auc_score(table["label"], predicted["radiomics"]) > 0.6
    assert predicted[list(FAMILIES)].to_numpy().min() >= 0
    assert predicted[list(FAMILIES)].to_numpy().max() <= 1


def test_a_training_that_was_killed_goes_on_and_ends_the_same(
    run: Run, cohort: Path, config, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"

    def stop(done: int, total: int, text: str) -> None:
        if total == len(FAMILIES) * 6 and done == 7:
            raise KeyboardInterrupt

    with Child() as child, pytest.raises(KeyboardInterrupt):
        child.call(
            "napari_ptx.ultrasound.train:train_run",
            str(cohort), str(folder), config.to_json(), on_progress=stop,
        )  # fmt: skip
    assert not (folder / "manifest.json").exists()
    with pytest.raises(UltrasoundError, match="not a finished run"):
        Run.open(folder)
    kept = sorted(folder.glob("models/*/*/model.json"))
    assert len(kept) >= 7
    times = [path.stat().st_mtime_ns for path in kept]
    summary = train_run(str(cohort), str(folder), config.to_json())
    assert [path.stat().st_mtime_ns for path in kept] == times
    assert summary["models"] == run.summary()["models"]
    again = (folder / "predictions.csv").read_text().splitlines()
    assert len(again) == 61
    pd.testing.assert_frame_equal(
        Run.open(folder).predictions().table[list(FAMILIES)],
        run.predictions().table[list(FAMILIES)],
    )


def test_a_finished_run_is_not_trained_again(run: Run, cohort: Path, config) -> None:
    before = (run.folder / "manifest.json").stat().st_mtime_ns
    assert train(cohort, run.folder, config).summary() == run.summary()
    assert (run.folder / "manifest.json").stat().st_mtime_ns == before


def test_another_configuration_in_the_same_folder_is_refused(run: Run, cohort, config) -> None:
    with pytest.raises(UltrasoundError, match="another folds, seed; choose another folder"):
        train(cohort, run.folder, replace(config, seed=9, folds=4))


def test_a_folder_with_something_else_is_refused(cohort: Path, config, tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(UltrasoundError, match="is not empty and holds no run"):
        train(cohort, tmp_path, config)


def test_a_changed_missing_or_added_file_is_refused(copied: Path) -> None:
    model = copied / "models" / "radiomics" / "1-1" / "model.json"
    text = model.read_text()
    model.write_text(text.replace('"threshold": 0.', '"threshold": 0.1'))
    with pytest.raises(UltrasoundError, match=r"model\.json has changed since the run was made"):
        Run.open(copied)
    model.unlink()
    with pytest.raises(UltrasoundError, match=r"model\.json is missing"):
        Run.open(copied)
    model.write_text(text)
    (model.parent / "other.json").write_text("{}")
    with pytest.raises(UltrasoundError, match=r"other\.json is not in the run's manifest"):
        Run.open(copied)


def test_a_pickle_is_refused_with_the_reason_even_if_the_manifest_lists_it(copied: Path) -> None:
    path = next(copied.glob("models/radiomics/*/classifier.skops"))
    path.write_bytes(pickle.dumps({"a": "classifier"}))
    forge(copied, path.relative_to(copied).as_posix())
    with pytest.raises(UltrasoundError, match="is a Python pickle, which can run any program"):
        Run.open(copied)


def test_a_classifier_of_an_unknown_type_is_refused(copied: Path, cohort: Path, run: Run) -> None:
    import skops.io
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    path = next(copied.glob("models/radiomics/*/classifier.skops"))
    skops.io.dump(FunctionTransformer(shutil.rmtree), path)
    forge(copied, path.relative_to(copied).as_posix())
    with pytest.raises(UltrasoundError, match=r"has no use for.*rmtree"):
        predict_cohort(Run.open(copied), cohort, features=run.config.features)
    skops.io.dump(make_pipeline(StandardScaler()), path)
    forge(copied, path.relative_to(copied).as_posix())
    with pytest.raises(UltrasoundError, match="holds a Pipeline, not a"):
        predict_cohort(Run.open(copied), cohort, features=run.config.features)
    path.write_bytes(path.read_bytes()[:200])
    forge(copied, path.relative_to(copied).as_posix())
    with pytest.raises(UltrasoundError, match="is damaged; copy the run folder again"):
        predict_cohort(Run.open(copied), cohort, features=run.config.features)


def test_a_list_of_features_that_is_not_the_classifier_s_is_refused(
    copied: Path, cohort: Path, run: Run
) -> None:
    path = copied / "models" / "radiomics" / "1-1" / "model.json"
    said = json.loads(path.read_text())
    for key in ("features", "mean", "deviation"):
        said[key] = said[key][:-1]
    path.write_text(json.dumps(said))
    forge(copied, "models/radiomics/1-1/model.json")
    with pytest.raises(UltrasoundError, match=r"lists \d+ features, but the classifier"):
        predict_cohort(Run.open(copied), cohort, features=run.config.features)


def test_features_that_the_model_was_not_trained_on_are_refused(
    run: Run, cohort: Path, tmp_path: Path
) -> None:
    table = pd.read_parquet(run.config.features)
    table.columns = [name.replace("original", "square") for name in table.columns]
    table.to_parquet(tmp_path / "other.parquet")
    with pytest.raises(UltrasoundError, match="that the model was trained on"):
        predict_cohort(run, cohort, features=tmp_path / "other.parquet")
    table = pd.read_parquet(run.config.features)
    table[table["case"] != "c004"].to_parquet(tmp_path / "fewer.parquet")
    with pytest.raises(UltrasoundError, match=r"1 case cannot be predicted \(c004\)"):
        predict_cohort(run, cohort, features=tmp_path / "fewer.parquet")


def test_a_run_without_recipe_asks_for_features(run: Run, cohort: Path) -> None:
    with pytest.raises(UltrasoundError, match="give the features of the new cases"):
        predict_cohort(run, cohort)


def test_runs_are_listed_without_opening_them(run: Run, tmp_path: Path) -> None:
    (run.folder.parent / "unfinished").mkdir(exist_ok=True)
    listed = list_runs(run.folder.parent)
    assert [entry["name"] for entry in listed] == ["first"]
    assert listed[0]["note"] == "drawn numbers"
    assert set(listed[0]["models"]) == set(FAMILIES)
    assert listed[0]["models"]["late"]["split"] == "out-of-fold"
    assert list_runs(run.folder)[0]["name"] == "first"
    with pytest.raises(UltrasoundError, match="is not a folder"):
        list_runs(tmp_path / "nowhere")


def test_the_paper_s_scheme_has_three_parts_and_can_choose_on_test(
    cohort: Path, config, tmp_path: Path
) -> None:
    paper = replace(config, scheme="paper", families=("radiomics",), clinical=(), repeats=1)
    honest = train(cohort, tmp_path / "honest", paper)
    predictions = honest.predictions()
    assert predictions.splits == ("train", "validation", "test")
    assert honest.summary()["warnings"] == []
    assert honest.summary()["models"]["radiomics"]["split"] == "test"
    assert predictions.rules["radiomics"] == "Youden, learned on validation"
    peeking = train(cohort, tmp_path / "peeking", replace(paper, choose_on="test"))
    assert "chosen on the test set" in peeking.summary()["warnings"][0]
    search = peeking.table("search.csv").groupby("classifier")["auc_judged"].first()
    chosen = peeking.summary()["models"]["radiomics"]["classifier"]
    assert search[chosen] == search.max()
    seen = predict_cohort(honest, cohort, features=config.features)
    assert seen["split"].tolist() == predictions.table["split"].tolist()
    np.testing.assert_allclose(seen["radiomics"], predictions.table["radiomics"], atol=1e-6)


def test_leaks_of_a_cohort_are_refused_with_the_names(cohort: Path, config, tmp_path: Path) -> None:
    plain = replace(config, scheme="paper", families=("radiomics",), clinical=(), repeats=1)
    table = pd.read_csv(cohort)
    for name in ("image", "roi"):
        table[name] = [str(cohort.parent / text) for text in table[name]]

    def refused(change: pd.DataFrame, setting=plain) -> str:
        change.to_csv(tmp_path / "bad.csv", index=False)
        with pytest.raises(UltrasoundError) as caught:
            train(tmp_path / "bad.csv", tmp_path / "run", setting)
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        return caught.value.message

    split = np.where(
        np.arange(60) < 40, "train", np.where(np.arange(60) < 50, "validation", "test")
    )
    leaking = table.assign(split=split)
    leaking.loc[50, "patient"] = "p000"
    assert "1 patient on both sides (p000)" in refused(leaking)
    copies = table.assign(split=split, augmented=0)
    copies.loc[[52, 53], "augmented"] = 1
    assert "2 augmented copies" in refused(copies)
    assert "c052, c053" in refused(copies)
    leak = replace(plain, families=("radiomics", "clinical"), clinical=("grade",))
    graded = table.assign(grade=np.where(table["label"] == 1, "4a", "2"))
    assert "The label is among the clinical columns: grade" in refused(graded, leak)


def test_augmented_copies_are_evaluated_where_asked_with_the_clustered_interval(
    cohort: Path, config, tmp_path: Path
) -> None:
    table = pd.read_csv(cohort)
    for name in ("image", "roi"):
        table[name] = [str(cohort.parent / text) for text in table[name]]
    table["augmented"] = np.arange(60) % 2
    table.to_csv(tmp_path / "copies.csv", index=False)
    asked = replace(config, families=("radiomics",), clinical=(), repeats=1, augment_eval=True)
    run = train(tmp_path / "copies.csv", tmp_path / "run", asked)
    assert "30 augmented copies" in run.summary()["warnings"][0]
    model = run.summary()["models"]["radiomics"]
    assert model["interval"].endswith("(Obuchowski)")
    assert model["plain_high"] - model["plain_low"] > 0
    assert run.predictions().table["augmented"].sum() == 30


def test_expected_errors_are_one_sentence(cohort: Path, config, tmp_path: Path) -> None:
    plain = replace(config, families=("radiomics",), clinical=(), repeats=1)
    table = pd.read_csv(cohort)
    for name in ("image", "roi"):
        table[name] = [str(cohort.parent / text) for text in table[name]]

    def refused(change: pd.DataFrame, setting=plain) -> str:
        change.to_csv(tmp_path / "bad.csv", index=False)
        with pytest.raises((UltrasoundError, CohortError)) as caught:
            train(tmp_path / "bad.csv", tmp_path / "run", setting)
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        return caught.value.message

    assert "one label only (1)" in refused(table.assign(label=1))
    assert "3 different values" in refused(table.assign(label=table.index % 3))
    assert "no column 'label'" in refused(table.drop(columns="label"))
    words = table.assign(label=np.where(table["label"] == 1, "PTC", "adenoma"))
    assert "say which is positive (--positive)" in refused(words)
    assert "fewer than the 3 folds" in refused(table.iloc[[0, 1, 2, 3, 4, 5, 6, 7]])
    assert "no ROI for c005" in refused(
        table.assign(roi=table["roi"].where(table["case"] != "c005", "")),
        replace(plain, features=""),
    )
    assert "no clinical column 'calcium'" in refused(
        table, replace(plain, families=("clinical",), clinical=("calcium",))
    )
    assert "There is no file" in refused(table, replace(plain, icc=str(tmp_path / "icc.csv")))


def test_words_as_labels_and_rows_without_label(cohort: Path, config, tmp_path: Path) -> None:
    table = pd.read_csv(cohort)
    for name in ("image", "roi"):
        table[name] = [str(cohort.parent / text) for text in table[name]]
    table["label"] = np.where(table["label"] == 1, "PTC", "adenoma")
    table.loc[7, "label"] = ""
    table.to_csv(tmp_path / "words.csv", index=False)
    setting = replace(config, families=("radiomics",), clinical=(), repeats=1, positive="PTC")
    run = train(tmp_path / "words.csv", tmp_path / "run", setting)
    assert run.summary()["positive"] == "PTC"
    assert run.summary()["negative"] == "adenoma"
    assert run.summary()["left_out"] == [{"case": "c007", "reason": "it has no label"}]
    assert len(run.predictions()) == 59


def test_an_icc_table_filters_and_must_fit(cohort: Path, config, tmp_path: Path) -> None:
    names = [f"original_firstorder_F{i}" for i in range(12)]
    icc = pd.DataFrame({"feature": names, "comparison": "between", "icc": 0.9, "low": 0.85})
    icc.loc[0, "icc"] = 0.3
    icc.to_csv(tmp_path / "icc.csv", index=False)
    setting = replace(
        config, families=("radiomics",), clinical=(), repeats=1, icc=str(tmp_path / "icc.csv")
    )
    run = train(cohort, tmp_path / "run", setting)
    selection = run.table("selection.csv")
    assert set(selection.loc[selection["feature"] == names[0], "fell_at"]) == {"ICC"}
    icc.iloc[1:].to_csv(tmp_path / "icc.csv", index=False)
    with pytest.raises(UltrasoundError, match="lacks 1 of 12 features"):
        train(cohort, tmp_path / "other", setting)
