"""``napari-ptx demo``: a simulated study to look at, made once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.cli import launch
from napari_ptx.cli.agreement import show
from napari_ptx.cli.show import console, running


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where the demo is kept.", show_default="~/napari-ptx/demo"
        ),
    ] = None,
    no_window: Annotated[
        bool, typer.Option("--no-window", help="Print the agreement instead of opening the app.")
    ] = False,
) -> None:
    """Open a study of 24 simulated ultrasound images with two simulated readers.

    It is made at the first call, in about half a minute, and kept. A session of the
    reader "You" waits in it. Without a screen the agreement of the two simulated
    readers is printed instead.
    """
    from napari_ptx.study.demo import default_folder, make_demo

    with running("Making the demo study") as progress:
        study = make_demo(folder or default_folder(), progress=progress)
    if not no_window and launch.has_screen():
        raise typer.Exit(launch.open_app(study))
    out = console()
    if not no_window:
        out.print("There is no screen here, so the app stays closed.", highlight=False)
    out.print(f"The demo study (simulated images, simulated readers) is {study}", soft_wrap=True)
    out.print()
    _print_agreement(study)


def _print_agreement(path: Path) -> None:
    from napari_ptx.study import Study
    from napari_ptx.study.agreement import agreement

    with running("Comparing readings") as progress, Study.open(path) as study:
        result = agreement(study, progress=progress)
    show(result)
