from __future__ import annotations

import hashlib
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from napari_ptx import stats
from napari_ptx.ultrasound import Predictions, UltrasoundError, assess, evaluate, read_predictions
from napari_ptx.ultrasound.evaluation import MEASURES, comparisons, measures, unusable
from napari_ptx.ultrasound.evaluation_figures import KINDS, draw, operating
from tests.ultrasound.make_predictions import MODELS, NOTE, scores_table, write_scores

pytestmark = pytest.mark.once


@pytest.fixture
def predictions(tmp_path: Path) -> Predictions:
    return read_predictions(write_scores(tmp_path / "predictions.csv"))


def row(table: pd.DataFrame, **which: str) -> pd.Series:
    for name, value in which.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_metrics_are_those_of_the_statistics(predictions: Predictions) -> None:
    result = assess(predictions, "test", replicates=20)
    test = predictions.of("test")
    assert set(result.metrics["measure"]) == set(MEASURES)
    assert len(result.metrics) == len(MODELS) * len(MEASURES)
    plain = stats.compare_auc(test.labels, test.scores)
    clustered = stats.compare_auc(test.labels, test.scores, test.clusters)
    for place, name in enumerate(MODELS):
        area = row(result.metrics, model=name, measure="auc")
        assert area["value"] == plain.auc[place]
        assert [area["low"], area["high"]] == plain.ci()[place].tolist()
        assert [area["cluster_low"], area["cluster_high"]] == clustered.ci()[place].tolist()
        threshold = (0.5, 0.4, 0.6)[place]
        found = stats.diagnostic(
            test.labels, test.scores[place], threshold, clusters=test.clusters
        ).metrics
        sensitivity = row(result.metrics, model=name, measure="sensitivity")
        for column in found.columns:
            assert sensitivity[column] == pytest.approx(
                found.loc["sensitivity", column], nan_ok=True
            )
        assert sensitivity["threshold"] == threshold
        assert sensitivity["rule"] == "Youden, learned on validation"
        assert (sensitivity["n"], sensitivity["patients"]) == (24, 12)
    assert "24 rows come from 12 patients" in result.notes[0]
    assert "fewer than 20 patients" in result.notes[1]


def test_measures_without_intervals_are_the_same_values(predictions: Predictions) -> None:
    test = predictions.of("test")
    wide = assess(predictions, "test", replicates=0).metrics.pivot(
        index="model", columns="measure", values="value"
    )
    quick = measures(test)
    pd.testing.assert_frame_equal(
        quick, wide.loc[list(MODELS), list(MEASURES)], check_names=False, rtol=1e-12
    )
    for name, (fpr, tpr) in operating(test).items():
        assert tpr == pytest.approx(quick.loc[name, "sensitivity"])
        assert 1 - fpr == pytest.approx(quick.loc[name, "specificity"])


def test_an_undefined_measure_is_nan_and_its_radar_is_drawn(predictions: Predictions) -> None:
    never = predictions.of("test").with_thresholds(dict.fromkeys(MODELS, 1.1), "never")
    table = measures(never)
    assert table["ppv"].isna().all()
    assert (table["sensitivity"] == 0.0).all()
    assert draw("radar", never) is not None


def test_copies_of_rows_change_the_plain_interval_and_not_the_clustered(tmp_path: Path) -> None:
    one = scores_table(each=1)
    copies = pd.concat([one.assign(augmented=copy > 0) for copy in range(10)], ignore_index=True)
    results = {
        name: assess(
            read_predictions(write_scores(tmp_path / f"{name}.csv", table)), "test", replicates=0
        )
        for name, table in (("one", one), ("copies", copies))
    }
    original = row(results["one"].metrics, model="resnet-1ch", measure="auc")
    copied = row(results["copies"].metrics, model="resnet-1ch", measure="auc")
    assert np.isnan(original["cluster_low"])
    assert copied["cluster_low"] == pytest.approx(original["low"], abs=1e-12)
    assert copied["high"] - copied["low"] < 0.5 * (original["high"] - original["low"])
    assert "108 of 120 rows are augmented copies" in results["copies"].notes[0]
    assert not any("come from" in note for note in results["one"].notes)


def test_comparisons_hold_every_pair_plain_and_clustered(predictions: Predictions) -> None:
    test = predictions.of("test")
    table = comparisons(test)
    assert list(zip(table["first"], table["second"], strict=True)) == [
        ("radiomics", "resnet-1ch"), ("radiomics", "late"), ("resnet-1ch", "late")
    ]  # fmt: skip
    for prefix, clusters in (("", None), ("cluster_", test.clusters)):
        result = stats.compare_auc(test.labels, test.scores, clusters)
        expected = result.test(0, 2)
        assert table[f"{prefix}p"][1] == expected.p
        assert table[f"{prefix}low"][1] == expected.low
        np.testing.assert_allclose(table[f"{prefix}p_holm"], stats.holm(table[f"{prefix}p"]))
    assert list(table.columns) == [
        "first", "second", "difference", "z", "p", "p_holm", "low", "high",
        "cluster_z", "cluster_p", "cluster_p_holm", "cluster_low", "cluster_high",
    ]  # fmt: skip


def test_independent_rows_have_no_clustered_numbers(tmp_path: Path) -> None:
    path = write_scores(tmp_path / "p.csv", scores_table(each=1, patients=48))
    read = read_predictions(path).of("test")
    assert comparisons(read)["cluster_p"].isna().all()
    result = assess(read, "test", replicates=10)
    assert result.cluster_bands == {}
    assert result.notes == ()


def test_a_split_with_too_few_cases_says_so(tmp_path: Path) -> None:
    table = scores_table()
    table.loc[table["label"] == 1, "split"] = "validation"
    table.loc[0, "split"] = "test"
    read = read_predictions(write_scores(tmp_path / "p.csv", table))
    assert "'carcinoma' has 1 of the 17 rows" in unusable(read.of("test"))
    with pytest.raises(UltrasoundError, match="'test' cannot be evaluated"):
        assess(read, "test")
    result = evaluate(read, tmp_path / "out", figures=False)
    assert set(result.tables["metrics"]["split"]) == {"validation"}
    assert any("'test' is left out" in note for note in result.notes)
    table["split"] = table["case"]
    with pytest.raises(UltrasoundError, match="no split that can be evaluated"):
        evaluate(read_predictions(write_scores(tmp_path / "q.csv", table)), tmp_path / "out")


def test_perfect_scores_have_no_calibration_slope_and_the_rest(tmp_path: Path) -> None:
    table = scores_table()
    table["late"] = 0.2 + 0.6 * table["label"]
    read = read_predictions(write_scores(tmp_path / "p.csv", table))
    result = assess(read, "test", replicates=0)
    assert "late" not in result.fits
    assert any(note.startswith("late: The probabilities separate") for note in result.notes)
    assert draw("calibration", read.of("test"), result) is not None


def words(path: Path) -> str:
    """Give the text of a figure."""
    tree = ElementTree.parse(path)
    return " ".join(" ".join(tree.getroot().itertext()).split())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    read = read_predictions(write_scores(folder / "predictions.csv"))
    evaluate(read, folder / "out", splits=["test"], replicates=20)
    return folder


def test_a_folder_holds_tables_figures_and_what_made_them(written: Path) -> None:
    out = written / "out"
    names = {path.name for path in out.iterdir()}
    assert names == {
        "metrics.csv", "comparisons.csv", "calibration.csv", "calibration_curve.csv",
        "decision.csv", "evaluation.json", "figures",
    }  # fmt: skip
    stems = {path.stem for path in (out / "figures").glob("*.svg")}
    assert stems == {path.stem for path in (out / "figures").glob("*.png")}
    assert stems == {f"test_{kind}" for kind in KINDS} | {
        "test_roc_clustered", "test_delong_clustered"
    }  # fmt: skip
    for path in (out / "figures").glob("*.svg"):
        assert "Simulated scores, not patients." in words(path)
    about = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    content = (written / "predictions.csv").read_bytes()
    assert about["source"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert about["note"] == NOTE
    assert about["splits"] == {"test": {"n": 24, "positives": 8, "patients": 12, "augmented": 0}}
    assert about["config"]["replicates"] == 20
    assert about["versions"]["napari-ptx"]
    metrics = pd.read_csv(out / "metrics.csv", encoding="utf-8-sig")
    assert len(metrics) == len(about["metrics"]) == len(MODELS) * len(MEASURES)
    decision = pd.read_csv(out / "decision.csv", encoding="utf-8-sig")
    assert len(decision) == 99 * len(MODELS)


def test_the_clustered_figure_differs_and_says_so(written: Path) -> None:
    figures = written / "out" / "figures"
    plain, clustered = (words(figures / f"test_roc{end}.svg") for end in ("", "_clustered"))
    assert "bootstrap of cases" in plain
    assert "n = 24 of 12 patients" in clustered
    assert "bootstrap of patients" in clustered


def test_some_models_keep_the_colours_they_have_among_all(
    predictions: Predictions, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    late = predictions.pick(["late"])
    (out / ".part" / "figures").mkdir(parents=True)  # left by a run that was killed
    result = evaluate(late, out, splits=["test"], among=predictions.models, replicates=5)
    assert set(result.tables["metrics"]["model"]) == {"late"}
    assert result.tables["comparisons"].empty
    text = (out / "figures" / "test_roc.svg").read_text(encoding="utf-8").lower()
    assert "#009e73" in text  # the third colour
    assert not (out / "figures" / "test_delong.svg").exists()
    assert not (out / ".part").exists()


def test_a_threshold_by_hand_is_said_in_the_tables(
    predictions: Predictions, tmp_path: Path
) -> None:
    moved = predictions.with_thresholds({"late": 0.9}, "set by hand")
    table = evaluate(moved, tmp_path / "out", splits=["test"], figures=False).tables["metrics"]
    late = row(table, model="late", measure="f1")
    assert (late["threshold"], late["rule"]) == (0.9, "set by hand")


def test_what_cannot_be_evaluated_is_told(predictions: Predictions, tmp_path: Path) -> None:
    with pytest.raises(UltrasoundError, match="no split 'exam'"):
        evaluate(predictions, tmp_path / "out", splits=["exam"])
    (tmp_path / "file").write_text("")
    with pytest.raises(UltrasoundError, match="cannot be written to"):
        evaluate(predictions, tmp_path / "file" / "out", splits=["test"], figures=False)
    predictions.path.unlink()
    with pytest.raises(UltrasoundError, match="cannot be read any more"):
        evaluate(predictions, tmp_path / "out", splits=["test"], figures=False)
