"""``napari-ptx study replay`` and ``relink``: a reading step by step, and images that moved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_ptx.cli.show import Json, StudyFile, console, print_json, running

if TYPE_CHECKING:
    from napari_ptx.study.replay import Effort, Replay


def replay(
    study: StudyFile,
    reader: Annotated[str, typer.Option(help="Whose reading.")],
    round: Annotated[int, typer.Option(min=1, max=2, help="The round it belongs to.")] = 1,
    case: Annotated[
        str | None, typer.Option(help="The case; without it, time and effort of every case.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            help="Write a film (.gif, .apng), the steps (.csv), or a folder of pictures.",
        ),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.1, help="How many times faster than the reader a film plays.")
    ] = 4.0,
    json: Json = False,
) -> None:
    """Replay a reading from the ledger: every step, its time, keystrokes and clicks.

    Active time leaves out idle time; a film cuts long pauses as well. A film shows whose
    reading of which case it is: it is not for readers.
    """
    from napari_ptx.study import Study, StudyError

    with Study.open(study) as opened:
        if case is None:
            if output is not None:
                raise StudyError("A film is of one case; name it with --case.")
            _show_efforts(opened.efforts(reader, round), reader, round, json)
            return
        found = opened.replay(reader, round, case)
        if output is not None:
            from napari_ptx.study.film import write_replay

            image = None if output.suffix.lower() == ".csv" else opened.image(case)
            with running("Drawing the film") as progress:
                write_replay(found, image, output, speed=speed, progress=progress)
    if json:
        print_json(found.to_json() | ({"file": str(output)} if output else {}))
    elif output is not None:
        console().print(f"{len(found.steps)} steps in {output}", highlight=False, markup=False)
    else:
        _show_steps(found)


def relink(
    study: StudyFile,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the images are now, or below it.")
    ],
    json: Json = False,
) -> None:
    """Find images that were moved or renamed by the hash of their pixels.

    Only the paths in the study change. Exit status 1 while an image is missing or changed.
    """
    from napari_ptx.study import Study

    with running("Looking for the images") as progress, Study.open(study) as opened:
        result = opened.relink(folder, progress=progress)
    if json:
        print_json(result.to_json())
    else:
        out = console()
        for title, images in (
            ("found", result.found),
            ("missing", result.missing),
            ("changed", result.changed),
        ):
            for case, path in images:
                out.print(f"{title}: {case}  {path}", highlight=False, markup=False, soft_wrap=True)
        out.print(
            f"{result.there} in their place, {len(result.found)} found again, "
            f"{len(result.missing)} missing, {len(result.changed)} changed",
            highlight=False,
        )
    if result.missing or result.changed:
        raise typer.Exit(1)


def _show_steps(replay: Replay) -> None:
    from rich.table import Table

    from napari_ptx.study.times import minutes

    grid = Table(
        title=f"{replay.reader}, round {replay.round}, case {replay.case}",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    right = ("Active", "Lesions", "Keys", "Clicks", "Drawing")
    for heading in ("At", "Active", "Step", "Lesions", "Keys", "Clicks", "Drawing"):
        grid.add_column(heading, justify="right" if heading in right else "left")
    for step in replay.steps:
        counts = step.inputs or {}
        grid.add_row(
            f"{step.at:%Y-%m-%d %H:%M:%S}",
            minutes(step.active),
            step.text,
            str(len(step.outlines)),
            *(str(counts.get(name, "") or "") for name in ("keys", "clicks", "drawing")),
        )
    out = console()
    out.print(grid)
    out.print(_words(replay.effort), highlight=False)


def _words(effort: Effort) -> str:
    from napari_ptx.study.times import minutes

    if effort.keys is None or effort.clicks is None:
        return f"{minutes(effort.active_seconds)} of active time; keys and clicks were not counted"
    return (
        f"{minutes(effort.active_seconds)} of active time; beside the drawing keystrokes: "
        f"{effort.keys}, clicks: {effort.clicks}"
    )


def _show_efforts(efforts: tuple[Effort, ...], reader: str, round: int, json: bool) -> None:
    from rich.table import Table

    from napari_ptx.study.times import minutes

    if json:
        print_json({"cases": [vars(effort) for effort in efforts]})
        return
    grid = Table(title=f"{reader}, round {round}", title_justify="left", box=None, pad_edge=False)
    headings = ("Case", "Active", "Steps", "Strokes", "Keys", "Clicks", "Drawing", "Readings")
    for heading in headings:
        grid.add_column(heading, justify="left" if heading == "Case" else "right")
    for one in efforts:
        counts = (one.keys, one.clicks, one.drawing)
        grid.add_row(
            one.case,
            minutes(one.active_seconds),
            str(one.steps),
            str(one.strokes),
            *("" if count is None else str(count) for count in counts),
            str(one.revisions),
        )
    console().print(grid)


def register(app: typer.Typer) -> None:
    """Add the commands to ``napari-ptx study``."""
    app.command("replay")(replay)
    app.command("relink")(relink)
