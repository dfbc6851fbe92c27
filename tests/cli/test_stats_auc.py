from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_ptx.cli.stats import app
from napari_ptx.cli.tables import TableError
from napari_ptx.stats import compare_auc

RNG = np.random.default_rng(5)
TRUTH = np.arange(60) % 2
SCORES = np.round(RNG.normal(size=(2, 60)) + np.outer([0.6, 1.2], TRUTH), 2)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["auc", *arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def answer(*arguments: str) -> dict[str, Any]:
    found = json.loads(run(*arguments, "--json"))
    assert isinstance(found, dict)
    return found


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


@pytest.fixture
def table(tmp_path: Path) -> str:
    rows = [
        f"c{i},p{i // 2},c{i}.png,{label},test,{40 + i},type{i % 3},{a},{b},0.4"
        for i, (label, a, b) in enumerate(zip(TRUTH, *SCORES, strict=True))
    ]
    header = "case,patient,image,label,split,age,subtype,radiomics,resnet 2ch,threshold:radiomics"
    return write(tmp_path / "scores.csv", "\n".join([header, *rows]))


def test_json_holds_what_the_library_says(table: str) -> None:
    found = answer(table, "--truth", "label")
    expected = compare_auc(TRUTH, SCORES, names=["radiomics", "resnet 2ch"])
    assert list(found["auc"]) == ["radiomics", "resnet 2ch"]
    for i, area in enumerate(found["auc"].values()):
        low, high = expected.ci()[i]
        assert area == {
            "auc": expected.auc[i],
            "var": expected.cov[i, i],
            "low": low,
            "high": high,
        }
    (pair,) = found["pairs"]
    test = expected.test(0, 1)
    assert (pair["a"], pair["b"]) == ("radiomics", "resnet 2ch")
    for name in ("difference", "z", "p", "low", "high"):
        assert pair[name] == getattr(test, name)
    assert found["clusters"] is None
    assert "--clusters patient" in found["note"]


def test_clusters_are_obuchowskis(table: str) -> None:
    found = answer(table, "--clusters", "patient")
    expected = compare_auc(TRUTH, SCORES, np.arange(60) // 2)
    assert found["clusters"] == 30
    assert found["auc"]["radiomics"]["var"] == expected.cov[0, 0]
    assert found["note"] is None
    few = answer(table, "--clusters", "subtype")
    assert few["clusters"] == 3
    assert few["note"].startswith("Fewer than 20 clusters")


def test_scores_truth_and_level_can_be_chosen(table: str) -> None:
    found = answer(table, "--scores", "age, radiomics", "--confidence", "0.9")
    expected = compare_auc(TRUTH, [40 + np.arange(60), SCORES[0]])
    assert found["auc"]["age"]["auc"] == expected.auc[0]
    assert found["auc"]["radiomics"]["low"] == expected.ci(0.9)[1, 0]
    assert len(answer(table, "--scores", "age")["pairs"]) == 0


def test_the_readable_answer(table: str) -> None:
    text = run(table, "--clusters", "patient")
    for part in (
        "Areas under the ROC curve for label",
        "radiomics - resnet 2ch",
        "30, 30",
        "95%, Obuchowski, 30 clusters",
    ):
        assert part in text
    assert "95%, DeLong" in run(table)


def test_one_split_or_all_of_them(tmp_path: Path) -> None:
    rows = [f"{label},{score},{'train' if i < 30 else 'test'}" for i, (label, score) in
            enumerate(zip(TRUTH, SCORES[0], strict=True))]  # fmt: skip
    path = write(tmp_path / "s.csv", "\n".join(["label,a,split", *rows]))
    found = answer(path, "--split", "test")
    assert found["auc"]["a"]["auc"] == compare_auc(TRUTH[30:], SCORES[0, 30:]).auc[0]
    assert found["note"] is None
    assert "several splits (train, test)" in answer(path)["note"]
    with pytest.raises(TableError, match=r"no row with 'tset' .*there are: train, test"):
        run(path, "--split", "tset")


def test_ties_and_perfect_scores(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", "label;a;b;c\n0;0,1;1;0\n0;0,1;1;0\n1;0,1;2;0\n1;0,9;2;0\n")
    found = answer(path)
    assert found["auc"]["a"]["auc"] == 0.75
    assert found["auc"]["b"] == {"auc": 1.0, "var": 0.0, "low": 1.0, "high": 1.0}
    by_name = {(pair["a"], pair["b"]): pair for pair in found["pairs"]}
    assert (by_name["b", "c"]["z"], by_name["b", "c"]["p"]) == (None, 0.0)
    same = answer(path, "--scores", "a,b", "--truth", "label")["pairs"][0]
    assert 0.0 < same["p"] < 1.0


def test_missing_numbers_are_named_or_dropped(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", "case,label,a\n1,0,1\n2,,2\n3,0,NA\n4,1,2\n5,1,3\n6,0,1.5\n")
    with pytest.raises(TableError, match=r"s\.csv: a number is missing in 2 cells") as error:
        run(path)
    assert error.value.details == ("line 3, column 'label'", "line 4, column 'a'")
    found = answer(path, "--missing", "drop")
    assert (found["dropped"], found["auc"]["a"]["auc"]) == (2, 1.0)


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("label,a\n1,1\n1,2\n", (), r"s\.csv: Both classes are needed, and all 2 .* positive"),
        ("label,a\n0,1\n1,2\n0,3\n", (), "at least 2 positive rows; there is 1"),
        ("label,a\n0,1\n1,high\n", (), "'a' has numbers and words, .* by --scores"),
        ("label,a\n0,1\n1,high\n", ("--scores", "a"), "what should be a number is not, in 1"),
        ("label,a\n0,1\n2,2\n", (), "truth 'label' must be 0 or 1, and is not in 1 line"),
        ("label,a\nbenign,1\nmalignant,2\n", (), "must be 0 or 1, and is not in 2 lines"),
        ("label,a\n0,1\n1,2\n", ("--truth", "y"), "no column 'y'; its columns are: label, a"),
        ("label,a\n0,1\n1,2\n", ("--scores", "a,b"), "no column 'b'"),
        ("label,a\n0,1\n1,2\n", ("--scores", "a,a"), "named twice"),
        ("label,a\n0,1\n1,2\n", ("--scores", "label"), "is the truth"),
        ("label,a\n0,1\n1,2\n", ("--clusters", "patient"), "no column 'patient'"),
        ("label,a,p\n0,1,x\n1,2,\n", ("--clusters", "p"), "line 3: 'p' is empty"),
        ("label,case,age\n0,1,50\n1,2,60\n", (), "no column of scores beside the truth"),
        ("label,a\n0,1\n1,2\n", ("--split", "test"), "no column 'split'"),
        (",label,a\n0,0,1\n1,1,2\n", (), "column 1 has no name"),
    ],
)
def test_what_cannot_be_compared_is_told_in_a_sentence(
    tmp_path: Path, text: str, options: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(TableError, match=sentence) as error:
        run(write(tmp_path / "s.csv", text), *options)
    assert "s.csv" in error.value.message


def test_a_truth_that_is_not_0_or_1_is_named_by_line(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", "label,a\n0,1\nyes,2\n1.0,2\n-1,2\n")
    with pytest.raises(TableError) as error:
        run(path)
    assert error.value.details == ("line 3: 'yes'", "line 5: '-1'")


def test_an_answer_on_standard_output_and_an_error_on_the_other(
    table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from napari_ptx.cli.root import run as run_root

    assert run_root(["stats", "auc", table, "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) >= {"auc", "pairs", "clusters"}
    assert run_root(["stats", "auc", table, "--scores", "none"]) == 2
    assert capsys.readouterr().err.startswith("Error: scores.csv has no column 'none'")
