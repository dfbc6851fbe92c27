"""How good the models of a predictions table are, with intervals that tell the truth.

One split at a time: areas under the ROC curves and their comparison, metrics at each
model's threshold, calibration, net benefit. Where a patient has several rows (several
images, or augmented copies of one), each number has the result that is clustered by
patient beside it. Light to import: statistics are loaded when they are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.predictions import Predictions

if TYPE_CHECKING:
    from napari_ptx.stats import AUCComparison, Calibration, RocBand

MEASURES = {
    "auc": "AUC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "accuracy": "Accuracy",
    "f1": "F1",
}
"""The names of the measures, by the name that they have in the tables."""

ENOUGH = 2
"""Fewer patients with a positive or a negative case leave no variance of an area."""


@dataclass(frozen=True, eq=False)
class Assessment:
    """What takes a while to compute of one split.

    Parameters
    ----------
    split
        Its name.
    metrics
        One row for each model and measure: ``value``; ``low, high`` (DeLong for the area,
        exact for others), ``wilson_low, wilson_high``, ``cluster_low, cluster_high``
        (Obuchowski for the area, bootstrap of patients for others; NaN where every patient
        has one row); ``threshold, rule, n, positives, patients``.
    bands, cluster_bands
        Of the ROC curves, by model; the latter are empty where every patient has one row.
    curves, fits
        Calibration by model; a fit is missing where there is none (see ``notes``).
    notes
        What could not be computed, and warnings, each a sentence.
    confidence
        Level of all intervals.
    """

    split: str
    metrics: pd.DataFrame
    bands: dict[str, RocBand]
    cluster_bands: dict[str, RocBand]
    curves: dict[str, pd.DataFrame]
    fits: dict[str, Calibration]
    notes: tuple[str, ...]
    confidence: float


def unusable(predictions: Predictions) -> str:
    """Say why the rows (of one split) cannot be evaluated, or give ""."""
    if not predictions.labelled:
        return f"the column {predictions.truth!r} is empty, so the pathology is not known yet."
    labels = predictions.labels
    for value, name in ((1, predictions.positive), (0, predictions.negative)):
        patients = predictions.clusters[labels == value]
        if len(set(patients)) < ENOUGH:
            return (
                f"class {name!r} has {len(patients)} of the {len(labels)} rows, from "
                f"{len(set(patients))} of the patients; a comparison needs {ENOUGH} patients "
                "of each class."
            )
    return ""


def compare(predictions: Predictions, *, clustered: bool) -> AUCComparison:
    """Estimate and compare the areas under the models' ROC curves.

    Parameters
    ----------
    predictions
        Of one split.
    clustered
        By patient (Obuchowski), or each row by itself (DeLong).
    """
    from napari_ptx.stats import compare_auc

    return compare_auc(
        predictions.labels,
        predictions.scores,
        predictions.clusters if clustered else None,
        predictions.models,
    )


def measures(predictions: Predictions) -> pd.DataFrame:
    """Give each model's measures at its threshold: models x ``MEASURES``, without intervals.

    A measure that divides by 0 is NaN.
    """
    from napari_ptx.stats import roc_curve

    truth = predictions.labels == 1
    called = predictions.verdicts()
    rows = {}
    for name, score in zip(predictions.models, predictions.scores, strict=True):
        verdict = called[name].to_numpy(dtype=bool)
        tp, fp = int((verdict & truth).sum()), int((verdict & ~truth).sum())
        fn, tn = int((~verdict & truth).sum()), int((~verdict & ~truth).sum())
        rows[name] = {
            "auc": roc_curve(truth, score).auc,
            "sensitivity": _share(tp, tp + fn),
            "specificity": _share(tn, tn + fp),
            "ppv": _share(tp, tp + fp),
            "npv": _share(tn, tn + fn),
            "accuracy": _share(tp + tn, len(truth)),
            "f1": _share(2 * tp, 2 * tp + fp + fn),
        }
    return pd.DataFrame.from_dict(rows, orient="index")[list(MEASURES)]


def assess(
    predictions: Predictions,
    split: str,
    *,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Assessment:
    """Compute the intervals, bands and calibration of one split.

    Parameters
    ----------
    predictions
        With all splits.
    split
        The one to assess.
    confidence
        Level of the intervals.
    replicates
        Of the bootstrap of the ROC bands; 0 leaves them out.
    seed
        Of every bootstrap.

    Raises
    ------
    UltrasoundError
        For a split that is not there or has too few cases of a class.
    """
    from napari_ptx.stats import StatsError, calibration, calibration_curve

    here = predictions.of(split)
    why = unusable(here)
    if why:
        raise UltrasoundError(f"The split {split!r} cannot be evaluated: {why}")
    kinds = ((False, True) if here.clustered else (False,)) if replicates else ()
    models, parts = len(here.models), 1 + len(kinds)

    def step(part: int, text: str) -> Progress:
        def told(done: int, total: int, name: str) -> None:
            if progress is not None:
                progress(part * models + done, parts * models, f"{text} {name}")

        return told

    notes = _warnings(here)
    metrics = _metrics(here, confidence, seed, step(0, "Intervals of"))
    curves, fits = {}, {}
    for name, score in zip(here.models, here.scores, strict=True):
        curves[name] = calibration_curve(here.labels, score, confidence=confidence)
        try:
            fits[name] = calibration(here.labels, score, confidence=confidence)
        except StatsError as error:
            notes.append(f"{name}: {error}")
    drawn = {
        clustered: bands(
            here, clustered=clustered, confidence=confidence, replicates=replicates, seed=seed,
            progress=step(1 + clustered, "Band of"),
        )
        for clustered in kinds
    }  # fmt: skip
    return Assessment(
        split,
        metrics,
        drawn.get(False, {}),
        drawn.get(True, {}),
        curves,
        fits,
        tuple(notes),
        confidence,
    )


def bands(
    predictions: Predictions,
    *,
    clustered: bool,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, RocBand]:
    """Give the band of each model's ROC curve.

    Parameters
    ----------
    predictions
        Of one split.
    clustered
        Whether patients are resampled, or rows.
    """
    from napari_ptx.stats import roc_band

    found = {}
    for done, (name, score) in enumerate(zip(predictions.models, predictions.scores, strict=True)):
        if progress is not None:
            progress(done, len(predictions.models), name)
        found[name] = roc_band(
            predictions.labels,
            score,
            clusters=predictions.clusters if clustered else None,
            confidence=confidence,
            replicates=replicates,
            seed=seed,
        )
    return found


def comparisons(predictions: Predictions, confidence: float = 0.95) -> pd.DataFrame:
    """Compare every pair of models: DeLong, and clustered by patient where that differs.

    Returns
    -------
    One row for each pair: ``first, second, difference, z, p, p_holm, low, high`` and the
    same with ``cluster_`` before them (NaN where every patient has one row).
    """
    kinds = {"": compare(predictions, clustered=False)}
    if predictions.clustered:
        kinds["cluster_"] = compare(predictions, clustered=True)
    rows = []
    for i, j in combinations(range(len(predictions.models)), 2):
        row: dict[str, Any] = {"first": predictions.models[i], "second": predictions.models[j]}
        for prefix in ("", "cluster_"):
            result = kinds.get(prefix)
            test = None if result is None else result.test(i, j, confidence)
            if not prefix:
                assert test is not None
                row["difference"] = test.difference
            for name in ("z", "p", "low", "high"):
                row[prefix + name] = np.nan if test is None else getattr(test, name)
        rows.append(row)
    table = pd.DataFrame(rows)
    above = np.triu_indices(len(predictions.models), k=1)
    for prefix, result in kinds.items():
        table[f"{prefix}p_holm"] = result.p_matrix("holm")[above]
    order = ("z", "p", "p_holm", "low", "high")
    columns = [prefix + name for prefix in ("", "cluster_") for name in order]
    return table.reindex(columns=["first", "second", "difference", *columns])


def sizes(predictions: Predictions) -> dict[str, int]:
    """Count rows, positives, patients, and rows that are augmented copies."""
    return {
        "n": len(predictions),
        "positives": int(predictions.labels.sum()),
        "patients": len(set(predictions.clusters)),
        "augmented": _augmented(predictions),
    }


def _metrics(
    predictions: Predictions, confidence: float, seed: int, progress: Progress
) -> pd.DataFrame:
    from napari_ptx.stats import diagnostic

    plain = compare(predictions, clustered=False)
    clustered = compare(predictions, clustered=True) if predictions.clustered else None
    limits = plain.ci(confidence)
    by_patient = clustered.ci(confidence) if clustered is not None else np.full_like(limits, np.nan)
    count = sizes(predictions)
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(predictions.models):
        progress(place, len(predictions.models), name)
        said = {
            "threshold": predictions.threshold(name),
            "rule": predictions.rules.get(name, ""),
            "n": count["n"],
            "positives": count["positives"],
            "patients": count["patients"],
        }
        area = {
            "value": plain.auc[place], "low": limits[place, 0], "high": limits[place, 1],
            "cluster_low": by_patient[place, 0], "cluster_high": by_patient[place, 1],
        }  # fmt: skip
        rows.append({"model": name, "measure": "auc", **area, **said})
        found = diagnostic(
            predictions.labels,
            predictions.scores[place],
            predictions.thresholds[name].to_numpy(dtype=np.float64),
            clusters=predictions.clusters if predictions.clustered else None,
            confidence=confidence,
            seed=seed,
        )
        rows += [
            {"model": name, "measure": str(measure), **found.metrics.loc[measure].to_dict(), **said}
            for measure in found.metrics.index
        ]
    columns = [
        "model", "measure", "value", "low", "high", "wilson_low", "wilson_high", "cluster_low",
        "cluster_high", "threshold", "rule", "n", "positives", "patients",
    ]  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=columns)


def _warnings(predictions: Predictions) -> list[str]:
    count = sizes(predictions)
    notes = []
    if count["augmented"]:
        notes.append(
            f"{count['augmented']} of {count['n']} rows are augmented copies, no independent "
            "cases: only the results by patient count."
        )
    elif predictions.clustered:
        notes.append(
            f"{count['n']} rows come from {count['patients']} patients: report the results by "
            "patient."
        )
    if predictions.clustered and compare(predictions, clustered=True).few_clusters:
        notes.append("With fewer than 20 patients the intervals by patient tend to be too narrow.")
    return notes


def _augmented(predictions: Predictions) -> int:
    if "augmented" not in predictions.table:
        return 0
    told: Sequence[Any] = predictions.table["augmented"].tolist()
    return sum(str(value).lower() in ("1", "1.0", "true", "yes") for value in told)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
