"""An agreement written out: tables as CSV, everything as JSON, figures as SVG and PNG.

::

    agreement.json         all but the single values, with settings and versions
    inter.csv, intra.csv   ICC, intervals, bias: a row per comparison and measurand
    overlap.csv            a row per pair of readings; overlap_summary.csv: per comparison
    values.csv             a row per reading and measurand
    unrecalled.csv         intra.csv without the cases that a reader remembered, if asked
    figures/               forest, Dice, HD95; Bland-Altman and scatter per comparison
"""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.figures import (
    bland_altman_figure,
    forest_figure,
    overlap_figure,
    save_figure,
    scatter_figure,
)
from napari_ptx.study.agreement import Agreement
from napari_ptx.study.comparisons import ENOUGH, short_names
from napari_ptx.study.types import StudyError


def write_agreement(
    result: Agreement, folder: Path, *, progress: Progress | None = None
) -> list[Path]:
    """Write an agreement into a folder, over an earlier one of the same study.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    StudyError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [*_write_tables(result, folder), *_write_figures(result, folder, progress)]
    except OSError as error:
        raise StudyError(
            f"The agreement cannot be written to {folder} ({error.strerror or error}); choose "
            "another folder."
        ) from error


def _write_tables(result: Agreement, folder: Path) -> list[Path]:
    tables = {
        "inter": result.inter,
        "intra": result.intra,
        "overlap": result.overlap,
        "overlap_summary": result.summary(),
        "values": result.values,
        **({"unrecalled": result.unrecalled} if len(result.unrecalled) else {}),
    }
    written = []
    for name, table in tables.items():
        written.append(folder / f"{name}.csv")
        # A mark of byte order tells Excel that names and units are UTF-8.
        table.to_csv(written[-1], index=False, encoding="utf-8-sig")
    about = {**result.to_json(), "versions": {"napari-ptx": version("napari-ptx")}}
    written.append(folder / "agreement.json")
    written[-1].write_text(json.dumps(about, indent=2, allow_nan=False), encoding="utf-8")
    return written


def _write_figures(result: Agreement, folder: Path, progress: Progress | None) -> list[Path]:
    place = folder / "figures"
    study = str(result.settings["study"])
    note = f"Study: {study}."
    written = []
    for kind, table in (("inter", result.inter), ("intra", result.intra)):
        defined = table[table["n"] >= ENOUGH]
        if len(defined):
            figure = forest_figure(defined, threshold=result.settings["threshold"], note=note)
            written += save_figure(figure, place / f"forest_{kind}")
    for metric in ("dice", "hd95"):
        figure = overlap_figure(result.overlap, metric=metric, note=note)
        written += save_figure(figure, place / metric)
    pairwise = result.rows.query("k == 2 and n >= @ENOUGH", local_dict={"ENOUGH": ENOUGH})
    for done, row in enumerate(pairwise.to_dict("records")):
        if progress is not None:
            progress(done, len(pairwise), "Drawing figures")
        written += _write_pair(result, pd.Series(row), place, note)
    return written


def _write_pair(result: Agreement, row: pd.Series, place: Path, note: str) -> list[Path]:
    pairs = result.pairs(row["comparison"], row["measurand"])
    names = short_names(row)
    stem = re.sub(r"\W+", "_", f"{row['comparison']}_{row['measurand']}")
    statistics = result.bland_altman(row["comparison"], row["measurand"])
    plot = bland_altman_figure(
        pairs, names=names, label=row["label"], unit=row["unit"], statistics=statistics, note=note
    )
    scatter = scatter_figure(
        pairs,
        names=names,
        label=row["label"],
        unit=row["unit"],
        annotation=f"{row['name']} {row['icc']:.2f} [{row['low']:.2f}, {row['high']:.2f}]",
        note=note,
    )
    return [
        *save_figure(plot, place / f"bland_altman_{stem}"),
        *save_figure(scatter, place / f"scatter_{stem}"),
    ]
