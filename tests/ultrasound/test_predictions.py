from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ptx.ultrasound import (
    Predictions,
    UltrasoundError,
    read_predictions,
    write_predictions,
)
from napari_ptx.ultrasound.evaluation import unusable

PLAIN = """\
case,patient,image,roi,label,split,radiomics,late,age,subtype
c1,p1,us/1.png,us/1_roi.png,1,test,0.75,0.9,61,carcinoma
c2,p1,us/2.png,,0,test,0.25,0.6,61,adenoma
c3,007,us/3.png,,1,validation,0.5,0.4,43,atypical
c4,p4,us/4.png,,0,train,0.1,0.2,,adenoma
"""


def written(folder: Path, text: str, name: str = "predictions.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case": ["1", "2", "3", "4"],
            "patient": ["a", "a", "b", "c"],
            "label": [0, 1, 0, 1],
            "split": ["test", "test", "out-of-fold", "train"],
            "svm": [0.1, 1 / 3, 0.123456789012345678, 1.0],
            "late, two": [0.2, 0.7, 0.0, 5e-324],
            "reader": ["A", "A", "A", "B"],
        }
    )


def test_a_plain_table_of_anyone_is_read(tmp_path: Path) -> None:
    read = read_predictions(written(tmp_path, PLAIN))
    assert read.models == ("radiomics", "late")
    assert read.splits == ("train", "validation", "test")
    assert read.labels.tolist() == [1, 0, 1, 0]
    assert read.scores.tolist() == [[0.75, 0.25, 0.5, 0.1], [0.9, 0.6, 0.4, 0.2]]
    assert read.clusters.tolist() == ["p1", "p1", "007", "p4"]
    assert read.clustered
    assert read.table["image"][0] == str(tmp_path / "us/1.png")
    assert read.table["roi"][1] == ""
    assert read.table["age"].tolist()[:3] == [61, 61, 43]
    assert read.table["subtype"][2] == "atypical"
    assert (read.thresholds == 0.5).all(axis=None)
    assert read.threshold("late") == 0.5
    # a case is positive at the threshold, not only above it
    assert read.verdicts()["radiomics"].tolist() == [True, False, True, False]


def test_one_split_and_some_models(tmp_path: Path) -> None:
    read = read_predictions(written(tmp_path, PLAIN))
    test = read.of("test").pick(["late"])
    assert len(test) == 2
    assert test.models == ("late",)
    assert test.verdicts()["late"].tolist() == [True, True]
    with pytest.raises(UltrasoundError, match="no split 'exam'; it has 'train', 'validation'"):
        read.of("exam")
    with pytest.raises(UltrasoundError, match="no model 'svm'; it has 'radiomics', 'late'"):
        read.pick(["svm"])


def test_a_threshold_set_by_hand(tmp_path: Path) -> None:
    read = read_predictions(written(tmp_path, PLAIN))
    moved = read.with_thresholds({"late": 0.8, "unknown": 0.1}, "set by hand")
    assert moved.verdicts()["late"].tolist() == [True, False, False, False]
    assert moved.rules == {"radiomics": read.rules["radiomics"], "late": "set by hand"}
    assert read.threshold("late") == 0.5


def test_scores_alone_are_enough(tmp_path: Path) -> None:
    read = read_predictions(written(tmp_path, "truth;score\n0;0.1\n1;0.7\n"), truth="truth")
    assert read.table["case"].tolist() == ["row 2", "row 3"]
    assert not read.clustered
    assert read.splits == ("all",)


def test_binary_and_known_columns_are_not_models(tmp_path: Path) -> None:
    text = "case,label,svm,ulcer,augmented,fold,ca,Sex\na,0,.2,0,0,0,2.4,0.5\nb,1,.8,1,1,1,2.9,0\n"
    assert read_predictions(written(tmp_path, text)).models == ("svm",)
    assert read_predictions(tmp_path / "predictions.csv", models=["ulcer"]).models == ("ulcer",)


def test_split_words_of_others(tmp_path: Path) -> None:
    text = "case,label,m,split\na,0,.2,val\nb,1,.8,Training\nc,1,.8,OOF\nd,1,.8,external\n"
    read = read_predictions(written(tmp_path, text))
    assert read.splits == ("train", "validation", "out-of-fold", "external")


def test_new_cases_have_no_pathology_yet(tmp_path: Path) -> None:
    new = table().assign(label="", split="test")
    path = write_predictions(
        tmp_path / "new.csv", new, ["svm"], thresholds={"svm": 0.5}, note="", positive="APT/PC"
    )
    read = read_predictions(path)
    assert not read.labelled
    assert read.positive == "APT/PC"
    assert read.verdicts()["svm"].tolist() == [False, False, False, True]
    with pytest.raises(UltrasoundError, match=r"The column 'label' of new\.csv is empty"):
        read.labels  # noqa: B018 - it is a property
    assert "is not known yet" in unusable(read)
    path.with_suffix(".json").unlink()  # a table of anybody else needs its labels
    with pytest.raises(UltrasoundError, match="4 faults"):
        read_predictions(path)


def test_words_as_labels_need_the_positive_one(tmp_path: Path) -> None:
    path = written(tmp_path, "case,label,m\na,benign,.2\nb,malignant,.8\n")
    with pytest.raises(UltrasoundError, match="tell which is positive: 'benign' or 'malignant'"):
        read_predictions(path)
    read = read_predictions(path, positive="malignant")
    assert read.labels.tolist() == [0, 1]
    assert (read.positive, read.negative) == ("malignant", "benign")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("case,m\na,.2\n", "no column 'label'; its columns are 'case', 'm'"),
        ("case,label,m\na,0,.2\nb,2,.3\n", "row 3, column 'label': 2 is neither 0 nor 1"),
        ("case,label,m\na,0,.2\nb,,.3\n", "row 3, column 'label': is empty"),
        ("case,label,m\na,x,.2\nb,y,.3\nc,z,.3\n", "holds words.*it needs exactly two"),
        ("case,label,m\na,0,.2\nb,1,7\n", "no column of probabilities.*'m' goes beyond"),
        ("case,label,m,k\na,0,.2,.1\nb,1,,.2\n", "row 3, column 'm': is empty"),
        ("case,label,m\na,0,.2\nb,0,.3\n", "Every row of predictions.csv has 0 in column 'label'"),
        (
            "case,label,m\na,0,.2\na,1,.3\n",
            "row 3, column 'case': 'a' is already the case of row 2",
        ),
        ("case,patient,label,m\na,p,0,.2\nb,,1,.3\n", "row 3, column 'patient': is empty"),
        ("case,label,m,threshold:m\na,0,.2,.5\nb,1,.3,x\n", "'threshold:m': 'x' is not a number"),
        ("case,label,name\na,0,x\nb,1,y\n", "no column of probabilities between 0 and 1"),
        ("case,label,m\n", "no row below the header"),
        ("", "is not a table"),
    ],
)
def test_what_is_wrong_is_told_by_row_and_column(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UltrasoundError, match=sentence):
        read_predictions(written(tmp_path, text))


def test_a_model_that_is_told_must_hold_probabilities(tmp_path: Path) -> None:
    path = written(tmp_path, "case,label,m,n\na,0,.2,1\nb,1,1.3,2\nc,1,-0.1,x\nd,1,nan,1\n")
    with pytest.raises(UltrasoundError) as caught:
        read_predictions(path, models=["m"])
    assert caught.value.details == (
        "row 3, column 'm': 1.3 is not between 0 and 1",
        "row 4, column 'm': -0.1 is not between 0 and 1",
        "row 5, column 'm': 'nan' is not a number",
    )
    with pytest.raises(UltrasoundError, match="no column 'k'"):
        read_predictions(path, models=["k"])
    with pytest.raises(UltrasoundError, match="no column 'site'"):
        read_predictions(path, clusters="site")


def test_many_faults_are_counted_and_some_are_listed(tmp_path: Path) -> None:
    text = "case,label,m\n" + "".join(f"c{i},{i % 2},\n" for i in range(30)) + "x,1,0.5\n"
    with pytest.raises(UltrasoundError, match="has 30 faults") as caught:
        read_predictions(written(tmp_path, text))
    assert len(caught.value.details) == 21
    assert caught.value.details[-1] == "and 10 more"


def test_files_that_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(UltrasoundError, match="is not a file"):
        read_predictions(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("case,label,m\nJosé,1,.2\n".encode("latin-1"))
    with pytest.raises(UltrasoundError, match="is not UTF-8"):
        read_predictions(tmp_path / "latin.csv")
    (tmp_path / "odd.parquet").write_bytes(b"PK nothing")
    with pytest.raises(UltrasoundError, match="is not a table"):
        read_predictions(tmp_path / "odd.parquet")


def test_augmented_copies_may_share_their_case(tmp_path: Path) -> None:
    text = "case,label,m,augmented\na,0,.2,False\na,0,.2,True\na,0,.3,True\nb,1,.7,False\n"
    assert len(read_predictions(written(tmp_path, text))) == 4


def test_a_parquet_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    table().to_parquet(path)
    read = read_predictions(path)
    assert read.models == ("svm", "late, two")
    assert read.scores[0].tolist() == table()["svm"].tolist()


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    source = table()
    source["image"] = [str(tmp_path / "us" / f"{case}.png") for case in source["case"]]
    path = write_predictions(
        tmp_path / "run" / "predictions.csv",
        source,
        ["svm", "late, two"],
        thresholds={"svm": 1 / 3, "late, two": 0.7},
        note="simulated",
        positive="carcinoma",
        negative="adenoma",
        rules={"svm": "Youden, learned on validation"},
        about={"svm": {"family": "radiomics", "classifier": "SVM"}},
        sources={"cohort": "abc"},
    )
    assert "../us/1.png" in path.read_text(encoding="utf-8")
    assert not list(path.parent.glob("*.part"))
    read = read_predictions(path)
    assert read.scores.tolist() == [source["svm"].tolist(), source["late, two"].tolist()]
    assert read.threshold("svm") == 1 / 3
    assert read.rules["svm"] == "Youden, learned on validation"
    assert read.about["svm"] == {"family": "radiomics", "classifier": "SVM"}
    assert (read.note, read.positive, read.negative) == ("simulated", "carcinoma", "adenoma")
    assert [Path(p).resolve() for p in read.table["image"]] == [
        (tmp_path / "us" / f"{case}.png").resolve() for case in source["case"]
    ]
    again = read_predictions(read.write(tmp_path / "other" / "copy.csv"))
    assert_same(again, read)


def test_thresholds_by_row_are_written_and_read(tmp_path: Path) -> None:
    rows = pd.DataFrame({"svm": [0.1, 0.2, 0.1, 0.3], "late, two": [0.5] * 4})
    path = write_predictions(
        tmp_path / "p.csv", table(), ["svm", "late, two"], thresholds=rows, note=""
    )
    read = read_predictions(path)
    pd.testing.assert_frame_equal(read.thresholds, rows)
    assert np.isnan(read.threshold("svm"))
    assert read.verdicts()["svm"].tolist() == [True, True, True, True]
    moved = read.with_thresholds({"svm": 0.9}, "set by hand")
    again = read_predictions(moved.write(tmp_path / "moved.csv"))
    assert again.threshold("svm") == 0.9


def test_a_table_that_lacks_a_column_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UltrasoundError, match="have no column 'knn'"):
        write_predictions(tmp_path / "p.csv", table(), ["knn"], thresholds={"knn": 0.5}, note="")
    (tmp_path / "file").write_text("")
    with pytest.raises(UltrasoundError, match="cannot be written"):
        write_predictions(
            tmp_path / "file" / "p.csv", table(), ["svm"], thresholds={"svm": 0.5}, note=""
        )


def test_the_json_beside_a_table(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN)
    beside = tmp_path / "predictions.json"
    beside.write_text('{"format": "of someone else"}')
    assert read_predictions(path).note == ""
    beside.write_text(json.dumps({"format": "napari-ptx predictions 2"}))
    with pytest.raises(UltrasoundError, match="newer than this program"):
        read_predictions(path)
    beside.write_text("{")
    with pytest.raises(UltrasoundError, match="cannot be read as JSON"):
        read_predictions(path)
    beside.write_text(
        json.dumps({"format": "napari-ptx predictions 1", "models": {"late": {"threshold": 0.7}}})
    )
    read = read_predictions(path)
    assert read.models == ("late",)
    assert read.threshold("late") == 0.7


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans()), min_size=2, max_size=20
    ).filter(lambda rows: len({row[2] for row in rows}) == 2)
)
def test_numbers_survive_the_file_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, float, bool]]
) -> None:
    made = pd.DataFrame(rows, columns=["one", "two", "label"]).astype({"label": int})
    made.insert(0, "case", [f"{n:03}" for n in range(len(made))])
    folder = tmp_path_factory.mktemp("bits")
    path = write_predictions(
        folder / "p.csv", made, ["one", "two"], thresholds={"one": 0.5, "two": 0.1}, note=""
    )
    read = read_predictions(path)
    assert read.scores.tolist() == [made["one"].tolist(), made["two"].tolist()]
    assert read.table["case"].tolist() == made["case"].tolist()


def test_reading_loads_no_torch_and_no_sklearn(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN)
    code = (
        "import sys; from napari_ptx.ultrasound import read_predictions;"
        f"read_predictions({str(path)!r});"
        "sys.exit(str([m for m in ('torch', 'sklearn', 'matplotlib', 'scipy')"
        " if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"


def assert_same(one: Predictions, other: Predictions) -> None:
    pd.testing.assert_frame_equal(one.table, other.table)
    pd.testing.assert_frame_equal(one.thresholds, other.thresholds)
    for name in ("truth", "models", "cluster", "note", "positive", "negative", "rules", "about"):
        assert getattr(one, name) == getattr(other, name)
