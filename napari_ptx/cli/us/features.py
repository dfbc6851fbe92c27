"""``us features``, ``us icc`` and ``us map``: radiomics, how far readers agree on it, maps."""

from __future__ import annotations

import json as json_format
from math import isnan
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_ptx.cli.show import Json, console, running
from napari_ptx.cli.us.options import (
    BordersOption,
    Bound,
    Filter,
    Jobs,
    Lesions,
    LesionsOption,
    MarginOption,
    Mode,
    ModeOption,
    Normalise,
    NormaliseOption,
    Note,
    SizeOption,
    Source,
    ThresholdOption,
    cohort_of,
)


def features(
    source: Source,
    out: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Write here.")],
    params: Annotated[
        str, typer.Option(help="liu2026, or a parameter file of PyRadiomics (YAML).")
    ] = "liu2026",
    extra_filter: Annotated[
        Filter, typer.Option(help="The sixth image type of liu2026, which the paper leaves open.")
    ] = Filter.SQUARE,
    mode: ModeOption = Mode.PAPER,
    size: SizeOption = 500,
    margin: MarginOption = 0.0,
    mask_borders: BordersOption = False,
    lesions: LesionsOption = Lesions.LARGEST,
    mask_threshold: ThresholdOption = None,
    normalise: NormaliseOption = Normalise.RANGE,
    jobs: Jobs = 1,
    note: Note = "",
    json: Json = False,
) -> None:
    """Compute the radiomics features of all cases: 567 by liu2026, PyRadiomics throughout.

    Writes features.parquet, and diagnostics.json with the parameters, versions and the
    cases that failed. Started again after a stop, it goes on where it was. Of a study,
    the readings of all readers and rounds are taken. Exit status 1: some cases failed.
    """
    from napari_ptx.ultrasound.features import extract

    with running("Features") as progress, cohort_of(source, progress) as cohort:
        table = extract(
            cohort,
            out,
            params=params,
            extra_filter=extra_filter.value,
            mode=mode.value,
            size=size,
            margin=margin,
            mask_borders=mask_borders,
            lesions=lesions.value,
            threshold=mask_threshold,
            normalise=normalise.value,
            jobs=jobs,
            note=note,
            progress=progress,
        )
    if json:
        answer = {
            "features": str(table.source),
            "rows": len(table),
            "columns": len(table.columns),
            "failures": list(table.failures),
            "notes": table.about["notes"],
            "note": note,
        }
        typer.echo(json_format.dumps(answer, indent=2, allow_nan=False))
    else:
        out_ = console()
        out_.print(
            f"{len(table)} row{'s' * (len(table) != 1)} with {len(table.columns)} features in "
            f"{table.source}",
            highlight=False,
            soft_wrap=True,
        )
        for text in table.about["notes"]:
            out_.print(f"Note: {text}", highlight=False, soft_wrap=True, markup=False)
        for failure in table.failures:
            whose = f" (reader {failure['reader']})" if "reader" in failure else ""
            text = f"Left out{whose}: {failure['reason']}"
            out_.print(text, highlight=False, soft_wrap=True, markup=False)
    if table.failures:
        raise typer.Exit(1)


def icc(
    source: Annotated[
        Path,
        typer.Argument(metavar="FEATURES", help="Features with readers or rounds (us features)."),
    ],
    out: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the table (CSV).")
    ] = None,
    bound: Annotated[
        Bound, typer.Option(help="What must lie above the threshold: ICC or its lower limit.")
    ] = Bound.POINT,
    threshold: Annotated[float, typer.Option(min=0, max=1)] = 0.8,
    confidence: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    json: Json = False,
) -> None:
    """Compute ICC(A,1) of each feature between readers (round 1) and within each reader.

    Prints how many features lie above the threshold by the ICC and by its lower limit;
    the table says in the column passes which do, in all comparisons, by --bound.
    """
    from napari_ptx.ultrasound.feature_agreement import feature_icc, passes
    from napari_ptx.ultrasound.features import read_features, write_file

    features = read_features(source)
    table = feature_icc(features, confidence=confidence)
    counts = [
        _count(name, rows, threshold) for name, rows in table.groupby("comparison", sort=False)
    ]
    counts.append(_count("all comparisons", table, threshold))
    kept = passes(table, bound.value, threshold)
    if out is not None:
        table["passes"] = table["feature"].map(kept)
        write_file(out, lambda path: table.to_csv(path, index=False))
    if json:
        answer = {
            "features": len(features.columns),
            "threshold": threshold,
            "bound": bound.value,
            "confidence": confidence,
            "form": str(table["form"].iloc[0]),
            "comparisons": counts,
            "passed": [str(name) for name, good in kept.items() if good],
            "note": features.note,
        }
        typer.echo(json_format.dumps(answer, indent=2, allow_nan=False))
        return
    _show_counts(counts, len(features.columns), threshold, str(table["form"].iloc[0]))
    if out is not None:
        console().print(f"The table is {out}.", highlight=False, soft_wrap=True)


def _count(name: object, rows: Any, threshold: float) -> dict[str, Any]:
    from napari_ptx.ultrasound.feature_agreement import passes

    median = float(rows["icc"].median())
    return {
        "comparison": str(name),
        "cases": int(rows["n"].min()),
        "left_out": int(rows["left_out"].max()),
        "median": None if isnan(median) else median,
        "undefined": int(rows["icc"].isna().sum()),
        "point": int(passes(rows, "point", threshold).sum()),
        "lower": int(passes(rows, "lower", threshold).sum()),
    }


def _show_counts(counts: list[dict[str, Any]], total: int, threshold: float, form: str) -> None:
    from rich.table import Table

    grid = Table(title=f"{form} of {total} features", title_justify="left", box=None)
    grid.add_column("Comparison")
    for heading in ("Cases", "Median", f"ICC > {threshold:g}", f"Lower limit > {threshold:g}"):
        grid.add_column(heading, justify="right")
    for row in counts:
        median = "" if row["median"] is None else f"{row['median']:.3f}"
        grid.add_row(
            row["comparison"], str(row["cases"]), median, str(row["point"]), str(row["lower"])
        )
    console().print(grid)
    left = [f"{row['comparison']}: {row['left_out']}" for row in counts[:-1] if row["left_out"]]
    if left:
        console().print(
            f"Cases left out, as a reading is missing: {'; '.join(left)}.", highlight=False
        )


def map_(
    source: Source,
    case: Annotated[str, typer.Argument(metavar="CASE", help="The case, as the cohort has it.")],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A TIFF file.")],
    feature: Annotated[
        str, typer.Option(help="A name as in the table of features.")
    ] = "original_glcm_Contrast",
    radius: Annotated[int, typer.Option(help="Pixels round each pixel.", min=1, max=50)] = 2,
    reader: Annotated[str, typer.Option(help="Where a case has several readings.")] = "",
    round_: Annotated[int, typer.Option("--round", help="Where a case has two rounds.")] = 1,
    mask_borders: BordersOption = False,
    lesions: LesionsOption = Lesions.LARGEST,
    mask_threshold: ThresholdOption = None,
    note: Note = "",
) -> None:
    """Write a map of one feature: its value in a square round every pixel of the lesion.

    The picture has the size of the image, with 32-bit numbers, and NaN outside the lesion.
    """
    from napari_ptx.ultrasound import UltrasoundError
    from napari_ptx.ultrasound.maps import case_map, write_map

    with running("Map") as progress, cohort_of(source, progress) as cohort:
        table = cohort.table
        rows = table[table["case"] == case]
        if reader and "reader" in table.columns:
            rows = rows[rows["reader"] == reader]
        if len(rows) > 1 and "round" in table.columns:
            rows = rows[rows["round"] == round_]
        if len(rows) != 1:
            raise UltrasoundError(
                f"{source.name} has {len(rows)} rows for case {case}"
                + (f", reader {reader}" if reader else "")
                + "; name a case of it"
                + (", with --reader and --round." if len(rows) > 1 else ".")
            )
        row = {str(name): value for name, value in rows.iloc[0].items()}
        values = case_map(
            row,
            feature,
            radius=radius,
            mask_borders=mask_borders,
            lesions=lesions.value,
            threshold=mask_threshold,
        )
        write_map(out, values, feature, note)
    console().print(f"The map of {feature} is {out}.", highlight=False, soft_wrap=True)
