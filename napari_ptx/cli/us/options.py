"""The options that several ``us`` commands share, and where their cohort comes from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_ptx.child import Progress

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


class Normalise(StrEnum):
    """Which grey levels become black and white."""

    RANGE = "range"
    LESION = "lesion"


class Lesions(StrEnum):
    """What of a ROI with several components counts."""

    LARGEST = "largest"
    ALL = "all"


class Bound(StrEnum):
    """What of an ICC must lie above a threshold."""

    POINT = "point"
    LOWER = "lower"


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
NormaliseOption = Annotated[
    Normalise,
    typer.Option(
        help="range: grey levels as they are; lesion: stretched from the 0.5th to the 99.5th "
        "percentile of the lesion, which takes gain out."
    ),
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
def cohort_of(source: Path, progress: Progress | None = None) -> Iterator[Cohort]:
    """Read a cohort table, or make one of the readings of a study while it is used."""
    from napari_ptx.image.cohort import read_cohort
    from napari_ptx.ultrasound.features import IDENTITY

    if source.suffix.lower() != ".ptx":
        yield read_cohort(source, unique=IDENTITY)
        return
    from napari_ptx.cli.us.readings import study_cohort

    with study_cohort(source, progress) as cohort:
        yield cohort
