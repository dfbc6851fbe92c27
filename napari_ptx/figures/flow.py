"""How many cases there were, how many were left out and why: the chart that reports ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch
from matplotlib.textpath import TextToPath

from napari_ptx.figures.parts import caption
from napari_ptx.figures.style import Theme, colours, quiet, theme
from napari_ptx.stats import StatsError

if TYPE_CHECKING:
    import pandas as pd

# inches
_MARGIN = 0.12
_PADDING = 0.09
_GAP = 0.30  # between boxes of the stem
_ASIDE = 0.22  # from the stem to what was excluded
_BESIDE = 0.14  # between groups
_NOTE = 0.24
_SHARE = 0.54  # of the width that the stem's boxes have where something is excluded

_FONT = 8.0
_LINE = 1.35 * _FONT / 72.0


@dataclass(frozen=True)
class _Step:
    text: str
    n: int
    excluded: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class _Box:
    """A box with its lines of text; ``heavy`` lines are bold. Coordinates in inches."""

    left: float
    top: float
    width: float
    lines: tuple[tuple[str, bool], ...]

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + 2.0 * _PADDING

    @property
    def bottom(self) -> float:
        return self.top - self.height

    @property
    def centre(self) -> float:
        return self.left + self.width / 2.0


def flow_figure(
    steps: pd.DataFrame,
    *,
    groups: Mapping[str, int] | None = None,
    theme_name: Theme = "light",
    width: float = 5.0,
    note: str = "",
) -> Figure:
    """Draw the chart of inclusion and exclusion.

    Parameters
    ----------
    steps
        Columns ``step`` (what the cases are), ``n``, and ``reason`` with ``n_excluded``
        for what was left out after this step. A row without a step adds a reason to
        the step above it.
    groups
        Into what the last step was divided, as the training and test sets.
    theme_name
        "light" or "dark".
    width
        In inches; the height follows from the text.
    note
        What the data were, below the chart.

    Raises
    ------
    StatsError
        For a missing column or number, and where the numbers do not add up: the
        sentence names the step.
    """
    found = _steps(steps)
    _check(found, groups)
    with mpl.rc_context(theme(theme_name)):
        stem, aside, lower, height = _layout(found, groups or {}, width, bool(note))
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set(xlim=(0.0, width), ylim=(0.0, height))
        axes.set_axis_off()
        tone, ink = quiet(theme_name), axes.xaxis.label.get_color()
        edge = colours(["box"], theme_name)["box"]
        for box in stem:
            _draw(axes, box, edge, ink, "step")
        for box, side in zip(stem, aside, strict=True):
            if side is not None:
                _draw(axes, side, tone, ink, "excluded")
                middle = (side.top + side.bottom) / 2.0
                _arrow(axes, (box.centre, middle), (side.left, middle), tone)
        for upper, box in pairwise(stem):
            _arrow(axes, (upper.centre, upper.bottom), (box.centre, box.top), tone)
        if lower:
            _fork(axes, stem[-1], lower, tone)
            for box in lower:
                _draw(axes, box, edge, ink, "group")
        if note:
            caption(figure, "", note, tone)
    return figure


def _steps(table: pd.DataFrame) -> list[_Step]:
    for name in ("step", "n"):
        if name not in table:
            raise StatsError(f"The table of steps has no column {name!r}.")
    found: list[_Step] = []
    for number, row in enumerate(table.to_dict("records"), start=1):
        text, reason = _text(row.get("step")), _text(row.get("reason"))
        if text:
            found.append(_Step(text, _count(row.get("n"), f"n of {text!r}"), ()))
        elif not found:
            raise StatsError(f"Row {number} of the steps has no step, and there is none above it.")
        if reason or _text(row.get("n_excluded")):
            if not reason:
                raise StatsError(f"Cases are excluded after {found[-1].text!r} without a reason.")
            count = _count(row.get("n_excluded"), f"n_excluded of {reason!r}")
            last = found[-1]
            found[-1] = _Step(last.text, last.n, (*last.excluded, (reason, count)))
    if not found:
        raise StatsError("There are no steps to draw.")
    return found


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value).strip()


def _count(value: Any, what: str) -> int:
    try:
        number = float(_text(value))
    except ValueError:
        number = -1.0
    if number < 0 or number != int(number):
        raise StatsError(f"The {what} must be a whole number of cases, not {_text(value)!r}.")
    return int(number)


def _check(steps: list[_Step], groups: Mapping[str, int] | None) -> None:
    for step, after in pairwise(steps):
        gone = sum(count for _, count in step.excluded)
        if step.n - gone != after.n:
            raise StatsError(
                f"{step.text!r} has {step.n} cases and {gone} of them are excluded, which leaves "
                f"{step.n - gone}, but {after.text!r} has {after.n}."
            )
    last = steps[-1]
    gone = sum(count for _, count in last.excluded)
    if gone > last.n:
        raise StatsError(f"More cases ({gone}) are excluded from {last.text!r} than it has.")
    if groups and sum(groups.values()) != last.n - gone:
        raise StatsError(
            f"The groups have {sum(groups.values())} cases together, but {last.text!r} leaves "
            f"{last.n - gone}."
        )


def _layout(
    steps: list[_Step], groups: Mapping[str, int], width: float, noted: bool
) -> tuple[list[_Box], list[_Box | None], list[_Box], float]:
    """Place the boxes from the top at 0 downwards, then lift all by the height."""
    inner = width - 2.0 * _MARGIN
    whole = not any(step.excluded for step in steps)
    stem_width = inner if whole else _SHARE * inner
    aside_left = _MARGIN + stem_width + _ASIDE
    aside_width = width - _MARGIN - aside_left
    top = -_MARGIN
    stem: list[_Box] = []
    aside: list[_Box | None] = []
    for step in steps:
        lines = _lines(step.text, f"n = {step.n:,}", stem_width)
        box = _Box(_MARGIN, top, stem_width, lines)
        stem.append(box)
        top = box.bottom - _GAP
        side = None
        if step.excluded:
            gone = sum(count for _, count in step.excluded)
            text = _wrap(f"Excluded (n = {gone:,})", aside_width, heavy=True)
            for reason, count in step.excluded:
                text += _wrap(f"{reason} (n = {count:,})", aside_width)
            side = _Box(aside_left, box.bottom - _GAP / 2.0, aside_width, tuple(text))
            top = side.bottom - _GAP / 2.0
        aside.append(side)
    lower: list[_Box] = []
    if groups:
        each = (inner - _BESIDE * (len(groups) - 1)) / len(groups)
        lower = [
            _Box(
                _MARGIN + i * (each + _BESIDE),
                top - _GAP / 2.0,
                each,
                _lines(name, f"n = {count:,}", each),
            )
            for i, (name, count) in enumerate(groups.items())
        ]
    everything = [*stem, *lower, *[side for side in aside if side is not None]]
    height = _MARGIN - min(box.bottom for box in everything) + (_NOTE if noted else 0.0)

    def lifted(box: _Box) -> _Box:
        return _Box(box.left, box.top + height, box.width, box.lines)

    return (
        [lifted(box) for box in stem],
        [side and lifted(side) for side in aside],
        [lifted(box) for box in lower],
        height,
    )


def _lines(text: str, count: str, width: float) -> tuple[tuple[str, bool], ...]:
    return (*_wrap(text, width), *_wrap(count, width, heavy=True))


def _wrap(text: str, width: float, heavy: bool = False) -> list[tuple[str, bool]]:
    """Break a text into lines that fit into a box of this width."""
    room = 72.0 * (width - 2.0 * _PADDING)
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _width(longer, heavy) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return [(line, heavy) for line in lines]


def _width(text: str, heavy: bool) -> float:
    """Width in points, as the figure will have it; no canvas is needed to measure."""
    prop = FontProperties(
        family=mpl.rcParams["font.family"], size=_FONT, weight="bold" if heavy else "normal"
    )
    return float(TextToPath().get_text_width_height_descent(text, prop, ismath=False)[0])


def _draw(axes: Axes, box: _Box, edge: str, ink: Any, gid: str) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (box.left, box.bottom),
            box.width,
            box.height,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor="none",
            edgecolor=edge,
            linewidth=0.9,
            gid=gid,
        )
    )
    centred = gid != "excluded"
    for i, (line, heavy) in enumerate(box.lines):
        axes.text(
            box.centre if centred else box.left + _PADDING,
            box.top - _PADDING - (i + 0.5) * _LINE,
            # a dollar sign is a sign here, not the beginning of a formula
            line,
            parse_math=False,
            ha="center" if centred else "left",
            va="center",
            color=ink,
            fontsize=_FONT,
            fontweight="bold" if heavy else "normal",
        )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    axes.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={
            "arrowstyle": "-|>,head_length=0.35,head_width=0.16",
            "color": colour,
            "linewidth": 0.9,
            "shrinkA": 0.0,
            "shrinkB": 0.0,
        },
    )


def _fork(axes: Axes, above: _Box, boxes: list[_Box], colour: str) -> None:
    """Lines from the last step to each group."""
    height = boxes[0].top + 0.5 * _GAP
    axes.plot([above.centre] * 2, [above.bottom, height], color=colour, linewidth=0.9)
    ends = [above.centre, *[box.centre for box in boxes]]
    axes.plot([min(ends), max(ends)], [height] * 2, color=colour, linewidth=0.9)
    for box in boxes:
        _arrow(axes, (box.centre, height), (box.centre, box.top), colour)
