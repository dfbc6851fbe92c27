"""``napari-ptx study aid``: what the model's outlines changed in a study that shows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_ptx.cli.show import (
    Json,
    StudyFile,
    console,
    grid,
    limits,
    print_json,
    running,
    three_digits,
)

if TYPE_CHECKING:
    from napari_ptx.study.aid_effect import AidEffect


def aid(
    study: StudyFile,
    folder: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write the tables here.")
    ] = None,
    confidence: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    replicates: Annotated[int, typer.Option(min=1, help="Of the bootstrap of patients.")] = 2000,
    json: Json = False,
) -> None:
    """Compare each reader's unaided answer with the one after the model's outline was shown.

    How many answers were kept, taken over or changed; the Dice of each reader with the model,
    and of the readers with each other, before and after, with intervals by patient. With -o it
    writes cases.csv, readers.csv, pairs.csv and aid.json. It is for the coordinator, not for
    readers.
    """
    from napari_ptx.learn.results import plain, write_results
    from napari_ptx.study import Study, StudyError
    from napari_ptx.study.aid_effect import aid_effect

    with running("Comparing answers") as progress, Study.open(study) as opened:
        found = aid_effect(opened, confidence=confidence, replicates=replicates, progress=progress)
    tables = {"cases": found.cases, "readers": found.readers, "pairs": found.pairs}
    about = plain({
        "settings": found.settings,
        **{name: table.to_dict("records") for name, table in tables.items()},
    })  # fmt: skip
    if folder is not None:
        written = write_results(folder, tables, about, "aid.json", StudyError)
    if json:
        print_json(about)
        return
    show(found)
    if folder is not None:
        console().print(f"\n{len(written)} files in {folder}", highlight=False)


def show(found: AidEffect) -> None:
    """Print what each reader did with the outlines, and what it did to their agreement."""
    from napari_ptx.learn.results import plain
    from napari_ptx.study.aid_effect import CHANGES

    def dice(row: Mapping[Any, Any]) -> tuple[str, ...]:
        low, high = plain(row["low"]), plain(row["high"])
        numbers = (three_digits(plain(row[name])) for name in ("before", "after", "gain"))
        return (*numbers, limits(low, high))

    heads = ("Unaided", "Aided", "Gain", f"{found.settings['confidence']:.0%} by patient")
    rows = found.readers.to_dict("records")
    grid(
        ("Reader", "Cases", *(change.capitalize() for change in CHANGES)),
        [(f"{row['reader']}, round {row['round']}", str(row["cases"]),
          *(str(row[change]) for change in CHANGES)) for row in rows],
    )  # fmt: skip
    console().print("[bold]Mean Dice with the model's outline[/]")
    grid(
        ("Reader", "n", *heads),
        [(f"{row['reader']}, round {row['round']}", str(row["n"]), *dice(row)) for row in rows],
    )
    if len(found.pairs):
        console().print("[bold]Mean Dice between readers[/]")
        grid(
            ("Readers", "n", *heads),
            [(row["comparison"], str(row["n"]), *dice(row))
             for row in found.pairs.to_dict("records")],
        )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command to ``napari-ptx study``."""
    app.command("aid")(aid)
