"""The demo study: simulated images, two simulated readers, and a session that waits for you."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ptx.child import Progress
from napari_ptx.phantom.files import COMMENT, write_dicom, write_scenario
from napari_ptx.phantom.readers import READER_A, READER_B, Reader, outline
from napari_ptx.phantom.samples import Sample, demo_samples
from napari_ptx.phantom.ultrasound import VERSION
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.types import StudyError

if TYPE_CHECKING:
    from napari_ptx.study.study import Study

NAME = "Simulated demo"
YOU = "You"
"""The reader whose session waits for whoever opens the demo."""

_STUDY, _MARK = "demo.ptx", "demo.json"
_READERS = (READER_A, READER_B)
_SEED = 2026
_WASHOUT_DAYS = 60
# The simulated readings have dates of their own, before the demo existed.
_ROUND_STARTS = (datetime(2025, 9, 1, 9, tzinfo=UTC), datetime(2025, 11, 24, 9, tzinfo=UTC))


def default_folder() -> Path:
    """Give the folder in which a demo is made where no other is named."""
    return Path.home() / "napari-ptx" / "demo"


def make_demo(folder: str | Path, *, cases: int = 24, progress: Progress | None = None) -> Path:
    """Make the demo study once, and give its file.

    Two thirds of the cases are read again. The readers A and B have finished both
    rounds; the session of the reader "You" has not begun. All of it is simulated,
    and its files and its name say so.

    Parameters
    ----------
    folder
        Where the demo lives. Each version of the phantom has its own folder in it,
        so that a new version never touches what somebody has drawn on an old one.
    cases
        The number of images; at least 3.

    Returns
    -------
    Path
        The study file. It appears with everything that belongs to it or not at all.

    Raises
    ------
    StudyError
        If the folder cannot be written, or the demo in it has lost its files.
    """
    if cases < 3:
        raise StudyError("A demo needs at least 3 cases; ask for more.")
    home = Path(folder).expanduser().absolute()
    target = home / f"simulated-v{VERSION}-{cases}"
    if (target / _MARK).is_file() and (target / _STUDY).is_file():
        return target / _STUDY
    if target.exists():
        raise StudyError(
            f"{target} is there but is not a complete demo; move it away or remove it, and try "
            "again."
        )
    draft = home / f".{target.name}.{os.getpid()}.new"
    try:
        draft.mkdir(parents=True)
        _fill(draft, cases, progress)
        draft.rename(target)
    except OSError as error:
        if (target / _MARK).is_file():  # another process was faster
            return target / _STUDY
        raise StudyError(
            f"The demo cannot be written into {home} ({error.strerror or error}); choose another "
            "folder."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target / _STUDY


def _fill(folder: Path, cases: int, progress: Progress | None) -> None:
    samples = demo_samples(cases)
    for name in ("images", "truth"):
        (folder / name).mkdir()
    for done, sample in enumerate(samples):
        _tell(progress, done, 2 * cases, f"Simulating image {done + 1} of {cases}")
        phantom = sample.render()
        write_dicom(phantom, folder / _image(sample), patient=sample.patient, number=done + 1)
        write_scenario(phantom, folder / "truth" / f"{sample.case}.json")
    _write_cohort(folder / "cohort.csv", samples)
    _make_study(folder, samples, progress)
    mark = {
        "note": COMMENT,
        "phantom": VERSION,
        "cases": cases,
        "made_with": f"napari-ptx {version('napari-ptx')}",
    }
    (folder / _MARK).write_text(json.dumps(mark, indent=1) + "\n", encoding="utf-8")


def _make_study(folder: Path, samples: Sequence[Sample], progress: Progress | None) -> None:
    from napari_ptx.image.cohort import Cohort, read_cohort
    from napari_ptx.study.study import Study

    count = len(samples)

    def reading_images(done: int, total: int, text: str) -> None:
        _tell(progress, count + done, 2 * count, text)

    protocol = Protocol(
        readers=(*(reader.name for reader in _READERS), YOU),
        reread=max(2, count * 2 // 3),
        washout_days=_WASHOUT_DAYS,
        seed=_SEED,
    )
    cohort = read_cohort(folder / "cohort.csv")
    # The record would keep the absolute path of a true outline, and this folder moves.
    known = Cohort(cohort.path, cohort.table.drop(columns="roi"))
    with Study.create(
        folder / _STUDY, known, protocol, name=NAME, progress=reading_images
    ) as study:
        _tell(progress, 2 * count, 2 * count, "Adding the simulated readings")
        for reader in _READERS:
            for round in study.protocol.rounds:
                table = _write_readings(folder, samples, reader, round, _assigned(study, round))
                study.import_readings(reader.name, round, table)
            # Opening the second round closes the first; then the second closes, too.
            with study.desk(reader.name, 2) as desk:
                desk.close_session()


def _assigned(study: Study, round: int) -> list[str]:
    """Name the cases of a round, as the study drew them."""
    from napari_ptx.study.worklist import reread_cases

    names = [case.case for case in study.cases()]
    if round == 1:
        return names
    return reread_cases(study.name, study.protocol.seed, names, study.protocol.reread)


def _write_cohort(path: Path, samples: Sequence[Sample]) -> None:
    """Write the cohort table and, as its ``roi``, the true outlines."""
    from napari_ptx.roi import write_imagej

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "patient", "image", "roi", "label", "simulated"])
        for sample in samples:
            roi = Path("truth") / f"{sample.case}.roi"
            write_imagej(path.parent / roi, sample.scenario.truth)
            writer.writerow(
                [
                    sample.case,
                    sample.patient,
                    _image(sample).as_posix(),
                    roi.as_posix(),
                    sample.scenario.label,
                    1,
                ]
            )


def _write_readings(
    folder: Path, samples: Sequence[Sample], reader: Reader, round: int, assigned: Sequence[str]
) -> Path:
    """Write one simulated session as ImageJ files and the table that lists them."""
    from napari_ptx.roi import write_imagej

    place = folder / "readings" / f"{reader.name}-{round}"
    place.mkdir(parents=True)
    table = place / "readings.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "roi", "finished_at"])
        for index, sample in enumerate(samples):
            if sample.case not in assigned:
                continue
            drawn = outline(sample.scenario, reader, round=round)
            write_imagej(place / f"{sample.case}.roi", [drawn])
            # a dozen cases a day, three minutes each
            spent = timedelta(days=index // 12, minutes=3 * (index % 12))
            finished = _ROUND_STARTS[round - 1] + spent
            writer.writerow([sample.case, f"{sample.case}.roi", finished.isoformat()])
    return table


def _image(sample: Sample) -> Path:
    return Path("images") / f"{sample.case}.dcm"


def _tell(progress: Progress | None, done: int, total: int, text: str) -> None:
    if progress is not None:
        progress(done, total, text)
