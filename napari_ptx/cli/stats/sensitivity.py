"""``napari-ptx stats compare-sensitivity``: what each modality finds of the same glands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_ptx.cli.show import Json, console
from napari_ptx.cli.stats.answers import clusters_note, give_json, give_note, number, p_value
from napari_ptx.cli.stats.options import ConfidenceOption, SeedOption, names
from napari_ptx.cli.tables import TableError, listed, read_table

if TYPE_CHECKING:
    from napari_ptx.cli.tables import Table
    from napari_ptx.stats import SensitivityComparison

_COUNTS = ("modality", "found", "total")
_GLAND, _PATIENT = "gland", "patient"


def compare_sensitivity_command(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE.csv",
            help="Columns gland, patient and one for each modality: 1 where it found the gland, "
            "0 where not, empty where it was not used. Or columns modality, found, total, where "
            "only counts are known.",
            show_default=False,
        ),
    ],
    modalities: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Columns of the modalities; otherwise all but gland and patient.",
            show_default=False,
        ),
    ] = None,
    confidence: ConfidenceOption = 0.95,
    seed: SeedOption = 0,
    json_: Json = False,
) -> None:
    """Compare the sensitivity of modalities or readers for the same glands.

    McNemar's test is of the paired glands, Fisher's takes them as different ones, and the
    cluster bootstrap resamples patients; counts alone allow Fisher's only.
    """
    from napari_ptx.stats import StatsError

    read = read_table(table)
    try:
        if set(_COUNTS) <= set(read.columns):
            found = _counts(read, confidence)
            note: str | None = _PAIRS_UNKNOWN
        else:
            found, note = _paired(read, names(modalities), confidence, seed)
    except StatsError as error:
        raise TableError(f"{table.name}: {error}") from None
    answer = {**found.to_json(), "note": note}
    if json_:
        give_json(answer)
        return
    _show(answer)
    give_note(note)


_PAIRS_UNKNOWN = (
    "Counts alone do not say which glands both found: Fisher's test takes them as different "
    "glands. Give one line for each gland for McNemar's test."
)


def _counts(read: Table, confidence: float) -> SensitivityComparison:
    from napari_ptx.stats import compare_found

    labels = read.labels("modality")
    if len(set(labels)) < len(labels):
        raise TableError(f"{read.path.name} has a modality on more than one line.")
    values = read.numbers(["found", "total"])
    wrong = [
        f"line {line}"
        for line, row in zip(read.lines, values, strict=True)
        if any(value != int(value) for value in row)
    ]
    if wrong:
        raise TableError(f"{read.path.name}: counts must be whole numbers.", listed(wrong))
    counts = {name: (int(row[0]), int(row[1])) for name, row in zip(labels, values, strict=True)}
    return compare_found(counts, confidence=confidence)


def _paired(
    read: Table, wanted: list[str], confidence: float, seed: int
) -> tuple[SensitivityComparison, str | None]:
    from napari_ptx.stats import compare_sensitivity

    chosen = wanted or [
        name for name in read.columns if name.lower() not in (_GLAND, _PATIENT) and name
    ]
    if not chosen:
        raise TableError(
            f"{read.path.name} has no column of a modality; it needs gland, patient and one "
            f"column for each modality, or modality, found and total "
            f"(its columns are: {', '.join(read.columns)})."
        )
    values = read.numbers(chosen, "drop")
    groups = read.labels(_PATIENT) if _PATIENT in read.columns else None
    if _GLAND in read.columns:
        _no_gland_twice(read, groups)
    found = compare_sensitivity(
        dict(zip(chosen, values.T, strict=True)), groups, confidence=confidence, seed=seed
    )
    if groups is None:
        return found, "Glands are taken as independent: add a column patient."
    return found, clusters_note(read, groups)


def _no_gland_twice(read: Table, groups: tuple[str, ...] | None) -> None:
    """Refuse a gland on two lines; another patient's may have the same name."""
    glands = read.labels(_GLAND)
    seen: dict[tuple[str, str], int] = {}
    for line, gland, patient in zip(read.lines, glands, groups or glands, strict=True):
        first = seen.setdefault((patient, gland), line)
        if first != line:
            raise TableError(
                f"{read.path.name}: the gland {gland!r} stands in line {first} and line {line}; "
                "give each gland one line."
            )


def _show(answer: dict[str, Any]) -> None:
    from rich.table import Table as RichTable
    from rich.text import Text

    level = f"{100 * answer['confidence']:g}%"
    clusters = answer["clusters"]
    singles = RichTable(title="Sensitivity", title_justify="left")
    for heading in ("Modality", "Found", "Sensitivity", f"{level} exact", f"{level} Wilson"):
        singles.add_column(heading)
    if clusters is not None:
        singles.add_column(f"{level} by patient ({clusters})")
    for name, one in answer["modalities"].items():
        intervals = [one["clopper_pearson"], one["wilson"]]
        intervals += [] if clusters is None else [one["cluster_bootstrap"]]
        singles.add_row(
            Text(name),
            f"{one['found']} of {one['of']}",
            number(one["sensitivity"]),
            *(f"{number(low)} to {number(high)}" for low, high in intervals),
        )
    console().print(singles)
    paired = any(pair["mcnemar_exact"] is not None for pair in answer["pairs"])
    tests = RichTable(title="Differences", title_justify="left")
    for heading in ("Pair", "Difference", "Fisher p"):
        tests.add_column(heading)
    if paired:
        for heading in ("Only one found", "McNemar p", "mid-P", "Holm"):
            tests.add_column(heading)
    if paired and clusters is not None:
        tests.add_column("By patient, p")
    for pair in answer["pairs"]:
        cells = [number(pair["difference"]), p_value(pair["fisher"])]
        if paired:
            cells.append(f"{pair['first_only']}, {pair['second_only']}")
            cells += [
                p_value(pair[key])
                for key in ("mcnemar_exact", "mcnemar_mid_p", "mcnemar_exact_holm")
            ]
        if paired and clusters is not None:
            cells.append(p_value(pair["cluster_bootstrap_p"]))
        tests.add_row(Text(f"{pair['first']} - {pair['second']}"), *cells)
    if answer["pairs"]:
        console().print(tests)
