"""The consensus: what holds for each case, where it comes from, and who can use it."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own short name
import statsmodels.stats.inter_rater as inter_rater
import tifffile
from typer.testing import CliRunner

from napari_ptx.cli.root import app, run
from napari_ptx.image import read_cohort
from napari_ptx.roi import rasterise, read_mask, read_roi
from napari_ptx.study import Protocol, Study, StudyError
from napari_ptx.study.adjudicator_agreement import kappa, own_agreement
from napari_ptx.study.consensus import majority, staple
from napari_ptx.study.consensus_files import write_consensus
from tests.study.adjudicated import (
    SENIOR,
    agreeing,
    disagreeing,
    files,
    place_of,
    read,
    shifted,
)
from tests.study.make import Clock, square

Make = Callable[..., Study]


def decide_all(study: Study) -> None:
    """Take a reading on case 1, draw case 2, call case 3 not assessable."""
    with study.adjudication_desk() as desk:
        one, two, three = (place_of(study, desk, f"case-{number}") for number in (1, 2, 3))
        taken = "first" if desk.pair(one).first.outlines == tuple(shifted()) else "second"
        desk.decide(one, taken, reason="The rim is B's.", seconds=3.0)
        desk.begin(two, None)
        desk.record(two, [square(12, 14, 7)], "freehand")
        desk.decide(two, "new")
        desk.decide(three, "not assessable", reason="No lesion visible")


def test_two_readers_agree_or_are_adjudicated(make_study: Make, clock: Clock) -> None:
    study = disagreeing(make_study, clock)
    before = {one.case.case: one for one in study.consensus()}
    assert {case: one.origin for case, one in before.items()} == {
        "case-0": "agreed", "case-1": "open", "case-2": "open", "case-3": "open",
        "case-4": "agreed", "case-5": "agreed",
    }  # fmt: skip
    assert before["case-0"].method == "reader:A"
    assert before["case-4"].assessable is False
    assert before["case-1"].reason == "Dice 0.50 is below 0.8"
    decide_all(study)
    after = {one.case.case: one for one in study.consensus("reader:B")}
    assert after["case-0"].outlines == tuple(agreeing())
    assert after["case-1"].outlines == tuple(shifted())
    assert after["case-2"].outlines == (square(12, 14, 7),)
    assert (after["case-3"].origin, after["case-3"].assessable) == ("adjudicated", False)
    assert after["case-4"].reason == "No lesion visible"
    for method in ("staple", "majority"):
        with pytest.raises(StudyError, match=r"three readers or more.*intersection.*adjudicated"):
            study.consensus(method)
    with pytest.raises(StudyError, match="reader:NAME with one of A, B"):
        study.consensus("reader:C")


def test_three_readers_vote(make_study: Make, clock: Clock) -> None:
    study = make_study(5, readers=("A", "B", "C"), reread=0)
    read(study, "A", {"case-3": "x", "case-4": "x"}, clock)
    read(study, "B", {"case-1": [square(10, 14, 10)], "case-3": "y", "case-4": "y"}, clock)
    read(study, "C", {"case-1": [square(10, 20, 10)], "case-2": "z", "case-3": "z"}, clock)
    assert [one.origin for one in study.consensus()] == ["agreed", "open", "open", "agreed", "open"]
    voted = study.consensus("majority")
    assert [one.origin for one in voted] == ["agreed", "voted", "voted", "agreed", "voted"]
    shape = (48, 64)
    masks = [rasterise([square(10, left, 10)], shape) for left in (12, 14, 20)]
    expected = sum(mask.astype(int) for mask in masks) >= 2
    assert (rasterise(voted[1].outlines, shape) == expected).all()
    assert (rasterise(voted[2].outlines, shape) == masks[0]).all()
    assert [one.assessable for one in voted] == [True, True, True, False, False]
    estimated = study.consensus("staple")
    assert (rasterise(estimated[0].outlines, shape) == masks[0]).all()
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in masks]
    reference = sitk.GetArrayFromImage(sitk.STAPLE(images)) >= 0.5
    assert (rasterise(estimated[1].outlines, shape) == reference).all()
    assert (estimated[2].origin, estimated[2].reason) == (
        "open",
        "STAPLE needs 3 readings; 2 of 3 called it assessable",
    )
    # With an adjudicator, disagreements are not voted away.
    study = make_study(1, readers=("A", "B", "C"), reread=0, name="senior", adjudicator=SENIOR)
    for reader, drawn in zip("ABC", ([], [], shifted()), strict=True):
        read(study, reader, {"case-0": drawn} if drawn else {}, clock)
    assert [one.origin for one in study.consensus("majority")] == ["open"]


def test_staple_of_two_is_the_intersection_and_is_refused() -> None:
    one, two = (rasterise([square(10, left, 12)], (48, 64)) for left in (12, 16))
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (one, two)]
    both = sitk.GetArrayFromImage(sitk.STAPLE(images)) > 0.5
    assert (both == (one & two)).all()
    with pytest.raises(StudyError, match="needs three readings"):
        staple(np.stack([one, two]))
    assert (majority(np.stack([one, two, one & two])) == (one & two)).all()


def test_frames_stay_apart(tmp_path: Path, clock: Clock) -> None:
    stack = np.random.default_rng(1).integers(0, 255, (3, 40, 50), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", metadata={"axes": "TYX"})
    (tmp_path / "cohort.csv").write_text("case,patient,image\nc,p,a.tif\n")
    protocol = Protocol(("A", "B", "C"))
    study = Study.create(tmp_path / "s.ptx", tmp_path / "cohort.csv", protocol, clock=clock)
    for reader, frames in (("A", (0, 2)), ("B", (2,)), ("C", (0, 2))):
        read(study, reader, {"c": [square(5 + frame, 6, 9, frame) for frame in frames]}, clock)
    (voted,) = study.consensus("majority")
    assert {outline.frame for outline in voted.outlines} == {0, 2}
    write_consensus(study, tmp_path / "out", "majority")
    assert {"masks/c_frame000.png", "masks/c_frame002.png"} <= files(tmp_path / "out")
    assert [one.frame for one in read_roi(tmp_path / "out" / "imagej" / "c.zip")] == [0, 2]


def test_the_written_cohort_is_one(make_study: Make, clock: Clock, tmp_path: Path) -> None:
    study = disagreeing(make_study, clock)
    decide_all(study)
    out = tmp_path / "set"
    told = CliRunner().invoke(app, ["study", "consensus", str(study.path), "-o", str(out)])
    assert told.exit_code == 0, told.output
    assert "4 cases in" in told.output
    assert "not settled" not in told.output
    cohort = read_cohort(
        out / "cohort.csv",
        require=("case", "patient", "image", "roi"),
        unique=("case", "reader", "round"),
    )
    origins = dict(zip(cohort.table["case"], cohort.table["consensus"], strict=True))
    assert origins == {
        "case-0": "agreed", "case-1": "adjudicated", "case-2": "adjudicated", "case-5": "agreed",
    }  # fmt: skip
    settled = {one.case.case: one for one in study.consensus()}
    for row in cohort.table.to_dict("records"):
        known = settled[row["case"]]
        assert study.image(row["case"]).sha256 == known.case.sha256
        assert Path(row["image"]).samefile(known.case.image)
        assert read_roi(row["roi"], known.case.shape) == known.outlines
        mask = read_mask(out / row["masks"])
        assert (mask == rasterise(known.outlines, known.case.shape)).all()
    with (out / "left_out.csv").open(encoding="utf-8-sig") as file:
        left = {row["case"]: row["why"] for row in csv.DictReader(file)}
    assert left == dict.fromkeys(("case-3", "case-4"), "not assessable")
    with (out / "decisions.csv").open(encoding="utf-8-sig") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert rows["case-1"]["reader_taken"] == "B"
    assert rows["case-1"]["reason"] == "The rim is B's."
    assert float(rows["case-1"]["dice_before"]) == pytest.approx(0.5)
    assert float(rows["case-1"]["seconds"]) == 3.0
    assert rows["case-3"]["hd95_before"] == ""
    about = json.loads((out / "consensus.json").read_bytes())
    assert about["method"] == "reader:A"
    assert about["cases"] == {"agreed": 3, "adjudicated": 3}
    assert set(about["files"]) | {"consensus.json"} == files(out)
    assert run(["study", "consensus", str(study.path), "-o", str(out)]) == 2
    assert not list(tmp_path.glob(".set*"))


def test_the_coordinator_sees_what_is_left(
    make_study: Make, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    study = disagreeing(make_study, clock)
    with study.adjudication_desk() as desk:
        desk.decide(place_of(study, desk, "case-1"), "not assessable", reason="Two nodules")
    assert run(["study", "adjudicate", str(study.path)]) == 0
    out = capsys.readouterr().out
    assert "Senior" in out
    assert "1 of 3 disagreements decided" in out
    assert "1 against 2 lesions" in " ".join(out.split())
    assert run(["study", "adjudicate", str(study.path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["disagreements"], told["decided"], told["left"]) == (3, 1, 2)
    assert told["cases"][0]["reason"] == "Two nodules"
    assert told["cases"][2]["hd95"] is None


def test_own_agreement_on_the_hidden_repeats(make_study: Make, clock: Clock) -> None:
    study = disagreeing(make_study, clock, adjudicator_repeats=3)
    with study.adjudication_desk() as desk:
        seen: dict[str, int] = {}
        for entry in desk.cases:
            case = next(
                name
                for name in ("case-1", "case-2", "case-3")
                if study.case(name).sha256 == desk.image(entry.index).sha256
            )
            seen[case] = seen.get(case, 0) + 1
            pair = desk.pair(entry.index)
            if case == "case-1":  # the same reading both times, wherever it is
                mine = "first" if pair.first.outlines == tuple(shifted()) else "second"
                desk.decide(entry.index, mine)
            elif case == "case-2":
                desk.begin(entry.index, None)
                desk.record(entry.index, [square(10, 12, 10 if seen[case] == 1 else 5)], "x")
                desk.decide(entry.index, "new")
            else:
                desk.decide(entry.index, "not assessable", reason="No lesion visible")
    status = study.adjudication()
    assert (status.decided, status.repeats) == (3, 3)
    own = own_agreement(status.decisions, {case.case: case for case in study.cases()})
    by_case = dict(zip(own.cases, zip(own.choices, own.dice, strict=True), strict=True))
    assert by_case["case-1"] == (("B", "B"), 1.0)
    assert by_case["case-2"] == (("new", "new"), pytest.approx(2 * 25 / 125))
    assert by_case["case-3"] == (("not assessable",) * 2, 1.0)
    assert own.kappa == 1.0
    assert math.isnan(own.icc)
    # What was decided on a repeat does not hold for the case.
    held = {one.case.case: one for one in study.consensus()}
    assert held["case-2"].outlines == (square(10, 12, 10),)


def test_kappa_is_cohens() -> None:
    random = np.random.default_rng(4)
    names = ["A", "B", "edited", "new"]
    for _ in range(5):
        table = np.zeros((4, 4), int)
        first = random.integers(0, 4, 30)
        second = np.where(random.random(30) < 0.6, first, random.integers(0, 4, 30))
        for one, two in zip(first, second, strict=True):
            table[one, two] += 1
        pairs = [(names[one], names[two]) for one, two in zip(first, second, strict=True)]
        assert kappa(pairs) == pytest.approx(inter_rater.cohens_kappa(table).kappa)
    assert math.isnan(kappa([("A", "A"), ("A", "A")]))
    assert math.isnan(kappa([("A", "B")]))
