from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Picture

from napari_ptx.cli.root import run

CASES = 6


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Make a study by the command line alone: six discs, outlined by A and B."""
    rng = np.random.default_rng(3)
    y, x = np.ogrid[:80, :80]
    rows: dict[str, list[list[str]]] = {"cohort": [], "A": [], "B": []}
    for number in range(CASES):
        Picture.fromarray(rng.integers(0, 255, (80, 80), dtype=np.uint8)).save(
            tmp_path / f"image{number}.png"
        )
        rows["cohort"].append([f"c{number}", f"p{number // 2}", f"image{number}.png"])
        for reader, extra in (("A", 0), ("B", 1 + number % 2)):
            mask = (y - 40) ** 2 + (x - 40) ** 2 <= (8 + 3 * number + extra) ** 2
            name = f"{reader}{number}.png"
            Picture.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / name)
            rows[reader].append([f"c{number}", name])
    for name, table in rows.items():
        header = ["case", "patient", "image"] if name == "cohort" else ["case", "roi"]
        with (tmp_path / f"{name}.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([header, *table])
    path = tmp_path / "discs.ptx"
    made = ["study", "new", str(path), "--cohort", str(tmp_path / "cohort.csv"), "--readers", "A,B"]
    assert run(made) == 0
    for reader in ("A", "B"):
        table = str(tmp_path / f"{reader}.csv")
        assert run(["study", "import-readings", str(path), table, "--reader", reader]) == 0
    return path


def test_json_has_the_rows_of_every_measurand(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["agreement", str(study), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["measurand"] for row in answer["inter"]] == [
        *("area", "perimeter", "max_diameter", "short_axis", "centroid_y", "centroid_x")
    ]
    area = answer["inter"][0]
    assert area["form"] == "A,1"
    assert area["name"] == "ICC(A,1) = ICC(2,1)"
    assert area["n"] == CASES
    assert area["patients"] == 3
    assert area["low"] < area["icc"] < area["high"] < 1
    # B draws 1 or 2 pixels of radius more on each disc.
    assert area["bias"] > 0
    assert answer["intra"] == []
    assert answer["overlap"]["summary"][0]["n"] == CASES
    assert len(answer["overlap"]["cases"]) == CASES


@pytest.mark.once
def test_files_hold_what_the_answer_says(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = study.parent / "agreement"
    capsys.readouterr()
    assert run(["agreement", str(study), "-o", str(folder), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    inter = pd.read_csv(folder / "inter.csv")
    assert inter["icc"].to_list() == pytest.approx(
        [row["icc"] if row["icc"] is not None else np.nan for row in answer["inter"]], nan_ok=True
    )
    values = pd.read_csv(folder / "values.csv")
    assert len(values) == 2 * CASES * 6
    for name in ("forest_inter", "dice", "hd95", "bland_altman_A_B_area", "scatter_A_B_area"):
        assert (folder / "figures" / f"{name}.png").stat().st_size > 1000
        assert "<svg" in (folder / "figures" / f"{name}.svg").read_text()[:1000]


def test_the_printed_tables_fit_80_columns_and_name_the_verdict(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["agreement", str(study)]) == 0
    text = capsys.readouterr().out
    assert "Between readers: A – B, n = 6" in text
    assert "ICC(A,1) = ICC(2,1); a lower limit of 0.80 needs" in text
    tables = [line for line in text.splitlines() if not line.startswith("Note:")]
    assert max(map(len, tables)) <= 80
    assert "below 20 its interval tends to be too narrow" in text


def test_a_folder_that_cannot_be_written_is_told(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = study.parent / "file"
    blocked.write_text("in the way")
    assert run(["agreement", str(study), "-o", str(blocked)]) == 2
    assert "choose another folder" in capsys.readouterr().err.replace("\n", " ")


def test_confidence_out_of_range_is_one_sentence(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["agreement", str(study), "--confidence", "95"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert "95" in error
