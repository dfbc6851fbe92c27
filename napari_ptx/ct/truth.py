"""The truth of a cohort: which glands each patient has, and where its volumes lie."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_ptx.ct.errors import CtError
from napari_ptx.ct.space import SLOTS
from napari_ptx.ct.tables import Row, number, read_rows, stop, whole

MEASURES = (
    "x_mm", "y_mm", "z_mm", "volume_mm3", "diameter_mm",
    "hu_plain", "hu_arterial", "cnr_plain", "cnr_arterial", "vessel_mm", "thyroid_mm",
)  # fmt: skip
"""What is known of a gland in numbers."""

_WORDS = {
    "vessel": ("artery", "vein", "carotid", "jugular", "vessel"),
    "thyroid": ("thyroid",),
}

COLUMNS = ("patient", "gland", "slot", "site", "pattern", "visible", *MEASURES)
"""The columns of a table of glands."""

_YES, _NO = ("1", "true", "yes"), ("0", "false", "no")


@dataclass(frozen=True, eq=False)
class Truth:
    """The patients of a cohort with their volumes and their glands.

    Parameters
    ----------
    path
        The cohort table.
    patients
        In the order of the table.
    images
        The file of each patient and phase.
    labels, anatomy
        For each patient the instances of its glands, and its anatomy where there is one; both
        on the grid of the plain image.
    glands
        What ``glands.csv`` beside the cohort says, with ``COLUMNS``; without that file it has
        no rows, and glands are measured on their labels.
    listed
        Whether there was such a file.
    values
        Which values of the anatomy are "vessel" and which "thyroid", by the names in
        ``anatomy.json`` beside the cohort ({"thyroid": 5, "carotid_left": 6}), or in the
        ``simulation.json`` of simulated necks.
    note
        What the latter says of the data, "" without it.
    """

    path: Path
    patients: tuple[str, ...]
    images: dict[tuple[str, str], Path]
    labels: dict[str, Path]
    anatomy: dict[str, Path]
    glands: pd.DataFrame
    listed: bool
    values: dict[str, tuple[int, ...]] = field(default_factory=dict)
    note: str = ""


def read_truth(cohort: str | Path) -> Truth:
    """Read a cohort table of CT, and the table of glands beside it.

    Parameters
    ----------
    cohort
        CSV with ``patient, phase, image``, one row per patient and phase, and ``labels`` in the
        row of the plain phase; paths are relative to the table.

    Raises
    ------
    CtError
        For all faults of a table at once: a patient without a plain phase or without labels, a
        phase twice, a file that is not there; in ``glands.csv`` a patient that is not in the
        cohort, a gland twice, a slot that is none, a number that is none.
    """
    path = Path(cohort).absolute()
    faults: list[str] = []
    images: dict[tuple[str, str], Path] = {}
    labels: dict[str, Path] = {}
    anatomy: dict[str, Path] = {}
    patients: dict[str, int] = {}
    rows = read_rows(path, "a cohort of CT", ("patient", "phase", "image"))
    for place, row in rows:
        patient, phase = row["patient"], row["phase"].lower()
        if not patient or not phase:
            faults.append(f"row {place}: the patient or the phase is empty")
            continue
        patients.setdefault(patient, place)
        if (patient, phase) in images:
            faults.append(f"row {place}: patient {patient} has a second {phase} phase")
        for column, files in (("image", images), ("labels", labels), ("anatomy", anatomy)):
            text = row.get(column, "")
            if not text:
                if column == "image":
                    faults.append(f"row {place}, column 'image': is empty")
                continue
            file = path.parent / text
            if not file.is_file():
                faults.append(f"row {place}, column {column!r}: there is no file {text}")
            if column == "image":
                images[patient, phase] = file
            elif phase == "plain":
                files[patient] = file  # type: ignore[index]
    for patient, place in patients.items():
        if (patient, "plain") not in images:
            faults.append(f"row {place}: patient {patient} has no plain phase")
        elif patient not in labels:
            faults.append(f"row {place}: patient {patient} has no labels in the plain phase's row")
    if not rows:
        faults.append("there is no row below the header")
    stop(faults, f"{path} has faults; mend each and try again")
    beside = path.parent / "glands.csv"
    listed = beside.is_file()
    table = _read_glands(beside, set(patients)) if listed else pd.DataFrame(columns=list(COLUMNS))
    simulation = _read_json(path.parent / "simulation.json")
    named = _read_json(path.parent / "anatomy.json") or simulation.get("anatomy_values", {})
    return Truth(
        path, tuple(patients), images, labels, anatomy, table, listed,
        _values(named, path.parent), str(simulation.get("note", "")),
    )  # fmt: skip


def _read_json(path: Path) -> dict[str, Any]:
    """Read what a JSON file beside the cohort says; nothing where there is no file."""
    if not path.is_file():
        return {}
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CtError(f"{path} cannot be read ({error}); mend it or take it away.") from None
    return said if isinstance(said, dict) else {}


def _values(named: Any, folder: Path) -> dict[str, tuple[int, ...]]:
    """Find the values of vessels and thyroid by their names."""
    try:
        pairs = {str(name).lower(): int(value) for name, value in named.items()}
    except (AttributeError, TypeError, ValueError):
        raise CtError(
            f"{folder / 'anatomy.json'} should name the values of the anatomy, as in "
            '{"thyroid": 5, "carotid_left": 6}; mend it or take it away.'
        ) from None
    # "parathyroid" is not the thyroid
    found = {
        kind: tuple(
            value
            for name, value in pairs.items()
            if any(word in name for word in words) and "parathyroid" not in name
        )
        for kind, words in _WORDS.items()
    }
    return {kind: values for kind, values in found.items() if values}


def _read_glands(path: Path, patients: set[str]) -> pd.DataFrame:
    faults: list[str] = []
    rows = []
    seen: dict[tuple[str, int], int] = {}
    for place, row in read_rows(path, "a table of glands", ("patient", "gland")):
        if row["patient"] not in patients:
            continue  # a cohort may be a part of those that the table is about
        one = _gland(row, place, faults)
        first = seen.setdefault((one["patient"], one["gland"]), place)
        if first != place:
            faults.append(f"row {place}: the gland of row {first} stands here again")
        rows.append(one)
    stop(faults, f"{path} has faults; mend each and try again")
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({**dict.fromkeys((*MEASURES, "visible"), float), "gland": int})


def _gland(row: Row, place: int, faults: list[str]) -> dict[str, Any]:
    slot, seen = row.get("slot", ""), row.get("visible", "").lower()
    if slot and slot not in SLOTS:
        faults.append(f"row {place}, column 'slot': {slot!r} is none of {', '.join(SLOTS)}")
    if seen not in (*_YES, *_NO, ""):
        faults.append(f"row {place}, column 'visible': {seen!r} is neither true nor false")
    return {
        "patient": row["patient"],
        "gland": whole(row, "gland", place, faults),
        "slot": slot,
        "site": row.get("site", ""),
        "pattern": row.get("pattern", ""),
        "visible": 1.0 if seen in _YES else 0.0 if seen in _NO else math.nan,
        **{name: number(row, name, place, faults) for name in MEASURES},
    }


def glands_of(truth: Truth, patient: str, measured: dict[int, dict[str, float]]) -> pd.DataFrame:
    """Join what a table says of a patient's glands with what was measured on the labels.

    The table goes first; what it lacks is filled in.

    Parameters
    ----------
    truth
        The cohort's.
    patient
        One of its patients.
    measured
        What ``space.measure`` gave for the labels, and ``slot`` where it is known.

    Raises
    ------
    CtError
        If table and labels disagree on which glands there are.
    """
    said = truth.glands[truth.glands["patient"] == patient].set_index("gland")
    if truth.listed:
        only = [
            f"gland {gland} has a row and no voxel" for gland in said.index if gland not in measured
        ]
        only += [
            f"gland {gland} has voxels and no row" for gland in measured if gland not in said.index
        ]
        stop(
            only,
            f"Patient {patient}: glands.csv and the labels {truth.labels[patient].name} differ",
        )
    rows = []
    for gland in sorted(measured):
        one: dict[str, Any] = {"patient": patient, "gland": gland}
        known = said.loc[gland].to_dict() if gland in said.index else {}
        for name in COLUMNS[2:]:
            value = known.get(name, np.nan)
            missing = value == "" or value != value
            other = measured[gland].get(name, "" if name in ("slot", "site", "pattern") else np.nan)
            one[name] = other if missing else value
        rows.append(one)
    return pd.DataFrame(rows, columns=list(COLUMNS))
