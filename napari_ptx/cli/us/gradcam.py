"""``napari-ptx us gradcam``: where in a case a run's network found evidence."""

from __future__ import annotations

import json as json_format
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.cli.show import Json, console, running


class Network(StrEnum):
    """The networks of a run."""

    one = "resnet-1ch"
    two = "resnet-2ch"


class Evidence(StrEnum):
    """The class that is asked for."""

    positive = "positive"
    negative = "negative"


def gradcam(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    cohort: Annotated[
        Path, typer.Argument(metavar="COHORT", help="CSV or Parquet: case, patient, image, roi.")
    ],
    case: Annotated[str, typer.Argument(metavar="CASE", help="The case, as the cohort has it.")],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A TIFF file.")],
    network: Annotated[
        Network | None, typer.Option(help="By default the one that also sees the ROI.")
    ] = None,
    evidence: Annotated[
        Evidence, typer.Option(help="For class 1 (positive) or class 0 (negative).")
    ] = Evidence.positive,
    json: Json = False,
) -> None:
    """Write a Grad-CAM map of a case: which parts of its crop speak for a class.

    The picture has the size of the image, with 32-bit numbers from 0 to 1, and 0 outside
    the crop. A case that the run was evaluated on is shown to the network that had not
    seen it, any other case to the networks of all folds.
    """
    from napari_ptx.image.cohort import read_cohort
    from napari_ptx.ultrasound import UltrasoundError
    from napari_ptx.ultrasound.gradcam import case_grad_cam
    from napari_ptx.ultrasound.maps import write_map
    from napari_ptx.ultrasound.runs import Run

    table = read_cohort(cohort).table
    rows = table[table["case"] == case]
    if len(rows) != 1:
        raise UltrasoundError(f"{cohort.name} has no case {case}; name a case of it.")
    row = {str(name): value for name, value in rows.iloc[0].items()}
    with running("Grad-CAM") as progress:
        opened = Run.open(run)
        found = case_grad_cam(
            opened,
            row,
            network.value if network else None,
            evidence=evidence.value,
            progress=progress,
        )
        name = f"Grad-CAM {found.network}, {evidence.value}"
        write_map(out, found.values.astype("float64"), name, opened.note)
    if json:
        answer = {
            "map": str(out),
            "case": case,
            "network": found.network,
            "folds": list(found.folds),
            "evidence": evidence.value,
            "probability": found.probability,
            "note": opened.note,
        }
        typer.echo(json_format.dumps(answer, indent=2, allow_nan=False))
        return
    told = f"{name}: {out} (the network's own probability: {found.probability:.3f})"
    console().print(told, markup=False, highlight=False, soft_wrap=True)
