"""``napari-ptx ct evaluate``: how well the glands, or other structures, of a cohort were found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_ptx.cli.show import (
    Json,
    console,
    grid,
    limits,
    p_value,
    print_json,
    running,
    three_digits,
)
from napari_ptx.ct.errors import CtError

if TYPE_CHECKING:
    from napari_ptx.ct.evaluation_files import Evaluation
    from napari_ptx.ct.structures import StructureEvaluation


def evaluate(
    cohort: Annotated[
        Path,
        typer.Argument(
            metavar="COHORT", help="The cohort (CSV) with labels; glands.csv beside it."
        ),
    ],
    prediction: Annotated[
        Path, typer.Argument(metavar="OUT", help="The folder that 'ct predict' wrote.")
    ],
    folder: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Write tables and figures here.")
    ],
    readings: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="What readers found: patient, gland, modality, reader, found, site."
        ),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(
            metavar="RULE", help="overlap, iou or centroid; overlap where there are maps."
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="The least score of a candidate that counts.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the model is called.")] = "model",
    note: Annotated[str | None, typer.Option(help="What the data were, for every figure.")] = None,
    confidence: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    replicates: Annotated[int, typer.Option(min=1, help="Of the bootstrap of patients.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, help="Of the surface Dice of structures, in mm; 1 without."),
    ] = None,
    figures: Annotated[bool, typer.Option(help="Whether to draw figures.")] = True,
    json: Json = False,
) -> None:
    """Match candidates to glands, and compare the model with other modalities and readers.

    It writes sensitivity.csv (per gland, slot, size and contrast, with exact intervals and
    intervals by patient), scans.csv, froc.csv, comparisons.csv (McNemar, Fisher, Holm),
    unions.csv and gains.csv, mistakes.csv, metrics.json, and each figure as SVG and PNG. The
    causes that a reviewer sets in causes.csv are kept when it runs again.

    The prediction of a model of classes ('ct train --classes') is compared with the labels
    structure by structure instead: structures.csv (Dice, surfaces, volumes, and whether one lies
    in another, as left in right), summary.csv, metrics.json.
    """  # fmt: skip
    from napari_ptx.ct.evaluation_files import evaluate as run
    from napari_ptx.ct.evaluation_tables import EvaluationSettings
    from napari_ptx.ct.predictions import read_predictions
    from napari_ptx.ct.structures import evaluate_structures

    if classes := read_predictions(prediction).classes:
        _only_glands(classes, {"--readings": readings, "--rule": rule, "--threshold": threshold})
        with running("Evaluating") as progress:
            compared = evaluate_structures(
                cohort, prediction, folder, tolerance=1.0 if tolerance is None else tolerance,
                confidence=confidence, replicates=replicates, seed=seed, note=note,
                figures=figures, progress=progress,
            )  # fmt: skip
        _answer(compared, folder, show_structures, json=json)
        return
    if tolerance is not None:
        raise CtError(
            "--tolerance is for structures, and this prediction is of glands; leave it out."
        )
    settings = EvaluationSettings(rule, name, threshold, confidence, replicates, seed)
    with running("Evaluating") as progress:
        result = run(
            cohort, prediction, folder,
            readings=readings, settings=settings, note=note, figures=figures,
            progress=progress,
        )  # fmt: skip
    _answer(result, folder, show, json=json)


def _answer(
    result: Evaluation | StructureEvaluation,
    folder: Path,
    tables: Callable[[Any], None],
    *,
    json: bool,
) -> None:
    """Print JSON for a program, or tables for a person."""
    if json:
        print_json(result.about)
        return
    tables(result)
    console().print(f"{len(result.written)} files in {folder}", highlight=False)


def show(result: Evaluation) -> None:
    """Print sensitivities, differences and what the scans cost; 80 columns are enough."""
    about = result.about
    out = console()
    if about["note"]:
        out.print(f"Data: {about['note']}\n", highlight=False, markup=False)
    out.print(
        f"{about['glands']} glands of {about['patients']} patients, {about['candidates']} "
        f"candidates.\nRule {about['rule']}: {about['rules'][about['rule']]}.\n",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
    level = f"{100 * about['config']['confidence']:g}%"
    grid(
        ("Finder", "Rule", "Found", "Sens", f"{level} exact", "by patient"),
        [
            (row["finder"], row["rule"] if row["rule"] in about["rules"] else "read",
             f"{row['found']}/{row['of']}", three_digits(row["sensitivity"]),
             limits(row["low"], row["high"]), limits(row["cluster_low"], row["cluster_high"]))
            for row in about["sensitivity"] if row["stratum"] == "all"
        ],
    )  # fmt: skip
    grid(
        ("Finder", "Rule", "FP per scan", "by patient", "PPV", "All found"),
        [
            (row["finder"], row["rule"] if row["rule"] in about["rules"] else "read",
             three_digits(row["fp_per_scan"]), limits(row["fp_low"], row["fp_high"]),
             three_digits(row["ppv"]), f"{row['all_found']}/{row['patients_with_glands']} patients")
            for row in about["scans"]
        ],
    )  # fmt: skip
    _show_rates(about["froc_rates"], about["rule"])
    if about.get("comparisons"):
        grid(
            ("Pair", "Diff", "by patient", "McNemar", "mid-P", "Holm", "Fisher"),
            [
                (f"{row['first']} - {row['second']}", three_digits(row["difference"]),
                 limits(row["cluster_low"], row["cluster_high"]), p_value(row["mcnemar_exact"]),
                 p_value(row["mcnemar_mid_p"]), p_value(row["mcnemar_exact_holm"]),
                 p_value(row["fisher"]))
                for row in about["comparisons"]
            ],
        )  # fmt: skip
    if about["complementarity"]:
        _show_together(about["complementarity"], about["config"]["model"])
    for sentence in about["notes"]:
        out.print(f"Note: {sentence}", highlight=False, soft_wrap=True, markup=False)


def _only_glands(classes: Mapping[str, object], given: Mapping[str, object]) -> None:
    if wrong := [name for name, value in given.items() if value is not None]:
        raise CtError(
            f"{', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} for glands, and this "
            f"prediction is of {', '.join(classes)}; leave it out."
        )


def show_structures(result: StructureEvaluation) -> None:
    """Print each measure by structure, and what was taken for another."""
    about = result.about
    out = console()
    if about["note"]:
        out.print(f"Data: {about['note']}\n", highlight=False, markup=False)
    names = {"dice": "Dice", "hd95_mm": "HD95 mm", "msd_mm": "MSD mm"}
    grid(
        ("Structure", "Measure", "Patients", "Mean",
         f"{100 * about['config']['confidence']:g}% by patient", "Median", "Range"),
        [
            (row["structure"], names[row["measure"]], str(row["patients"]),
             three_digits(row["mean"]), limits(row["low"], row["high"]),
             three_digits(row["median"]), limits(row["least"], row["most"]))
            for row in about["summary"]
        ],
    )  # fmt: skip
    wrong = [row for row in about["structures"] if row["taken_for"]]
    for row in wrong:
        out.print(
            f"Patient {row['patient']}: {row['structure']} lies in {row['taken_for']}.",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
    if not wrong and len(about["config"]["classes"]) > 1:
        out.print("No structure was taken for another.\n", highlight=False)


def _show_rates(rates: list[dict[str, Any]], rule: str) -> None:
    """Print the sensitivity that the model reaches at 1 false positive per scan."""
    at_one = [row for row in rates if row["rule"] == rule and row["fp_per_scan"] == 1]
    words = [
        f"{row['sensitivity']:.3f} of "
        + ("all glands" if row["glands"] == "all" else f"glands of {row['glands']}")
        for row in at_one
    ]
    console().print(
        f"Model at 1 false positive per scan: {'; '.join(words)}.\n",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip


def _show_together(together: dict[str, Any], model: str) -> None:
    """Print what the model adds to each other finder, and what that adds to the model."""
    grid(
        ("Added", "to", "Glands", "Gain", "by patient"),
        [
            (gain["added"], " + ".join(gain["to"]), f"{gain['glands']}/{together['glands']}",
             three_digits(gain["gain"]), limits(*(gain["cluster_bootstrap"] or (None, None))))
            for gain in together["gains"]
            if len(gain["to"]) == 1 and model in (gain["added"], *gain["to"])
        ],
    )  # fmt: skip
    only = "; ".join(f"{name}: {count}" for name, count in together["only"].items())
    console().print(f"Found by one alone. {only}.\n", highlight=False, markup=False)
