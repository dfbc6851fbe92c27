"""What must not be: a patient, an image or the label itself on both sides of a split.

Each check refuses with the names. They run before anything is trained.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.splits import PARTS, Fold

FEW_VALUES = 5
"""A column of so few values that part the labels without a mistake is the label in disguise."""

_LABEL_WORDS = {
    "label", "labels", "class", "classes", "target", "truth", "ground_truth", "groundtruth",
    "pathology", "histology", "diagnosis", "malignant", "malignancy", "benign", "outcome", "y",
}  # fmt: skip
_MOST_NAMES = 10


def dihedral_sha256(pixels: NDArray[np.generic]) -> str:
    """Give one SHA-256 for an image and all its flips and quarter turns.

    ``pixels`` is (y, x). Two images with the same value show the same pixels, one perhaps
    mirrored or turned, as augmentation does.
    """
    views = [side[::a, ::b] for side in (pixels, pixels.T) for a in (1, -1) for b in (1, -1)]
    return min(
        hashlib.sha256(f"{view.dtype.str} {view.shape}".encode() + view.tobytes()).hexdigest()
        for view in views
    )


def demand_patients_apart(patients: Sequence[str], fold: Fold) -> None:
    """Refuse a split with a patient in two parts.

    Raises
    ------
    UltrasoundError
        With the patients' names.
    """
    parts = _parts_of(patients, fold)
    leaking = [name for name, where in parts.items() if len(where) > 1]
    if leaking:
        raise UltrasoundError(
            f"The split puts {_count(leaking, 'patient')} on both sides ({_names(leaking)}); "
            "give each patient's cases one part.",
            [f"patient {name}: {' and '.join(_ordered(parts[name]))}" for name in leaking],
        )


def demand_images_apart(
    cases: Sequence[str], patients: Sequence[str], labels: ArrayLike, hashes: Sequence[str]
) -> None:
    """Refuse an identical image under two patients with different labels.

    Raises
    ------
    UltrasoundError
        With the cases' names.
    """
    y = np.asarray(labels)
    for rows in _same(hashes):
        if len({patients[i] for i in rows}) > 1 and len(set(y[rows].tolist())) > 1:
            raise UltrasoundError(
                f"The cases {_names([cases[i] for i in rows])} have the identical image, "
                "different patients and different labels; one of them is wrong: mend or "
                "remove it."
            )


def demand_images_in_one_part(cases: Sequence[str], hashes: Sequence[str], fold: Fold) -> None:
    """Refuse a split with an identical image in two parts.

    Raises
    ------
    UltrasoundError
        With the cases' names.
    """
    part = _part_names(len(cases), fold)
    for rows in _same(hashes):
        if len({part[i] for i in rows}) > 1:
            raise UltrasoundError(
                "The split puts an identical image on both sides: "
                f"{', '.join(f'{cases[i]} ({part[i]})' for i in rows[:_MOST_NAMES])}; give them "
                "one part, or remove the copies."
            )


def augmented_copies(table: pd.DataFrame, shapes: Sequence[str]) -> NDArray[np.bool_]:
    """Say for each row whether it is a copy of another case.

    It is one where the column ``augmented`` says so, where ``source`` names another case, or
    where its pixels are those of an earlier row of the table, perhaps flipped or turned
    (``shapes`` are the rows' ``dihedral_sha256``).
    """
    copy = np.zeros(len(table), dtype=bool)
    if "augmented" in table:
        said = [str(value).strip().lower() for value in table["augmented"]]
        copy |= np.array([word not in ("", "0", "0.0", "no", "false", "nan") for word in said])
    if "source" in table:
        known = set(table["case"])
        copy |= np.array(
            [
                str(source).strip() in known - {case}
                for source, case in zip(table["source"], table["case"], strict=True)
            ]
        )
    for rows in _same(shapes):
        originals = [i for i in rows if not copy[i]] or rows
        copy[[i for i in rows if i != originals[0]]] = True
    return copy


def demand_no_copies(
    cases: Sequence[str], copies: NDArray[np.bool_], folds: Iterable[Fold]
) -> None:
    """Refuse augmented copies among the cases that are evaluated.

    Raises
    ------
    UltrasoundError
        With the cases' names.
    """
    evaluated = np.zeros(len(cases), dtype=bool)
    for fold in folds:
        evaluated[fold.test] = True
        evaluated[fold.validation] = True
    bad = [case for case, leak in zip(cases, evaluated & copies, strict=True) if leak]
    if bad:
        raise UltrasoundError(
            f"{_count(bad, 'augmented copy', 'augmented copies')} of other cases would be "
            f"evaluated as if independent ({_names(bad)}); remove them (training augments by "
            "itself), or reproduce such a study with --augment-eval."
        )


def demand_no_label(
    columns: Mapping[str, Iterable[Hashable]], labels: ArrayLike, what: str = "features"
) -> None:
    """Refuse columns that are the label, a copy of it or a monotone transform of it.

    A numeric column is one if it parts the labels without a mistake (AUC 0 or 1) by at most
    ``FEW_VALUES`` values; a column of words if each word has only one label and a word has
    five cases on average.

    Raises
    ------
    UltrasoundError
        With the columns' names.
    """
    y = np.asarray(labels)
    bad = []
    for name, values in columns.items():
        plain = name.rpartition(":")[2].strip().lower().replace(" ", "_")
        if plain in _LABEL_WORDS or _tells_all(pd.Series(list(values)), y):
            bad.append(name)
    if bad:
        raise UltrasoundError(
            f"The label is among the {what}: {_names(bad)} tells each case's label; leave "
            f"{'it' if len(bad) == 1 else 'them'} out."
        )


def _tells_all(column: pd.Series, y: NDArray[np.generic]) -> bool:
    there = column.notna() & (column.astype(str).str.strip() != "")
    values, labels = column[there], y[there.to_numpy()]
    # With so few rows every column may part the labels by chance.
    if len(values) < 2 * FEW_VALUES or len(np.unique(labels)) < 2:
        return False
    distinct = values.nunique()
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all():
        zero, one = numbers[labels == 0], numbers[labels == 1]
        return distinct <= FEW_VALUES and bool(zero.max() < one.min() or one.max() < zero.min())
    pure = pd.Series(labels, index=values.index).groupby(values).nunique().max() == 1
    return bool(pure) and distinct * 5 <= len(values)


def _same(keys: Sequence[str]) -> list[list[int]]:
    """Rows that share a key, where at least two do."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        rows[key].append(row)
    return [group for group in rows.values() if len(group) > 1]


def _part_names(count: int, fold: Fold) -> list[str]:
    names = [""] * count
    for part in PARTS:
        for row in getattr(fold, part):
            names[row] = part
    return names


def _parts_of(names: Sequence[str], fold: Fold) -> dict[str, set[str]]:
    parts: dict[str, set[str]] = defaultdict(set)
    for part in PARTS:
        for row in getattr(fold, part):
            parts[names[row]].add(part)
    return parts


def _ordered(parts: set[str]) -> list[str]:
    return [part for part in PARTS if part in parts]


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return shown + (f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else "")


def _count(names: Sequence[str], one: str, many: str = "") -> str:
    return f"1 {one}" if len(names) == 1 else f"{len(names)} {many or one + 's'}"
