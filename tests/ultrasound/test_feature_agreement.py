"""ICC of features between readers and within each, against the statistics room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_ptx.stats import icc
from napari_ptx.ultrasound import FeatureTable, UltrasoundError, feature_icc
from napari_ptx.ultrasound.feature_agreement import passes

NAMES = ("original_glcm_Contrast", "original_firstorder_Mean", "original_firstorder_Range")
READINGS = (("A", 1), ("B", 1), ("A", 2), ("B", 2))


def table(cases: int = 30, readings: tuple[tuple[str, int], ...] = READINGS) -> FeatureTable:
    """Contrast with little noise, Mean with much, Range constant; rows in random order."""
    rng = np.random.default_rng(7)
    truth = rng.normal(size=(cases, 2))
    rows = []
    for reader, turn in readings:
        noise = rng.normal(size=(cases, 2)) * (0.1, 0.8) + (0.05 if reader == "B" else 0)
        for case in range(cases):
            values = dict(zip(NAMES, (*(truth + noise)[case], 1.0), strict=True))
            rows.append({"case": f"c{case}", "reader": reader, "round": turn} | values)
    shuffled = pd.DataFrame(rows).sample(frac=1, random_state=1).reset_index(drop=True)
    return FeatureTable(shuffled, NAMES, Path("features.parquet"))


def ratings(features: FeatureTable, name: str, who: list[tuple[str, int]]) -> np.ndarray:
    wide = features.table.pivot(index="case", columns=["reader", "round"], values=name)
    return wide[who].to_numpy()


def test_each_comparison_is_the_icc_of_its_readings() -> None:
    features = table()
    found = feature_icc(features)
    assert len(found) == 3 * len(NAMES)
    readings = {
        "within A": [("A", 1), ("A", 2)],
        "within B": [("B", 1), ("B", 2)],
    }
    between = next(name for name in found["comparison"] if name.startswith("between"))
    assert set(between.removeprefix("between readers ").split(", ")) == {"A", "B"}
    readings[between] = [("A", 1), ("B", 1)]
    for comparison, who in readings.items():
        rows = found[found["comparison"] == comparison].set_index("feature")
        for name in NAMES:
            expected = icc(ratings(features, name, who))
            row = rows.loc[name]
            for column in ("icc", "low", "high"):
                value = expected.value if column == "icc" else getattr(expected, column)
                assert row[column] == pytest.approx(value, rel=1e-12, nan_ok=True)
            assert (row["n"], row["k"], row["left_out"]) == (30, 2, 0)
            assert row["form"].startswith("ICC(A,1)")


def test_counts_by_the_point_and_by_the_lower_limit() -> None:
    found = feature_icc(table(12))
    assert passes(found).to_dict() == dict(zip(NAMES, (True, False, False), strict=True))
    contrast = found[found["feature"] == NAMES[0]]
    threshold = float((contrast["icc"].min() + contrast["low"].min()) / 2)
    assert passes(found, "point", threshold)[NAMES[0]]
    assert not passes(found, "lower", threshold)[NAMES[0]]
    assert found[found["feature"] == NAMES[2]]["icc"].isna().all()  # constant: undefined
    with pytest.raises(ValueError, match="bound"):
        passes(found, "upper")  # type: ignore[arg-type]


def test_cases_without_a_reading_are_left_out_and_counted() -> None:
    features = table()
    lost = features.table[
        ~((features.table["reader"] == "B") & features.table["case"].isin(["c1", "c2"]))
    ]
    found = feature_icc(FeatureTable(lost.copy(), NAMES, features.source))
    between = found[found["comparison"].str.startswith("between")]
    assert set(between["n"]) == {28}
    assert set(between["left_out"]) == {2}
    assert set(found[found["comparison"] == "within A"]["n"]) == {30}


def test_rounds_without_readers_and_readers_without_rounds() -> None:
    features = table(readings=(("A", 1), ("A", 2)))
    alone = FeatureTable(features.table.drop(columns="reader"), NAMES, features.source)
    assert set(feature_icc(alone)["comparison"]) == {"within the reader"}
    features = table(readings=(("A", 1), ("B", 1)))
    first = FeatureTable(features.table.drop(columns="round"), NAMES, features.source)
    assert set(feature_icc(first)["comparison"].str.split(" ").str[0]) == {"between"}


@pytest.mark.parametrize(
    ("readings", "drop", "message"),
    [
        (READINGS, ["reader", "round"], "neither a column 'reader' nor 'round'"),
        (READINGS, ["round"], "twice"),
        ((("A", 1),), [], "one reading of each case"),
    ],
)
def test_what_has_nothing_to_compare(
    readings: tuple[tuple[str, int], ...], drop: list[str], message: str
) -> None:
    features = table(readings=readings)
    with pytest.raises(UltrasoundError, match=message):
        feature_icc(FeatureTable(features.table.drop(columns=drop), NAMES, features.source))


def test_too_few_cases_and_missing_values_are_told() -> None:
    features = table(1)
    with pytest.raises(UltrasoundError, match="1 case in common"):
        feature_icc(features)
    features = table()
    features.table.loc[3, NAMES[0]] = np.nan
    with pytest.raises(UltrasoundError, match="Ratings are missing"):
        feature_icc(features)
