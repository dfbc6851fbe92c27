from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from napari_ptx.cli.stats import app
from napari_ptx.cli.tables import TableError

ROWS = "".join(
    f"p{i};{'AB'[i // 12]};{50 + (7 * i) % 13},{i % 10};{'mff'[i % 3]};{i % 3 + 1}\n"
    for i in range(24)
)
TABLE = "patient;split;age;sex;grade\n" + ROWS


def run(path: Path, *options: str) -> str:
    result = CliRunner().invoke(app, ["table1", str(path), "--group", "split", *options])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    path.write_text(TABLE)
    return path


def test_json_and_a_file(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "table1.csv"
    answer = json.loads(run(table, "--categorical", "grade", "--json", "-o", str(out)))
    assert answer["groups"] == {"A": 12, "B": 12}
    kinds = {item["name"]: item["kind"] for item in answer["characteristics"]}
    assert kinds == {"age": "mean", "sex": "count", "grade": "count"}
    frame = pd.read_csv(out)
    assert frame["Characteristic"][0] == "age, mean ± SD"
    assert " ± " in frame["A (n = 12)"][0]


def test_the_readable_table(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    text = run(table, "--columns", "age,sex", "--t", "student")
    assert "Student's t" in text
    assert "grade" not in text


def test_a_slip_of_the_pen_is_named(table: Path) -> None:
    table.write_text(TABLE.replace("p3;A;58,3", "p3;A;58,3y"))
    with pytest.raises(TableError, match=r"line 5, column 'age': '58,3y'"):
        run(table)


def test_an_unknown_group_is_one_sentence(table: Path) -> None:
    table.write_text(TABLE.replace("split", "arm"))
    with pytest.raises(TableError, match=r"patients\.csv: The table has no column 'split'"):
        run(table)
