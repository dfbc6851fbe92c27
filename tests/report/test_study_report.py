from __future__ import annotations

import csv
import dataclasses
import json
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Picture

from napari_ptx.cli.root import run
from napari_ptx.report import claim_items, grras_items, study_report
from napari_ptx.report.checklist import OPEN
from napari_ptx.report.study_checklists import claim, grras
from napari_ptx.report.study_decisions import decision_rows
from napari_ptx.report.study_facts import gather
from napari_ptx.report.study_flow import flow_steps
from napari_ptx.study import Protocol, ReaderInfo, Study, StudyError
from napari_ptx.study.amendments import amend
from napari_ptx.study.disagreement import count_lesions
from napari_ptx.study.pairs import reading_pairs
from tests.report.page import Page
from tests.study.make import Clock, square, write_images

REASON = "The reader goes on leave & <b>comes back</b> in May"
WHY = "1 mm is finer than the pixels"
DECISIONS = pd.DataFrame(
    [("case-3", "Dice", 0.41, None, "second", "follows the capsule", 21.5)],
    columns=["case", "reasons", "dice", "hd95", "outcome", "reason", "seconds"],
)


def read(study: Study, reader: str, round: int, clock: Clock, **options: Any) -> None:
    """Read a session: B draws larger, is far off in case-3, and cannot assess case-5."""
    with study.desk(reader, round, clock=clock, **options) as desk:
        names = {info.sha256: info.case for info in study.cases()}
        for entry in desk.cases:
            clock.advance(seconds=30)
            case = int(names[desk.image(entry.index).sha256].rpartition("-")[2])
            if (reader, case) == ("B", 5):
                desk.finish(entry.index, not_assessable="shadow", seconds=3.0)
                continue
            size = 8 + case + (reader == "B") + 2 * (round == 2 and case % 3 == 0)
            left = 30 if (reader, case) == ("B", 3) else 12
            desk.record(entry.index, [square(8, left, size)], "freehand", {}, 5.0 + case)
            desk.finish(entry.index, view={}, seconds=1.0)


def by_session(page: Page, heading: str) -> dict[tuple[str, str], dict[str, str]]:
    """Give the rows of a table by reader and round."""
    return {(row["Reader"], row["Round"]): row for row in page.rows("Reader", "Round", heading)}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Give a study in which everything happens that a report has to tell."""
    folder, clock = tmp_path_factory.mktemp("study"), Clock()
    protocol = Protocol(
        readers=("A", "B"),
        reread=5,
        seed=3,
        described=(ReaderInfo("A", "radiologist", 12, "20 cases"), ReaderInfo("B")),
        adjudicator="Senior",
    )
    cohort = write_images(folder, 9, [("simulated", "1"), ("label", "canary-label")])
    made = Study.create(folder / "neck & co.ptx", cohort, protocol, clock=clock)
    read(made, "A", 1, clock)
    read(made, "B", 1, clock)
    clock.advance(days=20)
    with made._store.write() as db:
        changed = dataclasses.replace(protocol, tolerance_mm=2.5)
        amend(db, changed, WHY, clock())
    made.close()
    made = Study.open(made.path, clock=clock)
    read(made, "A", 2, clock, early_reason=REASON)
    return made


@pytest.fixture(scope="module")
def folder(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "out"
    files = study_report(study, out, decisions=DECISIONS)
    assert files[0] == out / "report.html"
    assert all(file.is_file() for file in files)
    return out


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_is_whole_and_loads_nothing(page: Page, folder: Path) -> None:
    assert not page.faults
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    inside = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    text = (folder / "report.html").read_text(encoding="utf-8")
    drawn = set(re.findall(r'\bid="([^"]+)"', text))
    assert inside <= drawn
    assert {"cases", "readers", "protocol", "agreement", "grras", "claim"} <= inside
    assert all(link.startswith(("#", "data:image/")) for link in page.links)
    assert page.sources == []
    assert not re.search(r"url\(\s*['\"]?(?!#)|@import", text)
    assert all(heads and all(heads) for heads, _ in page.tables)
    for heads, rows in page.tables:
        assert all(len(row) in (0, 1, len(heads)) for row in rows)  # 1: a section of a list
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b|\{\{|\}\}", page.text)
    # what somebody wrote is text, not markup
    assert REASON in page.text
    assert "<b>comes back</b>" not in text


def test_what_happened_is_told(page: Page) -> None:
    assert "Reader study: neck & co" in page.text
    assert "Data: simulated images, not patients" in page.text
    assert "The record fits every hash" in page.text
    assert "A, round 2 was opened before its washout was over" in page.text
    (amendment,) = page.rows("Amendment")
    assert (amendment["Reason"], amendment["From"], amendment["To"]) == (WHY, "1 mm", "2.5 mm")
    protocol = {row["Decided"]: row for row in page.rows("Decided")}
    assert protocol["Tolerance of the surface Dice"]["Now in force"] == "2.5 mm"
    assert protocol["Washout"]["Now in force"] == "as before"
    people = {row["Name"]: row for row in page.rows("Name", "Part")}
    assert people["A"]["Years of experience"] == "12"
    assert people["Senior"]["Part"] == "adjudicator"
    assert people["B"]["Role"] == "not described"
    sessions = by_session(page, "Assigned")
    assert sessions["B", "1"]["Not assessable"] == "1 shadow (1)"
    assert sessions["B", "1"]["Outlined"] == "8"
    assert sessions["B", "2"]["Finished"] == "0"
    progress = by_session(page, "Opened")
    assert progress["B", "2"]["State"].startswith("sealed until 2026-03-06")
    assert progress["A", "2"]["Opened"].startswith("2026-01-25")
    assert "tolerance of the surface Dice is 2.5 mm; it was taken as 2.5 px" in page.text
    (decision,) = page.rows("Case", "In the queue for")
    assert decision["Outcome"] == "second"


def test_values_are_those_of_the_agreement_command(
    page: Page, folder: Path, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["agreement", str(study.path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    made = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert made["agreement"] == said
    rows = {
        (row["Comparison"], row["Measurand"]): row for row in page.rows("Comparison", "Measurand")
    }
    both = [*said["inter"], *said["intra"]]
    area = both[0]
    told = f"ICC of area {area['icc']:.3f} {area['low']:.3f} to {area['high']:.3f}, n = 8"
    assert told.replace("-", "−") in page.text
    assert len(rows) == len(both) == 12
    for row in both:
        shown = rows[row["comparison"], row["label"]]
        text = f"{row['icc']:.3f} {row['low']:.3f} to {row['high']:.3f}".replace("-", "−")
        assert shown["ICC, 95% interval"].startswith(text)
        passed = ("yes" if row[name] else "no" for name in ("passes_bound", "passes_point"))
        assert shown["Clears 0.8"] == "{} estimate: {}".format(*passed)
        assert shown["n, patients"] == f"{row['n']}, {row['patients']}"
    overlaps = {row["Comparison"]: row for row in page.rows("Comparison", "n")}
    for row in said["overlap"]["summary"]:
        assert overlaps[row["comparison"]]["Dice"].startswith(f"{row['dice_median']:.3f}")


def test_tables_and_hashes_are_complete(folder: Path, study: Study) -> None:
    about = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    listed = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(about["files"]) == listed - {"report.json"}
    assert about["images"] == {case.case: case.sha256 for case in study.cases()}
    assert about["protocol"]["tolerance_mm"] == 2.5
    assert about["original_protocol"]["tolerance_mm"] == 1.0
    with (folder / "tables" / "work.csv").open(encoding="utf-8-sig", newline="") as file:
        work = list(csv.DictReader(file))
    assert len(work) == 9 + 9 + 5
    mine = [float(w["seconds"]) for w in work if (w["reader"], w["round"]) == ("A", "1")]
    assert sorted(mine) == [6.0 + case for case in range(9)]
    assert {int(w["position"]) for w in work if w["round"] == "1"} == set(range(1, 10))
    text = (folder / "tables" / "times.csv").read_text(encoding="utf-8-sig")
    times = {row["Session"]: row for row in csv.DictReader(text.splitlines())}
    assert times["A, round 1"]["Median (s)"] == f"{np.median(mine):.1f}"


def test_the_command_line_has_the_same_times(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["study", "status", str(study.path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["active_seconds"]
    assert [(row["reader"], row["round"], row["cases"]) for row in said] == [
        ("A", 1, 9),
        ("A", 2, 5),
        ("B", 1, 9),
    ]
    assert (said[0]["median"], said[0]["q1"], said[0]["q3"]) == (10.0, 8.0, 12.0)
    (tmp_path / "letter.txt").write_text("mine")
    assert run(["study", "report", str(study.path), "-o", str(tmp_path)]) == 2
    assert "is not empty; choose an empty folder" in capsys.readouterr().err


def test_disagreements_follow_the_rule(study: Study) -> None:
    found = {pair.case: pair for pair in reading_pairs(study) if pair.broken}
    assert found["case-5"].broken == ("assessability",)
    assert (found["case-5"].dice, found["case-5"].hd95_mm) == (0.0, float("inf"))
    assert found["case-3"].dice == 0.0  # 12 and 11 pixels wide, from 12 and from 30
    assert found["case-3"].hd95_mm is None  # the images are not calibrated
    sizes = {case: (8 + case, 9 + case) for case in range(9) if case not in (3, 5)}
    dice = {c: 2 * a * a / (a * a + b * b) for c, (a, b) in sizes.items()}
    for pair in reading_pairs(study):
        if pair.case in ("case-3", "case-5"):
            continue
        assert pair.dice == pytest.approx(dice[int(pair.case[-1])])
        assert bool(pair.broken) == (pair.dice < 0.80)
    assert {"case-3", "case-5"} <= set(found)


def test_lesions_are_separate_areas_on_one_frame() -> None:
    assert count_lesions(()) == 0
    assert count_lesions([square(4, 4, 8), square(6, 6, 8)]) == 1  # they overlap
    assert count_lesions([square(4, 4, 4), square(20, 20, 4)]) == 2
    assert (
        count_lesions([square(4, 4, 4), square(20, 20, 4, frame=1), square(4, 4, 4, frame=1)]) == 2
    )


def test_only_decisions_that_hold_are_told() -> None:
    def decision(case: str, **changed: Any) -> Any:
        queued = {"case": case, "repeat": False, "dice": 0.5, "hd95": 2.0, "unit": "mm"}
        queued |= {"reasons": ("Dice 0.50 is below 0.8", "1 against 2 lesions")}
        entry = SimpleNamespace(**{k: changed.pop(k, v) for k, v in queued.items()})
        made = {"outcome": "first", "reason": "why", "reader": "B", "seconds": 3.0}
        made |= {"revised": False, "current": True, "entry": entry}
        return SimpleNamespace(**{**made, **changed})

    table = decision_rows(
        [
            decision("1"),
            decision("2", repeat=True),
            decision("3", revised=True),
            decision("3", outcome="edited", hd95=None),
            decision("4", current=False),
            decision("5", outcome="new", reader=None, unit="px"),
        ]
    )
    assert list(table["case"]) == ["1", "3", "5"]
    assert list(table["outcome"]) == ["B", "B, edited", "new"]
    assert list(table["hd95"])[:2] == [2.0, float("inf")]
    assert pd.isna(table["hd95"].iloc[2])
    assert table["reasons"].iloc[0] == "Dice 0.50 is below 0.8, 1 against 2 lesions"


def test_overlaps_are_not_computed_twice(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_ptx.study import comparisons
    from napari_ptx.study.agreement import agreement

    done: list[str] = []
    real = comparisons.overlap_of

    def counting(*args: Any) -> dict[str, Any]:
        done.append(args[0].case)
        return real(*args)

    monkeypatch.setattr(comparisons, "overlap_of", counting)
    monkeypatch.setattr("napari_ptx.study.pairs.overlap_of", counting)
    compared = agreement(study, replicates=20)
    before = len(done)
    assert before == 8 + 5
    assert reading_pairs(study, compared) == reading_pairs(study)
    assert len(done) == before + 8  # the second call alone


def test_the_flow_adds_up_and_checklists_have_every_item(study: Study, page: Page) -> None:
    facts = gather(study, made=Clock()(), decisions=DECISIONS, replicates=20)
    steps, groups = flow_steps(facts)
    assert list(steps["n"].dropna()) == [9, 9, 9]
    assert sum(groups.values()) == 9
    assert groups["They disagree; adjudicated"] == 1
    assert len(grras_items.ITEMS) == 15
    assert [item.number for item in claim_items.ITEMS] == [str(n) for n in range(1, 45)]
    for prefix, answers in (("grras", grras(facts)), ("claim", claim(facts))):
        there = [name for name in page.ids if name.startswith(f"{prefix}-")]
        assert there == [f"{prefix}-{answer.item.number}" for answer in answers]
        for answer in answers:
            assert answer.known or answer.missing
    ours = {answer.item.number: answer for answer in grras(facts)}
    for number in ("1", "5", "14"):
        assert (ours[number].state, ours[number].missing) == ("open", OPEN)
    assert ours["13"].state == "known"
    assert ours["9"].state == "known"  # nothing was imported
    assert REASON in ours["8"].known
    assert "20 days" in ours["8"].known
    assert ours["12"].state == "partly"  # nobody said who B is
    theirs = {answer.item.number: answer for answer in claim(facts)}
    assert {theirs[str(n)].state for n in (*range(19, 21), *range(22, 29))} == {"open"}
    assert theirs["18"].state == "known"


def test_the_flow_tells_who_was_left_out_and_why(tmp_path: Path) -> None:
    cohort, clock = write_images(tmp_path, 5), Clock()
    protocol = Protocol(readers=("A", "B"), reread=0)
    with Study.create(tmp_path / "new.ptx", cohort, protocol, clock=clock) as study:
        names = {info.sha256: info.case for info in study.cases()}
        for reader in "AB":
            with study.desk(reader, 1, clock=clock) as desk:
                for entry in desk.cases:
                    case = names[desk.image(entry.index).sha256]
                    if case == "case-0":
                        reason = {"A": "motion", "B": "shadow"}[reader]
                        desk.finish(entry.index, not_assessable=reason)
                    elif (reader, case) != ("B", "case-1"):
                        desk.record(entry.index, [square()], "freehand", {}, 1.0)
                        desk.finish(entry.index)
        facts = gather(study, made=clock(), replicates=20)
        found = {pair.case: pair for pair in reading_pairs(study)}
    assert found["case-0"].broken == ()  # both say so, if not why
    steps, groups = flow_steps(facts)
    rows = steps.astype(object).where(steps.notna(), "").to_dict("records")
    assert [(row["n"], row.get("reason"), row.get("n_excluded")) for row in rows] == [
        (5, "Not finished by two readers", 1),
        (4, "Not assessable: motion / shadow", 1),
        (3, "", ""),
        (3, "", ""),
    ]
    assert groups == {}
    assert rows[-1]["step"] == "Readers agree by the protocol's rule"


def test_a_changed_record_is_told_on_the_page(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none: dict[str, list[Any]] = {"forest": [], "pairs": [], "overlap": []}
    monkeypatch.setattr("napari_ptx.report.study_agreement.draw", lambda *_: none)
    copy = tmp_path / "changed.ptx"
    with closing(sqlite3.connect(study.path)) as source, closing(sqlite3.connect(copy)) as db:
        source.backup(db)
        triggers = db.execute("select name from sqlite_master where type = 'trigger'").fetchall()
        for (name,) in triggers:
            db.execute(f'drop trigger "{name}"')
        db.execute("update readings set active_seconds = 1.5 where id = 4")
        db.commit()
    shutil.copytree(study.path.parent / "canary-folder", tmp_path / "canary-folder")
    with Study.open(copy) as changed:
        files = study_report(changed, tmp_path / "out", replicates=20)
    text = Page(files[0].read_text(encoding="utf-8")).text
    assert re.search(r"The record was checked on .*: [1-9]\d* problems? found", text)


def test_a_study_without_readings_has_a_report_too(tmp_path: Path) -> None:
    cohort = write_images(tmp_path, 3)
    with Study.create(tmp_path / "new.ptx", cohort, Protocol(readers=("A", "B"))) as study:
        files = study_report(study, tmp_path / "out")
    page = Page(files[0].read_text(encoding="utf-8"))
    assert "has no case with two finished readings to compare" in page.text
    assert "The record does not say what the data were" in page.text
    assert not page.faults
    assert not re.search(r"\bnan\b|\bNone\b", page.text)


def test_only_a_report_is_replaced_and_a_failure_leaves_nothing(
    study: Study, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_ptx.report.study._content", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        study_report(study, tmp_path / "out", replicates=20)
    assert list(tmp_path.iterdir()) == []
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("mine")
    with pytest.raises(StudyError, match="is not empty"):
        study_report(study, mine)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "tables" / "inter.csv").write_text("my notes")
    with pytest.raises(StudyError, match=r"tables/inter\.csv that was added or changed"):
        study_report(study, copy)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium")
def test_chromium_shows_the_page(folder: Path, tmp_path: Path) -> None:
    shot = tmp_path / "page.png"
    subprocess.run(
        ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,3000",
         f"--screenshot={shot}", (folder / "report.html").as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    with Picture.open(shot) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape == (3000, 1200, 3)
    assert (pixels[0] == (0, 114, 178)).all()  # the bar at the top
    dark = (pixels.sum(axis=2) < 300).mean(axis=1)
    assert (dark > 0).mean() > 0.2  # text all the way down
    assert (pixels[:, 1190:].sum(axis=2)[10:] > 600).all()  # nothing runs over the margin
