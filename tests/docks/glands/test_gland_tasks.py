"""What the child process of the Glands dock does, without a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_ptx.ct.data import read_exams
from napari_ptx.ct.register import read_residuals
from napari_ptx.docks.gland_tasks import Work, _named, open_patient, patient_code, write_cohort
from napari_ptx.docks.phase_tasks import open_pair
from napari_ptx.errors import PtxError
from napari_ptx.image import read_image, write_nifti
from napari_ptx.image.registration import Registration, resample_to
from napari_ptx.study.gland_record import FILE_NAME, GlandRecord
from tests.docks.glands.conftest import GLANDS, SHAPE, image

pytestmark = pytest.mark.once

MOVED = ((1.0, 0.0, 0.0, 3.0), (0.0, 1.0, 0.0, -1.5), (0.0, 0.0, 1.0, 2.0), (0.0, 0.0, 0.0, 1.0))


def work_of(folder: Path, motion: Registration | None) -> Work:
    sources = (folder / "P1_plain.nii.gz", folder / "P1_arterial.nii.gz")
    return Work("P1", ("plain", "arterial"), sources, False, motion)


def test_a_phase_that_was_moved_is_written_where_it_was_moved_to(
    made_prediction: Path, tmp_path: Path
) -> None:
    motion = Registration(MOVED, 0.7, 3.9)
    path = write_cohort(work_of(made_prediction, motion), ("plain", "arterial"), tmp_path)
    (exam,) = read_exams(path)
    assert exam.images["plain"].resolve() == (made_prediction / "P1_plain.nii.gz").resolve()
    assert exam.images["arterial"] == tmp_path / "P1_arterial.nii.gz"
    still = read_image(made_prediction / "P1_plain.nii.gz")
    moving = read_image(made_prediction / "P1_arterial.nii.gz")
    written = read_image(tmp_path / "P1_arterial.nii.gz")
    np.testing.assert_array_equal(written.pixels, resample_to(moving, still, motion))
    assert not np.array_equal(written.pixels, moving.pixels)
    assert read_residuals(path) == {"P1": 0.7}


def test_files_that_stay_where_they_are_are_not_written_again(
    made_prediction: Path, tmp_path: Path
) -> None:
    for place, motion in enumerate((None, Registration(MOVED, 0.0, 0.0, skipped=True))):
        out = tmp_path / str(place)
        out.mkdir()
        path = write_cohort(work_of(made_prediction, motion), ("plain", "arterial"), out)
        assert not list(out.glob("*.nii.gz"))
        exam = read_exams(path)[0]
        pair = open_pair(exam.images["plain"], exam.images["arterial"], False, False)
        assert pair.first.shape == SHAPE


def test_phases_without_a_name_are_named_by_their_part() -> None:
    wanted = ("plain", "arterial")
    assert _named(("plain", "venous"), wanted) == ("plain", "venous")
    assert _named(("series 3", "series 5"), wanted) == wanted
    assert _named(("plain", ""), wanted) == wanted
    assert patient_code(" a/b: c ") == "a-b-c"
    assert patient_code("..") == "patient"


def test_a_patient_opens_with_the_candidates_turned_as_the_images(
    out: Path, tmp_path: Path
) -> None:
    GlandRecord.open(out / FILE_NAME).close()
    opened = open_patient(out, out.parent / "cohort.csv", "P1")
    assert opened.phases.names == ("plain", "arterial")
    assert opened.labels[GLANDS[0]] == 1
    assert sorted(opened.boxes) == [1, 2, 3]
    assert (opened.labels[opened.boxes[3]] == 3).any()
    with pytest.raises(PtxError, match="does not name the patient P9"):
        open_patient(out, out.parent / "cohort.csv", "P9")
    write_nifti(image(np.full((4, 5, 6), -1000, np.int16)), tmp_path / "small.nii.gz")
    other = tmp_path / "other.csv"
    other.write_text("patient,phase,image\nP1,plain,small.nii.gz\n")
    with pytest.raises(PtxError, match="do not lie on the grid"):
        open_patient(out, other, "P1")
