from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from napari_ptx.roi import measure, rasterise, read_imagej, read_mask, write_imagej, write_mask
from napari_ptx.study import Protocol, Study, StudyError
from tests.study.make import Clock, read_all, square


def write_table(
    folder: Path, rows: Sequence[Sequence[str]], columns: Sequence[str] = ("case", "roi")
) -> Path:
    table = folder / "readings.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return table


@pytest.fixture
def rois(tmp_path: Path) -> Path:
    """ImageJ files and masks of the square that ``square(n)`` gives for case n."""
    folder = tmp_path / "rois"
    folder.mkdir()
    for number in range(6):
        mask = rasterise([square(number)], (48, 64))
        write_mask(folder / f"{number}.png", mask)
        write_mask(folder / f"dark{number}.png", ~mask)
        write_imagej(folder / f"{number}.zip", [square(number)])
        write_imagej(folder / f"{number}.roi", [square(number)])
    return folder


def test_imagej_files_and_masks_become_readings(
    make_study: Callable[..., Study], rois: Path, clock: Clock
) -> None:
    study = make_study(4)
    names = ["0.png", "1.zip", "2.roi"]
    table = write_table(rois, [(f"case-{n}", name) for n, name in enumerate(names)])
    assert study.import_readings("A", 1, table) == 3
    readings = study.readings()
    for number, reading in enumerate(readings):
        assert (reading.case, reading.reader, reading.round) == (f"case-{number}", "A", 1)
        assert (reading.origin, reading.revision, reading.finished_at) == ("imported", 1, clock())
        assert rasterise(reading.outlines, (48, 64)).sum() == 64
        assert measure(reading.outlines).area == pytest.approx(64)
        assert reading.outlines[0].points.min() == number - 0.5
    assert study.status().of("A", 1).finished == 3
    with study.desk("A", 1) as desk:
        assert [case.state for case in desk.cases].count("finished") == 3
    base = sqlite3.connect(study.path)
    sources = [json.loads(row[0]) for row in base.execute("SELECT source FROM readings")]
    base.close()
    for source, name in zip(sources, names, strict=True):
        expected = hashlib.sha256((rois / name).read_bytes()).hexdigest()
        assert source == {"file": name, "sha256": expected}
    assert study.verify() == ()


def test_importing_the_same_again_adds_nothing_and_a_correction_adds_a_revision(
    make_study: Callable[..., Study], rois: Path
) -> None:
    study = make_study(2)
    table = write_table(rois, [("case-0", "0.png"), ("case-1", "1.png")])
    assert study.import_readings("A", 1, table) == 2
    before = study.path.read_bytes()
    assert study.import_readings("A", 1, table) == 0
    assert study.path.read_bytes() == before
    assert study.import_readings("A", 1, write_table(rois, [("case-1", "5.png")])) == 1
    assert [reading.revision for reading in study.readings()] == [1, 2]
    assert study.verify() == ()


def test_every_bad_row_is_reported_and_nothing_is_imported(
    make_study: Callable[..., Study], rois: Path, clock: Clock
) -> None:
    study = make_study(12, reread=0)
    with study.desk("A", 1) as desk:
        names = {case.sha256: case.case for case in study.cases()}
        drawn = names[desk.image(0).sha256]
        desk.record(0, [square()], "freehand", {}, 1.0)
    others = [case.case for case in study.cases() if case.case != drawn]
    Picture.new("L", (9, 9)).save(rois / "small.png")
    Picture.new("L", (64, 48)).save(rois / "empty.png")
    future = (clock() + timedelta(days=1)).isoformat()
    rows = [
        ("case-77", "0.png", "", "", ""),
        (others[0], "0.png", "", "", ""),
        (others[0], "0.png", "", "", ""),
        (drawn, "0.png", "", "", ""),
        (others[1], "none.png", "", "", ""),
        (others[2], "small.png", "", "", ""),
        (others[3], "empty.png", "", "", ""),
        (others[4], "", "", "", ""),
        (others[5], "0.png", "shadow", "", ""),
        (others[6], "0.png", "", "1", ""),
        (others[7], "0.png", "", "x", ""),
        (others[8], "0.png", "", "", "yesterday"),
        (others[9], "0.png", "", "", future),
        ("", "0.png", "", "", ""),
    ]
    table = write_table(rois, rows, ("case", "roi", "reason", "frame", "finished_at"))
    with pytest.raises(StudyError, match="13 of 14 rows") as caught:
        study.import_readings("A", 1, table)
    details = caught.value.details
    for number, words in (
        (2, "no such case"),
        (4, "listed twice"),
        (5, "has drawn this case"),
        (6, "none.png"),
        (7, "9 x 9"),
        (8, "holds no outline"),
        (9, "either a roi or"),
        (10, "keep one"),
        (11, "frame 1"),
        (12, "'x'"),
        (13, "ISO 8601"),
        (14, "future"),
        (15, "(none)"),
    ):
        assert [words in line for line in details if line.startswith(f"row {number},")] == [True]
    assert study.readings() == ()


def test_what_a_reader_has_drawn_is_replaced_only_by_choice(
    make_study: Callable[..., Study], rois: Path, clock: Clock
) -> None:
    study = make_study(2, reread=0)
    read_all(study, "A", 1, clock)
    table = write_table(rois, [("case-0", "0.png")])
    with pytest.raises(StudyError, match="1 of 1 rows"):
        study.import_readings("A", 1, table)
    assert study.import_readings("A", 1, table, replace=True) == 1
    (reading, _) = study.readings()
    assert (reading.origin, reading.revision) == ("imported", 2)
    # The drawing is a step back, not lost; and by now it is the reader's own again.
    with study.desk("A", 1) as desk:
        index = next(i for i in (0, 1) if desk.draft(i).outlines == reading.outlines)
        assert desk.undo(index).outlines[0].points.shape == (4, 2)
        desk.finish(index)
    assert study.readings()[0].origin == "drawn"
    assert study.verify() == ()


def test_round_2_takes_only_its_own_cases_and_closed_sessions_take_none(
    make_study: Callable[..., Study], rois: Path, clock: Clock
) -> None:
    study = make_study(6, reread=3)
    everything = write_table(rois, [(f"case-{n}", f"{n}.png") for n in range(6)])
    assert study.import_readings("A", 1, everything) == 6
    with pytest.raises(StudyError, match="3 of 6 rows") as caught:
        study.import_readings("A", 2, everything)
    assert all("not among those that A reads again" in line for line in caught.value.details)
    wrong = {line.split("case ")[1].split(":")[0] for line in caught.value.details}
    right = [f"case-{n}" for n in range(6) if f"case-{n}" not in wrong]
    table = write_table(rois, [(case, f"{case[-1]}.png") for case in right[:2]])
    assert study.import_readings("A", 2, table) == 2
    status = study.status().of("A", 2)
    assert (status.finished, status.total, status.state) == (2, 3, "sealed")
    with study.desk("A", 2, early_reason="test"), pytest.raises(StudyError, match="open in an"):
        study.import_readings("A", 2, table)
    with pytest.raises(StudyError, match="Round 1 of A is closed"):
        study.import_readings("A", 1, everything)


def test_the_washout_begins_when_the_imported_readings_were_made(
    make_study: Callable[..., Study], rois: Path, clock: Clock
) -> None:
    study = make_study(2, reread=1, washout_days=60)
    made = (clock() - timedelta(days=59, hours=23)).isoformat()
    rows = [("case-0", "0.png", "", made), ("case-1", "", "shadow", "2025-10-01")]
    table = write_table(rois, rows, ("case", "roi", "reason", "finished_at"))
    study.import_readings("A", 1, table)
    first, second = study.readings()
    assert first.finished_at.isoformat() == made
    assert second.finished_at == datetime(2025, 10, 1, tzinfo=UTC)
    assert (second.assessable, second.reason, second.outlines) == (False, "shadow", ())
    assert study.status().of("A", 2).state == "sealed"
    clock.advance(hours=1)
    assert study.status().of("A", 2).state == "open"


def test_dark_masks_semicolons_and_empty_rows(make_study: Callable[..., Study], rois: Path) -> None:
    study = make_study(1, reread=0)
    table = rois / "t.csv"
    table.write_text("case,roi\n\n,\ncase-9,none.png\n")
    with pytest.raises(StudyError) as caught:
        study.import_readings("A", 1, table)
    assert [line[:6] for line in caught.value.details] == ["row 4,"]
    table.write_text("\ufeffroi; case;note\n\ndark0.png; case-0\n", encoding="utf-8")
    assert study.import_readings("A", 1, table, invert=True) == 1
    assert rasterise(study.readings()[0].outlines, (48, 64)).sum() == 64


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("case\ncase-0\n", "no column roi"),
        ("a;b\n1;2\n", "no column case and no column roi"),
        ("case,roi\n", "no rows"),
        ("", "no column"),
    ],
)
def test_a_table_that_cannot_be(
    make_study: Callable[..., Study], tmp_path: Path, text: str, sentence: str
) -> None:
    study = make_study(1, reread=0)
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(StudyError, match=sentence):
        study.import_readings("A", 1, tmp_path / "t.csv")
    with pytest.raises(StudyError, match="cannot be read"):
        study.import_readings("A", 1, tmp_path / "none.csv")


@pytest.fixture
def film(tmp_path: Path, clock: Clock) -> Study:
    """A study of one case of four frames, and the same again under an odd name."""
    folder = tmp_path / "films"
    folder.mkdir()
    frames = np.random.default_rng(1).integers(0, 256, (4, 48, 64), np.uint8)
    tifffile.imwrite(folder / "film.tif", frames, imagej=True, metadata={"axes": "TYX"})
    names = ("a/b", "a:b")
    (folder / "cohort.csv").write_text(
        "case,patient,image\n" + "".join(f"{name},p,film.tif\n" for name in names)
    )
    protocol = Protocol(readers=("Ann Lee", "B"))
    return Study.create(tmp_path / "film.ptx", folder / "cohort.csv", protocol, clock=clock)


def test_frames_go_out_and_come_in(film: Study, tmp_path: Path) -> None:
    assert [case.frames for case in film.cases()] == [4, 4]
    outlines = (square(3, frame=1), square(20, frame=3))
    with film.desk("Ann Lee", 1) as desk:
        desk.record(0, outlines, "freehand", {}, 1.0)
        desk.finish(0)
        desk.finish(1, not_assessable="motion")
    out = tmp_path / "out"
    film.export(out)
    rois = list(out.glob("imagej/Ann_Lee_round1/*.zip"))
    assert len(rois) == 1
    assert read_imagej(rois[0]) == outlines
    masks = sorted(out.glob("masks/Ann_Lee_round1/*.png"))
    assert [mask.stem[-8:] for mask in masks] == ["frame001", "frame003"]
    assert np.array_equal(read_mask(masks[1]), rasterise(outlines, (48, 64), 3))
    table = write_table(tmp_path, [("a:b", f"out/{rois[0].relative_to(out)}")])
    film.import_readings("B", 1, table)
    assert film.readings("B")[0].outlines == outlines
    table = write_table(
        tmp_path, [("a/b", f"out/{masks[0].relative_to(out)}", "2")], ("case", "roi", "frame")
    )
    film.import_readings("B", 1, table)
    assert {outline.frame for outline in film.readings("B")[0].outlines} == {2}


def test_an_export_holds_every_reading_with_measurements(
    make_study: Callable[..., Study], clock: Clock, tmp_path: Path
) -> None:
    study = make_study(3, reread=1, washout_days=0)
    read_all(study, "A", 1, clock)
    read_all(study, "A", 2, clock)
    with study.desk("B", 1) as desk:
        desk.record(0, [square(2), square(30)], "freehand", {}, 3.25)
        desk.finish(0)
        desk.finish(1, not_assessable="shadow, left")
    files = study.export(tmp_path / "out")
    assert sorted(files) == sorted(p for p in (tmp_path / "out").rglob("*") if p.is_file())
    with (tmp_path / "out" / "readings.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(study.readings()) == 6
    for row, reading in zip(rows, study.readings(), strict=True):
        assert (row["case"], row["patient"]) == (reading.case, reading.patient)
        assert (row["reader"], int(row["round"])) == (reading.reader, reading.round)
        assert int(row["lesions"]) == len(reading.outlines)
        assert datetime.fromisoformat(row["finished_at"]) == reading.finished_at
        if not reading.outlines:
            assert (row["assessable"], row["reason"], row["area"]) == ("0", "shadow, left", "")
            continue
        measured = measure(reading.outlines)
        assert row["unit"] == "px"
        for name in ("area", "perimeter", "max_diameter", "short_axis", "centroid_y"):
            assert float(row[name]) == getattr(measured, name)
        assert read_imagej(tmp_path / "out" / row["roi"]) == reading.outlines
        mask = read_mask(tmp_path / "out" / row["masks"])
        assert np.array_equal(mask, rasterise(reading.outlines, (48, 64)))
    two = next(row for row in rows if row["lesions"] == "2")
    assert (float(two["area"]), float(two["active_seconds"])) == (128.0, 3.25)
    about = json.loads((tmp_path / "out" / "study.json").read_text())
    assert Protocol.from_json(about["protocol"]) == study.protocol
    assert about["images"]["case-1"]["sha256"] == study.case("case-1").sha256
    for name, digest in about["files"].items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest


def test_an_export_replaces_only_an_untouched_export(
    make_study: Callable[..., Study], clock: Clock, tmp_path: Path
) -> None:
    study = make_study(2, reread=0)
    out = tmp_path / "out"
    out.mkdir()
    study.export(out)
    read_all(study, "A", 1, clock)
    assert (out / "masks/A_round1/case-1.png") in study.export(out)
    (out / "analysis.R").write_text("mine")
    with pytest.raises(StudyError, match=r"no export has written analysis\.R"):
        study.export(out)
    (out / "analysis.R").unlink()
    with (out / "readings.csv").open("a") as file:
        file.write("a note of mine\n")
    with pytest.raises(StudyError, match=r"written readings\.csv as it is now"):
        study.export(out)
    assert (out / "readings.csv").read_text().endswith("a note of mine\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("years")
    with pytest.raises(StudyError, match=r"thesis\.doc"):
        study.export(tmp_path / "full")
    (tmp_path / "file").write_text("x")
    with pytest.raises(StudyError, match="is a file"):
        study.export(tmp_path / "file")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".out")]
