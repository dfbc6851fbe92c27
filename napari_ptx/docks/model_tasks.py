"""What the Models dock runs in a child process. Nothing here imports Qt or napari.

The ultrasound room is imported inside the functions: torch and the classifiers are
loaded in the child alone.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ptx.child import Progress
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari_ptx.image import Image
    from napari_ptx.roi import Outline


@dataclass(frozen=True)
class StudySource:
    """A study as a cohort: its images, with one reader's first readings as ROI."""

    study: Path
    reader: str


def train(
    source: Path | StudySource | None, run: Path, config: Mapping[str, Any] | None,
    progress: Progress | None = None,
) -> Path:  # fmt: skip
    """Train a run and give its folder.

    Parameters
    ----------
    source, config
        The cases and the settings; both ``None`` to go on with a run that was stopped.

    Raises
    ------
    PtxError
        One sentence, with one line for each bad row of the cohort.
    """
    from napari_ptx.ultrasound.runs import CONFIG
    from napari_ptx.ultrasound.store import read_json
    from napari_ptx.ultrasound.train import train_run

    if progress is not None:
        progress(0, 0, "Reading the cohort")
    if source is None or config is None:
        said = read_json(run / CONFIG)
        source, config = Path(said["cohort"]), said["config"]
    run.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(source, StudySource):
        source = cohort_of(source, run.with_name(f"{run.name}.cohort"), progress)
    # One processor stays with the viewer.
    jobs = max(1, (os.cpu_count() or 1) - 1)
    train_run(str(source), str(run), dict(config), jobs=jobs, progress=progress)
    return run


def runs(folder: Path, progress: Progress | None = None) -> list[dict[str, Any]]:
    """List the runs of a folder, the newest first; one without its end is not ``finished``."""
    from napari_ptx.learn.manifest import MANIFEST
    from napari_ptx.ultrasound.runs import CONFIG, list_runs
    from napari_ptx.ultrasound.store import read_json

    if not folder.is_dir():
        return []
    found = [{**run, "finished": True} for run in list_runs(folder)]
    for root in (path for path in folder.iterdir() if path.is_dir()):
        if (root / CONFIG).is_file() and not (root / MANIFEST).is_file():
            said = read_json(root / CONFIG)
            found.append(
                {
                    "folder": str(root),
                    "name": root.name,
                    "created": said["started"],
                    "note": said["config"]["note"],
                    "models": {},
                    "finished": False,
                }
            )
    return sorted(found, key=lambda run: str(run["created"]), reverse=True)


def predict(
    run: Path, image: Image, outlines: Sequence[Outline], progress: Progress | None = None
) -> tuple[dict[str, tuple[float, float, bool]], tuple[str, str]]:
    """Ask a run's models about one image.

    Returns
    -------
    tuple
        Each model's probability, threshold and verdict; the names of class 0 and 1.
    """
    from napari_ptx.ultrasound.predict import predict_one
    from napari_ptx.ultrasound.runs import METADATA
    from napari_ptx.ultrasound.store import read_json

    if progress is not None:
        progress(0, 0, "Asking the models")
    said = read_json(run / METADATA)
    answers = predict_one(str(run), image, tuple(outlines))
    names = (said["negative"] or "negative", said["positive"] or "positive")
    return dict(answers), names


def cohort_of(source: StudySource, folder: Path, progress: Progress | None = None) -> Path:
    """Write a study as a cohort table with one reader's outlines, and give its path.

    Cases that the reader has not finished, or found not assessable, are left out; the
    other columns of the study's own cohort are kept.

    Raises
    ------
    PtxError
        If the study has no labels, or the reader has finished nothing.
    """
    from napari_ptx.roi import write_imagej
    from napari_ptx.study import Study

    with Study.open(source.study) as study:
        readings = {
            reading.case: reading.outlines
            for reading in study.readings(source.reader, 1)
            if reading.outlines
        }
        cases = [info for info in study.cases() if info.case in readings]
        name = study.name
    if not cases:
        raise PtxError(f"{source.reader} has outlined no case of {name}; finish readings first.")
    columns = list(dict.fromkeys(column for info in cases for column in info.extra))
    if "label" not in columns:
        raise PtxError(
            f"The study {name} has no column label in its cohort table, so there is nothing to "
            "learn; train from a cohort table with labels."
        )
    others = [column for column in columns if column not in ("roi", "case", "patient", "image")]
    (folder / "roi").mkdir(parents=True, exist_ok=True)
    part = folder / "cohort.csv.part"
    with part.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(("case", "patient", "image", "roi", *others))
        for number, info in enumerate(cases):
            if progress is not None:
                progress(number, len(cases), "Writing the outlines")
            roi = folder / "roi" / f"{number:05d}.zip"
            write_imagej(roi, readings[info.case])
            values = [info.extra.get(column) for column in others]
            table.writerow(
                (info.case, info.patient, _relative(info.image, folder), f"roi/{roi.name}",
                 *("" if value is None else value for value in values))
            )  # fmt: skip
    path = folder / "cohort.csv"
    part.replace(path)
    return path


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return str(path)
