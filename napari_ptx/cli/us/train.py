"""``napari-ptx us train``: from a cohort to a folder of models."""

from __future__ import annotations

import json as json_format
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_ptx.cli.show import Json, console, running
from napari_ptx.cli.us.options import (
    BordersOption,
    Bound,
    Filter,
    Jobs,
    Lesions,
    LesionsOption,
    MarginOption,
    Mode,
    ModeOption,
    Normalise,
    NormaliseOption,
    Note,
)


class Scheme(StrEnum):
    """How cases are split."""

    nested = "nested"
    paper = "paper"


class Arch(StrEnum):
    """The networks."""

    resnet18 = "resnet18"
    resnet34 = "resnet34"
    resnet50 = "resnet50"
    resnet101 = "resnet101"


class ChooseOn(StrEnum):
    """Where the best classifier of a family is chosen."""

    validation = "validation"
    test = "test"


class ChooseBy(StrEnum):
    """How the classifier of a family is chosen in inner folds."""

    one_se = "one-se"
    best = "best"


class Calibrate(StrEnum):
    """Calibration of the probabilities."""

    none = "none"
    sigmoid = "sigmoid"
    isotonic = "isotonic"


class Late(StrEnum):
    """How late fusion joins probabilities."""

    mean = "mean"
    weighted = "weighted"


def train(
    cohort: Annotated[
        Path,
        typer.Argument(
            metavar="COHORT",
            help="CSV or Parquet: case, patient, image, roi, label[, split].",
        ),
    ],
    run: Annotated[Path, typer.Option("--output", "-o", metavar="RUN", help="The run folder.")],
    families: Annotated[
        str,
        typer.Option(
            metavar="A,B,...",
            help="radiomics, resnet-1ch, resnet-2ch, merged-1, merged-2, late, clinical; "
            "+clinical behind a name fuses the clinical columns into it.",
        ),
    ] = "radiomics",
    scheme: Annotated[
        Scheme,
        typer.Option(help="Nested cross-validation, or 70/15/15 (a column split is honoured)."),
    ] = Scheme.nested,
    folds: Annotated[int, typer.Option(min=2, help="Outer folds (nested).")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="Repeats of the outer folds.")] = 1,
    inner: Annotated[int, typer.Option(min=2, help="Inner folds of the search.")] = 3,
    arch: Annotated[Arch, typer.Option(help="The networks' architecture.")] = Arch.resnet18,
    size: Annotated[int, typer.Option(help="Side of the networks' input in pixels.")] = 224,
    epochs: Annotated[int, typer.Option(help="At most so many epochs.")] = 30,
    patience: Annotated[
        int, typer.Option(help="Stop after so many epochs without a better validation AUC.")
    ] = 8,
    batch: Annotated[int, typer.Option(help="Crops in a batch.")] = 16,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="ImageNet weights to start from.")
    ] = None,
    features: Annotated[
        Path | None, typer.Option(metavar="FEATURES", help="What 'us features' wrote.")
    ] = None,
    params: Annotated[
        str,
        typer.Option(help="Without --features: liu2026, or a parameter file of PyRadiomics."),
    ] = "liu2026",
    extra_filter: Annotated[
        Filter, typer.Option(help="Without --features: the extra filter of liu2026.")
    ] = Filter.SQUARE,
    mode: ModeOption = Mode.PAPER,
    margin: MarginOption = 0.0,
    mask_borders: BordersOption = False,
    normalise: NormaliseOption = Normalise.RANGE,
    lesions: LesionsOption = Lesions.LARGEST,
    icc: Annotated[
        Path | None, typer.Option(metavar="ICC.csv", help="What 'us icc' wrote: filter by it.")
    ] = None,
    icc_bound: Annotated[
        Bound, typer.Option(help="Filter by the ICC itself or by its lower limit.")
    ] = Bound.POINT,
    icc_threshold: Annotated[float, typer.Option(help="A feature must reach it.")] = 0.8,
    redundancy: Annotated[
        float, typer.Option(help="Largest Spearman correlation of two kept features.")
    ] = 0.9,
    classifiers: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...", help="Of lr, svm, knn, rf, mlp, xgboost, lightgbm; else all."
        ),
    ] = None,
    clinical: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Clinical columns of the cohort.")
    ] = None,
    choose_on: Annotated[
        ChooseOn,
        typer.Option(help="Where the best classifier is chosen; test only with --scheme paper."),
    ] = ChooseOn.validation,
    choose_by: Annotated[
        ChooseBy,
        typer.Option(
            help="In inner folds: the sturdiest classifier (random forest first) within one "
            "standard error of the best, or the best."
        ),
    ] = ChooseBy.one_se,
    calibrate: Annotated[
        Calibrate, typer.Option(help="Calibrate probabilities where the threshold is learned.")
    ] = Calibrate.none,
    sensitivity: Annotated[
        float | None,
        typer.Option(help="Learn thresholds for this sensitivity; else by Youden's index."),
    ] = None,
    late: Annotated[Late, typer.Option(help="Late fusion.")] = Late.mean,
    augment_eval: Annotated[
        bool, typer.Option("--augment-eval", help="Evaluate augmented copies, as the paper did.")
    ] = False,
    note: Note = "",
    positive: Annotated[str, typer.Option(help="The name of class 1.")] = "",
    negative: Annotated[str, typer.Option(help="The name of class 0.")] = "",
    seed: Annotated[int, typer.Option(help="Fixes splits, searches and networks.")] = 0,
    jobs: Jobs = 1,
    json: Json = False,
) -> None:
    """Train families of models; a training that was stopped goes on with the same command.

    The best classifier of each family and its threshold are chosen inside the training
    data, selection of features included. A leak is refused with the names: a patient or an
    identical image on both sides, an augmented copy that would be evaluated, the label
    among the features.
    """
    from napari_ptx.ultrasound.config import CLASSIFIERS, RunConfig
    from napari_ptx.ultrasound.train import train as do

    config = RunConfig(
        families=_names(families),
        scheme=scheme.value,
        folds=folds,
        repeats=repeats,
        inner=inner,
        arch=arch.value,
        size=size,
        epochs=epochs,
        patience=patience,
        batch=batch,
        weights=_path(weights),
        features=_path(features),
        params=params,
        extra_filter=extra_filter.value,
        mode=mode.value,
        margin=margin,
        mask_borders=mask_borders,
        normalise=normalise.value,
        lesions=lesions.value,
        icc=_path(icc),
        icc_bound=icc_bound.value,
        icc_threshold=icc_threshold,
        redundancy=redundancy,
        classifiers=CLASSIFIERS if classifiers is None else _names(classifiers),
        clinical=() if clinical is None else _names(clinical),
        choose_on=choose_on.value,
        choose_by=choose_by.value,
        calibrate=calibrate.value,
        threshold="youden" if sensitivity is None else "sensitivity",
        sensitivity=0.9 if sensitivity is None else sensitivity,
        late=late.value,
        augment_eval=augment_eval,
        note=note,
        positive=positive,
        negative=negative,
        seed=seed,
    )
    with running("Training") as progress:
        summary = do(cohort, run, config, jobs=jobs, progress=progress).summary()
    if json:
        typer.echo(json_format.dumps(summary, allow_nan=False))
    else:
        show_run(summary)


def show_run(summary: dict[str, Any]) -> None:
    """Print the models of a run."""
    from rich.table import Table

    out = console()
    title = f"{summary['cases']} cases of {summary['patients']} patients, {summary['scheme']}"
    table = Table("Model", "Classifier", "AUC", "95% interval", "Threshold", title=title)
    for name, model in summary["models"].items():
        table.add_row(
            name,
            model["classifier"],
            f"{model['auc']:.3f}",
            f"{model['low']:.3f} to {model['high']:.3f}",
            f"{model['threshold']:.3f}",
        )
    out.print(table)
    first = next(iter(summary["models"].values()))
    sentences = [f"AUC: {first['split']}; interval: {first['interval']}."]
    if summary["note"]:
        sentences.append(f"Data: {summary['note']}.")
    sentences += [f"Warning: {warning}" for warning in summary["warnings"]]
    if summary["left_out"]:
        left = summary["left_out"]
        names = ", ".join(entry["case"] for entry in left[:5])
        sentences.append(
            f"{len(left)} cases were left out ({names}{', ...' if len(left) > 5 else ''}); the "
            "reasons are in configs/metadata.json."
        )
    sentences.append(f"The run is in {summary['folder']}.")
    for sentence in sentences:
        out.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _path(path: Path | None) -> str:
    return "" if path is None else str(path.absolute())
