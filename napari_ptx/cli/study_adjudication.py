"""``napari-ptx study adjudicate`` and ``study consensus``: disagreements, and what holds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_ptx.cli.show import Json, StudyFile, console, print_json, running

if TYPE_CHECKING:
    from napari_ptx.study.adjudication_status import AdjudicationStatus


def adjudicate(study: StudyFile, json: Json = False) -> None:
    """Show which cases the readers disagree on, and what the adjudicator decided.

    The adjudicator works in the app: open the study, and press Start adjudicating in
    the Study dock.
    """
    from napari_ptx.study import Study

    with running("Comparing the readers") as progress, Study.open(study) as opened:
        status = opened.adjudication(progress=progress)
    if json:
        print_json(status.to_json())
    else:
        _show(status)


def consensus(
    study: StudyFile,
    folder: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="A new or empty folder.")
    ],
    method: Annotated[
        str | None,
        typer.Option(
            metavar="majority|staple|reader:NAME",
            help="One outline of the readers who agree; else by majority with three readers or "
            "more, and the first reader's with two.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write the outline that holds for each case: a cohort table for crop, features and train.

    What the adjudicator decided holds. Cases that nobody has settled, and those that are
    not assessable, are left out of the cohort and listed in left_out.csv; decisions.csv
    has every decision.
    """
    from napari_ptx.study import Study
    from napari_ptx.study.consensus_files import write_consensus

    with running("Comparing the readers") as progress, Study.open(study) as opened:
        about = write_consensus(opened, folder, method, progress=progress)
    if json:
        print_json(about)
        return
    origins = ", ".join(f"{count} {origin}" for origin, count in about["cases"].items())
    out = console()
    out.print(f"{about['written']} cases in {folder / 'cohort.csv'} ({origins})", highlight=False)
    if about["not_settled"]:
        out.print(
            f"Note: {about['not_settled']} cases are not settled and were left out "
            "(left_out.csv); they wait for the adjudicator.",
            highlight=False,
        )


def _show(status: AdjudicationStatus) -> None:
    from rich.table import Table

    out = console()
    who = status.adjudicator or "nobody is named in the protocol"
    out.print(f"Adjudicator: {who}", highlight=False, markup=False)
    out.print(f"Rule: {status.rule}", highlight=False, markup=False)
    out.print(status.sentence, highlight=False, markup=False)
    if not status.queue:
        return
    grid = Table(box=None, pad_edge=False)
    for heading in ("Case", "Readers", "Dice", "HD95", "Why", "Decision", "Reason"):
        grid.add_column(heading, justify="right" if heading in ("Dice", "HD95") else "left")
    for one in status.queue:
        made = status.decision_on(one)
        decision: str = "" if made is None else made.outcome
        if made is not None and made.reader:
            taken = f"{made.reader}'s"
            decision = f"{taken}, edited" if made.outcome == "edited" else taken
        far = f"{one.hd95:.1f} {one.unit}" if math.isfinite(one.hd95) else "one empty"
        grid.add_row(
            one.case,
            " and ".join(one.readers),
            f"{one.dice:.2f}",
            far,
            "; ".join(one.reasons) or "agree",
            decision,
            made.reason if made else "",
        )
    out.print(grid)


def register(app: typer.Typer) -> None:
    """Add the commands to ``napari-ptx study``."""
    app.command("adjudicate")(adjudicate)
    app.command("consensus")(consensus)
