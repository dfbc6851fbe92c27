"""A study's readings as a cohort table, for the commands that take a cohort."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_ptx.child import Progress

if TYPE_CHECKING:
    from napari_ptx.image.cohort import Cohort
    from napari_ptx.study import CaseInfo, Reading


@contextmanager
def study_cohort(path: Path, progress: Progress | None = None) -> Iterator[Cohort]:
    """Give the readings of all readers and rounds as a cohort, with masks that last as long.

    The table has the columns ``case, patient, image, roi, reader, round`` and the other
    columns of the study's cohort but its ROI; a case that was not assessable, or has no
    outline, has no ``roi``.

    Raises
    ------
    StudyError
        Where the study cannot be opened, has no readings, or an image has changed.
    """
    import pandas as pd

    from napari_ptx.image.cohort import Cohort
    from napari_ptx.study import Study, StudyError

    with tempfile.TemporaryDirectory(prefix="napari-ptx-") as folder, Study.open(path) as study:
        readings = study.readings()
        if not readings:
            raise StudyError(f"{path} has no finished readings yet.")
        cases = {case.case: case for case in study.cases()}
        read = list(dict.fromkeys(reading.case for reading in readings))
        for done, case in enumerate(read, start=1):
            study.image(case)  # which checks that it is still the one of the record
            if progress is not None:
                progress(done, len(read), f"Image of case {case}")
        rows = []
        for number, reading in enumerate(readings):
            info = cases[reading.case]
            roi = _write_mask(Path(folder), number, reading, info)
            extra = {name: value for name, value in info.extra.items() if name != "roi"}
            rows.append(
                {"case": reading.case, "patient": reading.patient}
                | {"image": str(info.image), "roi": roi}
                | {"reader": reading.reader, "round": reading.round}
                | {name: value for name, value in extra.items() if name not in _OURS}
            )
        yield Cohort(path.absolute(), pd.DataFrame(rows))


_OURS = ("case", "patient", "image", "roi", "reader", "round")


def _write_mask(folder: Path, number: int, reading: Reading, case: CaseInfo) -> str:
    """Write the mask of a reading, the same pixels as ``rasterise`` gives; "" for none."""
    from napari_ptx.roi import rasterise, write_mask

    if not reading.outlines:
        return ""
    if case.frames == 1:
        file = folder / f"{number}.png"
        write_mask(file, rasterise(reading.outlines, case.shape))
        return str(file)
    file = folder / f"{number}.tif"
    masks = np.zeros((case.frames, *case.shape), dtype=bool)
    for frame in {outline.frame for outline in reading.outlines}:
        masks[frame] = rasterise(reading.outlines, case.shape, frame)
    write_mask(file, masks)
    return str(file)
