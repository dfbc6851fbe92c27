"""Every real file is read or refused with a reason, and what is read is right.

The oracle for DICOM is GDCM (through SimpleITK), for PNG and JPEG imagecodecs:
none of them is what the package decodes these files with.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from pydicom.filereader import read_file_meta_info

from napari_ptx.image import Decoder, Image, ImageError, decode

pytestmark = pytest.mark.data
Tell = Callable[[str, str], None]

NO_PIXELS = "DICOM file without pixel data"
NO_IMAGE = "not an image of a kind that can be read"
BROKEN_JPEG = "could not be decompressed"
# What must be refused, and a part of the reason. Everything else must be read.
REFUSED = {
    "LICENSE": NO_IMAGE,
    "LICENSE.pydicom-data": NO_IMAGE,
    "LICENSE_CC-BY-4.0": NO_IMAGE,
    "README.md": NO_IMAGE,
    "README.txt": NO_IMAGE,
    "cohort.csv": NO_IMAGE,
    "label.txt": NO_IMAGE,
    "crayons.icc": NO_IMAGE,
    "rtplan.dump": NO_IMAGE,
    "rtstruct.dump": NO_IMAGE,
    "test1.json": NO_IMAGE,
    "test_PN.json": NO_IMAGE,
    "no_meta.dcm": NO_IMAGE,  # a stray byte before the first element
    "deid_GREYSCALE_CINE.zip": "ZIP archive",
    "dwv-test_no-number-rows.dcm": "tag Rows is missing",
    "emri_small_jpeg_2k_lossless_too_short.dcm": NO_PIXELS,
    "liver_deflate.dcm": "no decoder here",
    "ExplVR_BigEndNoMeta.dcm": NO_PIXELS,
    "ExplVR_LitEndNoMeta.dcm": NO_PIXELS,
    "JPEG-lossy.dcm": BROKEN_JPEG,
    "RG2_JPLY.dcm": BROKEN_JPEG,
    "JPEG2000-embedded-sequence-delimiter.dcm": "but the file declares",
    "MR_truncated.dcm": "pixel data are cut off (8,130 of 8,192 bytes)",
    "UN_sequence.dcm": NO_PIXELS,
    "badVR.dcm": "tag NumberOfFrames is not a number",
    "empty_charset_LEI.dcm": NO_PIXELS,
    "meta_missing_tsyntax.dcm": "tag Rows is missing",
    "nested_priv_SQ.dcm": "tag Rows is missing",
    "no_meta_group_length.dcm": NO_PIXELS,
    "priv_SQ.dcm": NO_PIXELS,
    "reportsi.dcm": NO_PIXELS,
    "reportsi_with_empty_number_tags.dcm": NO_PIXELS,
    "rtplan.dcm": NO_PIXELS,
    "rtplan_truncated.dcm": NO_PIXELS,
    "rtstruct.dcm": NO_PIXELS,
    "test-SR.dcm": NO_PIXELS,
    "waveform_ecg.dcm": NO_PIXELS,
}
# Where GDCM differs, and it is GDCM that is wrong or answers another question.
NOT_GDCM = {
    "SC_rgb_rle_16bit.dcm": "GDCM swaps bytes; equal to its uncompressed twin below",
    "SC_rgb_rle_16bit_2frame.dcm": "as above",
    "SC_rgb_rle_32bit.dcm": "as above",
    "SC_rgb_rle_32bit_2frame.dcm": "as above",
    "rtdose_expb.dcm": "GDCM does not swap bytes; equal to rtdose.dcm below",
    "liver.dcm": "GDCM gives 0 and 255 for bits",
    "liver_expb.dcm": "GDCM gives 0 and 255 for bits",
    "liver_nonbyte_aligned.dcm": "GDCM gives 0 and 255 for bits",
    "liver_1frame.dcm": "GDCM gives 0 and 255 for bits",
    "liver_expb_1frame.dcm": "GDCM gives 0 and 255 for bits",
    "mlut_18.dcm": "GDCM does not apply a Modality LUT",
}


def _summary(image: Image) -> str:
    size = " x ".join(map(str, image.pixels.shape))
    where = f"{len(image.regions)} regions" if image.regions else "px"
    if image.calibrated:
        where = f"{image.spacing[-2]:.4g} x {image.spacing[-1]:.4g} mm"
    return f"read     {image.modality} {image.axes} {size} {image.pixels.dtype}, {where}"


def _read_or_refuse(decoder: Decoder, path: Path) -> Image | ImageError:
    try:
        return decoder.read(path, timeout=30)
    except ImageError as error:
        refused = error
    assert str(path) in refused.message
    assert refused.message.endswith(".")
    for crash in ("crashed", "unexpectedly", "longer than", "not made to the standard"):
        assert crash not in refused.message
    return refused


@pytest.mark.parametrize("folder", ["us_dicom", "dicom_edge", "us_monai"])
def test_every_file_is_read_or_refused_with_its_reason(
    data_dir: Path, decoder: Decoder, tell: Tell, folder: str
) -> None:
    files = sorted(path for path in (data_dir / folder).rglob("*") if path.is_file())
    assert files
    for path in files:
        name = str(path.relative_to(data_dir))
        found = _read_or_refuse(decoder, path)
        if isinstance(found, ImageError):
            tell(name, "refused  " + found.message.partition(" cannot be read: ")[2])
            assert REFUSED.get(path.name, "(it must be read)") in found.message
        else:
            tell(name, _summary(found))
            assert path.name not in REFUSED


@pytest.mark.once
def test_every_file_of_the_large_folders(data_dir: Path, decoder: Decoder, tell: Tell) -> None:
    for folder in ("us_ddti_thyroid", "us_usgra"):
        outcomes: Counter[str] = Counter()
        for path in sorted(path for path in (data_dir / folder).rglob("*") if path.is_file()):
            found = _read_or_refuse(decoder, path)
            if isinstance(found, ImageError):
                assert REFUSED.get(path.name, "(it must be read)") in found.message
                outcomes[f"refused {path.name}"] += 1
            else:
                assert found.axes == "yx"
                assert not found.calibrated
                outcomes["read"] += 1
        told = ", ".join(f"{what} ({count})" for what, count in outcomes.items())
        tell(folder, told)
        assert outcomes["read"] >= 80


def test_the_cine_loop_in_the_archive(
    data_dir: Path, decoder: Decoder, tmp_path: Path, tell: Tell
) -> None:
    with zipfile.ZipFile(data_dir / "us_dicom/deid_GREYSCALE_CINE.zip") as archive:
        archive.extractall(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".txt"]
    read = []
    for path in files:
        found = _read_or_refuse(decoder, path)
        assert isinstance(found, Image), found
        tell(f"us_dicom/deid_GREYSCALE_CINE.zip:{path.name}", _summary(found))
        read.append(found)
        expected = sitk.GetArrayFromImage(sitk.ReadImage(str(path), imageIO="GDCMImageIO"))
        assert np.array_equal(found.pixels, np.squeeze(expected))
    cine = max(read, key=lambda image: image.frames)
    assert cine.axes == "tyx"
    assert cine.frames == 27


@pytest.mark.once
def test_dicom_pixels_equal_those_of_gdcm(data_dir: Path, tell: Tell) -> None:
    compared, lossy = 0, 0
    for folder in ("us_dicom", "dicom_edge"):
        for path in sorted((data_dir / folder).rglob("*.dcm")):
            if path.name in REFUSED or path.name in NOT_GDCM:
                continue
            try:
                oracle = sitk.ReadImage(str(path), imageIO="GDCMImageIO")
            except RuntimeError:
                continue
            expected = np.squeeze(sitk.GetArrayFromImage(oracle)).astype(np.float64)
            image = decode(path)
            if image.colour and image.pixels.dtype == np.uint8:
                # GDCM keeps the 16 bits of a palette that holds each byte twice.
                expected /= 257 if expected.max() > 255 else 1
            assert image.pixels.shape == expected.shape, path.name
            difference = np.abs(image.pixels.astype(np.float64) - expected)
            compared += 1
            if difference.max() > 0:  # two JPEG decoders may round differently
                lossy += 1
                assert "JPEG" in read_file_meta_info(path).TransferSyntaxUID.name, path.name
                assert difference.max() <= 3, path.name
                assert difference.mean() < 0.2, path.name
    tell("DICOM pixels against GDCM", f"{compared} files, {lossy} of them lossy JPEG within 3")
    assert compared > 85
    assert lossy < 12


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("us_dicom/gdcm-US-ALOKA-16.dcm", "us_dicom/gdcm-US-ALOKA-16_big.dcm"),
        ("us_dicom/OBXXXX1A.dcm", "us_dicom/OBXXXX1A_rle.dcm"),
        ("us_dicom/OBXXXX1A_2frame.dcm", "us_dicom/OBXXXX1A_rle_2frame.dcm"),
        ("us_dicom/US1_UNCI.dcm", "us_dicom/US1_J2KI.dcm"),  # made from it, it seems
        ("us_dicom/US1_J2KR.dcm", "dicom_edge/pydicom_wheel/examples_jpeg2k.dcm"),
        (
            "dicom_edge/SC_rgb_16bit_2frame.dcm",
            "dicom_edge/pydicom_wheel/SC_rgb_rle_16bit_2frame.dcm",
        ),
        ("dicom_edge/SC_rgb_32bit.dcm", "dicom_edge/pydicom_wheel/SC_rgb_rle_32bit.dcm"),
        ("dicom_edge/color-pl.dcm", "dicom_edge/color-px.dcm"),
        ("dicom_edge/emri_small.dcm", "dicom_edge/emri_small_big_endian.dcm"),
        ("dicom_edge/liver.dcm", "dicom_edge/liver_expb.dcm"),
        *(
            (
                "dicom_edge/pydicom_wheel/MR_small.dcm",
                f"dicom_edge/pydicom_wheel/MR_small_{twin}.dcm",
            )
            for twin in ("RLE", "bigendian", "expb", "implicit", "jp2klossless", "jpeg_ls_lossless")
        ),
        (
            "dicom_edge/pydicom_wheel/SC_rgb_small_odd.dcm",
            "dicom_edge/pydicom_wheel/SC_rgb_small_odd_big_endian.dcm",
        ),
        *(
            ("dicom_edge/pydicom_wheel/rtdose.dcm", f"dicom_edge/pydicom_wheel/rtdose_{twin}.dcm")
            for twin in ("expb", "rle")
        ),
    ],
)
def test_the_same_picture_in_two_encodings_has_one_hash(
    data_dir: Path, one: str, other: str
) -> None:
    assert decode(data_dir / one).sha256 == decode(data_dir / other).sha256


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("SC_rgb_rle.dcm", 0),
        ("SC_rgb_jpeg_gdcm.dcm", 0),
        ("SC_rgb_gdcm_KY.dcm", 0),
        ("SC_rgb_dcmtk_+eb+cr.dcm", 0),
        ("SC_rgb_jpeg_lossy_gdcm.dcm", 1),
        ("SC_rgb_jls_lossy_line.dcm", 2),
        ("SC_rgb_jls_lossy_sample.dcm", 2),
        ("../SC_ybr_full_uncompressed.dcm", 5),
        ("SC_ybr_full_422_uncompressed.dcm", 5),
        ("SC_rgb_dcmtk_+eb+cy+n1.dcm", 5),
        ("SC_rgb_dcmtk_+eb+cy+n2.dcm", 5),
        ("SC_rgb_dcmtk_+eb+cy+np.dcm", 5),
        ("SC_rgb_dcmtk_+eb+cy+s2.dcm", 5),
        ("SC_rgb_dcmtk_+eb+cy+s4.dcm", 5),
        ("SC_rgb_jpeg_dcmtk.dcm", 5),
    ],
)
def test_known_colour_bars(data_dir: Path, name: str, tolerance: int) -> None:
    """The bars of pydicom's SC_rgb files: red, pink, green, ... to white, 10 rows each."""
    image = decode(data_dir / "dicom_edge/pydicom_wheel" / name)
    bars = [
        (255, 0, 0),
        (255, 128, 128),
        (0, 255, 0),
        (128, 255, 128),
        (0, 0, 255),
        (128, 128, 255),
        (0, 0, 0),
        (64, 64, 64),
        (192, 192, 192),
        (255, 255, 255),
    ]
    assert image.colour
    found = image.pixels[5::10, 50].astype(int)
    assert np.abs(found - np.array(bars)).max() <= tolerance


def test_lossy_and_lossless_jpeg_2000_show_the_same_picture(data_dir: Path) -> None:
    lossless = decode(data_dir / "us_dicom/US1_J2KR.dcm").pixels.astype(int)
    lossy = decode(data_dir / "us_dicom/US1_J2KI.dcm").pixels.astype(int)
    # 26:1; a swapped channel or a missed colour transform gives a mean above 15
    assert np.abs(lossless - lossy).mean() < 2


@pytest.mark.parametrize(
    ("pattern", "reference"),
    [
        ("us_ddti_thyroid/*[05].a.jpg", imagecodecs.jpeg_decode),
        ("us_usgra/test/images/*.png", imagecodecs.png_decode),
        ("us_usgra/test/masks/*.png", imagecodecs.png_decode),
        ("us_monai/*.png", imagecodecs.png_decode),
    ],
)
def test_raster_pixels_equal_those_of_imagecodecs(
    data_dir: Path, pattern: str, reference: Callable[[bytes], np.ndarray]
) -> None:
    files = sorted(data_dir.glob(pattern))
    assert files
    for path in files:
        expected = reference(path.read_bytes())
        pixels = decode(path).pixels
        if expected.ndim == 3 and expected.shape[-1] == 4:
            expected = expected[..., :3]
        assert np.array_equal(pixels, expected), path.name


def test_calibration_of_resized_pictures_is_ignored_and_said_so(data_dir: Path) -> None:
    for name in ("examples_ybr_color.dcm", "examples_palette.dcm"):
        image = decode(data_dir / "us_dicom" / name)
        assert image.regions == ()
        assert not image.calibrated
        assert set(image.spacing) == {1.0}
        assert image.spacing_at(100, 150) is None
        assert any("lies outside the image" in note for note in image.notes)


def test_two_regions_side_by_side_and_one_of_zero(data_dir: Path) -> None:
    image = decode(data_dir / "us_dicom/gdcm-US-ALOKA-16.dcm")
    left, right = image.regions
    assert (left.left, left.right) == (32, 336)
    assert (right.left, right.right) == (336, 640)
    assert left.spacing == right.spacing == pytest.approx((0.382653, 0.382653), abs=1e-6)
    assert not image.calibrated
    assert image.spacing_at(100, 335.4) == left.spacing
    assert image.spacing_at(100, 335.5) == right.spacing
    assert image.spacing_at(10, 100) is None


def test_a_trace_in_seconds_calibrates_nothing(data_dir: Path) -> None:
    image = decode(data_dir / "us_dicom/OBXXXX1A.dcm")
    (tissue,) = image.regions
    # The file gives 800 as the last column of 800, one too many: cut.
    assert (tissue.top, tissue.left, tissue.bottom, tissue.right) == (60, 120, 519, 800)
    assert tissue.spacing == pytest.approx((0.2622879, 0.2622879), abs=1e-6)
    assert image.spacing_at(550, 400) is None
    assert not image.calibrated
    assert any("seconds" in note for note in image.notes)


def test_one_region_calibrates_the_picture(data_dir: Path) -> None:
    image = decode(data_dir / "us_dicom/deid_RGB_IMAGE.dcm")
    assert image.calibrated
    # the device repeats the number in Pixel Spacing
    assert image.spacing == pytest.approx((0.237872, 0.237872), abs=1e-6)
    assert image.spacing_at(10, 500) is None  # above the region


def test_geometry_of_ct_and_mr_slices_equals_itks(data_dir: Path) -> None:
    for name in ("CT_small.dcm", "MR_small.dcm", "693_J2KI.dcm"):
        path = data_dir / "dicom_edge/pydicom_wheel" / name
        oracle = sitk.ReadImage(str(path), imageIO="GDCMImageIO")
        image = decode(path)
        assert image.spacing == pytest.approx(oracle.GetSpacing()[1::-1])
        assert image.origin == pytest.approx(oracle.GetOrigin())
        matrix = np.array(oracle.GetDirection()).reshape(3, 3)
        assert image.direction is not None
        assert np.allclose(image.direction, matrix)


def test_enhanced_ct_is_a_volume_in_hounsfield_units(data_dir: Path) -> None:
    image = decode(data_dir / "dicom_edge/eCT_Supplemental.dcm")
    assert image.axes == "zyx"
    assert image.spacing == pytest.approx((10.0, 0.388672, 0.388672))
    assert image.pixels.dtype == np.int16
    assert image.pixels.min() < -900  # air


@pytest.mark.once
def test_modality_lut_is_applied(data_dir: Path) -> None:
    path = data_dir / "dicom_edge/mlut_18.dcm"
    dataset = pydicom.dcmread(path)
    item = dataset.ModalityLUTSequence[0]
    table = np.asarray(item.LUTData)
    expected = table[dataset.pixel_array.astype(int) + 2048]
    assert np.array_equal(decode(path).pixels, expected)
