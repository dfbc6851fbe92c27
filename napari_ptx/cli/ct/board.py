"""``napari-ptx ct board``: who found which glands, as it stands on the gland board."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_ptx.cli.show import Json, console, running

if TYPE_CHECKING:
    from napari_ptx.report.gland_numbers import BoardNumbers


def board(
    prediction: Annotated[
        Path, typer.Argument(metavar="OUT", help="The folder that 'ct predict' wrote.")
    ],
    cohort: Annotated[
        Path, typer.Argument(metavar="COHORT", help="The cohort (CSV); glands.csv beside it.")
    ],
    readings: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="CSV",
            help="Write the readings here, as 'ct evaluate --readings' takes them.",
        ),
    ] = None,
    beside: Annotated[
        bool,
        typer.Option(
            "--with-table/--record-only",
            help="Where the record says nothing, take readings.csv beside the cohort.",
        ),
    ] = True,
    accepted: Annotated[
        bool, typer.Option("--accepted", help="The model: only candidates that were accepted.")
    ] = False,
    threshold: Annotated[
        float, typer.Option(help="The model: the least score of a candidate that counts.")
    ] = 0.0,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Write the model's slots, too, as a modality."),
    ] = None,
    replicates: Annotated[int, typer.Option(min=1, help="Of the bootstrap of patients.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    json: Json = False,
) -> None:
    """Count the gland board up, and write its readings as a table.

    The board holds what readers of each modality found, slot by slot, from the record of the
    Glands dock; the truth is what was decided there, or the cohort's labels. Nothing is written
    into the record.
    """  # fmt: skip
    from napari_ptx.report.gland_board import ModelRule
    from napari_ptx.report.gland_numbers import final_numbers, finders_table, pairs_table
    from napari_ptx.report.gland_readings import export, read_board, tally, write_readings

    rule = ModelRule("accepted" if accepted else "score", threshold)
    with running("Counting") as progress:
        found = read_board(prediction, cohort, imported=not beside, rule=rule)
        exported = export(found, model=model)
        numbers = final_numbers(tally(found), replicates=replicates, seed=seed, progress=progress)
    if readings is not None:
        write_readings(readings, exported)
    notes = [*exported.notes, *numbers.notes, rule.sentence]
    if json:
        answer = {
            "finders": _plain(finders_table(numbers)), "pairs": _plain(pairs_table(numbers)),
            "glands": _plain(exported.glands),
            "complementarity": None if numbers.together is None else numbers.together.to_json(),
            "notes": notes,
        }  # fmt: skip
        typer.echo(json_format.dumps(answer, indent=2, allow_nan=False))
        return
    _show(numbers, notes)
    if readings is not None:
        console().print(f"{len(exported.readings)} rows in {readings}", highlight=False)


def _plain(table: Any) -> list[dict[str, Any]]:
    """Give the rows of a table for JSON, where what is not known is null."""
    rows: list[dict[str, Any]] = json_format.loads(table.to_json(orient="records"))
    return rows


def _show(numbers: BoardNumbers, notes: list[str]) -> None:
    from napari_ptx.cli.show import grid, limits, p_value

    out = console()
    out.print(f"{numbers.glands} glands of {numbers.patients} patients.\n", highlight=False)
    grid(
        ("Finder", "Found", "Sens", "95% exact", "by patient", "alone", "false"),
        [
            (one.name, f"{one.sensitivity.found}/{one.sensitivity.of}",
             f"{one.sensitivity.value:.3f}", limits(*one.sensitivity.clopper_pearson),
             limits(*(one.sensitivity.cluster_bootstrap or (None, None))),
             str(one.only), str(one.false))
            for one in numbers.finders
        ],
    )  # fmt: skip
    if numbers.pairs:
        grid(
            ("Pair", "Together", "adds", "McNemar", "mid-P", "Holm", "Fisher"),
            [
                (f"{one.first} + {one.second}", f"{one.union}/{one.of}", f"{one.second_adds}",
                 *(("–",) * 4 if one.tests is None else
                   (p_value(one.tests.mcnemar_exact), p_value(one.tests.mcnemar_mid_p),
                    p_value(one.tests.mcnemar_exact_holm), p_value(one.tests.fisher))))
                for one in numbers.pairs
            ],
        )  # fmt: skip
    for sentence in notes:
        out.print(f"Note: {sentence}", highlight=False, soft_wrap=True, markup=False)
