"""Matching by hand, by brute force, and against picai_eval's published cases."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ptx.ct.errors import CtError
from napari_ptx.ct.matching import (
    RULES,
    Closeness,
    checked_rule,
    closeness_of_centroids,
    closeness_of_labels,
    first_hits,
    match,
)

LENGTH = 120


def line(*runs: tuple[int, int]) -> np.ndarray:
    """Give a row of voxels with a run (from, to) of each instance."""
    labels = np.zeros((1, 1, LENGTH), dtype=np.int16)
    for number, (start, stop) in enumerate(runs, start=1):
        labels[..., start:stop] = number
    return labels


def outcome(glands: np.ndarray, candidates: np.ndarray, rule: str = "iou") -> tuple[int, ...]:
    """Give true positives, misses, false positives, and how many of these lie on a found gland."""
    close = closeness_of_labels(glands, candidates, checked_rule(rule))
    found = match(close)
    misses = len(found.candidate_of) - found.found
    return found.found, misses, found.false_positives, int(found.again.sum())


# picai_eval, test_evaluate_case: its overlaps, made of runs of voxels. It matches at an
# intersection over union of 0.1 and does not count a second candidate on a lesion at all.
PICAI = {
    "case 0": ([], [], (), (0, 0, 0, 0)),
    "case 1": ([(0, 18)], [], (), (0, 1, 0, 0)),
    "case 2": ([], [(0, 18)], (), (0, 0, 1, 0)),
    "case 3": ([(0, 18)], [(40, 58)], (0.0,), (0, 1, 1, 0)),
    "case 4": ([(0, 18)], [(9, 27)], (1 / 3,), (1, 0, 0, 0)),
    "case 5": ([(22, 47)], [(38, 63), (0, 25)], (9 / 41, 3 / 47), (1, 0, 1, 0)),
    "case 6": ([(20, 38)], [(29, 47), (17, 26)], (1 / 3, 2 / 7), (1, 0, 1, 1)),
    "case 7": ([(0, 18), (18, 36)], [(9, 27)], (1 / 3, 1 / 3), (1, 1, 0, 0)),
    "case 8": ([(0, 24), (29, 53)], [(9, 33)], (5 / 11, 1 / 11), (1, 1, 0, 0)),
    "case 9": ([(0, 26)], [(24, 50)], (1 / 25,), (0, 1, 1, 0)),
}


@pytest.mark.parametrize("case", PICAI)
def test_the_cases_of_picai_eval(case: str) -> None:
    glands, candidates, overlaps, expected = PICAI[case]
    one, other = line(*glands), line(*candidates)
    close = closeness_of_labels(one, other, "iou")
    np.testing.assert_allclose(close.quality.ravel(), overlaps)
    assert outcome(one, other) == expected


def test_the_totals_of_picai_eval() -> None:
    """Five found, five missed, four false positives; one more is a second one on a lesion."""
    totals = np.sum([expected for *_, expected in PICAI.values()], axis=0)
    assert totals.tolist() == [5, 5, 5, 1]


def test_touching_glands_stay_two() -> None:
    glands = line((10, 20), (20, 30))
    assert outcome(glands, line((10, 20), (20, 30))) == (2, 0, 0, 0)
    assert outcome(glands, line((10, 30))) == (1, 1, 0, 0)  # one candidate over both
    assert outcome(glands, line((12, 14), (15, 18)), "overlap") == (1, 1, 1, 1)  # two on one


def test_as_many_as_can_be_come_before_the_best_overlap() -> None:
    """The candidate that lies best on gland 1 is needed for gland 2."""
    glands = line((0, 20), (20, 30))
    candidates = line((3, 22), (0, 3))
    close = closeness_of_labels(glands, candidates, "overlap")
    assert close.quality[0, 0] > close.quality[0, 1]
    assert match(close).candidate_of.tolist() == [1, 0]


@pytest.mark.parametrize("rule", ["overlap", "iou"])
def test_empty_truth_and_empty_prediction(rule: str) -> None:
    assert outcome(line(), line(), rule) == (0, 0, 0, 0)
    assert outcome(line((0, 9)), line(), rule) == (0, 1, 0, 0)
    assert outcome(line(), line((0, 9)), rule) == (0, 0, 1, 0)
    empty = np.zeros((0, 3))
    for one, other in ((empty, empty), (np.ones((2, 3)), empty), (empty, np.ones((2, 3)))):
        close = closeness_of_centroids(one, other)
        assert match(close).found == 0
        assert first_hits(close.allowed, np.ones(len(other))).sum() == 0


def test_the_limits_of_the_rules_are_in() -> None:
    close = closeness_of_centroids([[0, 0, 0]], [[3, 4, 0], [3, 4, 0.01], [0, 0, 1]])
    assert close.allowed.tolist() == [[True, False, True]]
    assert match(close).candidate_of.tolist() == [2]
    tenth = closeness_of_labels(line((0, 11)), line((9, 20)), "iou")  # 2 of 20
    assert tenth.quality[0, 0] == pytest.approx(0.1)
    assert tenth.allowed[0, 0]


def test_numbers_of_instances_need_not_follow_each_other() -> None:
    glands = line((0, 5), (10, 15)) * 7  # 7 and 14
    close = closeness_of_labels(glands, line((10, 15)), "iou", candidate_numbers=[2, 1])
    assert close.allowed.tolist() == [[False, False], [False, True]]


def test_maps_of_different_shapes_are_refused() -> None:
    with pytest.raises(CtError, match="differ in shape"):
        closeness_of_labels(line(), np.zeros((1, 1, 3)), "iou")
    with pytest.raises(CtError, match="no rule 'dice'"):
        checked_rule("dice")
    assert [checked_rule(rule) for rule in RULES] == list(RULES)


def best_of_all(close: Closeness) -> tuple[int, float]:
    """Try every way to match: the greatest count, and the greatest quality among those."""
    glands, candidates = close.allowed.shape
    best = (0, 0.0)
    for choice in itertools.product(range(-1, candidates), repeat=glands):
        used = [candidate for candidate in choice if candidate >= 0]
        pairs = [(gland, candidate) for gland, candidate in enumerate(choice) if candidate >= 0]
        if len(set(used)) == len(used) and all(close.allowed[pair] for pair in pairs):
            best = max(best, (len(pairs), round(sum(close.quality[p] for p in pairs), 9)))
    return best


matrices = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda shape: st.tuples(
        st.lists(st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]),
        st.lists(st.floats(0, 1), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]),
        st.permutations(range(shape[1])),
        st.just(shape),
    )
)


@given(matrices)
def test_no_other_matching_is_better(drawn: tuple) -> None:
    allowed, quality, order, shape = drawn
    close = Closeness(
        np.array(allowed).reshape(shape), np.where(allowed, quality, 0.0).reshape(shape)
    )
    found = match(close)
    pairs = [(gland, candidate) for gland, candidate in enumerate(found.candidate_of)
             if candidate >= 0]  # fmt: skip
    assert all(close.allowed[pair] for pair in pairs)
    assert all(found.gland_of[candidate] == gland for gland, candidate in pairs)
    score = round(sum(close.quality[pair] for pair in pairs), 9)
    count, best = best_of_all(close)
    assert found.found == count
    assert score == pytest.approx(best, abs=1e-7)
    assert found.false_positives == shape[1] - count
    # The free-response curve counts, down to any score, what matching those candidates finds.
    scores = np.argsort(order).astype(float)
    hits = first_hits(close.allowed, scores)
    for threshold in scores:
        kept = scores >= threshold
        part = Closeness(close.allowed[:, kept], close.quality[:, kept])
        assert hits[kept].sum() == match(part).found
