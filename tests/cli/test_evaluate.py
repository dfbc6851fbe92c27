from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_ptx.cli.root import run
from tests.ultrasound.make_predictions import write_scores


@pytest.mark.once
def test_evaluate_prints_a_table_and_writes_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_scores(tmp_path / "predictions.csv")
    out = str(tmp_path / "out")
    assert run(["us", "evaluate", str(path), "-o", out, "--split", "test",
                "--models", "late", "--replicates", "5"]) == 0  # fmt: skip
    shown = capsys.readouterr().out
    assert "test, n = 24 of 12 patients, 8 positive" in shown
    assert "Data: simulated scores, not patients" in shown
    assert "late" in shown
    assert (tmp_path / "out" / "figures" / "test_roc.svg").is_file()


@pytest.mark.once
def test_evaluate_gives_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_scores(tmp_path / "predictions.csv")
    command = ["us", "evaluate", str(path), "-o", str(tmp_path / "out"), "--split", "test"]
    options = ["--models", "late", "--note", "a test", "--replicates", "5", "--json"]
    assert run([*command, *options]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["note"] == "a test"
    assert {row["model"] for row in about["metrics"]} == {"late"}


def test_a_bad_table_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("case,m\na,0.1\n")
    assert run(["us", "evaluate", str(path), "-o", str(tmp_path / "out")]) == 2
    assert "no column 'label'" in capsys.readouterr().err
    path = write_scores(tmp_path / "predictions.csv")
    assert run(["us", "evaluate", str(path), "-o", str(tmp_path / "out"), "--models", "svm"]) == 2
    assert "no column 'svm'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
