"""Who found which glands: the sets of modalities, and how many glands each set found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from napari_ptx.figures.model_lines import caption_lines
from napari_ptx.figures.parts import capital
from napari_ptx.figures.style import COLUMN_WIDTH, Theme, colours, quiet, theme
from napari_ptx.stats import StatsError

_MOST = 24  # sets that are drawn
_ROW = 0.2  # inches for each modality
_COLUMN = 0.24  # inches for each set


def upset_figure(
    patterns: Mapping[tuple[str, ...], int],
    names: Sequence[str],
    *,
    among: Sequence[str] | None = None,
    said: str = "",
    label: str = "",
    theme_name: Theme = "light",
    size: tuple[float, float] | None = None,
    note: str = "",
) -> Figure:
    """Draw how many glands were found by exactly each set of modalities.

    A bar has the colour of a modality where that one alone found the glands; those that nobody
    found are hatched.

    Parameters
    ----------
    patterns
        For each set of modalities (a tuple of names; empty: nobody) its glands, as
        ``stats.complementarity`` gives them.
    names
        The modalities, from top to bottom.
    among
        All modalities, which fixes the colours; without it ``names``.
    said
        First words of the caption.
    label, theme_name, size, note
        As for ``roc_figure``.

    Raises
    ------
    StatsError
        Where there is no gland, or a set of a modality that is not in ``names``.

    References
    ----------
    Lex, Gehlenborg, Strobelt, Vuillemot & Pfister (2014), IEEE TVCG 20, 1983-1992.
    """
    there = [(members, count) for members, count in patterns.items() if count > 0]
    if not there:
        raise StatsError("There is no gland to draw.")
    strangers = {name for members, _ in there for name in members} - set(names)
    if strangers:
        raise StatsError(f"The modalities lack {', '.join(sorted(strangers))}.")
    there.sort(key=lambda item: (-item[1], len(item[0]), [names.index(n) for n in item[0]]))
    total = sum(count for _, count in there)
    shown = there[:_MOST]
    width = max(COLUMN_WIDTH, 1.5 + _COLUMN * len(shown))
    with mpl.rc_context(theme(theme_name)):
        tone, palette = quiet(theme_name), colours(list(among or names), theme_name)
        figure = Figure(
            figsize=size or (width, 2.3 + _ROW * len(names)), layout="constrained"
        )  # fmt: skip
        above, below = figure.subplots(
            2, 1, sharex=True, height_ratios=(6.5, max(2, len(names)))
        )  # fmt: skip
        if label:
            above.set_title(capital(label))
        ink = mpl.rcParams["text.color"]
        _bars(above, shown, palette, ink, tone)
        _matrix(below, shown, names, palette, ink, tone)
        counts = {name: sum(count for members, count in there if name in members) for name in names}
        below.set_yticks(
            range(len(names)), [f"{name}  {counts[name]}/{total}" for name in names]
        )  # fmt: skip
        left_out = len(there) - len(shown)
        words = [said, f"{total} glands, each in one column: found by the marked modalities only."]
        if any(not members for members, _ in shown):
            words.append("Hatched: found by none.")
        if left_out:
            words.append(f"{left_out} smaller sets are not shown.")
        caption_lines(figure, " ".join(filter(None, words)), note, tone)
    return figure


def _bars(
    axes: Axes,
    shown: Sequence[tuple[tuple[str, ...], int]],
    palette: Mapping[str, str],
    ink: str,
    tone: str,
) -> None:
    for place, (members, count) in enumerate(shown):
        alone = len(members) == 1
        colour = palette[members[0]] if alone else tone
        style: dict[str, Any] = (
            {} if members else {"hatch": "////", "fill": False, "edgecolor": tone}
        )
        axes.bar(place, count, width=0.62, color=colour, gid=f"bar {'+'.join(members)}", **style)
        axes.annotate(
            str(count), (place, count), (0, 1.5), textcoords="offset points",
            ha="center", va="bottom", fontsize=7.0, color=ink,
        )  # fmt: skip
    axes.set_ylabel("Glands")
    axes.set_ylim(0, 1.12 * max(count for _, count in shown))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.tick_params(axis="x", length=0, labelbottom=False)
    axes.spines["bottom"].set_visible(False)
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def _matrix(
    axes: Axes,
    shown: Sequence[tuple[tuple[str, ...], int]],
    names: Sequence[str],
    palette: Mapping[str, str],
    ink: str,
    tone: str,
) -> None:
    for row in range(0, len(names), 2):
        axes.add_patch(
            Rectangle((-0.6, row - 0.5), len(shown) + 0.2, 1.0, color=tone, alpha=0.1, linewidth=0)
        )
    for place, (members, _) in enumerate(shown):
        rows = [names.index(name) for name in members]
        # An empty ring instead of a pale dot: it stands out on both rows and themes.
        empty = [row for row in range(len(names)) if row not in rows]
        axes.scatter(
            [place] * len(empty), empty, s=16.0, facecolors="none", edgecolors=tone,
            linewidths=0.5, alpha=0.7,
        )  # fmt: skip
        if rows:
            axes.plot([place, place], [min(rows), max(rows)], color=ink, linewidth=1.2, zorder=2)
        axes.scatter(
            [place] * len(rows), rows, s=24.0, zorder=3, linewidths=0,
            color=[palette[names[row]] for row in rows], gid=f"set {'+'.join(members)}",
        )  # fmt: skip
    axes.set_xlim(-0.6, len(shown) - 0.4)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xticks(np.arange(len(shown)), [""] * len(shown))
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
