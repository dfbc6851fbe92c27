from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_ptx.cli.stats import app
from napari_ptx.cli.tables import TableError

HEADER = "name,n_pos,n_neg,SEN,SPE,PPV,NPV,ACC\n"
ROW = "Merged model 2,11,157,0.700,0.962,0.928,0.821,0.854\n"


def run(path: Path, *options: str) -> str:
    result = CliRunner().invoke(app, ["recount", str(path), *options])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_json_and_words(tmp_path: Path) -> None:
    path = tmp_path / "table2.csv"
    path.write_text(HEADER + ROW)
    (found,) = json.loads(run(path, "--json"))
    assert found["name"] == "Merged model 2"
    assert found["fits_as_claimed"] is False
    assert (found["n_pos_factor"], found["n_neg_factor"]) == (10, 1)
    assert found["tables"] == [{"tp": 77, "fn": 33, "fp": 6, "tn": 151}]
    assert "110 positives (10 times 11) and 157 negatives do" in run(path)


def test_a_decimal_comma_is_read(tmp_path: Path) -> None:
    path = tmp_path / "table2.csv"
    path.write_text(HEADER.replace(",", ";") + "A;11;157;0,700;0,962;0,928;0,821;0,854\n")
    (found,) = json.loads(run(path, "--json"))
    assert (found["n_pos_factor"], found["n_neg_factor"]) == (10, 1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEADER + ROW.replace("0.821", ""), "table2.csv, Merged model 2: NPV is missing."),
        (HEADER + ROW.replace("11", "0"), "table2.csv, Merged model 2: n_pos is 0"),
        (HEADER.replace("ACC", "accuracy") + ROW, "table2.csv has no column 'ACC'"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "table2.csv"
    path.write_text(text)
    with pytest.raises(TableError) as error:
        run(path, "--json")
    assert error.value.message.startswith(sentence)
