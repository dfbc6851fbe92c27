"""``napari-ptx agreement``: how far a study's readers agree, as tables and figures."""

from __future__ import annotations

import json as json_format
from collections.abc import Mapping
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
        result = compare(opened, confidence=confidence, progress=progress)
        if folder is not None:
            from napari_ptx.study.agreement_files import write_agreement

            written = write_agreement(result, folder)
    if json:
        typer.echo(json_format.dumps(result.to_json(), indent=2, allow_nan=False))
        return
    show(result)
    if folder is not None:
        console().print(f"\n{len(written)} files in {folder}", highlight=False)


def show(result: Agreement) -> None:
    """Print the tables of an agreement for reading."""
    from rich.table import Table

    out = console()
    threshold = result.settings["threshold"]
    for title, table in (("Between readers", result.inter), ("Within readers", result.intra)):
        if table.empty:
            continue
        grid = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for heading in ("Comparison", "Measurand", "n"):
            grid.add_column(heading, justify="right" if heading == "n" else "left")
        grid.add_column(table["name"].iloc[0] or "ICC", justify="right")
        for heading in (f"{result.settings['confidence']:.0%} CI", "needed", "Bias"):
            grid.add_column(heading, justify="right")
        grid.add_column(f"lower limit > {threshold:.2f}")
        for row in table.to_dict("records"):
            grid.add_row(*_cells(row))
        out.print(grid)
        out.print()
    _show_overlap(result)
    for note in result.notes:
        out.print(f"Note: {note}", highlight=False, soft_wrap=True)


def _cells(row: Mapping[Any, Any]) -> list[str]:
    bias = "" if row["bias"] != row["bias"] else f"{row['bias']:+.2f} {row['unit']}"
    if row["bias_percent"] == row["bias_percent"]:
        bias += f" ({row['bias_percent']:+.1f}%)"
    defined = row["icc"] == row["icc"]
    return [
        row["comparison"],
        row["label"],
        str(row["n"]),
        f"{row['icc']:.3f}" if defined else "undefined",
        f"[{row['low']:.3f}, {row['high']:.3f}]" if defined else "",
        f"{row['needed']:.3f}" if defined else "",
        bias,
        ("yes" if row["passes_bound"] else "no") if defined else "",
    ]


def _show_overlap(result: Agreement) -> None:
    from rich.table import Table

    unit = result.settings["unit"]
    grid = Table(
        title="Overlap, median (quartiles)", title_justify="left", box=None, pad_edge=False
    )
    names = ("Dice", f"HD95, {unit}", f"mean surface distance, {unit}", "surface Dice")
    for heading in ("Comparison", "n", *names):
        grid.add_column(heading, justify="left" if heading == "Comparison" else "right")
    for row in result.summary().to_dict("records"):
        cells = [
            f"{row[f'{metric}_median']:.2f} ({row[f'{metric}_q1']:.2f}–{row[f'{metric}_q3']:.2f})"
            for metric in ("dice", "hd95", "msd", "surface_dice")
        ]
        grid.add_row(row["comparison"], str(row["n"]), *cells)
    console().print(grid)
