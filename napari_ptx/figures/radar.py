"""Several measures of several models at one glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from napari_ptx.figures.model_lines import LEGEND_ROW, caption_lines, looks, name_models
from napari_ptx.figures.parts import capital, number
from napari_ptx.figures.style import COLUMN_WIDTH, Theme, quiet, theme
from napari_ptx.stats import StatsError

if TYPE_CHECKING:
    import pandas as pd

_FEWEST = 3  # measures that span an area


def radar_figure(
    table: pd.DataFrame,
    *,
    among: Sequence[str] | None = None,
    legend: bool = True,
    label: str = "",
    said: str = "",
    theme_name: Theme = "light",
    size: tuple[float, float] | None = None,
    note: str = "",
) -> Figure:
    """Draw the measures of each model as a polygon, from 0 in the middle to 1.

    Parameters
    ----------
    table
        One row for each model (its index) and one column for each measure, all in [0, 1].
        A measure that is undefined (NaN) leaves a gap.
    said
        The first words of the caption (n, say).
    among, legend, label, theme_name, size, note
        As for ``roc_figure``.

    Raises
    ------
    StatsError
        For fewer than three measures, or values outside [0, 1].
    """
    measures = [str(name) for name in table.columns]
    if len(measures) < _FEWEST:
        raise StatsError(f"A radar figure needs {_FEWEST} measures; there are {len(measures)}.")
    values = table.to_numpy(dtype=np.float64)
    if ((values < 0.0) | (values > 1.0)).any():
        raise StatsError("A radar figure takes measures between 0 and 1 only.")
    names = [str(name) for name in table.index]
    styles = looks(names, among, theme_name)
    angles = np.linspace(0.0, 2.0 * np.pi, len(measures), endpoint=False)
    extra = 0.35 + LEGEND_ROW * ((len(names) + 1) // 2) if legend else 0.3
    with mpl.rc_context(theme(theme_name)):
        figure = Figure(figsize=size or (COLUMN_WIDTH, COLUMN_WIDTH + extra), layout="constrained")
        axes = figure.add_subplot(projection="polar")
        if label:
            axes.set_title(capital(label))
        tone = quiet(theme_name)
        axes.set_theta_zero_location("N")  # type: ignore[attr-defined]
        axes.set_theta_direction(-1)  # type: ignore[attr-defined]
        axes.set_ylim(0.0, 1.0)
        axes.set_xticks(angles, measures)
        for text, angle in zip(axes.get_xticklabels(), angles, strict=True):
            # Beside the circle the words begin or end at it, so that they do not cover it.
            side = np.round(np.sin(angle), 6)
            text.set_horizontalalignment(
                "left" if side > 0.0 else "right" if side < 0.0 else "center"
            )
        axes.tick_params(axis="x", pad=1.0)
        rings = np.linspace(0.2, 1.0, 5)
        # Between two spokes, where no polygon has a corner.
        axes.set_rgrids(  # type: ignore[attr-defined]
            rings,
            [number(float(ring), 1) for ring in rings],
            angle=np.degrees(angles[1] / 2.0),
            fontsize=6.0,
            color=tone,
        )
        axes.spines["polar"].set_linewidth(0.5)
        for name, row in zip(names, values, strict=True):
            around = np.append(row, row[0])
            axes.plot(
                np.append(angles, 0.0),
                around,
                marker="o",
                markersize=2.5,
                gid=f"model {name}",
                clip_on=False,
                **styles[name],
            )
            if len(names) == 1 and np.isfinite(row).all():
                axes.fill(angles, row, color=styles[name]["color"], alpha=0.15)
        if legend:
            name_models(figure, {name: name for name in names}, styles, columns=2)
        caption_lines(figure, said, note, tone)
    return figure
