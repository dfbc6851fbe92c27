from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_ptx.cli.root import run
from tests.ct.make import readings, series


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    _, _, table = series(folder, 4, missed=(2,))
    readings(folder / "readings.csv", table, {("CT", "A"): [1, 2, 3], ("CT", "B"): [3]})
    return folder


def command(folder: Path, out: Path, *more: str) -> list[str]:
    return ["ct", "evaluate", str(folder / "cohort.csv"), str(folder / "out"),
            "--readings", str(folder / "readings.csv"), "-o", str(out), "--replicates", "50",
            "--no-figures", *more]  # fmt: skip


@pytest.mark.once
def test_evaluate_prints_tables_and_writes_files(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command(cohort, tmp_path / "ev", "--name", "U-Net", "--rule", "iou")) == 0
    shown = capsys.readouterr().out
    assert "16 glands of 4 patients, 19 candidates." in shown
    assert "Rule iou: a candidate may find a gland if intersection over union" in shown
    assert "Data: balls in a box, not patients" in shown
    assert "15/16" in shown
    assert "CT, A - CT, B" in shown
    assert "Found by one alone. U-Net: 1; CT, A: 0; CT, B: 1." in shown
    assert "Note: Fewer than 20 patients" in shown
    assert max(map(len, shown.splitlines()[3:-3])) <= 100
    assert not (tmp_path / "ev" / "figures").exists()
    assert (tmp_path / "ev" / "causes.csv").is_file()


@pytest.mark.once
def test_evaluate_gives_json(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command(cohort, tmp_path / "ev", "--note", "a test", "--json")) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["note"] == "a test"
    assert about["rule"] == "overlap"
    assert about == json.loads((tmp_path / "ev" / "metrics.json").read_text())


def test_faults_are_one_sentence_with_their_rows(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command(cohort, tmp_path / "ev", "--rule", "dice")) == 2
    assert "the rules are: overlap, iou, centroid" in capsys.readouterr().err
    assert run(command(cohort, tmp_path / "ev", "--tolerance", "2")) == 2
    assert "--tolerance is for structures" in capsys.readouterr().err
    path = tmp_path / "cohort.csv"
    path.write_text("patient,phase,image,labels\na,plain,x.nii,y.nii\nb,arterial,z.nii,\n")
    assert run(["ct", "evaluate", str(path), str(cohort / "out"), "-o", str(tmp_path / "ev")]) == 2
    said = capsys.readouterr().err
    for part in ("row 2, column 'image'", "row 2, column 'labels'", "patient b has no plain phase"):
        assert part in said
    assert not (tmp_path / "ev").exists()
