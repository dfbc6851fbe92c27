"""What readers of other modalities found of the same glands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.ct.tables import read_rows, stop

_FOUND = {"1": 1.0, "true": 1.0, "yes": 1.0, "0": 0.0, "false": 0.0, "no": 0.0, "": np.nan}


@dataclass(frozen=True, eq=False)
class Readings:
    """The findings of each modality and reader.

    Parameters
    ----------
    path
        The table.
    found
        For each finder ("ultrasound", or "ultrasound, A" where a modality has several readers)
        ``(glands,)`` 1 where it found the gland, 0 where not, NaN where it was not used; in the
        order of the glands that were given.
    read
        The patients that each finder was used on.
    false
        A row for each finding that is no gland: ``finder, patient, site``.
    """

    path: Path
    found: Mapping[str, NDArray[np.float64]]
    read: Mapping[str, tuple[str, ...]]
    false: pd.DataFrame


def read_readings(path: str | Path, glands: pd.DataFrame, patients: tuple[str, ...]) -> Readings:
    """Read a table of readings.

    Parameters
    ----------
    path
        CSV with ``patient, gland, modality, reader, found`` and perhaps ``site``: one row for
        each gland that a reader of a modality looked for, with 1 or 0 in ``found`` (empty: not
        used). A row without a gland is a finding that is none, at ``site``; with 0 in ``found``
        it says that the patient was read.
    glands
        ``patient, gland``: those that there are.
    patients
        The cohort's; rows of others are a fault.

    Raises
    ------
    CtError
        For all faults at once: a patient or a gland that is not there, a gland twice for one
        reader, ``found`` other than 0 and 1, no modality.
    """
    place = Path(path).absolute()
    faults: list[str] = []
    where = {
        (str(patient), str(gland)): row
        for row, (patient, gland) in enumerate(zip(glands["patient"], glands["gland"], strict=True))
    }
    rows = read_rows(place, "a table of readings", ("patient", "gland", "modality", "found"))
    readers: dict[str, set[str]] = {}
    for _, row in rows:
        readers.setdefault(row["modality"], set()).add(row.get("reader", ""))
    found: dict[str, NDArray[np.float64]] = {}
    read: dict[str, dict[str, None]] = {}
    false = []
    seen: dict[tuple[str, str, str], int] = {}
    for number, row in rows:
        modality, reader, patient = row["modality"], row.get("reader", ""), row["patient"]
        if not modality:
            faults.append(f"row {number}, column 'modality': is empty")
            continue
        several = len(readers[modality]) > 1
        finder = f"{modality}, {reader or 'no name'}" if several else modality
        value = _FOUND.get(row["found"].lower().removesuffix(".0"))
        if value is None:
            faults.append(f"row {number}, column 'found': {row['found']!r} is neither 0 nor 1")
            continue
        if patient not in patients:
            faults.append(f"row {number}: patient {patient!r} is not in the cohort")
            continue
        values = found.setdefault(finder, np.full(len(glands), np.nan))
        gland = row["gland"].removesuffix(".0")
        if not gland:
            read.setdefault(finder, {})[patient] = None
            if value != 0.0:
                false.append({"finder": finder, "patient": patient, "site": row.get("site", "")})
            continue
        if (patient, gland) not in where:
            faults.append(f"row {number}: patient {patient} has no gland {gland!r}")
            continue
        first = seen.setdefault((finder, patient, gland), number)
        if first != number:
            faults.append(f"row {number}: the gland of row {first} stands here again for {finder}")
        values[where[patient, gland]] = value
        if value == value:
            read.setdefault(finder, {})[patient] = None
    stop(faults, f"{place} has faults; mend each and try again")
    unused = [name for name, values in found.items() if np.isnan(values).all()]
    stop(
        [f"{name} was used on no gland" for name in unused],
        f"{place}: what was never used cannot be evaluated; leave it out",
    )
    return Readings(
        place, found, {name: tuple(some) for name, some in read.items()},
        pd.DataFrame(false, columns=["finder", "patient", "site"]),
    )  # fmt: skip
