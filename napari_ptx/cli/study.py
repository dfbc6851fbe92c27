"""``napari-ptx study``: make a study, watch it, bring readings in and out, check it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_ptx.cli import (
    study_adjudication,
    study_aid,
    study_kits,
    study_protocol,
    study_replay,
    study_report,
)
from napari_ptx.cli.show import Json, StudyFile, console, print_json, running

if TYPE_CHECKING:
    from napari_ptx.study import RoundStatus, Status

app = typer.Typer(
    help="Make a reader study, watch its progress, bring readings in and out, check the record.",
    no_args_is_help=True,
)

Reader = Annotated[str, typer.Option(help="Whose readings.")]
Round = Annotated[int, typer.Option(min=1, max=2, help="The round they belong to.")]


@app.command()
def new(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The new file; ends in .ptx.")],
    cohort: Annotated[
        Path,
        typer.Option(
            help="Table (CSV, Parquet) with the columns case, patient, image; or a folder of "
            "images: its cohort table is then written beside the study."
        ),
    ],
    protocol: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="The protocol; 'study protocol -o' writes one."),
    ] = None,
    readers: Annotated[
        str | None, typer.Option(metavar="A,B", help="The readers' names, in place of a protocol.")
    ] = None,
    reread: Annotated[
        int | None,
        typer.Option(min=0, help="Cases that each reader reads a second time; else none."),
    ] = None,
    washout_days: Annotated[
        int | None,
        typer.Option(min=0, help="Days from a reader's end of round 1 to round 2; else 60."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Fixes orders, codes and the reread cases; else 1.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The study's name; else the file's.")] = None,
    json: Json = False,
) -> None:
    """Make a study: read and hash every image, draw every reader's worklist.

    The cases that are read again are the same for each reader; the order and the
    codes are not the same for any two sessions.
    """
    from napari_ptx.image.folder import as_cohort
    from napari_ptx.study import Study

    decided = study_protocol.from_options(protocol, readers, reread, washout_days, seed)
    table = as_cohort(cohort, study.with_name(study.stem + ".cohort.csv"))
    with (
        running("Making the study") as progress,
        Study.create(study, table, decided, name=name, progress=progress) as made,
    ):
        state, path = made.status(), made.path
    if json:
        print_json({"path": str(path), **state.to_json()})
        return
    console().print(f"Made {path}", highlight=False)
    _show(state)


@app.command()
def status(study: StudyFile, json: Json = False) -> None:
    """Show how far each reader is, and how many cases the ICC still needs."""
    from napari_ptx.study import Study
    from napari_ptx.study.planning import outlook

    with Study.open(study) as opened:
        state = opened.status()
        more = outlook(opened)
        work = opened.history().work if json else ()
    if json:
        from napari_ptx.study.history import active_times

        times = [vars(entry) for entry in active_times(work)]
        expected = [vars(one) for one in more]
        print_json({**state.to_json(), "active_seconds": times, "outlook": expected})
        return
    _show(state)
    for one in more:
        console().print(one.sentence, highlight=False, markup=False)


@app.command("import-readings")
def import_readings(
    study: StudyFile,
    table: Annotated[
        Path,
        typer.Argument(
            metavar="READINGS.csv",
            help="Columns case, roi (an ImageJ file, mask image, DICOM SEG or label map, relative "
            "to the table), and where needed frame (from 0), reason (not assessable), "
            "finished_at (ISO 8601). Or a COCO file (.json).",
        ),
    ],
    reader: Reader,
    round: Round = 1,
    threshold: Annotated[
        float | None, typer.Option(help="Mask images: a pixel above this value is inside.")
    ] = None,
    invert: Annotated[
        bool, typer.Option("--invert", help="Mask images: the dark pixels are inside.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Also where the reader has drawn; the drawing is kept."),
    ] = False,
    json: Json = False,
) -> None:
    """Bring in readings that were made elsewhere; all rows or none.

    What the record has already is not added again.
    """
    from napari_ptx.study import Study

    with Study.open(study) as opened:
        pin = study_protocol.ask_pin(opened, reader)
    with running("Importing readings") as progress, Study.open(study) as opened:
        count = opened.import_readings(
            reader,
            round,
            table,
            threshold=threshold,
            invert=invert,
            replace=replace,
            pin=pin,
            progress=progress,
        )
    if json:
        print_json({"imported": count})
    else:
        console().print(f"{count} new readings of {reader}, round {round}", highlight=False)


@app.command()
def export(
    study: StudyFile,
    folder: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="A new or empty folder.")
    ],
    formats: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Beside readings.csv: imagej, masks, coco, long, r, nifti, nrrd, seg, sr; "
            "by default the first five. seg and sr need DICOM images.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write the latest readings: CSV with measurements, outlines and masks in many formats.

    Readings that a format cannot hold are named, and listed in study.json.
    """
    from napari_ptx.study import Study
    from napari_ptx.study.exporting import left_out

    chosen = None if formats is None else [n.strip() for n in formats.split(",") if n.strip()]
    with running("Exporting") as progress, Study.open(study) as opened:
        files = opened.export(folder, formats=chosen, progress=progress)
    missing = left_out(folder)
    if json:
        print_json({"files": [str(file) for file in files], "left_out": missing})
    else:
        console().print(f"{len(files)} files in {folder}", highlight=False)
        for sentence in missing:
            console().print(sentence, highlight=False, markup=False)


@app.command()
def verify(
    study: StudyFile,
    images: Annotated[
        bool, typer.Option("--images", help="Read every image, too, and compare its pixels.")
    ] = False,
    json: Json = False,
) -> None:
    """Recompute every hash of the record; exit status 1 if anything does not fit."""
    from napari_ptx.study import Study

    with running("Checking the record") as progress, Study.open(study) as opened:
        problems = opened.verify(images=images, progress=progress)
    if json:
        print_json({"problems": [vars(problem) for problem in problems]})
    elif problems:
        for problem in problems:
            console().print(problem.text, highlight=False, markup=False)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        console().print(f"{count} found", highlight=False)
    else:
        checked = "The record and the images fit" if images else "The record fits"
        console().print(f"{checked} every hash.")
    if problems:
        raise typer.Exit(1)


def _show(status: Status) -> None:
    from rich.table import Table

    out = console()
    grid = Table(
        title=f"{status.name}: {status.cases} cases", title_justify="left", box=None, pad_edge=False
    )
    for heading in ("Reader", "Round", "Finished", "Begun", "State", "Last at work"):
        grid.add_column(heading, justify="right" if heading in ("Finished", "Begun") else "left")
    for entry in status.rounds:
        grid.add_row(
            entry.reader,
            str(entry.round),
            f"{entry.finished}/{entry.total}",
            str(entry.started),
            _state(entry),
            f"{entry.last_active:%Y-%m-%d %H:%M}" if entry.last_active else "",
        )
    out.print(grid)
    for warning in status.warnings:
        out.print(f"Note: {warning}", highlight=False, markup=False)


def _state(entry: RoundStatus) -> str:
    if entry.out:
        return "out as a kit"
    if entry.early_reason:
        return f"{entry.state}, opened early: {entry.early_reason}"
    if entry.state == "sealed" and entry.opens_on:
        return f"sealed until {entry.opens_on:%Y-%m-%d}"
    if entry.state == "waiting":
        return "waiting for round 1"
    return entry.state


for more in (
    study_protocol,
    study_kits,
    study_adjudication,
    study_aid,
    study_replay,
    study_report,
):
    more.register(app)
