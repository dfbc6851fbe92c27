"""What the docks run in a child process. Nothing here imports Qt or napari.

Each function takes plain values, opens the study itself, and calls
``progress(done, total, text)`` as it goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ptx.child import Progress
from napari_ptx.image.folder import FoundImage, as_cohort, find_images

if TYPE_CHECKING:
    from napari_ptx.image import Image
    from napari_ptx.roi import Outline
    from napari_ptx.study import Problem, Protocol
    from napari_ptx.study.agreement import Agreement

_SAMPLE = 50


@dataclass(frozen=True)
class Look:
    """What a folder or a cohort table holds, at a glance; at most 50 of its images."""

    images: int
    patients: int
    sample: tuple[FoundImage, ...]


@dataclass(frozen=True)
class ShownCase:
    """A case for the coordinator's eyes: the image and every outline compared on it."""

    case: str
    image: Image
    outlines: dict[str, tuple[Outline, ...]]


def look(place: Path, progress: Progress | None = None) -> Look:
    """See which images a folder or a cohort table would bring into a study.

    Raises
    ------
    PtxError
        With all bad rows of the table at once; or if there are no images.
    """
    if place.is_dir():
        found = find_images(place)
    else:
        from napari_ptx.image.cohort import read_cohort

        table = read_cohort(place).table
        found = tuple(
            FoundImage(str(row.case), str(row.patient), Path(row.image))
            for row in table.itertuples()
        )
    return Look(len(found), len({image.patient for image in found}), found[:_SAMPLE])


def create_study(
    path: Path, images: Path, protocol: Protocol, name: str, progress: Progress | None = None
) -> Path:
    """Make a study from a cohort table, or from a folder of images.

    From a folder, a cohort table ``<study>.cohort.csv`` is written beside the study.
    """
    from napari_ptx.image.cohort import read_cohort
    from napari_ptx.study import Study

    path.parent.mkdir(parents=True, exist_ok=True)
    table = as_cohort(images, path.with_name(path.stem + ".cohort.csv"))
    Study.create(path, read_cohort(table), protocol, name=name, progress=progress).close()
    return path


def import_readings(
    path: Path,
    reader: str,
    round: int,
    table: Path,
    threshold: float | None,
    pin: str | None = None,
    progress: Progress | None = None,
) -> int:
    """Import finished readings and give their number."""
    from napari_ptx.study import Study

    with Study.open(path) as study:
        return study.import_readings(
            reader, round, table, threshold=threshold, pin=pin, progress=progress
        )


def export(
    path: Path,
    folder: Path,
    formats: tuple[str, ...] | None = None,
    progress: Progress | None = None,
) -> tuple[list[Path], list[str]]:
    """Export a study's readings; give the files written, and what a format could not hold."""
    from napari_ptx.study import Study
    from napari_ptx.study.exporting import left_out

    with Study.open(path) as study:
        files = study.export(folder, formats=formats, progress=progress)
    return files, left_out(folder)


def report(path: Path, folder: Path, progress: Progress | None = None) -> Path:
    """Write the report of a study into a folder and give its page."""
    from napari_ptx.report import study_report
    from napari_ptx.study import Study

    with Study.open(path) as study:
        return study_report(study, folder, progress=progress)[0]


def verify(path: Path, progress: Progress | None = None) -> tuple[Problem, ...]:
    """Recompute every hash of the record."""
    from napari_ptx.study import Study

    if progress is not None:
        progress(0, 0, "Recomputing every hash")
    with Study.open(path) as study:
        return study.verify()


def compare(path: Path, aided: bool = False, progress: Progress | None = None) -> Agreement:
    """Compute the agreement between and within the readers of a study."""
    from napari_ptx.study import Study
    from napari_ptx.study.agreement import agreement

    with Study.open(path) as study:
        return agreement(study, aided=aided, progress=progress)


def save(result: Agreement, folder: Path, progress: Progress | None = None) -> int:
    """Write an agreement's tables and figures into a folder and give their number."""
    from napari_ptx.study.agreement_files import write_agreement

    return len(write_agreement(result, folder, progress=progress))


def show_case(
    path: Path,
    case: str,
    labels: tuple[str, ...],
    aided: bool = False,
    progress: Progress | None = None,
) -> ShownCase:
    """Read one case, and its outlines in the readings of these labels."""
    from napari_ptx.study import Study

    if progress is not None:
        progress(0, 0, f"Opening case {case}")
    with Study.open(path) as study:
        outlines = {
            label: reading.outlines
            for reading in study.readings(aided=aided)
            if reading.case == case
            and (label := reading_label(reading.reader, reading.round)) in labels
        }
        return ShownCase(case, study.image(case), outlines)


def show_row(
    case: str, image: Path, roi: str, label: str, progress: Progress | None = None
) -> ShownCase:
    """Read the image of a row of a table, and the outlines of its ROI (a path, or "")."""
    from napari_ptx.image import read_image
    from napari_ptx.roi import read_roi

    picture = read_image(image)
    outlines = read_roi(roi, shape=picture.shape[-2:]) if roi else ()
    return ShownCase(case, picture, {label: outlines})


def reading_label(reader: str, round: int) -> str:
    """Name a reading as the tables of agreement, the layers and the legends do."""
    return f"{reader}, round {round}"
