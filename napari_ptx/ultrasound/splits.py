"""Who trains, who validates, who tests: splits by patient, stratified by label.

What must not be parted is a group: a patient, or patients who share an identical image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from napari_ptx.ultrasound.errors import UltrasoundError

PARTS = ("train", "validation", "test")
SHARES = (0.70, 0.15, 0.15)
"""Training, validation and test in Liu et al."""

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Fold:
    """One way to part the cases; each case is in exactly one part.

    Parameters
    ----------
    name
        "paper" or "<repeat>-<fold>", from 1.
    train, validation, test
        Rows of the cohort, ascending.
    """

    name: str
    train: Indices
    validation: Indices
    test: Indices

    @property
    def development(self) -> Indices:
        """Training and validation together: all that a nested fold may learn from."""
        return np.sort(np.concatenate([self.train, self.validation]))


def derived_seed(*words: object) -> int:
    """Give a seed in [0, 2**31) that is fixed by the words and unrelated for different words."""
    text = "\x1f".join(str(word) for word in words)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little") >> 1


def group_cases(patients: Sequence[str], hashes: Sequence[str]) -> NDArray[np.intp]:
    """Number the groups (n,) that a split must not part.

    Rows of one patient belong together, and so do rows with an identical image, even if
    they carry two patients' names.
    """
    leader: dict[str, str] = {}

    def find(node: str) -> str:
        while leader.setdefault(node, node) != node:
            leader[node] = leader[leader[node]]
            node = leader[node]
        return node

    for patient, image in zip(patients, hashes, strict=True):
        leader[find("image " + image)] = find("patient " + patient)
    roots = [find("patient " + patient) for patient in patients]
    return np.unique(roots, return_inverse=True)[1].astype(np.intp)


def grouped_folds(
    labels: ArrayLike, groups: ArrayLike, count: int, seed: int
) -> list[tuple[Indices, Indices]]:
    """Part rows into ``count`` stratified folds by group: (rest, held out) for each.

    Raises
    ------
    UltrasoundError
        If a class has fewer groups than there are folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    y, g = np.asarray(labels), np.asarray(groups)
    for value in (0, 1):
        have = len(np.unique(g[y == value]))
        if have < count:
            raise UltrasoundError(
                f"Label {value} has {have} patient{'' if have == 1 else 's'}, fewer than the "
                f"{count} folds; ask for fewer folds or add cases."
            )
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    folds = [(np.sort(a), np.sort(b)) for a, b in splitter.split(np.zeros(len(y)), y, g)]
    for rest, held in folds:
        if len(np.unique(y[rest])) < 2 or len(np.unique(y[held])) < 2:
            raise UltrasoundError(
                f"No {count} folds by patient have both labels in each; patients with many "
                "images leave too few others: ask for fewer folds or add cases."
            )
    return folds


def nested_folds(
    labels: ArrayLike,
    groups: ArrayLike,
    *,
    folds: int = 5,
    repeats: int = 1,
    validation_share: float = 0.2,
    seed: int = 0,
) -> list[Fold]:
    """Repeated grouped stratified k-fold: every case is tested once in each repeat.

    In each training fold about ``validation_share`` of the cases is set aside by group as
    its validation part (more where a class has too few patients for such a share).

    Raises
    ------
    UltrasoundError
        If a class has too few patients.
    """
    y, g = np.asarray(labels), np.asarray(groups)
    made = []
    for repeat in range(1, repeats + 1):
        outer = grouped_folds(y, g, folds, derived_seed(seed, "outer", repeat))
        for number, (rest, held) in enumerate(outer, start=1):
            fewest = min(len(np.unique(g[rest][y[rest] == value])) for value in (0, 1))
            parts = max(2, min(round(1 / validation_share), fewest))
            inner_seed = derived_seed(seed, "validation", repeat, number)
            train, validation = grouped_folds(y[rest], g[rest], parts, inner_seed)[0]
            made.append(Fold(f"{repeat}-{number}", rest[train], rest[validation], held))
    return made


def paper_fold(labels: ArrayLike, groups: ArrayLike, *, seed: int = 0) -> Fold:
    """Give the 70/15/15 split of Liu et al., but by patient, stratified by label.

    Groups are dealt in random order, the largest first, each to the part that is
    furthest from its share of the group's labels.

    Raises
    ------
    UltrasoundError
        If a part would lack a label.
    """
    y, g = np.asarray(labels), np.asarray(groups)
    random = np.random.default_rng(derived_seed(seed, "paper"))
    count = np.array([[np.sum((g == k) & (y == c)) for c in (0, 1)] for k in range(g.max() + 1)])
    order = random.permutation(len(count))
    order = order[np.argsort(-count[order].sum(axis=1), kind="stable")]
    wanted = np.outer(SHARES, count.sum(axis=0)).astype(float)
    part_of = np.empty(len(count), dtype=np.intp)
    for group in order:
        # How much of what the part still lacks this group would fill, by label.
        lack = (wanted / np.maximum(np.outer(SHARES, count.sum(axis=0)), 1e-12)) @ count[group]
        part = int(np.argmax(lack))
        part_of[group] = part
        wanted[part] -= count[group]
    parts = [np.flatnonzero(part_of[g] == number) for number in range(3)]
    fold = Fold("paper", *parts)
    _demand_both_labels(fold, y)
    return fold


def given_fold(split: Iterable[object], labels: ArrayLike) -> Fold:
    """Take the split that the cohort table gives in its column ``split``.

    Raises
    ------
    UltrasoundError
        For a word that is no part, or a part that lacks a label.
    """
    words = {"val": "validation", "training": "train", "valid": "validation", "testing": "test"}
    named = [str(word).strip().lower() for word in split]
    named = [words.get(word, word) for word in named]
    for row, word in enumerate(named, start=1):
        if word not in PARTS:
            raise UltrasoundError(
                f"The column 'split' has {word!r} in case {row} of the cohort; write train, "
                "validation or test in each row."
            )
    parts = [np.flatnonzero([word == part for word in named]) for part in PARTS]
    fold = Fold("paper", *parts)
    _demand_both_labels(fold, np.asarray(labels))
    return fold


def splits_table(
    cases: Sequence[str],
    patients: Sequence[str],
    labels: Sequence[int],
    groups: ArrayLike,
    hashes: Sequence[str],
    folds: Sequence[Fold],
) -> pd.DataFrame:
    """Write down the splits: one row per case, one column ``fold <name>`` with its part."""
    table = pd.DataFrame(
        {"case": cases, "patient": patients, "label": labels, "group": groups, "image": hashes}
    )
    for fold in folds:
        column = np.full(len(table), "", dtype=object)
        for part in PARTS:
            column[getattr(fold, part)] = part
        table[f"fold {fold.name}"] = column
    return table


def _demand_both_labels(fold: Fold, labels: NDArray[np.generic]) -> None:
    for part in PARTS:
        here = set(labels[getattr(fold, part)].tolist())
        if here != {0, 1}:
            lacks = "is empty" if not here else f"has no case with label {({0, 1} - here).pop()}"
            raise UltrasoundError(
                f"The {part} part of the split {lacks}; add cases or change the split."
            )
