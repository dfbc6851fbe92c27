"""``us features``, ``us icc`` and ``us map``: radiomics, how far readers agree on it, maps."""

from __future__ import annotations

import json as json_format
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_ptx.cli.show import Json, console, running

if TYPE_CHECKING:
    from napari_ptx.image.cohort import Cohort


class Filter(StrEnum):
    """The extra filters of which the paper used one."""

    SQUARE = "Square"
    SQUARE_ROOT = "SquareRoot"
    LOGARITHM = "Logarithm"
    EXPONENTIAL = "Exponential"
    GRADIENT = "Gradient"
    LBP2D = "LBP2D"


class Mode(StrEnum):
    """How a lesion's box is brought to one size."""

    PAPER = "paper"
    SPACING = "spacing"


class Lesions(StrEnum):
    """What of a ROI with several components counts."""

    LARGEST = "largest"
    ALL = "all"


Source = Annotated[
    Path,
    typer.Argument(
        metavar="COHORT", help="A cohort table (CSV, Parquet) or a study (.ptx) with readings."
    ),
]
ModeOption = Annotated[
    Mode,
    typer.Option(
        "--mode",
        help="paper: stretch the box to a square; spacing: keep its proportions, and mm where "
        "calibrated.",
    ),
]
SizeOption = Annotated[int, typer.Option(help="Rows and columns of a crop.", min=2, max=4000)]
MarginOption = Annotated[
    float, typer.Option(help="Added round the box, as a part of its longer side.", min=0, max=10)
]
BordersOption = Annotated[
    bool,
    typer.Option("--mask-borders", help="Take black borders and the ticks in them out of the ROI."),
]
LesionsOption = Annotated[
    Lesions, typer.Option(help="Of a ROI with several components: the largest, or all.")
]
ThresholdOption = Annotated[
    float | None,
    typer.Option("--mask-threshold", help="What is above it in a mask image is ROI."),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", help="Processes that work at once.", min=1)]
Note = Annotated[
    str, typer.Option(help="What the data are, for example 'thyroid nodules, a stand-in'.")
]


@contextmanager
def cohort_of(source: Path) -> Iterator[Cohort]:
    """Read a cohort table, or make one of the readings of a study while it is used."""
    from napari_ptx.image.cohort import read_cohort
    from napari_ptx.ultrasound.features import IDENTITY

    if source.suffix.lower() != ".ptx":
        yield read_cohort(source, unique=IDENTITY)
        return
    from napari_ptx.cli.us.readings import study_cohort

    with study_cohort(source) as cohort:
        yield cohort


def features(
    source: Source,
    out: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Write here.")],
    params: Annotated[
        str, typer.Option(help="liu2026, or a parameter file of PyRadiomics (YAML).")
    ] = "liu2026",
    extra_filter: Annotated[
        Filter, typer.Option(help="The sixth image type of liu2026, which the paper leaves open.")
    ] = Filter.SQUARE,
    mode: ModeOption = Mode.PAPER,
    size: SizeOption = 500,
    margin: MarginOption = 0.0,
    mask_borders: BordersOption = False,
    lesions: LesionsOption = Lesions.LARGEST,
    mask_threshold: ThresholdOption = None,
    jobs: Jobs = 1,
    note: Note = "",
    json: Json = False,
) -> None:
    """Compute the radiomics features of all cases: 567 by liu2026, PyRadiomics throughout.

    Writes features.parquet, and diagnostics.json with the parameters, versions and the
    cases that failed. Started again after a stop, it goes on where it was. Of a study,
    the readings of all readers and rounds are taken. Exit status 1: some cases failed.
    """
    from napari_ptx.ultrasound.features import extract

    with running("Features") as progress, cohort_of(source) as cohort:
        table = extract(
            cohort,
            out,
            params=params,
            extra_filter=extra_filter.value,
            mode=mode.value,
            size=size,
            margin=margin,
            mask_borders=mask_borders,
            lesions=lesions.value,
            threshold=mask_threshold,
            jobs=jobs,
            note=note,
            progress=progress,
        )
    if json:
        answer = {
            "features": str(table.source),
            "rows": len(table),
            "columns": len(table.columns),
            "failures": list(table.failures),
            "notes": table.about["notes"],
            "note": note,
        }
        typer.echo(json_format.dumps(answer, indent=2, allow_nan=False))
    else:
        out_ = console()
        out_.print(
            f"{len(table)} rows with {len(table.columns)} features in {table.source}",
            highlight=False,
            soft_wrap=True,
        )
        for text in table.about["notes"]:
            out_.print(f"Note: {text}", highlight=False, soft_wrap=True, markup=False)
        for failure in table.failures:
            out_.print(
                f"Left out: {failure['reason']}", highlight=False, soft_wrap=True, markup=False
            )
    if table.failures:
        raise typer.Exit(1)
