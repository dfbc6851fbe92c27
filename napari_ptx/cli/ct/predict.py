"""``napari-ptx ct predict``."""

from __future__ import annotations

import json as json_format
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.cli.show import Json, console, running


class Search(StrEnum):
    """Where glands are looked for."""

    bed = "bed"
    full = "full"


class EngineName(StrEnum):
    """How the network is run."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


def predict(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A model's folder; 'light': the one shipped with it."),
    ],
    cohort: Annotated[
        Path, typer.Argument(metavar="COHORT", help="CSV or Parquet: patient, phase, image.")
    ],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="The folder.")],
    search: Annotated[
        Search, typer.Option(help="The thyroid bed along the airway, or the whole body.")
    ] = Search.bed,
    engine: Annotated[
        EngineName, typer.Option(help="The number format; auto: a self-test chooses.")
    ] = EngineName.auto,
    probability: Annotated[
        bool,
        typer.Option(
            "--probability/--no-probability",
            help="Keep the map of probabilities of each patient, too (a few MB).",
        ),
    ] = True,
    mirrored: Annotated[
        bool,
        typer.Option(
            "--mirrored",
            help="Show each patch mirrored as well and take the mean: for models of 'ct train "
            "--mirror'; takes twice as long.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Look for glands: a map and a table of candidates, and what was not examined.

    About one gland in six is ectopic, some outside the thyroid bed: examined.csv says for
    each patient how much of the neck was searched, and where.
    """
    from napari_ptx.ct.bundle import open_model
    from napari_ptx.ct.predict import predict as do
    from napari_ptx.ct.shipped import find_model

    opened = open_model(find_model(model))
    with running("Predicting") as progress:
        found = do(
            opened,
            cohort,
            out,
            search=search.value,
            engine=engine.value,
            probability=probability,
            mirrored=mirrored,
            progress=progress,
        )
    chosen = found.about["configuration"]["engine"]
    if json:
        answer = {
            "folder": str(out.absolute()),
            "engine": chosen,
            "patients": found.examined.to_dict("records"),
            "candidates": len(found.candidates),
        }
        typer.echo(json_format.dumps(answer))
        return
    from rich.table import Table

    table = Table("Patient", "Candidates", "Best score", "Examined", "Region")
    for row in found.examined.to_dict("records"):
        mine = found.candidates[found.candidates["patient"] == row["patient"]]
        best = f"{mine['score'].max():.2f}" if len(mine) else ""
        share = f"{100 * row['examined_fraction']:.0f}% of the body"
        table.add_row(str(row["patient"]), str(len(mine)), best, share, str(row["region"]))
    console().print(table)
    for sentence in (
        f"Run in {chosen['precision']} ({chosen['reason']}).",
        f"The prediction is in {out.absolute()}.",
    ):
        console().print(sentence, markup=False, highlight=False, soft_wrap=True)
