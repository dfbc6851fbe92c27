"""What a training is to do: one frozen value, written into every run folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from napari_ptx.ultrasound.errors import UltrasoundError

FAMILIES = ("radiomics", "resnet-1ch", "resnet-2ch", "merged-1", "merged-2", "late", "clinical")
"""The families of models, in the order of every table and figure."""

WITH_CLINICAL = "+clinical"
"""What a family's name ends with where the clinical columns are fused into it early."""

CLASSIFIERS = ("lr", "svm", "knn", "rf", "mlp", "xgboost", "lightgbm")
"""Logistic regression, support vector machine, k nearest neighbours, random forest,
multilayer perceptron, and two kinds of boosted trees."""

FEATURE_SETS = ("all", "uncorrelated", "lasso")
"""What a classifier may see: all features that vary (and pass the ICC), those that are left
after the redundancy filter, or those that LASSO keeps of these."""

_CHOICES: dict[str, tuple[str, ...]] = {
    "scheme": ("nested", "paper"),
    "arch": ("resnet18", "resnet34", "resnet50", "resnet101"),
    "choose_on": ("validation", "test"),
    "choose_by": ("one-se", "best"),
    "calibrate": ("none", "sigmoid", "isotonic"),
    "threshold": ("youden", "sensitivity"),
    "late": ("mean", "weighted"),
    "icc_bound": ("point", "lower"),
    "mode": ("paper", "spacing"),
    "normalise": ("range", "lesion"),
    "lesions": ("largest", "all"),
}
_RANGES: dict[str, tuple[float, float]] = {
    "folds": (2, 20),
    "repeats": (1, 100),
    "inner": (2, 10),
    "size": (32, 2048),
    "epochs": (1, 10_000),
    "patience": (1, 10_000),
    "batch": (1, 4096),
    "icc_threshold": (-1.0, 1.0),
    "margin": (0.0, 10.0),
    "redundancy": (0.0, 1.0),
    "sensitivity": (0.0, 1.0),
    "validation_share": (0.05, 0.5),
}


@dataclass(frozen=True)
class RunConfig:
    """The configuration of a run.

    Parameters
    ----------
    families
        Names of ``FAMILIES``; a name followed by "+clinical" has the clinical columns
        fused into it early ("radiomics+clinical").
    scheme
        "nested": repeated, grouped, stratified cross-validation with inner folds;
        "paper": 70/15/15 for training, validation and test.
    folds, repeats, inner
        Outer folds, their repeats, and inner folds of the search.
    validation_share
        Share of a training fold (nested) that is set aside for early stopping of the
        networks and for the choices of families with deep features.
    arch, size, epochs, patience, batch
        The network: architecture, side of its input in pixels, most epochs, epochs
        without a better validation AUC before it stops, cases in a batch.
    weights
        File of ImageNet weights for the networks, or "".
    mode, margin, mask_borders, normalise, lesions
        The crop, as for ``crop`` and ``load_case``. Radiomics features that are given
        have their own.
    features, icc
        Files of ``us features`` and ``us icc``, or "" to compute and to do without.
    params, extra_filter
        The PyRadiomics parameters where features are computed here.
    icc_bound, icc_threshold
        Whether a feature's ICC or its lower confidence limit must reach the threshold.
    redundancy
        A feature falls where its Spearman correlation with a kept one exceeds this.
    feature_sets
        The sets of ``FEATURE_SETS`` among which the search chooses.
    classifiers
        The classifiers among which the search chooses.
    clinical
        Columns of the cohort table.
    choose_on
        Where the best classifier of a family is chosen; "test", as Liu et al. did, only
        with the scheme "paper".
    choose_by
        How it is chosen in inner folds: "one-se", the sturdiest classifier within one
        standard error of the best, or "best" (see ``classifiers.choose``). On validation
        or test it is always the best.
    calibrate
        Calibration of the probabilities, learned where the threshold is.
    threshold, sensitivity
        The rule of the threshold, and the sensitivity that it keeps.
    late
        Late fusion: the mean of the probabilities, or weighted by AUC on validation.
    augment_eval
        Allow augmented copies among the cases that are evaluated.
    note
        What the data are; it goes on every figure.
    positive, negative
        What classes 1 and 0 are called.
    seed
        Fixes splits, searches and networks.
    """

    families: tuple[str, ...] = ("radiomics",)
    scheme: str = "nested"
    folds: int = 5
    repeats: int = 1
    inner: int = 3
    validation_share: float = 0.2
    arch: str = "resnet18"
    size: int = 224
    epochs: int = 30
    patience: int = 8
    batch: int = 16
    weights: str = ""
    mode: str = "paper"
    margin: float = 0.0
    mask_borders: bool = False
    normalise: str = "range"
    lesions: str = "largest"
    features: str = ""
    params: str = "liu2026"
    extra_filter: str = "Square"
    icc: str = ""
    icc_bound: str = "point"
    icc_threshold: float = 0.8
    redundancy: float = 0.9
    feature_sets: tuple[str, ...] = FEATURE_SETS
    classifiers: tuple[str, ...] = CLASSIFIERS
    clinical: tuple[str, ...] = ()
    choose_on: str = "validation"
    choose_by: str = "one-se"
    calibrate: str = "none"
    threshold: str = "youden"
    sensitivity: float = 0.9
    late: str = "mean"
    augment_eval: bool = False
    note: str = ""
    positive: str = ""
    negative: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            _demand(getattr(self, name), choices, name)
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise UltrasoundError(
                    f"{name} is {getattr(self, name)}; give a number from {low:g} to {high:g}."
                )
        for name, known in (("classifiers", CLASSIFIERS), ("feature_sets", FEATURE_SETS)):
            if not getattr(self, name):
                raise UltrasoundError(f"{name} names nothing; choose from {', '.join(known)}.")
            for value in getattr(self, name):
                _demand(value, known, name)
        if not self.families:
            raise UltrasoundError(f"families names nothing; choose from {', '.join(FAMILIES)}.")
        for family in self.families:
            base = family.removesuffix(WITH_CLINICAL)
            _demand(base, FAMILIES, "families")
            if base in ("late", "clinical") and base != family:
                raise UltrasoundError(f"{family} is no family; {base} stands alone.")
            if "clinical" in family and not self.clinical:
                raise UltrasoundError(
                    f"The family {family} needs clinical columns; name them (--clinical age,sex)."
                )
        if "late" in self.families and len(self.fused) < 2:
            raise UltrasoundError(
                "Late fusion needs two of the families radiomics, resnet-1ch, resnet-2ch and "
                "clinical beside it."
            )
        if self.choose_on == "test" and self.scheme != "paper":
            raise UltrasoundError(
                "Choosing the classifier on the test set reproduces the paper; it goes only "
                "with --scheme paper."
            )

    @property
    def fused(self) -> tuple[str, ...]:
        """The families whose probabilities late fusion joins."""
        single = ("radiomics", "resnet-1ch", "resnet-2ch", "clinical")
        return tuple(family for family in self.families if family in single)

    @property
    def channels(self) -> tuple[int, ...]:
        """The networks that the families need, by their number of input channels."""
        bases = {family.removesuffix(WITH_CLINICAL) for family in self.families}
        return tuple(
            count
            for count, names in ((1, {"resnet-1ch", "merged-1"}), (2, {"resnet-2ch", "merged-2"}))
            if bases & names
        )

    @property
    def radiomic(self) -> bool:
        """Whether a family needs radiomics features."""
        return any(family.startswith(("radiomics", "merged")) for family in self.families)

    def to_json(self) -> dict[str, Any]:
        """Give the configuration as plain values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunConfig:
        """Make a configuration of plain values; what is absent has its default.

        Raises
        ------
        UltrasoundError
            For an unknown name or a value of the wrong kind.
        """
        hints = get_type_hints(cls)
        made: dict[str, Any] = {}
        for name, value in values.items():
            if name not in hints:
                raise UltrasoundError(f"A run has no setting {name!r}; leave it out.")
            kind = hints[name]
            if kind is float and type(value) is int:
                value = float(value)
            if kind == tuple[str, ...]:
                right = isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)
                value = tuple(value) if right else value
            else:
                right = type(value) is kind
            if not right:
                raise UltrasoundError(f"The setting {name!r} cannot be {value!r}.")
            made[name] = value
        return cls(**made)


def _demand(value: str, choices: tuple[str, ...], name: str) -> None:
    if value not in choices:
        raise UltrasoundError(f"{name} has no {value!r}; choose from {', '.join(choices)}.")
