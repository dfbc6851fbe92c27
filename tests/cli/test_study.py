from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from napari_ptx.cli.study import app
from napari_ptx.errors import PtxError
from napari_ptx.roi import Outline, write_imagej
from napari_ptx.study import StudyError


def run(*arguments: object) -> int:
    status = app(args=[str(argument) for argument in arguments], standalone_mode=False)
    return int(status or 0)


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Five cases, two of them the same picture, and a reading of each."""
    rows = [["case", "patient", "image", "label"]]
    rois = [["case", "roi"]]
    for number in range(5):
        pixels = np.random.default_rng(number % 4).integers(0, 256, (40, 50), np.uint8)
        Picture.fromarray(pixels).save(tmp_path / f"{number}.png")
        points = np.array([(5, 5), (5, 20), (20 + number, 12)])
        write_imagej(tmp_path / f"{number}.zip", [Outline(points)])
        rows.append([f"c{number}", f"p{number}", f"{number}.png", "0"])
        rois.append([f"c{number}", f"{number}.zip"])
    for name, table in (("cohort.csv", rows), ("readings.csv", rois)):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows(table)
    return tmp_path / "cohort.csv"


@pytest.fixture
def study(cohort: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = cohort.with_name("neck.ptx")
    run("new", path, "--cohort", cohort, "--readers", "A,B", "--reread", 2, "--seed", 3)
    capsys.readouterr()
    return path


def test_new_says_what_it_made(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = cohort.with_name("s.ptx")
    options = ("--readers", "A, Dr B", "--reread", 2, "--washout-days", 30, "--name", "Neck")
    assert run("new", path, "--cohort", cohort, *options, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["path"] == str(path)
    assert (answer["name"], answer["cases"]) == ("Neck", 5)
    assert [(entry["reader"], entry["round"], entry["total"]) for entry in answer["rounds"]] == [
        ("A", 1, 5),
        ("A", 2, 2),
        ("Dr B", 1, 5),
        ("Dr B", 2, 2),
    ]
    assert answer["warnings"] == ["The cases c0, c4 have the same pixels."]


def test_new_for_people(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("new", cohort.with_name("s.ptx"), "--cohort", cohort, "--readers", "A") == 0
    text = capsys.readouterr().out
    assert "s: 5 cases" in text
    assert "0/5" in text
    assert "same pixels" in text


def test_new_takes_a_folder_of_images(cohort: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    for name in ("anna/left.png", "anna/right.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Picture.fromarray(np.full((9, 9), len(name), np.uint8)).save(folder / name)
    assert run("new", tmp_path / "s.ptx", "--cohort", folder, "--readers", "A") == 0
    table = (tmp_path / "s.cohort.csv").read_text().split()
    assert table == [
        "case,patient,image",
        "left,anna,images/anna/left.png",
        "right,anna,images/anna/right.png",
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(PtxError, match="There are no images"):
        run("new", tmp_path / "t.ptx", "--cohort", tmp_path / "empty", "--readers", "A")


def test_new_reports_all_bad_rows(cohort: Path) -> None:
    for name in ("1.png", "3.png"):
        (cohort.parent / name).write_text("no picture")
    with pytest.raises(PtxError) as caught:
        run("new", cohort.with_name("s.ptx"), "--cohort", cohort, "--readers", "A")
    assert len(caught.value.details) == 2


def test_import_status_export_verify(
    study: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    table = study.with_name("readings.csv")
    assert run("import-readings", study, table, "--reader", "A", "--round", 1, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"imported": 5}
    assert run("import-readings", study, "--reader", "A", "--round", 1, table) == 0
    assert "0 new readings of A, round 1" in capsys.readouterr().out

    assert run("status", study, "--json") == 0
    status = json.loads(capsys.readouterr().out)
    first, second = status["rounds"][:2]
    assert (first["finished"], first["state"], second["state"]) == (5, "open", "sealed")
    assert second["opens_on"] > first["last_active"]
    assert run("status", study) == 0
    text = capsys.readouterr().out
    assert "5/5" in text
    assert "sealed until 20" in text

    out = tmp_path / "out"
    assert run("export", study, "-o", out, "--json") == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert len(files) == 5 + 5 + 2 + 2 + 7
    assert all(Path(file).is_file() for file in files)
    assert run("export", study, "-o", out, "--formats", "imagej, seg") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "7 files in" in text
    assert "seg: 5 readings left out (case c0, A, round 1: 0.png is no DICOM file" in text
    assert run("export", study, "-o", out, "--formats", "sr", "--json") == 0
    (sentence,) = json.loads(capsys.readouterr().out)["left_out"]
    assert sentence.startswith("sr: 5 readings left out")
    assert run("export", study, "-o", out, "--formats", "coco") == 0
    capsys.readouterr()
    coco = out / "coco.json"
    assert run("import-readings", study, coco, "--reader", "A", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"imported": 0}

    assert run("verify", study, "--images") == 0
    assert "The record and the images fit every hash." in capsys.readouterr().out
    assert run("verify", study, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"problems": []}


def test_verify_answers_no_with_status_1(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = sqlite3.connect(study)
    base.execute("UPDATE cases SET patient = 'somebody' WHERE name = 'c2'")
    base.commit()
    base.close()
    assert run("verify", study) == 1
    assert "1 problem found" in capsys.readouterr().out
    assert run("verify", study, "--json") == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["table"] == "study"
    (study.parent / "0.png").unlink()
    assert run("verify", study, "--images") == 1
    assert "2 problems found" in capsys.readouterr().out


def test_what_cannot_be_is_one_error(study: Path, tmp_path: Path) -> None:
    table = study.with_name("readings.csv")
    for arguments, sentence in (
        (("status", tmp_path / "none.ptx"), "no study file"),
        (("import-readings", study, table, "--reader", "C"), "no round 1 for a reader C"),
        (("import-readings", study, table, "--reader", "A", "--round", 2), "3 of 5 rows"),
        (("export", study, "-o", study.parent), "not empty"),
        (("export", study, "-o", tmp_path / "x", "--formats", "dicom"), "no format 'dicom'"),
    ):
        with pytest.raises(StudyError, match=sentence):
            run(*arguments)


def test_replay_shows_steps_and_writes_a_film(
    study: Path, cohort: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("import-readings", study, cohort.with_name("readings.csv"), "--reader", "A")
    capsys.readouterr()
    assert run("replay", study, "--reader", "A", "--case", "c1") == 0
    text = capsys.readouterr().out
    assert "A, round 1, case c1" in text
    assert "outlines imported" in text
    assert "were not counted" in text
    assert run("replay", study, "--reader", "A", "--json") == 0
    cases = json.loads(capsys.readouterr().out)["cases"]
    assert {one["case"] for one in cases} == {"c0", "c1", "c2", "c3", "c4"}
    film = study.with_name("film.gif")
    assert run("replay", study, "--reader", "A", "--case", "c1", "-o", film, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["file"] == str(film)
    assert answer["steps"][0]["kind"] == "import"
    assert film.read_bytes()[:6] == b"GIF89a"
    with pytest.raises(StudyError, match="name it with --case"):
        run("replay", study, "--reader", "A", "-o", film)


def test_relink_finds_images_by_their_pixels(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = study.parent / "away"
    away.mkdir()
    study.with_name("1.png").rename(away / "renamed.png")
    study.with_name("2.png").unlink()
    assert run("relink", study, away, "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["there"] == 3
    assert answer["found"] == [{"case": "c1", "image": str(away / "renamed.png")}]
    assert [one["case"] for one in answer["missing"]] == ["c2"]
    assert run("relink", study, away) == 1
    text = capsys.readouterr().out
    assert "missing: c2" in text
    assert "4 in their place, 0 found again, 1 missing, 0 changed" in text
