from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("xgboost")
pytest.importorskip("lightgbm")
pytest.importorskip("skops")

from sklearn.metrics import roc_auc_score

from napari_ptx.ultrasound.calibrated import Calibrator, fit_calibrator
from napari_ptx.ultrasound.classifiers import (
    GRIDS,
    STURDY,
    Trial,
    choose,
    fit_classifier,
    quiet,
    search,
)
from napari_ptx.ultrasound.config import CLASSIFIERS, RunConfig
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.families import FoldData, fit_family, fuse
from napari_ptx.ultrasound.matrix import Matrix, fit_clinical
from napari_ptx.ultrasound.model import LateModel
from napari_ptx.ultrasound.selection import SelectionConfig
from napari_ptx.ultrasound.splits import nested_folds
from napari_ptx.ultrasound.store import load_classifier, save_classifier

QUICK = RunConfig(classifiers=("lr", "knn"), inner=2)


def drawn(count: int = 80, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 8))
    y = (x[:, 0] + x[:, 1] + random.normal(size=count) > 0).astype(np.int64)
    return x, y, np.arange(count)


def fold_data(x, y, groups, clinical=None) -> FoldData:
    table = pd.DataFrame(x, columns=[f"f{i}" for i in range(x.shape[1])])
    fold = nested_folds(y, groups, folds=4, seed=2)[0]
    return FoldData(fold, y, groups, {"radiomics": table}, clinical)


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_each_classifier_learns_and_is_the_same_from_disk(kind, tmp_path) -> None:
    x, y, _ = drawn(200)
    settings = {name: values[0] for name, values in GRIDS[kind].items()}
    with quiet():
        fitted = fit_classifier(kind, settings, x[:140], y[:140], 1)
        again = fit_classifier(kind, settings, x[:140], y[:140], 1)
    scores = fitted.score(x[140:])
    assert roc_auc_score(y[140:], scores) > 0.7
    np.testing.assert_array_equal(again.score(x[140:]), scores)
    save_classifier(fitted, tmp_path)
    np.testing.assert_allclose(load_classifier(tmp_path, kind).score(x[140:]), scores, atol=1e-9)


def test_the_search_gives_honest_scores_and_a_row_for_each_point() -> None:
    x, y, groups = drawn()
    matrix = Matrix(tuple(f"f{i}" for i in range(8)), x)
    rows = np.arange(10, 80)
    trials, table = search(
        matrix, rows, y, groups, classifiers=("lr", "svm"), feature_sets=("all", "lasso"),
        selection=SelectionConfig(), inner=3, seed=0,
    )  # fmt: skip
    assert [trial.kind for trial in trials] == ["lr", "svm"]
    assert len(table) == 2 * (len(GRIDS["lr"]["C"]) + len(GRIDS["svm"]["C"]))
    for trial in trials:
        assert trial.scores.shape == (70,)
        assert trial.auc == table.loc[table["classifier"] == trial.kind, "auc"].max()
        probability = trial.squash.apply(trial.scores)
        assert ((probability > 0) & (probability < 1)).all()


def test_the_sturdiest_within_one_standard_error_of_the_best_is_chosen() -> None:
    random = np.random.default_rng(4)
    y = np.tile([0, 1], 60)
    good = y + random.normal(size=120)
    nearly = good + 0.2 * random.normal(size=120)
    poor = random.normal(size=120)

    def trial(kind: str, scores: np.ndarray) -> Trial:
        return Trial(kind, {}, "all", roc_auc_score(y, scores), scores, Calibrator())

    groups = np.arange(120) // 2
    near = [trial("lr", good), trial("rf", nearly)]
    assert near[0].auc > near[1].auc
    assert choose(near, y, groups, "one-se").kind == "rf"
    assert choose(near, y, groups, "best").kind == "lr"
    far = [trial("lr", good), trial("rf", poor), trial("svm", nearly)]
    assert choose(far, y, groups, "one-se").kind == "svm"
    assert choose(far[1:2], y, groups, "one-se").kind == "rf"
    assert sorted(STURDY) == sorted(GRIDS)


def test_noise_is_not_learned_by_searching() -> None:
    # With 400 features of noise, a selection outside the inner folds would reach AUC 0.9.
    random = np.random.default_rng(5)
    x, y = random.normal(size=(60, 400)), np.tile([0, 1], 30)
    trials, _ = search(
        Matrix(tuple(map(str, range(400))), x), np.arange(60), y, np.arange(60),
        classifiers=("lr",), feature_sets=("lasso",), selection=SelectionConfig(), inner=3,
    )  # fmt: skip
    assert trials[0].auc < 0.75


def test_the_test_part_changes_nothing() -> None:
    x, y, groups = drawn()
    data = fold_data(x, y, groups)
    held = data.fold.test
    before = fit_family("radiomics", data, QUICK)
    random = np.random.default_rng(9)
    changed, labels = x.copy(), y.copy()
    changed[held] = random.normal(size=(len(held), x.shape[1])) * 100
    labels[held] = random.permutation(y[held])
    table = pd.DataFrame(changed, columns=data.blocks["radiomics"].columns)
    after = fit_family(
        "radiomics", FoldData(data.fold, labels, groups, {"radiomics": table}), QUICK
    )
    pd.testing.assert_frame_equal(before.selection, after.selection)
    pd.testing.assert_frame_equal(before.search, after.search)
    assert before.model.threshold == after.model.threshold
    rest = data.fold.development
    np.testing.assert_array_equal(before.probability[rest], after.probability[rest])


def test_calibration_keeps_the_order_and_repairs_the_scale() -> None:
    random = np.random.default_rng(0)
    truth = random.random(4000)
    y = (random.random(4000) < truth).astype(np.int64)
    scores = 3 * np.log(truth / (1 - truth)) + 1
    for kind in ("sigmoid", "isotonic"):
        p = fit_calibrator(kind, scores, y).apply(scores)
        assert np.abs(p - truth).mean() < 0.03
        assert (np.diff(p[np.argsort(scores)]) >= 0).all()
        again = Calibrator.from_json(fit_calibrator(kind, scores, y).to_json())
        np.testing.assert_array_equal(again.apply(scores), p)


def test_separable_scores_still_have_a_sigmoid() -> None:
    y = np.repeat([0, 1], 10)
    p = fit_calibrator("sigmoid", np.arange(20.0), y).apply(np.arange(20.0))
    assert 0 < p.min() < 0.5 < p.max() < 1


def test_a_damaged_calibration_is_refused() -> None:
    for said in ({"kind": "sigmoid", "numbers": [1.0]}, {"kind": "other", "numbers": []}, {}):
        with pytest.raises(UltrasoundError, match="calibration of a model is damaged"):
            Calibrator.from_json(said)


def test_clinical_columns_are_imputed_by_the_training_rows_with_an_indicator() -> None:
    table = pd.DataFrame(
        {"age": [30.0, np.nan, 50.0, 90.0], "sex": ["F", "M", "", "X"], "pth": [1.0, 2, 3, 4]}
    )
    age, sex, pth = fit_clinical(table.iloc[:3])
    assert age.names == ("clinical:age", "clinical:age missing")
    np.testing.assert_array_equal(age.encode(table["age"]), [[30, 0], [40, 1], [50, 0], [90, 0]])
    assert sex.names == ("clinical:sex=F", "clinical:sex=M")
    np.testing.assert_array_equal(sex.encode(table["sex"]), [[1, 0], [0, 1], [0, 0], [0, 0]])
    assert pth.names == ("clinical:pth",)


def test_clinical_columns_without_a_value_or_with_too_many_words_are_refused() -> None:
    with pytest.raises(UltrasoundError, match="'pth' has no value"):
        fit_clinical(pd.DataFrame({"pth": [np.nan, np.nan]}))
    with pytest.raises(UltrasoundError, match="'name' has 20 different words"):
        fit_clinical(pd.DataFrame({"name": [f"w{i}" for i in range(20)]}))


def test_a_clinical_column_helps_where_it_tells_something() -> None:
    x, y, groups = drawn(120)
    random = np.random.default_rng(1)
    clinical = pd.DataFrame({"pth": 2.5 * y + random.normal(size=120)})
    data = fold_data(x, y, groups, clinical)
    config = RunConfig(
        families=("radiomics", "radiomics+clinical"), clinical=("pth",), classifiers=("lr",)
    )
    alone = fit_family("radiomics", data, config)
    both = fit_family("radiomics+clinical", data, config)
    test = data.fold.test
    assert roc_auc_score(y[test], both.probability[test]) > roc_auc_score(
        y[test], alone.probability[test]
    )
    assert "clinical:pth" in both.model.features


def test_late_fusion_is_the_weighted_mean_and_learns_where_no_member_was_fitted() -> None:
    x, y, groups = drawn(120)
    noise = pd.DataFrame({"pth": np.random.default_rng(1).normal(size=120)})
    data = fold_data(x, y, groups, noise)
    families = ("radiomics", "clinical", "late")
    config = RunConfig(families=families, clinical=("pth",), classifiers=("lr",))
    members = {name: fit_family(name, data, config) for name in config.fused}
    mean = fuse(members, data, config)
    both = [outcome.probability for outcome in members.values()]
    np.testing.assert_allclose(mean.probability, np.mean(both, axis=0))
    np.testing.assert_array_equal(mean.learned_rows, data.fold.development)
    weighted = fuse(members, data, replace(config, late="weighted")).model
    assert isinstance(weighted, LateModel)
    areas = [
        roc_auc_score(y[outcome.learned_rows], outcome.learned) for outcome in members.values()
    ]
    expected = np.maximum(np.array(areas) - 0.5, 0)
    np.testing.assert_allclose(weighted.weights, expected / expected.sum())
    assert weighted.weights[0] > 0.6  # the other member is noise
