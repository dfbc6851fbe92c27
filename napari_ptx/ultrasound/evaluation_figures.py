"""The figures of an evaluation, drawn from a predictions table; for files and for the dock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ptx.ultrasound.evaluation import MEASURES, Assessment, compare, measures, sizes
from napari_ptx.ultrasound.predictions import Predictions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_ptx.stats import RocCurve

KINDS = {
    "roc": "ROC",
    "radar": "Radar",
    "delong": "DeLong",
    "calibration": "Calibration",
    "decision": "Decision",
    "probabilities": "Probabilities",
}
"""The figures, and what they are called."""

_SHORT = {"sensitivity": "Sens", "specificity": "Spec", "accuracy": "Acc"}
_COLUMN = 3.5  # inches: a narrower radar has no room for long words beside it


def draw(
    kind: str,
    predictions: Predictions,
    assessment: Assessment | None = None,
    *,
    clustered: bool = False,
    holm: bool = True,
    among: Sequence[str] | None = None,
    **style: Any,
) -> Figure | None:
    """Draw one figure of one split, or give ``None`` where it has nothing to show yet.

    Parameters
    ----------
    kind
        A key of ``KINDS``.
    predictions
        The rows of one split, the models that are shown, and their thresholds.
    assessment
        What ``assess`` gave for the split. Without it there are no bands, and no
        calibration; DeLong needs two models.
    clustered
        By patient, or each row by itself.
    holm
        Whether the p values are adjusted.
    among
        All models of the table, which fixes their colours.
    style
        ``theme_name``, ``size``, ``label``; ``legend`` and ``pickable`` where the figure
        takes them.
    """
    from napari_ptx import figures

    models = predictions.models
    style = {"note": predictions.note, **style}
    legend = style.pop("legend", True)
    pickable = style.pop("pickable", False)
    shared = {"among": among or models, **style}
    if kind == "roc":
        return figures.roc_figure(
            roc_curves(predictions),
            comparison=compare(predictions, clustered=clustered),
            confidence=0.95 if assessment is None else assessment.confidence,
            bands=_bands(assessment, clustered, models),
            operating=operating(predictions),
            legend=legend,
            pickable=pickable,
            **shared,
        )
    if kind == "delong":
        if len(models) < 2:
            return None
        return figures.delong_figure(
            compare(predictions, clustered=clustered), adjust="holm" if holm else None, **style
        )
    if kind == "probabilities":
        return figures.probabilities_figure(
            predictions.labels,
            dict(zip(models, predictions.scores, strict=True)),
            thresholds={name: predictions.threshold(name) for name in models},
            positive=_class(predictions.positive, 1),
            negative=_class(predictions.negative, 0),
            **shared,
        )
    shared |= {"said": rows_said(predictions), "legend": legend}
    if kind == "radar":
        narrow = style.get("size", (_COLUMN, 0.0))[0] < _COLUMN
        table = measures(predictions).rename(columns=MEASURES | (_SHORT if narrow else {}))
        return figures.radar_figure(table, **shared)
    if kind == "calibration":
        if assessment is None:
            return None
        return figures.calibration_figure(
            {name: assessment.curves[name] for name in models},
            fits={name: fit for name, fit in assessment.fits.items() if name in models},
            **shared,
        )
    if kind == "decision":
        from napari_ptx.stats import decision_curve

        curves = {
            name: decision_curve(predictions.labels, score)
            for name, score in zip(models, predictions.scores, strict=True)
        }
        return figures.decision_figure(curves, **shared)
    raise ValueError(f"there is no figure {kind!r}")


def roc_curves(predictions: Predictions) -> dict[str, RocCurve]:
    """Give the ROC curve of each model."""
    from napari_ptx.stats import roc_curve

    return {
        name: roc_curve(predictions.labels, score)
        for name, score in zip(predictions.models, predictions.scores, strict=True)
    }


def operating(predictions: Predictions) -> dict[str, tuple[float, float]]:
    """Give the false and the true positive rate of each model at its threshold."""
    truth = predictions.labels == 1
    called = predictions.verdicts()
    return {
        name: (float(np.mean(called[name][~truth])), float(np.mean(called[name][truth])))
        for name in predictions.models
    }


def rows_said(predictions: Predictions) -> str:
    """Say for a caption what the rows are."""
    count = sizes(predictions)
    by = f" of {count['patients']} patients" if predictions.clustered else ""
    copies = f", {count['augmented']} augmented copies" if count["augmented"] else ""
    return f"n = {count['n']}{by}, {count['positives']} positive{copies}."


def _bands(
    assessment: Assessment | None, clustered: bool, models: Sequence[str]
) -> Mapping[str, Any] | None:
    if assessment is None:
        return None
    found = assessment.cluster_bands if clustered else assessment.bands
    return {name: band for name, band in found.items() if name in models}


def _class(name: str, value: int) -> str:
    return name if name != str(value) else f"class {value}"
