from __future__ import annotations

import hashlib
import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from napari_ptx.study import worklist

CASES = [f"case {number}" for number in range(40)]
names = st.text(min_size=1, max_size=12)


@given(names, st.integers(), names, st.integers(1, 2))
def test_an_order_is_a_permutation_and_follows_from_its_key(
    study: str, seed: int, reader: str, round_: int
) -> None:
    order = worklist.reading_order(study, seed, reader, round_, CASES)
    assert sorted(order) == sorted(CASES)
    assert order == worklist.reading_order(study, seed, reader, round_, CASES[::-1])


def test_an_order_can_be_recomputed_from_its_description() -> None:
    def key(case: str) -> str:
        text = json.dumps(["neck", 7, "order", "A", 2, case], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    assert worklist.reading_order("neck", 7, "A", 2, CASES) == sorted(CASES, key=key)


def test_each_reader_round_study_and_seed_has_its_own_order() -> None:
    keys = [
        ("s", 1, "A", 1),
        ("s", 1, "A", 2),
        ("s", 1, "B", 1),
        ("s", 2, "A", 1),
        ("t", 1, "A", 1),
    ]
    orders = {tuple(worklist.reading_order(*key, CASES)) for key in keys}
    assert len(orders) == len(keys)


def test_every_position_is_equally_likely() -> None:
    places = np.array(
        [worklist.reading_order("s", seed, "A", 1, CASES).index("case 7") for seed in range(4000)]
    )
    counts = np.bincount(places, minlength=len(CASES))
    assert stats.chisquare(counts).pvalue > 0.001


def test_two_rounds_of_a_reader_are_not_correlated() -> None:
    rho = []
    for seed in range(200):
        first = worklist.reading_order("s", seed, "A", 1, CASES)
        second = worklist.reading_order("s", seed, "A", 2, CASES)
        rho.append(stats.spearmanr(range(40), [first.index(case) for case in second]).statistic)
    # The mean of 200 independent rank correlations of 40 items has a standard error of 0.011.
    assert abs(np.mean(rho)) < 4 * 0.0114


def test_the_reread_cases_are_a_subset_of_the_asked_size() -> None:
    again = worklist.reread_cases("s", 1, CASES, 10)
    assert len(set(again)) == 10
    assert set(again) < set(CASES)
    assert again != worklist.reread_cases("s", 2, CASES, 10)


@given(names, st.integers(0, 2**32), st.integers(0, 300))
def test_codes_are_unique_unambiguous_and_neither_words_nor_numbers(
    reader: str, seed: int, count: int
) -> None:
    first = worklist.session_codes("s", seed, reader, 1, count)
    second = worklist.session_codes("s", seed, reader, 2, count, first)
    assert len({*first, *second}) == 2 * count
    for code in first + second:
        assert 3 <= len(code) <= 4
        assert not set(code) & set("0O1IL2Z5S6G8BUVQ")
        assert any(letter.isalpha() for letter in code)
        assert any(letter.isdigit() for letter in code)


def test_a_large_study_has_codes_enough() -> None:
    assert len(set(worklist.session_codes("s", 1, "A", 1, 15_000))) == 15_000


def test_cases_are_drawn_by_label_with_the_largest_remainders() -> None:
    # Hamilton's method: quotas of 10 of 26 are 6.15, 2.31, 1.54.
    labels = {f"c{n}": "abc"[(n >= 16) + (n >= 22)] for n in range(26)}
    drawn = worklist.reread_by_label("s", 1, labels, 10)
    assert [sum(labels[case] == name for case in drawn) for name in "abc"] == [6, 2, 2]
    assert len(set(drawn)) == 10
    assert set(drawn) != set(worklist.reread_by_label("s", 2, labels, 10))
    for count in range(27):
        drawn = worklist.reread_by_label("s", 1, labels, count)
        assert len(set(drawn)) == count
        for name, size in zip("abc", (16, 6, 4), strict=True):
            of_name = sum(labels[case] == name for case in drawn)
            assert count * size // 26 <= of_name <= -(-count * size // 26)
