"""``napari-ptx model``: models as folders that can be checked and taken over."""

from __future__ import annotations

import json as json_format
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.cli.ct.options import classes_of, numbers, whole_numbers
from napari_ptx.cli.show import Json, console

app = typer.Typer(help="Models: check one, take one over.", no_args_is_help=True)


class Activation(StrEnum):
    """What the network's maps are."""

    sigmoid = "sigmoid"
    softmax = "softmax"


@app.command("verify")
def verify(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="The folder of a model, or 'light'.")
    ],
    json: Json = False,
) -> None:
    """Compare each file with its hash, and the answer to the stored input with the stored one.

    The exit status is 1 where the model answers otherwise on this machine.
    """
    from napari_ptx.ct.bundle import verify_model
    from napari_ptx.ct.shipped import find_model

    found = verify_model(find_model(model))
    if json:
        typer.echo(json_format.dumps(found.to_json()))
    else:
        words = "answers as it did" if found.same else "answers OTHERWISE than it did"
        console().print(
            f"{found.folder}: {found.files} files are as they were written; the model {words} "
            f"(largest difference of a logit {found.difference:.2g}).",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if not found.same:
        raise typer.Exit(1)


@app.command("import")
def import_(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A MONAI bundle, or a safetensors file.")
    ],
    model: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL", help="The folder.")],
    phases: Annotated[
        str, typer.Option(metavar="A,B,...", help="What each channel is.")
    ] = "plain,arterial",
    spacing: Annotated[
        str, typer.Option(metavar="X,Y,Z", help="Voxels in mm that it was trained on.")
    ] = "0.6,0.6,1.0",
    patch: Annotated[str, typer.Option(metavar="X,Y,Z", help="Voxels.")] = "96,96,96",
    window: Annotated[
        str,
        typer.Option(metavar="LOW,HIGH", help="Hounsfield units that became -1 and 1."),
    ] = "-250,450",
    classes: Annotated[
        str | None, typer.Option(metavar="NAME=VALUE,...", help="What each map is; else glands.")
    ] = None,
    activation: Annotated[
        Activation, typer.Option(help="softmax: the first map is the background.")
    ] = Activation.sigmoid,
    note: Annotated[str, typer.Option(help="What its data were.")] = "",
    json: Json = False,
) -> None:
    """Make a model of weights from elsewhere: nothing is unpickled, no code of a bundle is run.

    The network must be MONAI's 3-D DynUNet. How its images were prepared stands in a bundle
    as a program, which is not run: say it with the options.
    """
    from napari_ptx.ct.config import GLANDS, ModelSettings
    from napari_ptx.ct.errors import CtError
    from napari_ptx.ct.importing import import_model

    x, y, z = numbers(spacing, "--spacing")
    wide, high, deep = whole_numbers(patch, "--patch")
    try:
        low, top = (float(part) for part in window.split(","))
    except ValueError:
        raise CtError(f"--window is {window!r}; give two numbers: LOW,HIGH.") from None
    settings = ModelSettings(
        phases=tuple(name.strip() for name in phases.split(",") if name.strip()),
        spacing=(z, y, x),
        patch=(deep, high, wide),
        window=(low, top),
        classes=dict(GLANDS) if classes is None else classes_of(classes),
        activation=activation.value,
    )
    done = import_model(source, model, settings, note)
    if json:
        answer = {"folder": str(done.model.folder), "left_out": list(done.left_out)}
        typer.echo(json_format.dumps(answer))
        return
    out = console()
    config = done.model.network.config
    sentences = [
        f"A DynUNet of {config.stages} stages, {config.base} channels in the first, for "
        f"{', '.join(done.model.settings.classes)}: {done.model.folder}."
    ]
    if done.left_out:
        names = ", ".join(done.left_out[:5])
        sentences.append(f"Not looked at: {names}{', ...' if len(done.left_out) > 5 else ''}.")
    for sentence in sentences:
        out.print(sentence, markup=False, highlight=False, soft_wrap=True)
