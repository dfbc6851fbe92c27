from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_ptx.cli.stats import app
from napari_ptx.cli.tables import TableError
from tests.stats.van_dyke import columns


def run(path: Path, *options: str) -> str:
    result = CliRunner().invoke(app, ["mrmc", str(path), *options])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def write(folder: Path, *, skip: int | None = None) -> Path:
    table = columns()
    lines = [",".join(table)]
    for i, row in enumerate(zip(*table.values(), strict=True)):
        if i != skip:
            lines.append(",".join(map(str, row)))
    path = folder / "readings.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_json_holds_areas_and_every_test(tmp_path: Path) -> None:
    answer = json.loads(run(write(tmp_path), "--json"))
    assert answer["auc"]["1"]["auc"] == pytest.approx(0.8970370, abs=5e-8)
    tests = {(test["method"], test["effects"]): test for test in answer["tests"]}
    assert len(tests) == len(answer["tests"]) == 9
    test = tests["delong", "random readers and cases"]
    assert {"difference", "f", "df1", "df2", "p", "low", "high"} <= set(test)
    assert test["p"] == pytest.approx(0.05123303, abs=5e-9)
    assert tests["jackknife", "fixed readers"]["df2"] is None


def test_the_readable_answer_shows_areas_and_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    text = run(write(tmp_path))
    for part in ("0.897", "45 positive", "random readers and cases", "0.0512", "1, infinite"):
        assert part in text


def test_a_missing_rating_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"reader 1, modality 1, case 8; every reader"):
        run(write(tmp_path, skip=7), "--json")


def test_ratings_go_out_for_imrmc_and_its_files_are_read(tmp_path: Path) -> None:
    out = tmp_path / "vandyke.imrmc"
    answer = json.loads(run(write(tmp_path), "--json", "--imrmc", str(out)))
    assert out.read_text(encoding="utf-8").startswith("readings\n\nNR: 5\nN0: 69\nN1: 45\nNM: 2\n")
    assert json.loads(run(out, "--json")) == answer
    for name, words in (("a.csv", "must end in .imrmc"), ("no/a.imrmc", "cannot be written")):
        with pytest.raises(TableError, match=words):
            run(write(tmp_path), "--imrmc", str(tmp_path / name))
    out.write_text("nothing")
    with pytest.raises(TableError, match=r"vandyke\.imrmc: The file has no line BEGIN DATA"):
        run(out)
    with pytest.raises(TableError, match="cannot be read"):
        run(tmp_path / "none.imrmc")
