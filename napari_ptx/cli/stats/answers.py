"""How every statistic is shown: a table with a note, or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from napari_ptx.cli.show import console
from napari_ptx.cli.tables import Table


def give(
    answer: Mapping[str, Any], as_json: bool, title: str, rows: Sequence[tuple[str, str]]
) -> None:
    """Print an answer as JSON, or its rows as a table followed by ``answer["note"]``."""
    if as_json:
        give_json(answer)
        return
    from rich.table import Table as RichTable
    from rich.text import Text

    # column names are the user's: brackets in them are no markup
    table = RichTable(title=Text(title), title_justify="left", show_header=False)
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    console().print(table)
    give_note(answer.get("note"))


def give_json(answer: Any) -> None:
    """Print JSON; what is undefined must be None, since JSON has no NaN."""
    typer.echo(json.dumps(answer, allow_nan=False))


def give_note(note: str | None) -> None:
    """Print a sentence below a table, as it stands and on one line."""
    if note:
        console().print(note, markup=False, highlight=False, soft_wrap=True)


def clusters_note(table: Table, groups: Sequence[str] | None) -> str | None:
    """Say what an interval leaves out: few clusters, or rows of one patient taken apart.

    Parameters
    ----------
    table
        Where a column ``patient`` may tell.
    groups
        The cluster of each row, or None where the user names no column.
    """
    from napari_ptx.stats import FEW_CLUSTERS

    if groups is not None:
        few = len(set(groups)) < min(FEW_CLUSTERS, len(groups))
        note = f"Fewer than {FEW_CLUSTERS} clusters: the interval tends to be too narrow."
        return note if few else None
    for name in table.columns:
        cells = table.text(name) if name.lower() == "patient" else ()
        patients = [cell for cell in cells if cell.strip()]
        if len(set(patients)) < len(patients):
            return f"Patients have several rows, which the interval ignores: add --clusters {name}."
    return None


def interval_row(confidence: float, low: float | None, high: float | None) -> tuple[str, str]:
    """Give the row of an interval; an absent limit is undefined."""
    return f"{100 * confidence:g}% interval", f"{number(low)} to {number(high)}"


def with_interval(value: float | None, interval: Sequence[float | None]) -> str:
    """Write a value followed by its interval."""
    return f"{number(value)} ({number(interval[0])} to {number(interval[1])})"


def number(value: float | None) -> str:
    """Write a number to four digits."""
    return "undefined" if value is None else f"{value:.4g}"


def p_value(value: float | None) -> str:
    """Write a p value."""
    if value is None:
        return "undefined"
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def defined(value: Any) -> float | None:
    """Give a number, or None for NaN."""
    return float(value) if value == value else None
