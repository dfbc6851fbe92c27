"""Readings of the gland board: into the record, and out as the table ``ct evaluate`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.child import Progress
from napari_ptx.ct.tables import write_table
from napari_ptx.report.gland_board import Board, ModelRule, make_board
from napari_ptx.report.gland_rows import (
    ECTOPIC,
    FOUND,
    MODEL,
    SLOT_ROWS,
    BoardError,
    Finder,
    in_words,
    names_of,
    place_of,
    site_of,
)

if TYPE_CHECKING:
    from napari_ptx.report.gland_truth import TableReadings
    from napari_ptx.study.gland_record import GlandRecord

COLUMNS = ("patient", "gland", "modality", "reader", "found", "site")
"""The columns of a table of readings."""

GLANDS = ("patient", "gland", "slot", "site", "state", "basis")
"""The columns of the table that says what the numbers of glands mean."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tally:
    """All glands of a board, and who found them.

    Parameters
    ----------
    patients, rows
        ``(glands,)`` whose they are, and where.
    found
        For each finder as an evaluation calls it, and the model where it says something:
        ``(glands,)`` 1, 0, NaN where it was not used.
    false
        How many findings of each that are no gland.
    unknown
        Cells in rows of which nobody knows whether there is a gland; they count nowhere.
    """

    patients: tuple[str, ...]
    rows: tuple[str, ...]
    found: Mapping[str, Floats]
    false: Mapping[str, int]
    unknown: int

    def same(self, other: Tally) -> bool:
        """Tell whether all numbers of the two are the same."""
        return (
            (self.patients, self.rows, self.false, self.unknown)
            == (other.patients, other.rows, other.false, other.unknown)
            and list(self.found) == list(other.found)
            and all(
                np.array_equal(values, other.found[name], equal_nan=True)
                for name, values in self.found.items()
            )
        )


@dataclass(frozen=True, eq=False)
class Exported:
    """A board as tables.

    Parameters
    ----------
    readings
        ``COLUMNS``.
    glands
        ``GLANDS``: what the numbers in ``readings`` mean.
    notes
        What was left out, each a sentence.
    """

    readings: pd.DataFrame
    glands: pd.DataFrame
    notes: tuple[str, ...]


def tally(board: Board) -> Tally:
    """Count a board up; finders without a cell at a gland are left out."""
    glands = [(patient, row) for patient in board.patients for row in board.glands(patient)]
    names = names_of(used(board))
    columns = {**names, MODEL: MODEL}
    found: dict[str, Floats] = {}
    false: dict[str, int] = {}
    unknown = 0
    for key, name in columns.items():
        values = {FOUND: 1.0, "-": 0.0}
        hits = np.array([values.get(board.cell(*gland, key).value, np.nan) for gland in glands])
        states = [
            board.truth_of(patient, row).state
            for patient in board.patients
            for row in board.rows[patient]
            if (cell := board.cell(patient, row, key)).value == FOUND
            for _ in range(cell.times)
        ]
        if len(hits) and not np.isnan(hits).all():
            found[name] = hits
            false[name] = states.count("absent")
        if key != MODEL:
            unknown += states.count("")
    return Tally(
        tuple(patient for patient, _ in glands), tuple(row for _, row in glands),
        found, false, unknown,
    )  # fmt: skip


def used(board: Board) -> list[Finder]:
    """Give the finders that have a cell which says something."""
    keys = {key for (_, _, key), cell in board.cells.items() if cell.value}
    return [one for one in board.finders if one.key in keys]


def export(board: Board, *, model: str | None = None) -> Exported:
    """Give the board as the table that ``ct evaluate --readings`` takes.

    Parameters
    ----------
    model
        Take the model's column along as the readings of a modality of this name; otherwise it
        is left out, since an evaluation matches the candidates itself.

    Raises
    ------
    BoardError
        If nothing was read, or the model is to be called like a modality.
    """
    notes: list[str] = []
    numbers = _numbers(board, notes)
    columns: dict[str, Finder] = {one.key: one for one in used(board)}
    if model is not None:
        if model in {one.modality for one in columns.values()}:
            raise BoardError(f"A modality is called {model!r}, too; give the model another name.")
        columns[MODEL] = Finder(model)
    rows: list[tuple[str, int | str, str, str, int, str]] = []
    unknown = 0
    for key, finder in columns.items():
        mine: list[tuple[str, int | str, str, str, int, str]] = []
        at_glands = 0
        for patient in board.patients:
            if board.cohort and patient not in board.listed:
                continue
            here: list[tuple[str, int | str, str, str, int, str]] = []
            read = False
            for row in board.rows[patient]:
                cell = board.cell(patient, row, key)
                value = cell.value
                state = board.truth_of(patient, row).state
                gland = numbers.get((patient, row), 0)
                if not value:
                    continue
                unknown += state == ""
                read = read or state != ""
                who = (finder.modality, finder.reader)
                if gland:
                    here.append((patient, gland, *who, int(value == FOUND), site_of(row)))
                    at_glands += 1
                elif state == "absent" and value == FOUND:
                    here += [(patient, "", *who, 1, site_of(row))] * cell.times
            if read and not here:
                here.append((patient, "", finder.modality, finder.reader, 0, ""))
            mine += here
        if at_glands:
            rows += mine
        else:
            notes.append(f"{finder.key} was used on no gland and is left out.")
    if unknown:
        notes.append(
            f"{unknown} cells are left out: nobody has said whether there is a gland in their row."
        )
    strangers = [name for name in board.patients if board.cohort and name not in board.listed]
    if strangers:
        notes.append(f"Patients that are not in the cohort are left out: {', '.join(strangers)}.")
    if not rows:
        raise BoardError(
            "No reading says anything of a gland yet: fill cells in, and say which glands there "
            "are.", notes,
        )  # fmt: skip
    rows.sort(key=lambda one: board.patients.index(one[0]))
    return Exported(
        pd.DataFrame(rows, columns=list(COLUMNS)), _glands(board, numbers), tuple(notes)
    )


def _numbers(board: Board, notes: list[str]) -> dict[tuple[str, str], int]:
    """Number the glands as the cohort does; without one, from 1 in each patient."""
    found: dict[tuple[str, str], int] = {}
    lacking = []
    for patient in board.patients:
        for place, row in enumerate(board.glands(patient), start=1):
            number = board.truth_of(patient, row).gland if board.cohort else place
            if number:
                found[patient, row] = number
            elif patient in board.listed:
                lacking.append(f"{patient} {in_words(row)}")
    if lacking:
        notes.append(
            "Glands that the cohort's labels lack are left out, and an evaluation does not know "
            f"them: {', '.join(lacking)}."
        )
    gone = [
        f"{patient} {in_words(row)}"
        for (patient, row), cell in board.truth.items()
        if cell.gland and cell.state == "absent"
    ]
    if gone:
        notes.append(
            "The labels have glands that were decided to be none; take them out of the labels, "
            f"too: {', '.join(gone)}."
        )
    return found


def _glands(board: Board, numbers: Mapping[tuple[str, str], int]) -> pd.DataFrame:
    rows = []
    for (patient, row), number in numbers.items():
        cell = board.truth_of(patient, row)
        place = place_of(row)[0]
        slot = place if place in SLOT_ROWS else ECTOPIC if place.startswith(ECTOPIC) else ""
        site = site_of(row) if slot == ECTOPIC else ""
        rows.append((patient, number, slot, site, cell.state, cell.basis or cell.origin))
    return pd.DataFrame(rows, columns=list(GLANDS))


def write_readings(path: Path, exported: Exported) -> None:
    """Write the table of readings, whole or not at all.

    Raises
    ------
    BoardError
        If it cannot be written.
    """
    try:
        write_table(exported.readings, path)
    except OSError as error:
        raise BoardError(
            f"The readings cannot be written to {path} ({error.strerror}); close the file, or "
            "choose another place."
        ) from None


# What writes many decisions at once


def import_readings(
    record: GlandRecord, table: TableReadings, who: str, progress: Progress | None = None
) -> int:
    """Write the cells of a table into the record, each as a decision; give how many.

    A cell that somebody has decided on already stays as it is.

    Raises
    ------
    StudyError
        If nobody is named, or the record cannot be written.
    """
    decided = record.current("found")
    wanted = {
        (patient, f"{row}|{key}"): value
        for (patient, row, key), value in table.cells.items()
        if (patient, f"{row}|{key}") not in decided
    }
    for done, ((patient, subject), value) in enumerate(wanted.items(), start=1):
        record.add(patient, "found", subject, value, who)
        if progress is not None:
            progress(done, len(wanted), "Writing readings into the record")
    return len(wanted)


def rename_finder(
    record: GlandRecord, old: str, new: str | None, who: str, progress: Progress | None = None
) -> int:
    """Put the decisions on a finder under another name, or take them back (``new=None``).

    The record keeps the old rows. Gives how many decisions were moved or taken back.

    Raises
    ------
    BoardError
        If the other name has decisions already.
    StudyError
        As for ``import_readings``.
    """
    decided = record.current("found")
    names = {subject.partition("|")[2] for _, subject in decided}
    if new is not None and new in names:
        raise BoardError(f"There is a column {new!r} already; choose another name.")
    mine = [row for (_, subject), row in decided.items() if subject.partition("|")[2] == old]
    for done, row in enumerate(mine, start=1):
        slot = row.subject.partition("|")[0]
        if new is not None:
            record.add(row.patient, "found", f"{slot}|{new}", row.value, who)
        record.add(row.patient, "found", row.subject, None, who)
        if progress is not None:
            progress(done, len(mine), "Renaming" if new is not None else "Taking back")
    return len(mine)


def read_board(
    prediction: str | Path, cohort: str | Path, *, imported: bool = True,
    rule: ModelRule | None = None,
) -> Board:  # fmt: skip
    """Put the board of a prediction and its cohort together, from the files alone.

    Parameters
    ----------
    prediction
        The folder that ``ct predict`` wrote; the record beside it is only read.
    cohort
        The cohort table; its labels or ``glands.csv`` are the truth where nobody decided.
    imported
        Only what is in the record; otherwise ``readings.csv`` beside the cohort, too.

    Raises
    ------
    PtxError
        As the readers of the files.
    """
    from napari_ptx.ct.errors import CtError
    from napari_ptx.ct.predictions import read_predictions
    from napari_ptx.report.gland_truth import (
        listed_truth,
        measured_truth,
        readings_beside,
        table_readings,
    )
    from napari_ptx.study.gland_record import FILE_NAME, GlandRecord

    predictions = read_predictions(prediction)
    try:
        truth = listed_truth(cohort) or measured_truth(cohort)
    except CtError:
        if not Path(cohort).is_file() or _has_labels(Path(cohort)):
            raise
        truth = None  # a cohort without labels: the truth is what was decided
    beside = readings_beside(Path(cohort))
    table = None
    if not imported and beside is not None and truth is not None:
        table = table_readings(beside, truth)
    place = Path(prediction) / FILE_NAME
    if not place.is_file():
        return make_board(predictions.patients, None, truth, table, predictions, rule)
    with GlandRecord.open(place) as record:
        return make_board(predictions.patients, record, truth, table, predictions, rule)


def _has_labels(cohort: Path) -> bool:
    from napari_ptx.ct.tables import read_rows

    rows = read_rows(cohort, "a cohort of CT", ("patient", "phase", "image"))
    return any(row.get("labels") for _, row in rows)
