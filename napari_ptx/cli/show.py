"""How every command shows tables, progress and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
