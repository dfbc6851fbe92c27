"""Which features a classifier sees: a chain of filters that is fitted on training rows only.

Steps, in this order: a feature falls when it is not a number for some training case
("not finite"), does not vary ("variance"), is not reproducible between or within readers
("ICC"), is redundant beside a better one ("redundancy"), or has no weight in the LASSO
("LASSO"). The ICC comes before the redundancy filter so that no reproducible feature falls
for the sake of one that falls later. Values are z-scores by the training rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.splits import grouped_folds

Floats = NDArray[np.float64]

STEPS = ("not finite", "variance", "ICC", "redundancy", "LASSO")
_ALPHAS = np.logspace(0, -2.5, 40)  # parts of the smallest penalty that removes all features
_LASSO_FOLDS = 3
_NOTHING = 1e-12  # a weight, or an association with the label, that is none


@dataclass(frozen=True)
class SelectionConfig:
    """Thresholds of the chain, as ``RunConfig`` names them."""

    redundancy: float = 0.9
    icc_bound: str = "point"
    icc_threshold: float = 0.8


@dataclass(frozen=True, eq=False)
class Selection:
    """A fitted chain.

    Parameters
    ----------
    names
        The features it was fitted on, in the order of the columns.
    mean, deviation
        Of the training rows, (features,); 1 where a feature does not vary.
    steps
        The step at which each feature fell, "" for those that LASSO keeps.
    values
        What decided it: the standard deviation, the ICC, the correlation, the weight.
    sets
        Columns of each set of ``config.FEATURE_SETS``.
    remark
        What a reader of the table should know, or "".
    """

    names: tuple[str, ...]
    mean: Floats
    deviation: Floats
    steps: tuple[str, ...]
    values: tuple[float, ...]
    sets: dict[str, NDArray[np.intp]]
    remark: str = ""

    def transform(self, x: Floats, kept: str) -> Floats:
        """Give the z-scores (n, kept) of one set of features for raw values (n, features)."""
        columns = self.sets[kept]
        scores: Floats = (x[:, columns] - self.mean[columns]) / self.deviation[columns]
        return scores

    def table(self) -> pd.DataFrame:
        """Say for each feature where it fell and why."""
        return pd.DataFrame(
            {
                "feature": self.names,
                "fell_at": [step or "kept" for step in self.steps],
                "value": self.values,
            }
        )

    def to_json(self, kept: str) -> dict[str, Any]:
        """Give what one set of features needs for prediction."""
        columns = self.sets[kept]
        return {
            "features": [self.names[i] for i in columns],
            "mean": self.mean[columns].tolist(),
            "deviation": self.deviation[columns].tolist(),
        }


def fit_selection(
    x: Floats,
    names: Sequence[str],
    labels: NDArray[np.int64],
    groups: NDArray[np.intp],
    config: SelectionConfig,
    *,
    icc: pd.DataFrame | None = None,
    seed: int = 0,
) -> Selection:
    """Fit the chain on training rows.

    Parameters
    ----------
    x
        Raw features (n, p) of the training rows.
    names
        The columns.
    labels, groups
        (n,) 0 or 1, and what the folds of LASSO must not part.
    icc
        Columns ``feature``, ``icc``, ``low`` and one row for each comparison; a feature
        must reach the threshold in each. Features it does not list (deep and clinical
        ones) are not filtered.
    seed
        Fixes the folds of LASSO.

    Raises
    ------
    UltrasoundError
        If no feature is left.
    """
    fell = np.full(len(names), "", dtype=object)
    values = np.full(len(names), np.nan)
    finite = np.isfinite(x).all(axis=0)
    fell[~finite] = "not finite"
    z, mean, deviation = _z_scores(np.where(finite, x, 0.0))
    constant = finite & (deviation <= 1e-9 * np.maximum(np.abs(mean), 1e-300))
    fell[constant] = "variance"
    values[constant] = deviation[constant]
    deviation = np.where(finite & ~constant, deviation, 1.0)
    if icc is not None:
        worst = _worst_icc(icc, config.icc_bound).reindex(list(names))
        known = np.isin(np.asarray(names, dtype=object), icc["feature"].to_numpy(dtype=object))
        # NaN (undefined, as for a constant feature) never passes.
        low = known & ~(worst.to_numpy(dtype=float) >= config.icc_threshold) & (fell == "")
        fell[low] = "ICC"
        values[low] = worst.to_numpy(dtype=float)[low]
    left = np.flatnonzero(fell == "")
    if len(left) == 0:
        raise UltrasoundError(
            f"None of {len(names)} features is left after variance and ICC; lower the ICC "
            "threshold or look at the features."
        )
    everything = left
    left, dropped = _drop_redundant(z, left, labels, config.redundancy)
    for column, correlation in dropped:
        fell[column], values[column] = "redundancy", correlation
    uncorrelated = left
    weights, remark = _lasso(z[:, left], labels, groups, seed)
    values[left] = weights
    fell[left[weights == 0.0]] = "LASSO"
    sets = {"all": everything, "uncorrelated": uncorrelated, "lasso": left[weights != 0.0]}
    return Selection(
        tuple(names),
        mean,
        deviation,
        tuple(fell.tolist()),
        tuple(values.tolist()),
        sets,
        remark,
    )


def _z_scores(x: Floats) -> tuple[Floats, Floats, Floats]:
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    return (x - mean) / np.where(deviation > 0, deviation, 1.0), mean, deviation


def _worst_icc(icc: pd.DataFrame, bound: str) -> pd.Series:
    """Give each feature's smallest value over the comparisons; NaN if any is undefined."""
    column = "icc" if bound == "point" else "low"
    return icc.groupby("feature")[column].agg(lambda values: values.min(skipna=False))


def _drop_redundant(
    z: Floats, columns: NDArray[np.intp], labels: NDArray[np.int64], threshold: float
) -> tuple[NDArray[np.intp], list[tuple[int, float]]]:
    """Go from the feature that parts the labels best to the worst; keep what is new."""
    ranks = rankdata(z[:, columns], axis=0)
    positives = int(labels.sum())
    negatives = len(labels) - positives
    u = ranks[labels == 1].sum(axis=0) - positives * (positives + 1) / 2
    strength = np.abs(u / (positives * negatives) - 0.5)
    standard = ranks - ranks.mean(axis=0)
    norm = np.sqrt((standard**2).sum(axis=0))
    standard /= np.where(norm > 0, norm, 1.0)
    correlation = np.abs(standard.T @ standard)
    kept: list[int] = []
    dropped = []
    for i in np.argsort(-strength, kind="stable"):
        highest = correlation[i, kept].max() if kept else 0.0
        if highest > threshold:
            dropped.append((int(columns[i]), float(highest)))
        else:
            kept.append(int(i))
    return columns[np.sort(kept)], dropped


def _lasso(
    z: Floats, labels: NDArray[np.int64], groups: NDArray[np.intp], seed: int
) -> tuple[Floats, str]:
    """Give the LASSO's weights at the penalty with the least cross-validated error."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LassoCV

    y = labels - labels.mean()
    products: Floats = z.T @ y / len(y)
    largest = float(np.abs(products).max())
    count = min(_LASSO_FOLDS, *(len(np.unique(groups[labels == value])) for value in (0, 1)))
    if count > 1 and largest > _NOTHING:
        folds = grouped_folds(labels, groups, count, seed)
        with warnings.catch_warnings():
            # The smallest penalties, which are seldom the best, may not converge.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LassoCV(alphas=largest * _ALPHAS, cv=folds, max_iter=2000, tol=1e-3).fit(z, y)
        weights: Floats = np.asarray(model.coef_, dtype=np.float64)
        if weights.any():
            return weights, ""
    weights = np.zeros(z.shape[1])
    first = int(np.argmax(np.abs(products)))
    weights[first] = products[first] or _NOTHING
    return weights, "LASSO would keep no feature; the first on its path is kept."
