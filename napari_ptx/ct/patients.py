"""DICOM folders of patients to volumes and a cohort table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.tables import write_table
from napari_ptx.image import Series, find_series, read_series
from napari_ptx.image.phase import PHASES
from napari_ptx.image.write import write_nifti

TABLE = "cohort.csv"


@dataclass(frozen=True)
class Imported:
    """What an import made.

    Parameters
    ----------
    rows
        One for each volume: patient, phase, image (relative to the table).
    left_out
        One line for each series that was not taken, with the reason.
    notes
        One line for each note of a volume, such as an interpolation.
    """

    rows: tuple[dict[str, str], ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Give what JSON can hold."""
        return {
            "volumes": list(self.rows),
            "left_out": list(self.left_out),
            "notes": list(self.notes),
        }


def import_patients(
    folders: Sequence[Path],
    out: Path,
    *,
    phases: Sequence[str] = (),
    resampled: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """Write ``<patient>_<phase>.nii.gz`` for each phase of each folder, and ``cohort.csv``.

    Nothing is written before every folder was searched and every phase settled; a table
    that is there already is added to.

    Parameters
    ----------
    folders
        One for each patient, whose name is the folder's.
    phases
        "NUMBER=PHASE" for series whose header does not tell it, or tells it wrongly.
    resampled
        Interpolate series that are not a regular grid.

    Raises
    ------
    CtError, ImageError
    """
    given = _read_phases(phases)
    wanted: list[tuple[str, str, Series]] = []
    left_out: list[str] = []
    names = [folder.resolve().name for folder in folders]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise CtError(
            f"Two folders are named {', '.join(sorted(twice))}, which would be one patient; "
            "rename one of them."
        )
    for name, folder in zip(names, folders, strict=True):
        chosen: dict[str, Series] = {}
        for one in find_series(folder, progress=progress):
            phase = given.get(one.number) or one.phase.phase
            if one.modality != "CT":
                left_out.append(f"{name}: {one.name}: {one.modality}, not CT")
            elif phase is None:
                left_out.append(f"{name}: {one.name}: phase unknown, {one.phase.reason}")
            elif phase in chosen:
                raise CtError(
                    f"{folder} has two {phase} series, {chosen[phase].name} and {one.name}; say "
                    f"which is another phase (--phase {one.number}=...) or move one away."
                )
            else:
                chosen[phase] = one
        if not chosen:
            raise CtError(
                f"{folder} has no CT series whose phase is known; name it, for example "
                "--phase 3=plain.",
                left_out,
            )
        wanted.extend((name, phase, one) for phase, one in chosen.items())
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str]] = []
    notes: list[str] = []
    for done, (name, phase, one) in enumerate(wanted):
        if progress is not None:
            progress(done, len(wanted), f"{name} {phase}")
        image = read_series(one, resampled=resampled)
        file = f"{name}_{phase}.nii.gz"
        write_nifti(image, out / file)
        rows.append({"patient": name, "phase": phase, "image": file})
        notes.extend(f"{name} {phase}: {note}" for note in image.notes)
    _add_rows(out / TABLE, rows)
    return Imported(tuple(rows), tuple(left_out), tuple(notes))


def _read_phases(phases: Sequence[str]) -> dict[int | None, str]:
    given: dict[int | None, str] = {}
    for text in phases:
        number, _, phase = text.partition("=")
        if not number.strip().isdigit() or phase.strip() not in PHASES:
            raise CtError(
                f'"{text}" does not name a phase; write the series number and one of '
                f"{', '.join(PHASES)}, for example 5=arterial."
            )
        given[int(number)] = phase.strip()
    return given


def _add_rows(path: Path, rows: Sequence[dict[str, str]]) -> None:
    table = pd.DataFrame(rows)
    if path.exists():
        old = pd.read_csv(path, dtype=str)
        table = pd.concat([old, table]).drop_duplicates(["patient", "phase"], keep="last")
    write_table(table, path)
