"""Tampering: every field of every table, missing rows, forged rows, changed images."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image as Picture
from sqlalchemy import select

from napari_ptx.study import Problem, Protocol, Study, chain, ledger
from napari_ptx.study.tables import Base, CaseRow, ReadingRow, StrokeRow
from tests.study.make import Clock, read_all, square, write_images

# What may differ between two copies of one study: where its images are, what the app
# remembers, and numbers of rows that nothing refers to.
FREE = {
    *("images.path", "settings.name", "settings.value"),
    *("study.id", "truth.id", "alembic_version.version_num"),
}
FIELDS = [
    f"{table.name}.{column.name}"
    for table in Base.metadata.sorted_tables
    for column in table.columns
    # Only a reader's kit carries pixels.
    if f"{table.name}.{column.name}" not in FREE and table.name != "pixels"
]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with drawn, revised, imported and not assessable readings in two rounds."""
    folder, clock = tmp_path_factory.mktemp("study"), Clock()
    study = Study.create(
        folder / "study.ptx",
        write_images(folder, 4, extra=[("label", "1"), ("site", "left")]),
        Protocol(readers=("A", "B"), reread=2),
        clock=clock,
    )
    read_all(study, "A", 1, clock)
    with study.desk("A", 1) as desk:
        desk.undo(1)
        desk.record(1, [square(3), square(30)], "polygon", {"zoom": 4.0}, 2.0)
        desk.finish(1, seconds=1.0)
        desk.finish(2, not_assessable="shadow")
    clock.advance(days=61)
    read_all(study, "A", 2, clock)
    table = folder / "readings.csv"
    table.write_text("case,roi,reason\ncase-2,,motion\ncase-3,,shadow\n")
    study.import_readings("B", 1, table)
    with study._store.write() as db:
        for name in ("case-1", "case-2", "case-3"):
            case = db.scalars(select(CaseRow).where(CaseRow.name == name)).one()
            ledger.add_adjudication(
                db, "stroke", ledger.stamp(db, clock()), case=case, outlines="[]", seconds=1.5
            )
    study.verify()
    study.close()
    return folder


@pytest.fixture
def study(original: Path, tmp_path: Path) -> Iterator[Study]:
    """Give a copy that a test may spoil."""
    shutil.copytree(original, tmp_path / "copy")
    with Study.open(tmp_path / "copy" / "study.ptx") as study:
        yield study


@contextmanager
def tampering(study: Study) -> Iterator[sqlite3.Connection]:
    """Give the database with its guards down; they are up again afterwards."""
    base = sqlite3.connect(study.path)
    triggers = base.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        base.execute(f"DROP TRIGGER {name}")
    yield base
    for _, sql in triggers:
        base.execute(sql)
    base.commit()
    base.close()


def changed(value: object) -> object:
    if value is None:
        return "x"
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1") if value else "x"
    return value + 0.5 if isinstance(value, float) else 1000 - int(str(value))


def test_an_honest_record_has_no_problems(study: Study) -> None:
    assert study.verify() == ()
    assert study.verify(images=True) == ()
    assert study.status().verified is not None
    assert study.status().verified["problems"] == 0


@pytest.mark.parametrize("field", FIELDS)
def test_any_changed_field_is_found(study: Study, field: str) -> None:
    table, column = field.split(".")
    with tampering(study) as base:
        rows = base.execute(f"SELECT rowid, {column} FROM {table} ORDER BY rowid").fetchall()
        row, value = rows[len(rows) // 2]
        new = f"other-{value}" if column == "name" else changed(value)
        if field in ("images.calibrated", "images.colour", "readings.assessable"):
            new = 1 - int(value)
        base.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, row))
    assert study.verify()


@pytest.mark.parametrize("table", ["strokes", "readings", "events", "adjudications"])
@pytest.mark.parametrize("which", ["first", "middle", "last"])
def test_a_missing_row_is_found(study: Study, table: str, which: str) -> None:
    with tampering(study) as base:
        ids = [row[0] for row in base.execute(f"SELECT id FROM {table} ORDER BY id")]
        row = {"first": ids[0], "middle": ids[len(ids) // 2], "last": ids[-1]}[which]
        base.execute(f"DELETE FROM {table} WHERE id = ?", (row,))
    assert any(problem.table == table for problem in study.verify())


def test_the_case_and_the_reader_are_named(study: Study) -> None:
    with tampering(study) as base:
        row, case = base.execute(
            "SELECT readings.id, cases.name FROM readings "
            "JOIN assignments ON assignments.id = assignment_id "
            "JOIN images ON images.id = image_id JOIN cases ON cases.id = case_id "
            "WHERE revision = 2 LIMIT 1"
        ).fetchone()
        base.execute("UPDATE readings SET active_seconds = 1 WHERE id = ?", (row,))
    (first, second) = study.verify()
    text = f"A, round 1, case {case}, revision 2"
    assert first == Problem("readings", row, f"{text}: it was changed after it was written.")
    assert second.text == f"{text}: it is not what the strokes give."


def test_a_reading_forged_together_with_its_own_hash_is_found(study: Study) -> None:
    with tampering(study) as base, study._store.read() as db:
        row = db.query(ReadingRow).filter(ReadingRow.revision == 2).first()
        assert row is not None
        row.outlines = "[]"
        row.hash = chain.reading_hash(row)
        base.execute(
            "UPDATE readings SET outlines = '[]', hash = ? WHERE id = ?", (row.hash, row.id)
        )
        forged = row.id
        db.rollback()
    (problem,) = study.verify()
    assert (problem.table, problem.row) == ("readings", forged)
    assert problem.text.endswith("it is not what the strokes give.")


def test_a_stroke_forged_together_with_its_own_hash_breaks_the_next(study: Study) -> None:
    with tampering(study) as base, study._store.read() as db:
        row = db.query(StrokeRow).filter(StrokeRow.session_id == 1, StrokeRow.number == 1).one()
        code = base.execute(
            "SELECT code FROM assignments WHERE id = ?", (row.assignment_id,)
        ).fetchone()[0]
        row.outlines = "[]"
        row.hash = chain.stroke_hash(row, code)
        base.execute(
            "UPDATE strokes SET outlines = '[]', hash = ? WHERE id = ?", (row.hash, row.id)
        )
        db.rollback()
    texts = [problem.text for problem in study.verify()]
    assert any("stroke 2: it does not follow from the row before it" in text for text in texts)
    assert any("it is not what the strokes give" in text for text in texts)


def test_two_rows_that_changed_places_are_found(study: Study) -> None:
    with tampering(study) as base:
        for old, new in ((2, 9002), (3, 2), (9002, 3)):
            base.execute(
                "UPDATE strokes SET number = ? WHERE number = ? AND session_id = 1", (new, old)
            )
    assert len(study.verify()) >= 2


def test_a_guard_that_was_taken_down_is_found(study: Study) -> None:
    base = sqlite3.connect(study.path)
    base.execute("DROP TRIGGER readings_no_update")
    base.commit()
    base.close()
    (problem,) = study.verify()
    assert problem.table == "schema"
    assert "trigger readings_no_update" in problem.text


def test_damage_to_the_file_itself_is_told(study: Study) -> None:
    study.close()
    data = bytearray(study.path.read_bytes())
    start = len(data) // 4096 // 2 * 4096
    data[start : start + 4096 * 3] = bytes(4096 * 3)
    study.path.write_bytes(data)
    problems = study.verify()
    assert problems
    assert {problem.table for problem in problems} == {"file"}


def test_changed_and_missing_images_are_found_on_demand(study: Study) -> None:
    cases = study.cases()
    cases[1].image.unlink()
    Picture.new("L", (64, 48), 3).save(cases[2].image)
    assert study.verify() == ()
    first, second = study.verify(images=True)
    assert first.text.startswith("Case case-1: ")
    assert "no such file" in first.text
    assert second.text.startswith("Case case-2: the pixels of")
