"""``napari-ptx study report``: one HTML page for a reader study, with its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.cli.show import Json, StudyFile, console, print_json, running


def report(
    study: StudyFile,
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
        print_json({"report": str(files[0]), "files": [str(file) for file in files]})
    else:
        console().print(files[0], highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the command to ``napari-ptx study``."""
    app.command("report")(report)
