"""A cohort of simulated necks on disk, which says in several places that it is simulated."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from napari_ptx.child import Progress
from napari_ptx.errors import PtxError
from napari_ptx.image.write import write_nifti
from napari_ptx.phantom.ct.readings import read_neck, stated, table
from napari_ptx.phantom.ct.scene import (
    NOTE,
    VERSION,
    GlandTruth,
    NeckCT,
    Settings,
    draw_plan,
    render,
)
from napari_ptx.phantom.ct.tissue import Part

ABOUT = "simulation.json"
COHORT, GLANDS, READINGS = "cohort.csv", "glands.csv", "readings.csv"

_SENTENCE = (
    "SIMULATED necks made by napari-ptx: they are NOT patients, and no number measured on them "
    "is a clinical claim."
)


class SimulationError(PtxError):
    """A folder in which no simulated cohort can be written."""


def case_seed(seed: int, number: int) -> int:
    """Give the seed of a cohort's patient (1, 2, ...); cohorts of other seeds share none."""
    return seed * 100_000 + number


def write_cohort(
    out: str | os.PathLike[str],
    count: int,
    seed: int,
    settings: Settings | None = None,
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Simulate patients and write them as NIfTI with their truth and simulated readings.

    Writes for each patient the images and labels of each phase and the map of the anatomy,
    then ``cohort.csv``, ``glands.csv``, ``readings.csv``, and ``simulation.json``. Started
    again with the same settings, it goes on after the last complete patient.

    Parameters
    ----------
    out
        A folder that is new, empty, or was begun with the same settings.
    count
        Number of patients.

    Returns
    -------
    dict
        What is in ``simulation.json``.

    Raises
    ------
    SimulationError
        Where the folder holds something else, or cannot be written.
    """
    settings = settings or Settings()
    folder = Path(out)
    about = _about(count, seed, settings)
    _begin(folder, about)
    glands: list[GlandTruth] = []
    rows: dict[str, list[dict[str, Any]]] = {COHORT: [], GLANDS: [], READINGS: []}
    outside = []
    width = max(3, len(str(count)))
    for number in range(1, count + 1):
        patient = f"SIM-{number:0{width}d}"
        if progress:
            progress(number - 1, count, f"Simulating {patient}")
        case = _case(folder, patient, case_seed(seed, number), settings)
        truth = [GlandTruth(**values) for values in case["glands"]]
        glands += truth
        rows[COHORT] += _cohort_rows(patient, settings)
        rows[GLANDS] += [{"patient": patient, **values} for values in case["glands"]]
        rows[READINGS] += read_neck(patient, case["seed"], truth)
        outside += [{"patient": patient, **draw} for draw in case["outside"]]
    about = {**about, "complete": True, "glands": len(glands), "outside": outside,
             "readers": stated(glands)}  # fmt: skip
    _write_tables(folder, rows)
    _write_json(folder / ABOUT, about)
    if progress:
        progress(count, count, "")
    return about


def write_case(neck: NeckCT, folder: Path, patient: str) -> None:
    """Write one patient's images, labels and anatomy; every header says what it is."""
    plan = neck.plan
    for phase, image in neck.images.items():
        note = f"{NOTE} v{plan.version} seed {plan.seed} {phase}"
        write_nifti(image, folder / f"{patient}_{phase}.nii.gz", note=note)
        write_nifti(neck.labels[phase], folder / f"{patient}_{phase}_labels.nii.gz", note=note)
    write_nifti(neck.anatomy, folder / f"{patient}_anatomy.nii.gz", note=f"{NOTE} anatomy")


def _case(folder: Path, patient: str, seed: int, settings: Settings) -> dict[str, Any]:
    """Simulate a patient, or take what an earlier run has finished."""
    path = folder / f"{patient}.json"
    files = [folder / row[key] for row in _cohort_rows(patient, settings)
             for key in ("image", "labels", "anatomy") if row[key]]  # fmt: skip
    if path.is_file() and all(file.is_file() for file in files):
        case: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if case["seed"] == seed:
            return case
    neck = render(draw_plan(seed, settings))
    write_case(neck, folder, patient)
    plan = neck.plan
    case = {
        "note": _SENTENCE,
        "patient": patient,
        "seed": seed,
        "version": plan.version,
        "noise_hu": plan.noise,
        "sharpness_mm": plan.sharpness,
        "motions": {phase: asdict(motion) for phase, motion in plan.motions.items()},
        "tissues": asdict(plan.anatomy.tissues),
        "glands": [asdict(gland) for gland in neck.truth],
        "outside": [asdict(draw) for draw in plan.outside],
    }
    _write_json(path, case)  # last: it says that the rest is complete
    return case


def _cohort_rows(patient: str, settings: Settings) -> list[dict[str, str]]:
    return [
        {
            "patient": patient,
            "phase": phase,
            "image": f"{patient}_{phase}.nii.gz",
            "labels": f"{patient}_{phase}_labels.nii.gz",
            # the map of the anatomy is of the first phase only
            "anatomy": f"{patient}_anatomy.nii.gz" if phase == settings.phases[0] else "",
            "note": "simulated",
        }
        for phase in settings.phases
    ]


def _about(count: int, seed: int, settings: Settings) -> dict[str, Any]:
    from importlib.metadata import version

    packages = ("napari-ptx", "numpy", "scipy", "SimpleITK")
    return {
        "note": _SENTENCE,
        "version": VERSION,
        "patients": count,
        "seed": seed,
        "settings": asdict(replace(settings, spacing=settings.steps)),
        "packages": {name: version(name) for name in packages},
        "anatomy_values": {part.name.lower(): int(part) for part in Part},
        "complete": False,
    }


def _begin(folder: Path, about: dict[str, Any]) -> None:
    """Refuse a folder with anything else in it; go on in one that was begun alike."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        filled = any(not entry.name.startswith(".") for entry in folder.iterdir())
    except OSError as error:
        raise SimulationError(
            f"{folder} cannot be used ({error.strerror or error}); choose another folder."
        ) from None
    if filled:
        keys = ("version", "patients", "seed", "settings", "packages")
        try:
            found = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            same = all(found[key] == json.loads(json.dumps(about[key])) for key in keys)
        except (OSError, ValueError, KeyError, TypeError):
            same = False
        if not same:
            raise SimulationError(
                f"{folder} is not empty, and was not begun with these settings; choose a new "
                "folder."
            )
    _write_json(folder / ABOUT, about)


def _write_tables(folder: Path, rows: dict[str, list[dict[str, Any]]]) -> None:
    import pandas as pd

    columns = ["patient", *GlandTruth.__dataclass_fields__]
    tables = {
        COHORT: pd.DataFrame(rows[COHORT]),
        GLANDS: pd.DataFrame(rows[GLANDS], columns=columns),
        READINGS: table(rows[READINGS]),
    }
    for name, values in tables.items():

        def write(path: Path, values: pd.DataFrame = values) -> None:
            values.to_csv(path, index=False)

        _whole(folder / name, write)


def _write_json(path: Path, values: dict[str, Any]) -> None:
    text = json.dumps(values, indent=1, allow_nan=False) + "\n"
    _whole(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def _whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        write(draft)
        draft.replace(path)
    except OSError as error:
        raise SimulationError(
            f"{path} cannot be written ({error.strerror or error}); choose another folder."
        ) from None
    finally:
        draft.unlink(missing_ok=True)
