"""Maps of features: where they lie, and their values by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

pytest.importorskip("radiomics")

from napari_ptx.ultrasound import UltrasoundError, feature_map
from napari_ptx.ultrasound.maps import case_map, write_map
from tests.ultrasound.lesions import case_of, oval, speckle, write_cohort

LESION = oval(30, 80, 16, 30)


def test_a_map_of_the_mean_is_the_mean_round_each_pixel() -> None:
    values = feature_map(case_of(LESION), "original_firstorder_Mean", radius=2)
    assert values.shape == LESION.shape
    np.testing.assert_array_equal(np.isnan(values), ~LESION)
    pixels = speckle().astype(float)
    for y, x in np.argwhere(LESION)[::17]:
        window = np.s_[y - 2 : y + 3, x - 2 : x + 3]
        assert values[y, x] == pytest.approx(pixels[window][LESION[window]].mean())


@pytest.mark.parametrize("feature", ["original_glcm_Contrast", "wavelet-HL_firstorder_Energy"])
def test_texture_and_wavelets_have_maps(feature: str) -> None:
    values = feature_map(case_of(LESION), feature, radius=1)
    np.testing.assert_array_equal(np.isnan(values), ~LESION)
    assert np.nanstd(values) > 0


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ("original_shape2D_Perimeter", "is not a feature that has a map"),
        ("log-sigma-1_glcm_Contrast", "is not a feature that has a map"),
        ("Contrast", "is not a feature that has a map"),
        ("original_glcm_Contrst", "glcm has no feature 'Contrst'; it has Autocorrelation"),
    ],
)
def test_other_names_are_refused(feature: str, message: str) -> None:
    with pytest.raises(UltrasoundError, match=message):
        feature_map(case_of(LESION), feature)


def test_a_map_of_a_row_is_written_and_read(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path, 1)
    row = {"case": "c0", "image": str(tmp_path / "0.png"), "roi": str(tmp_path / "0-0.png")}
    assert cohort.is_file()
    values = case_map(row, "original_firstorder_Range", radius=1)
    write_map(tmp_path / "map.tif", values, "original_firstorder_Range", "speckle")
    with tifffile.TiffFile(tmp_path / "map.tif") as file:
        np.testing.assert_array_equal(file.asarray(), values.astype(np.float32))
        assert "original_firstorder_Range" in file.pages[0].description
    with pytest.raises(UltrasoundError, match=r"use .*map\.tif"):
        write_map(tmp_path / "map.png", values, "x")
    with pytest.raises(UltrasoundError, match="cannot be written"):
        write_map(tmp_path / "nowhere" / "map.tif", values, "x")
