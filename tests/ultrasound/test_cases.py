"""One row of a cohort to a grey picture and a mask, or one clear reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from napari_ptx.image import Region, decode, read_cohort
from napari_ptx.roi import rasterise, trace, write_imagej, write_mask
from napari_ptx.ultrasound import UltrasoundError, case_image, load_case
from tests.ultrasound.lesions import HEIGHT, WIDTH, box, oval, picture, speckle


def files(folder: Path, **more: str) -> dict[str, str]:
    Picture.fromarray(speckle()).save(folder / "image.png")
    write_mask(folder / "mask.png", oval())
    row = {"case": "007", "image": str(folder / "image.png"), "roi": str(folder / "mask.png")}
    return row | more


def test_a_row_becomes_grey_and_mask(tmp_path: Path) -> None:
    case = load_case(files(tmp_path))
    assert case.case == "007"
    assert case.grey.dtype == np.float32
    np.testing.assert_array_equal(case.grey, speckle())
    np.testing.assert_array_equal(case.mask, oval())
    assert (case.black, case.white, case.spacing, case.note) == (0.0, 255.0, None, "")
    with pytest.raises(ValueError, match="read-only"):
        case.grey[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        case.mask[0, 0] = True


def test_colour_becomes_luma_and_a_grey_picture_in_colour_keeps_its_values() -> None:
    grey = case_image(picture(np.stack([speckle()] * 3, axis=-1), colour=True), trace(oval()))
    np.testing.assert_array_equal(grey.grey, speckle())
    red = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    red[..., 0] = 200
    assert (case_image(picture(red, colour=True), trace(oval())).grey == 60).all()  # 0.299 * 200


def test_of_a_film_the_outlined_frame_is_taken() -> None:
    film = np.stack([speckle(seed) for seed in range(4)])
    case = case_image(picture(film, axes="tyx"), trace(oval(), 2))
    np.testing.assert_array_equal(case.grey, film[2])
    np.testing.assert_array_equal(case.mask, oval())


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ((1, 3), r"outlined on 2 frames \(counted from 0: 1, 3\)"),
        ((4,), "on frame 4 .* its image has 4"),
    ],
)
def test_what_frames_cannot_be_used(frames: tuple[int, ...], message: str) -> None:
    film = picture(np.stack([speckle()] * 4), axes="tyx")
    outlines = [box(10, 10, 20, 20, frame) for frame in frames]
    with pytest.raises(UltrasoundError, match=message):
        case_image(film, outlines, case="7")


def test_of_two_components_the_largest_or_both() -> None:
    two = (box(10, 10, 20, 20), box(40, 40, 70, 80))
    case = case_image(picture(speckle()), two)
    assert case.mask.sum() == 30 * 40
    assert case.mask[40:70, 40:80].all()
    assert "2 components; the largest was taken, with 92% of its pixels" in case.note
    both = case_image(picture(speckle()), two, lesions="all")
    assert both.mask.sum() == 30 * 40 + 100
    assert both.note == ""


def test_pixels_that_touch_at_a_corner_are_one_lesion() -> None:
    case = case_image(picture(speckle()), (box(10, 10, 20, 20), box(20, 20, 40, 40)))
    assert case.mask.sum() == 100 + 400


def test_the_calibration_is_that_of_the_lesion() -> None:
    regions = (Region(0, 0, HEIGHT, 60, (0.1, 0.2)), Region(0, 60, HEIGHT, WIDTH, (0.3, 0.4)))
    image = picture(speckle(), regions=regions)
    assert case_image(image, [box(10, 10, 20, 20)]).spacing == (0.1, 0.2)
    assert case_image(image, [box(10, 70, 20, 80)]).spacing == (0.3, 0.4)
    assert case_image(image, [box(10, 50, 20, 80)]).spacing is None  # in both


def test_other_than_8_bits_the_window_or_the_range_is_black_and_white() -> None:
    deep = speckle().astype(np.uint16) * 16 + 100
    case = case_image(picture(deep), trace(oval()))
    assert (case.black, case.white) == (deep.min(), deep.max())
    assert "the range of the picture" in case.note
    case = case_image(picture(deep, window=(200.0, 3000.0)), trace(oval()))
    assert (case.black, case.white) == (200.0, 3000.0)
    flat = case_image(picture(np.full((HEIGHT, WIDTH), 7, np.int16)), trace(oval()))
    assert flat.white > flat.black


def test_each_row_that_cannot_be_used_has_one_reason_with_its_case(tmp_path: Path) -> None:
    row = files(tmp_path)
    write_mask(tmp_path / "empty.png", np.zeros((HEIGHT, WIDTH)))
    write_mask(tmp_path / "other.png", oval()[:50, :60])
    write_imagej(tmp_path / "outside.roi", [box(500, 500, 520, 520)])
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n....")
    (tmp_path / "text.png").write_text("text")
    reasons = {
        "has no ROI": row | {"roi": ""},
        "has no ROI: outline it": {"case": "007", "image": row["image"]},
        "empty ROI": row | {"roi": str(tmp_path / "empty.png")},
        "50 x 60 .* but its image has 90 x 120": row | {"roi": str(tmp_path / "other.png")},
        "outside its image": row | {"roi": str(tmp_path / "outside.roi")},
        "cannot be read": row | {"image": str(tmp_path / "broken.png")},
        "cannot be read as an image": row | {"roi": str(tmp_path / "text.png")},
        "does not exist": row | {"roi": str(tmp_path / "nowhere.png")},
    }
    for reason, bad in reasons.items():
        with pytest.raises(UltrasoundError, match=reason) as caught:
            load_case(bad, read=decode)
        assert caught.value.message.startswith("Case 007")


@given(
    st.floats(-60, 150),
    st.floats(-60, 180),
    st.floats(0.5, 80),
    st.floats(0.5, 80),
)
def test_an_outline_anywhere_is_used_or_refused(
    y: float, x: float, height: float, width: float
) -> None:
    outline = box(y, x, y + height, x + width)
    inside = rasterise([outline], (HEIGHT, WIDTH))
    if inside.any():
        np.testing.assert_array_equal(case_image(picture(speckle()), [outline]).mask, inside)
    else:
        with pytest.raises(UltrasoundError, match="no pixel of the image lies in the ROI"):
            case_image(picture(speckle()), [outline])


@pytest.mark.data
@pytest.mark.once
def test_noisy_jpeg_masks_of_real_nodules(data_dir: Path) -> None:
    cohort = read_cohort(data_dir / "us_ddti_thyroid" / "cohort.csv")
    several = 0
    for row in cohort.table.iloc[200:240].to_dict("records"):
        whole = load_case(row, lesions="all", read=decode)
        one = load_case(row, read=decode)
        assert one.mask.shape == one.grey.shape
        assert not (one.mask & ~whole.mask).any()
        assert 0.001 < one.mask.mean() < 0.8
        several += "components" in one.note
    assert several > 5
