"""``us crop``: the lesions of a cohort as pictures of one size."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.cli.show import Json, console, running
from napari_ptx.cli.us.options import (
    BordersOption,
    Lesions,
    LesionsOption,
    MarginOption,
    Mode,
    ModeOption,
    Normalise,
    NormaliseOption,
    Note,
    SizeOption,
    Source,
    ThresholdOption,
    cohort_of,
)


def crop(
    source: Source,
    out: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Write here.")],
    mode: ModeOption = Mode.PAPER,
    size: SizeOption = 500,
    margin: MarginOption = 0.0,
    mask_borders: BordersOption = False,
    lesions: LesionsOption = Lesions.LARGEST,
    mask_threshold: ThresholdOption = None,
    normalise: NormaliseOption = Normalise.RANGE,
    note: Note = "",
    json: Json = False,
) -> None:
    """Cut each lesion's box from the original image and bring it to one size.

    Writes images and masks as PNG, crops.csv (a cohort table again) and crops.json. Exit
    status 1: some cases failed.
    """
    from napari_ptx.ultrasound.crops import TABLE, write_crops

    with running("Crops") as progress, cohort_of(source, progress) as cohort:
        about = write_crops(
            cohort,
            out,
            mode=mode.value,
            size=size,
            margin=margin,
            mask_borders=mask_borders,
            lesions=lesions.value,
            threshold=mask_threshold,
            normalise=normalise.value,
            note=note,
            progress=progress,
        )
    if json:
        typer.echo(json_format.dumps(about, indent=2, allow_nan=False))
    else:
        lines = [f"{about['cases']} crops in {out / TABLE}"]
        lines += [f"Note: {text}" for text in about["notes"]]
        lines += [f"Left out: {failure['reason']}" for failure in about["failures"]]
        for line in lines:
            console().print(line, highlight=False, soft_wrap=True, markup=False)
    if about["failures"]:
        raise typer.Exit(1)
