from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("sklearn")

from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.splits import (
    PARTS,
    derived_seed,
    given_fold,
    group_cases,
    grouped_folds,
    nested_folds,
    paper_fold,
    splits_table,
)


def cohort(patients: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and groups: patients of one to four images, a third of them positive."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(patients), random.integers(1, 5, patients))
    return (groups % 3 == 0).astype(int), groups


def parts_of(fold, groups) -> list[set[int]]:
    return [set(groups[getattr(fold, part)].tolist()) for part in PARTS]


def test_groups_join_patients_that_share_an_image() -> None:
    groups = group_cases(["a", "a", "b", "c", "d"], ["1", "2", "2", "3", "4"])
    assert groups[0] == groups[1] == groups[2]
    assert len({groups[2], groups[3], groups[4]}) == 3


def test_groups_are_joined_through_a_chain_of_images() -> None:
    groups = group_cases(["a", "b", "b", "c", "c"], ["1", "1", "2", "2", "3"])
    assert len(set(groups.tolist())) == 1


@settings(max_examples=8)
@given(seed=st.integers(0, 1000))
def test_nested_folds_part_no_patient_and_test_each_case_once_per_repeat(seed: int) -> None:
    labels, groups = cohort(seed=seed)
    folds = nested_folds(labels, groups, folds=4, repeats=2, seed=seed)
    assert [fold.name for fold in folds] == [f"{r}-{k}" for r in (1, 2) for k in (1, 2, 3, 4)]
    for fold in folds:
        train, validation, test = parts_of(fold, groups)
        assert not train & validation
        assert not (train | validation) & test
        assert len(fold.train) + len(fold.validation) + len(fold.test) == len(labels)
    tested = np.concatenate([fold.test for fold in folds])
    assert (np.bincount(tested) == 2).all()


def test_repeats_differ_and_a_seed_repeats_itself() -> None:
    labels, groups = cohort()
    first = nested_folds(labels, groups, repeats=2, seed=5)
    again = nested_folds(labels, groups, repeats=2, seed=5)
    assert all((a.test == b.test).all() for a, b in zip(first, again, strict=True))
    assert any(set(a.test) != set(b.test) for a, b in zip(first[:5], first[5:], strict=True))
    other = nested_folds(labels, groups, repeats=2, seed=6)
    assert any(set(a.test) != set(b.test) for a, b in zip(first, other, strict=True))


@settings(max_examples=25)
@given(seed=st.integers(0, 1000))
def test_paper_split_has_its_shares_of_each_label(seed: int) -> None:
    labels, groups = cohort(patients=120, seed=seed)
    fold = paper_fold(labels, groups, seed=seed)
    train, validation, test = parts_of(fold, groups)
    assert not train & validation
    assert not (train | validation) & test
    for label in (0, 1):
        whole = (labels == label).sum()
        for part, share in zip(PARTS, (0.70, 0.15, 0.15), strict=True):
            have = (labels[getattr(fold, part)] == label).sum()
            assert abs(have - share * whole) <= 4  # the images of one patient


def test_paper_split_of_single_images_is_exact() -> None:
    labels = np.repeat([0, 1], [200, 100])
    fold = paper_fold(labels, np.arange(300))
    assert [len(getattr(fold, part)) for part in PARTS] == [210, 45, 45]
    assert [labels[getattr(fold, part)].sum() for part in PARTS] == [70, 15, 15]


def test_a_split_of_the_cohort_is_honoured() -> None:
    words = ["train", "Training", "val", "validation", "test", "TEST"]
    fold = given_fold(words, [0, 1, 0, 1, 0, 1])
    assert fold.train.tolist() == [0, 1]
    assert fold.validation.tolist() == [2, 3]
    assert fold.test.tolist() == [4, 5]


def test_a_wrong_word_or_a_part_without_a_label_is_refused() -> None:
    with pytest.raises(UltrasoundError, match="'holdout' in case 2"):
        given_fold(["train", "holdout"], [0, 1])
    with pytest.raises(UltrasoundError, match="validation part of the split is empty"):
        given_fold(["train", "train", "test", "test"], [0, 1, 0, 1])
    with pytest.raises(UltrasoundError, match="test part of the split has no case with label 1"):
        given_fold(["train"] * 2 + ["val"] * 2 + ["test"], [0, 1, 0, 1, 0])


def test_fewer_patients_than_folds_is_refused_by_label() -> None:
    labels = np.array([0] * 20 + [1] * 9)
    groups = np.concatenate([np.arange(20), np.repeat([20, 21, 22], 3)])
    with pytest.raises(UltrasoundError, match="Label 1 has 3 patients, fewer than the 5 folds"):
        grouped_folds(labels, groups, 5, 0)
    assert len(grouped_folds(labels, groups, 3, 0)) == 3


def test_the_table_of_splits_says_each_case_s_part() -> None:
    labels, groups = cohort(patients=30)
    folds = nested_folds(labels, groups, folds=3, seed=1)
    names = [f"c{i}" for i in range(len(labels))]
    table = splits_table(names, names, labels.tolist(), groups, names, folds)
    for fold in folds:
        for part in PARTS:
            rows = np.flatnonzero(table[f"fold {fold.name}"] == part)
            assert rows.tolist() == getattr(fold, part).tolist()


def test_seeds_are_fixed_and_different() -> None:
    assert derived_seed(1, "a") == derived_seed(1, "a")
    assert len({derived_seed(seed, name) for seed in range(50) for name in "ab"}) == 100
    assert derived_seed(12, 3) != derived_seed(1, 23)
