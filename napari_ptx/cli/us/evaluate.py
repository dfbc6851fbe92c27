"""``napari-ptx us evaluate``: how good the models of a predictions table are."""

from __future__ import annotations

import json as json_format
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_ptx.cli.show import Json, console, running

if TYPE_CHECKING:
    import pandas as pd

    from napari_ptx.ultrasound.evaluation_files import Evaluation


def evaluate(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="A predictions table (CSV or Parquet).")
    ],
    folder: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Write tables and figures here.")
    ],
    clusters: Annotated[
        str, typer.Option(metavar="COLUMN", help="The column of what is independent.")
    ] = "patient",
    split: Annotated[
        str | None, typer.Option(metavar="A,B", help="Evaluate these splits only.")
    ] = None,
    models: Annotated[
        str | None, typer.Option(metavar="A,B", help="Evaluate these models only.")
    ] = None,
    truth: Annotated[str, typer.Option(metavar="COLUMN", help="The column of the truth.")] = (
        "label"
    ),
    positive: Annotated[
        str | None, typer.Option(metavar="WORD", help="The positive class, of a truth in words.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="What the data were, for every figure.")] = None,
    confidence: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    replicates: Annotated[int, typer.Option(min=1, help="Of the bootstrap of bands.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    json: Json = False,
) -> None:
    """Evaluate and compare models, plain and clustered by patient.

    It writes metrics.csv (areas, and sensitivity, specificity, predictive values,
    accuracy and F1 at each model's threshold, with intervals), comparisons.csv (DeLong,
    Obuchowski, Holm), calibration.csv, decision.csv, evaluation.json, and each figure as
    SVG and PNG.
    """
    from napari_ptx.ultrasound import evaluate as run
    from napari_ptx.ultrasound import read_predictions

    how: dict[str, Any] = {"truth": truth, "clusters": clusters, "positive": positive}
    wanted = _list(models)
    read = read_predictions(predictions, **how)
    if wanted is not None and not set(wanted) <= set(read.models):
        # A column that is asked for by name need not be among those found by themselves.
        read = read_predictions(predictions, models=wanted, **how)
    among = read.models
    read = read if note is None else replace(read, note=note)
    with running("Evaluating") as progress:
        result = run(
            read if wanted is None else read.pick(wanted),
            folder,
            splits=_list(split),
            among=among,
            confidence=confidence,
            replicates=replicates,
            seed=seed,
            progress=progress,
        )
    if json:
        typer.echo(json_format.dumps(result.about, indent=2, allow_nan=False))
        return
    show(result)
    console().print(f"{len(result.written)} files in {folder}", highlight=False)


def show(result: Evaluation) -> None:
    """Print the metrics of each split; 80 columns are enough."""
    if result.about["note"]:
        console().print(f"Data: {result.about['note']}\n", highlight=False, markup=False)
    for split, table in result.tables["metrics"].groupby("split", sort=False):
        _show_split(str(split), table, result.about["splits"][split])
    for sentence in result.notes:
        console().print(f"Note: {sentence}", highlight=False, soft_wrap=True, markup=False)


def _show_split(split: str, table: pd.DataFrame, count: dict[str, int]) -> None:
    from rich.table import Table

    out = console()
    clustered = count["patients"] < count["n"]
    by = f" of {count['patients']} patients" if clustered else ""
    out.print(
        f"[bold]{split}[/], n = {count['n']}{by}, {count['positives']} positive", highlight=False
    )
    grid = Table(box=None, pad_edge=False)
    grid.add_column("Model")
    interval = "CI by patient" if clustered else "CI (DeLong)"
    for heading in ("AUC", interval, "Sens", "Spec", "Acc", "F1"):
        grid.add_column(heading, justify="right", no_wrap=True)
    prefix = "cluster_" if clustered else ""
    for model, rows in table.groupby("model", sort=False):
        found: dict[Any, dict[Any, Any]] = rows.set_index("measure").to_dict("index")
        area = found["auc"]
        low, high = (_number(area[prefix + name]) for name in ("low", "high"))
        others = ("sensitivity", "specificity", "accuracy", "f1")
        grid.add_row(
            str(model),
            _number(area["value"]),
            f"{low}–{high}",
            *(_number(found[name]["value"]) for name in others),
        )
    out.print(grid)
    out.print()


def _number(value: float) -> str:
    return "–" if isnan(value) else f"{value:.3f}"


def _list(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]
