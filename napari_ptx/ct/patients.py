"""DICOM folders of patients to volumes and a cohort table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.ct.drawn import GLANDS, add_glands, choose_objects, gland_rows, told
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.tables import read_texts, write_table
from napari_ptx.image import ImageError, Series, find_series, read_series
from napari_ptx.image.phase import PHASES
from napari_ptx.image.write import write_nifti
from napari_ptx.roi import DicomObject, find_objects, read_instances

TABLE = "cohort.csv"


@dataclass(frozen=True)
class Imported:
    """What an import made.

    Parameters
    ----------
    rows
        One for each volume: patient, phase, image, labels (relative to the table; "" without).
    taken
        One line for each RTSTRUCT or SEG that became labels, with its structures.
    left_out
        One line for each series, RTSTRUCT and SEG that was not taken, with the reason.
    notes
        One line for each note of a volume or of labels, such as an interpolation.
    """

    rows: tuple[dict[str, str], ...]
    taken: tuple[str, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Give what JSON can hold."""
        return {
            "volumes": list(self.rows),
            "labels": list(self.taken),
            "left_out": list(self.left_out),
            "notes": list(self.notes),
        }


def import_patients(
    folders: Sequence[Path],
    out: Path,
    *,
    phases: Sequence[str] = (),
    resampled: bool = False,
    labels: str | None = "",
    structures: Sequence[str] = (),
    progress: Progress | None = None,
) -> Imported:
    """Write ``<patient>_<phase>.nii.gz`` for each phase of each folder, and ``cohort.csv``.

    An RTSTRUCT or SEG that lies with a series becomes ``<patient>_<phase>_labels.nii.gz``, and
    its structures rows of ``glands.csv``, which are those of the plain phase where it has any.

    Nothing is written before every folder was searched, every phase settled and the tables
    that are there already, which are added to, were read.

    Parameters
    ----------
    folders
        One for each patient, whose name is the folder's.
    phases
        "NUMBER=PHASE" for series whose header does not tell it, or tells it wrongly.
    resampled
        Interpolate series that are not a regular grid.
    labels
        Which RTSTRUCT or SEG is taken where there are several: a name of its file or its label,
        in which * stands for anything. ``None`` takes none.
    structures
        Names of the structures that are taken, as for ``roi.read_instances``.

    Raises
    ------
    CtError, ImageError
    """
    given = _read_phases(phases)
    left_out: list[str] = []
    names = [folder.resolve().name for folder in folders]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise CtError(
            f"Two folders are named {', '.join(sorted(twice))}, which would be one patient; "
            "rename one of them."
        )
    wanted: list[_Wanted] = []
    for name, folder in zip(names, folders, strict=True):
        chosen = _choose_series(name, folder, given, left_out, progress)
        objects = [] if labels is None else find_objects(folder, progress=progress)
        drawn = choose_objects(name, objects, chosen, labels or "", left_out)
        wanted.extend(_Wanted(name, phase, one, drawn.get(phase)) for phase, one in chosen.items())
    before = read_texts(out / TABLE, "a cohort table of CT", ("patient", "phase", "image"))
    glands = read_texts(out / GLANDS, "a table of glands", ("patient", "gland"))
    out.mkdir(parents=True, exist_ok=True)
    done = _Done([], [], left_out, [], {})
    for count, one in enumerate(wanted):
        if progress is not None:
            progress(count, len(wanted), f"{one.patient} {one.phase}")
        _write(one, out, resampled, structures, done)
    write_table(_joined(before, done.rows), out / TABLE)
    if done.glands:
        found = [row for rows in done.glands.values() for row in rows]
        write_table(add_glands(glands, found), out / GLANDS)
    return Imported(tuple(done.rows), tuple(done.taken), tuple(done.left_out), tuple(done.notes))


@dataclass(frozen=True)
class _Wanted:
    patient: str
    phase: str
    series: Series
    drawn: DicomObject | None


@dataclass(frozen=True)
class _Done:
    """What has been written so far; the glands by patient."""

    rows: list[dict[str, str]]
    taken: list[str]
    left_out: list[str]
    notes: list[str]
    glands: dict[str, list[dict[str, str]]]


def _choose_series(
    name: str,
    folder: Path,
    given: Mapping[int | None, str],
    left_out: list[str],
    progress: Progress | None,
) -> dict[str, Series]:
    """Find the series of each phase of one patient."""
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
    return chosen


def _write(
    one: _Wanted, out: Path, resampled: bool, structures: Sequence[str], done: _Done
) -> None:
    image = read_series(one.series, resampled=resampled)
    stem = f"{one.patient}_{one.phase}"
    row = {"patient": one.patient, "phase": one.phase, "image": f"{stem}.nii.gz", "labels": ""}
    write_nifti(image, out / row["image"])
    done.notes.extend(f"{one.patient} {one.phase}: {note}" for note in image.notes)
    done.rows.append(row)
    if one.drawn is None:
        return
    try:
        found = read_instances(
            one.drawn.path,
            image,
            structures=structures,
            frame_of_reference=one.series.frame_of_reference,
        )
    except ImageError as error:
        # The volume is good without it, and so are those of the other patients.
        done.left_out.append(f"{one.patient}: {one.drawn.name}: {error.message}")
        return
    row["labels"] = f"{stem}_labels.nii.gz"
    write_nifti(found.image, out / row["labels"])
    rows = gland_rows(one.patient, found)
    if one.phase == "plain" or one.patient not in done.glands:
        done.glands[one.patient] = rows
    done.taken.append(f"{one.patient} {one.phase}: {one.drawn.name}: {told(found)}")
    done.notes.extend(f"{one.patient} {one.phase} labels: {note}" for note in found.image.notes)


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


def _joined(before: pd.DataFrame, rows: Sequence[dict[str, str]]) -> pd.DataFrame:
    """Add rows to a cohort table, in place of those of the same patient and phase."""
    table = pd.concat([before, pd.DataFrame(rows)]).drop_duplicates(
        ["patient", "phase"], keep="last"
    )
    return table if table["labels"].fillna("").any() else table.drop(columns="labels")
