from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_ptx.cli.stats import app
from napari_ptx.cli.tables import TableError

GLANDS = """gland,patient,US,CT,MIBI
1,p1,1,1,1
2,p1,0,1,1
1,p2,0,1,
2,p2,0,1,1
1,p3,0,0,1
1,p4,1,0,1
"""
COUNTS = "modality,found,total\nU-Net,34,36\nUS,22,36\nCT,26,36\nMIBI,31,36\n"


def run(folder: Path, text: str, *options: str) -> str:
    path = folder / "table.csv"
    path.write_text(text)
    result = CliRunner().invoke(app, ["compare-sensitivity", str(path), *options])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_json_of_glands(tmp_path: Path) -> None:
    answer = json.loads(run(tmp_path, GLANDS, "--json"))
    assert list(answer["modalities"]) == ["US", "CT", "MIBI"]
    single = answer["modalities"]["MIBI"]
    assert {"found", "of", "sensitivity", "clopper_pearson", "wilson", "cluster_bootstrap"} == set(
        single
    )
    assert (single["found"], single["of"]) == (5, 5)
    pair = answer["pairs"][0]
    assert (pair["first"], pair["second"]) == ("US", "CT")
    assert (pair["first_only"], pair["second_only"]) == (1, 3)
    assert pair["mcnemar_exact"] == pytest.approx(0.625)
    assert pair["mcnemar_mid_p"] == pytest.approx(0.375)
    assert {"fisher", "mcnemar_exact_holm", "cluster_bootstrap_p"} <= set(pair)
    assert answer["clusters"] == 4
    assert "Fewer than 20 clusters" in answer["note"]


def test_counts_alone_give_the_published_p(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    text = run(tmp_path, COUNTS)
    for part in ("34 of 36", "0.9444", "0.0013", "0.0238", "0.4290", "one line for each gland"):
        assert part in text
    assert "McNemar p" not in text


def test_the_readable_answer_of_glands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    text = run(tmp_path, GLANDS, "--modalities", "US,CT")
    for part in ("2 of 6", "1, 3", "0.6250", "by patient (4)", "By patient, p"):
        assert part in text
    assert "MIBI" not in text
    alone = run(tmp_path, "gland,US,CT\n1,1,0\n2,0,1\n")
    assert "add a column patient" in alone


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (GLANDS.replace("2,p1,0", "2,p1,yes"), r"line 3, column 'US': 'yes'|is not, in 1 cell"),
        (GLANDS.replace("2,p1,0", "2,p1,2"), "US must be 0, 1 or missing, and is 2"),
        (GLANDS.replace("2,p1", "1,p1"), "the gland '1' stands in line 2 and line 3"),
        (GLANDS.replace("1,p4", ",p4"), "line 7: 'gland' is empty"),
        ("gland,patient\n1,p\n2,q\n", "no column of a modality"),
        (COUNTS.replace("US,22", "US,42"), "US found 42 of 36"),
        (COUNTS.replace("US,22", "US,2.5"), "whole numbers"),
        (COUNTS.replace("US,", "CT,"), "a modality on more than one line"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(TableError, match=sentence):
        run(tmp_path, text)
