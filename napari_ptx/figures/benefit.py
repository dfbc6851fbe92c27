"""Whether probabilities are right, and what acting on them is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from napari_ptx.figures.model_lines import LEGEND_ROW, caption_lines, looks, name_models, unit_axes
from napari_ptx.figures.parts import number, panel
from napari_ptx.figures.style import COLUMN_WIDTH, Theme, quiet, theme

if TYPE_CHECKING:
    import pandas as pd

    from napari_ptx.stats import Calibration, DecisionCurve

FEW = 2
"""Up to so many models have their intervals drawn; more would cover each other."""


def calibration_figure(
    curves: Mapping[str, pd.DataFrame],
    *,
    fits: Mapping[str, Calibration] | None = None,
    among: Sequence[str] | None = None,
    legend: bool = True,
    label: str = "",
    said: str = "",
    theme_name: Theme = "light",
    size: tuple[float, float] | None = None,
    note: str = "",
) -> Figure:
    """Draw the observed share of positives against the predicted probability.

    Parameters
    ----------
    curves
        What ``stats.calibration_curve`` gave for each model.
    fits
        What ``stats.calibration`` gave, for the legend: slope, intercept, Brier score.
    said
        The first words of the caption (n, say).
    among, legend, label, theme_name, size, note
        As for ``roc_figure``.

    Raises
    ------
    StatsError
        Without a curve.
    """
    styles = looks(curves, among, theme_name)
    extra = 0.5 + LEGEND_ROW * len(curves) if legend else 0.4
    with mpl.rc_context(theme(theme_name)):
        figure, axes = panel(size or (COLUMN_WIDTH, COLUMN_WIDTH + extra), label)
        tone = quiet(theme_name)
        axes.plot([0, 1], [0, 1], color=tone, linewidth=0.8, linestyle="--", gid="perfect")
        for name, curve in curves.items():
            x, y = curve["predicted"].to_numpy(), curve["observed"].to_numpy()
            if len(curves) <= FEW:
                axes.vlines(
                    x,
                    curve["low"].to_numpy(),
                    curve["high"].to_numpy(),
                    color=styles[name]["color"],
                    linewidth=0.8,
                    alpha=0.7,
                    gid=f"interval {name}",
                )
            axes.plot(x, y, marker="o", markersize=3.0, gid=f"model {name}", **styles[name])
        unit_axes(axes, "Predicted probability", "Observed share")
        if legend:
            name_models(figure, {name: _fit_text(name, fits) for name in curves}, styles)
        words = [said, "Groups of equally many cases; dashed: perfect."]
        if len(curves) <= FEW:
            words.append("Bars: 95% Wilson intervals.")
        caption_lines(figure, " ".join(filter(None, words)), note, tone)
    return figure


def decision_figure(
    curves: Mapping[str, DecisionCurve],
    *,
    among: Sequence[str] | None = None,
    legend: bool = True,
    label: str = "",
    said: str = "",
    theme_name: Theme = "light",
    size: tuple[float, float] | None = None,
    note: str = "",
) -> Figure:
    """Draw the net benefit of each model at each threshold probability.

    Parameters
    ----------
    curves
        What ``stats.decision_curve`` gave for each model, on the same cases.
    said, among, legend, label, theme_name, size, note
        As for ``calibration_figure``.

    Raises
    ------
    StatsError
        Without a curve.
    """
    styles = looks(curves, among, theme_name)
    rows = (len(curves) + 3) // 2
    extra = 0.3 + LEGEND_ROW * rows if legend else 0.2
    with mpl.rc_context(theme(theme_name)):
        figure, axes = panel(size or (COLUMN_WIDTH, 2.7 + extra), label)
        tone = quiet(theme_name)
        references: dict[str, dict[str, Any]] = {
            "all positive": {"color": tone, "linestyle": (0, (3.0, 1.5)), "linewidth": 0.9},
            "none positive": {"color": tone, "linestyle": "-", "linewidth": 0.9},
        }
        first = next(iter(curves.values()))
        axes.plot(first.thresholds, first.treat_all, gid="all", **references["all positive"])
        axes.axhline(0.0, gid="none", **references["none positive"])
        for name, curve in curves.items():
            axes.plot(curve.thresholds, curve.net_benefit, gid=f"model {name}", **styles[name])
        top = max(float(np.max(curve.net_benefit)) for curve in curves.values())
        top = max(top, float(first.treat_all.max()), 1e-3)
        axes.set(xlim=(0.0, 1.0), ylim=(-0.2 * top, 1.08 * top))
        axes.set_xlabel("Threshold probability")
        axes.set_ylabel("Net benefit")
        if legend:
            texts = {name: name for name in (*curves, *references)}
            name_models(figure, texts, {**styles, **references}, columns=2)
        else:
            axes.legend(
                handles=[Line2D([], [], label=name, **line) for name, line in references.items()],
                loc="upper right",
                prop={"size": 6.5},
            )
        caption_lines(figure, said, note, tone)
    return figure


def _fit_text(name: str, fits: Mapping[str, Calibration] | None) -> str:
    if fits is None or name not in fits:
        return name
    fit = fits[name]
    return (
        f"{name}  slope {number(fit.slope, 2)}, intercept {number(fit.intercept, 2)}, "
        f"Brier {number(fit.brier, 3)}"
    )
