"""Cohort tables: what is kept, and all faults at once."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from napari_ptx.image import CohortError, read_cohort


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / f"images/{name}.png").write_bytes(b"not read here")
        (tmp_path / f"{name}.roi").write_bytes(b"not read here")
    return tmp_path


ROWS = [
    "case,patient,image,roi,label,age,code",
    "001,0007,images/a.png,a.roi,1,61.5,01",
    "002,0007,images/b.png,,0,,02",
    "1e5,0008,images/c.png,c.roi,1,40,03",
]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_in_every_form(folder: Path, mark: bytes, delimiter: str, end: str) -> None:
    path = folder / "cohort.csv"
    path.write_bytes(mark + (end.join(ROWS) + end).replace(",", delimiter).encode())
    cohort = read_cohort(path)
    table = cohort.table
    assert cohort.path == path
    assert len(cohort) == 3
    assert list(table.columns) == ROWS[0].split(",")
    assert list(table["case"]) == ["001", "002", "1e5"]
    assert list(table["patient"]) == ["0007", "0007", "0008"]
    assert list(table["image"]) == [str(folder / f"images/{name}.png") for name in "abc"]
    assert list(table["roi"]) == [str(folder / "a.roi"), "", str(folder / "c.roi")]
    assert list(table["label"]) == [1, 0, 1]
    assert table["age"].isna().tolist() == [False, True, False]
    assert table["age"].iloc[0] == 61.5
    assert list(table["code"]) == ["01", "02", "03"]  # leading zeros are no number


def test_parquet_equals_csv(folder: Path) -> None:
    pytest.importorskip("pyarrow")
    (folder / "cohort.csv").write_text("\n".join(ROWS))
    from_csv = read_cohort(folder / "cohort.csv").table
    written = pd.read_csv(folder / "cohort.csv", dtype={"case": str, "patient": str, "code": str})
    written.to_parquet(folder / "cohort.parquet")
    from_parquet = read_cohort(folder / "cohort.parquet").table
    pd.testing.assert_frame_equal(from_csv, from_parquet)


def test_parquet_without_pyarrow_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    (folder / "cohort.parquet").write_bytes(b"PAR1")
    with pytest.raises(CohortError, match="install pyarrow"):
        read_cohort(folder / "cohort.parquet")


def test_broken_parquet(folder: Path) -> None:
    pytest.importorskip("pyarrow")
    (folder / "cohort.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(CohortError, match="is not a Parquet table"):
        read_cohort(folder / "cohort.parquet")


def faults(path: Path, text: str, **options: Any) -> tuple[str, ...]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CohortError) as caught:
        read_cohort(path, **options)
    assert str(path) in caught.value.message
    return caught.value.details


def test_all_faults_at_once_by_row_and_column(folder: Path) -> None:
    text = "\n".join(
        [
            "case,patient,image,roi",
            "1,7,images/a.png,",
            "1,7,images/b.png,",
            ",7,images/c.png,none.roi",
            "3,,images/nothing.png,",
            "4,8,images,",
            "5,8,images\\a.png,",
            "",
            "6,8",
        ]
    )
    assert faults(folder / "cohort.csv", text) == (
        "row 9: 2 entries for 4 columns",
        "row 3, column 'case': '1' is already the case of row 2",
        "row 4, column 'case': is empty",
        "row 4, column 'roi': there is no file none.roi",
        "row 5, column 'patient': is empty",
        "row 5, column 'image': there is no file images/nothing.png",
        "row 6, column 'image': images is a folder; name one file",
        "row 7, column 'image': there is no file images\\a.png; write paths with / instead of \\",
        "row 9, column 'image': is empty",
    )


def test_missing_and_repeated_columns(folder: Path) -> None:
    text = "case,picture,case\n1,images/a.png,2\n"
    assert faults(folder / "cohort.csv", text) == (
        "column 'patient' is missing",
        "column 'image' is missing",
        "column 'case' is there 2 times",
    )


def test_required_columns_can_be_more(folder: Path) -> None:
    text = "\n".join([*ROWS[:2], "002,0007,images/b.png,b.roi,,,02"])
    require = ("case", "patient", "image", "roi", "label")
    found = faults(folder / "cohort.csv", text, require=require)
    assert found == ("row 3, column 'label': is empty",)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"case,patient,image\n", "mend what is listed"),
        ("case,patient,image\n1,M\xfcller,a.png\n".encode("latin-1"), "not UTF-8"),
        (b'case,patient,image\n1,"7,a.png\n', "is not a CSV table"),
    ],
)
def test_what_is_no_table(folder: Path, data: bytes, said: str) -> None:
    path = folder / "cohort.csv"
    path.write_bytes(data)
    with pytest.raises(CohortError, match=said):
        read_cohort(path)


def test_no_file_and_impossible_paths(folder: Path) -> None:
    with pytest.raises(CohortError, match="is not a file"):
        read_cohort(folder / "nothing.csv")
    (found,) = faults(folder / "cohort.csv", f"case,patient,image\n1,1,{'x' * 5000}\n")
    assert "row 2, column 'image'" in found


def test_entries_with_line_ends_and_quotes(folder: Path) -> None:
    path = folder / "cohort.csv"
    path.write_text('case,patient,image,remark\n1,1,images/a.png,"two\nlines, ""quoted"""\n')
    assert read_cohort(path).table["remark"].iloc[0] == 'two\nlines, "quoted"'


@pytest.mark.data
def test_the_thyroid_cohort(data_dir: Path) -> None:
    table = read_cohort(data_dir / "us_ddti_thyroid/cohort.csv").table
    assert len(table) == 479
    assert table["case"].is_unique
    assert set(table["label"].dropna()) == {0, 1}
    assert all(Path(path).is_absolute() for path in table["roi"])


def test_several_readings_of_a_case_where_they_are_asked_for(folder: Path) -> None:
    path = folder / "cohort.csv"
    rows = [
        "case,patient,image,reader,round",
        "1,p,images/a.png,A,1",
        "1,p,images/a.png,B,1",
        "1,p,images/a.png,A,2",
    ]
    path.write_text("\n".join(rows))
    identity = ("case", "reader", "round")
    assert len(read_cohort(path, unique=identity)) == 3
    with pytest.raises(CohortError) as caught:
        read_cohort(path)
    assert len(caught.value.details) == 2
    path.write_text("\n".join([*rows, rows[2]]))
    with pytest.raises(CohortError) as caught:
        read_cohort(path, unique=identity)
    assert caught.value.details == (
        "row 5, column 'case': '1' is already the case of row 3 (reader B, round 1)",
    )
