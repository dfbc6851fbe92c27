"""``napari-ptx ct predict``."""

from __future__ import annotations

import json as json_format
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_ptx.cli.show import Json, console, running

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_ptx.ct.config import ModelSettings
    from napari_ptx.ct.predictions import Predictions


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
    largest_part: Annotated[
        bool,
        typer.Option(
            "--largest-part",
            help="Keep of each structure its largest connected part: for structures that are one.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Look for glands: a map and a table of candidates, and what was not examined.

    A prediction that was stopped goes on with the same command. A patient whose image cannot be
    used is told at the end and does not stop the others (exit status 1); mend it, and the same
    command does that patient alone.

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
            largest_part=largest_part,
            progress=progress,
        )
    chosen = found.about["configuration"]["engine"]
    if json:
        answer = {
            "folder": str(out.absolute()),
            "engine": chosen,
            "patients": found.examined.to_dict("records"),
            "candidates": len(found.candidates),
            "taken_over": found.about["taken_over"],
            "failed": found.about["failed"],
        }
        if not opened.settings.glands:
            answer["volumes_ml"] = _volumes(found, opened.settings)
        typer.echo(json_format.dumps(answer))
    else:
        _print(found, opened.settings, out)
    if found.about["failed"]:
        raise typer.Exit(1)


def _print(found: Predictions, settings: ModelSettings, out: Path) -> None:
    from rich.table import Table

    heads, cells = _glands(found) if settings.glands else _structures(found, settings)
    table = Table("Patient", *heads, "Examined", "Region")
    for row in found.examined.to_dict("records"):
        share = f"{100 * row['examined_fraction']:.0f}% of the body"
        table.add_row(str(row["patient"]), *cells[row["patient"]], share, str(row["region"]))
    console().print(table)
    chosen = found.about["configuration"]["engine"]
    sentences = [f"Run in {chosen['precision']} ({chosen['reason']})."]
    if taken := len(found.about["taken_over"]):
        sentences.append(f"Done before and taken over: {taken} of {len(found.examined)} patients.")
    for sentence in (
        *sentences,
        *found.about["failed"].values(),
        f"The prediction is in {out.absolute()}.",
    ):
        console().print(sentence, markup=False, highlight=False, soft_wrap=True)


def _glands(found: Predictions) -> tuple[tuple[str, ...], Mapping[str, tuple[str, ...]]]:
    """Give the heads and, by patient, the cells of a table of candidates."""
    cells = {}
    for patient in found.examined["patient"]:
        mine = found.candidates[found.candidates["patient"] == patient]
        cells[patient] = (str(len(mine)), f"{mine['score'].max():.2f}" if len(mine) else "")
    return ("Candidates", "Best score"), cells


def _structures(
    found: Predictions, settings: ModelSettings
) -> tuple[tuple[str, ...], Mapping[str, tuple[str, ...]]]:
    """Give the same of a table of structures and their volumes."""
    cells = {
        patient: tuple(f"{volume:.1f}" for volume in volumes.values())
        for patient, volumes in _volumes(found, settings).items()
    }
    return tuple(f"{name} mL" for name in settings.classes), cells


def _volumes(found: Predictions, settings: ModelSettings) -> dict[str, dict[str, float]]:
    """Give the volume (mL) of each structure by patient; 0 where none was found."""
    from napari_ptx.ct.space import measure

    volumes = {}
    for patient in found.labels:
        labels = found.label_map(patient)
        sizes = {} if labels is None else measure(labels)
        volumes[patient] = {
            name: sizes[value]["volume_mm3"] / 1000 if value in sizes else 0.0
            for name, value in settings.written.items()
        }
    return volumes
