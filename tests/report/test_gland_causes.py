"""Causes of mistakes: named in the record, taken over by the next evaluation."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from napari_ptx.ct.evaluation_files import evaluate
from napari_ptx.ct.evaluation_tables import EvaluationSettings
from napari_ptx.report.gland_causes import (
    causes_of,
    codes,
    counts,
    merged_causes,
    read_mistakes,
    subject,
    write_causes,
)
from napari_ptx.report.gland_rows import BoardError
from napari_ptx.study import GlandRecord
from tests.ct.make import readings, series

QUICK = EvaluationSettings(replicates=20)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mistakes")
    _, _, table = series(folder, 3, missed=(2, 5))
    readings(folder / "readings.csv", table, {("CT", "A"): [1]})
    run(folder)
    return folder


def run(folder: Path) -> None:
    evaluate(folder / "cohort.csv", folder / "out", folder / "ev", settings=QUICK,
             readings=folder / "readings.csv", figures=False)  # fmt: skip


def test_a_mistake_has_a_name_that_outlives_a_prediction(evaluated: Path) -> None:
    table = read_mistakes(evaluated / "ev")
    names = [subject(row) for row in table.to_dict("records")]
    assert names == [
        "model|miss|3", "model|miss|2", "model|false positive|-4.0,106.4,-329.0",
        "model|false positive|-4.0,106.4,-329.0", "model|false positive|-4.0,106.4,-329.0",
        "CT|miss|2", "CT|false positive|left of the trachea|1",
    ]  # fmt: skip
    assert codes("miss")[:2] == ("too small", "isoattenuating")
    assert codes("false positive")[-1] == "other"
    assert len(codes("false positive")) == 11


def test_causes_of_the_record_come_back_from_the_next_evaluation(
    evaluated: Path, tmp_path: Path
) -> None:
    with GlandRecord.open(tmp_path / "glands.review") as record:
        table = read_mistakes(evaluated / "ev")
        assert {one.code for one in causes_of(record, table)} == {""}
        record.add("p1", "cause", "model|miss|3", "motion", "Ada")
        # the same false positive, a millimetre off after another prediction
        record.add("p2", "cause", "model|false positive|-4.0,107.4,-329.0", "vessel", "Ben")
        record.add("p1", "cause", "CT|false positive|left of the trachea|1", "node", "Ben")
        found = causes_of(record, table)
        assert [(one.code, one.who) for one in found] == [
            ("motion", "Ada"), ("", ""), ("", ""), ("vessel", "Ben"), ("", ""), ("", ""),
            ("node", "Ben"),
        ]  # fmt: skip
        by = counts(table, found).set_index(["finder", "cause"])
        assert by.loc[("model", ""), "misses"] == 1
        assert by.loc[("model", ""), "false_positives"] == 2
        assert by.loc[("CT", "node"), "false_positives"] == 1
        # what stands in the table by hand is kept, with comments
        path = evaluated / "ev" / "causes.csv"
        old = pd.read_csv(path, encoding="utf-8-sig", dtype=str, keep_default_na=False)
        old.loc[0, ["cause", "comment"]] = ["artefact", "metal"]
        old.loc[1, "cause"] = "too small"
        write_causes(path, old)
        write_causes(path, merged_causes(record, path))
        run(evaluated)
        after = read_mistakes(evaluated / "ev")
        assert list(after["cause"]) == ["motion", "too small", "", "vessel", "", "", "node"]
        assert after["comment"][0] == "metal"
        # taking back in the record goes before the table
        record.add("p1", "cause", "model|miss|3", "", "Ada")
        assert causes_of(record, after)[0].code == ""


def test_where_there_is_no_evaluation(tmp_path: Path) -> None:
    assert read_mistakes(tmp_path).empty
    assert merged_causes(None, tmp_path / "causes.csv").empty
    with pytest.raises(BoardError, match="cannot be written"):
        write_causes(tmp_path / "none" / "causes.csv", pd.DataFrame())
    (tmp_path / "mistakes.csv").write_bytes(b"")
    with pytest.raises(BoardError, match="evaluate again"):
        read_mistakes(tmp_path)
