"""``ct simulate``: a series of simulated necks with exact truth and simulated readings."""

from __future__ import annotations

import json as json_format
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.cli.show import Json, console, running


class Area(StrEnum):
    """What part of the neck is simulated."""

    BED = "bed"
    NECK = "neck"


def simulate(
    out: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Write here.")],
    patients: Annotated[
        int, typer.Option("--patients", "-n", help="Number of patients.", min=1, max=9999)
    ] = 24,
    seed: Annotated[int, typer.Option(help="The same seed gives the same patients.", min=0)] = 1,
    region: Annotated[
        Area,
        typer.Option(help="bed: round the thyroid; neck: jaw to upper mediastinum, shoulders."),
    ] = Area.BED,
    venous: Annotated[
        bool, typer.Option("--venous", help="Add a venous phase to plain and arterial.")
    ] = False,
    json: Json = False,
) -> None:
    """Simulate CT of necks with enlarged parathyroid glands. These are not patients.

    Writes NIfTI images, labels and anatomy, cohort.csv, glands.csv, readings.csv (simulated
    clinicians) and simulation.json. Started again after a stop, it goes on where it was.
    """
    from napari_ptx.phantom.ct.files import write_cohort
    from napari_ptx.phantom.ct.scene import Settings

    phases = ("plain", "arterial", *(("venous",) if venous else ()))
    with running("Simulating") as progress:
        about = write_cohort(
            out, patients, seed, Settings(region=region.value, phases=phases), progress=progress
        )
    if json:
        typer.echo(json_format.dumps({"output": str(out), **about}, indent=2, allow_nan=False))
        return
    lines = [f"{about['patients']} simulated patients with {about['glands']} glands in {out}"]
    if about["outside"]:
        count = len(about["outside"])
        lies = "gland lies" if count == 1 else "glands lie"
        lines.append(f"{count} more {lies} outside of the region.")
    lines.append(about["note"])
    for line in lines:
        console().print(line, highlight=False, soft_wrap=True, markup=False)
