"""``napari-ptx agreement``: how far a study's readers agree, as tables and figures."""

from __future__ import annotations

import json as json_format
from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_ptx.cli.show import Json, console, running

if TYPE_CHECKING:
    from napari_ptx.study.agreement import Agreement


def agreement(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The study file (.ptx).")],
    folder: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Write tables and figures here."),
    ] = None,
    confidence: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    aided: Annotated[
        bool, typer.Option("--aided", help="The readings with the model's outline, not without.")
    ] = False,
    json: Json = False,
) -> None:
    """Compare readers with each other, and each reader's two rounds.

    ICC with its interval and bias for area, perimeter, maximum diameter, short axis
    and centroid; Dice, HD95 and mean surface distance for each case. With -o it
    writes inter.csv, intra.csv, overlap.csv, overlap_summary.csv, values.csv,
    agreement.json, and each figure as SVG and PNG.
    """
    from napari_ptx.study import Study
    from napari_ptx.study.agreement import agreement as compare

    with running("Comparing readings") as progress, Study.open(study) as opened:
        result = compare(opened, confidence=confidence, aided=aided, progress=progress)
        if folder is not None:
            from napari_ptx.study.agreement_files import write_agreement

            written = write_agreement(result, folder)
    if json:
        typer.echo(json_format.dumps(result.to_json(), indent=2, allow_nan=False))
        return
    show(result)
    for one in result.outlook:
        console().print(one.sentence, highlight=False, markup=False)
    if folder is not None:
        console().print(f"\n{len(written)} files in {folder}", highlight=False)


def show(result: Agreement) -> None:
    """Print the tables of an agreement for reading; 80 columns are enough."""
    tables = (
        ("Between readers", result.inter),
        ("Within readers", result.intra),
        ("Within readers, without what they remembered", result.unrecalled),
    )
    for title, table in tables:
        for comparison, rows in table.groupby("comparison", sort=False):
            _show_comparison(f"{title}: {comparison}", rows.to_dict("records"), result.settings)
    _show_overlap(result)
    for note in result.notes:
        console().print(f"Note: {note}", highlight=False, soft_wrap=True)


def _show_comparison(
    title: str, rows: Sequence[Mapping[Any, Any]], settings: Mapping[str, Any]
) -> None:
    from rich.table import Table

    first, out = rows[0], console()
    threshold = settings["threshold"]
    out.print(f"[bold]{title}[/], n = {first['n']}", highlight=False)
    if not first["name"]:
        out.print("Too few cases for an ICC.\n")
        return
    out.print(
        f"{first['name']}; a lower limit of {threshold:.2f} needs {first['needed']:.3f}.",
        highlight=False,
        style="dim",
    )
    grid = Table(box=None, pad_edge=False)
    grid.add_column("Measurand")
    for heading in ("ICC", f"{settings['confidence']:.0%} CI", "Bias"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column(f"Lower limit > {threshold:.2f}")
    for row in rows:
        grid.add_row(*_cells(row))
    out.print(grid)
    out.print()


def _cells(row: Mapping[Any, Any]) -> list[str]:
    if isnan(row["icc"]):
        return [row["label"], "undefined", "", "", ""]
    bias = "" if isnan(row["bias"]) else f"{row['bias']:+.2f} {row['unit']}"
    if not isnan(row["bias_percent"]):
        bias += f" ({row['bias_percent']:+.1f}%)"
    return [
        row["label"],
        f"{row['icc']:.3f}",
        f"{row['low']:.3f}–{row['high']:.3f}",
        bias,
        "yes" if row["passes_bound"] else "no",
    ]


def _show_overlap(result: Agreement) -> None:
    from rich.table import Table

    unit = result.settings["unit"]
    out = console()
    out.print("[bold]Overlap[/], median (quartiles)", highlight=False)
    out.print(
        f"MSD: mean surface distance; surface Dice at {result.settings['tolerance']:g} {unit}.",
        highlight=False,
        style="dim",
    )
    grid = Table(box=None, pad_edge=False)
    grid.add_column("Comparison")
    for heading in ("n", "Dice", f"HD95 {unit}", f"MSD {unit}", "Surface Dice"):
        grid.add_column(heading, justify="right")
    for row in result.summary().to_dict("records"):
        cells = [
            f"{row[f'{metric}_median']:.2f} ({row[f'{metric}_q1']:.2f}–{row[f'{metric}_q3']:.2f})"
            for metric in ("dice", "hd95", "msd", "surface_dice")
        ]
        grid.add_row(row["comparison"], str(row["n"]), *cells)
    out.print(grid)
    out.print()
