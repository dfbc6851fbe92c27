"""``napari-ptx stats table1``: describe a cohort and compare its groups."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_ptx.cli.show import Json, console
from napari_ptx.cli.stats.answers import give_json
from napari_ptx.cli.stats.options import names
from napari_ptx.cli.tables import Table, TableError, read_table

if TYPE_CHECKING:
    import pandas as pd


class TTest(StrEnum):
    """Which t test compares means."""

    welch = "welch"
    student = "student"


def table1_command(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE.csv",
            help="One line for each patient, with a header.",
            show_default=False,
        ),
    ],
    group: Annotated[
        str, typer.Option(metavar="COLUMN", help="The column of groups, as split or label.")
    ],
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="The characteristics. Otherwise all columns but those that name a case, a "
            "patient, a reader or a file.",
            show_default=False,
        ),
    ] = None,
    categorical: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...", help="Numbers that are codes, as a grade.", show_default=False
        ),
    ] = None,
    t: Annotated[TTest, typer.Option(help="Which t test compares means.")] = TTest.welch,
    yates: Annotated[
        bool, typer.Option("--yates", help="Correct chi-squared of 2 x 2 tables for continuity.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="CSV", help="Write the table to this file."),
    ] = None,
    json_: Json = False,
) -> None:
    """Describe a cohort in each group and compare the groups (Table 1 of a paper).

    Normal measurements (Shapiro-Wilk in every group): mean and SD, t test. Others: median and
    quartiles, Mann-Whitney. Categories: number and percent, chi-squared or Fisher's
    exact test. Three groups or more are compared at once and in pairs.
    """
    from napari_ptx.stats import StatsError, describe

    read = read_table(table)
    coded = names(categorical)
    wanted = names(columns) or None
    try:
        found = describe(
            _typed(read, group, wanted, coded),
            group,
            wanted,
            categorical=coded,
            t=t.value,
            yates=yates,
        )
    except StatsError as error:
        raise TableError(f"{table.name}: {error}") from None
    frame = found.to_frame()
    if out is not None:
        try:
            frame.to_csv(out, index=False)
        except OSError as error:
            raise TableError(f"{out} cannot be written: {error.strerror}.") from None
    if json_:
        give_json(found.to_json())
    elif out is None:
        _show(frame)


def _typed(read: Table, group: str, wanted: list[str] | None, coded: list[str]) -> pd.DataFrame:
    """Give the table with numbers where a column holds numbers only.

    A column of numbers with some text in it is a slip of the pen, and is refused with
    the cells named rather than counted as a category.
    """
    import pandas as pd

    from napari_ptx.stats.cohort import IDENTIFIERS

    data: dict[str, object] = {}
    for name in read.columns:
        cells = list(read.text(name))
        data[name] = cells
        skipped = name.lower() in IDENTIFIERS if wanted is None else name not in wanted
        if skipped or name == group or name in coded:
            continue
        try:
            data[name] = read.numbers([name], "drop")[:, 0]
        except TableError:
            digits = sum(cell.strip()[:1].isdigit() for cell in cells)
            if 2 * digits > len(cells):
                raise
    return pd.DataFrame(data)


def _show(frame: pd.DataFrame) -> None:
    from rich.table import Table as Shown
    from rich.text import Text

    shown = Shown()
    for heading in frame.columns:
        shown.add_column(Text(heading))
    for row in frame.itertuples(index=False):
        shown.add_row(*(Text(cell) for cell in row))
    console().print(shown)
