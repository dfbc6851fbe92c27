"""The design "aided", and "seen before?": two answers to a case, told apart by the chain."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from sqlalchemy import select

from napari_ptx.cli.agreement import show
from napari_ptx.roi import rasterise, write_imagej, write_mask
from napari_ptx.stats import icc
from napari_ptx.study import Protocol, Study, StudyError, ledger
from napari_ptx.study.agreement import agreement
from napari_ptx.study.planning import outlook
from napari_ptx.study.protocol_file import changed_by
from napari_ptx.study.tables import AssignmentRow
from tests.study.make import Clock, read_all, square, write_images

MODEL = square(20, 20, 6)


@pytest.fixture
def aided(tmp_path: Path, clock: Clock) -> Study:
    """Three cases: the model's outline as a mask, as ImageJ, and none."""
    table = write_images(tmp_path, 3)
    folder = table.parent
    write_mask(folder / "canary-aid.png", rasterise([MODEL], (48, 64), 0))
    write_imagej(folder / "canary-aid.zip", [MODEL])
    files = ("aid", "canary-aid.png", "canary-aid.zip", "")
    rows = zip(table.read_text().splitlines(), files, strict=True)
    table.write_text("\n".join(f"{row},{aid}" for row, aid in rows))
    protocol = Protocol(readers=("A", "B"), design="aided")
    return Study.create(tmp_path / "aided.ptx", table, protocol, clock=clock)


def area(outlines: object) -> int:
    return int(rasterise(outlines, (48, 64), 0).sum())  # type: ignore[arg-type]


def test_the_models_outlines_are_kept_and_covered_by_the_hash(aided: Study) -> None:
    assert [area(aided.aid(case.case)) for case in aided.cases()] == [36, 36, 0]
    assert all("aid" not in case.extra for case in aided.cases())
    assert b"canary-aid" not in aided.path.read_bytes()
    with sqlite3.connect(aided.path) as db:
        db.execute("UPDATE truth SET value = '[]' WHERE name = 'aid' AND case_id = 1")
    assert [problem.table for problem in aided.verify()] == ["study"]


def test_unaided_is_locked_then_the_model_is_shown(aided: Study, clock: Clock) -> None:
    with aided.desk("A", 1) as desk:
        with pytest.raises(StudyError, match=r"Finish case .* on your own first"):
            desk.aid(0)
        desk.record(0, [square()], "freehand", {}, 2.0)
        assert desk.finish(0, seconds=1.0).state == "started"
        assert desk.draft(0).locked
        assert desk.draft(0).aid is None
        for change in (
            lambda: desk.record(0, [square(5)], "freehand"),
            lambda: desk.undo(0),
            lambda: desk.redo(0),
            lambda: desk.finish(0, not_assessable="shadow"),
        ):
            with pytest.raises(StudyError, match="is locked"):
                change()
    assert aided.status().of("A", 1).finished == 0
    with aided.desk("A", 1) as desk:  # a restart in between changes nothing
        assert desk.draft(0).locked
        shown = desk.aid(0, seconds=0.5)
        assert shown == desk.aid(0) == desk.draft(0).aid
        assert not desk.draft(0).can_undo
        code = desk.cases[0].code
        sha = desk.image(0).sha256
        assert desk.finish(0, seconds=1.0).state == "finished"  # kept as it was
        desk.record(0, shown, "take over", {}, 1.0)
        desk.finish(0)
        with pytest.raises(StudyError, match="cases are not finished"):
            desk.close_session()
    case = next(case.case for case in aided.cases() if case.sha256 == sha)
    unaided, with_model = aided.readings("A", aided=None)
    assert (unaided.aided, with_model.aided) == (False, True)
    assert (unaided.revision, with_model.revision) == (1, 3)
    assert (unaided.case, with_model.case) == (case, case)
    assert with_model.active_seconds == pytest.approx(5.5)
    assert unaided.outlines == (square(),)
    assert with_model.outlines == (aided.aid(case) or ()) or not aided.aid(case)
    assert aided.readings("A") == (unaided,)
    assert aided.readings("A", aided=True) == (with_model,)
    assert aided.verify() == ()
    assert code


def test_what_was_not_assessable_may_stay_so_and_nothing_found_is_shown(aided: Study) -> None:
    with aided.desk("B", 1) as desk:
        for index in range(3):
            desk.finish(index, not_assessable="shadow")
            shown = desk.aid(index)
            assert desk.draft(index).not_assessable == "shadow"
            if shown:
                desk.record(index, shown, "take over")
                desk.finish(index)
            else:
                desk.finish(index, not_assessable="shadow")
        desk.close_session()
    assert [reading.assessable for reading in aided.readings("B")] == [False] * 3
    assert [r.assessable for r in aided.readings("B", aided=True)] == [True, True, False]
    assert aided.verify() == ()


def test_an_import_never_changes_a_locked_answer(aided: Study, tmp_path: Path) -> None:
    table = tmp_path / "in.csv"
    table.write_text("case,roi\ncase-0,in.zip\n")
    write_imagej(tmp_path / "in.zip", [square(3)])
    with aided.desk("A", 1) as desk:
        for index in range(3):
            desk.record(index, [square()], "freehand")
            desk.finish(index)
    with pytest.raises(StudyError, match="the answer is locked"):
        aided.import_readings("A", 1, table, replace=True)
    # For the other reader it is the unaided answer; the model is shown after it.
    aided.import_readings("B", 1, table)
    assert [reading.aided for reading in aided.readings("B")] == [False]
    assert aided.status().of("B", 1).finished == 0


@pytest.mark.parametrize(
    ("aid", "sentence"),
    [(None, "has no column aid"), ("absent.png", "case-0, aid: "), ("small.png", "small.png has")],
)
def test_a_cohort_that_cannot_aid_is_refused(
    tmp_path: Path, clock: Clock, aid: str | None, sentence: str
) -> None:
    table = write_images(tmp_path, 2, [("aid", aid)] if aid else [])
    Picture.fromarray(np.zeros((4, 5), np.uint8)).save(table.parent / "small.png")
    with pytest.raises(StudyError) as error:
        Study.create(
            tmp_path / "x.ptx", table, Protocol(readers=("A",), design="aided"), clock=clock
        )
    assert error.match(sentence)
    assert not (tmp_path / "x.ptx").exists()


def test_a_study_without_aid_shows_none(make_study: Callable[..., Study]) -> None:
    study = make_study(1, reread=0)
    with study.desk("A", 1) as desk, pytest.raises(StudyError, match="shows no model's outlines"):
        desk.aid(0)
    assert study.aid("case-0") is None


def test_seen_before_is_asked_in_the_second_round_only(
    make_study: Callable[..., Study], clock: Clock
) -> None:
    study = make_study(4, reread=3, washout_days=1, ask_seen=True)
    with study.desk("A", 1) as desk:
        assert not desk.asks_seen
        with pytest.raises(StudyError, match="does not ask"):
            desk.seen(0, True)
    read_all(study, "A", 1, clock)
    clock.advance(days=2)
    with study.desk("A", 2) as desk:
        assert desk.asks_seen
        desk.record(0, [square()], "freehand")
        with pytest.raises(StudyError, match="Say first whether you have seen case"):
            desk.finish(0)
        assert desk.seen(0, True).recalled is True
        assert desk.finish(0).state == "finished"
        desk.record(1, [square()], "freehand")
        desk.seen(1, True)
        desk.seen(1, False)  # the last answer counts
        desk.finish(1)
        desk.record(2, [square()], "freehand")
    with study.desk("A", 2) as desk:
        assert [desk.draft(index).recalled for index in range(3)] == [True, False, None]
    assert {reading.recalled for reading in study.readings("A", 1)} == {None}
    assert sorted(map(str, (r.recalled for r in study.readings("A", 2)))) == ["False", "True"]
    assert study.verify() == ()


def read_sizes(study: Study, reader: str, round: int, recalled: int = 0) -> None:
    """Outline each case at a size of its own, a little larger in the second round."""
    sizes = {case.sha256: 6 + 2 * place for place, case in enumerate(study.cases())}
    with study.desk(reader, round, early_reason="a test") as desk:
        for case in desk.cases:
            size = sizes[desk.image(case.index).sha256]
            more = (size % 4 == 0) + (reader == "B")
            desk.record(case.index, [square(4, 4, size + more * (round > 1 or reader == "B"))], "x")
            if desk.asks_seen:
                desk.seen(case.index, case.index < recalled)
            desk.finish(case.index)
            if desk.aided:
                desk.record(case.index, desk.aid(case.index) or [square(4, 4, size)], "take over")
                desk.finish(case.index)


def test_agreement_without_what_was_recalled_and_how_many_cases_are_left(
    make_study: Callable[..., Study], capsys: pytest.CaptureFixture[str]
) -> None:
    study = make_study(12, reread=8, ask_seen=True)
    read_sizes(study, "A", 1)
    assert outlook(study) == ()
    read_sizes(study, "B", 1)
    read_sizes(study, "A", 2, recalled=3)
    result = agreement(study, clusters=False)
    row = result.intra.query("measurand == 'area'").iloc[0]
    without = result.unrecalled.query("measurand == 'area'").iloc[0]
    assert (row["n"], without["n"], without["recalled"]) == (8, 5, 3)
    cases = [r.case for r in study.readings("A", 2) if not r.recalled]
    pairs = result.pairs("A, round 1 – 2", "area")
    kept = pairs[pairs["case"].isin(cases)][["first", "second"]].to_numpy()
    assert without["icc"] == pytest.approx(icc(kept).value)
    assert [one["recalled"] for one in result.to_json()["unrecalled"]] == [3] * 6
    between, within = outlook(study)
    assert (between.comparison, between.n, between.possible) == ("A – B", 12, 12)
    assert (within.comparison, within.n, within.possible) == ("A, round 1 – 2", 8, 8)
    assert between.icc == pytest.approx(result.inter.query("measurand == 'area'").iloc[0]["icc"])
    assert study.amend(
        changed_by(study.protocol, ["icc_threshold=0.995"]), "To see what more it takes."
    )
    texts = [one.sentence for one in outlook(study)]
    assert all("until the lower limit" in text or "no number of cases" in text for text in texts)
    show(result)
    assert "without what they remembered: A, round 1 – 2, n = 5" in capsys.readouterr().out


def test_aided_readings_are_compared_by_choice_and_exported_beside(
    aided: Study, tmp_path: Path
) -> None:
    for reader in ("A", "B"):
        read_sizes(aided, reader, 1)
    alone = agreement(aided, clusters=False)
    helped = agreement(aided, clusters=False, aided=True)
    assert (alone.settings["aided"], helped.settings["aided"]) == (False, True)
    assert alone.overlap["dice"].max() < 1.0
    assert helped.overlap["dice"].tolist() == [1.0] * 3
    aided.export(tmp_path / "out")
    with (tmp_path / "out" / "readings.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [(row["reader"], row["aided"]) for row in rows] == [
        (reader, aided) for reader in "AB" for _ in range(3) for aided in "01"
    ]
    assert len({row["roi"] for row in rows}) == 12
    assert {row["recalled"] for row in rows} == {""}
    assert aided.status().of("A", 1).finished == 3
    assert aided.verify() == ()


def test_verify_finds_what_no_desk_would_have_written(aided: Study) -> None:
    with aided.desk("A", 1) as desk:
        for index in range(2):
            desk.record(index, [square()], "freehand")
            desk.finish(index)
    with aided._store.write() as db:
        key = ledger.session_key(db, "A", 1)
        first, second, third = db.scalars(
            select(AssignmentRow).where(AssignmentRow.session_id == key.id)
        )
        now = ledger.newest(db)
        other = ledger.outlines_text([square(1)])
        ledger.add_stroke(db, key, first, "stroke", now, outlines=other)
        ledger.add_stroke(db, key, second, "aid", now, outlines=other)
        ledger.add_stroke(db, key, third, "aid", now, outlines="[]")
    texts = [problem.text for problem in aided.verify()]
    assert len(texts) == 3
    assert "changes an answer that was locked" in texts[0]
    assert all("is not the model's outline, shown after" in text for text in texts[1:])
