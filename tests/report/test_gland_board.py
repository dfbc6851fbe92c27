"""The gland board without a window: rows, cells, the table it writes, and its numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_ptx.cli.root import run
from napari_ptx.ct.candidates import COLUMNS
from napari_ptx.ct.evaluation_files import evaluate
from napari_ptx.ct.evaluation_tables import EvaluationSettings
from napari_ptx.ct.predictions import Predictions
from napari_ptx.ct.readings import read_readings
from napari_ptx.report.gland_board import Board, ModelRule, make_board
from napari_ptx.report.gland_numbers import final_numbers, finders_table, quick_numbers
from napari_ptx.report.gland_readings import (
    export,
    import_readings,
    read_board,
    rename_finder,
    tally,
    write_readings,
)
from napari_ptx.report.gland_rows import BoardError, Finder, label, ordered, row_of_site, site_of
from napari_ptx.report.gland_truth import (
    CohortGland,
    CohortTruth,
    listed_truth,
    measured_truth,
    table_readings,
)
from napari_ptx.stats import compare_sensitivity
from napari_ptx.study import GlandRecord
from tests.ct.make import readings, series

LI = {("ultrasound", "A"): range(0, 28, 2), ("CT", "A"): range(1, 21, 2),
      ("CT", "B"): range(0, 36, 5), ("MIBI", ""): range(20, 25)}  # fmt: skip
QUICK = {"replicates": 300, "seed": 4}


@pytest.fixture(scope="module")
def li(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the cohort of Li 2025 in its counts: 36 glands of 9 patients."""
    folder = tmp_path_factory.mktemp("li")
    _, _, table = series(folder, 9, missed=(3, 17))
    (folder / "glands.csv").unlink()
    places = measured_truth(folder / "cohort.csv").rows
    for axis, name in enumerate(("x_mm", "y_mm", "z_mm")):
        table[name] = [places[one.patient][one.slot].place[axis] for one in table.itertuples()]
    table.to_csv(folder / "glands.csv", index=False)
    readings(folder / "readings.csv", table, LI)
    return folder


@pytest.fixture
def record(tmp_path: Path):
    with GlandRecord.open(tmp_path / "glands.review") as opened:
        yield opened


def decide(record: GlandRecord, *cells: tuple[str, str, str, str]) -> None:
    for patient, row, finder, value in cells:
        record.add(patient, "found", f"{row}|{finder}", value, "Ada")


def present(record: GlandRecord, *places: tuple[str, str]) -> None:
    for patient, row in places:
        record.add(patient, "truth", row, {"state": "present", "basis": "surgery"}, "Ada")


def predicted(*rows: tuple[str, int, str, float, tuple[float, float, float]]) -> Predictions:
    table = pd.DataFrame(
        [
            {"patient": patient, "candidate": number, "slot": slot, "score": score,
             "x_mm": place[0], "y_mm": place[1], "z_mm": place[2]}
            for patient, number, slot, score, place in rows
        ]
    ).reindex(columns=list(COLUMNS))  # fmt: skip
    return Predictions(table, pd.DataFrame({"patient": ["P1", "P2"]}))


# Words


def test_rows_have_an_order_a_name_and_a_site() -> None:
    rows = ["gland", "ectopic: thymic", "left_inferior", "right_superior", "left_inferior #2"]
    assert ordered(rows) == (
        "right_superior", "left_inferior", "left_inferior #2", "ectopic: thymic", "gland",
    )  # fmt: skip
    assert [label(row) for row in ordered(rows)[1:4]] == ["L inf", "L inf 2", "ect. thymic"]
    assert site_of("left_inferior #2") == "left_inferior"
    assert site_of("ectopic: thymic #2") == "thymic"
    assert row_of_site("Left inferior") == "left_inferior"
    assert row_of_site("ectopic:  carotid sheath") == "ectopic: carotid sheath"
    assert row_of_site("thymic") == "ectopic: thymic"


def test_a_column_must_have_a_name_that_is_free() -> None:
    assert Finder.checked(" ultrasound ", "A  B").key == "ultrasound, A B"
    assert Finder.of("ultrasound, A B") == Finder("ultrasound", "A B")
    for wrong in ("", "model", "Truth", "CT|US", "CT, A"):
        with pytest.raises(BoardError):
            Finder.checked(wrong)


# The board


def test_the_record_goes_before_the_table_and_the_cohort(li: Path, record: GlandRecord) -> None:
    truth = listed_truth(li / "cohort.csv")
    assert truth is not None
    table = table_readings(li / "readings.csv", truth)
    decide(record, ("p1", "right_superior", "ultrasound, A", "+"))
    record.add("p1", "truth", "left_superior", {"state": "absent", "basis": "pathology"}, "Ben")
    board = make_board(truth.patients, record, truth, table)
    assert [one.key for one in board.finders] == ["ultrasound, A", "CT, A", "CT, B", "MIBI"]
    cell = board.cell("p1", "right_superior", "ultrasound, A")  # the table says not found
    assert (cell.value, cell.origin, cell.who) == ("+", "record", "Ada")
    assert cell.at.endswith("Z")
    cell = board.cell("p2", "right_superior", "ultrasound, A")
    assert (cell.value, cell.origin) == ("-", "table")
    assert board.truth_of("p1", "left_superior").state == "absent"
    assert board.truth_of("p1", "left_superior").gland == 2
    assert board.truth_of("p1", "left_inferior").origin == "cohort"
    assert board.glands("p1") == ("right_superior", "right_inferior", "left_inferior")
    # a false finding has a row of its own, where there is no gland
    false = "ectopic: left of the trachea"
    assert board.rows["p1"][-1] == false
    assert board.cell("p1", false, "MIBI").value == "+"
    assert board.truth_of("p1", false).state == "absent"


def test_ectopic_truth_is_known_by_any_of_its_names(record: GlandRecord) -> None:
    for subject, value in (
        ("ectopic", {"state": "present", "basis": "surgery", "site": "thymic"}),
        ("ectopic: jaw_angle", {"state": "absent", "basis": "surgery"}),
        ("ectopic: thymic", {"state": "absent", "basis": "pathology"}),
    ):
        record.add("P1", "truth", subject, value, "Ada")
    board = make_board(("P1",), record)
    assert board.rows["P1"][4:] == ("ectopic: jaw_angle", "ectopic: thymic")
    cell = board.truth_of("P1", "ectopic: thymic")  # the last word holds
    assert (cell.state, cell.basis, cell.subject) == ("absent", "pathology", "ectopic: thymic")


def test_two_glands_in_one_slot_have_two_rows(tmp_path: Path) -> None:
    _, _, table = series(tmp_path, 2)
    table.loc[1, "slot"] = "left_inferior"
    table.loc[2, ["slot", "site"]] = ["ectopic", "thymic"]
    table["site"] = table["site"].fillna("")
    table.to_csv(tmp_path / "glands.csv", index=False)
    truth = listed_truth(tmp_path / "cohort.csv")
    assert truth is not None
    assert {row: one.gland for row, one in truth.rows["p1"].items()} == {
        "right_superior": 1, "left_inferior": 2, "ectopic: thymic": 3, "left_inferior #2": 4,
    }  # fmt: skip


def test_labels_are_measured_where_no_table_lists_the_glands(tmp_path: Path) -> None:
    series(tmp_path, 1)
    (tmp_path / "glands.csv").unlink()
    assert listed_truth(tmp_path / "cohort.csv") is None
    truth = measured_truth(tmp_path / "cohort.csv")
    assert {row: one.gland for row, one in truth.rows["p1"].items()} == {
        "right_superior": 1, "left_superior": 2, "right_inferior": 3, "left_inferior": 4,
    }  # fmt: skip
    assert truth.rows["p1"]["right_superior"].place is not None


def test_the_model_is_filled_by_slot(record: GlandRecord) -> None:
    found = predicted(
        ("P1", 1, "left_inferior", 0.9, (1, 0, 0)), ("P1", 2, "right_superior", 0.3, (9, 0, 0)),
        ("P1", 3, "ectopic", 0.8, (40, 0, 0)), ("P2", 1, "", 0.7, (5, 5, 5)),
    )  # fmt: skip
    truth = CohortTruth(
        Path("cohort.csv"), ("P1", "P2"),
        {"P1": {"ectopic: thymic": CohortGland(1, (42, 0, 0))},
         "P2": {"left_superior": CohortGland(1, (5, 5, 6))}},
    )  # fmt: skip

    def hits(board: Board, patient: str) -> set[str]:
        return {
            row for row in board.rows[patient] if board.cell(patient, row, "model").value == "+"
        }

    board = make_board(("P1", "P2"), record, truth, None, found)
    assert hits(board, "P1") == {"left_inferior", "right_superior", "ectopic: thymic"}
    assert hits(board, "P2") == {"left_superior"}  # no slot: by the gland within 5 mm
    assert board.cell("P2", "right_superior", "model").value == "-"
    board = make_board(("P1", "P2"), record, truth, None, found, ModelRule("score", 0.5))
    assert hits(board, "P1") == {"left_inferior", "ectopic: thymic"}
    accepted = ModelRule("accepted")
    record.add("P1", "candidate", "1", "accepted", "Ada")
    record.add("P1", "slot", "1", "left superior", "Ada")
    board = make_board(("P1", "P2"), record, truth, None, found, accepted)
    assert hits(board, "P1") == {"left_superior"}
    assert board.cell("P1", "right_inferior", "model").value == ""  # 2 and 3 are not decided
    for number in "23":
        record.add("P1", "candidate", number, "rejected", "Ada")
    board = make_board(("P1", "P2"), record, truth, None, found, accepted)
    assert board.cell("P1", "right_inferior", "model").value == "-"
    # an ectopic candidate far from any gland: the site is not known
    far = predicted(("P1", 1, "ectopic", 0.9, (90, 0, 0)))
    assert hits(make_board(("P1", "P2"), None, truth, None, far), "P1") == {"ectopic"}


# In and out


def test_what_is_imported_and_exported_evaluates_to_the_same(
    li: Path, record: GlandRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = listed_truth(li / "cohort.csv")
    assert truth is not None
    table = table_readings(li / "readings.csv", truth)
    assert import_readings(record, table, "Ada") == 4 * 36 + 4
    assert import_readings(record, table, "Ada") == 0
    assert record.verify() == ()
    board = make_board(truth.patients, record, truth)
    assert {cell.origin for cell in board.cells.values()} == {"record"}
    exported = export(board)
    write_readings(tmp_path / "out.csv", exported)
    assert exported.notes == ()
    before = read_readings(li / "readings.csv", truth.table, truth.patients)
    after = read_readings(tmp_path / "out.csv", truth.table, truth.patients)
    assert {name: list(values) for name, values in before.found.items()} == {
        name: list(values) for name, values in after.found.items()
    }
    assert {name: set(some) for name, some in before.read.items()} == {
        name: set(some) for name, some in after.read.items()
    }
    assert sorted(map(tuple, before.false.to_numpy())) == sorted(map(tuple, after.false.to_numpy()))
    # and the numbers beside the board are those that an evaluation prints of that table
    result = evaluate(
        li / "cohort.csv", li / "out", tmp_path / "ev", readings=tmp_path / "out.csv",
        settings=EvaluationSettings(**QUICK), figures=False,
    )  # fmt: skip
    numbers = final_numbers(tally(board), **QUICK)
    said = finders_table(numbers).set_index("finder")
    printed = result.tables["sensitivity"].query("stratum == 'all'").set_index("finder")
    assert list(said.index) == ["ultrasound", "CT, A", "CT, B", "MIBI"]
    for name in said.index:
        for column in ("found", "of", "sensitivity", "low", "high", "cluster_low", "cluster_high"):
            assert said.loc[name, column] == printed.loc[name, column]
    scans = result.tables["scans"].set_index("finder")
    assert list(said["false_findings"]) == [
        scans.loc[name, "false_positives"] for name in said.index
    ]
    pairs = {
        (one["first"], one["second"]): one for _, one in result.tables["comparisons"].iterrows()
    }
    for one in numbers.pairs:
        assert one.tests is not None
        for test in ("fisher", "mcnemar_exact", "mcnemar_mid_p", "cluster_bootstrap_p"):
            assert getattr(one.tests, test) == pairs[one.first, one.second][test]
    assert numbers.together is not None
    unions = {one.members: one for one in numbers.together.unions}
    assert unions["ultrasound", "CT, A"].found == next(
        one.union for one in numbers.pairs if (one.first, one.second) == ("ultrasound", "CT, A")
    )


def test_the_counts_and_p_values_of_li_et_al(li: Path, record: GlandRecord, tmp_path: Path) -> None:
    truth = listed_truth(li / "cohort.csv")
    assert truth is not None

    def by_number(item: tuple[str, CohortGland]) -> int:
        return item[1].gland

    glands = [(patient, row) for patient in truth.patients
              for row, _ in sorted(truth.rows[patient].items(), key=by_number)]  # fmt: skip
    lost = {"U-Net": (3, 17), "ultrasound": range(0, 28, 2), "CT": range(1, 21, 2),
            "MIBI": range(20, 25)}  # fmt: skip
    for finder, missed in lost.items():
        decide(record, *((*gland, finder, "-" if place in missed else "+")
                         for place, gland in enumerate(glands)))  # fmt: skip
    write_readings(tmp_path / "out.csv", export(make_board(truth.patients, record, truth)))
    read = read_readings(tmp_path / "out.csv", truth.table, truth.patients)
    assert {name: int(values.sum()) for name, values in read.found.items()} == {
        "U-Net": 34, "ultrasound": 22, "CT": 26, "MIBI": 31,
    }  # fmt: skip
    compared = compare_sensitivity(read.found)
    fisher = {one.second: one.fisher for one in compared.pairs if one.first == "U-Net"}
    assert [f"{fisher['ultrasound']:.4f}", f"{fisher['CT']:.4f}", f"{fisher['MIBI']:.3f}"] == [
        "0.0013", "0.0238", "0.429",
    ]  # fmt: skip


def test_without_labels_the_truth_is_what_was_decided(record: GlandRecord) -> None:
    present(record, ("P1", "left_inferior"), ("P1", "right_inferior"), ("P2", "ectopic: thymic"))
    record.add("P1", "truth", "left_superior", {"state": "absent", "basis": "surgery"}, "Ada")
    decide(
        record,
        ("P1", "left_inferior", "US", "+"), ("P1", "right_inferior", "US", "-"),
        ("P1", "left_superior", "US", "+"), ("P2", "ectopic: thymic", "US", "+"),
        ("P2", "right_superior", "US", "+"), ("P2", "right_superior", "CT", "-"),
    )  # fmt: skip
    board = make_board(("P1", "P2"), record)
    counted = tally(board)
    assert (counted.patients, list(counted.found)) == (("P1", "P1", "P2"), ["US"])
    assert list(counted.found["US"]) == [0.0, 1.0, 1.0]
    assert (counted.false["US"], counted.unknown) == (1, 1)
    exported = export(board)
    assert [tuple(row)[:5] for row in exported.readings.to_numpy()] == [
        ("P1", 1, "US", "", 0), ("P1", "", "US", "", 1), ("P1", 2, "US", "", 1),
        ("P2", 1, "US", "", 1),
    ]  # fmt: skip
    assert list(exported.glands["site"]) == ["", "", "thymic"]
    assert exported.notes == (
        "CT was used on no gland and is left out.",
        "2 cells are left out: nobody has said whether there is a gland in their row.",
    )


def test_a_patient_read_with_nothing_found_stays_a_scan(
    record: GlandRecord, tmp_path: Path
) -> None:
    truth = CohortTruth(Path("c.csv"), ("P1", "P2"), {"P1": {"left_inferior": CohortGland(1)},
                                                      "P2": {}})  # fmt: skip
    decide(record, ("P1", "left_inferior", "US", "+"), ("P2", "left_inferior", "US", "-"))
    exported = export(make_board(("P1", "P2"), record, truth))
    assert [tuple(row) for row in exported.readings.to_numpy()] == [
        ("P1", 1, "US", "", 1, "left_inferior"), ("P2", "", "US", "", 0, ""),
    ]  # fmt: skip
    write_readings(tmp_path / "r.csv", exported)
    table = table_readings(tmp_path / "r.csv", truth)
    again = make_board(("P1", "P2"), None, truth, table)
    assert again.cell("P2", "left_inferior", "US").value == "-"
    assert export(again).readings.equals(exported.readings)


def test_what_an_evaluation_could_not_take_is_said(record: GlandRecord) -> None:
    truth = CohortTruth(Path("c.csv"), ("P1",), {"P1": {"left_inferior": CohortGland(1)}})
    with pytest.raises(BoardError, match="No reading says anything"):
        export(make_board(("P1", "P2"), record, truth))
    present(record, ("P1", "right_inferior"))
    decide(record, ("P1", "left_inferior", "US", "+"), ("P1", "right_inferior", "US", "-"))
    exported = export(make_board(("P1", "P2"), record, truth))
    assert len(exported.readings) == 1
    assert "P1 right inferior" in exported.notes[0]
    assert exported.notes[1] == "Patients that are not in the cohort are left out: P2."
    record.add("P1", "truth", "left_inferior", {"state": "absent", "basis": "surgery"}, "Ada")
    with pytest.raises(BoardError) as error:
        export(make_board(("P1",), record, truth))
    assert any("take them out of the labels" in line for line in error.value.details)
    with pytest.raises(BoardError, match="cannot be written"):
        write_readings(Path(record.path.parent / "none" / "r.csv"), exported)


def test_a_column_is_renamed_and_taken_away_with_its_history(li: Path, record: GlandRecord) -> None:
    truth = listed_truth(li / "cohort.csv")
    assert truth is not None
    table = table_readings(li / "readings.csv", truth)
    import_readings(record, table, "Ada")
    assert rename_finder(record, "MIBI", "MIBI, C", "Ben") == 37
    board = make_board(truth.patients, record, truth, table)
    assert [one.key for one in board.finders] == ["ultrasound, A", "CT, A", "CT, B", "MIBI, C"]
    assert board.cell("p1", "right_superior", "MIBI, C").who == "Ben"
    with pytest.raises(BoardError, match="already"):
        rename_finder(record, "CT, A", "CT, B", "Ben")
    assert rename_finder(record, "CT, B", None, "Ben") == 37
    board = make_board(truth.patients, record, truth, table)
    assert [one.key for one in board.finders] == ["ultrasound, A", "CT, A", "MIBI, C"]
    assert len(record.decisions) == 148 + 2 * 37 + 37


# Numbers


def test_quick_numbers_are_the_final_ones_without_limits_by_patient(
    li: Path,
) -> None:
    board = read_board(li / "out", li / "cohort.csv", imported=False)
    counted = tally(board)
    quick, final = quick_numbers(counted), final_numbers(counted, **QUICK)
    assert not quick.final
    assert final.final
    assert [one.name for one in quick.finders][-1] == "model"
    for one, other in zip(quick.finders, final.finders, strict=True):
        assert one.sensitivity.clopper_pearson == other.sensitivity.clopper_pearson
        assert one.sensitivity.cluster_bootstrap is None
        assert other.sensitivity.cluster_bootstrap is not None
        assert one.only == other.only
    assert final.together is not None
    assert quick.patterns == final.together.patterns
    assert {one.name: one.only for one in quick.finders} == final.together.only


def test_glands_that_not_all_read_are_counted_out(record: GlandRecord) -> None:
    present(record, ("P1", "left_inferior"), ("P2", "left_inferior"))
    decide(record, ("P1", "left_inferior", "US", "+"), ("P2", "left_inferior", "US", "-"),
           ("P1", "left_inferior", "CT", "-"))  # fmt: skip
    numbers = quick_numbers(tally(make_board(("P1", "P2"), record)))
    assert (numbers.glands, numbers.left_out, numbers.patterns) == (2, 1, {("US",): 1})
    note = "Glands that not all have read: 1; sets and unions are of the other 1."
    assert numbers.notes == (note,)
    assert (numbers.pairs[0].union, numbers.pairs[0].of) == (1, 1)
    final = final_numbers(tally(make_board(("P1", "P2"), record)), replicates=20)
    assert np.isnan(finders_table(final).loc[1, "cluster_low"])


def test_the_command_writes_what_evaluate_takes(
    li: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "readings.csv"
    call = ["ct", "board", str(li / "out"), str(li / "cohort.csv"), "--replicates", "200"]
    assert run([*call, "-o", str(out), "--model", "U-Net by slot"]) == 0
    shown = capsys.readouterr().out
    assert "36 glands of 9 patients." in shown
    assert "22/36" in shown
    assert "The model: all candidates, within 5 mm of a gland" in shown
    assert not (li / "out" / "glands.review").exists()
    read = read_readings(
        out, listed_truth(li / "cohort.csv").table, [f"p{i}" for i in range(1, 10)]
    )
    assert int(read.found["U-Net by slot"].sum()) == 34
    assert run([*call, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["finders"][0]["found"] == 22
    assert len(answer["glands"]) == 36
    assert run([*call, "--model", "CT"]) == 2
    assert "another name" in capsys.readouterr().err
    assert run([*call, "--record-only"]) == 2
    assert "No reading says anything" in capsys.readouterr().err
