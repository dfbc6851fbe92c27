"""``napari-ptx stats icc`` and ``bland-altman``: agreement on any table."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from napari_ptx.cli.show import Json
from napari_ptx.cli.stats.answers import (
    clusters_note,
    defined,
    give,
    interval_row,
    number,
    p_value,
    with_interval,
)
from napari_ptx.cli.stats.options import (
    ClustersOption,
    ConfidenceOption,
    Missing,
    MissingOption,
    SeedOption,
    TableArgument,
    names,
)
from napari_ptx.cli.tables import Table, TableError, read_table


class Form(StrEnum):
    """The six forms, as McGraw & Wong write them."""

    one_single = "1,1"
    agreement_single = "A,1"
    consistency_single = "C,1"
    one_mean = "1,k"
    agreement_mean = "A,k"
    consistency_mean = "C,k"


def icc_command(
    table: TableArgument,
    form: Annotated[
        Form,
        typer.Option(
            help="1: one-way; A: two-way, absolute agreement; C: two-way, consistency. "
            ",1: one reader; ,k: the mean of the k readers."
        ),
    ] = Form.agreement_single,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Columns of the readers. Otherwise all but subject, case and patient.",
            show_default=False,
        ),
    ] = None,
    confidence: ConfidenceOption = 0.95,
    missing: MissingOption = Missing.refuse,
    clusters: ClustersOption = None,
    seed: SeedOption = 0,
    json_: Json = False,
) -> None:
    """Intraclass correlation of readers, with its confidence interval.

    The conventions are those of R's psych::ICC: p tests ICC = 0; the interval of
    A,1 has Satterthwaite's degrees of freedom. What is undefined is null in JSON.
    """
    from napari_ptx.stats import StatsError, cluster_bootstrap, icc

    read = read_table(table)
    raters = read.raters(names(columns))
    ratings = read.numbers(raters, missing.value)
    groups = None if clusters is None else read.labels(clusters)
    try:
        result = icc(ratings, form.value, confidence, missing.value)
        answer = {"icc": result.to_json()["value"], **result.to_json()}
        if groups is not None and len(set(groups)) < len(groups):
            whole = [i for i, row in enumerate(ratings) if all(row == row)]
            interval = cluster_bootstrap(
                lambda drawn: icc(drawn, form.value, missing="drop").value,
                ratings[whole],
                clusters=[groups[i] for i in whole],
                seed=seed,
                confidence=confidence,
                vectorised=True,
            )
            answer |= {"low": defined(interval.low), "high": defined(interval.high)}
    except StatsError as error:
        raise TableError(f"{table.name}: {error}") from None
    answer |= {"raters": list(raters), **_how(read, groups)}
    give(
        answer,
        json_,
        f"{answer['name']} of {', '.join(raters)}",
        [
            ("ICC", number(answer["value"])),
            interval_row(confidence, answer["low"], answer["high"]),
            ("Subjects", str(answer["n"])),
            ("Readers", str(answer["k"])),
            (
                "Test of ICC = 0",
                f"F({answer['df1']:g}, {answer['df2']:g}) = {number(answer['f'])}, "
                f"p = {p_value(answer['p'])}",
            ),
            ("Interval", answer["interval"]),
        ],
    )


def bland_altman_command(
    table: TableArgument,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="The two columns to compare; differences are B - A. Otherwise the two that "
            "are not subject, case or patient.",
            show_default=False,
        ),
    ] = None,
    confidence: ConfidenceOption = 0.95,
    missing: MissingOption = Missing.refuse,
    clusters: ClustersOption = None,
    seed: SeedOption = 0,
    json_: Json = False,
) -> None:
    """Bias and 95% limits of agreement of two readers, each with its interval."""
    from napari_ptx.stats import StatsError, bland_altman

    read = read_table(table)
    raters = read.raters(names(columns))
    if len(raters) != 2:
        raise TableError(
            f"{table.name}: Bland-Altman compares 2 columns, and there are {len(raters)} "
            f"({', '.join(raters)}); choose by --columns."
        )
    values = read.numbers(raters, missing.value)
    groups = None if clusters is None else read.labels(clusters)
    whole = [i for i, row in enumerate(values) if all(row == row)]
    try:
        result = bland_altman(
            values[whole, 0],
            values[whole, 1],
            confidence,
            None if groups is None else [groups[i] for i in whole],
            seed,
        )
    except StatsError as error:
        raise TableError(f"{table.name}: {error}") from None
    answer = {**result.to_json(), "columns": list(raters), **_how(read, groups)}
    percent = answer["percent"]
    give(
        answer,
        json_,
        f"Bland-Altman, {raters[1]} - {raters[0]}",
        [
            ("Pairs", str(answer["n"])),
            ("Bias", with_interval(answer["bias"], answer["bias_ci"])),
            ("Bias in percent of the mean", "" if percent is None else f"{percent:+.1f}%"),
            ("SD of the differences", number(answer["sd"])),
            ("Lower limit of agreement", with_interval(answer["loa_low"], answer["loa_low_ci"])),
            ("Upper limit of agreement", with_interval(answer["loa_high"], answer["loa_high_ci"])),
            (
                "Difference on mean",
                f"slope {number(answer['slope'])}, p = {p_value(answer['slope_p'])}",
            ),
            ("Intervals", f"{100 * confidence:g}%, {answer['interval']}"),
        ],
    )


def _how(table: Table, groups: tuple[str, ...] | None) -> dict[str, Any]:
    """How the interval was made, and a note where its rows are not independent."""
    clustered = groups is not None and len(set(groups)) < len(groups)
    interval = "cluster bootstrap, percentile" if clustered else "independent rows"
    return {"interval": interval, "note": clusters_note(table, groups)}
