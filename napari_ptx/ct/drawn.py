"""Structures that lie with the series of a patient: of which series, which one, and as a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import pandas as pd

from napari_ptx.ct.errors import CtError
from napari_ptx.ct.space import SLOTS
from napari_ptx.image import Series
from napari_ptx.roi import DicomObject, Instances

GLANDS = "glands.csv"


def choose_objects(
    patient: str,
    objects: Sequence[DicomObject],
    series: Mapping[str, Series],
    wanted: str,
    left_out: list[str],
) -> dict[str, DicomObject]:
    """Find the RTSTRUCT or SEG of each phase.

    An object belongs to the series that it names, or, where it names none that was taken, to
    the only one in its frame of reference.

    Parameters
    ----------
    series
        The series that were taken, by phase.
    wanted
        A name of a file or of an object, in which * stands for anything; "" takes any.
    left_out
        Gets a line for each object that is not taken, with the reason.

    Raises
    ------
    CtError
        A phase has several objects.
    """
    fitting: dict[str, list[DicomObject]] = defaultdict(list)
    for one in objects:
        names = (one.path.name.lower(), one.label.lower())
        if wanted and not any(fnmatchcase(name, wanted.lower()) for name in names):
            left_out.append(f"{patient}: {one.name}: is not named {wanted}")
            continue
        phases = _phases_of(one, series)
        if len(phases) == 1:
            fitting[phases[0]].append(one)
        elif phases:
            left_out.append(
                f"{patient}: {one.name}: does not say whether it belongs to the series of "
                f"{' or '.join(phases)}"
            )
        else:
            left_out.append(f"{patient}: {one.name}: was drawn on none of the series taken")
    for phase, several in fitting.items():
        if len(several) > 1:
            raise CtError(
                f"Patient {patient} has {len(several)} structure files for the {phase} series; "
                "choose one by its name (--labels NAME), or none (--no-labels).",
                [one.name for one in several],
            )
    return {phase: several[0] for phase, several in fitting.items()}


def _phases_of(one: DicomObject, series: Mapping[str, Series]) -> list[str]:
    named = [phase for phase, of in series.items() if of.uid in one.series]
    return named or [
        phase for phase, of in series.items() if of.frame_of_reference in one.frames_of_reference
    ]


def gland_rows(patient: str, found: Instances) -> list[dict[str, str]]:
    """Give a row of ``glands.csv`` for each structure with voxels; a slot where it names one."""
    rows = []
    for one in found.structures:
        if one.voxels:
            slot = "_".join(one.name.lower().replace("-", " ").replace("_", " ").split())
            rows.append(
                {
                    "patient": patient,
                    "gland": str(one.number),
                    "name": one.name,
                    "slot": slot if slot in SLOTS else "",
                }
            )
    return rows


def told(found: Instances) -> str:
    """Give the structures of a label map for a line: number and name."""
    return ", ".join(f"{one.number} {one.name}" for one in found.structures if one.voxels)


def add_glands(before: pd.DataFrame, rows: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Add rows to a table of glands, in place of those of the same patients."""
    table = pd.DataFrame(rows, dtype=str)
    if not len(before):
        return table
    return pd.concat([before[~before["patient"].isin(table["patient"])], table])
