"""``napari-ptx us predict``: a run's models on the cases of a cohort."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.cli.show import Json, console, running
from napari_ptx.cli.us.options import Jobs


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    cohort: Annotated[
        Path,
        typer.Argument(metavar="COHORT", help="CSV or Parquet: case, patient, image, roi."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PREDICTIONS.csv", help="The table to write.")
    ],
    features: Annotated[
        Path | None,
        typer.Option(metavar="FEATURES", help="What 'us features' wrote; else they are computed."),
    ] = None,
    jobs: Jobs = 1,
    json: Json = False,
) -> None:
    """Predict: one column of probabilities for each model of the run.

    Each file of the run is compared with its hash first. Cases whose image the run was
    trained on are told by the column split.
    """
    from napari_ptx.ultrasound.predict import predict_cohort, write_cohort_predictions
    from napari_ptx.ultrasound.runs import Run

    with running("Predicting") as progress:
        opened = Run.open(run)
        table = predict_cohort(opened, cohort, features=features, jobs=jobs, progress=progress)
        path = write_cohort_predictions(opened, table, output)
    seen = int((table["split"] != "test").sum())
    if json:
        answer = {
            "predictions": str(path),
            "cases": len(table),
            "seen_in_training": seen,
            "models": {name: opened.threshold(name) for name in opened.models},
        }
        typer.echo(json_format.dumps(answer, allow_nan=False))
        return
    out = console()
    told = f"{len(table)} cases, {len(opened.models)} models: {path}"
    if seen:
        told += f"\n{seen} of them were in the training of the run (column split)."
    out.print(told, markup=False, highlight=False, soft_wrap=True)
