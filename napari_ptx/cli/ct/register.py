"""``napari-ptx ct register``."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.cli.show import Json, console, running


def register(
    cohort: Annotated[
        Path, typer.Argument(metavar="COHORT", help="CSV or Parquet: patient, phase, image.")
    ],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder.")],
    json: Json = False,
) -> None:
    """Lay every phase on its patient's plain phase, and say which registrations to trust.

    Rigid. The folder gets the moved phases, cohort.csv for training and prediction, and
    registration.csv. Exit status 1: a patient failed, or a residual is above 3 mm. What was
    stopped goes on with the same command.
    """
    from napari_ptx.ct.register import register_cohort

    with running("Registering") as progress:
        table, failed = register_cohort(cohort, out, progress=progress)
    if json:
        answer = {
            "folder": str(out.absolute()),
            "phases": table.drop(columns="matrix").to_dict("records"),
            "failed": failed,
        }
        typer.echo(json_format.dumps(answer, indent=2, allow_nan=False))
    else:
        from rich.table import Table

        shown = Table("patient", "phase", "residual (mm)", "moved (mm)", "", box=None)
        for row in table.to_dict("records"):
            shown.add_row(
                row["patient"],
                row["phase"],
                f"{row['residual_mm']:.1f}",
                f"{row['moved_mm']:.1f}",
                row["verdict"],
            )
        console().print(shown)
        for line in failed:
            console().print(line, markup=False, highlight=False, soft_wrap=True)
    if failed or (table["verdict"] == "bad").any():
        raise typer.Exit(1)
