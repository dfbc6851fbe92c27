"""``napari-ptx stats mrmc``: modalities compared over several readers of the same cases."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_ptx.cli.show import Json, console
from napari_ptx.cli.stats.answers import give_json, give_note, number, p_value
from napari_ptx.cli.stats.options import ConfidenceOption
from napari_ptx.cli.tables import TableError, read_table


def mrmc_command(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE.csv",
            help="Columns reader, modality, case, truth (0 or 1), rating; one line for each "
            "reader's rating of a case in a modality. Or an input file of iMRMC (.imrmc).",
            show_default=False,
        ),
    ],
    confidence: ConfidenceOption = 0.95,
    imrmc: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.imrmc",
            help="Write the ratings as an input file of the FDA's iMRMC software, too.",
            show_default=False,
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Compare modalities by the ROC areas of several readers.

    Obuchowski-Rockette analysis with Hillis' degrees of freedom, by the DeLong,
    jackknife and unbiased covariance; for random readers and cases, for these readers,
    and for these cases. In JSON, a df2 of null is infinite.
    """
    from napari_ptx.stats import StatsError, mrmc

    try:
        columns = _columns(table)
        found = mrmc(columns, confidence)
        if imrmc is not None:
            _write(columns, imrmc, table.stem)
    except StatsError as error:
        raise TableError(f"{table.name}: {error}") from None
    answer = found.to_json()
    if json_:
        give_json(answer)
        return
    _show(answer)
    give_note(answer["note"])


def _columns(table: Path) -> dict[str, Any]:
    """Read the ratings of a table, or of an input file of iMRMC."""
    from napari_ptx.stats.imrmc import from_imrmc
    from napari_ptx.stats.mrmc_table import COLUMNS

    if table.suffix.lower() == ".imrmc":
        try:
            return from_imrmc(table.read_bytes().decode("utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            raise TableError(f"{table} cannot be read ({error}).") from None
    read = read_table(table)
    return {
        **{name: read.labels(name) for name in COLUMNS[:3]},
        # a missing number is told by reader and case, which says more than its line
        **{name: read.numbers([name], "drop")[:, 0] for name in COLUMNS[3:]},
    }


def _write(columns: dict[str, Any], path: Path, title: str) -> None:
    from napari_ptx.stats.imrmc import to_imrmc
    from napari_ptx.stats.mrmc_table import ratings

    if path.suffix.lower() != ".imrmc":
        raise TableError(f"{path.name} must end in .imrmc, by which iMRMC knows its files.")
    text = to_imrmc(ratings(columns), title)
    part = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        raise TableError(f"{path} cannot be written ({error.strerror or error}).") from None
    finally:
        part.unlink(missing_ok=True)


def _show(answer: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    areas = Table(
        title=f"Areas under the ROC curve ({answer['positives']} positive, "
        f"{answer['negatives']} negative cases)",
        title_justify="left",
    )
    for heading in ("Modality", "Mean", *answer["readers"]):
        areas.add_column(Text(heading))
    for modality, area in answer["auc"].items():
        areas.add_row(Text(modality), number(area["auc"]), *map(number, area["readers"].values()))
    tests = Table(title="Differences", title_justify="left")
    interval = f"{100 * answer['confidence']:g}% interval"
    for heading in ("Comparison", "Effects", "Covariance", "Difference", interval, "F", "df", "p"):
        tests.add_column(heading)
    for test in answer["tests"]:
        everything = test["a"] is None
        tests.add_row(
            Text("all" if everything else f"{test['a']} - {test['b']}"),
            test["effects"],
            test["method"],
            "" if everything else number(test["difference"]),
            "" if everything else f"{number(test['low'])} to {number(test['high'])}",
            "infinite" if test["f"] is None else number(test["f"]),
            f"{test['df1']}, {'infinite' if test['df2'] is None else number(test['df2'])}",
            p_value(test["p"]),
        )
    console().print(areas)
    console().print(tests)
