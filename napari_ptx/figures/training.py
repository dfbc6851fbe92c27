"""How the training of a network went: its AUC after each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from napari_ptx.figures.model_lines import LEGEND_ROW, caption_lines, looks
from napari_ptx.figures.parts import MARK, panel
from napari_ptx.figures.style import COLUMN_WIDTH, Theme, quiet, theme

if TYPE_CHECKING:
    import pandas as pd


def epochs_figure(
    tables: Mapping[str, pd.DataFrame],
    *,
    among: Sequence[str] | None = None,
    legend: bool = True,
    label: str = "",
    theme_name: Theme = "light",
    size: tuple[float, float] | None = None,
    note: str = "",
) -> Figure:
    """Draw training and validation AUC against the epoch, and mark the best epoch.

    Parameters
    ----------
    tables
        For each network a table ``epoch, auc_train, auc_validation``; one that has just
        begun may be empty.
    among, legend, label, theme_name, size, note
        As for ``roc_figure``.

    Raises
    ------
    StatsError
        Without a network.
    """
    styles = looks(tables, among, theme_name)
    extra = 0.3 + LEGEND_ROW * ((len(tables) + 3) // 2) if legend else 0.1
    with mpl.rc_context(theme(theme_name)):
        figure, axes = panel(size or (COLUMN_WIDTH, 2.4 + extra), label)
        tone = quiet(theme_name)
        axes.axhline(0.5, color=tone, linewidth=0.6, linestyle=":", gid="chance")
        lowest, last = 0.5, 1.0
        for name, table in tables.items():
            if table.empty:
                continue
            epochs = table["epoch"].to_numpy(dtype=np.float64)
            training = table["auc_train"].to_numpy(dtype=np.float64)
            validation = table["auc_validation"].to_numpy(dtype=np.float64)
            colour = styles[name]["color"]
            single: dict[str, Any] = {"marker": "o", "markersize": 3.0} if len(epochs) == 1 else {}
            axes.plot(
                epochs, training, color=colour, linewidth=0.8, linestyle=(0, (2.0, 1.2)),
                alpha=0.8, gid=f"training {name}", **single,
            )  # fmt: skip
            axes.plot(epochs, validation, color=colour, gid=f"validation {name}", **single)
            if np.isfinite(validation).any():
                best = int(np.nanargmax(validation))
                axes.scatter(
                    [epochs[best]], [validation[best]], s=1.4 * MARK, color=colour,
                    edgecolors=figure.get_facecolor(), linewidths=0.9, zorder=5,
                    gid=f"best {name}",
                )  # fmt: skip
            both = np.concatenate([training, validation])
            lowest = min(lowest, float(np.nanmin(both)) if np.isfinite(both).any() else 0.5)
            last = max(last, float(epochs.max()))
        axes.set_ylim(max(0.0, lowest - 0.04), 1.01)
        axes.set_xlim(0.5, last + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("Epoch")
        axes.set_ylabel("AUC")
        if legend:
            text = mpl.rcParams["text.color"]
            handles = [Line2D([], [], color=styles[name]["color"], label=name) for name in tables]
            handles += [
                Line2D([], [], color=text, label="validation"),
                Line2D([], [], color=text, linestyle=(0, (2.0, 1.2)), linewidth=0.8,
                       label="training"),
            ]  # fmt: skip
            figure.legend(handles=handles, loc="outside upper left", ncols=2, borderaxespad=0.3)
        caption_lines(figure, "Dots: the best epoch on validation, which is kept.", note, tone)
    return figure
