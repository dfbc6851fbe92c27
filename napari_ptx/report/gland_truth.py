"""The glands of a cohort as rows of the gland board."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.ct.readings import read_readings
from napari_ptx.ct.space import body_centre, measure, same_grid, slot_of
from napari_ptx.ct.tables import read_rows
from napari_ptx.ct.truth import Truth, glands_of, read_truth
from napari_ptx.image import read_image
from napari_ptx.report.gland_rows import (
    ECTOPIC,
    FOUND,
    NOT_FOUND,
    SLOT_ROWS,
    UNPLACED,
    Finder,
    again,
    ectopic,
    row_of_site,
)

Place = tuple[float, float, float]


@dataclass(frozen=True)
class CohortGland:
    """A gland of the cohort: its number, and its centroid (x, y, z in mm) where it is known."""

    gland: int
    place: Place | None = None


@dataclass(frozen=True)
class CohortTruth:
    """What the cohort itself says of its glands.

    Parameters
    ----------
    path
        The cohort table.
    patients
        Those whose glands are known: what is not listed of them is not there.
    rows
        For each patient and row of the board the gland.
    """

    path: Path
    patients: tuple[str, ...]
    rows: Mapping[str, Mapping[str, CohortGland]]

    @property
    def table(self) -> pd.DataFrame:
        """The numbers of all glands: ``patient, gland``."""
        found = [
            (patient, one.gland)
            for patient in self.patients
            for one in sorted(self.rows[patient].values(), key=lambda one: one.gland)
        ]
        return pd.DataFrame(found, columns=["patient", "gland"])


@dataclass(frozen=True)
class TableReadings:
    """A table of readings as cells of the board.

    Parameters
    ----------
    path
        The table.
    finders
        Its modalities and readers.
    cells
        "+" or "-" for each (patient, row, key of the finder).
    """

    path: Path
    finders: tuple[Finder, ...]
    cells: Mapping[tuple[str, str, str], str]


def listed_truth(cohort: str | Path) -> CohortTruth | None:
    """Read the glands that a table beside the cohort lists; quick.

    Returns
    -------
    CohortTruth or None
        ``None`` where there are labels and no table, so that they must be measured.

    Raises
    ------
    CtError
        For a cohort without labels, or with faults.
    """
    truth = read_truth(cohort)
    return _placed(truth, truth.glands) if truth.listed else None


def measured_truth(cohort: str | Path, progress: Progress | None = None) -> CohortTruth:
    """Measure the glands on the labels of the cohort, where no table lists them; takes a while.

    Raises
    ------
    CtError
        As for ``listed_truth``.
    ImageError
        If a volume cannot be read.
    """
    truth = read_truth(cohort)
    parts = []
    for done, patient in enumerate(truth.patients):
        labels = read_image(truth.labels[patient])
        plain = read_image(truth.images[patient, "plain"])
        centre = body_centre(plain) if same_grid(labels, plain) else None
        found: dict[int, dict[str, Any]] = {
            gland: {
                **one,
                "slot": ""
                if centre is None
                else slot_of((one["x_mm"], one["y_mm"], one["z_mm"]), centre),
            }
            for gland, one in measure(labels).items()
        }
        parts.append(glands_of(truth, patient, found))
        if progress is not None:
            progress(done + 1, len(truth.patients), f"Glands of patient {patient}")
    filled = [part for part in parts if len(part)]
    return _placed(truth, pd.concat(filled, ignore_index=True) if filled else truth.glands)


def _placed(truth: Truth, glands: pd.DataFrame) -> CohortTruth:
    rows: dict[str, dict[str, CohortGland]] = {patient: {} for patient in truth.patients}
    for one in glands.sort_values(["patient", "gland"]).to_dict("records"):
        slot, mine = str(one["slot"] or ""), rows[str(one["patient"])]
        if slot in SLOT_ROWS:
            place = slot
        else:
            place = ectopic(str(one["site"] or "")) if slot == ECTOPIC else UNPLACED
        number = 1
        while again(place, number) in mine:
            number += 1
        where = (float(one["x_mm"]), float(one["y_mm"]), float(one["z_mm"]))
        known = None if any(math.isnan(value) for value in where) else where
        mine[again(place, number)] = CohortGland(int(one["gland"]), known)
    return CohortTruth(truth.path, truth.patients, rows)


def readings_beside(cohort: Path) -> Path | None:
    """Give the table of readings beside a cohort, where there is one."""
    path = cohort.parent / "readings.csv"
    return path if path.is_file() else None


def table_readings(path: str | Path, truth: CohortTruth) -> TableReadings:
    """Read a table of readings as cells of the board.

    Raises
    ------
    CtError
        As ``read_readings``.
    """
    read_readings(path, truth.table, truth.patients)  # every fault of the table at once
    row_of = {
        (patient, str(one.gland)): row
        for patient, rows in truth.rows.items()
        for row, one in rows.items()
    }
    finders: dict[str, Finder] = {}
    cells: dict[tuple[str, str, str], str] = {}
    false: list[tuple[str, str, str]] = []
    clear: list[tuple[str, str]] = []
    need = ("patient", "gland", "modality", "found")
    for _, row in read_rows(Path(path), "a table of readings", need):
        finder = Finder.of(Finder(row["modality"], row.get("reader", "")).key)
        finders.setdefault(finder.key, finder)
        patient, gland = row["patient"], row["gland"].removesuffix(".0")
        found = row["found"].lower().removesuffix(".0")
        if gland:
            if found:
                hit = found in ("1", "true", "yes")
                cells[patient, row_of[patient, gland], finder.key] = FOUND if hit else NOT_FOUND
        elif found in ("0", "false", "no"):
            clear.append((patient, finder.key))
        else:
            false.append((patient, row_of_site(row.get("site", "")), finder.key))
    for patient, place, key in false:
        # A false finding never stands in the row of a gland, nor two in one row.
        number = 1
        while again(place, number) in truth.rows[patient] or (
            (patient, again(place, number), key) in cells
        ):
            number += 1
        cells[patient, again(place, number), key] = FOUND
    for patient, key in clear:
        if not any(cell[0] == patient and cell[2] == key for cell in cells):
            # Read, and nothing found: of glands there is no word, so only empty places say it.
            empty = [slot for slot in SLOT_ROWS if slot not in truth.rows[patient]]
            for slot in empty or [ECTOPIC]:
                cells[patient, slot, key] = NOT_FOUND
    return TableReadings(Path(path), tuple(finders.values()), cells)
