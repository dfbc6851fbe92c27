from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from napari_ptx.cli.stats import app
from napari_ptx.cli.tables import TableError, read_table
from napari_ptx.stats import bland_altman, cluster_bootstrap, icc
from tests.stats.tables import CARDIAC, SHROUT_FLEISS

HEADER = "case,patient,J1,J2,J3,J4"


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    if isinstance(result.exception, SystemExit) or result.exception is None:
        return result
    raise result.exception


def write(path: Path, text: str, encoding: str = "utf-8") -> str:
    path.write_bytes(text.encode(encoding))
    return str(path)


@pytest.fixture
def table(tmp_path: Path) -> str:
    rows = [f"c{i},p{i}," + ",".join(map(str, row)) for i, row in enumerate(SHROUT_FLEISS)]
    return write(tmp_path / "scores.csv", "\n".join([HEADER, *rows]) + "\n")


@pytest.mark.parametrize("form", ["1,1", "A,1", "C,1", "1,k", "A,k", "C,k"])
def test_icc_as_json_holds_what_the_library_says(table: str, form: str) -> None:
    answer = json.loads(run("icc", table, "--form", form, "--json").stdout)
    expected = icc(SHROUT_FLEISS, form)
    for name in ("value", "low", "high", "f", "df1", "df2", "p", "n", "k", "form"):
        assert answer[name] == getattr(expected, name)
    assert answer["icc"] == answer["value"]
    assert answer["raters"] == ["J1", "J2", "J3", "J4"]


def test_columns_and_confidence_can_be_chosen(table: str) -> None:
    answer = json.loads(
        run("icc", table, "--columns", "J1, J3", "--confidence", "0.9", "--json").stdout
    )
    expected = icc(SHROUT_FLEISS[:, [0, 2]], confidence=0.9)
    assert answer["value"] == pytest.approx(expected.value, rel=1e-12)
    assert answer["low"] == pytest.approx(expected.low, rel=1e-12)
    assert answer["k"] == 2


def test_the_readable_answer_says_what_was_computed(table: str) -> None:
    text = run("icc", table).stdout
    for part in (
        "ICC(A,1) = ICC(2,1) of J1, J2, J3, J4",
        "0.2898",
        "0.01879 to 0.7611",
        "F(5, 15)",
    ):
        assert part in text


def test_what_is_undefined_is_null(tmp_path: Path) -> None:
    path = write(tmp_path / "flat.csv", "a,b\n3,3\n3,3\n3,3\n")
    answer = json.loads(run("icc", path, "--json").stdout)
    undefined = ("icc", "value", "low", "high", "f", "p")
    assert [answer[name] for name in undefined] == [None] * 6
    assert answer["n"] == 3
    assert "undefined" in run("icc", path).stdout


def test_missing_numbers_are_refused_by_line_and_column_or_dropped(tmp_path: Path) -> None:
    path = write(tmp_path / "gaps.csv", "case,a,b\nc1,1,2\nc2,,3\nc3,3,NA\nc4,4,4\nc5,6,5\n")
    with pytest.raises(TableError, match=r"missing in 2 cells.*--missing drop") as error:
        run("icc", path)
    assert error.value.details == ("line 3, column 'a'", "line 4, column 'b'")
    answer = json.loads(run("icc", path, "--missing", "drop", "--json").stdout)
    assert answer["n"] == 3
    assert answer["value"] == icc([[1, 2], [4, 4], [6, 5]]).value
    pairs = json.loads(run("bland-altman", path, "--missing", "drop", "--json").stdout)
    assert pairs["n"] == 3


def test_patients_with_several_rows_are_noticed_and_can_be_resampled(tmp_path: Path) -> None:
    lines = ["patient,rv,ic", *(f"{int(p)},{a},{b}" for p, a, b in CARDIAC)]
    path = write(tmp_path / "cardiac.csv", "\n".join(lines))
    naive = json.loads(run("icc", path, "--json").stdout)
    assert "--clusters patient" in naive["note"]
    answer = json.loads(run("icc", path, "--clusters", "patient", "--seed", "3", "--json").stdout)
    expected = cluster_bootstrap(
        lambda t: icc(t).value, CARDIAC[:, 1:], clusters=CARDIAC[:, 0], seed=3
    )
    assert (answer["low"], answer["high"]) == pytest.approx((expected.low, expected.high))
    assert answer["value"] == naive["value"]
    assert "Fewer than 20 clusters" in answer["note"]
    assert "Fewer than 20 clusters" in run("icc", path, "--clusters", "patient").stdout


def test_bland_altman_as_json_and_as_text(tmp_path: Path) -> None:
    lines = ["patient;ic;rv", *(f"{int(p)};{b};{a}" for p, a, b in CARDIAC)]
    path = write(tmp_path / "cardiac.csv", "\n".join(lines).replace(".", ","))
    answer = json.loads(run("bland-altman", path, "--clusters", "patient", "--json").stdout)
    expected = bland_altman(CARDIAC[:, 2], CARDIAC[:, 1], clusters=CARDIAC[:, 0])
    assert answer["columns"] == ["ic", "rv"]
    assert answer["bias"] == pytest.approx(0.6021667, abs=5e-8)
    assert answer["loa_high_ci"] == list(expected.loa_high_ci)
    text = run("bland-altman", path, "--columns", "rv,ic").stdout
    assert "Bland-Altman, ic - rv" in text
    assert "-0.6022" in text


def test_bland_altman_compares_two_columns(table: str) -> None:
    with pytest.raises(TableError, match=r"compares 2 columns, and there are 4.*--columns"):
        run("bland-altman", table)
    answer = json.loads(run("bland-altman", table, "--columns", "J2,J1", "--json").stdout)
    assert answer["bias"] == pytest.approx(np.mean(SHROUT_FLEISS[:, 0] - SHROUT_FLEISS[:, 1]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1.5,2\n3,4\n", [[1.5, 2], [3, 4]]),
        ("a;b\n1,5;2\n3;4,25\n", [[1.5, 2], [3, 4.25]]),
        ("a;b\n1.5;2\n3;4\n", [[1.5, 2], [3, 4]]),
        ("a\tb\n1,5\t2\n3\t4\n", [[1.5, 2], [3, 4]]),
        ("a\tb\n0,812\t2\n3\t4\n", [[0.812, 2], [3, 4]]),
        ("a;b\n1,234;2,345\n3,456;4,567\n", [[1.234, 2.345], [3.456, 4.567]]),
        ('a,b\n"1.5","2"\n\n 3 , 4e-3 \n,\n', [[1.5, 2], [3, 0.004]]),
        ("\ufeffa,b\r\n-1,+2\r\n.5,3.\r\n", [[-1, 2], [0.5, 3]]),
        ("a,b;c\n1,2\n3,4\n", [[1, 2], [3, 4]]),
    ],
)
def test_tables_as_programs_save_them(tmp_path: Path, text: str, expected) -> None:
    table = read_table(Path(write(tmp_path / "t.csv", text)))
    np.testing.assert_array_equal(table.numbers(table.raters()), expected)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_names_in_any_usual_encoding(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "t.csv", "Müller\tJäger\n1\t2\n2\t3\n", encoding)
    assert read_table(Path(path)).raters() == ("Müller", "Jäger")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "t.csv is empty"),
        ("\n\n", "t.csv is empty"),
        ("a,b\n", "has a header but no rows"),
        ("a,b\n1,2\n", "at least 2 subjects"),
        ("a,b\n1,2\n3,4,5\n", "not every line has 2 cells separated by commas"),
        ("a;b\n1;2\n3\n", "not every line has 2 cells separated by semicolons"),
        ("a,b\n1,2\n3,x\n", "what should be a number is not, in 1 cell"),
        ("a,b\n1,2\n3,1_000\n", "what should be a number is not"),
        ("a,b\n1,2\n3,inf\n", "what should be a number is not"),
        ("a,b\n1,2\n3,1e999\n", "too large"),
        ('a,b\n1,2\n3,"1,5"\n', "what should be a number is not"),
        ("a;b\n1,5;2\n3.5;2\n", "what should be a number is not"),
        ("a\tb\n1,234\t2\n3\t4\n", "decimal comma or a thousands separator"),
        ("a,b;c,d\n1,2;3,4\n5,6;7,8\n", "commas or semicolons"),
        ("case,a\nc1,1\nc2,2\n", "at least 2 columns of raters are needed; there is only 'a'"),
        ("case,patient\nc1,1\nc2,2\n", "there is none"),
        ("a,a\n1,2\n3,4\n", "more than one column 'a'"),
        (",a,b\n0,1,2\n1,3,4\n", "column 1 has no name"),
        ('a,b\n1,"2\n3,4\n', "line 3: unexpected end of data"),
        ("PK\x03\x04....", "save it as CSV"),
        ("a,b\0\n1,2\n", "not a text file"),
    ],
)
def test_tables_that_cannot_be_used_say_why(tmp_path: Path, text: str, sentence: str) -> None:
    path = write(tmp_path / "t.csv", text)
    with pytest.raises(TableError, match=sentence) as error:
        run("icc", path)
    assert "t.csv" in error.value.message


def test_text_in_a_rater_column_is_named_by_line_and_column(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "case,a,b\nc1,1,2\n\nc2,three,4\nc3,5,6 mm\n")
    with pytest.raises(TableError) as error:
        run("icc", path)
    assert error.value.details == ("line 4, column 'a': 'three'", "line 5, column 'b': '6 mm'")


def test_many_bad_cells_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "a,b\n" + "x,y\n" * 30)
    with pytest.raises(TableError, match="in 60 cells") as error:
        run("icc", path)
    assert len(error.value.details) == 21
    assert error.value.details[-1] == "... and 40 more"


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"There is no file .*none\.csv"):
        run("icc", str(tmp_path / "none.csv"))
    with pytest.raises(TableError, match="cannot be read"):
        run("icc", str(tmp_path))


def test_a_column_that_is_not_there_or_chosen_twice(table: str) -> None:
    with pytest.raises(TableError, match=r"no column 'J9'; its columns are: case, patient, J1"):
        run("icc", table, "--columns", "J1,J9")
    with pytest.raises(TableError, match="named twice"):
        run("icc", table, "--columns", "J1,J1")
    with pytest.raises(TableError, match="no column 'center'"):
        run("icc", table, "--clusters", "center")


def test_a_row_without_its_cluster_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "patient,a,b\np,1,2\np,3,4\n,5,7\n,2,2\n")
    with pytest.raises(TableError, match="line 4: 'patient' is empty"):
        run("icc", path, "--clusters", "patient")


def test_the_root_knows_the_commands(table: str, capsys: pytest.CaptureFixture[str]) -> None:
    from napari_ptx.cli.root import run as run_root

    assert run_root(["stats", "icc", table, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["icc"] == icc(SHROUT_FLEISS).value
    assert run_root(["stats", "icc", table + "x"]) == 2
    assert capsys.readouterr().err.startswith("Error: There is no file")


def test_a_form_that_does_not_exist_is_a_usage_error(table: str) -> None:
    result = run("icc", table, "--form", "2,1")
    assert result.exit_code == 2
    assert "--form" in result.output


def test_brackets_in_a_column_name_are_shown(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "a [mm],b [red]\n1,2\n3,4\n5,7\n")
    assert "a [mm], b [red]" in run("icc", path).stdout


@pytest.mark.parametrize("command", ["icc", "bland-altman"])
def test_the_help_names_every_option(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    for option in ("--columns", "--confidence", "--missing", "--clusters", "--json"):
        assert option in result.output
