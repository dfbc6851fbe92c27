from __future__ import annotations

import json
import math
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest

from napari_ptx.stats import MRMC, StatsError, mrmc
from napari_ptx.stats.mrmc import EFFECTS
from napari_ptx.stats.mrmc_covariance import METHODS, auc_covariances
from tests.stats.van_dyke import RATINGS, TRUTH, columns

RANDOM, READERS, CASES = EFFECTS


@pytest.fixture(scope="module")
def van_dyke() -> MRMC:
    return mrmc(columns())


# Smith, Hillis & Pesce, MRMCaov: sections 4.2, 4.3 and README; the last is also RJafroc's
PUBLISHED = [
    # method, effects, se, f, df2, p, low, high
    ("delong", RANDOM, 0.0206825, 4.484854, 15.06611, 0.05123303, -0.0878671960, 0.0002665519),
    ("unbiased", RANDOM, 0.02067154, 4.489614, 15.03418, 0.0511618, -0.0878519409, 0.0002512968),
    ("jackknife", READERS, 0.01871748, 5.475953, math.inf, 0.01927984, -0.08048591, -0.00711473),
    ("jackknife", CASES, 0.01484629, 8.704, 4, 0.04195875, -0.08502022, -0.00258042),
    ("jackknife", RANDOM, 0.02074862, 4.456319, 15.25967, 0.05166569, None, None),
]


@pytest.mark.parametrize("expected", PUBLISHED)
def test_van_dyke_as_published(van_dyke: MRMC, expected: tuple[Any, ...]) -> None:
    method, effects, se, f, df2, p, low, high = expected
    test = van_dyke.test(method, effects, "1", "2")
    assert test.difference == pytest.approx(-0.04380032, abs=5e-9)
    assert test.se == pytest.approx(se, abs=5e-9)
    assert test.f == pytest.approx(f, abs=5e-7)
    assert test.df2 == pytest.approx(df2, abs=5e-6)
    assert test.df1 == 1
    assert test.p == pytest.approx(p, abs=5e-9)
    if low is not None:
        assert (test.low, test.high) == pytest.approx((low, high), abs=5e-9)


# reader, treatment:reader, error, cov1, cov2, cov3, as printed
COMPONENTS = {
    "delong": "0.0015364254 0.0002045840 0.0007921325 0.0003420090 0.0003395265 0.0002358497",
    "unbiased": "0.0015365290 0.0002077588 0.0007883925 0.0003416706 0.0003390650 0.0002356148",
    "jackknife": "0.0015349993 0.0002004025 0.0008022883 0.0003466137 0.0003440748 0.0002390284",
}


@pytest.mark.parametrize("method", METHODS)
def test_variance_components_as_published(van_dyke: MRMC, method: Any) -> None:
    found = van_dyke.components[method]
    got = (
        *(found.reader, found.reader_modality, found.error),
        *(found.cov1, found.cov2, found.cov3),
    )
    assert " ".join(f"{value:.10f}" for value in got) == COMPONENTS[method]


# modality, method, effects: se, df, low, high
INTERVALS = {
    ("1", "delong", RANDOM): (0.03307642, 12.59597, 0.8253461, 0.9687280),
    ("2", "delong", RANDOM): (0.02150464, 12.56530, 0.8942155, 0.9874592),
    ("1", "unbiased", RANDOM): (0.0330712, 12.58802, 0.8253526, 0.9687214),
    ("2", "unbiased", RANDOM): (0.0214912, 12.53391, 0.8942323, 0.9874424),
    ("1", "jackknife", READERS): (0.02428971, math.inf, 0.8494301, 0.9446440),
    ("2", "jackknife", READERS): (0.01677632, math.inf, 0.9079564, 0.9737183),
    ("1", "jackknife", CASES): (0.02482994, 4, 0.8280981, 0.9659760),
    ("2", "jackknife", CASES): (0.01615303, 4, 0.8959894, 0.9856854),
}


def test_intervals_of_each_modality_as_published(van_dyke: MRMC) -> None:
    assert van_dyke.auc == pytest.approx({"1": 0.8970370, "2": 0.9408374}, abs=5e-8)
    found = {(i.modality, i.method, i.effects): i for i in van_dyke.intervals}
    assert len(found) == 2 * 3 * 3
    for key, (se, df, low, high) in INTERVALS.items():
        interval = found[key]  # type: ignore[index]
        assert interval.se == pytest.approx(se, abs=5e-9)
        assert interval.df == pytest.approx(df, abs=5e-6)
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-8)


def test_readers_areas_and_jackknife_errors_as_published(van_dyke: MRMC) -> None:
    areas = [
        *[0.9196457, 0.8587762, 0.9038647, 0.9731079, 0.8297907],
        *[0.9478261, 0.9053140, 0.9217391, 0.9993559, 0.9299517],
    ]
    errors = [
        *[0.0301255164, 0.0363753335, 0.0282594118, 0.0173388332, 0.0417201720],
        *[0.0221416887, 0.0298151099, 0.0297673065, 0.0007213348, 0.0262023046],
    ]
    assert van_dyke.areas.ravel() == pytest.approx(areas, abs=5e-8)
    found = np.sqrt(np.diag(van_dyke.covariances["jackknife"]))
    assert found == pytest.approx(errors, abs=5e-11)


def three_modalities() -> dict[str, list[object]]:
    """The third: each reader rates as the next one did in the first."""
    table = columns()
    earlier = {"1": "5", "2": "1", "3": "2", "4": "3", "5": "4"}
    first = [i for i, modality in enumerate(table["modality"]) if modality == "1"]
    added = {name: [values[i] for i in first] for name, values in table.items()}
    added["reader"] = [earlier[str(reader)] for reader in added["reader"]]
    added["modality"] = ["3"] * len(first)
    return {name: values + added[name] for name, values in table.items()}


def test_three_modalities_have_one_test_of_all_and_each_pair() -> None:
    found = mrmc(three_modalities())
    tests = {(t.effects, t.a, t.b): t for t in found.tests if t.method == "delong"}
    assert len(tests) == 3 * 4
    # by R's MRMCaov 0.3.0 on this table
    whole = tests[RANDOM, None, None]
    assert (whole.f, whole.df1, whole.df2, whole.p) == pytest.approx(
        (1.023760862, 2, 8.345041645, 0.4002976855), abs=5e-10
    )
    pair = tests[RANDOM, "2", "3"]
    assert (pair.difference, pair.se, pair.p, pair.low, pair.high) == pytest.approx(
        (0.04380032206, 0.0353453603, 0.2489859329, -0.03712333279, 0.12472397691), abs=5e-11
    )
    fixed = tests[READERS, None, None]
    assert (fixed.f * fixed.df1, fixed.p) == pytest.approx((11.09157858, 0.003903860714), abs=5e-9)
    cases = tests[CASES, None, None]
    assert (cases.f, cases.df2, cases.p) == pytest.approx((1.045605317, 8, 0.394990693), abs=5e-10)
    answer = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert answer["tests"][0]["difference"] is None
    assert answer["tests"][0]["a"] is None


def test_covariances_do_not_depend_on_how_the_pairs_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.array([[int(x) for x in rating] for rating in RATINGS.values()], dtype=float)
    positive = np.array([truth == "1" for truth in TRUTH])
    auc, whole = auc_covariances(values, positive)
    monkeypatch.setattr("napari_ptx.stats.mrmc_covariance._CHUNK", 2000)
    again, parts = auc_covariances(values, positive)
    assert again == pytest.approx(auc, abs=1e-14)
    for method in METHODS:
        assert parts[method] == pytest.approx(whole[method], abs=1e-16)


def test_the_unbiased_covariance_is_unbiased() -> None:
    rng = np.random.default_rng(3)
    areas, estimates = [], []
    positive = np.arange(10) < 4
    for _ in range(4000):
        shared = rng.normal(size=10)
        values = np.stack([shared + rng.normal(size=10) for _ in range(2)]) + positive
        auc, found = auc_covariances(values, positive)
        areas.append(auc)
        estimates.append([found["unbiased"][0, 1], found["jackknife"][0, 1]])
    truth = np.cov(np.array(areas).T)[0, 1]
    unbiased, jackknife = np.mean(estimates, axis=0)
    assert abs(unbiased - truth) < 0.04 * truth
    assert jackknife > 1.1 * truth  # as is known of the jackknife in small samples


@pytest.mark.r
def test_delong_covariance_is_that_of_proc() -> None:
    rscript = shutil.which("Rscript")
    assert rscript is not None
    first, second = RATINGS["1", "1"], RATINGS["2", "5"]
    script = (
        "if (!requireNamespace('pROC', quietly = TRUE)) quit(status = 77);"
        f"t <- c({','.join(TRUTH)}); a <- c({','.join(first)}); b <- c({','.join(second)});"
        "p <- function(x) pROC::roc(t, x, direction = '<', levels = c(0, 1));"
        "cat(sprintf('%.14f', c(pROC::var(p(a)), pROC::var(p(b)), pROC::cov(p(a), p(b)))))"
    )
    done = subprocess.run([rscript, "-e", script], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("R has no package pROC")
    expected = [float(x) for x in done.stdout.split()]
    values = np.array([[int(x) for x in rating] for rating in (first, second)], dtype=float)
    _, found = auc_covariances(values, np.array([truth == "1" for truth in TRUTH]))
    got = found["delong"]
    assert [got[0, 0], got[1, 1], got[0, 1]] == pytest.approx(expected, abs=1e-13)


def test_modalities_read_alike_have_no_difference() -> None:
    table = columns()
    half = len(table["case"]) // 2
    twice = {name: values[:half] * 2 for name, values in table.items()}
    twice["modality"] = ["a"] * half + ["b"] * half
    for test in mrmc(twice).tests:
        assert (test.difference, test.f, test.p) == (0.0, 0.0, 1.0), test
        assert test.low <= 0.0 <= test.high


def test_perfect_readers_still_get_an_answer() -> None:
    rows = [(r, m, c, c % 2, c % 2) for r in "AB" for m in "xy" for c in range(8)]
    table = dict(
        zip(("reader", "modality", "case", "truth", "rating"), zip(*rows, strict=True), strict=True)
    )
    found = mrmc(table)
    assert found.auc == {"x": 1.0, "y": 1.0}
    for test in found.tests:
        assert (test.difference, test.p, test.low, test.high) == (0.0, 1.0, 0.0, 0.0)
    assert json.dumps(found.to_json(), allow_nan=False)


def test_two_readers_are_told_to_fix_them(van_dyke: MRMC) -> None:
    table = columns()
    keep = [i for i, reader in enumerate(table["reader"]) if reader in ("1", "2")]
    found = mrmc({name: [values[i] for i in keep] for name, values in table.items()})
    assert found.note is not None
    assert "'fixed readers' is the honest choice" in found.note
    assert van_dyke.note is None


def changed(column: str, row: int, value: object) -> dict[str, list[object]]:
    table = columns()
    table[column][row] = value
    return table


def without(rows: list[int]) -> dict[str, list[object]]:
    return {
        name: [value for i, value in enumerate(values) if i not in rows]
        for name, values in columns().items()
    }


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (without([3]), "Ratings are missing: reader 1, modality 1, case 4; every reader must"),
        (changed("rating", 115, None), "Ratings are missing: reader 2, modality 1, case 2;"),
        (changed("rating", 2, math.inf), "Ratings are missing: reader 1, modality 1, case 3;"),
        (changed("case", 1, "1"), "Ratings are there more than once: reader 1, modality 1, case 1"),
        (changed("truth", 0, 2), "The truth of case 1 is missing or neither 0"),
        (changed("truth", 0, None), "The truth of case 1 is missing or neither 0"),
        (changed("truth", 0, 1), "The truth of case 1 is 0 in one row and 1 in another."),
        (changed("reader", 4, " "), "Row 5 has no reader."),
        (changed("rating", 0, "high"), "The ratings must be numbers"),
        (without(list(range(570, 1140))), "There is only one modality, '1', and nothing"),
        ({"reader": ["A"]}, "The table has no column modality and no column case"),
        (
            {name: values[:10] for name, values in columns().items()},
            "There is only one reader, '1'; with one, compare",
        ),
    ],
)
def test_what_cannot_be_analysed_is_named(table: dict[str, list[object]], sentence: str) -> None:
    with pytest.raises(StatsError) as error:
        mrmc(table)
    assert str(error.value).startswith(sentence)


def test_one_class_is_refused() -> None:
    table = columns()
    negative = [i for i, truth in enumerate(table["truth"]) if truth == 0]
    with pytest.raises(StatsError, match=r"At least 2 positive cases are needed, and there is no"):
        mrmc({name: [values[i] for i in negative] for name, values in table.items()})
