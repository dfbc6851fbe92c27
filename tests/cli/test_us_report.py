from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_ptx.cli.us import app
from napari_ptx.ultrasound import UltrasoundError
from tests.report.make_run import make_run


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["report", *arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.mark.once
def test_the_report_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    root = make_run(tmp_path / "run", cases=24)
    out = tmp_path / "page.html"
    answer = json.loads(run(str(root), "-o", str(out), "--replicates", "20", "--json"))
    assert answer == {"report": str(out)}
    assert "<title>Model run run</title>" in out.read_text(encoding="utf-8")
    assert not (root / "report.html").exists()


def test_no_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UltrasoundError, match="is not a finished run"):
        run(str(tmp_path))
