"""The board under the hands of a reviewer: clicks, keys, columns, import, numbers, export."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_ptx.ct.evaluation_files import evaluate
from napari_ptx.ct.evaluation_tables import EvaluationSettings
from napari_ptx.docks.gland_board import GlandBoard
from napari_ptx.docks.gland_grid import TRUTH
from napari_ptx.report.gland_rows import MODEL


def column(board: GlandBoard, name: str) -> int:
    heads = [board.grid.horizontalHeaderItem(place).toolTip()
             for place in range(board.grid.columnCount())]  # fmt: skip
    return {MODEL: len(heads) - 2, TRUTH: len(heads) - 1}.get(name) or heads.index(name)


def cell(board: GlandBoard, row: int, name: str) -> str:
    return board.grid.item(row, column(board, name)).text()


def click(board: GlandBoard, row: int, name: str) -> None:
    item = board.grid.item(row, column(board, name))
    board.grid.scrollToItem(item)
    QTest.mouseClick(
        board.grid.viewport(), Qt.MouseButton.LeftButton,
        pos=board.grid.visualItemRect(item).center(),
    )  # fmt: skip


def test_it_starts_with_the_table_beside_the_cohort_and_writes_nothing(board: GlandBoard) -> None:
    grid = board.grid
    assert [grid.verticalHeaderItem(row).text() for row in range(4)] == [
        "R sup", "R inf", "L sup", "L inf",
    ]  # fmt: skip
    heads = [grid.horizontalHeaderItem(place).text() for place in range(grid.columnCount())]
    assert heads == ["US\nA", "CT\nA", "CT\nB", "MIBI", "model", "truth"]
    assert (cell(board, 0, "ultrasound, A"), cell(board, 2, "ultrasound, A")) == ("− !", "+")
    assert cell(board, 0, TRUTH) == "●"
    assert grid.item(0, 0).font().italic()
    assert board.desk.record.decisions == ()
    assert board.import_button.isVisibleTo(board)


def test_a_click_is_a_decision_with_who_and_when(board: GlandBoard) -> None:
    click(board, 0, "ultrasound, A")  # the table says −: the next is empty
    assert cell(board, 0, "ultrasound, A") == ""
    click(board, 0, "ultrasound, A")
    assert cell(board, 0, "ultrasound, A") == "+"
    rows = [(row.kind, row.subject, row.value, row.who) for row in board.desk.record.decisions]
    assert rows == [
        ("found", "right_superior|ultrasound, A", "", "Ada"),
        ("found", "right_superior|ultrasound, A", "+", "Ada"),
    ]
    assert board.grid.item(0, 0).font().bold()
    assert board.said.text().startswith("right superior, ultrasound, A: found, right; Ada, 2")
    board.desk.undo()
    assert cell(board, 0, "ultrasound, A") == ""


def test_keys_move_and_set(board: GlandBoard) -> None:
    board.grid.setCurrentCell(0, 0)
    for key in (Qt.Key.Key_Plus, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Minus):
        QTest.keyClick(board.grid, key)
    assert (cell(board, 0, "ultrasound, A"), cell(board, 1, "CT, A")) == ("+", "− !")
    QTest.keyClick(board.grid, Qt.Key.Key_Space)
    assert cell(board, 1, "CT, A") == ""
    QTest.keyClick(board.grid, Qt.Key.Key_PageDown)
    assert (board.desk.patient, board.patient.text()) == ("p2", "p2")
    QTest.keyClick(board.grid, Qt.Key.Key_PageUp)
    assert board.desk.patient == "p1"
    assert len(board.desk.record.decisions) == 3


def test_nobody_decides_without_a_name(board: GlandBoard, host) -> None:
    board.desk.who = ""
    click(board, 0, "CT, A")
    assert board.desk.record.decisions == ()
    assert host.asked == 1


def test_truth_is_decided_and_taken_back_and_the_model_is_not(board: GlandBoard) -> None:
    board.basis.setCurrentIndex(1)
    click(board, 0, TRUTH)
    assert board.desk.record.value("p1", "truth", "right_superior") == {
        "state": "absent", "basis": "pathology",
    }  # fmt: skip
    assert cell(board, 0, TRUTH) == "○"
    assert board.results.numbers.glands == 11
    click(board, 0, TRUTH)  # nothing: the cohort's labels hold again
    assert (cell(board, 0, TRUTH), board.results.numbers.glands) == ("●", 12)
    before = len(board.desk.record.decisions)
    click(board, 0, MODEL)
    assert len(board.desk.record.decisions) == before
    assert "follows its candidates" in board.said.text()


@pytest.mark.once
def test_the_model_follows_threshold_and_review(board: GlandBoard) -> None:
    def found() -> int:
        return {one.name: one.sensitivity.found for one in board.results.numbers.finders}["model"]

    assert found() == 10
    board.threshold.setValue(0.75)
    assert 0 < found() < 10
    board.rule.setCurrentIndex(1)
    assert "model" not in [one.name for one in board.results.numbers.finders]
    for number in (1, 2, 3, 4):
        board.desk.decide("p1", "candidate", str(number), "accepted" if number == 1 else "rejected")
    assert found() == 1


def test_columns_come_change_their_name_and_go(board: GlandBoard, qtbot, told: list[str]) -> None:
    board.form.ask_add()
    board.form.first.setCurrentText("MRI")
    board.form.reader.setText("C")
    board.form.ok.click()
    assert board.grid.column == "MRI, C"
    QTest.keyClick(board.grid, Qt.Key.Key_Plus)
    assert cell(board, 0, "MRI, C") == "+"
    board.rename_action.trigger()
    board.form.reader.setText("D")
    board.form.ok.click()
    qtbot.waitUntil(lambda: not board.job.running)
    assert cell(board, 0, "MRI, D") == "+"
    board.grid.setCurrentCell(0, column(board, "MRI, D"))
    board.remove_action.trigger()
    assert "1 decisions in 1 patients" in board.form.words.text()
    board.form.ok.click()
    qtbot.waitUntil(lambda: not board.job.running)
    assert "MRI, D" not in [one.key for one in board.board.finders]
    board.grid.setCurrentCell(0, column(board, "CT, B"))
    board.rename_action.trigger()
    assert "import the readings first" in told[-1]
    board.form.ask_add()
    board.form.first.setCurrentText("model")
    board.form.ok.click()
    assert "another" in told[-1]


def test_an_ectopic_site_gets_a_row(board: GlandBoard) -> None:
    board.form.ask_site()
    board.form.first.setCurrentText("carotid sheath")
    board.form.ok.click()
    rows = board.board.rows["p1"]
    assert "ectopic: carotid_sheath" in rows
    place = rows.index("ectopic: carotid_sheath")
    assert board.grid.verticalHeaderItem(place).text() == "ect. carotid sheath"
    click(board, place, "MIBI")
    assert cell(board, place, "MIBI") == "+ !"  # the cohort has no gland there


@pytest.mark.once
def test_import_numbers_and_export_are_those_of_an_evaluation(
    board: GlandBoard, cohort: Path, tmp_path: Path, qtbot, told: list[str]
) -> None:
    board.import_button.click()
    qtbot.waitUntil(lambda: not board.job.running)
    assert "52 readings are in the record." in told[-1]
    assert {row.who for row in board.desk.record.decisions} == {"Ada"}
    assert not board.import_button.isVisibleTo(board)
    qtbot.waitUntil(lambda: board.settled)
    out = tmp_path / "readings.csv"
    board.out.save_readings(out)
    board.out.save_csv(tmp_path / "board.csv")
    saved = pd.read_csv(tmp_path / "board.csv").set_index("finder")
    result = evaluate(
        cohort / "cohort.csv", cohort / "out", tmp_path / "ev", readings=out,
        settings=EvaluationSettings(), figures=False,
    )  # fmt: skip
    printed = result.tables["sensitivity"].query("stratum == 'all'").set_index("finder")
    for name in ("ultrasound", "CT, A", "CT, B", "MIBI"):
        for number in ("found", "of", "low", "high", "cluster_low", "cluster_high"):
            assert saved.loc[name, number] == pytest.approx(printed.loc[name, number], abs=1e-12)
    shown = board.results.finders
    assert [shown.item(0, place).text() for place in range(3)] == ["US", "8/12", "0.667"]
    board.out.copy()
    assert QApplication.clipboard().text().startswith("finder\tfound\tof")


@pytest.mark.once
def test_the_upset_is_drawn_in_both_themes_and_saved(
    board: GlandBoard, tmp_path: Path, qtbot
) -> None:
    board.results.tabs.setCurrentWidget(board.results.plot)
    qtbot.waitUntil(lambda: board.results.plot.figure is not None)
    dark = board.results.plot.figure
    board.viewer.theme = "light"
    board.restyle()
    assert board.results.plot.figure is not dark
    board.out.save_figure(tmp_path / "upset.svg")
    assert "<svg" in (tmp_path / "upset.svg").read_text()[:600]


def test_a_reader_at_work_sees_nothing_of_it(board: GlandBoard) -> None:
    assert board.grid.rowCount() > 0
    board.hub.blinded = True
    board.hub.desk_changed.emit()
    assert (board.grid.rowCount(), board.results.finders.rowCount()) == (0, 0)
    assert (board.patient.text(), board.said.text()) == ("", "")
    board.hub.blinded = False
    board.hub.desk_changed.emit()
    assert board.grid.rowCount() > 0


def test_it_fits_a_narrow_dock_and_says_what_everything_is(board: GlandBoard) -> None:
    board.form.ask_add()
    assert board.minimumSizeHint().width() <= 300
    for part in (board.back, board.on, board.more, board.rule, board.threshold, board.basis,
                 board.import_button, board.copy_button, board.csv_button, board.figure_button,
                 board.export_button):  # fmt: skip
        assert part.toolTip()
    for part in (board.grid, board.rule, board.threshold, board.basis, board.form.first):
        assert part.accessibleName()
