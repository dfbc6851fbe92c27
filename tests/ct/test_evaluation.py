"""Whole evaluations of cohorts that are known, by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_ptx.ct.errors import CtError
from napari_ptx.ct.evaluation_figures import KINDS, draw
from napari_ptx.ct.evaluation_files import Evaluation, evaluate
from napari_ptx.ct.evaluation_tables import EvaluationSettings
from napari_ptx.ct.matching import RULES
from napari_ptx.ct.truth import read_truth
from tests.ct.make import NOTE, ball, candidates_table, make_cohort, numbered, readings, series

pytestmark = pytest.mark.once

QUICK = EvaluationSettings(model="U-Net", replicates=300)
LI = {("ultrasound", "A"): range(0, 28, 2), ("CT", "A"): range(1, 21, 2),
      ("MIBI", "A"): range(20, 25)}  # fmt: skip


def run(folder: Path, **how: object) -> Evaluation:
    return evaluate(folder / "cohort.csv", folder / "out", folder / "ev", **how)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def li(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Evaluation]:
    """Give the counts of Li 2025: 34 of 36 against 22, 26 and 31."""
    folder = tmp_path_factory.mktemp("li")
    _, _, table = series(folder, 9, missed=(3, 17))
    read = readings(folder / "readings.csv", table, LI)
    return folder, run(folder, readings=read, settings=QUICK)


def row(table: pd.DataFrame, **wanted: object) -> dict:
    chosen = table
    for name, value in wanted.items():
        chosen = chosen[chosen[name] == value]
    (found,) = chosen.to_dict("records")
    return found


def test_the_p_values_that_li_et_al_print(li: tuple[Path, Evaluation]) -> None:
    pairs = li[1].tables["comparisons"]
    for second, p in (("ultrasound", 0.0013), ("CT", 0.0238), ("MIBI", 0.429)):
        one = row(pairs, first="U-Net", second=second)
        assert one["fisher"] == pytest.approx(p, abs=5e-5 if p < 0.1 else 5e-4)
        assert one["both"] + one["first_only"] == 34
        assert one["mcnemar_exact"] > 2 * one["mcnemar_mid_p"] / 2 > 0
        assert one["mcnemar_exact_holm"] >= one["mcnemar_exact"]
        assert one["cluster_low"] < one["difference"] < one["cluster_high"]
    json_pairs = json.loads((li[0] / "ev" / "metrics.json").read_text())["comparisons"]
    assert f"{json_pairs[0]['fisher']:.4f}" == "0.0013"


def test_sensitivity_of_each_finder_rule_and_stratum(li: tuple[Path, Evaluation]) -> None:
    table = li[1].tables["sensitivity"]
    for rule in RULES:
        one = row(table, finder="U-Net", rule=rule, stratum="all")
        assert (one["found"], one["of"]) == (34, 36)
        assert (round(one["low"], 3), round(one["high"], 3)) == (0.813, 0.993)
        assert one["cluster_low"] < 34 / 36 <= one["cluster_high"]
    assert row(table, finder="MIBI", stratum="all")["found"] == 31
    # glands 3 and 17 are the fourth of patient 1 and the second of patient 5
    slots = table[(table["finder"] == "U-Net") & (table["rule"] == "iou")
                  & (table["stratum"] == "slot")]  # fmt: skip
    assert dict(zip(slots["group"], slots["found"], strict=True)) == {
        "right_superior": 9, "left_superior": 8, "right_inferior": 9, "left_inferior": 8,
    }  # fmt: skip
    strata = table[(table["finder"] == "CT")].groupby("stratum")[["found", "of"]].sum()
    assert set(strata.index) == {"all", "slot", "size", "contrast", "pattern", "visible"}
    assert (strata["of"] == 36).all()
    assert (strata["found"] == 26).all()


def test_false_positives_and_whole_patients(li: tuple[Path, Evaluation]) -> None:
    scans = li[1].tables["scans"]
    one = row(scans, finder="U-Net", rule="overlap")
    assert (one["scans"], one["false_positives"], one["fp_per_scan"]) == (9, 9, 1.0)
    assert one["ppv"] == pytest.approx(34 / 43)
    assert (one["all_found"], one["patients_with_glands"]) == (7, 9)
    other = row(scans, finder="CT")
    assert (other["false_positives"], other["scans"]) == (1, 9)
    assert other["fp_low"] <= 1 / 9 <= other["fp_high"]
    patients = li[1].tables["patients"]
    assert row(patients, finder="U-Net", rule="iou", patient="p5")["found"] == 3
    assert row(patients, finder="U-Net", rule="iou", patient="p5")["all_found"] == 0
    assert (patients["registration_residual_mm"] == 0.8).all()


def test_the_free_response_curve_of_the_candidates(li: tuple[Path, Evaluation]) -> None:
    rates = li[1].tables["froc_rates"]
    for rule in RULES:  # the false positives have the lowest score
        assert row(rates, glands="all", rule=rule, fp_per_scan=0.125)[
            "sensitivity"
        ] == pytest.approx(34 / 36)
    curve = li[1].tables["froc"]
    curve = curve[(curve["rule"] == "overlap") & (curve["glands"] == "all")]
    assert curve["fp_per_scan"].iloc[-1] == 1.0
    assert curve["threshold"].iloc[-1] == pytest.approx(0.3)


def test_what_the_finders_see_together(li: tuple[Path, Evaluation]) -> None:
    lost = {"U-Net": {3, 17}, **{name: set(some) for (name, _), some in LI.items()}}
    unions = li[1].tables["unions"]
    assert len(unions) == 15
    for names in (("U-Net", "ultrasound"), ("CT", "MIBI"), ("ultrasound", "CT", "MIBI")):
        expected = 36 - len(set.intersection(*(lost[name] for name in names)))
        assert row(unions, finders=" + ".join(names))["found"] == expected
    gain = row(li[1].tables["gains"], added="MIBI", to="CT")
    assert gain["glands"] == len(lost["CT"] - lost["MIBI"])
    assert gain["low"] < gain["gain"] < gain["high"]
    patterns = li[1].tables["patterns"]
    assert patterns["glands"].sum() == 36


def test_every_mistake_is_listed_with_what_is_known_of_it(li: tuple[Path, Evaluation]) -> None:
    table = li[1].tables["mistakes"]
    counts = table.groupby(["finder", "kind"]).size()
    assert counts["U-Net", "miss"] == 2
    assert counts["U-Net", "false positive"] == 9
    assert counts["ultrasound", "miss"] == 14
    assert counts["CT", "false positive"] == 1
    miss = row(table, finder="U-Net", kind="miss", patient="p1")
    assert (miss["item"], miss["slot"], miss["vessel_mm"]) == (4, "left_inferior", 6.0)
    assert miss["hu_plain"] == 45.0
    assert miss["registration_residual_mm"] == 0.8
    assert miss["diameter_mm"] == pytest.approx(2 * (1.6 + 0.12 * 3), rel=0.15)
    assert miss["hint"] == "too small"
    false = row(table, finder="U-Net", kind="false positive", patient="p2")
    assert false["score"] == 0.3
    assert false["nearest_mm"] > 5.0
    assert false["again"] == 0
    assert row(table, finder="MIBI", kind="false positive")["site"] == "left of the trachea"


def test_every_file_says_the_rule(li: tuple[Path, Evaluation]) -> None:
    folder, result = li
    for path in (folder / "ev").glob("*.csv"):
        assert "rule" in pd.read_csv(path, encoding="utf-8-sig").columns, path.name
    about = json.loads((folder / "ev" / "metrics.json").read_text())
    assert about["rule"] == "overlap"
    assert "shares a voxel" in about["rules"]["overlap"]
    assert about["config"]["seed"] == 0
    assert len(about["sources"]["candidates.csv"]) == 64
    assert {"cohort.csv", "glands.csv", "readings.csv", "prediction.json"} < set(about["sources"])
    for path in (folder / "ev" / "figures").glob("*.svg"):
        said = " ".join(path.read_text().split())
        assert "voxel" in said, path.name
        assert "patients" in said, path.name
    assert len(list((folder / "ev" / "figures").glob("*.png"))) == 7
    assert all(path.is_file() for path in result.written)
    assert not (folder / "ev" / ".part").exists()


def test_causes_are_kept_when_it_runs_again(tmp_path: Path) -> None:
    _, out, _ = series(tmp_path, 3, missed=(3, 6))
    run(tmp_path, settings=QUICK, figures=False)
    path = tmp_path / "ev" / "causes.csv"
    causes = pd.read_csv(path, encoding="utf-8-sig", dtype=str, keep_default_na=False)
    assert (causes["cause"] == "").all()
    causes.loc[(causes["kind"] == "miss") & (causes["patient"] == "p1"), "cause"] = "Too small"
    second = (causes["kind"] == "false positive") & (causes["patient"] == "p2")
    causes.loc[second, ["cause", "comment"]] = ["node", "level VI, seen twice"]
    # as a spreadsheet of another country saves it
    causes.replace({r"^(-?\d+)\.(\d+)$": r"\1,\2"}, regex=True).to_csv(path, sep=";", index=False)
    # the network runs again: gland 4 of p1 is found, and candidates have other numbers
    table = pd.read_csv(out / "candidates.csv")
    table.loc[table["patient"] == "p2", "candidate"] = (
        table["candidate"].max() + 1 - table["candidate"]
    )
    gland = pd.DataFrame({"patient": ["p1"], "candidate": [9], "score": [0.9], "x_mm": [4.0],
                          "y_mm": [116.0], "z_mm": [-334.0]})  # fmt: skip
    pd.concat([table, gland]).to_csv(out / "candidates.csv", index=False)
    for file in out.glob("*.nii.gz"):
        file.unlink()
    again = run(tmp_path, settings=QUICK, figures=False)
    assert again.assessment.rule == "centroid"
    mended = again.tables["mistakes"]
    kept = row(mended, kind="false positive", patient="p2")
    assert (kept["cause"], kept["comment"]) == ("node", "level VI, seen twice")
    assert mended[(mended["kind"] == "miss") & (mended["patient"] == "p1")].empty
    causes = pd.read_csv(path, encoding="utf-8-sig", keep_default_na=False)
    gone = row(causes, now="no mistake any more")
    assert (gone["patient"], gone["cause"]) == ("p1", "too small")
    third = run(tmp_path, settings=QUICK, figures=False)
    pd.testing.assert_frame_equal(third.tables["causes"], again.tables["causes"])
    path.write_text(path.read_text().replace("node", "nod").replace("too small", "node"))
    before = path.read_bytes()
    with pytest.raises(CtError, match=r"causes\.csv has faults") as caught:
        run(tmp_path, settings=QUICK)
    assert len(caught.value.details) == 2
    assert path.read_bytes() == before


def test_empty_truth_and_empty_prediction(tmp_path: Path) -> None:
    """A patient without a gland, one without a candidate, one with neither, one with both."""
    gland, away = ball((12, 20, 20), 3.0), ball((4, 8, 8), 2.0)
    empty = numbered([])
    make_cohort(
        tmp_path,
        {"none": empty, "lost": numbered([gland]), "both": empty, "seen": numbered([gland])},
        {
            "none": (numbered([away]), {1: 0.9}), "lost": (empty, {}), "both": (empty, {}),
            "seen": (numbered([gland, away]), {1: 0.8, 2: 0.7}),
        },
    )  # fmt: skip
    result = run(tmp_path, settings=QUICK, figures=False)
    scans = row(result.tables["scans"], rule="overlap")
    assert (scans["scans"], scans["glands"], scans["found"]) == (4, 2, 1)
    assert (scans["false_positives"], scans["fp_per_scan"]) == (2, 0.5)
    assert (scans["patients_with_glands"], scans["all_found"]) == (2, 1)
    assert (scans["patients_without_glands"], scans["nothing_found"]) == (2, 1)
    rates = result.tables["froc_rates"]
    assert row(rates, glands="all", rule="iou", fp_per_scan=0.125)["sensitivity"] == 0.0
    assert row(rates, glands="all", rule="iou", fp_per_scan=0.25)["sensitivity"] == 0.5
    # without a table of glands they are measured on their labels and on the plain image
    glands = result.tables["glands"]
    assert glands["hu_plain"].tolist() == [60.0, 60.0]
    assert glands["slot"].str.match("(right|left)_(superior|inferior)").all()
    no_gland = tmp_path / "no"
    make_cohort(no_gland, {"a": empty}, {"a": (empty, {})})
    with pytest.raises(CtError, match="nothing to find"):
        run(no_gland)


def test_a_network_that_finds_nothing_at_all(tmp_path: Path) -> None:
    gland = numbered([ball((12, 20, 20), 3.0)])
    make_cohort(tmp_path, {"a": gland, "b": gland}, {name: (numbered([]), {}) for name in "ab"})
    result = run(tmp_path, settings=QUICK, figures=False)
    assert {kind for kind in KINDS if draw(kind, result.assessment)} == {"sensitivity", "froc",
                                                                         "slots"}  # fmt: skip
    assert row(result.tables["scans"], rule="iou")["found"] == 0
    assert row(result.tables["sensitivity"], rule="iou", stratum="all")["high"] < 0.9
    assert result.tables["mistakes"]["kind"].tolist() == ["miss", "miss"]
    assert result.tables["candidates"].empty
    perfect = tmp_path / "perfect"
    make_cohort(perfect, {"a": gland, "b": gland}, {name: (gland, {1: 0.9}) for name in "ab"})
    found = run(perfect, settings=QUICK, figures=False)
    assert found.tables["mistakes"].empty
    assert (perfect / "ev" / "causes.csv").read_text("utf-8-sig").startswith("finder,patient")


def test_a_threshold_drops_candidates_but_not_the_curve(tmp_path: Path) -> None:
    series(tmp_path, 3)
    strict = EvaluationSettings(threshold=0.6, replicates=50)
    result = run(tmp_path, settings=strict, figures=False)
    scans = row(result.tables["scans"], rule="centroid")
    found = result.tables["candidates"]["score"] >= 0.6
    assert scans["found"] == found.sum() < 12
    assert scans["false_positives"] == 0
    assert result.assessment.curves["overlap"].sensitivity[-1] == 1.0


def test_without_maps_only_centroids_are_compared(tmp_path: Path) -> None:
    series(tmp_path, 3, maps=False)
    result = run(tmp_path, settings=QUICK, figures=False)
    assert result.assessment.rule == "centroid"
    assert list(result.about["rules"]) == ["centroid"]
    with pytest.raises(CtError, match="'iou' needs a map"):
        run(tmp_path, settings=EvaluationSettings(rule="iou"))
    with pytest.raises(CtError, match="no rule 'best'"):
        run(tmp_path, settings=EvaluationSettings(rule="best"))


def test_distances_come_from_the_anatomy(tmp_path: Path) -> None:
    gland, away = ball((12, 20, 20), 2.0), ball((12, 20, 34), 2.0)
    make_cohort(tmp_path, {"a": numbered([gland]), "b": numbered([gland])},
                {name: (numbered([away]), {1: 0.9}) for name in "ab"})  # fmt: skip
    anatomy = numbered([ball((12, 20, 10), 0.5), ball((12, 20, 39), 0.5)])
    from napari_ptx.ct.predictions import write_label_map
    from tests.ct.make import volume

    write_label_map(tmp_path / "anatomy.nii.gz", volume(anatomy))
    (tmp_path / "anatomy.json").write_text('{"thyroid": 1, "carotid_left": 2, "node": 3}')
    cohort = pd.read_csv(tmp_path / "cohort.csv").assign(anatomy="anatomy.nii.gz")
    cohort.to_csv(tmp_path / "cohort.csv", index=False)
    table = run(tmp_path, settings=QUICK, figures=False).tables["mistakes"]
    miss = row(table, kind="miss", patient="a")
    assert (miss["thyroid_mm"], miss["vessel_mm"]) == pytest.approx((8.0, 15.2))
    false = row(table, kind="false positive", patient="b")
    assert (false["thyroid_mm"], false["vessel_mm"]) == pytest.approx((19.2, 4.0))


def test_a_simulated_cohort_says_so_and_names_its_anatomy(tmp_path: Path) -> None:
    series(tmp_path, 2)
    about = {"note": "SIMULATED", "anatomy_values": {"artery": 3, "thyroid": 1, "parathyroid": 9}}
    (tmp_path / "simulation.json").write_text(json.dumps(about))
    truth = read_truth(tmp_path / "cohort.csv")
    assert truth.note == "SIMULATED"
    assert truth.values == {"vessel": (3,), "thyroid": (1,)}
    prediction = tmp_path / "out" / "prediction.json"
    prediction.write_text(prediction.read_text().replace(NOTE, ""))
    assert run(tmp_path, settings=QUICK, figures=False).about["note"] == "SIMULATED"
    for text in ("{", '{"thyroid": "five"}'):
        (tmp_path / "anatomy.json").write_text(text)
        with pytest.raises(CtError, match=r"anatomy\.json .* take it away"):
            read_truth(tmp_path / "cohort.csv")


def test_what_does_not_fit_is_told_for_all_patients(tmp_path: Path) -> None:
    cohort, _, table = series(tmp_path, 3)
    table.drop(index=[0, 5]).to_csv(tmp_path / "glands.csv", index=False)
    with pytest.raises(CtError, match="do not fit") as caught:
        run(tmp_path)
    said = "\n".join(caught.value.details)
    assert "patient p1: gland 1 has voxels and no row" in said
    assert "patient p2: gland 2 has voxels and no row" in said
    pd.concat([table, table[:1].assign(slot="up")]).to_csv(tmp_path / "glands.csv", index=False)
    with pytest.raises(CtError, match=r"glands\.csv has faults") as caught:
        run(tmp_path)
    assert len(caught.value.details) == 2
    more = pd.read_csv(cohort)
    first = more[:1]
    more = pd.concat([
        more, first.assign(patient="p4"), first.assign(phase="arterial"), first,
        first.assign(patient="p5", image="x.nii", labels=""),
    ])  # fmt: skip
    more.to_csv(cohort, index=False)
    with pytest.raises(CtError) as caught:
        read_truth(cohort)
    said = "\n".join(caught.value.details)
    assert "row 7: patient p1 has a second plain phase" in said
    assert "row 8, column 'image': there is no file x.nii" in said
    assert "patient p5 has no labels" in said
    more[:4].to_csv(cohort, index=False)
    table.to_csv(tmp_path / "glands.csv", index=False)
    with pytest.raises(CtError, match="1 of 4 patients"):
        run(tmp_path)


def test_faults_of_readings_are_told_at_once(tmp_path: Path) -> None:
    series(tmp_path, 2)
    path = tmp_path / "readings.csv"
    path.write_text(
        "patient,gland,modality,reader,found,site\np1,1,CT,A,1,\np1,1,CT,A,0,\np9,1,CT,A,1,\n"
        "p1,9,CT,A,1,\np1,2,CT,A,perhaps,\np1,2,,A,1,\n"
    )
    with pytest.raises(CtError, match=r"readings\.csv has faults") as caught:
        run(tmp_path, readings=path)
    assert len(caught.value.details) == 5
    path.write_text("patient,gland,modality,reader,found\np1,1,CT,A,1\np1,1,CT,B,0\np2,1,CT,A,\n"
                    "p2,,CT,B,0\n")  # fmt: skip
    result = run(tmp_path, readings=path, settings=QUICK, figures=False)
    assert list(result.assessment.finders) == ["U-Net", "CT, A", "CT, B"]
    scans = result.tables["scans"]
    assert row(scans, finder="CT, A")["scans"] == 1
    assert row(scans, finder="CT, B")["scans"] == 2  # p2 was read, and nothing found
    with pytest.raises(CtError, match="give the model another name"):
        run(tmp_path, readings=path, settings=EvaluationSettings(model="CT, A"))


def test_a_second_candidate_on_a_gland_is_a_false_positive_that_says_so(tmp_path: Path) -> None:
    gland = ball((12, 20, 20), 4.0)
    half = gland.copy()
    half[:, :, :21] = False
    glands = {name: numbered([gland]) for name in "ab"}
    two = numbered([gland & ~half, half])
    make_cohort(
        tmp_path, glands, {"a": (two, {1: 0.6, 2: 0.9}), "b": (numbered([gland]), {1: 0.5})}
    )
    result = run(tmp_path, settings=QUICK, figures=False)
    scans = row(result.tables["scans"], rule="overlap")
    assert (scans["found"], scans["false_positives"], scans["again"]) == (2, 1, 1)
    (mistake,) = result.tables["mistakes"].to_dict("records")
    assert (mistake["item"], mistake["again"], mistake["nearest"]) == (2, 1, 1)
    # The better placed candidate has the gland; the curve counts the stronger one first.
    curve = result.assessment.curves["overlap"]
    assert curve.sensitivity[1] == 0.5
    assert curve.false_positives[1] == 0.0


def test_the_same_call_gives_the_same_files(tmp_path: Path) -> None:
    _, _, table = series(tmp_path, 3, missed=(1,))
    read = readings(tmp_path / "readings.csv", table, {("CT", "A"): [0, 1, 5]})
    contents = []
    for name in ("one", "two"):
        done = evaluate(tmp_path / "cohort.csv", tmp_path / "out", tmp_path / name,
                        readings=read, settings=QUICK, figures=False)  # fmt: skip
        contents.append({path.name: path.read_bytes() for path in done.written})
    assert contents[0] == contents[1]
    assert np.isfinite(candidates_table("a", numbered([ball((5, 5, 5), 2.0)]), {1: 1.0})["x_mm"][0])


def test_the_curve_of_large_glands_leaves_out_what_finds_small_ones(tmp_path: Path) -> None:
    large, small, away = ball((8, 8, 8), 3.2), ball((8, 24, 24), 1.2), ball((8, 24, 8), 2.0)
    truth = numbered([large, small])
    make_cohort(
        tmp_path,
        {"a": truth, "b": truth},
        {
            "a": (numbered([large, small, away]), {1: 0.5, 2: 0.9, 3: 0.7}),
            "b": (numbered([small]), {1: 0.8}),
        },
    )
    result = run(tmp_path, settings=EvaluationSettings(replicates=50, threshold=0.6), figures=False)
    curve = result.assessment.large["overlap"]
    assert (curve.glands, curve.scans) == (2, 2)
    # one false positive, then the gland of patient a, though its score does not count
    assert curve.false_positives.tolist() == [0.0, 0.5, 0.5]
    assert curve.sensitivity.tolist() == [0.0, 0.0, 0.5]
    rates = result.tables["froc_rates"]
    assert row(rates, rule="overlap", glands="at least 5 mm", fp_per_scan=1)["sensitivity"] == 0.5
