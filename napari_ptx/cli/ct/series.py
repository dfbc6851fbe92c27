"""``ct series`` and ``ct import``: DICOM folders to volumes and to a cohort table."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_ptx.cli.show import Json, console, running

if TYPE_CHECKING:
    from napari_ptx.image import Series

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A folder with DICOM files, searched to its end.")
]


def series(folder: Folder, json: Json = False) -> None:
    """List the DICOM series in a folder: size, spacing, phase, and what is wrong with them.

    Exit status 1: a series is not one volume.
    """
    from napari_ptx.image import find_series

    with running("Headers") as progress:
        found = find_series(folder, progress=progress)
    if json:
        typer.echo(json_format.dumps([_as_json(one) for one in found], indent=2, allow_nan=False))
    else:
        _show(found)
    if any(one.faults for one in found):
        raise typer.Exit(1)


def import_(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="One folder for each patient.")
    ],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Write volumes and cohort.csv.")
    ],
    phase: Annotated[
        list[str] | None,
        typer.Option(
            "--phase",
            metavar="SERIES=PHASE",
            help="The phase of a series by its number, for example 5=arterial; again for each.",
        ),
    ] = None,
    resample: Annotated[
        bool,
        typer.Option("--resample", help="Interpolate uneven or tilted slices onto a grid."),
    ] = False,
    labels: Annotated[
        str,
        typer.Option(
            "--labels",
            metavar="NAME",
            help="Which RTSTRUCT or SEG to take where a series has several: its file or its "
            "label; * stands for anything.",
        ),
    ] = "",
    no_labels: Annotated[
        bool, typer.Option("--no-labels", help="Take no RTSTRUCT and no SEG.")
    ] = False,
    structure: Annotated[
        list[str] | None,
        typer.Option(
            "--structure",
            metavar="NAME",
            help="Take the structures of this name alone; * stands for anything; again for each.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Make volumes (NIfTI) and a cohort table of DICOM folders, one folder for each patient.

    The folder's name becomes the patient's; names and numbers of the header are not
    written. Of each phase there may be one series. Series whose phase is unknown and not
    given with --phase are left out, and listed.

    RTSTRUCT and SEG files that lie with a series become its labels, one number for each
    structure, and their names go to glands.csv.
    """
    from napari_ptx.ct.patients import import_patients

    with running("Import") as progress:
        done = import_patients(
            folders,
            out,
            phases=phase or [],
            resampled=resample,
            labels=None if no_labels else labels,
            structures=structure or [],
            progress=progress,
        )
    if json:
        typer.echo(json_format.dumps(done.as_json(), indent=2, allow_nan=False))
        return
    console().print(
        f"{len(done.rows)} volumes of {len(folders)} patients: {out / 'cohort.csv'}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for what, lines in (
        ("labels", done.taken),
        ("left out", done.left_out),
        ("note", done.notes),
    ):
        for line in lines:
            console().print(f"{what}: {line}", markup=False, highlight=False, soft_wrap=True)


def _as_json(one: Series) -> dict[str, object]:
    return {
        "number": one.number,
        "description": one.description,
        "uid": one.uid,
        "modality": one.modality,
        "size_zyx": list(one.size),
        "spacing_mm_zyx": None if one.spacing is None else list(one.spacing),
        "phase": one.phase.phase,
        "phase_reason": one.phase.reason,
        "files": len(one.files),
        "faults": list(one.faults),
        "can_be_resampled": bool(one.faults) and one.resamplable,
        "notes": list(one.notes),
    }


def _show(found: list[Series]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("series", "description", "kind", "slices", "pixels", "spacing (mm)", "phase"):
        table.add_column(name, justify="right" if name == "slices" else "left")
    for one in found:
        spacing = "–" if one.spacing is None else " x ".join(f"{step:.3g}" for step in one.spacing)
        table.add_row(
            "–" if one.number is None else str(one.number),
            one.description,
            one.modality,
            str(one.size[0]),
            f"{one.size[1]} x {one.size[2]}",
            spacing,
            one.phase.phase or f"? ({one.phase.reason})",
        )
    console().print(table)
    for one in found:
        for line in (*one.faults, *one.notes):
            console().print(f"{one.name}: {line}", markup=False, highlight=False, soft_wrap=True)
