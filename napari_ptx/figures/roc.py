"""Receiver operating characteristic curves of several models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from napari_ptx.figures.model_lines import LEGEND_ROW, caption_lines, looks, name_models, unit_axes
from napari_ptx.figures.parts import MARK, number, panel, points
from napari_ptx.figures.style import COLUMN_WIDTH, Theme, quiet, theme

if TYPE_CHECKING:
    import pandas as pd

    from napari_ptx.stats import AUCComparison, RocBand, RocCurve


def roc_table(curves: Mapping[str, RocCurve]) -> pd.DataFrame:
    """List the corners of the curves: ``model, threshold, fpr, tpr``.

    Row i is point i of a ``roc_figure`` that can be picked.
    """
    import pandas as pd

    return pd.concat(
        [
            pd.DataFrame({"model": name, "threshold": c.thresholds, "fpr": c.fpr, "tpr": c.tpr})
            for name, c in curves.items()
        ],
        ignore_index=True,
    )


def roc_figure(
    curves: Mapping[str, RocCurve],
    *,
    comparison: AUCComparison | None = None,
    confidence: float = 0.95,
    bands: Mapping[str, RocBand] | None = None,
    operating: Mapping[str, tuple[float, float]] | None = None,
    among: Sequence[str] | None = None,
    legend: bool = True,
    pickable: bool = False,
    label: str = "",
    theme_name: Theme = "light",
    size: tuple[float, float] | None = None,
    note: str = "",
) -> Figure:
    """Draw ROC curves, with the area of each and its interval in the legend.

    Parameters
    ----------
    curves
        What ``stats.roc_curve`` gave for each model.
    comparison
        What ``stats.compare_auc`` gave for these models, by their names.
    confidence
        Of the intervals of the areas.
    bands
        What ``stats.roc_band`` gave, for some or all models.
    operating
        The false and true positive rate of each model at its threshold, which are marked.
    among
        All models of the table, which fixes their colours; without it those drawn.
    legend
        Whether there is one; a dock names the models beside the figure.
    pickable
        Whether the corners of the curves are points that can be picked (invisible; point i
        is row i of ``roc_table``).
    label
        A title: the split, say.
    theme_name, size, note
        As for ``bland_altman_figure``.

    Raises
    ------
    StatsError
        Without a curve.
    """
    styles = looks(curves, among, theme_name)
    extra = 0.6 + LEGEND_ROW * len(curves) if legend else 0.5
    with mpl.rc_context(theme(theme_name)):
        figure, axes = panel(size or (COLUMN_WIDTH, COLUMN_WIDTH + extra), label)
        tone = quiet(theme_name)
        axes.plot([0, 1], [0, 1], color=tone, linewidth=0.8, linestyle="--", gid="chance")
        # Many bands lie on each other: the more, the lighter.
        shade = float(np.clip(0.3 / len(curves), 0.05, 0.18))
        for name, band in (bands or {}).items():
            if name in curves:
                axes.fill_between(
                    band.fpr, band.low, band.high, color=styles[name]["color"],
                    alpha=shade, linewidth=0, gid=f"band {name}",
                )  # fmt: skip
        for name, curve in curves.items():
            axes.plot(curve.fpr, curve.tpr, gid=f"curve {name}", clip_on=False, **styles[name])
        for name, (fpr, tpr) in (operating or {}).items():
            if name in curves:
                axes.scatter(
                    [fpr], [tpr], s=1.4 * MARK, color=styles[name]["color"],
                    edgecolors=figure.get_facecolor(), linewidths=0.9, zorder=5,
                    clip_on=False, gid=f"threshold {name}",
                )  # fmt: skip
        if pickable:
            table = roc_table(curves)
            # At an infinite threshold there is nothing to choose: nobody is positive.
            finite = np.isfinite(table["threshold"].to_numpy())
            points(axes, table["fpr"].where(finite), table["tpr"].where(finite), "none")
        unit_axes(axes, "1 − specificity", "Sensitivity")
        if legend:
            name_models(figure, _texts(curves, comparison, confidence), styles)
        caption_lines(figure, _said(comparison, confidence, bands, operating), note, tone)
    return figure


def _texts(
    curves: Mapping[str, RocCurve], comparison: AUCComparison | None, confidence: float
) -> dict[str, str]:
    if comparison is None:
        return {name: name for name in curves}
    limits = comparison.ci(confidence)
    place = {name: row for row, name in enumerate(comparison.names)}
    return {
        name: f"{name}  {number(float(comparison.auc[place[name]]), 3)} "
        f"[{number(float(limits[place[name], 0]), 3)}, {number(float(limits[place[name], 1]), 3)}]"
        for name in curves
    }


def _said(
    comparison: AUCComparison | None,
    confidence: float,
    bands: Mapping[str, RocBand] | None,
    operating: Mapping[str, tuple[float, float]] | None,
) -> str:
    said = []
    level = f"{100 * confidence:g}%"
    if comparison is not None:
        rows = comparison.positives + comparison.negatives
        by = "" if comparison.clusters is None else f" of {comparison.clusters} patients"
        way = "DeLong" if comparison.clusters is None else "clustered by patient (Obuchowski)"
        said.append(f"n = {rows}{by}, {comparison.positives} positive.")
        said.append(f"AUC [{level} interval, {way}].")
    if bands:
        kind = "patients" if comparison is not None and comparison.clusters else "cases"
        said.append(f"Bands: {level} of sensitivity, bootstrap of {kind}.")
    if operating and np.isfinite(list(operating.values())).all():
        said.append("Dots: the thresholds.")
    return " ".join(said)
