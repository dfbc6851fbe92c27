"""The tables of an export that hold all readings: long, for R, and COCO."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_ptx.roi import MEASURANDS, RoiError, measure
from napari_ptx.roi.coco import Picture, write_coco
from napari_ptx.roi.outline_set import OutlineSet
from napari_ptx.study.types import CaseInfo, Reading

LONG = "readings_long.csv"
COCO = "coco.json"
R_FOLDER = "r"

_LONG_COLUMNS = (
    *("case", "patient", "reader", "round", "lesion", "frame"),
    *("measurand", "value", "unit", "aided"),
)

_ASCII = {"mm²": "mm2", "px²": "px2"}
"""Units in the names of files, which go through archives of every age."""


def write_long(
    path: Path, readings: Sequence[Reading], sets: Mapping[tuple[str, str, int, bool], OutlineSet]
) -> None:
    """Write a row for each outline and measurand; lines that enclose nothing have none.

    Lesions are counted from 1 and measured one by one, so that where two overlap their areas
    add up to more than the reading's. ``sets`` is by case, reader,
    round, and whether the reading is aided.
    """
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow(_LONG_COLUMNS)
        for reading in readings:
            made = sets.get((reading.case, reading.reader, reading.round, reading.aided))
            for number, outline in made.lesions() if made else ():
                measured = made.measured(number) if made else None
                if measured is None:
                    continue
                head = (reading.case, reading.patient, reading.reader, reading.round)
                for measurand in MEASURANDS:
                    value = getattr(measured, measurand.name)
                    table.writerow(
                        (*head, number, outline.frame, measurand.name, value,
                         measurand.unit(measured.unit), int(reading.aided))
                    )  # fmt: skip


def write_r(
    folder: Path,
    readings: Sequence[Reading],
    cases: Mapping[str, CaseInfo],
    sessions: Sequence[tuple[str, int]],
    unit: str,
) -> None:
    """Write a table for each measurand: a row for each case, a column for each session.

    As ``psych::ICC`` and ``irr::icc`` take them once case and patient are left out. A case
    without a reading in a session is NA there. All values are in one unit, which is in the
    name of the file: mm only where every reading is calibrated.

    Parameters
    ----------
    readings
        Those with outlines.
    sessions
        (reader, round) of each column.
    unit
        "mm" or "px".
    """
    folder.mkdir()
    columns = r_names(sessions)
    values: dict[str, dict[tuple[str, int], Any]] = {case: {} for case in cases}
    for reading in readings:
        spacing = cases[reading.case].spacing_of(reading.outlines) if unit == "mm" else None
        try:
            measured = measure(reading.outlines, spacing)
        except RoiError:
            continue
        values[reading.case][reading.reader, reading.round] = measured
    for measurand in MEASURANDS:
        stated = measurand.unit(unit)
        name = f"{measurand.name}_{_ASCII.get(stated, stated)}.csv"
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(("case", "patient", *columns.values()))
            for case, row in values.items():
                cells = [
                    getattr(row[session], measurand.name) if session in row else "NA"
                    for session in columns
                ]
                table.writerow((case, cases[case].patient, *cells))
    with (folder / "columns.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("column", "reader", "round"))
        table.writerows((name, *session) for session, name in columns.items())


def r_names(sessions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Name sessions so that R's ``make.names`` leaves the names as they are: "A_1"."""
    names: dict[tuple[str, int], str] = {}
    for reader, round_ in sessions:
        plain = re.sub(r"[^0-9A-Za-z]+", "_", reader).strip("_")
        if not re.match(r"[A-Za-z]", plain):
            plain = f"reader_{plain}".rstrip("_")
        name, count = f"{plain}_{round_}", 1
        while name in names.values():
            count += 1
            name = f"{plain}{count}_{round_}"
        names[reader, round_] = name
    return names


def write_pictures(
    path: Path, cases: Iterable[CaseInfo], sets: Iterable[OutlineSet], about: str
) -> None:
    """Write all outlines as COCO; a case without any is there as an image."""
    write_coco(
        path, [Picture(case.case, case.image.name, case.shape) for case in cases], sets, about
    )
