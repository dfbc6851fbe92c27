"""The labelled cases of a cohort, checked, with what tells copies apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.child import Progress
from napari_ptx.image.cohort import Cohort, read_cohort
from napari_ptx.learn.manifest import file_sha256
from napari_ptx.ultrasound import leaks
from napari_ptx.ultrasound.config import RunConfig
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.matrix import clinical_table
from napari_ptx.ultrasound.splits import Fold, given_fold, group_cases, nested_folds, paper_fold


@dataclass(frozen=True, eq=False)
class Dataset:
    """The cases of a run.

    Parameters
    ----------
    path
        The cohort table.
    table
        Its rows that take part.
    labels
        (cases,) 0 or 1.
    hashes
        SHA-256 of each image's pixels.
    copies
        Which cases are augmented copies of others.
    positive, negative
        What classes 1 and 0 are called.
    left_out
        Cases that do not take part, and why.
    """

    path: Path
    table: pd.DataFrame
    labels: NDArray[np.int64]
    hashes: tuple[str, ...]
    copies: NDArray[np.bool_]
    positive: str
    negative: str
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def cases(self) -> list[str]:
        """The cases' names."""
        return [str(case) for case in self.table["case"]]

    @property
    def patients(self) -> list[str]:
        """The patient of each case."""
        return [str(patient) for patient in self.table["patient"]]

    @property
    def groups(self) -> NDArray[np.intp]:
        """What a split must not part: see ``splits.group_cases``."""
        return group_cases(self.patients, self.hashes)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One mapping of columns for each case."""
        return [{str(k): v for k, v in row.items()} for row in self.table.to_dict("records")]

    def without(self, reasons: dict[str, str]) -> Dataset:
        """Leave out the cases that a step could not use."""
        if not reasons:
            return self
        keep = np.array([case not in reasons for case in self.cases])
        return replace(
            self,
            table=self.table[keep].reset_index(drop=True),
            labels=self.labels[keep],
            hashes=tuple(text for text, kept in zip(self.hashes, keep, strict=True) if kept),
            copies=self.copies[keep],
            left_out=(*self.left_out, *reasons.items()),
        )

    def inputs(self) -> dict[str, str]:
        """SHA-256 of the cohort table."""
        return {"cohort": file_sha256(self.path)}


def read_dataset(
    cohort: Cohort | str | Path, config: RunConfig, *, progress: Progress | None = None
) -> Dataset:
    """Read the labelled cases of a cohort, hash their images, and look for leaks.

    Rows without a label are left out and listed.

    Raises
    ------
    CohortError, UltrasoundError, ImageError
        For a faulty table, labels that are not two classes, an image that cannot be read,
        an identical image with different labels, or clinical columns that are the label.
    """
    if not isinstance(cohort, Cohort):
        cohort = read_cohort(cohort)
    table, path = cohort.table, cohort.path
    if "label" not in table:
        raise UltrasoundError(f"{path} has no column 'label'; add it (0 and 1).")
    there = table["label"].notna() & (table["label"].astype(str).str.strip() != "")
    left_out = [(str(case), "it has no label") for case in table["case"][~there]]
    table = table[there].reset_index(drop=True)
    labels, negative, positive = _labels(table["label"], config, path)
    clinical = clinical_table(table, config.clinical)
    if clinical is not None:
        leaks.demand_no_label(
            {str(name): clinical[name] for name in clinical}, labels, "clinical columns"
        )
    if (not config.features and config.radiomic) or config.channels:
        bare = [] if "roi" not in table else table["case"][table["roi"] == ""].tolist()
        if "roi" not in table or bare:
            raise UltrasoundError(
                f"{path} has no ROI for {', '.join(bare[:10]) or 'any case'}"
                f"{' and more' if len(bare) > 10 else ''}; outline what is missing, or take the "
                "cases out."
            )
    hashes, shapes = _image_hashes(table, progress)
    cases, patients = table["case"].tolist(), table["patient"].tolist()
    leaks.demand_images_apart(cases, patients, labels, hashes)
    copies = leaks.augmented_copies(table, shapes)
    return Dataset(path, table, labels, tuple(hashes), copies, positive, negative, tuple(left_out))


def make_folds(data: Dataset, config: RunConfig) -> list[Fold]:
    """Split the cases by the scheme, or as the cohort's column ``split`` says.

    Raises
    ------
    UltrasoundError
        If a patient or an identical image is on both sides, an augmented copy would be
        evaluated, or a part lacks a label.
    """
    groups = data.groups
    if config.scheme == "nested":
        folds = nested_folds(
            data.labels,
            groups,
            folds=config.folds,
            repeats=config.repeats,
            validation_share=config.validation_share,
            seed=config.seed,
        )
    elif "split" in data.table and data.table["split"].astype(str).str.strip().any():
        folds = [given_fold(data.table["split"], data.labels)]
    else:
        folds = [paper_fold(data.labels, groups, seed=config.seed)]
    for fold in folds:
        leaks.demand_patients_apart(data.patients, fold)
        leaks.demand_images_in_one_part(data.cases, data.hashes, fold)
    if not config.augment_eval:
        leaks.demand_no_copies(data.cases, data.copies, folds)
    return folds


def _labels(column: pd.Series, config: RunConfig, path: Path) -> tuple[NDArray[np.int64], str, str]:
    """Give 0 and 1, and what they are called."""
    texts = [_plain(value) for value in column]
    words = sorted(set(texts))
    if len(words) < 2:
        raise UltrasoundError(
            f"{path} has {'one label' if words else 'no label'} only"
            f"{f' ({words[0]})' if words else ''}; a model needs cases of two classes."
        )
    if len(words) > 2:
        raise UltrasoundError(
            f"The column 'label' of {path} has {len(words)} different values "
            f"({', '.join(words[:5])}); it needs exactly two."
        )
    if words == ["0", "1"]:
        labels = np.array([text == "1" for text in texts], dtype=np.int64)
        return labels, config.negative or "0", config.positive or "1"
    if config.positive not in words:
        raise UltrasoundError(
            f"The column 'label' of {path} has {words[0]!r} and {words[1]!r}; say which is "
            "positive (--positive)."
        )
    negative = words[0] if config.positive == words[1] else words[1]
    labels = np.array([text == config.positive for text in texts], dtype=np.int64)
    return labels, config.negative or negative, config.positive


def _plain(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _image_hashes(table: pd.DataFrame, progress: Progress | None) -> tuple[list[str], list[str]]:
    """Hash each image as it is, and so that flips and turns do not matter."""
    from napari_ptx.image.read import read_image

    hashes, shapes = [], []
    for done, (case, path) in enumerate(zip(table["case"], table["image"], strict=True)):
        if progress is not None:
            progress(done, len(table), f"Checking the image of {case}")
        image = read_image(path)
        hashes.append(image.sha256)
        grey = image.grey()
        shapes.append(leaks.dihedral_sha256(grey) if grey.ndim == 2 else image.sha256)
    return hashes, shapes
