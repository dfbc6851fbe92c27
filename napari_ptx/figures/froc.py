"""Free-response curves: glands found against false positives in each scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_ptx.figures.model_lines import LEGEND_ROW, caption_lines, looks, name_models
from napari_ptx.figures.parts import MARK, number, panel
from napari_ptx.figures.style import COLUMN_WIDTH, Theme, quiet, theme
from napari_ptx.stats.froc import RATES

if TYPE_CHECKING:
    from napari_ptx.stats import Froc, FrocBand

_LEFT = 0.09  # the axis begins a little before the lowest rate
_NAMES = ("1/8", "1/4", "1/2", "1", "2", "4", "8")


def froc_figure(
    curves: Mapping[str, Froc],
    *,
    bands: Mapping[str, FrocBand] | None = None,
    operating: Mapping[str, tuple[float, float]] | None = None,
    among: Sequence[str] | None = None,
    said: str = "",
    legend: bool = True,
    label: str = "",
    theme_name: Theme = "light",
    size: tuple[float, float] | None = None,
    note: str = "",
) -> Figure:
    """Draw free-response curves, with the mean sensitivity over the rates in the legend.

    Parameters
    ----------
    curves
        What ``stats.froc`` gave for each model or rule.
    bands
        What ``stats.froc_band`` gave for some or all of them: a bar at each rate, up to three
        curves; beyond, bars would cover each other.
    operating
        False positives per scan and sensitivity of each at its threshold, which are marked.
    said
        More words for the caption (the rule of matching, say).
    among, legend, label, theme_name, size, note
        As for ``roc_figure``.

    Raises
    ------
    StatsError
        Without a curve.
    """
    styles = looks(curves, among, theme_name)
    bands = bands or {}
    extra = 0.35 + LEGEND_ROW * len(curves) if legend else 0.25
    with mpl.rc_context(theme(theme_name)):
        figure, axes = panel(size or (COLUMN_WIDTH, 0.85 * COLUMN_WIDTH + extra), label)
        tone = quiet(theme_name)
        right = max(8.0, *(float(curve.false_positives[-1]) for curve in curves.values())) * 1.15
        barred = [name for name in curves if name in bands] if len(curves) <= 3 else []
        for place, (name, curve) in enumerate(curves.items()):
            # The first is drawn last: where curves lie on each other it is the one to see.
            level = 2.5 - place / (2.0 * len(curves))
            _draw(axes, name, curve, styles[name], level)
            if name in barred:
                band = bands[name]
                # Side by side, so that bars at one rate can be told apart.
                shift = 1.04 ** (place - (len(curves) - 1) / 2.0)
                # Beyond its end a curve has no threshold.
                there = band.rates <= curve.false_positives[-1]
                axes.vlines(
                    band.rates[there] * shift, band.low[there], band.high[there],
                    color=styles[name]["color"], linewidth=3.0, alpha=0.3, gid=f"band {name}",
                )  # fmt: skip
        for name, (rate, share) in (operating or {}).items():
            if name in curves:
                axes.scatter(
                    [max(rate, _LEFT)], [share], s=1.4 * MARK, color=styles[name]["color"],
                    edgecolors=figure.get_facecolor(), linewidths=0.9, zorder=5,
                    clip_on=False, gid=f"threshold {name}",
                )  # fmt: skip
        axes.set_xscale("log")
        axes.set(xlim=(_LEFT, right), ylim=(-0.015, 1.015))
        axes.set(xlabel="False positives per scan", ylabel="Sensitivity per gland")
        axes.set_xticks(RATES, _NAMES)
        axes.minorticks_off()
        axes.set_yticks(np.linspace(0.0, 1.0, 6))
        axes.grid()
        axes.set_axisbelow(True)
        if legend:
            name_models(figure, {name: _text(name, curves[name], bands) for name in curves}, styles)
        caption_lines(figure, _said(curves, bands if barred else {}, operating, said), note, tone)
    return figure


def _draw(axes: Axes, name: str, curve: Froc, style: dict[str, Any], level: float) -> None:
    # What lies before the axis begins at its edge: there is no 0 on a logarithmic one.
    x = np.maximum(curve.false_positives, _LEFT)
    axes.plot(
        x, curve.sensitivity, drawstyle="steps-post", zorder=level,
        gid=f"curve {name}", clip_on=False, **style,
    )  # fmt: skip


def _text(name: str, curve: Froc, bands: Mapping[str, FrocBand]) -> str:
    text = f"{name}  {number(curve.score(), 3)}"
    if name in bands and np.isfinite(bands[name].score).all():
        low, high = bands[name].score
        text += f" [{number(low, 3)}, {number(high, 3)}]"
    return text


def _said(
    curves: Mapping[str, Froc],
    bands: Mapping[str, FrocBand],
    operating: Mapping[str, tuple[float, float]] | None,
    more: str,
) -> str:
    first = next(iter(curves.values()))
    said = [f"{first.glands} glands in {first.scans} scans."]
    said.append("Number: mean sensitivity at 1/8 to 8 false positives.")
    if bands:
        level = f"{100 * next(iter(bands.values())).confidence:g}%"
        said.append(f"Bars: {level}, bootstrap of patients.")
    if operating:
        said.append("Dot: the threshold in use.")
    return " ".join([*said, more]).strip()
