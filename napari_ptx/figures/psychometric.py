"""Sensitivity as a function of size or contrast: which glands can be found at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_ptx.figures.model_lines import LEGEND_ROW, caption_lines, looks, name_models
from napari_ptx.figures.parts import capital, number, panel, with_unit
from napari_ptx.figures.style import COLUMN_WIDTH, Theme, quiet, theme

if TYPE_CHECKING:
    from napari_ptx.stats import Psychometric

_MOST_BANDS = 3  # more would cover each other
_GROUP = 8  # glands in each dot, at least
_MOST_DOTS = 6


def psychometric_figure(
    fits: Mapping[str, Psychometric],
    *,
    quantity: str = "diameter",
    unit: str = "mm",
    among: Sequence[str] | None = None,
    said: str = "",
    legend: bool = True,
    label: str = "",
    theme_name: Theme = "light",
    size: tuple[float, float] | None = None,
    note: str = "",
) -> Figure:
    """Draw fitted curves of sensitivity with their bands, over the glands themselves.

    Ticks at the top are glands that were found, at the bottom those that were missed; dots are
    shares of glands of similar size. The legend has the size at which half are found, where that
    is within the range.

    Parameters
    ----------
    fits
        What ``stats.psychometric`` gave for each modality or group of glands.
    quantity, unit
        Of the axis.
    said
        First words of the caption.
    among, legend, label, theme_name, size, note
        As for ``roc_figure``. Bands are drawn of up to three curves.

    Raises
    ------
    StatsError
        Without a curve.
    """
    styles = looks(fits, among, theme_name)
    banded = len(fits) <= _MOST_BANDS
    extra = 0.35 + LEGEND_ROW * len(fits) if legend else 0.25
    with mpl.rc_context(theme(theme_name)):
        figure, axes = panel(size or (COLUMN_WIDTH, 0.75 * COLUMN_WIDTH + extra), label)
        tone = quiet(theme_name)
        axes.axhline(0.5, color=tone, linewidth=0.8, linestyle="--", gid="half")
        for place, (name, fit) in enumerate(fits.items()):
            colour = styles[name]["color"]
            if banded:
                axes.fill_between(
                    fit.grid, fit.low, fit.high, color=colour, alpha=0.16, linewidth=0,
                    gid=f"band {name}",
                )  # fmt: skip
                _dots(axes, name, fit, colour)
            axes.plot(fit.grid, fit.curve, gid=f"curve {name}", **styles[name])
            _ticks(axes, fit, colour, place)
        deepest = 0.035 * (len(fits) - 1)
        axes.set_ylim(-0.075 - deepest, 1.075 + deepest)
        axes.set_yticks(np.linspace(0.0, 1.0, 6))
        axes.set(xlabel=capital(with_unit(quantity, unit)), ylabel="Sensitivity")
        axes.grid()
        axes.set_axisbelow(True)
        if legend:
            name_models(figure, {name: _text(name, fits[name], unit) for name in fits}, styles)
        caption_lines(figure, _said(fits, banded, quantity, said), note, tone)
    return figure


def _ticks(axes: Axes, fit: Psychometric, colour: str, place: int) -> None:
    """One tick for each gland: above 1 where found, below 0 where missed; a row per curve."""
    for hit, level in ((1.0, 1.045 + 0.035 * place), (0.0, -0.045 - 0.035 * place)):
        x = fit.x[fit.found == hit]
        axes.plot(
            x, np.full(len(x), level), linestyle="", marker="|", markersize=4.0,
            markeredgewidth=0.7, color=colour, alpha=0.7,
        )  # fmt: skip


def _dots(axes: Axes, name: str, fit: Psychometric, colour: str) -> None:
    count = min(_MOST_DOTS, len(fit.x) // _GROUP)
    if count < 2:
        return
    parts = np.array_split(np.argsort(fit.x, kind="stable"), count)
    axes.scatter(
        [fit.x[part].mean() for part in parts], [fit.found[part].mean() for part in parts],
        s=16.0, color=colour, linewidths=0, zorder=3, gid=f"shares {name}",
    )  # fmt: skip


def _text(name: str, fit: Psychometric, unit: str) -> str:
    if not np.isfinite(fit.half):
        return name
    text = f"{name}: {number(fit.half, 1)}"
    if np.isfinite(fit.half_limits).all():
        low, high = fit.half_limits
        text += f" [{number(low, 1)}, {number(high, 1)}]"
    return f"{text} {unit}".rstrip()


def _said(fits: Mapping[str, Psychometric], banded: bool, quantity: str, more: str) -> str:
    first = next(iter(fits.values()))
    most = max(len(fit.x) for fit in fits.values())
    by = "glands" if first.clusters is None else "patients"
    level = f"{100 * first.confidence:g}%"
    said = [more, f"{most} glands." if len(fits) == 1 else f"Up to {most} glands a curve."]
    if any(np.isfinite(fit.half) for fit in fits.values()):
        said.append(f"Number: {quantity} at which half are found [{level}, bootstrap of {by}].")
    elif banded:
        said.append(f"Bands: {level}, bootstrap of {by}.")
    said.append("Ticks: glands found (top), missed (bottom).")
    if banded:
        said.append("Dots: shares of neighbouring glands.")
    return " ".join(filter(None, said))
