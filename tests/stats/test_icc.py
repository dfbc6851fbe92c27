from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_ptx.stats import FORMS, StatsError, icc, icc_needed
from tests.stats.tables import SHROUT_FLEISS, two_readers

ratings = arrays(
    np.float64,
    st.tuples(st.integers(3, 12), st.integers(2, 5)),
    elements=st.floats(-100.0, 100.0).map(lambda x: round(x, 3)),
)


@pytest.mark.parametrize(
    ("form", "value"),
    [("1,1", 0.17), ("A,1", 0.29), ("C,1", 0.71), ("1,k", 0.44), ("A,k", 0.62), ("C,k", 0.91)],
)
def test_shrout_and_fleiss_table_4(form: str, value: float) -> None:
    assert round(icc(SHROUT_FLEISS, form).value, 2) == value


@pytest.mark.parametrize(
    ("form", "low", "high", "f", "df2"),
    [
        # the intervals that Shrout & Fleiss's table has in R's psych manual
        ("1,1", -0.133, 0.72, 1.79, 18),
        ("A,1", 0.019, 0.76, 11.03, 15),
        ("C,1", 0.342, 0.95, 11.03, 15),
        ("1,k", -0.884, 0.91, 1.79, 18),
        ("A,k", 0.071, 0.93, 11.03, 15),
        ("C,k", 0.676, 0.99, 11.03, 15),
    ],
)
def test_intervals_of_the_same_table(
    form: str, low: float, high: float, f: float, df2: float
) -> None:
    result = icc(SHROUT_FLEISS, form)
    assert round(result.low, 3) == low
    assert round(result.high, 2) == high
    assert round(result.f, 2) == f
    assert (result.df1, result.df2) == (5.0, df2)
    assert (result.n, result.k) == (6, 4)
    assert result.p == pytest.approx(0.16476881 if form[0] == "1" else 0.00013456652, rel=1e-6)


def test_a_result_names_its_form_twice_and_holds_plain_numbers() -> None:
    result = icc(SHROUT_FLEISS)
    assert result.name == "ICC(A,1) = ICC(2,1)"
    assert all(type(getattr(result, name)) is float for name in ("value", "low", "high", "p"))
    assert type(result.n) is int
    assert json.loads(json.dumps(result.to_json()))["df2"] == 15.0
    assert [icc(SHROUT_FLEISS, form).name for form in ("1,1", "C,k")] == [
        "ICC(1) = ICC(1,1)",
        "ICC(C,k) = ICC(3,k)",
    ]


@pytest.mark.parametrize("form", FORMS)
def test_a_stack_is_the_same_as_one_table_after_another(form: str) -> None:
    rng = np.random.default_rng(2)
    stack = rng.normal(size=(3, 5, 20, 3)) + rng.normal(size=(3, 5, 20, 1))
    whole = icc(stack, form)
    for place in np.ndindex(3, 5):
        one = icc(stack[place], form)
        for name in ("value", "low", "high", "f", "df1", "df2", "p", "n"):
            assert getattr(whole, name)[place] == pytest.approx(getattr(one, name), rel=1e-12)
    assert whole.value.shape == (3, 5)


def test_a_stack_without_tables_gives_empty_arrays() -> None:
    assert icc(np.empty((0, 5, 2))).value.shape == (0,)


@given(ratings, st.floats(-1e6, 1e6), st.floats(1e-3, 1e3), st.sampled_from(list(FORMS)))
def test_a_shift_and_a_scale_change_nothing(table, shift, scale, form) -> None:
    before, after = icc(table, form), icc(shift + scale * table, form)
    if np.ptp(table) < 1.0:
        return  # then the shift rounds the differences away
    for name in ("value", "low"):
        a, b = getattr(before, name), getattr(after, name)
        if math.isfinite(a) and abs(a) < 10.0:
            assert b == pytest.approx(a, abs=1e-4)


@given(ratings, st.randoms(use_true_random=False), st.sampled_from(list(FORMS)))
def test_the_order_of_subjects_and_raters_does_not_matter(table, random, form) -> None:
    rows, columns = list(range(table.shape[0])), list(range(table.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    before, after = icc(table, form), icc(table[rows][:, columns], form)
    if math.isfinite(before.value) and abs(before.value) < 10.0:
        assert after.value == pytest.approx(before.value, abs=1e-9)


@given(ratings, st.floats(0.5, 50.0))
def test_a_bias_lowers_agreement_and_not_consistency(table, bias) -> None:
    centred = table - table.mean(axis=0) + table.mean()
    biased = centred + bias * np.arange(table.shape[1])
    if np.ptp(centred.mean(axis=1)) < 1e-3:
        return
    assert icc(biased, "C,1").value == pytest.approx(icc(centred, "C,1").value, abs=1e-6)
    agreement = icc(centred, "A,1").value
    if agreement > 1e-6:
        assert icc(biased, "A,1").value < agreement


@given(st.integers(3, 60), st.floats(0.0, 0.99))
def test_without_bias_agreement_is_consistency(n, value) -> None:
    table = two_readers(n, value)
    assert icc(table, "C,1").value == pytest.approx(value, abs=1e-9)
    assert icc(table, "A,1").value == pytest.approx(value, abs=1e-9)


@given(ratings, st.sampled_from("1AC"))
def test_the_mean_of_k_follows_spearman_and_brown(table, model) -> None:
    single, mean = icc(table, f"{model},1"), icc(table, f"{model},k")
    k = table.shape[1]
    if math.isfinite(single.value) and single.value > -0.9 / (k - 1):
        expected = k * single.value / (1 + (k - 1) * single.value)
        assert mean.value == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("offset", [1e6, 1e9, 1e12])
def test_a_large_offset_costs_no_precision(offset: float) -> None:
    for form in FORMS:
        assert icc(SHROUT_FLEISS + offset, form).value == icc(SHROUT_FLEISS, form).value


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_no_scale_overflows(scale: float) -> None:
    assert icc(scale * SHROUT_FLEISS / 16).value == pytest.approx(icc(SHROUT_FLEISS).value)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("level", [0.0, 0.1, 1e9 / 3])
def test_a_constant_table_is_undefined_and_passes_nothing(form: str, level: float) -> None:
    result = icc(np.full((7, 3), level), form)
    assert all(math.isnan(getattr(result, name)) for name in ("value", "low", "high", "f", "p"))
    assert not result.passes(-5.0)
    assert not result.passes(-5.0, by="bound")
    assert result.to_json()["value"] is None


def test_a_table_that_is_constant_up_to_rounding_is_undefined() -> None:
    table = np.array([[0.1 + 0.2, 0.3], [0.3, 0.1 + 0.2], [0.3, 0.3]])
    assert table.std() > 0
    assert math.isnan(icc(table).value)


@pytest.mark.parametrize("form", FORMS)
def test_perfect_agreement_is_one(form: str) -> None:
    result = icc(np.array([[0.1] * 3, [0.7] * 3, [0.4] * 3, [1 / 3] * 3]), form)
    assert (result.value, result.low, result.high) == (1.0, 1.0, 1.0)
    assert result.passes(0.8, by="bound")
    assert result.to_json()["f"] is None


def test_a_pure_bias_is_perfect_consistency_without_perfect_agreement() -> None:
    subject = np.array([0.1, 0.9, 0.4, 1.3])
    table = np.stack([subject, subject + 0.7], axis=1)
    assert icc(table, "C,1").value == 1.0
    assert icc(table, "A,1").value < 0.6
    assert 0.0 < icc(table, "A,1").high < 1.0


def test_subjects_that_do_not_differ_have_no_consistency() -> None:
    table = np.tile([0.1, 0.2, 0.7], (6, 1))
    assert math.isnan(icc(table, "C,1").value)
    assert icc(table, "A,1").value == 0.0
    assert icc(table, "1,1").value == pytest.approx(-0.5)


def test_a_mean_form_above_one_does_not_pass() -> None:
    # readers of opposite opinion: ICC(A,1) is negative, and so is the divisor of ICC(A,k)
    table = np.array([[1.0, 3.0], [2.0, 2.1], [3.0, 1.0]])
    assert icc(table, "A,1").value < 0
    result = icc(table, "A,k")
    assert result.value > 1.0
    assert not result.passes(0.80)
    assert not result.passes(0.80, by="bound")


def test_a_limit_past_the_pole_is_undefined() -> None:
    table = np.array([[1.0, 3.0], [2.0, 2.1], [3.0, 1.0]])
    assert icc(table, "A,1").low < -1.0
    assert math.isnan(icc(table, "A,k").low)


def test_passing_by_point_and_by_bound() -> None:
    result = icc(two_readers(100, 0.83))
    assert result.passes(0.80) is True
    assert result.passes(0.80, by="bound") is False
    stack = icc(np.stack([two_readers(100, 0.83), two_readers(100, 0.9), np.ones((100, 2))]))
    assert stack.passes(0.80).tolist() == [True, True, False]
    assert stack.passes(0.80, by="bound").tolist() == [False, True, False]
    with pytest.raises(StatsError, match="'point' or 'bound'"):
        result.passes(0.8, by="both")  # type: ignore[arg-type]


def test_half_of_the_features_at_the_threshold_pass_by_point_and_few_by_bound() -> None:
    rng = np.random.default_rng(8)
    subject = rng.normal(size=(567, 100, 1)) * np.sqrt(0.8)
    features = icc(subject + rng.normal(size=(567, 100, 2)) * np.sqrt(0.2))
    assert 0.40 < np.mean(features.passes(0.80)) < 0.60
    assert 0.0 < np.mean(features.passes(0.80, by="bound")) < 0.05


def test_missing_ratings_are_named() -> None:
    table = SHROUT_FLEISS.copy()
    table[[1, 4], [3, 0]] = np.nan
    with pytest.raises(StatsError, match=r"at \(subject, rater\) \(1, 3\), \(4, 0\), counted") as e:
        icc(table)
    assert isinstance(e.value, ValueError)
    with pytest.raises(StatsError, match=r"\(table, subject, rater\) \(0, 1, 3\)"):
        icc(table[None])


def test_dropping_is_the_same_as_leaving_the_subject_out_of_its_table() -> None:
    rng = np.random.default_rng(3)
    stack = rng.normal(size=(4, 12, 3)) + rng.normal(size=(4, 12, 1)) + 1e6
    stack[0, 0, 0] = stack[1, [0, 5, 11], [0, 1, 2]] = stack[3, 11] = np.nan
    for form in FORMS:
        dropped = icc(stack, form, missing="drop")
        assert dropped.n.tolist() == [11, 9, 12, 11]
        for i, table in enumerate(stack):
            one = icc(table[~np.isnan(table).any(axis=1)], form)
            for name in ("value", "low", "high", "f", "df1", "df2", "p"):
                expected = getattr(one, name)
                assert getattr(dropped, name)[i] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("hole", [None, np.ma.masked, float("nan")])
def test_none_and_masks_are_missing_too(hole) -> None:
    table = np.ma.array(SHROUT_FLEISS, dtype=object if hole is None else float, copy=True)
    table[2, 2] = hole
    given = table.data if hole is None else table
    with pytest.raises(StatsError, match=r"\(2, 2\)"):
        icc(given)
    assert icc(given, missing="drop").n == 5


def test_a_table_of_pandas_with_na_is_read() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(SHROUT_FLEISS).astype("Int64").astype(object)
    frame.iloc[0, 0] = pd.NA
    with pytest.raises(StatsError, match=r"\(0, 0\)"):
        icc(frame)
    assert icc(frame, missing="drop").n == 5


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ([[1.0, np.inf], [2.0, 3.0]], r"infinite at \(subject, rater\) \(0, 1\)"),
        ([[1.0, 2.0]], "at least 2 subjects"),
        ([[1.0], [2.0]], "at least 2 raters"),
        (np.empty((0, 2)), "at least 2 subjects"),
        ([1.0, 2.0], r"shape \(..., subjects, raters\), not \(2,\)"),
        ([["1", "2"], ["3", "4"]], "must be numbers"),
        (np.array([[1, "2"], [3, 4]], dtype=object), "the text '2'"),
        ([[1, 2], [3]], "unequal length"),
        ([[1 + 2j, 2], [3, 4]], "must be numbers"),
        (np.array([["2020-01-01"] * 2] * 2, dtype="datetime64[D]"), "must be numbers"),
        (np.array([[1, {}], [3, 4]], dtype=object), "must be numbers"),
    ],
)
def test_what_is_no_table_of_ratings_is_refused(table, sentence: str) -> None:
    with pytest.raises(StatsError, match=sentence):
        icc(table)


def test_dropping_all_but_one_is_refused() -> None:
    table = SHROUT_FLEISS.copy()
    table[1:, 0] = np.nan
    with pytest.raises(StatsError, match="Fewer than 2 subjects"):
        icc(table, missing="drop")
    with pytest.raises(StatsError, match=r"in 1 of the tables, first in table \(1,\)"):
        icc([SHROUT_FLEISS, table], missing="drop")


@pytest.mark.parametrize(
    ("settings_", "sentence"),
    [
        ({"form": "2,1"}, "the forms are 1,1; A,1; C,1"),
        ({"confidence": 95}, "between 0 and 1"),
        ({"missing": "omit"}, "'raise' or 'drop'"),
    ],
)
def test_settings_that_do_not_exist_are_refused(settings_, sentence: str) -> None:
    with pytest.raises(StatsError, match=sentence):
        icc(SHROUT_FLEISS, **settings_)


def test_the_interval_narrows_with_the_confidence() -> None:
    wide, narrow = icc(SHROUT_FLEISS, confidence=0.99), icc(SHROUT_FLEISS, confidence=0.5)
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_an_observed_081_of_100_subjects_is_073_to_087() -> None:
    result = icc(two_readers(100, 0.81))
    assert (round(result.low, 2), round(result.high, 2)) == (0.73, 0.87)


def test_what_a_bound_of_080_needs_with_100_subjects() -> None:
    assert round(icc_needed(100, 0.80), 3) == 0.861
    assert icc_needed(100, 0.80, form="C,1") == pytest.approx(0.861, abs=5e-4)


@settings(max_examples=30)
@given(st.integers(3, 300), st.floats(0.0, 0.95), st.sampled_from([0.9, 0.95, 0.99]))
def test_an_observed_icc_as_needed_has_the_bound_as_its_limit(n, bound, confidence) -> None:
    for form in ("A,1", "C,1"):
        needed = icc_needed(n, bound, form=form, confidence=confidence)
        assert bound < needed < 1.0
        low = icc(two_readers(n, needed), form, confidence).low
        assert low == pytest.approx(bound, abs=1e-7)


@pytest.mark.parametrize("form", FORMS)
def test_more_subjects_need_less(form: str) -> None:
    values = [icc_needed(n, 0.8, raters=3, form=form) for n in (10, 30, 100, 1000)]
    assert values == sorted(values, reverse=True)
    assert 0.8 < values[-1] < 0.83


@pytest.mark.parametrize(
    ("n", "bound", "raters"), [(1, 0.8, 2), (50, 0.8, 1), (50, 1.0, 2), (50, -0.1, 2)]
)
def test_impossible_bounds_are_refused(n: int, bound: float, raters: int) -> None:
    with pytest.raises(StatsError):
        icc_needed(n, bound, raters=raters)
