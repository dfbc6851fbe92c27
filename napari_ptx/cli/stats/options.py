"""Options that several of the statistics' commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Missing(StrEnum):
    """What to do with a missing number."""

    refuse = "raise"
    drop = "drop"


TableArgument = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE.csv",
        help="One line for each case and one column for each reader, with a header. Separated "
        "by commas, semicolons or tabs.",
        show_default=False,
    ),
]
ConfidenceOption = Annotated[
    float, typer.Option(min=0.01, max=0.9999, help="Level of the confidence interval.")
]
ClustersOption = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column that says which rows belong together, as the patient; the intervals are "
        "then those of a cluster bootstrap.",
        show_default=False,
    ),
]
MissingOption = Annotated[Missing, typer.Option(help="Refuse missing numbers, or drop their rows.")]
SeedOption = Annotated[int, typer.Option(help="Seed of the cluster bootstrap.")]


def names(columns: str | None) -> list[str]:
    """Give the column names in the text ``A,B,...`` of an option; none where it is absent."""
    if columns is None:
        return []
    return [name.strip() for name in columns.split(",") if name.strip()]
