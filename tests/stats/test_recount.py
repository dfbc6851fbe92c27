from __future__ import annotations

from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ptx.stats import Counts, StatsError, recount
from napari_ptx.stats.recount import METRICS

# Liu et al. (2026), Table 2, test set: 157 adenomas and 11 atypical tumours or carcinomas
LIU = {
    "Radiomics based LR": ("0.736", "0.911", "0.853", "0.831", "0.839"),
    "1ch_ResNet101": ("0.464", "0.956", "0.879", "0.718", "0.753"),
    "2ch_ResNet101": ("0.546", "0.943", "0.870", "0.748", "0.779"),
    "Merged model 1": ("0.582", "0.962", "0.914", "0.767", "0.805"),
    "Merged model 2": ("0.700", "0.962", "0.928", "0.821", "0.854"),
}


def row(name: str, n_pos: object, n_neg: object, values: tuple[str, ...]) -> dict[str, object]:
    return {"name": name, "n_pos": n_pos, "n_neg": n_neg, **dict(zip(METRICS, values, strict=True))}


def printed(counts: Counts, decimals: int, rounding: str = ROUND_HALF_UP) -> tuple[str, ...]:
    tp, fn, fp, tn = counts
    parts = [(tp, tp + fn), (tn, tn + fp), (tp, tp + fp), (tn, tn + fn), (tp + tn, sum(counts))]
    unit = Decimal(1).scaleb(-decimals)
    return tuple(
        str((Decimal(part) / Decimal(whole) if whole else Decimal(0)).quantize(unit, rounding))
        for part, whole in parts
    )


def by_trial(n_pos: int, n_neg: int, values: tuple[str, ...]) -> set[Counts]:
    """Every table there is, tried one by one with fractions."""
    half = [Fraction(1, 2 * 10 ** len(value.partition(".")[2])) for value in values]
    found = set()
    for tp in range(n_pos + 1):
        for tn in range(n_neg + 1):
            fn, fp = n_pos - tp, n_neg - tn
            parts = [
                *[(tp, n_pos), (tn, n_neg), (tp, tp + fp), (tn, tn + fn)],
                (tp + tn, n_pos + n_neg),
            ]
            ratios = [Fraction(part, whole) if whole else Fraction(0) for part, whole in parts]
            near = zip(ratios, values, half, strict=True)
            if all(abs(ratio - Fraction(value)) <= h for ratio, value, h in near):
                # no predictions: printed as 0 exactly
                if tp + fp == 0 and Decimal(values[2]) != 0:
                    continue
                if tn + fn == 0 and Decimal(values[3]) != 0:
                    continue
                found.add(Counts(tp, fn, fp, tn))
    return found


def test_every_test_row_of_liu_2026_counts_the_positives_tenfold() -> None:
    results = recount(row(name, 11, 157, values) for name, values in LIU.items())
    for result in results:
        assert (result.n_pos_factor, result.n_neg_factor) == (10, 1), result.name
        assert not result.fits_as_claimed
        assert len(result.tables) == 1
        assert "110 positives (10 times 11) and 157 negatives" in result.text
    assert [result.tables[0].tp for result in results] == [81, 51, 60, 64, 77]
    assert [result.tables[0].tn for result in results] == [143, 150, 148, 151, 151]
    # three rows have a digit that rounding does not explain, and that is said
    assert [result.rounding for result in results] == [
        *["nearest", "one unit", "one unit", "one unit", "nearest"]
    ]
    assert "SPE printed as 0.956 for 0.95541" in results[1].text


@given(
    st.tuples(*[st.integers(0, 25)] * 4).filter(lambda t: t[0] + t[1] > 0 and t[2] + t[3] > 0),
    st.integers(1, 4),
    st.sampled_from([ROUND_HALF_UP, ROUND_HALF_DOWN]),
)
def test_a_true_table_is_found_with_every_other_that_fits(
    counts: tuple[int, int, int, int], decimals: int, rounding: str
) -> None:
    tp, fn, fp, tn = counts
    values = printed(Counts(*counts), decimals, rounding)
    (result,) = recount([row("t", tp + fn, fp + tn, values)])
    assert result.fits_as_claimed
    assert (result.n_pos_factor, result.n_neg_factor, result.rounding) == (1, 1, "nearest")
    assert Counts(*counts) in result.tables
    assert len(set(result.tables)) == len(result.tables)
    assert set(result.tables) == by_trial(tp + fn, fp + tn, values)


@given(
    st.tuples(*[st.integers(1, 20)] * 2),
    st.tuples(*[st.integers(0, 100).map(lambda value: f"{value / 100:.2f}")] * 5),
)
def test_what_nobody_could_have_counted_does_not_fit(
    cases: tuple[int, int], values: tuple[str, ...]
) -> None:
    (result,) = recount([row("t", *cases, values)])
    assert result.fits_as_claimed == bool(by_trial(*cases, values))
    if result.n_pos_factor is not None and result.rounding == "nearest":
        assert result.n_neg_factor is not None
        n_pos, n_neg = cases[0] * result.n_pos_factor, cases[1] * result.n_neg_factor
        assert set(result.tables) == by_trial(n_pos, n_neg, values)


@pytest.mark.parametrize(("times_pos", "times_neg"), [(1, 4), (7, 1), (20, 1), (3, 5)])
def test_multiples_of_either_class_or_both_are_found(times_pos: int, times_neg: int) -> None:
    counts = Counts(17 * times_pos - 3, 3, 2, 53 * times_neg - 2)
    (result,) = recount([row("t", 17, 53, printed(counts, 5))])
    assert not result.fits_as_claimed
    assert (result.n_pos_factor, result.n_neg_factor) == (times_pos, times_neg)
    assert counts in result.tables


def test_a_value_that_was_cut_off_fits_as_claimed_but_not_to_the_digit() -> None:
    counts = Counts(8, 3, 7, 150)
    values = ("0.727", "0.955", "0.533", "0.980", "0.940")
    assert printed(counts, 3) == values
    (exact,) = recount([row("t", 11, 157, values)])
    assert exact.fits_as_claimed
    assert exact.tables == (counts,)
    (off,) = recount([row("t", 11, 157, ("0.728", *values[1:]))])
    assert not off.fits_as_claimed
    assert (off.n_pos_factor, off.n_neg_factor, off.rounding) == (1, 1, "one unit")
    assert off.tables == (counts,)
    assert "SEN printed as 0.728 for 0.72727" in off.text


def test_numbers_that_contradict_each_other_fit_nothing() -> None:
    (result,) = recount([row("t", 11, 157, ("0.900", "0.900", "0.100", "0.100", "0.100"))])
    assert (result.n_pos_factor, result.n_neg_factor, result.rounding) == (None, None, None)
    assert result.tables == ()
    assert "no counts give these numbers" in result.text


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("SEN", "", "Model A: SEN is missing."),
        ("NPV", "NA", "Model A: NPV is missing."),
        ("ACC", None, "Model A: ACC is missing."),
        ("PPV", "high", "Model A: PPV must be a number, not 'high'."),
        ("PPV", "inf", "Model A: PPV must be a number, not 'inf'."),
        ("SPE", "91.1", "Model A: SPE is 91.1; proportions lie between 0 and 1"),
        ("SPE", "-0.1", "Model A: SPE is -0.1; proportions lie between 0 and 1"),
        ("n_pos", "11.5", "Model A: n_pos must be a whole number of cases, not 11.5."),
        ("n_neg", "0", "Model A: n_neg is 0; there must be cases of both classes"),
        ("n_pos", "-3", "Model A: n_pos is -3; there must be cases of both classes"),
        ("n_pos", "20000000", "Model A: n_pos is 20000000; more than 1000000"),
    ],
)
def test_each_bad_value_has_its_sentence(column: str, value: object, sentence: str) -> None:
    bad = row("Model A", "11", "157", LIU["Merged model 2"]) | {column: value}
    with pytest.raises(StatsError) as error:
        recount([bad])
    assert str(error.value).startswith(sentence)


def test_a_row_without_a_name_is_known_by_its_number() -> None:
    good = row("", 11, 157, LIU["Merged model 2"])
    with pytest.raises(StatsError, match=r"^row 2: n_pos is missing"):
        recount([good, good | {"n_pos": ""}])


def test_so_many_cases_with_so_few_digits_say_nothing() -> None:
    with pytest.raises(StatsError, match="the numbers say nothing"):
        recount([row("t", 500_000, 500_000, ("0.9", "0.9", "0.9", "0.9", "0.9"))])
