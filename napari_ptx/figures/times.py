"""How long the cases of a session took, in the order in which they were read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from napari_ptx.figures.parts import MARK, caption, panel
from napari_ptx.figures.style import COLUMN_WIDTH, Theme, colours, quiet, theme
from napari_ptx.stats import StatsError

if TYPE_CHECKING:
    import pandas as pd

BLOCKS = 6
"""Parts of a session, one after the other, whose medians make the line."""


def times_figure(
    table: pd.DataFrame,
    *,
    palette: Mapping[str, str] | None = None,
    theme_name: Theme = "light",
    size: tuple[float, float] = (COLUMN_WIDTH, 3.0),
    note: str = "",
) -> Figure:
    """Draw the active time of each case over its place in the session.

    The line of a session joins the medians of its ``BLOCKS`` parts: that it falls tells
    that a reader became quicker.

    Parameters
    ----------
    table
        Columns ``session``, ``position`` (from 1), ``seconds``.
    palette
        The colour of each session.
    theme_name, size, note
        As for ``bland_altman_figure``.

    Raises
    ------
    StatsError
        For an empty table.
    """
    if table.empty:
        raise StatsError("There is no time to draw.")
    sessions = [str(name) for name in dict.fromkeys(table["session"])]
    with mpl.rc_context(theme(theme_name)):
        palette = palette or colours(sessions, theme_name)
        figure, axes = panel(size, "")
        for name in sessions:
            mine = table[table["session"] == name].sort_values("position")
            place = mine["position"].to_numpy(dtype=np.float64)
            seconds = mine["seconds"].to_numpy(dtype=np.float64)
            axes.scatter(
                place, seconds, s=0.4 * MARK, color=palette[name], alpha=0.4, linewidths=0,
                gid="points",
            )  # fmt: skip
            parts = np.array_split(np.arange(len(mine)), min(BLOCKS, len(mine)))
            axes.plot(
                [np.median(place[part]) for part in parts],
                [np.median(seconds[part]) for part in parts],
                color=palette[name],
                marker="o",
                markersize=2.5,
                label=name,
                gid="median",
            )
        axes.set_xlabel("Place in the session")
        axes.set_ylabel("Active time (s)")
        axes.set_ylim(bottom=0.0)
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        if len(sessions) > 1:
            figure.legend(loc="outside upper left", ncols=2)
        caption(
            figure,
            f"n = {len(table)}. Lines: medians of up to {BLOCKS} parts of a session.",
            note,
            quiet(theme_name),
        )
    return figure
