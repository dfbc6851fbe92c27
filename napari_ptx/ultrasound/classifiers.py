"""The seven classifiers and their search inside training rows.

Each classifier has a small grid; each point of it sees one of the feature sets of the
selection. The chain of selection is fitted anew in every inner fold, so that the held-out
rows take no part in it. No class is weighted: the threshold is learned, and probabilities
keep to the prevalence of the training rows.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.stats import compare_auc
from napari_ptx.ultrasound.calibrated import Calibrator, fit_calibrator
from napari_ptx.ultrasound.matrix import Matrix
from napari_ptx.ultrasound.selection import SelectionConfig, fit_selection
from napari_ptx.ultrasound.splits import derived_seed, grouped_folds

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

GRIDS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "lr": {"C": (0.01, 0.1, 1.0)},
    "svm": {"C": (1.0, 10.0)},
    "knn": {"n_neighbors": (5, 11, 21)},
    "rf": {"min_samples_leaf": (1, 3)},
    "mlp": {"alpha": (0.01, 1.0)},
    "xgboost": {"max_depth": (2, 4)},
    "lightgbm": {"num_leaves": (7, 31)},
}
"""The settings that are searched; everything else is fixed in ``make_classifier``."""

STURDY = ("rf", "lightgbm", "xgboost", "svm", "lr", "mlp", "knn")
"""The order in which classifiers that are equally good are preferred: forests first."""


@dataclass(frozen=True, eq=False)
class Classifier:
    """A fitted classifier: "lr", "svm", ... and the model of its library."""

    kind: str
    model: Any

    def score(self, x: Floats) -> Floats:
        """Give the score of each row (n,): a probability, or for "svm" the signed distance."""
        if self.kind == "svm":
            return np.asarray(self.model.decision_function(x), dtype=np.float64)
        if self.kind == "xgboost":
            from xgboost import DMatrix

            return np.asarray(self.model.predict(DMatrix(x)), dtype=np.float64)
        if self.kind == "lightgbm":
            return np.asarray(self.model.predict(x, num_threads=1), dtype=np.float64)
        return np.asarray(self.model.predict_proba(x)[:, 1], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Trial:
    """The best point of one classifier's grid.

    Parameters
    ----------
    kind, settings, features
        The classifier, its settings, and the feature set it sees.
    auc
        Mean AUC over the inner folds.
    scores
        Score of each row (n,) from the inner fold that held it out.
    squash
        Makes probabilities of the scores of "svm", learned on ``scores``.
    """

    kind: str
    settings: Mapping[str, Any]
    features: str
    auc: float
    scores: Floats
    squash: Calibrator


def fit_classifier(
    kind: str, settings: Mapping[str, Any], x: Floats, y: Labels, seed: int
) -> Classifier:
    """Fit one classifier on z-scores (n, features) and labels (n,)."""
    if kind == "knn":  # a small training part may have fewer neighbours than the grid asks
        settings = {**settings, "n_neighbors": min(settings["n_neighbors"], len(y) // 2)}
    model = make_classifier(kind, settings, seed).fit(x, y)
    if kind == "xgboost":
        return Classifier(kind, model.get_booster())
    if kind == "lightgbm":
        return Classifier(kind, model.booster_)
    return Classifier(kind, model)


def make_classifier(kind: str, settings: Mapping[str, Any], seed: int) -> Any:
    """Make an unfitted classifier of scikit-learn's interface, on one core."""
    if kind == "lr":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=2000, **settings)
    if kind == "svm":
        from sklearn.svm import SVC

        return SVC(kernel="rbf", gamma="scale", **settings)
    if kind == "knn":
        from sklearn.neighbors import KNeighborsClassifier

        return KNeighborsClassifier(weights="distance", algorithm="brute", n_jobs=1, **settings)
    if kind == "rf":
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(
            500, max_features="sqrt", n_jobs=1, random_state=seed, **settings
        )
    if kind == "mlp":
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier(
            (32,), learning_rate_init=3e-3, max_iter=150, random_state=seed, **settings
        )
    if kind == "xgboost":
        from xgboost import XGBClassifier

        return XGBClassifier(
            n_estimators=200, learning_rate=0.05, subsample=0.8, colsample_bytree=0.4,
            tree_method="hist", max_bin=64, n_jobs=1, verbosity=0, random_state=seed, **settings,
        )  # fmt: skip
    from lightgbm import LGBMClassifier

    return LGBMClassifier(
        n_estimators=200, learning_rate=0.05, subsample=0.8, subsample_freq=1,
        colsample_bytree=0.4, min_child_samples=10, max_bin=63, n_jobs=1, verbosity=-1,
        deterministic=True, force_row_wise=True, random_state=seed, **settings,
    )  # fmt: skip


def search(
    matrix: Matrix,
    rows: NDArray[np.intp],
    labels: Labels,
    groups: NDArray[np.intp],
    *,
    classifiers: Sequence[str],
    feature_sets: Sequence[str],
    selection: SelectionConfig,
    icc: pd.DataFrame | None = None,
    inner: int = 3,
    seed: int = 0,
    jobs: int = 1,
) -> tuple[list[Trial], pd.DataFrame]:
    """Find the best grid point of each classifier by the AUC in grouped inner folds.

    Parameters
    ----------
    matrix
        Features of all rows; only ``rows`` are looked at.
    rows
        The training rows.
    labels, groups
        Of all rows.
    jobs
        Threads.

    Returns
    -------
    trials, table
        One trial for each classifier, in the order given, with scores in the order of
        ``rows``; one row of the table for each point.

    Raises
    ------
    UltrasoundError
        If a class has fewer groups than there are inner folds.
    """
    from joblib import Parallel, delayed
    from sklearn.metrics import roc_auc_score

    y, g = labels[rows], groups[rows]
    folds = grouped_folds(y, g, inner, derived_seed(seed, "inner"))
    views: list[dict[str, Floats]] = []
    columns: dict[str, bytes] = dict.fromkeys(feature_sets, b"")
    for number, (rest, _) in enumerate(folds):
        encoded = matrix.encode(rows[rest])
        x = encoded.rows(rows)
        fitted = fit_selection(
            x[rest], encoded.names, y[rest], g[rest], selection, icc=icc,
            seed=derived_seed(seed, "lasso", number),
        )  # fmt: skip
        for kept in feature_sets:
            columns[kept] += fitted.sets[kept].tobytes() + b"|"
        views.append({kept: fitted.transform(x, kept) for kept in feature_sets})
    # Where a filter took nothing away, two sets are one.
    different = {chosen: kept for kept, chosen in reversed(columns.items())}.values()
    feature_sets = [kept for kept in feature_sets if kept in different]
    points = [
        (kind, dict(zip(GRIDS[kind], values, strict=True)), kept)
        for kind in classifiers
        for values in itertools.product(*GRIDS[kind].values())
        for kept in feature_sets
    ]

    def score(point: int, number: int) -> Floats:
        kind, settings, kept = points[point]
        rest, held = folds[number]
        x = views[number][kept]
        fitted = fit_classifier(kind, settings, x[rest], y[rest], derived_seed(seed, number))
        return fitted.score(x[held])

    with quiet():
        answers = Parallel(n_jobs=jobs, prefer="threads")(
            delayed(score)(point, number) for point in range(len(points)) for number in range(inner)
        )
    records = []
    best: dict[str, Trial] = {}
    for point, (kind, settings, kept) in enumerate(points):
        scores = np.empty(len(rows))
        areas = []
        for number, (_, held) in enumerate(folds):
            scores[held] = answers[point * inner + number]
            areas.append(float(roc_auc_score(y[held], scores[held])))
        auc = float(np.mean(areas))
        said = settings_text(settings)
        records.append({"classifier": kind, "settings": said, "features": kept, "auc": auc})
        if kind not in best or auc > best[kind].auc:
            squash = fit_calibrator("sigmoid" if kind == "svm" else "none", scores, y)
            best[kind] = Trial(kind, settings, kept, auc, scores, squash)
    return list(best.values()), pd.DataFrame(records)


def choose(trials: Sequence[Trial], labels: Labels, groups: NDArray[np.intp], by: str) -> Trial:
    """Choose the classifier of a family among the best points of each.

    Parameters
    ----------
    trials
        At least one, with scores of the same rows.
    labels, groups
        (n,) of these rows: 0 or 1, and what belongs together.
    by
        "best": the highest mean AUC of the inner folds. "one-se": the sturdiest (in the
        order of ``STURDY``) of those whose AUC over all rows is within one standard error
        of the highest; the error is that of the difference, clustered (Obuchowski).

    Notes
    -----
    The best of many is often best by chance. On 378 thyroid nodules, nine candidates and
    five splits into five folds, "one-se" had a mean AUC of 0.837, "best" 0.824, and a plain
    random forest of all features 0.833. The rule was settled on these data.

    References
    ----------
    Breiman, Friedman, Olshen & Stone, Classification and Regression Trees 1984, 3.4.3.
    """
    if by == "best" or len(trials) == 1:
        return max(trials, key=lambda trial: trial.auc)
    areas = compare_auc(labels, [trial.scores for trial in trials], clusters=groups)
    best = int(np.argmax(areas.auc))
    variance = areas.cov[best, best] + np.diag(areas.cov) - 2.0 * areas.cov[best]
    near = areas.auc[best] - areas.auc <= np.sqrt(np.maximum(variance, 0.0))
    able = [trial for trial, is_near in zip(trials, near, strict=True) if is_near]
    return min(able, key=lambda trial: STURDY.index(trial.kind))


def settings_text(settings: Mapping[str, Any]) -> str:
    """Write the settings of a grid point as a table shows them."""
    return ", ".join(f"{name}={value}" for name, value in settings.items())


@contextmanager
def quiet() -> Iterator[None]:
    """Keep numeric libraries to one thread, and do not warn of a fit that stops early."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        # A multilayer perceptron is meant to stop after a fixed number of epochs.
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
