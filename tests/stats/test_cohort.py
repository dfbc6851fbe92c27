from __future__ import annotations

import io
import json
import math
import shutil
import subprocess
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from napari_ptx.stats import Characteristic, StatsError, describe
from napari_ptx.stats.cohort_tests import compare_counts, fisher

# Liu et al. (2026), Table 1: women and men, and adenomas and other tumours, of three sets
LIU = {
    "training": {"male": 183, "female": 603, "PA": 733, "APT/PC": 53},
    "validation": {"male": 38, "female": 130, "PA": 158, "APT/PC": 10},
    "test": {"male": 41, "female": 127, "PA": 157, "APT/PC": 11},
}


def liu(*levels: str) -> pd.DataFrame:
    rows = [
        (split, level)
        for split, counts in LIU.items()
        for level in levels
        for _ in range(counts[level])
    ]
    return pd.DataFrame(rows, columns=["split", "value"])


def only(table: pd.DataFrame, group: str, name: str, **how: Any) -> Characteristic:
    (found,) = describe(table, group, [name], **how).characteristics
    return found


def p_values(found: Characteristic) -> dict[tuple[str | None, str | None], float]:
    return {(test.a, test.b): test.p for test in found.tests}


def test_the_subtypes_of_liu_2026() -> None:
    found = only(liu("PA", "APT/PC"), "split", "value")
    assert found.levels == ("APT/PC", "PA")
    assert found.total.counts == (74, 1048)
    assert [group.counts for group in found.groups] == [(53, 733), (10, 158), (11, 157)]
    p = p_values(found)
    # as printed; of the three P values of this row, 0.986 is none that the counts give
    assert round(p["training", "validation"], 3) == 0.708
    assert round(p["validation", "test"], 3) == 0.822
    assert {test.test for test in found.tests} == {"chi-squared"}
    sex = p_values(only(liu("male", "female"), "split", "value"))
    assert round(sex["training", "test"], 3) == 0.755  # printed 0.756


SCRIPT = r"""
d <- mtcars; d$name <- NULL
write.csv(d, stdout(), row.names = FALSE)
cat("---\n")
say <- function(key, value) cat(sprintf("%s %.15g\n", key, value))
for (v in c("mpg", "hp", "qsec")) {
  for (g in c("0", "1")) say(paste("shapiro", v, g), shapiro.test(d[d$am == g, v])$p.value)
  f <- as.formula(paste(v, "~ am")); k <- as.formula(paste(v, "~ factor(cyl)"))
  say(paste("welch", v), t.test(f, d)$p.value)
  say(paste("student", v), t.test(f, d, var.equal = TRUE)$p.value)
  say(paste("ranks", v), wilcox.test(f, d, exact = FALSE)$p.value)
  say(paste("kruskal", v), kruskal.test(k, d)$p.value)
  say(paste("anova", v), oneway.test(k, d, var.equal = TRUE)$p.value)
  say(paste("welch3", v), oneway.test(k, d)$p.value)
  for (q in c(.25, .5, .75)) say(paste("quantile", v, q), quantile(d[d$am == 1, v], q))
  say(paste("sd", v), sd(d[d$am == 1, v]))
}
x <- c(1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30)
y <- c(0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.065, 3.14, 1.29001)
say("exact", wilcox.test(x, y)$p.value)
tab <- function(a, b) table(d[[a]], d[[b]])
say("fisher cyl", fisher.test(tab("am", "cyl"))$p.value)
say("fisher carb", fisher.test(tab("gear", "carb"))$p.value)
say("fisher vs", fisher.test(tab("am", "vs"))$p.value)
suppressWarnings({
  say("chisq vs", chisq.test(tab("am", "vs"), correct = FALSE)$p.value)
  say("yates vs", chisq.test(tab("am", "vs"))$p.value)
})
big <- matrix(c(1048, 60, 14, 158, 8, 2, 155, 9, 4), 3)
say("fisher big", fisher.test(big, workspace = 2e7)$p.value)
"""


@pytest.fixture(scope="module")
def r() -> tuple[pd.DataFrame, dict[str, float]]:
    """Motor Trend's cars, which come with R, and what R says of them."""
    rscript = shutil.which("Rscript")
    assert rscript is not None
    done = subprocess.run(
        [rscript, "--vanilla", "-e", SCRIPT], capture_output=True, text=True, check=True
    )
    table, _, answers = done.stdout.partition("---\n")
    pairs = (line.rpartition(" ") for line in answers.splitlines())
    return pd.read_csv(io.StringIO(table)), {key: float(value) for key, _, value in pairs}


@pytest.mark.r
@pytest.mark.parametrize("name", ["mpg", "hp", "qsec"])
def test_measurements_as_r_has_them(r: tuple[pd.DataFrame, dict[str, float]], name: str) -> None:
    cars, expected = r
    found = only(cars, "am", name)
    manual = found.groups[0]  # the first car has am = 1
    automatic = found.groups[1]
    assert manual.shapiro_p == pytest.approx(expected[f"shapiro {name} 1"], abs=1e-6)
    assert automatic.shapiro_p == pytest.approx(expected[f"shapiro {name} 0"], abs=1e-6)
    assert manual.sd == pytest.approx(expected[f"sd {name}"], rel=1e-12)
    quartiles = [expected[f"quantile {name} {q}"] for q in ("0.25", "0.5", "0.75")]
    assert [manual.q1, manual.median, manual.q3] == pytest.approx(quartiles, rel=1e-12)
    normal = min(manual.shapiro_p, automatic.shapiro_p) > 0.05
    assert found.kind == ("mean" if normal else "median")
    # alpha says which of the tests is made, so that each can be compared on the same data
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("welch", {"alpha": 0.0}),
        ("student", {"alpha": 0.0, "t": "student"}),
        ("ranks", {"alpha": 1.0}),
    ]
    for key, how in kinds:
        (p,) = p_values(only(cars, "am", name, **how)).values()
        assert p == pytest.approx(expected[f"{key} {name}"], rel=1e-9), key
    for key, how in [
        ("welch3", {"alpha": 0.0}),
        ("anova", {"alpha": 0.0, "t": "student"}),
        ("kruskal", {"alpha": 1.0}),
    ]:
        p = p_values(only(cars, "cyl", name, **how))[None, None]
        assert p == pytest.approx(expected[f"{key} {name}"], rel=1e-9), key


@pytest.mark.r
def test_counts_as_r_has_them(r: tuple[pd.DataFrame, dict[str, float]]) -> None:
    cars, expected = r

    def table(a: str, b: str) -> Any:
        return pd.crosstab(cars[a], cars[b]).to_numpy()

    assert compare_counts(table("am", "cyl")) == (
        "Fisher's exact",
        pytest.approx(expected["fisher cyl"], rel=1e-7),
    )
    assert fisher(table("gear", "carb")).p == pytest.approx(expected["fisher carb"], rel=1e-7)
    assert fisher(table("am", "vs")).p == pytest.approx(expected["fisher vs"], rel=1e-7)
    assert compare_counts(table("am", "vs")) == (
        "chi-squared",
        pytest.approx(expected["chisq vs"], rel=1e-9),
    )
    assert compare_counts(table("am", "vs"), yates=True) == (
        "chi-squared, Yates",
        pytest.approx(expected["yates vs"], rel=1e-9),
    )
    subtypes = np.array([[1048, 158, 155], [60, 8, 9], [14, 2, 4]])
    assert fisher(subtypes) == (
        "Fisher's exact",
        pytest.approx(expected["fisher big"], rel=1e-6),
    )


@pytest.mark.r
def test_small_groups_without_ties_are_ranked_exactly(
    r: tuple[pd.DataFrame, dict[str, float]],
) -> None:
    # Hollander & Wolfe (1973), depression scale factor, with a tie undone
    x = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    y = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.065, 3.14, 1.29001]
    table = pd.DataFrame({"visit": ["1"] * 9 + ["2"] * 9, "score": x + y})
    (test,) = only(table, "visit", "score", alpha=1.0).tests
    assert test.test == "Mann-Whitney, exact"
    assert test.p == pytest.approx(r[1]["exact"], rel=1e-12)


def test_a_fisher_test_too_large_to_enumerate_is_drawn() -> None:
    rng = np.random.default_rng(0)
    table = rng.multinomial(2000, np.full(5, 0.2), size=5)
    tested = fisher(table)
    assert tested.test == "Fisher's, simulated"
    # with so many the two tests agree
    assert tested.p == pytest.approx(chi2_contingency(table).pvalue, abs=0.01)
    assert fisher(table) == tested


def cohort() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 60
    table = pd.DataFrame(
        {
            "patient": [f"p{i}" for i in range(n)],
            "split": np.repeat(["training", "validation", "test"], 20),
            "age": rng.normal(54, 14, n).round(1),
            "pth": np.exp(rng.normal(3, 1, n)).round(1),
            "label": rng.integers(0, 2, n),
            "sex": rng.choice(["female", "male"], n),
            "grade": rng.integers(1, 4, n),
        }
    )
    table.loc[[0, 25], "age"] = np.nan
    table.loc[3, "sex"] = None
    table.loc[4, "sex"] = " "
    return table


def test_kinds_and_missing_values() -> None:
    found = describe(cohort(), "split", categorical=["grade"])
    assert found.names == ("training", "validation", "test")
    assert found.sizes == (20, 20, 20)
    kinds = {c.name: c.kind for c in found.characteristics}
    assert kinds == {
        "age": "mean",
        "pth": "median",
        "label": "count",
        "sex": "count",
        "grade": "count",
    }
    age, _, label, sex, grade = found.characteristics
    assert age.total.missing == 2
    assert [group.missing for group in age.groups] == [1, 1, 0]
    assert [group.n for group in age.groups] == [19, 19, 20]
    assert [group.missing for group in sex.groups] == [2, 0, 0]
    assert label.levels == ("0", "1")
    assert grade.levels == ("1", "2", "3")
    assert len(age.tests) == 4
    assert age.tests[0].test == "Welch's ANOVA"


def test_the_printed_table() -> None:
    frame = describe(cohort(), "split").to_frame()
    assert list(frame.columns) == [
        "Characteristic",
        "Total (n = 60)",
        "training (n = 20)",
        "validation (n = 20)",
        "test (n = 20)",
        "Missing",
        "P",
        "P training vs. validation",
        "P training vs. test",
        "P validation vs. test",
        "Test",
    ]
    age = frame.iloc[0]
    table = cohort()
    values = table["age"]
    assert age["Total (n = 60)"] == f"{values.mean():.1f} ± {values.std():.1f}"
    assert age["Missing"] == "2 (training 1, validation 1)"
    male = frame[frame["Characteristic"] == "    male"].iloc[0]
    count = (table["sex"] == "male").sum()
    assert male["Total (n = 60)"] == f"{count} ({100 * count / 58:.1f})"
    assert male["P"] == ""
    two = describe(table[table["split"] != "test"], "split", ["age"]).to_frame()
    assert list(two.columns)[-2:] == ["P", "Test"]
    assert not frame.isna().any().any()


def test_json_has_no_nan() -> None:
    table = cohort().assign(constant=1.5, empty=np.nan, other=["a"] * 60)
    found = describe(table, "split")
    answer = json.loads(json.dumps(found.to_json(), allow_nan=False))
    by_name = {item["name"]: item for item in answer["characteristics"]}
    assert {test["p"] for test in by_name["constant"]["tests"]} == {None}
    assert {test["p"] for test in by_name["empty"]["tests"]} == {None}
    assert by_name["age"]["groups"]["training"]["missing"] == 1
    assert by_name["age"]["tests"][1]["a"] == "training"


def test_a_group_without_values_leaves_its_tests_undefined() -> None:
    table = cohort()
    table.loc[table["split"] == "test", "age"] = np.nan
    p = p_values(only(table, "split", "age"))
    assert math.isnan(p["training", "test"])
    assert 0.0 < p["training", "validation"] <= 1.0


def test_more_values_than_shapiro_takes_are_not_called_normal() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"g": ["a", "b"] * 5100, "x": rng.normal(size=10200)})
    assert only(table, "g", "x").kind == "median"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"group": "arm"}, "The table has no column 'arm'; its columns are: patient, split"),
        ({"columns": ["weight"]}, "The table has no column 'weight'"),
        ({"columns": []}, "There is no characteristic to describe"),
        ({"categorical": ["pth"]}, r"pth: there are \d+ different values, too many to count"),
        ({"t": "paired"}, "The t test is 'welch' or 'student', not 'paired'."),
    ],
)
def test_what_cannot_be_described_is_said(change: dict[str, Any], sentence: str) -> None:
    arguments: dict[str, Any] = {"group": "split"} | change
    with pytest.raises(StatsError, match=sentence):
        describe(cohort(), **arguments)


def test_rows_without_a_group_one_group_and_infinite_values_are_refused() -> None:
    table = cohort()
    with pytest.raises(StatsError, match="Rows without a split: 3, 4"):
        describe(table.assign(split=[None if i in (2, 3) else "a" for i in range(60)]), "split")
    with pytest.raises(StatsError, match="has one group"):
        describe(table.assign(split="a"), "split")
    with pytest.raises(StatsError, match="age: there are infinite values"):
        describe(table.assign(age=[math.inf, *table["age"][1:]]), "split")
    with pytest.raises(StatsError, match="seen: dates cannot be described"):
        describe(table.assign(seen=pd.Timestamp("2020-01-01")), "split")
