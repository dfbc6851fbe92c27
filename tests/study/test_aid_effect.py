"""What a model's outline changed, on a study that is known by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_ptx.cli.root import run
from napari_ptx.roi import rasterise, write_mask
from napari_ptx.study import Protocol, Study, StudyError
from napari_ptx.study.aid_effect import aid_effect
from tests.study.make import Clock, square, write_images

MODEL = square(20, 20, 10)
UNAIDED = square(20, 25, 10)  # half of it is the model's: Dice 0.5
NEARER = square(20, 23, 10)  # Dice 0.7


@pytest.fixture
def read(tmp_path: Path, clock: Clock) -> Study:
    """Give five cases: A keeps, takes over, moves nearer, gives up; B always takes over.

    The last case has no outline of the model; there A assesses what was not assessable.
    """
    table = write_images(tmp_path, 5)
    write_mask(table.parent / "aid.png", rasterise([MODEL], (48, 64), 0))
    files = ("aid", *["aid.png"] * 4, "")
    rows = zip(table.read_text().splitlines(), files, strict=True)
    table.write_text("\n".join(f"{row},{aid}" for row, aid in rows))
    protocol = Protocol(readers=("A", "B"), design="aided", seed=3)
    study = Study.create(tmp_path / "aided.ptx", table, protocol, clock=clock)
    places = {case.sha256: number for number, case in enumerate(study.cases())}
    answers = {"A": ([UNAIDED], [MODEL], [NEARER], None, [UNAIDED]),
               "B": ([MODEL],) * 4 + ([UNAIDED],)}  # fmt: skip
    for reader, second in answers.items():
        with study.desk(reader, 1) as desk:
            for case in desk.cases:
                place = places[desk.image(case.index).sha256]
                if reader == "A" and place == 4:
                    desk.finish(case.index, not_assessable="shadow")
                else:
                    desk.record(case.index, [UNAIDED], "freehand", {}, 2.0)
                    desk.finish(case.index)
                desk.aid(case.index)
                if second[place] is None:
                    desk.finish(case.index, not_assessable="gas", seconds=3.0)
                    continue
                desk.record(case.index, second[place], "freehand", {}, 4.0)
                desk.finish(case.index)
    return study


def test_each_change_is_counted_and_measured(read: Study) -> None:
    found = aid_effect(read, replicates=200)
    mine = found.cases[found.cases["reader"] == "A"].set_index("case")
    assert mine["change"].tolist() == [
        "kept", "taken over", "changed", "given up", "assessed after all",
    ]  # fmt: skip
    assert mine["dice_own"].tolist()[:3] == pytest.approx([1.0, 0.5, 0.8])
    assert mine["dice_model_before"].tolist() == pytest.approx([0.5] * 4 + [np.nan], nan_ok=True)
    after = [0.5, 1.0, 0.7, np.nan, np.nan]
    assert mine["dice_model_after"].tolist() == pytest.approx(after, nan_ok=True)
    assert (mine["area_before"].dropna() == 100).all()
    assert mine["seconds"].tolist() == pytest.approx([4, 4, 4, 3, 4])
    readers = found.readers.set_index("reader")
    assert (readers.loc["A", "n"], readers.loc["B", "n"]) == (3, 4)
    assert readers.loc["A", "before"] == pytest.approx(0.5)
    assert readers.loc["A", "after"] == pytest.approx(2.2 / 3)
    assert readers.loc["A", "low"] <= readers.loc["A", "gain"] <= readers.loc["A", "high"]
    assert readers.loc["B", ["taken over", "gain"]].tolist() == pytest.approx([4, 0.5])
    pair = found.pairs.iloc[0]
    # Between readers the first three cases: the same unaided, then 0.5, 1 and 0.7.
    assert (pair["comparison"], pair["n"]) == ("A – B", 3)
    assert (pair["before"], pair["after"]) == pytest.approx((1.0, 2.2 / 3))
    assert read.verify() == ()


def test_the_command_prints_and_writes_it(
    read: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["study", "aid", str(read.path), "--replicates", "100"]
    assert run([*words, "-o", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "Mean Dice between readers" in shown
    assert "-0.267" in shown
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "cases.csv", "readers.csv", "pairs.csv", "aid.json",
    }  # fmt: skip
    assert run([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cases"][3]["dice_own"] is None
    assert told["settings"]["seed"] == 3


def test_the_report_has_it(read: Study, tmp_path: Path) -> None:
    assert run(["study", "report", str(read.path), "-o", str(tmp_path / "report")]) == 0
    page = (tmp_path / "report/report.html").read_text(encoding="utf-8")
    assert "What readers did with the model" in page
    assert "Dice between readers, unaided and aided" in page
    names = {path.name for path in (tmp_path / "report/tables").iterdir()}
    assert {"aid_cases.csv", "aid_readers.csv", "aid_pairs.csv"} <= names


def test_nothing_to_compare_is_told(make_study: Callable[..., Study], tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="design is independent"):
        aid_effect(make_study(1, reread=0))


def test_an_aided_study_before_its_first_aided_answer(tmp_path: Path, clock: Clock) -> None:
    table = write_images(tmp_path, 1, [("aid", "")])
    protocol = Protocol(readers=("A",), design="aided")
    study = Study.create(tmp_path / "new.ptx", table, protocol, clock=clock)
    with pytest.raises(StudyError, match="was finished again with the model's outline yet"):
        aid_effect(study)
