"""``napari-ptx ct review``."""

from __future__ import annotations

import json as json_format
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_ptx.cli.show import Json, console, running
from napari_ptx.learn.results import plain

if TYPE_CHECKING:
    from napari_ptx.report.gland_review import Gland


def review(
    prediction: Annotated[
        Path, typer.Argument(metavar="OUT", help="The folder that 'ct predict' wrote.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Write the reviewed glands and their maps."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show what was decided on a prediction, check the record, and export it.

    Every hash of the record and of the masks that people drew is computed again. Exit status
    1: the record or a mask was changed; nothing is exported then.
    """
    from napari_ptx.ct.predictions import read_predictions
    from napari_ptx.report.gland_review import check_review, export_review, glands_of, open_record

    folder = prediction.absolute()
    predictions = read_predictions(folder)
    problems = check_review(folder)
    with open_record(folder) as record:
        decisions = record.decisions
        glands = [
            gland
            for patient in predictions.patients
            for gland in glands_of(predictions, record, patient)
        ]
    files: list[str] = []
    if out is not None and not problems:
        with running("Exporting") as progress:
            files = [str(path) for path in export_review(folder, out, progress).files]
    if json:
        answer = {
            "folder": str(folder),
            "whole": not problems,
            "problems": [problem.text for problem in problems],
            "decisions": [asdict(row) for row in decisions],
            "glands": [plain(asdict(gland)) for gland in glands],
            "files": files,
        }
        typer.echo(json_format.dumps(answer, indent=2, allow_nan=False))
    else:
        _show(glands, len(decisions), [problem.text for problem in problems], files)
    if problems:
        raise typer.Exit(1)


def _show(glands: list[Gland], decisions: int, problems: list[str], files: list[str]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("patient", "#", "score", "slot", "size (mm)", "source", "decision", "who", "when"):
        table.add_column(name, justify="right" if name in ("#", "score", "size (mm)") else "left")
    for gland in glands:
        table.add_row(
            gland.patient,
            str(gland.gland),
            "" if math.isnan(gland.score) else f"{gland.score:.2f}",
            gland.slot.replace("_", " "),
            "" if math.isnan(gland.diameter_mm) else f"{gland.diameter_mm:.1f}",
            gland.source,
            gland.decision or "?",
            gland.who,
            gland.at[:16].replace("T", " "),
        )
    screen = console()
    screen.print(table)
    count = {
        word: sum(gland.decision == word for gland in glands)
        for word in ("accepted", "rejected", "")
    }
    lines = [
        f"{count['accepted']} accepted, {count['rejected']} rejected, {count['']} not decided on.",
        *(problems or [f"Record whole: {decisions} rows, every hash as it was written."]),
        *([f"{len(files)} files in {Path(files[0]).parent}."] if files else []),
    ]
    for line in lines:
        screen.print(line, markup=False, highlight=False, soft_wrap=True)
