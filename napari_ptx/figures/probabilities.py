"""The probabilities that each model gave the cases of either class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from napari_ptx.figures.model_lines import caption_lines, looks
from napari_ptx.figures.parts import capital, panel
from napari_ptx.figures.style import COLUMN_WIDTH, Theme, quiet, theme
from napari_ptx.stats import StatsError

_BINS = 25
_ROW = 0.55  # inches for each model
_HALF = 0.42  # of a row, that the highest bar fills


def probabilities_figure(
    truth: ArrayLike,
    scores: Mapping[str, ArrayLike],
    *,
    thresholds: Mapping[str, float] | None = None,
    positive: str = "positive",
    negative: str = "negative",
    among: Sequence[str] | None = None,
    label: str = "",
    theme_name: Theme = "light",
    size: tuple[float, float] | None = None,
    note: str = "",
) -> Figure:
    """Draw the distribution of each model's probabilities: one class up, the other down.

    Parameters
    ----------
    truth
        ``(n,)`` 0 or 1.
    scores
        ``(n,)`` probabilities of class 1 for each model.
    thresholds
        Where each model's threshold stands; a model without one (or NaN) has no mark.
    positive, negative
        What classes 1 and 0 are called.
    among, label, theme_name, size, note
        As for ``roc_figure``; without ``size`` the height fits the models.

    Raises
    ------
    StatsError
        Without a model, for one class only, or unequal lengths.
    """
    is_positive = np.asarray(truth, dtype=np.float64) == 1.0
    ups, downs = int(is_positive.sum()), int((~is_positive).sum())
    if not ups or not downs:
        raise StatsError("The probabilities need cases of both classes.")
    styles = looks(scores, among, theme_name)
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    with mpl.rc_context(theme(theme_name)):
        figure, axes = panel(size or (COLUMN_WIDTH, 0.95 + _ROW * len(scores)), label)
        tone, text = quiet(theme_name), mpl.rcParams["text.color"]
        for row, (name, given) in enumerate(scores.items()):
            values = np.asarray(given, dtype=np.float64)
            if values.shape != is_positive.shape:
                raise StatsError(f"{name} has {values.size} scores for {is_positive.size} cases.")
            up, down = (_shares(values[chosen], edges) for chosen in (is_positive, ~is_positive))
            scale = _HALF / max(up.max(), down.max())
            axes.stairs(-row + scale * up, edges, baseline=-row, fill=True,
                        color=styles[name]["color"], gid=f"positive {name}")  # fmt: skip
            axes.stairs(-row - scale * down, edges, baseline=-row, fill=True,
                        color=tone, alpha=0.75, gid=f"negative {name}")  # fmt: skip
            threshold = (thresholds or {}).get(name, np.nan)
            if np.isfinite(threshold):
                axes.vlines(
                    np.clip(threshold, 0.0, 1.0), -row - 0.46, -row + 0.46, color=text,
                    linewidth=1.2, gid=f"threshold {name}",
                )  # fmt: skip
        axes.set_yticks(-np.arange(len(scores)), list(scores))
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set(xlim=(-0.01, 1.01), ylim=(-len(scores) + 0.48, 0.52))
        axes.set_xlabel(f"Probability of {positive}")
        words = (
            f"Up, in colour: {positive} (n = {ups}); down, grey: {negative} (n = {downs}); "
            "shares of each class."
        )
        if thresholds:
            words += " Line: threshold."
        caption_lines(figure, capital(words), note, tone)
    return figure


def _shares(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    counts, _ = np.histogram(values, edges)
    return counts / len(values)
