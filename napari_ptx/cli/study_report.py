"""``napari-ptx study report``: one HTML page for a reader study, with its tables."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.cli.show import Json, console, running
from napari_ptx.cli.study import File


def report(
    study: File,
    folder: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="A new or empty folder.")
    ],
    images: Annotated[
        bool, typer.Option("--images", help="Read every image, too, when checking the record.")
    ] = False,
    json: Json = False,
) -> None:
    """Write the report of a study: cases, readers, protocol, times, agreement, checklists.

    report.html needs no other file. tables/ has every number as CSV; report.json has
    the configuration, versions and hashes. It is for the coordinator, not for readers.
    """
    from napari_ptx.report import study_report
    from napari_ptx.study import Study

    with running("Reporting") as progress, Study.open(study) as opened:
        files = study_report(opened, folder, images=images, progress=progress)
    if json:
        typer.echo(
            json_format.dumps({"report": str(files[0]), "files": [str(file) for file in files]})
        )
    else:
        console().print(files[0], highlight=False, soft_wrap=True)
