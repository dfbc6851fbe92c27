"""What the gland board and the errors ask of their child process. No Qt, no napari."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ptx.child import Progress

if TYPE_CHECKING:
    import pandas as pd

    from napari_ptx.image import Image
    from napari_ptx.report.gland_numbers import BoardNumbers
    from napari_ptx.report.gland_readings import Tally
    from napari_ptx.report.gland_truth import CohortTruth, TableReadings
    from napari_ptx.study.gland_record import GlandRecord


def measure(cohort: Path, progress: Progress | None = None) -> CohortTruth:
    """Measure the glands on the labels of a cohort that lists none."""
    from napari_ptx.report.gland_truth import measured_truth

    return measured_truth(cohort, progress)


def numbers(counted: Tally, progress: Progress | None = None) -> BoardNumbers:
    """Compute intervals by patient, tests of pairs, and unions."""
    from napari_ptx.report.gland_numbers import final_numbers

    return final_numbers(counted, progress=progress)


def take_in(record: Path, table: TableReadings, who: str, progress: Progress | None = None) -> int:
    """Write the cells of a table of readings into a record; give how many."""
    from napari_ptx.report.gland_readings import import_readings

    return _with(record, lambda opened: import_readings(opened, table, who, progress))


def rename(
    record: Path, old: str, new: str | None, who: str, progress: Progress | None = None
) -> int:
    """Put the decisions on a finder under another name, or take them back."""
    from napari_ptx.report.gland_readings import rename_finder

    return _with(record, lambda opened: rename_finder(opened, old, new, who, progress))


def _with(path: Path, do: Callable[[GlandRecord], int]) -> int:
    from napari_ptx.study.gland_record import GlandRecord

    with GlandRecord.open(path) as record:
        return do(record)


def evaluate(
    cohort: Path,
    prediction: Path,
    readings: pd.DataFrame | None,
    causes: pd.DataFrame,
    threshold: float | None,
    out: Path,
    progress: Progress | None = None,
) -> Path:
    """Evaluate a prediction into a folder; causes that were set before are taken over.

    Parameters
    ----------
    readings
        The board's, written beside the evaluation as ``readings.csv``; ``None`` for the model
        alone.
    causes
        Rows for ``causes.csv`` (``report.gland_causes``).
    """
    from napari_ptx.ct.evaluation_files import evaluate as run
    from napari_ptx.ct.evaluation_tables import EvaluationSettings
    from napari_ptx.ct.tables import write_table
    from napari_ptx.report.gland_causes import write_causes

    out.mkdir(parents=True, exist_ok=True)
    place = None
    if readings is not None:
        place = out / "readings.csv"
        write_table(readings, place)
    write_causes(out / "causes.csv", causes)
    run(
        cohort, prediction, out,
        readings=place, settings=EvaluationSettings(threshold=threshold), progress=progress,
    )  # fmt: skip
    return out


def probability(path: Path, progress: Progress | None = None) -> Image:
    """Read the map of a patient's probabilities, turned as the phases are shown."""
    from napari_ptx.image import decode
    from napari_ptx.image.orient import to_lps

    return to_lps(decode(path))
