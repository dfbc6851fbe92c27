"""``napari-ptx demo``: a simulated study, or simulated necks, to look at; made once."""

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
    ct: Annotated[
        bool, typer.Option("--ct", help="Simulated neck CT with a model's candidates instead.")
    ] = False,
    no_window: Annotated[
        bool, typer.Option("--no-window", help="Print the numbers instead of opening the app.")
    ] = False,
) -> None:
    """Open a study of 24 simulated ultrasound images with two simulated readers.

    It is made at the first call, in about half a minute, and kept. A session of the
    reader "You" waits in it. Without a screen the agreement of the two simulated
    readers is printed instead.

    With --ct: three simulated necks in two phases, in which the model that comes with
    napari-ptx has looked for glands.
    """
    if ct:
        _necks(folder, no_window)
        return
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


def _necks(folder: Path | None, no_window: bool) -> None:
    from napari_ptx.ct.demo import default_folder, make_demo
    from napari_ptx.ct.predictions import read_predictions

    with running("Making the demo") as progress:
        place = make_demo(folder or default_folder(), progress=progress)
    if not no_window and launch.has_screen():
        raise typer.Exit(launch.open_app(glands=place))
    out = console()
    if not no_window:
        out.print("There is no screen here, so the app stays closed.", highlight=False)
    found = read_predictions(place).candidates
    for row in found.to_dict("records"):
        out.print(
            f"{row['patient']}  {row['candidate']}  score {row['score']:.2f}  "
            f"{str(row['slot']).replace('_', ' ')}, {row['diameter_mm']:.1f} mm",
            highlight=False,
        )
    out.print(f"The prediction (simulated necks, no patients) is {place}", soft_wrap=True)


def _print_agreement(path: Path) -> None:
    from napari_ptx.study import Study
    from napari_ptx.study.agreement import agreement

    with running("Comparing readings") as progress, Study.open(path) as study:
        result = agreement(study, progress=progress)
    show(result)
