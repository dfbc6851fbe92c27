"""How every command shows tables, progress and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_ptx.child import Progress

if TYPE_CHECKING:
    from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for a program to read.")]
"""The option that every command with an answer has."""

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="The study file (.ptx).")]
"""The study that a command is about."""


def console() -> Console:
    """Give the console for answers: standard output."""
    from rich.console import Console

    return Console()


def print_json(value: object) -> None:
    """Print an answer for a program."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


@contextmanager
def running(text: str) -> Iterator[Progress]:
    """Show a progress bar on standard error while a long function runs.

    Yields the callback that the function calls; without a terminal nothing is shown,
    and standard output stays free for the answer.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    errors = Console(stderr=True)
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
    with bars:
        task = bars.add_task(text, total=None)

        def progress(done: int, total: int, step: str) -> None:
            bars.update(task, completed=done, total=total, description=step or text)

        yield progress


def grid(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print a table without lines, numbers to the right."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False)
    for place, heading in enumerate(headings):
        grid.add_column(heading, justify="left" if place == 0 else "right", no_wrap=place > 0)
    for row in rows:
        grid.add_row(*(Text(str(cell)) for cell in row))
    console().print(grid)
    console().print()


def three_digits(value: float | None) -> str:
    """Write a number with three digits; a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"


def limits(low: Any, high: Any) -> str:
    """Write the two limits of an interval; a dash where there is none."""
    return "–" if low is None or high is None else f"{low:.2f} to {high:.2f}"


def p_value(value: float | None) -> str:
    """Write a P value with four digits; a dash where there is none."""
    return "–" if value is None else "<0.0001" if value < 0.0001 else f"{value:.4f}"
