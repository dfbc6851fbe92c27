"""``napari-ptx us report``: one HTML page for a model run."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.cli.show import Json, running


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="HTML", help="Otherwise report.html in the run folder."
        ),
    ] = None,
    replicates: Annotated[int, typer.Option(min=1, help="Of the bootstrap of bands.")] = 1000,
    json: Json = False,
) -> None:
    """Write the report of a run: results, figures, cases, settings, TRIPOD+AI.

    One file that needs no other. What the run does not know is left to the authors and
    says so.
    """
    from napari_ptx.report import run_report

    with running("Reporting") as progress:
        path = run_report(run, out, replicates=replicates, progress=progress)
    typer.echo(json_format.dumps({"report": str(path)}) if json else path)
