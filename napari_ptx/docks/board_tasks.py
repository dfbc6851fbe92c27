"""What the gland board and the errors ask of their child process. No Qt, no napari."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ptx.child import Progress

if TYPE_CHECKING:
    from napari_ptx.ct.evaluation import Assessment
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
    threshold: float | None,
    with_readings: bool,
    out: Path,
    progress: Progress | None = None,
) -> Assessment:
    """Evaluate a prediction into a folder, with the board's readings and the causes set so far.

    Parameters
    ----------
    threshold
        The least score of a candidate that counts; ``None`` for all.
    with_readings
        Whether the finders of the gland board are evaluated, too; ``readings.csv`` beside the
        evaluation says what they were.
    out
        The folder; what a reviewer wrote into its ``causes.csv`` is kept.
    """
    from napari_ptx.ct.evaluation_files import evaluate as run
    from napari_ptx.ct.evaluation_tables import EvaluationSettings
    from napari_ptx.report.gland_causes import merged_causes, write_causes
    from napari_ptx.report.gland_readings import export, read_board, write_readings
    from napari_ptx.report.gland_rows import BoardError
    from napari_ptx.study.gland_record import FILE_NAME, GlandRecord

    if progress is not None:
        progress(0, 0, "Reading the board")
    out.mkdir(parents=True, exist_ok=True)
    readings = None
    if with_readings:
        try:
            exported = export(read_board(prediction, cohort, imported=False))
        except BoardError:  # nothing was read: the model alone
            exported = None
        if exported is not None:
            readings = out / "readings.csv"
            write_readings(readings, exported)
    place = prediction / FILE_NAME
    if place.is_file():
        with GlandRecord.open(place) as record:
            write_causes(out / "causes.csv", merged_causes(record, out / "causes.csv"))
    settings = EvaluationSettings(threshold=threshold)
    found = run(
        cohort, prediction, out, readings=readings, settings=settings, progress=progress
    )  # fmt: skip
    return found.assessment


def overlays(
    chance: Path | None, labels: Path | None, progress: Progress | None = None
) -> tuple[Image | None, Image | None]:
    """Read a patient's probabilities and labelled glands, turned as the phases are shown."""
    from napari_ptx.image import decode
    from napari_ptx.image.orient import to_lps

    chances, glands = (None if path is None else to_lps(decode(path)) for path in (chance, labels))
    return chances, glands
