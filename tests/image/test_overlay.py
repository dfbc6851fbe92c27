"""The detectors of text and calipers, on drawn pictures and on real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageDraw
from scipy.ndimage import gaussian_filter

from napari_ptx.image import decode
from napari_ptx.image.examine import examine_here
from napari_ptx.image.identity import read_identity
from napari_ptx.image.overlay import find_overlay
from napari_ptx.image.types import Image, Region
from tests.image.make import dataset, save

REGION = Region(60, 40, 300, 360, (0.1, 0.1))


def speckle(seed: int, mean: float = 90) -> np.ndarray:
    """Give speckle as a scanner shows it: Rayleigh noise, blurred, log-compressed."""
    random = np.random.default_rng(seed)
    parts = [gaussian_filter(random.normal(size=(320, 400)), (1, 2)) for _ in range(2)]
    values = np.log(np.hypot(*parts) + 0.01)
    return np.clip(mean + 45 * (values - values.mean()) / values.std(), 0, 255).astype(np.uint8)


def screen(seed: int = 0, mean: float = 90) -> Picture.Image:
    """Give a screen with tissue in the region and black around it."""
    pixels = np.zeros((320, 400), np.uint8)
    inside = np.s_[REGION.top : REGION.bottom, REGION.left : REGION.right]
    pixels[inside] = speckle(seed, mean)[inside]
    return Picture.fromarray(pixels).convert("RGB")


def image(picture: Picture.Image, *, regions: bool = True, colour: bool = True) -> Image:
    pixels = np.asarray(picture if colour else picture.convert("L"))
    return Image(
        pixels, "yx", (1.0, 1.0), False, colour=colour, regions=(REGION,) if regions else ()
    )


@pytest.mark.parametrize("regions", [True, False])
@pytest.mark.parametrize("mean", [50, 90, 130, 170])
def test_tissue_is_neither_text_nor_calipers(regions: bool, mean: float) -> None:
    for seed in range(3):
        found = find_overlay(image(screen(seed, mean), regions=regions))
        assert (found.text, found.crosses, found.dotted) == ((), (), ())


@pytest.mark.parametrize("colour", ["white", "#9a9a9a", "yellow", "#40ff40"])
@pytest.mark.parametrize("size", [11, 18, 28])
def test_text_is_found_where_it_stands(colour: str, size: int) -> None:
    for regions in (True, False):
        picture = screen()
        draw = ImageDraw.Draw(picture)
        draw.text((150, 12), "MARY DOE", fill=colour, font_size=size)
        where = draw.textbbox((150, 12), "MARY DOE", font_size=size)
        lines = find_overlay(image(picture, regions=regions)).text
        assert lines
        assert all(
            line.left >= where[0] - 3 and line.right <= where[2] + 3
            and line.top >= where[1] - 3 and line.bottom <= where[3] + 3 for line in lines
        )  # fmt: skip
        assert find_overlay(image(picture, regions=regions, colour=False)).text


def test_depth_ticks_and_single_letters_are_no_text() -> None:
    picture = screen()
    draw = ImageDraw.Draw(picture)
    for y in range(60, 300, 24):
        draw.rectangle((370, y, 374, y + 1), fill="white")
    draw.text((10, 62), "0", fill="white", font_size=12)
    draw.text((10, 280), "T", fill="white", font_size=12)
    assert find_overlay(image(picture)).text == ()


@pytest.mark.parametrize("arm", [4, 6, 9])
@pytest.mark.parametrize("wide", [1, 2])
@pytest.mark.parametrize(
    ("slanted", "colour"), [(False, "white"), (True, "white"), (False, "cyan")]
)
def test_crosses_are_found(arm: int, wide: int, slanted: bool, colour: str) -> None:
    picture = screen(3, mean=60)
    draw = ImageDraw.Draw(picture)
    for y, x in ((120, 100), (200, 250)):
        one, two = ((-arm, -arm), (-arm, arm)) if slanted else ((0, -arm), (-arm, 0))
        for dy, dx in (one, two):
            draw.line((x + dx, y + dy, x - dx, y - dy), fill=colour, width=wide)
    found = find_overlay(image(picture))
    assert len(found.crosses) == 2
    assert all(abs(box.top + box.height / 2 - y) < 2 for box, y in zip(
        sorted(found.crosses, key=lambda box: box.top), (120, 200), strict=True
    ))  # fmt: skip


@pytest.mark.parametrize("step", [(0, 6), (5, 5), (9, 2)])
def test_dotted_lines_are_found(step: tuple[int, int]) -> None:
    picture = screen(4, mean=60)
    draw = ImageDraw.Draw(picture)
    for number in range(12):
        y, x = 120 + number * step[0], 100 + number * step[1]
        draw.rectangle((x, y, x + 1, y + 1), fill="white")
    (line,) = find_overlay(image(picture)).dotted
    assert (line.top, line.left) == pytest.approx((121, 101), abs=1)
    assert line.bottom == pytest.approx(121 + 11 * step[0], abs=2)


def test_tags_are_named_but_not_their_values(tmp_path: Path) -> None:
    made = dataset(
        np.zeros((8, 8), np.uint8), PatientName="Doe^Mary", PatientID="", StudyDate="20260105",
        BurnedInAnnotation="YES",
    )  # fmt: skip
    made.private_block(0x0099, "MAKER", create=True).add_new(1, "LO", "Doe")
    found = read_identity(save(made, tmp_path / "a.dcm"))
    assert found.tags == ("PatientName", "StudyDate")
    assert found.private == 2  # its creator counts
    assert found.burned_in == "YES"
    assert "Doe" not in repr(found)
    Picture.new("L", (8, 8)).save(tmp_path / "a.png")
    assert read_identity(tmp_path / "a.png").tags == ()
    looked = examine_here(str(tmp_path / "a.dcm"))
    assert looked.sha256 == decode(tmp_path / "a.dcm").sha256
    assert looked.identity == found


@pytest.mark.once
@pytest.mark.data
def test_real_screens(data_dir: Path) -> None:
    """Looked at by eye: 13 files of us_dicom show text; of these DDTI images only 85_2 does."""
    texts = {
        path.name: bool(find_overlay(decode(path)).text)
        for path in (data_dir / "us_dicom").glob("*.dcm")
    }
    without = {"OBXXXX1A_2frame.dcm", "OBXXXX1A_rle_2frame.dcm", "gdcm-US-RGB-8-esopecho.dcm"}
    assert {name for name, found in texts.items() if not found} == without
    marks = find_overlay(decode(data_dir / "us_dicom" / "OBXXXX1A.dcm")).crosses
    places = [(box.top, box.left) for box in marks]
    assert (286, 455) in places
    assert (297, 494) in places
    folder = data_dir / "us_ddti_thyroid"
    images = [folder / f"{number}_1.a.jpg" for number in range(10, 300, 10)]
    images = [path for path in images if path.exists()]
    assert not [path.name for path in images if find_overlay(decode(path)).text]
    (line,) = find_overlay(decode(folder / "85_2.a.jpg")).text  # "ADENO..."
    assert line.left > 440
