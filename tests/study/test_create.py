from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from PIL import Image as Picture

from napari_ptx.image import CohortError, read_image
from napari_ptx.study import Protocol, ReaderInfo, Study, StudyError, store
from napari_ptx.study.tables import Base

PROTOCOL = Protocol(readers=("A", "B"), reread=2)


def test_a_study_knows_its_cases_protocol_and_readers(
    make_study: Callable[..., Study], write_cohort: Callable[..., Path], tmp_path: Path
) -> None:
    table = write_cohort(4, extra=[("label", "1"), ("age", "61"), ("note", "")])
    with Study.create(tmp_path / "s.ptx", table, PROTOCOL, name="neck") as study:
        assert (study.name, study.readers, study.protocol) == ("neck", ("A", "B"), PROTOCOL)
        cases = study.cases()
    assert [case.case for case in cases] == ["case-0", "case-1", "case-2", "case-3"]
    first = cases[0]
    assert first.patient == "patient-0"
    assert first.image == table.parent / "canary-file-0.png"
    assert first.sha256 == read_image(first.image).sha256
    assert (first.shape, first.frames, first.spacing) == ((48, 64), 1, None)
    assert first.extra == {"label": 1, "age": 61, "note": None}


def test_truth_is_kept_apart_from_other_columns(
    write_cohort: Callable[..., Path], tmp_path: Path
) -> None:
    table = write_cohort(2, extra=[("label", "1"), ("age", "61")])
    Study.create(tmp_path / "s.ptx", table, Protocol(readers=("A",))).close()
    base = sqlite3.connect(tmp_path / "s.ptx")
    assert base.execute("SELECT name, value FROM truth").fetchall() == [("label", "1")] * 2
    assert base.execute("SELECT extra FROM cases").fetchall() == [('{"age":61}',)] * 2
    base.close()


def test_every_bad_row_is_reported_and_no_file_is_left(
    write_cohort: Callable[..., Path], tmp_path: Path
) -> None:
    table = write_cohort(5)
    for number in (1, 3):
        (table.parent / f"canary-file-{number}.png").write_bytes(b"not an image")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StudyError, match="2 of 5 images") as caught:
        Study.create(tmp_path / "s.ptx", table, PROTOCOL)
    first, second = caught.value.details
    assert first.startswith("case case-1, image: ")
    assert "canary-file-1.png" in first
    assert second.startswith("case case-3, image: ")
    assert sorted(tmp_path.iterdir()) == before


def test_a_missing_file_and_a_second_row_of_a_case_are_the_cohort_s_errors(
    write_cohort: Callable[..., Path], tmp_path: Path
) -> None:
    table = write_cohort(2)
    with table.open("a") as file:
        file.write("case-0,p,canary-file-0.png\ncase-9,p,none.png\n")
    with pytest.raises(CohortError) as caught:
        Study.create(tmp_path / "s.ptx", table, PROTOCOL)
    assert len(caught.value.details) == 2


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("there.ptx", "is there already"),
        ("s.sqlite", "ends in .ptx"),
        ("none/s.ptx", "no folder"),
        ("wal.ptx", "left from a study"),
    ],
)
def test_a_target_that_cannot_be_is_refused(
    write_cohort: Callable[..., Path], tmp_path: Path, name: str, sentence: str
) -> None:
    (tmp_path / "there.ptx").write_bytes(b"precious")
    (tmp_path / "wal.ptx-wal").write_bytes(b"old")
    with pytest.raises(StudyError, match=sentence):
        Study.create(tmp_path / name, write_cohort(2), PROTOCOL)
    assert (tmp_path / "there.ptx").read_bytes() == b"precious"


def test_more_cases_to_read_again_than_there_are(
    write_cohort: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match="3 cases cannot be read again"):
        Study.create(tmp_path / "s.ptx", write_cohort(2), Protocol(readers=("A",), reread=3))


def test_a_study_moves_together_with_its_images(
    write_cohort: Callable[..., Path], tmp_path: Path
) -> None:
    table = write_cohort(2)
    Study.create(tmp_path / "s.ptx", table, PROTOCOL).close()
    there = tmp_path / "elsewhere"
    there.mkdir()
    shutil.move(tmp_path / "s.ptx", there)
    shutil.move(table.parent, there)
    with Study.open(there / "s.ptx") as study:
        assert study.image("case-1").shape == (48, 64)


def test_a_changed_and_a_missing_image_are_named(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    with make_study(2) as study:
        images = [case.image for case in study.cases()]
        images[0].unlink()
        Picture.new("L", (64, 48), 3).save(images[1])
        with pytest.raises(StudyError, match=r"case case-0 .*canary-file-0"):
            study.image("case-0")
        with pytest.raises(StudyError, match=r"case case-1, .* has changed"):
            study.image("case-1")
        with pytest.raises(StudyError, match="no case case-7"):
            study.image("case-7")


def test_identical_pictures_are_allowed_and_named(
    write_cohort: Callable[..., Path], tmp_path: Path
) -> None:
    table = write_cohort(4)
    shutil.copy(table.parent / "canary-file-0.png", table.parent / "canary-file-2.png")
    with Study.create(tmp_path / "s.ptx", table, PROTOCOL) as study:
        status = study.status()
    assert status.warnings == ("The cases case-0, case-2 have the same pixels.",)
    assert status.to_json()["warnings"] == list(status.warnings)


def test_the_same_seed_and_name_give_the_same_worklists(
    write_cohort: Callable[..., Path], tmp_path: Path
) -> None:
    def worklists(file: str, name: str, seed: int) -> list[tuple[object, ...]]:
        protocol = Protocol(readers=("A", "B"), reread=4, seed=seed)
        Study.create(tmp_path / file, write_cohort(8), protocol, name=name).close()
        base = sqlite3.connect(tmp_path / file)
        rows = base.execute("SELECT session_id, position, image_id, code FROM assignments")
        found = rows.fetchall()
        base.close()
        return found

    first = worklists("1.ptx", "neck", 5)
    assert first == worklists("2.ptx", "neck", 5)
    assert first != worklists("3.ptx", "neck", 6)
    assert first != worklists("4.ptx", "other", 5)


def test_both_readers_read_the_same_cases_again_in_another_order(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    make_study(12, reread=6).close()
    base = sqlite3.connect(tmp_path / "demo.ptx")
    lists = [
        [row[0] for row in base.execute(
            "SELECT image_id FROM assignments JOIN sessions ON sessions.id = session_id "
            "WHERE reader_id = ? AND round = ? ORDER BY position", (reader, round_))]
        for reader in (1, 2) for round_ in (1, 2)
    ]  # fmt: skip
    base.close()
    a1, a2, b1, b2 = lists
    assert sorted(a1) == sorted(b1) == list(range(1, 13))
    assert sorted(a2) == sorted(b2)
    assert len(a2) == 6
    assert a1 != b1
    assert a2 != b2
    assert [image for image in a1 if image in a2] != a2


def test_what_is_not_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study file"):
        Study.open(tmp_path / "none.ptx")
    (tmp_path / "text.ptx").write_text("hello")
    sqlite3.connect(tmp_path / "other.ptx").execute("CREATE TABLE t (a)").connection.close()
    for name in ("text.ptx", "other.ptx"):
        with pytest.raises(StudyError, match="is not a napari-ptx study"):
            Study.open(tmp_path / name)


def test_a_newer_study_asks_for_an_update(make_study: Callable[..., Study], tmp_path: Path) -> None:
    make_study(1, reread=0).close()
    base = sqlite3.connect(tmp_path / "demo.ptx")
    base.execute("UPDATE alembic_version SET version_num = '9999'")
    base.commit()
    base.close()
    with pytest.raises(StudyError, match="newer version of napari-ptx"):
        Study.open(tmp_path / "demo.ptx")


def test_the_newest_revision_is_known_and_makes_the_tables_as_declared(
    make_study: Callable[..., Study],
) -> None:
    scripts = ScriptDirectory(str(Path(store.__file__).with_name("migrations")))
    assert scripts.get_heads() == [store.SCHEMA]
    with make_study(1, reread=0) as study, study._store.read() as db:
        context = MigrationContext.configure(db.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_database_is_durable_and_keeps_its_references(
    make_study: Callable[..., Study],
) -> None:
    with make_study(1, reread=0) as study, study._store.read() as db:

        def pragma(name: str) -> object:
            return db.connection().exec_driver_sql(f"PRAGMA {name}").scalar()

        found = {name: pragma(name) for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_told(make_study: Callable[..., Study], tmp_path: Path) -> None:
    make_study(1, reread=0).close()
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StudyError, match=r"read-only|opened for writing"):
            Study.open(tmp_path / "demo.ptx").desk("A", 1)
    finally:
        tmp_path.chmod(0o700)


def test_the_protocol_survives_its_json_and_refuses_what_it_does_not_know() -> None:
    again = Protocol.from_json(json.loads(json.dumps(PROTOCOL.to_json())))
    assert again == PROTOCOL
    with pytest.raises(StudyError, match="jury"):
        Protocol.from_json({**PROTOCOL.to_json(), "jury": "S"})


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"readers": ()}, "at least one reader"),
        ({"readers": ("A", "a")}, "same name"),
        ({"readers": ("A", " ")}, "reader's name"),
        ({"reread": -1}, "negative"),
        ({"icc_form": "2,1"}, "not a form"),
        ({"icc_threshold": 1.0}, "between 0 and 1"),
        ({"tolerance_mm": 0.0}, "greater than 0"),
        ({"tolerance_mm": float("nan")}, "greater than 0"),
        ({"adjudicator": "a"}, "somebody else"),
        ({"described": (ReaderInfo("B"),)}, "not a reader"),
        ({"design": "paired"}, "independent, aided"),
        ({"measurands": ("volume",)}, "volume cannot be measured"),
        ({"disagree_dice": 1.2}, "Dice limit"),
    ],
)
def test_a_protocol_that_cannot_be(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        Protocol(**{"readers": ("A",), **fields})


def test_the_room_s_values_load_no_database() -> None:
    code = (
        "import sys; from napari_ptx.study import Protocol, StudyError; "
        "print('sqlalchemy' in sys.modules, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_drawing_by_label_needs_labels(tmp_path: Path, write_cohort: Callable[..., Path]) -> None:
    protocol = Protocol(readers=("A",), reread=2, reread_draw="label")
    table = write_cohort(6)
    with pytest.raises(StudyError, match=r"drawn by label: .* gives none for case-0, case-1"):
        Study.create(tmp_path / "s.ptx", table, protocol)
    rows = zip(table.read_text().splitlines(), ["label", *"000011"], strict=True)
    table.write_text("\n".join(f"{row},{label}" for row, label in rows))
    with Study.create(tmp_path / "s.ptx", table, protocol) as study:
        labels = {case.sha256: case.extra["label"] for case in study.cases()}
        with study.desk("A", 1) as desk:
            for case in desk.cases:
                desk.finish(case.index, not_assessable="shadow")
        with study.desk("A", 2, early_reason="a test") as desk:
            drawn = [labels[desk.image(case.index).sha256] for case in desk.cases]
    assert sorted(drawn) == [0, 1]  # their quotas are 1.33 and 0.67
