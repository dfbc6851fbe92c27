"""What every report is made of: tables of texts, drawings in the page, the templates."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

NONE = "–"


@dataclass(frozen=True)
class Grid:
    """A table of a page.

    Parameters
    ----------
    headings
        Of the columns.
    rows
        The cells; a cell of several lines has the value first and what qualifies it below.
    note
        A sentence below, or "".
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure in the page: its drawing, and the words a screen reader says."""

    name: str
    svg: Markup


def inline(figure: Figure, name: str) -> Picture:
    """Draw a figure as SVG for a page; letters are drawn, so that no font is needed."""
    import matplotlib as mpl
    from markupsafe import Markup, escape

    buffer = io.StringIO()
    # the salt keeps the identifiers of several drawings in one page apart
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "napari-ptx"})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    head = f'<svg role="img" aria-label="{escape(name)}"'
    return Picture(name, Markup(text.replace("<svg", head, 1)))


def render(template: str, content: Mapping[str, Any]) -> str:
    """Fill a template of this package; a name that it lacks is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("napari_ptx", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(content) + "\n"


def settings(values: Mapping[str, Any]) -> Grid:
    """Give names and values."""
    return Grid(
        ("Setting", "Value"),
        tuple(((name,), (plain(value),)) for name, value in values.items()),
    )


def plain(value: Any) -> str:
    """Write a setting."""
    if value is None or value == "":
        return NONE
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain(item)}" for key, item in value.items()) or NONE
    if isinstance(value, Iterable):
        return ", ".join(map(plain, value)) or NONE
    return f"{value:g}" if isinstance(value, float) else str(value)


def number(value: float | None, decimals: int = 3) -> str:
    """Write a number with a minus sign; what is undefined is a dash."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.{decimals}f}".replace("-", "−")


def interval(low: float | None, high: float | None, decimals: int = 3) -> str:
    """Write an interval; a dash where an end is undefined."""
    ends = number(low, decimals), number(high, decimals)
    return NONE if NONE in ends else f"{ends[0]} to {ends[1]}"


def probability(value: float) -> str:
    """Write a P value."""
    if math.isnan(value):
        return NONE
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def counted(number_: int, what: str) -> str:
    """Write a number with what it counts."""
    return f"{number_} {what}{'' if number_ == 1 else 's'}"


def moment(time: datetime | str) -> str:
    """Write a time, or its ISO text, to the minute."""
    found = datetime.fromisoformat(time) if isinstance(time, str) else time
    return found.strftime("%Y-%m-%d %H:%M %Z").strip()
