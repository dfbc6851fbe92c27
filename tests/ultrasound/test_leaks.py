from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.leaks import (
    augmented_copies,
    demand_images_apart,
    demand_images_in_one_part,
    demand_no_copies,
    demand_no_label,
    demand_patients_apart,
    dihedral_sha256,
)
from napari_ptx.ultrasound.splits import Fold

FOLD = Fold("paper", np.array([0, 1, 2]), np.array([3]), np.array([4, 5]))


def test_a_patient_on_both_sides_is_named() -> None:
    with pytest.raises(UltrasoundError, match="1 patient on both sides \\(p2\\)") as caught:
        demand_patients_apart(["p1", "p1", "p2", "p3", "p2", "p4"], FOLD)
    assert caught.value.details == ("patient p2: train and test",)
    demand_patients_apart(["p1", "p1", "p2", "p3", "p4", "p4"], FOLD)


def test_an_identical_image_on_both_sides_is_named() -> None:
    cases = [f"c{i}" for i in range(6)]
    with pytest.raises(UltrasoundError, match=r"c1 \(train\), c3 \(validation\)"):
        demand_images_in_one_part(cases, ["a", "b", "c", "b", "d", "e"], FOLD)
    demand_images_in_one_part(cases, ["a", "a", "b", "c", "d", "d"], FOLD)


def test_an_identical_image_with_two_labels_is_named() -> None:
    cases, patients = ["c1", "c2", "c3"], ["p1", "p2", "p3"]
    with pytest.raises(UltrasoundError, match="c1, c3 have the identical image"):
        demand_images_apart(cases, patients, [0, 0, 1], ["x", "y", "x"])
    demand_images_apart(cases, patients, [1, 0, 1], ["x", "y", "x"])
    demand_images_apart(cases, ["p1", "p2", "p1"], [0, 0, 1], ["x", "y", "x"])


@settings(max_examples=30)
@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    turns=st.integers(0, 3),
    flip=st.booleans(),
    seed=st.integers(0, 99),
)
def test_turns_and_flips_do_not_change_the_hash(shape, turns, flip, seed) -> None:
    pixels = np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)
    turned = np.rot90(pixels, turns)
    turned = turned[:, ::-1] if flip else turned
    assert dihedral_sha256(turned) == dihedral_sha256(pixels)
    changed = pixels.copy()
    changed[0, 0] += 1
    assert dihedral_sha256(changed) != dihedral_sha256(pixels)


def test_copies_are_told_by_column_by_source_and_by_pixels() -> None:
    table = pd.DataFrame(
        {
            "case": ["a", "b", "c", "d", "e"],
            "augmented": ["", "1", "0", "no", None],
            "source": ["a", "", "a", "", "elsewhere"],
        }
    )
    assert augmented_copies(table, ["1", "2", "3", "4", "5"]).tolist() == [0, 1, 1, 0, 0]
    plain = table[["case"]]
    assert augmented_copies(plain, ["1", "2", "1", "3", "2"]).tolist() == [0, 0, 1, 0, 1]


def test_of_equal_images_the_one_that_is_no_told_copy_is_the_original() -> None:
    table = pd.DataFrame({"case": ["a", "b"], "augmented": [1, 0]})
    assert augmented_copies(table, ["same", "same"]).tolist() == [True, False]


def test_copies_that_would_be_evaluated_are_named() -> None:
    cases = [f"c{i}" for i in range(6)]
    copies = np.zeros(6, dtype=bool)
    copies[0] = True  # in training: that is where copies belong
    demand_no_copies(cases, copies, [FOLD])
    copies[[3, 5]] = True
    with pytest.raises(UltrasoundError, match=r"2 augmented copies .*\(c3, c5\).*--augment-eval"):
        demand_no_copies(cases, copies, [FOLD])


def test_the_label_among_the_features_is_named() -> None:
    y = np.tile([0, 1], 20)
    random = np.random.default_rng(0)
    honest = {"age": random.normal(size=40), "sex": random.choice(["F", "M"], 40)}
    demand_no_label(honest, y)
    for name, column in {
        "copy": y,
        "scaled": 5 - 3 * y,
        "grade": np.where(y == 1, random.integers(4, 6, 40), random.integers(1, 4, 40)),
        "words": np.where(y == 1, "4a", "2"),
        "gaps": pd.Series(y).where(random.random(40) < 0.8),
        "Label": random.normal(size=40),
        "clinical:pathology": random.normal(size=40),
    }.items():
        with pytest.raises(UltrasoundError, match=name):
            demand_no_label({**honest, name: column}, y)


def test_a_good_continuous_feature_is_no_leak() -> None:
    y = np.tile([0, 1], 20)
    strong = y * 10 + np.random.default_rng(0).random(40)  # AUC 1, but forty values
    demand_no_label({"size": strong}, y)


def test_few_rows_prove_nothing() -> None:
    demand_no_label({"sex": ["F", "M", "F", "M"]}, [0, 1, 0, 1])
