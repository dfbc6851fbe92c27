from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from napari_ptx.image import read_image
from napari_ptx.phantom.files import write_dicom
from napari_ptx.phantom.samples import demo_phantoms, demo_samples


def test_cases_are_named_and_some_patients_have_two_images() -> None:
    samples = demo_samples(24)
    assert [s.case for s in samples] == [f"SIM-{number:03d}" for number in range(1, 25)]
    by_patient: dict[str, list[int]] = {}
    for sample in samples:
        by_patient.setdefault(sample.patient, []).append(sample.scenario.label)
    assert len(by_patient) == 20
    assert sorted(map(len, by_patient.values()))[-4:] == [2, 2, 2, 2]
    assert all(len(set(labels)) == 1 for labels in by_patient.values())
    assert 4 <= sum(s.scenario.label for s in samples) <= 12


def test_more_cases_are_more_patients_and_keep_the_first_ones() -> None:
    few, many = demo_samples(24), demo_samples(60)
    assert many[:24] == few
    assert len({s.patient for s in many}) == 52
    assert len({s.scenario.seed for s in many}) == 60


@pytest.mark.parametrize("index", [0, 1])
def test_dicom_files_keep_pixels_and_calibration(tmp_path: Path, index: int) -> None:
    phantom = list(demo_phantoms(index + 1))[index]
    path = tmp_path / "image.dcm"
    write_dicom(phantom, path, patient="P1", number=3)
    image = read_image(path)
    assert image.sha256 == phantom.image.sha256
    assert (image.calibrated, image.notes) == (True, ())
    np.testing.assert_allclose(image.spacing, phantom.image.spacing, rtol=1e-12)
    (region,), (expected,) = image.regions, phantom.image.regions
    assert (region.top, region.left, region.bottom, region.right) == (
        expected.top,
        expected.left,
        expected.bottom,
        expected.right,
    )


def test_the_same_case_has_the_same_identifiers_and_nothing_of_the_truth(tmp_path: Path) -> None:
    (phantom,) = demo_phantoms(1)
    for name in ("a.dcm", "b.dcm"):
        write_dicom(phantom, tmp_path / name)
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()
    file = pydicom.dcmread(tmp_path / "a.dcm")
    del file.PixelData
    text = str(file).lower()
    assert "simulated" in text
    for word in ("adenoma", "atypical", "label", "lesion"):
        assert word not in text
