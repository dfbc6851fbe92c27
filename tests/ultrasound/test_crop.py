"""Boxes of lesions at one size: what is kept, and what the numbers mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from skimage.transform import resize

from napari_ptx.image import decode, read_cohort
from napari_ptx.roi import read_mask
from napari_ptx.ultrasound import CaseImage, UltrasoundError, load_case, sonogram
from napari_ptx.ultrasound.borders import without_borders
from napari_ptx.ultrasound.crop import crop
from napari_ptx.ultrasound.crops import write_crops
from tests.ultrasound.lesions import HEIGHT, WIDTH, case_of, oval, speckle, write_cohort


def test_paper_mode_stretches_the_bounding_box() -> None:
    case = case_of(oval())
    cut = crop(case, size=100)
    rows, columns = np.nonzero(oval())
    assert cut.box == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
    assert cut.image.shape == cut.mask.shape == (100, 100)
    assert cut.image.dtype == np.float32
    assert 0 <= cut.image.min() < cut.image.max() <= 1
    top, left, bottom, right = cut.box
    assert cut.scale_yx == ((bottom - top) / 100, (right - left) / 100)
    assert (cut.unit, cut.spacing) == ("px", (1.0, 1.0))
    assert "shape features are of the stretched box" in cut.warnings[0]
    for edge in (cut.mask[0], cut.mask[-1], cut.mask[:, 0], cut.mask[:, -1]):
        assert edge.any()  # the mask fills the box
    # skimage is an independent implementation of linear interpolation on pixel centres
    expected = resize(speckle()[top:bottom, left:right] / 255.0, (100, 100), order=1, mode="edge")
    assert np.abs(cut.image - expected).max() < 0.003


def test_a_box_of_the_size_is_the_original_pixels() -> None:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[10:74, 30:94] = oval()[10:74, 30:94]
    mask[10, 40], mask[73, 40], mask[20, 30], mask[20, 93] = (True,) * 4
    cut = crop(case_of(mask, lesions="all"), size=64)
    np.testing.assert_array_equal(cut.pixels, speckle()[10:74, 30:94])
    np.testing.assert_array_equal(cut.mask, mask[10:74, 30:94])


def test_spacing_mode_keeps_proportions_and_millimetres() -> None:
    case = case_of(oval(), spacing=(0.1, 0.05), calibrated=True)
    cut = crop(case, mode="spacing", size=200)
    rows, columns = np.nonzero(oval())
    height, width = (np.ptp(rows) + 1) * 0.1, (np.ptp(columns) + 1) * 0.05
    assert cut.unit == "mm"
    assert cut.scale_yx[0] == cut.scale_yx[1] == pytest.approx(max(height, width) / 200)
    assert cut.spacing == cut.scale_yx
    area = case.mask.sum() * 0.1 * 0.05
    assert cut.mask.sum() * np.prod(cut.scale_yx) == pytest.approx(area, rel=0.02)
    assert not cut.warnings[1:]
    uncalibrated = crop(case_of(oval()), mode="spacing", size=200)
    assert uncalibrated.unit == "px"
    assert "not calibrated" in uncalibrated.warnings[1]
    assert uncalibrated.mask.sum() * np.prod(uncalibrated.scale_yx) == pytest.approx(
        oval().sum(), rel=0.02
    )


def test_outside_the_image_is_black() -> None:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[40:50, 0:80] = True  # a wide lesion at the left edge
    cut = crop(case_of(mask), mode="spacing", size=160, margin=0.25)
    assert cut.box[1] < 0
    outside = int((0 - cut.box[1]) / cut.scale_yx[1])
    assert outside > 10
    assert (cut.image[:, : outside - 1] == 0).all()
    assert not cut.mask[:, : outside - 1].any()
    assert (cut.image[:, outside + 1 :] > 0).any(axis=0).all()


def test_a_margin_widens_the_box_within_the_image() -> None:
    plain, wide = crop(case_of(oval())), crop(case_of(oval()), margin=0.1)
    assert wide.box == tuple(np.add(plain.box, (-6, -6, 6, 6)))
    assert crop(case_of(oval()), margin=5).box == (0, 0, HEIGHT, WIDTH)


@settings(max_examples=40)
@given(
    st.integers(0, HEIGHT - 1),
    st.integers(0, WIDTH - 1),
    st.integers(1, HEIGHT),
    st.integers(1, WIDTH),
    st.sampled_from(["paper", "spacing"]),
    st.integers(8, 200),
)
def test_any_box_gives_a_crop(
    top: int, left: int, height: int, width: int, mode: str, size: int
) -> None:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + height, left : left + width] = True
    case = case_of(mask, spacing=(0.07, 0.09), calibrated=True)
    sides = mask.any(axis=1).sum() * 0.07, mask.any(axis=0).sum() * 0.09
    assume(mode == "paper" or min(sides) > max(sides) / size)  # else it may be too thin
    cut = crop(case, mode=mode, size=size)  # type: ignore[arg-type]
    assert cut.image.shape == (size, size)
    assert np.isfinite(cut.image).all()
    assert cut.image.min() >= 0
    assert cut.image.max() <= 1
    assert cut.mask.any()
    if mode == "paper":
        assert cut.mask.all()
    np.testing.assert_array_equal(np.rint(cut.image * 255) / np.float32(255), cut.image)


def test_grey_levels_of_the_lesion_take_gain_out() -> None:
    dim = case_of(oval(), (speckle() * 0.5).astype(np.uint8))
    bright, half = (crop(case, normalise="lesion") for case in (case_of(oval()), dim))
    inside = bright.image[bright.mask]
    assert inside.min() < 0.02
    assert inside.max() > 0.98
    assert np.abs(half.image - bright.image)[bright.mask].mean() < 0.01
    assert "by the lesion's grey levels" in bright.warnings[1]
    plain = (crop(case) for case in (case_of(oval()), dim))
    first, second = (cut.image[bright.mask].mean() for cut in plain)
    assert second == pytest.approx(first / 2, rel=0.03)
    flat = crop(case_of(oval(), np.full((HEIGHT, WIDTH), 9, np.uint8)), normalise="lesion")
    assert (flat.image == 0).all()
    with pytest.raises(ValueError, match="normalise"):
        crop(dim, normalise="box")  # type: ignore[arg-type]


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="mode"):
        crop(case_of(oval()), mode="square")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="size"):
        crop(case_of(oval()), size=1)


def screen() -> CaseImage:
    """A sonogram with a black border, a tick in it, and a calcification in the lesion."""
    pixels = speckle()
    pixels[:, :20] = 2
    pixels[:, -20:] = 3
    pixels[40:44, 14:18] = 255
    pixels[44:46, 59:61] = 255
    return case_of(oval(width=100), pixels)


def test_borders_and_ticks_are_no_sonogram_and_a_calcification_is() -> None:
    case = screen()
    valid = sonogram(case.grey)
    assert not valid[:, :19].any()
    assert not valid[:, -19:].any()
    assert valid[:, 21:-21].all()
    clean, said = without_borders(case)
    assert not clean.mask[:, :20].any()
    assert clean.grey[44, 59] == 255
    assert clean.grey[42, 16] == pytest.approx(case.grey[case.mask & valid].mean())
    lost = 1 - clean.mask.sum() / case.mask.sum()
    assert f"{lost:.1%} of the ROI" in said[0]
    cut = crop(case, mask_borders=True)
    assert cut.box[1] >= 20
    assert crop(case).box[1] < 15


def test_a_picture_without_borders_is_all_sonogram_and_a_black_one_has_none() -> None:
    assert sonogram(speckle()).all()
    assert not sonogram(np.zeros((50, 60))).any()
    with pytest.raises(UltrasoundError, match="lies in the black border"):
        crop(case_of(oval(), np.zeros((HEIGHT, WIDTH), np.uint8)), mask_borders=True)


def test_written_crops_are_a_cohort_of_the_same_crops(tmp_path: Path) -> None:
    cohort = read_cohort(write_cohort(tmp_path / "in", 3))
    cohort.table.loc[1, "roi"] = ""
    seen: list[tuple[int, int]] = []
    about = write_crops(
        cohort, tmp_path / "out", size=50, note="speckle", progress=lambda *m: seen.append(m[:2])
    )
    assert (about["note"], about["cases"], about["mode"]) == ("speckle", 2, "paper")
    assert about["failures"] == [
        {"case": "c1", "reason": "Case c1 has no ROI: outline it, or leave it out."}
    ]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    written = read_cohort(tmp_path / "out" / "crops.csv")
    assert list(written.table["case"]) == ["c0", "c2"]
    assert list(written.table["label"]) == [0, 0]
    for row in written.table.to_dict("records"):
        original = cohort.table[cohort.table["case"] == row["case"]].iloc[0].to_dict()
        cut = crop(load_case(original), size=50)
        np.testing.assert_array_equal(decode(row["image"]).pixels, cut.pixels)
        np.testing.assert_array_equal(read_mask(row["roi"]), cut.mask)
        assert [row[name] for name in ("top", "left", "bottom", "right")] == list(cut.box)


def test_crops_of_no_case_or_into_a_file_are_refused(tmp_path: Path) -> None:
    cohort = read_cohort(write_cohort(tmp_path / "in", 2))
    (tmp_path / "file").touch()
    with pytest.raises(UltrasoundError, match="cannot be written"):
        write_crops(cohort, tmp_path / "file")
    cohort.table["roi"] = ""
    with pytest.raises(UltrasoundError, match="Not one of 2 cases"):
        write_crops(cohort, tmp_path / "out")


@pytest.mark.data
@pytest.mark.once
def test_real_nodules_lose_little_to_borders(data_dir: Path) -> None:
    cohort = read_cohort(data_dir / "us_ddti_thyroid" / "cohort.csv")
    lost = []
    for row in cohort.table.iloc[::8].to_dict("records"):
        case = load_case(row, read=decode)
        valid = sonogram(case.grey)
        assert 0.3 < valid.mean() < 0.97  # every frame of DDTI has black borders
        lost.append(1 - (case.mask & valid).sum() / case.mask.sum())
    assert np.median(lost) < 0.005
    assert max(lost) < 0.25
