"""``napari-ptx stats flow``: the chart of inclusion and exclusion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.cli.stats.options import names
from napari_ptx.cli.tables import TableError, read_table


def flow_command(
    steps: Annotated[
        Path,
        typer.Argument(
            metavar="STEPS.csv",
            help="Columns step, n, reason, n_excluded: the reasons are why cases were left out "
            "after the step. A line without a step adds a reason to the one above.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="FILE", help="Ending in .svg or .png; otherwise both."),
    ],
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=N,...",
            help="Into what the last step was divided, as Training=786,Test=168.",
            show_default=False,
        ),
    ] = None,
    note: Annotated[
        str, typer.Option(metavar="TEXT", help="What the data were, below the chart.")
    ] = "",
) -> None:
    """Draw how many cases there were, and how many were left out and why.

    The numbers must add up: a step that does not follow from the one before is refused.
    """
    import pandas as pd

    from napari_ptx.figures import flow_figure, save_figure
    from napari_ptx.stats import StatsError

    read = read_table(steps)
    found: dict[str, int] = {}
    for part in names(groups):
        name, _, count = part.rpartition("=")
        if not name.strip() or not count.strip().isdecimal():
            raise TableError(f"--groups takes NAME=N,... and not {part!r}.")
        found[name.strip()] = int(count)
    try:
        figure = flow_figure(
            pd.DataFrame(read.rows, columns=list(read.columns)), groups=found, note=note
        )
    except StatsError as error:
        raise TableError(f"{steps.name}: {error}") from None
    kind = out.suffix.lower().lstrip(".")
    if kind in ("svg", "png"):
        paths = save_figure(figure, out.with_suffix(""), formats=(kind,))
    else:
        paths = save_figure(figure, out)
    for path in paths:
        typer.echo(path)
