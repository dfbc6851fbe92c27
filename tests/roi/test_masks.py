from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from napari_ptx.roi import (
    Outline,
    RoiError,
    rasterise,
    read_mask,
    read_roi,
    trace,
    write_imagej,
    write_mask,
)
from tests.roi.make import box, disc, lesions, masks


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("masks")


@pytest.fixture
def mask() -> np.ndarray:
    return rasterise([disc(20, (40, 60))], (90, 120))


def saved(folder: Path, pixels: np.ndarray, name: str = "mask.png", **options: object) -> Path:
    Image.fromarray(pixels).save(folder / name, **options)
    return folder / name


@given(masks(), st.sampled_from([".png", ".tif", ".tiff", ".bmp"]))
def test_masks_come_back_as_they_were_written(folder: Path, mask: np.ndarray, suffix: str) -> None:
    path = folder / f"mask{suffix}"
    write_mask(path, mask)
    if not mask.all():
        np.testing.assert_array_equal(read_mask(path), mask)
        np.testing.assert_array_equal(rasterise(read_roi(path, mask.shape), mask.shape), mask)
    np.testing.assert_array_equal(read_mask(path, threshold=127), mask)


def test_frames_of_a_tiff_are_frames_of_the_outlines(tmp_path: Path) -> None:
    frames = np.zeros((4, 9, 11), dtype=bool)
    frames[1, 2:5, 3:7] = frames[3, 4:6, 4:6] = True
    write_mask(tmp_path / "cine.tif", frames)
    np.testing.assert_array_equal(read_mask(tmp_path / "cine.tif"), frames)
    outlines = read_roi(tmp_path / "cine.tif", (9, 11))
    assert [outline.frame for outline in outlines] == [1, 3]


@pytest.mark.parametrize("top", [1, 2, 38, 100, 255])
def test_every_pair_of_levels_is_read(tmp_path: Path, mask: np.ndarray, top: int) -> None:
    path = saved(tmp_path, mask.astype(np.uint8) * top)
    np.testing.assert_array_equal(read_mask(path), mask)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_every_kind_of_tiff_is_read(tmp_path: Path, mask: np.ndarray, dtype: type) -> None:
    tifffile.imwrite(tmp_path / "m.tif", mask.astype(dtype))
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), mask)


def test_white_is_zero_is_turned_round(tmp_path: Path, mask: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "m.tif", ~mask, photometric="miniswhite", bitspersample=1)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), mask)


def test_colour_tiff_and_planes(tmp_path: Path, mask: np.ndarray) -> None:
    colour = np.zeros((*mask.shape, 3), dtype=np.uint8)
    colour[mask] = (0, 200, 30)
    tifffile.imwrite(tmp_path / "m.tif", colour, photometric="rgb")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), mask)
    planes = np.moveaxis(colour, -1, 0)
    tifffile.imwrite(tmp_path / "p.tif", planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_mask(tmp_path / "p.tif"), mask)


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 1), (0, 0, 255), (255, 255, 255)])
def test_every_colour_on_black_is_object_and_on_white_where_inverted(
    tmp_path: Path, mask: np.ndarray, colour: tuple[int, int, int]
) -> None:
    pixels = np.where(mask[..., None], np.uint8(colour), np.uint8(0))
    np.testing.assert_array_equal(read_mask(saved(tmp_path, pixels)), mask)
    path = saved(tmp_path, 255 - pixels)
    np.testing.assert_array_equal(read_mask(path, invert=True), mask)


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 30, 0)])
def test_transparent_is_background(
    tmp_path: Path, mask: np.ndarray, colour: tuple[int, int, int]
) -> None:
    pixels = np.full((*mask.shape, 4), (*colour, 255), dtype=np.uint8)
    pixels[~mask, 3] = 0
    dark = colour == (0, 0, 0)
    if dark:  # black on a ground of which nothing but its transparency is known
        np.testing.assert_array_equal(read_mask(saved(tmp_path, pixels), 0, invert=True), mask)
    else:
        np.testing.assert_array_equal(read_mask(saved(tmp_path, pixels)), mask)


def test_palette_of_two_colours_is_a_picture_and_of_more_a_label_image(tmp_path: Path) -> None:
    labels = np.zeros((20, 20), dtype=np.uint8)
    labels[3:6, 3:6] = 1
    image = Image.fromarray(labels, mode=None)
    image.putpalette([255, 255, 255, 0, 0, 0, 90, 0, 0])
    image.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "p.png", invert=True), labels == 1)
    labels[10:12, 10:12] = 2
    image = Image.fromarray(labels)
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    image.save(tmp_path / "p.png")
    with pytest.raises(RoiError, match=r"3 small values \(0, 1, 2\), as a label image"):
        read_mask(tmp_path / "p.png")
    assert read_mask(tmp_path / "p.png", threshold=1.5).sum() == 4
    assert read_mask(tmp_path / "p.png", threshold=0.5).sum() == 13


@given(lesions(radius=30), st.integers(60, 95), st.integers(80, 255))
def test_jpeg_noise_does_not_reach_the_mask(
    folder: Path, outline: Outline, quality: int, level: int
) -> None:
    mask = rasterise([outline], (120, 120))
    path = saved(folder, mask.astype(np.uint8) * level, "m.jpg", quality=quality)
    assert (read_mask(path) != mask).sum() <= 0.02 * mask.sum() + 4


def test_blank_masks(tmp_path: Path) -> None:
    blank = np.zeros((6, 7), dtype=np.uint8)
    assert not read_mask(saved(tmp_path, blank)).any()
    assert read_roi(saved(tmp_path, blank), (6, 7)) == ()
    assert not read_mask(saved(tmp_path, blank + 255), invert=True).any()
    for pixels, invert in [(blank + 255, False), (blank, True)]:
        with pytest.raises(RoiError, match="everywhere: give a threshold"):
            read_mask(saved(tmp_path, pixels), invert=invert)
    assert read_mask(saved(tmp_path, blank + 255), threshold=127).all()


def test_pictures_are_refused(tmp_path: Path) -> None:
    y, x = np.indices((60, 60))
    ramp = ((y + x) * 2).astype(np.uint8)
    with pytest.raises(RoiError, match="does not show two levels"):
        read_mask(saved(tmp_path, ramp))
    assert read_mask(saved(tmp_path, ramp), threshold=100).sum() == ((y + x) * 2 > 100).sum()


def test_a_mask_of_another_size_names_both_sizes(tmp_path: Path, mask: np.ndarray) -> None:
    path = saved(tmp_path, mask)
    assert read_roi(path, (90, 120)) == trace(mask)
    with pytest.raises(RoiError, match=r"mask.png has 90 x 120 .* but its image has 120 x 90"):
        read_roi(path, (120, 90))


def test_imagej_files_are_read_and_must_touch_the_image(tmp_path: Path) -> None:
    path = tmp_path / "RoiSet.zip"
    write_imagej(path, [box(1, 1, 5, 5), box(20, 20, 90, 90)])
    assert len(read_roi(path, (30, 30))) == 2
    with pytest.raises(RoiError, match=r"outline 2 \(rows 20 to 90, .* outside its image of 15 x"):
        read_roi(path, (15, 30))


def test_files_that_cannot_be_read_are_refused(tmp_path: Path, mask: np.ndarray) -> None:
    for name in ("a.png", "a.jpg", "a.tif", "a.bmp"):
        (tmp_path / name).write_bytes(b"not an image")
        with pytest.raises(RoiError, match=f"{name} cannot be read as an image"):
            read_mask(tmp_path / name)
        with pytest.raises(RoiError, match="does not exist"):
            read_mask(tmp_path / f"no-{name}")
    whole = saved(tmp_path, mask.astype(np.uint8) * 255).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RoiError, match=r"cut.png cannot be read"):
        read_mask(tmp_path / "cut.png")
    with pytest.raises(RoiError, match="not a kind of ROI"):
        read_roi(tmp_path / "outline.json")


def test_float_that_is_not_finite_and_volumes_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "nan.tif", np.full((4, 5), np.nan, dtype=np.float32))
    with pytest.raises(RoiError, match="not finite"):
        read_mask(tmp_path / "nan.tif")
    tifffile.imwrite(
        tmp_path / "4d.tif", np.zeros((2, 3, 4, 5), np.uint8), photometric="minisblack"
    )
    with pytest.raises(RoiError, match="rows, columns and frames"):
        read_mask(tmp_path / "4d.tif")


def test_writing_refuses_what_would_change_pixels(tmp_path: Path, mask: np.ndarray) -> None:
    for name, pixels in [("m.jpg", mask), ("m.png", np.stack([mask, mask])), ("m.tif", mask[0])]:
        with pytest.raises(RoiError, match="cannot hold a mask"):
            write_mask(tmp_path / name, pixels)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.data
@pytest.mark.once
def test_thyroid_masks_are_read_and_pictures_are_not(data_dir: Path) -> None:
    folder = data_dir / "us_ddti_thyroid"
    masks = sorted(folder.glob("*.b.jpg"))
    assert len(masks) == 479
    for path in masks[::8]:
        mask = read_mask(path)
        # a green fill with a red line round it, some 6 pixels wide: both are object
        painted = np.asarray(Image.open(path))[..., :2].max(axis=-1) > 200
        assert mask[painted].all()
        assert not (mask & ~ndimage.binary_dilation(painted, iterations=5)).any()
        assert 0 < mask.mean() < 0.9
    pictures = [
        *sorted(folder.glob("*.a.jpg"))[::8],
        *sorted((data_dir / "multi_reader/bubil6/RawImages").glob("*.png")),
        *sorted((data_dir / "us_usgra/test/images").glob("*.png"))[::4],
    ]
    assert len(pictures) == 60 + 35 + 10
    for path in pictures:
        with pytest.raises(RoiError, match=r"does not show two levels|as a label image"):
            read_mask(path)


@pytest.mark.data
def test_readers_masks_whose_object_is_black(data_dir: Path) -> None:
    folder = data_dir / "multi_reader/bubil6/ExpertAnnotations"
    paths = sorted(folder.glob("*/*.png"))
    assert len(paths) == 350
    for path in paths[::9]:
        mask = read_mask(path, invert=True)
        np.testing.assert_array_equal(mask, np.asarray(Image.open(path).convert("L")) == 0)
        np.testing.assert_array_equal(read_mask(path), ~mask)
        assert 0 < mask.mean() < 0.1


@pytest.mark.data
def test_label_images_ask_for_a_threshold(data_dir: Path) -> None:
    path = data_dir / "us_usgra/test/masks/0242.png"
    with pytest.raises(RoiError, match=r"\(0, 1, 2\), as a label image"):
        read_roi(path)
    assert read_mask(path, threshold=0.5).sum() == 1077 + 6595
