"""The families of models: which features each sees, and how one is fitted in one fold.

Where a family has deep features, or the scheme is "paper", the classifier is fitted and
searched on the training part, and the classifier, its calibration and its threshold are
chosen on the validation part: a network has seen the labels of its training part, so that
nothing honest can be learned there. A family without deep features in the scheme "nested"
uses training and validation together and chooses by the scores of the inner folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.stats import threshold_for_sensitivity, youden
from napari_ptx.ultrasound.calibrated import Calibrator, fit_calibrator
from napari_ptx.ultrasound.classifiers import (
    Trial,
    choose,
    fit_classifier,
    quiet,
    search,
    settings_text,
)
from napari_ptx.ultrasound.config import WITH_CLINICAL, RunConfig
from napari_ptx.ultrasound.matrix import Matrix
from napari_ptx.ultrasound.model import NETWORK, PROBABILITY, FamilyModel, LateModel
from napari_ptx.ultrasound.selection import Selection, SelectionConfig, fit_selection
from napari_ptx.ultrasound.splits import Fold, derived_seed

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

ON_VALIDATION = "on validation"
OUT_OF_FOLD = "out of fold within each training fold"

_BLOCKS: Mapping[str, tuple[str, ...]] = {
    "radiomics": ("radiomics",),
    "resnet-1ch": ("resnet-1ch",),
    "resnet-2ch": ("resnet-2ch",),
    "merged-1": ("radiomics", "resnet-1ch"),
    "merged-2": ("radiomics", "resnet-2ch"),
    "clinical": (),
}


@dataclass(frozen=True, eq=False)
class FoldData:
    """Everything a family may look at in one fold.

    Parameters
    ----------
    fold
        The rows of training, validation and test.
    labels, groups
        (cases,) 0 or 1, and what inner folds must not part.
    blocks
        "radiomics", "resnet-1ch", "resnet-2ch": one row per case; the deep ones are of
        this fold's network and have its own answer in the column "<block>:probability".
    clinical
        One row per case, or ``None``.
    icc
        The table of ``us icc``, or ``None``.
    """

    fold: Fold
    labels: Labels
    groups: NDArray[np.intp]
    blocks: Mapping[str, pd.DataFrame]
    clinical: pd.DataFrame | None = None
    icc: pd.DataFrame | None = None

    def matrix(self, family: str) -> Matrix:
        """Give the features of a family."""
        base = family.removesuffix(WITH_CLINICAL)
        parts = [self.blocks[name] for name in _BLOCKS[base]]
        table = pd.concat(parts, axis=1) if parts else pd.DataFrame(index=range(len(self.labels)))
        names = [name for name in table.columns if not name.endswith(PROBABILITY)]
        x = table[names].to_numpy(dtype=np.float64).reshape(len(self.labels), len(names))
        with_clinical = family == "clinical" or base != family
        return Matrix(tuple(names), x, self.clinical if with_clinical else None)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of one family in one fold.

    Parameters
    ----------
    model
        The fitted model.
    probability
        Of every case (cases,); only those of cases it was not fitted on mean anything.
    learned_rows, learned
        The cases on which threshold and calibration were learned, and their
        probabilities, from models that had not seen them.
    search, selection
        Tables of the search and of the selection.
    """

    model: FamilyModel | LateModel
    probability: Floats
    learned_rows: NDArray[np.intp]
    learned: Floats
    search: pd.DataFrame
    selection: pd.DataFrame


def is_deep(family: str) -> bool:
    """Tell whether a family has features of a network."""
    return family.startswith(("resnet", "merged"))


def fit_family(family: str, data: FoldData, config: RunConfig, *, jobs: int = 1) -> Outcome:
    """Select features, search classifiers, choose one, and learn its threshold.

    Raises
    ------
    UltrasoundError
        If a class has too few patients for the inner folds, or no feature is left.
    """
    matrix, fold, y = data.matrix(family), data.fold, data.labels
    inner = config.scheme == "nested" and not is_deep(family)
    rows = fold.development if inner else fold.train
    seed = derived_seed(config.seed, fold.name, family)
    selecting = SelectionConfig(config.redundancy, config.icc_bound, config.icc_threshold)
    trials, searched = search(
        matrix, rows, y, data.groups, classifiers=config.classifiers,
        feature_sets=config.feature_sets, selection=selecting, icc=data.icc,
        inner=config.inner, seed=seed, jobs=jobs,
    )  # fmt: skip
    encoded = matrix.encode(rows)
    everyone = encoded.rows(np.arange(len(y)))
    selection = fit_selection(
        everyone[rows], encoded.names, y[rows], data.groups[rows], selecting, icc=data.icc,
        seed=derived_seed(seed, "lasso"),
    )  # fmt: skip
    common = FamilyModel(
        family=family, features=(), mean=np.empty(0), deviation=np.empty(0),
        clinical=encoded.columns, kind="", settings={}, classifier=None, squash=Calibrator(),
        calibrator=Calibrator(), threshold=0.5, rule="",
    )  # fmt: skip

    def fit(trial: Trial) -> tuple[FamilyModel, Floats]:
        return _fitted(common, trial, selection, everyone, rows, y, seed)

    if inner:
        best = choose(trials, y[rows], data.groups[rows], config.choose_by)
        model, probability = fit(best)
        learned_rows, learned = rows, best.squash.apply(best.scores)
        where = OUT_OF_FOLD
    else:
        judged = fold.test if config.choose_on == "test" else fold.validation
        model, probability, chosen = _choose([fit(trial) for trial in trials], data, judged)
        searched = searched.merge(chosen, on="classifier", how="outer", sort=False)
        learned_rows, learned = fold.validation, probability[fold.validation]
        where = ON_VALIDATION
    calibrator = fit_calibrator(config.calibrate, learned, y[learned_rows])
    learned, probability = calibrator.apply(learned), calibrator.apply(probability)
    threshold, rule = learn_threshold(learned, y[learned_rows], config, where)
    model = replace(model, calibrator=calibrator, threshold=threshold, rule=rule)
    searched["chosen"] = _is_chosen(searched, model)
    table = selection.table().assign(remark=selection.remark)
    return Outcome(model, probability, learned_rows, learned, searched, table)


def fuse(members: Mapping[str, Outcome], data: FoldData, config: RunConfig) -> Outcome:
    """Join the probabilities of fitted families by their mean or weighted by AUC.

    The weights, in proportion to how far the AUC is above 0.5, and the threshold are learned
    on the cases that none of the members was fitted on.
    """
    from sklearn.metrics import roc_auc_score

    rows = data.fold.development
    for outcome in members.values():
        rows = np.intersect1d(rows, outcome.learned_rows)
    honest = np.array(
        [
            outcome.learned[np.searchsorted(outcome.learned_rows, rows)]
            for outcome in members.values()
        ]
    )
    y = data.labels[rows]
    areas = [float(roc_auc_score(y, probability)) for probability in honest]
    weights = np.ones(len(members))
    if config.late == "weighted":
        better = np.maximum(np.array(areas) - 0.5, 0.0)
        weights = better if better.any() else weights
    weights = weights / weights.sum()
    learned = weights @ honest
    where = ON_VALIDATION if set(rows) == set(data.fold.validation) else OUT_OF_FOLD
    threshold, rule = learn_threshold(learned, y, config, where)
    model = LateModel(tuple(members), tuple(weights.tolist()), threshold, rule)
    probability = weights @ np.array([outcome.probability for outcome in members.values()])
    searched = pd.DataFrame({"classifier": list(members), "weight": weights, "auc": areas})
    return Outcome(model, probability, rows, learned, searched, pd.DataFrame())


def learn_threshold(
    probability: Floats, labels: Labels, config: RunConfig, where: str
) -> tuple[float, str]:
    """Give the threshold by the configured rule, and the rule in words."""
    if config.threshold == "sensitivity":
        value = threshold_for_sensitivity(labels, probability, config.sensitivity)
        return float(value), f"sensitivity {config.sensitivity:g}, learned {where}"
    return float(youden(labels, probability)), f"Youden, learned {where}"


def _fitted(
    common: FamilyModel,
    trial: Trial,
    selection: Selection,
    everyone: Floats,
    rows: NDArray[np.intp],
    labels: Labels,
    seed: int,
) -> tuple[FamilyModel, Floats]:
    """Fit a trial's classifier on the training rows, and give its probabilities of all."""
    columns = selection.sets[trial.features]
    x = selection.transform(everyone, trial.features)
    with quiet():
        classifier = fit_classifier(trial.kind, trial.settings, x[rows], labels[rows], seed)
    model = replace(
        common,
        features=tuple(selection.names[i] for i in columns),
        mean=selection.mean[columns],
        deviation=selection.deviation[columns],
        kind=trial.kind,
        settings={**trial.settings, "features": trial.features},
        classifier=classifier,
        squash=trial.squash,
    )
    return model, trial.squash.apply(classifier.score(x))


def _is_chosen(searched: pd.DataFrame, model: FamilyModel) -> pd.Series:
    """Mark the one row of a search that became the model."""
    settings = dict(model.settings)
    features = settings.pop("features", None)
    chosen: pd.Series = searched["classifier"] == model.kind
    if model.classifier is not None:
        chosen &= searched["settings"] == settings_text(settings)
        chosen &= searched["features"] == features
    return chosen


def _choose(
    fitted: Sequence[tuple[FamilyModel, Floats]], data: FoldData, judged: NDArray[np.intp]
) -> tuple[FamilyModel, Floats, pd.DataFrame]:
    """Choose the model with the highest AUC on the judged rows.

    A family that is one network alone has the network's own answer as a candidate.
    """
    from sklearn.metrics import roc_auc_score

    candidates = list(fitted)
    first = fitted[0][0]
    block = data.blocks.get(first.family)
    answer = first.family + PROBABILITY
    if block is not None and answer in block:
        own: dict[str, Any] = {"features": (), "mean": np.empty(0), "deviation": np.empty(0)}
        model = replace(first, kind=NETWORK, settings={}, classifier=None, clinical=(),
                        squash=Calibrator(), **own)  # fmt: skip
        candidates.append((model, block[answer].to_numpy(dtype=np.float64)))
    areas = [float(roc_auc_score(data.labels[judged], p[judged])) for _, p in candidates]
    best = int(np.argmax(areas))
    table = pd.DataFrame(
        {"classifier": [model.kind for model, _ in candidates], "auc_judged": areas}
    )
    return *candidates[best], table
