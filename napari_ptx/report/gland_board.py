"""The gland board: slots x modalities and readers of each patient, with the model and the truth.

It is put together from the record of decisions, the cohort's own truth, a table of readings
beside it, and the candidates of a prediction. A board is a value: a new decision makes a new one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_ptx.ct.matching import DISTANCE_MM
from napari_ptx.report.gland_rows import (
    ECTOPIC,
    FOUND,
    MODEL,
    NOT_FOUND,
    SLOT_ROWS,
    Cell,
    Finder,
    TruthCell,
    again,
    ordered,
    row_of_site,
    row_of_truth,
)
from napari_ptx.report.gland_truth import CohortGland, CohortTruth, TableReadings

if TYPE_CHECKING:
    from napari_ptx.ct.predictions import Predictions
    from napari_ptx.study.gland_record import Decision, GlandRecord

Key = tuple[str, str, str]
_EMPTY, _UNKNOWN = Cell(), TruthCell()


@dataclass(frozen=True)
class ModelRule:
    """Which candidates the model's column counts.

    Parameters
    ----------
    kind
        "score": all whose score reaches the threshold; "accepted": those that a reviewer
        accepted, and nothing is said of a patient whose candidates are not all decided.
    threshold
        The least score; 0 for all.
    """

    kind: Literal["score", "accepted"] = "score"
    threshold: float = 0.0

    @property
    def sentence(self) -> str:
        """What the column means, in words."""
        if self.kind == "accepted":
            which = "candidates that a reviewer accepted"
        elif self.threshold:
            which = f"candidates with a score of at least {self.threshold:g}"
        else:
            which = "all candidates"
        return (
            f"The model: {which}, within {DISTANCE_MM:g} mm of a gland whose place the cohort "
            "knows, by slot otherwise."
        )


@dataclass(frozen=True, eq=False)
class Board:
    """Every patient's board.

    Parameters
    ----------
    patients
        Those of the prediction.
    finders
        The columns, without the model and the truth.
    rows
        Of each patient, in order: the four slots, ectopic sites, what has no slot.
    truth, cells, model
        What is known, by (patient, row), by (patient, row, key of the finder), and by
        (patient, row); what is not there is an empty cell.
    listed
        The patients whose glands the cohort itself lists.
    cohort
        Whether the cohort has a truth of its own, whose numbers of glands are then used.
    rule
        How the model's column was filled.
    """

    patients: tuple[str, ...]
    finders: tuple[Finder, ...]
    rows: Mapping[str, tuple[str, ...]]
    truth: Mapping[tuple[str, str], TruthCell]
    cells: Mapping[Key, Cell]
    model: Mapping[tuple[str, str], Cell]
    listed: tuple[str, ...]
    cohort: bool
    rule: ModelRule

    def cell(self, patient: str, row: str, column: str) -> Cell:
        """Give what a finder (its key), or ``MODEL``, says of a row."""
        if column == MODEL:
            return self.model.get((patient, row), _EMPTY)
        return self.cells.get((patient, row, column), _EMPTY)

    def truth_of(self, patient: str, row: str) -> TruthCell:
        """Give whether there is a gland in a row."""
        return self.truth.get((patient, row), _UNKNOWN)

    def glands(self, patient: str) -> tuple[str, ...]:
        """Give the rows of a patient in which there is a gland."""
        return tuple(
            row for row in self.rows[patient] if self.truth_of(patient, row).state == "present"
        )


def make_board(
    patients: Sequence[str],
    record: GlandRecord | None = None,
    truth: CohortTruth | None = None,
    readings: TableReadings | None = None,
    predictions: Predictions | None = None,
    rule: ModelRule | None = None,
    *,
    finders: Iterable[Finder] = (),
    rows: Iterable[tuple[str, str]] = (),
) -> Board:
    """Put the board together.

    Parameters
    ----------
    patients
        Those to show.
    record
        What was decided; it goes before everything else.
    truth
        What the cohort says of its glands.
    readings
        A table of readings that is shown where the record says nothing.
    predictions, rule
        The candidates, and which of them count.
    finders
        Columns that have no cell yet.
    rows
        (patient, row) of ectopic sites that have no cell yet.
    """
    rule = rule or ModelRule()
    known = set(patients)
    kinds: dict[str, Mapping[tuple[str, str], Decision]] = {
        kind: {} if record is None else record.current(kind)
        for kind in ("found", "truth", "candidate", "slot")
    }
    columns: dict[str, Finder] = {}
    cells: dict[Key, Cell] = {}
    if readings is not None:
        gone = _taken_back(record)
        columns |= {one.key: one for one in readings.finders if one.key not in gone}
        cells |= {
            key: Cell(value, "table")
            for key, value in readings.cells.items()
            if key[0] in known and key[2] not in gone
        }
    columns |= {one.key: one for one in finders}
    for (patient, subject), row in kinds["found"].items():
        slot, _, name = subject.partition("|")
        if patient not in known or not name:
            continue
        columns.setdefault(name, Finder.of(name))
        cells[patient, slot, name] = Cell(str(row.value), "record", row.who, row.at)
    said: dict[tuple[str, str], Decision] = {}
    for (patient, subject), row in kinds["truth"].items():
        place = patient, row_of_truth(subject, row.value)
        if place not in said or said[place].number < row.number:
            said[place] = row
    of_patient: dict[str, set[str]] = {patient: set(SLOT_ROWS) for patient in patients}
    for patient, slot, _ in cells:
        of_patient[patient].add(slot)
    for patient, slot in (*said, *rows):
        if patient in known:
            of_patient[patient].add(slot)
    if truth is not None:
        for patient, glands in truth.rows.items():
            if patient in known:
                of_patient[patient].update(glands)
    model = _model(patients, of_patient, kinds, truth, predictions, rule)
    for some in of_patient.values():
        if not any(row.startswith(ECTOPIC) for row in some):
            some.add(ECTOPIC)
    in_order = {patient: ordered(some) for patient, some in of_patient.items()}
    listed = () if truth is None else tuple(name for name in truth.patients if name in known)
    return Board(
        tuple(patients), tuple(columns.values()), in_order,
        _truth(in_order, said, truth, set(listed)),
        cells, model, listed, truth is not None, rule,
    )  # fmt: skip


def _taken_back(record: GlandRecord | None) -> set[str]:
    """Give the finders that were removed or renamed: the table does not bring them back."""
    if record is None:
        return set()
    there = {subject.partition("|")[2] for _, subject in record.current("found")}
    taken = {
        row.subject.partition("|")[2]
        for row in record.decisions
        if row.kind == "found" and row.value is None and row.undoes is None
    }
    return taken - there


def _truth(
    rows: Mapping[str, tuple[str, ...]],
    decided: Mapping[tuple[str, str], Decision],
    truth: CohortTruth | None,
    listed: set[str],
) -> dict[tuple[str, str], TruthCell]:
    found: dict[tuple[str, str], TruthCell] = {}
    for patient, some in rows.items():
        glands = truth.rows[patient] if truth is not None and patient in listed else {}
        for row in some:
            number = glands[row].gland if row in glands else 0
            decision = decided.get((patient, row))
            value = decision.value if decision is not None else None
            if decision is not None and isinstance(value, dict):
                state: Literal["present", "absent"] = (
                    "present" if value.get("state") == "present" else "absent"
                )
                found[patient, row] = TruthCell(
                    state, "record", str(value.get("basis", "")), number, decision.who,
                    decision.at, decision.subject,
                )  # fmt: skip
            elif patient in listed:
                found[patient, row] = TruthCell(
                    "present" if row in glands else "absent", "cohort", "", number
                )
    return found


def _model(
    patients: Sequence[str],
    rows: dict[str, set[str]],
    decided: Mapping[str, Mapping[tuple[str, str], Decision]],
    truth: CohortTruth | None,
    predictions: Predictions | None,
    rule: ModelRule,
) -> dict[tuple[str, str], Cell]:
    """Fill the model's column; a candidate where no gland is adds its row."""
    if predictions is None:
        return {}
    found: dict[tuple[str, str], Cell] = {}
    mine: dict[str, list[dict[Any, Any]]] = {}
    table = predictions.candidates.sort_values("score", ascending=False)
    one: dict[Any, Any]
    for one in table.to_dict("records"):
        mine.setdefault(str(one["patient"]), []).append(one)
    for patient in patients:
        candidates = mine.get(patient, [])
        states = [decided["candidate"].get((patient, str(one["candidate"]))) for one in candidates]
        if rule.kind == "accepted":
            counted = [state is not None and state.value == "accepted" for state in states]
            certain = all(state is not None for state in states)
        else:
            counted = [float(one["score"]) >= rule.threshold for one in candidates]
            certain = True
        glands = {} if truth is None else truth.rows.get(patient, {})
        hits: dict[str, int] = {}
        for one, counts in zip(candidates, counted, strict=True):
            if counts:
                given = decided["slot"].get((patient, str(one["candidate"])))
                said = None if given is None else row_of_site(str(given.value))
                row = _row(one, said, glands, hits)
                hits[row] = hits.get(row, 0) + 1
        rows[patient] |= hits.keys()
        for row in rows[patient]:
            if row in hits or certain:
                found[patient, row] = Cell(
                    FOUND if row in hits else NOT_FOUND, "model", times=max(1, hits.get(row, 0))
                )
    return found


def _row(
    candidate: Mapping[Any, Any],
    given: str | None,
    glands: Mapping[str, CohortGland],
    taken: Mapping[str, int],
) -> str:
    """Choose the row of a candidate; best scores come first.

    The slot that a person gave it holds. A gland whose place is known is found within 5 mm of
    it, as an evaluation by centroids has it: geometry knows no ectopic site, and a slot may hold
    a gland and something else. Other glands are found by their slot. All that find none in a
    slot share one row.
    """
    slot = given or row_of_site(str(candidate["slot"] or ""))
    placed = {row: gland.place for row, gland in glands.items() if gland.place is not None}
    if given is None:
        place = tuple(float(candidate[axis]) for axis in ("x_mm", "y_mm", "z_mm"))
        far = {row: math.dist(place, where) for row, where in placed.items() if row not in taken}
        nearest = min(far, key=lambda row: far[row], default=None)
        if nearest is not None and far[nearest] <= DISTANCE_MM:
            return nearest
    number = 1
    while (row := again(slot, number)) in glands and (
        row in taken or (given is None and row in placed)
    ):
        number += 1
    return row
