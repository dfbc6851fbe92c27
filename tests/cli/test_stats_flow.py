from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_ptx.cli.stats import app
from napari_ptx.cli.tables import TableError

STEPS = "step,n,reason,n_excluded\nPatients,40,No ultrasound,4\n,,No pathology,6\nIncluded,30,,\n"


def run(path: Path, *options: str) -> str:
    result = CliRunner().invoke(app, ["flow", str(path), *options])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_the_chart_is_written(tmp_path: Path) -> None:
    steps = tmp_path / "steps.csv"
    steps.write_text(STEPS)
    out = tmp_path / "flow.svg"
    assert run(steps, "-o", str(out), "--groups", "Training=20,Test=10").strip() == str(out)
    text = out.read_text()
    for part in ("n = 40", "Excluded (n = 10)", "No pathology (n = 6)", "Training"):
        assert part in text


def test_what_does_not_add_up_is_one_sentence(tmp_path: Path) -> None:
    steps = tmp_path / "steps.csv"
    steps.write_text(STEPS.replace("30", "31"))
    with pytest.raises(TableError, match=r"steps\.csv: 'Patients' has 40 cases and 10 of them"):
        run(steps, "-o", str(tmp_path / "flow.svg"))
    with pytest.raises(TableError, match="--groups takes NAME=N"):
        run(steps, "-o", str(tmp_path / "flow.svg"), "--groups", "Training")
