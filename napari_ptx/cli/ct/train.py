"""``napari-ptx ct train``."""

from __future__ import annotations

import json as json_format
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_ptx.cli.ct.options import (
    classes_of,
    limits,
    numbers,
    pairs_of,
    whole_numbers,
)
from napari_ptx.cli.show import Json, console, running


class Fusion(StrEnum):
    """How the phases come together."""

    early = "early"
    separate = "separate"


class Base(StrEnum):
    """The width of the network."""

    small = "8"
    light = "16"
    large = "32"


class Augment(StrEnum):
    """How much patches are changed."""

    none = "none"
    mild = "mild"
    strong = "strong"


class Precision(StrEnum):
    """The number format."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


def train(
    cohort: Annotated[
        Path,
        typer.Argument(
            metavar="COHORT",
            help="CSV or Parquet: patient, phase, image, labels[, anatomy, split].",
        ),
    ],
    model: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL", help="The folder.")],
    fusion: Annotated[
        Fusion,
        typer.Option(help="Phases as channels of one network, or each phase a sample."),
    ] = Fusion.early,
    base: Annotated[
        Base, typer.Option(help="Channels of the first stage: 8 (4 stages), 16, 32 (5 stages).")
    ] = Base.light,
    spacing: Annotated[str, typer.Option(metavar="X,Y,Z", help="Voxels in mm.")] = "0.6,0.6,1.0",
    patch: Annotated[str, typer.Option(metavar="X,Y,Z", help="Voxels.")] = "96,96,96",
    window: Annotated[
        str,
        typer.Option(
            metavar="LOW,HIGH",
            help="Hounsfield units that the network tells apart; beyond them all are alike.",
        ),
    ] = "-250,450",
    phases: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Of the column 'phase'; else all of them."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=VALUE,...",
            help="Structures by their label values, a class each (right=3,left=4). Without: every "
            "label is a gland.",
        ),
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="NAME:NAME,...",
            help="Classes that are each other's mirror image (right:left): half of the patches are "
            "mirrored, and the two exchanged.",
        ),
    ] = None,
    augment: Annotated[
        Augment,
        typer.Option(
            help="How much patches are turned, resized and changed in contrast; strong also "
            "tilts and bends, and changes more of them."
        ),
    ] = Augment.mild,
    near: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Share of patches at a gland or structure; half of the others are at what looks "
            "like one, half anywhere.",
        ),
    ] = 0.5,
    start: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL",
            help="Begin with the weights of this model ('light': the one shipped), of the same "
            "network; without: random ones.",
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="So many epochs.")] = 200,
    minutes: Annotated[
        float, typer.Option(min=0, help="So many minutes, in place of epochs.")
    ] = 0.0,
    steps: Annotated[int, typer.Option(min=1, help="Steps of an epoch.")] = 100,
    batch: Annotated[int, typer.Option(min=1, help="Patches of a step.")] = 2,
    folds: Annotated[int, typer.Option(min=2, help="Parts of the patients.")] = 5,
    fold: Annotated[int, typer.Option(min=0, help="The part for validation, from 0.")] = 0,
    lr: Annotated[float, typer.Option(help="AdamW's highest step.")] = 1e-3,
    precision: Annotated[
        Precision, typer.Option(help="auto: a self-test chooses.")
    ] = Precision.auto,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes of torchrun; else one for each GPU.")
    ] = None,
    note: Annotated[str, typer.Option(help="What the data are.")] = "",
    seed: Annotated[int, typer.Option(help="Fixes folds, first weights and patches.")] = 0,
    json: Json = False,
) -> None:
    """Train a network for glands; a training that was stopped goes on with the same command.

    Patients, never images, are split. The weights that are kept are those with the best
    sensitivity per gland at few false positives on the validation patients, or with --classes
    those with the best Dice. MODEL/epochs.csv grows as the training goes.
    """
    from napari_ptx.ct.config import GLANDS, ModelSettings, TrainConfig, in_order
    from napari_ptx.ct.data import read_exams
    from napari_ptx.ct.shipped import find_model
    from napari_ptx.ct.train import train as do

    named = (
        tuple(name.strip() for name in phases.split(",") if name.strip())
        if phases is not None
        else in_order({phase for exam in read_exams(cohort) for phase in exam.phases})
    )
    x, y, z = numbers(spacing, "--spacing")
    wide, high, deep = whole_numbers(patch, "--patch")
    settings = ModelSettings(
        phases=named,
        fusion=fusion.value,
        spacing=(z, y, x),
        patch=(deep, high, wide),
        window=limits(window, "--window"),
        classes=dict(GLANDS) if classes is None else classes_of(classes),
    )
    config = TrainConfig(
        model=settings,
        base=int(base.value),
        epochs=epochs,
        minutes=minutes,
        steps=steps,
        batch=batch,
        folds=folds,
        fold=fold,
        lr=lr,
        mirror=() if mirror is None else pairs_of(mirror),
        augment=augment.value,
        near=near,
        confounders=(1 - near) / 2,
        precision=precision.value,
        note=note,
        seed=seed,
    )
    with running("Training") as progress:
        first = None if start is None else find_model(start)
        made = do(cohort, model, config, start=first, processes=processes, progress=progress)
    training: dict[str, Any] = dict(made.metadata["training"])
    if json:
        typer.echo(json_format.dumps({"folder": str(made.folder), **training}, allow_nan=False))
        return
    out = console()
    out.print(
        f"Best after epoch {training['best_epoch']}: {training['score_is']} "
        f"{training['score']:.3f}, Dice {training['dice']:.3f} on the validation patients.",
        highlight=False,
    )
    out.print(f"The model is in {made.folder}.", markup=False, highlight=False, soft_wrap=True)
