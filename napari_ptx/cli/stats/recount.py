"""``napari-ptx stats recount``: the counts behind a printed table of proportions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.cli.show import Json
from napari_ptx.cli.stats.answers import give_json, give_note
from napari_ptx.cli.tables import TableError, read_table


def recount_command(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE.csv",
            help="Columns name, n_pos, n_neg, SEN, SPE, PPV, NPV, ACC, as printed: the digits "
            "written (0.70 or 0.7) say how far a value was rounded.",
            show_default=False,
        ),
    ],
    json_: Json = False,
) -> None:
    """Find the counts behind printed sensitivities, specificities and so on.

    Where no whole numbers of the claimed positives and negatives give the printed
    values, multiples of them up to 20 are tried, as where augmented copies were
    counted as cases.
    """
    from napari_ptx.stats import StatsError, recount
    from napari_ptx.stats.recount import METRICS

    read = read_table(table)
    columns = ("name", "n_pos", "n_neg", *METRICS)
    cells = {name: read.text(name) for name in columns}
    if read.delimiter != ",":  # then a comma is the decimal sign
        for name in METRICS:
            cells[name] = tuple(cell.replace(",", ".") for cell in cells[name])
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    try:
        found = recount(rows)
    except StatsError as error:
        raise TableError(f"{table.name}, {error}") from None
    if json_:
        give_json([row.to_json() for row in found])
        return
    for row in found:
        give_note(row.text)
