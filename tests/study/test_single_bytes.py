"""One byte of a reading or of the ledger is changed: ``verify`` finds it, every time.

Changes go in through SQL, with the guards down, and straight into the file. A byte of
the file counts where it is of a row: where what the three tables hold has changed, or
cannot be read any more. Where SQLite cannot even follow its pages, opening says so.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from napari_ptx.study import Study, StudyError
from tests.study.test_verify import original, tampering  # noqa: F401 - the fixture

TABLES = ("strokes", "readings", "events")


def held(path: Path) -> list[Any] | None:
    """Give all that the tables hold, byte for byte and type for type; ``None``: unreadable."""
    base = sqlite3.connect(path)
    base.text_factory = bytes
    try:
        rows: list[Any] = []
        for table in TABLES:
            names = [row[1].decode() for row in base.execute(f"PRAGMA table_info({table})")]
            columns = ", ".join(f"{name}, typeof({name})" for name in names)
            rows += base.execute(f"SELECT {columns} FROM {table} NOT INDEXED").fetchall()
    except sqlite3.DatabaseError:
        return None
    else:
        return rows
    finally:
        base.close()


def other(dice: random.Random, value: object) -> object:
    """Change one byte of a text, or one digit or bit of a number."""
    if value is None:
        return dice.choice("abc")
    if isinstance(value, str):
        if not value:
            return dice.choice("abc")
        data = bytearray(value.encode())
        place = dice.randrange(len(data))
        data[place] = dice.choice([code for code in range(32, 127) if code != data[place]])
        return data.decode("utf-8", "replace")
    if isinstance(value, float):
        return value + dice.choice((-1, 1)) * 10.0 ** dice.randint(-6, 2)
    return int(str(value)) ^ (1 << dice.randrange(8))


def change_by_sql(study: Study, dice: random.Random) -> str:
    """Change one value of one row; say which."""
    while True:
        with tampering(study) as base:
            table = dice.choice(TABLES)
            names = [row[1] for row in base.execute(f"PRAGMA table_info({table})")]
            column = dice.choice(names)
            rows = base.execute(f"SELECT id, {column} FROM {table}").fetchall()
            row, value = dice.choice(rows)
            new = other(dice, value)
            try:
                base.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (new, row))
            except sqlite3.IntegrityError:  # SQLite itself refuses it
                continue
            after = base.execute(f"SELECT {column} FROM {table} WHERE id = ?", (row,)).fetchone()
            if after is None or after[0] != value:
                return f"{table}.{column} of row {row}: {value!r} -> {new!r}"


def pages(path: Path) -> list[int]:
    """Give the places in the file that hold a hash of one of the tables' rows, or are near."""
    data = path.read_bytes()
    base = sqlite3.connect(path)
    hashes = [
        row[0].encode() for table in TABLES for row in base.execute(f"SELECT hash FROM {table}")
    ]
    base.close()
    return sorted({data.index(one) // 4096 for one in hashes})


def change_a_byte(path: Path, dice: random.Random, where: list[int]) -> str:
    """Change one byte of the file that belongs to a row; say which."""
    before, data = held(path), path.read_bytes()
    while True:
        place = dice.choice(where) * 4096 + dice.randrange(4096)
        value = data[place] ^ (1 << dice.randrange(8))
        path.write_bytes(data[:place] + bytes([value]) + data[place + 1 :])
        if held(path) != before:
            return f"byte {place}: {data[place]} -> {value}"


def changes_found(folder: Path, scratch: Path, count: int, seed: int) -> list[str]:
    """Make ``count`` changes, each to a fresh copy; give those that were not found."""
    shutil.copytree(folder, scratch)
    path, dice = scratch / "study.ptx", random.Random(seed)
    where = pages(path)
    missed = []
    refused = 0
    for number in range(count):
        shutil.copy(folder / path.name, path)
        if number % 3:
            with Study.open(path) as study:
                what = change_by_sql(study, dice)
        else:
            what = change_a_byte(path, dice, where)
        try:
            with Study.open(path) as study:
                found = bool(study.verify())
        except StudyError as error:
            # SQLite itself cannot follow its pages: nobody reads on in such a file.
            if f"{path} is damaged; take the newest copy" not in error.message:
                raise
            found = True
            refused += 1
        if not found:
            missed.append(what)
        for rest in path.parent.glob("study.ptx-*"):
            rest.unlink()
    print(f"\n{count} changes: {count - len(missed)} found, of which {refused} when opened")
    return missed


@pytest.mark.once
def test_sixty_changes_of_one_byte_are_found(
    original: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    assert changes_found(original, tmp_path / "copy", 60, seed=11) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_thousand_changes_of_one_byte_are_found(
    original: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    assert changes_found(original, tmp_path / "copy", 1000, seed=12) == []


def test_a_changed_row_is_named(original: Path, tmp_path: Path) -> None:  # noqa: F811
    """Also where the value is no text, no truth value, or no UTF-8 any more."""
    shutil.copytree(original, tmp_path / "copy")
    path = tmp_path / "copy" / "study.ptx"
    for column, value in (
        ("assessable", "2"),
        ("view", "x'7b7d'"),
        ("origin", "CAST(x'ff' AS TEXT)"),
    ):
        shutil.copy(original / path.name, path)
        with Study.open(path) as study:
            with tampering(study) as base:
                base.execute(f"UPDATE readings SET {column} = {value} WHERE id = 3")
            problems = study.verify()
        assert {(problem.table, problem.row) for problem in problems} == {("readings", 3)}


def test_a_file_whose_pages_are_broken_is_refused_by_name(
    original: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    shutil.copytree(original, tmp_path / "copy")
    path = tmp_path / "copy" / "study.ptx"
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096] = 0xEE  # no kind of page that SQLite knows
    path.write_bytes(data)
    with pytest.raises(StudyError) as caught, Study.open(path) as study:
        study.verify()
    assert caught.value.message == (
        f"The study file {path} is damaged; take the newest copy from your backup."
    )
