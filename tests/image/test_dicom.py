"""What DICOM files say and how they lie, on files made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from napari_ptx.image import decode

from .make import dataset, random_grey, reason, region, save

# Values


def test_planar_configurations_agree(tmp_path: Path) -> None:
    pixels = random_grey((2, 6, 8, 3))
    by_pixel = decode(save(dataset(pixels), tmp_path / "a.dcm"))
    planes = np.ascontiguousarray(np.moveaxis(pixels, -1, 1))
    made = dataset(pixels, PlanarConfiguration=1, PixelData=planes.tobytes())
    by_plane = decode(save(made, tmp_path / "b.dcm"))
    assert np.array_equal(by_pixel.pixels, pixels)
    assert by_pixel.sha256 == by_plane.sha256
    assert by_pixel.axes == "tyx"


def test_monochrome1_is_inverted_in_its_stored_range(tmp_path: Path) -> None:
    pixels = random_grey((5, 7), np.uint16)
    made = dataset(pixels, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)
    image = decode(save(made, tmp_path / "a.dcm"))
    assert np.array_equal(image.pixels, 4095 - pixels)
    assert any("inverted" in note for note in image.notes)


def test_monochrome1_of_ct_is_not_inverted(tmp_path: Path) -> None:
    pixels = random_grey((5, 7), np.int16)
    made = dataset(
        pixels,
        PhotometricInterpretation="MONOCHROME1",
        Modality="CT",
        RescaleSlope=1,
        RescaleIntercept=-1024,
    )
    image = decode(save(made, tmp_path / "a.dcm"))
    assert np.array_equal(image.pixels, pixels - 1024)
    assert any("values are kept" in note for note in image.notes)


@pytest.mark.parametrize(
    ("kind", "slope", "intercept", "expected"),
    [
        (np.int16, 1, 0, np.int16),
        (np.uint16, 1, 0, np.uint16),
        (np.int16, 1, -1024, np.int16),
        (np.uint16, 1, -1024, np.int16),
        (np.int16, 20, -1024, np.int32),
        (np.int16, 0.5, 0, np.float32),
        (np.uint8, 1, -0.25, np.float32),
    ],
)
def test_rescale(
    tmp_path: Path, kind: type, slope: float, intercept: float, expected: type
) -> None:
    pixels = random_grey((5, 7), kind)
    made = dataset(pixels, Modality="CT", RescaleSlope=slope, RescaleIntercept=intercept)
    image = decode(save(made, tmp_path / "a.dcm"))
    assert image.pixels.dtype == expected
    assert np.allclose(image.pixels, pixels * float(slope) + intercept)


def test_rescale_of_each_frame(tmp_path: Path) -> None:
    pixels = random_grey((2, 5, 7), np.int16)
    made = dataset(pixels, Modality="PT")
    frames = []
    for slope in (0.5, 2.0):
        frame, values = Dataset(), Dataset()
        values.RescaleSlope, values.RescaleIntercept = slope, 1.0
        frame.PixelValueTransformationSequence = Sequence([values])
        frames.append(frame)
    made.PerFrameFunctionalGroupsSequence = Sequence(frames)
    image = decode(save(made, tmp_path / "a.dcm"))
    assert image.pixels.dtype == np.float32
    assert np.array_equal(image.pixels, pixels * np.array([0.5, 2.0])[:, None, None] + 1)


def test_rescale_of_zero_is_ignored_and_told(tmp_path: Path) -> None:
    pixels = random_grey((5, 7), np.int16)
    made = dataset(pixels, Modality="CT", RescaleSlope=0, RescaleIntercept=-1024)
    image = decode(save(made, tmp_path / "a.dcm"))
    assert np.array_equal(image.pixels, pixels)
    assert any("rescale slope" in note for note in image.notes)


def test_window_is_told_and_not_applied(tmp_path: Path) -> None:
    pixels = random_grey((5, 7), np.int16)
    made = dataset(pixels, Modality="CT", WindowCenter=[40, 500], WindowWidth=[400, 2000])
    image = decode(save(made, tmp_path / "a.dcm"))
    assert np.array_equal(image.pixels, pixels)
    # DICOM PS3.3 C.11.2.1.2: x <= c - 0.5 - (w - 1) / 2 is black
    assert image.window == (-160.0, 239.0)


def palette(bits: int, entries: np.ndarray, first: int = 0, **tags: object) -> Dataset:
    made = dataset(**tags)  # type: ignore[arg-type]
    for place, colour in enumerate(("Red", "Green", "Blue")):
        made.add_new(
            f"{colour}PaletteColorLookupTableDescriptor",
            "US",
            [len(entries) % 65536, first, bits],
        )
        made.add_new(
            f"{colour}PaletteColorLookupTableData",
            "OW",
            np.ascontiguousarray(entries[:, place]).tobytes(),
        )
    made.PhotometricInterpretation = "PALETTE COLOR"
    return made


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (lambda table: table.astype("<u2"), np.uint8),
        (lambda table: table.astype("<u2") << 8, np.uint8),
        (lambda table: table.astype("<u2") * 257, np.uint8),
        (lambda table: table.astype("<u2") * 250 + 1, np.uint16),
    ],
)
def test_palette_of_16_bits_is_reduced_only_where_nothing_is_lost(
    tmp_path: Path, stored: object, shown: type
) -> None:
    pixels = random_grey((9, 11))
    table = np.random.default_rng(1).integers(0, 256, (256, 3))
    table[0] = 255
    entries = stored(table)  # type: ignore[operator]
    image = decode(save(palette(16, entries, pixels=pixels), tmp_path / "a.dcm"))
    assert image.colour
    assert image.pixels.dtype == shown
    expected = table if shown is np.uint8 else entries
    assert np.array_equal(image.pixels, expected[pixels])


def test_palette_of_8_bits_for_16_bit_pixels(tmp_path: Path) -> None:
    """1,000 entries of one byte: pydicom's own function wraps the index around here."""
    pixels = random_grey((9, 12), np.uint16)
    table = np.random.default_rng(1).integers(0, 256, (1000, 3)).astype(np.uint8)
    made = palette(8, table, first=16, pixels=pixels)
    image = decode(save(made, tmp_path / "a.dcm"))
    index = np.clip(pixels.astype(int) - 16, 0, 999)
    assert np.array_equal(image.pixels, table[index])


def test_palette_in_big_endian(tmp_path: Path) -> None:
    pixels = random_grey((9, 12), np.uint16) % 300
    table = np.random.default_rng(1).integers(0, 65536, (300, 3))
    made = palette(
        16,
        table.astype(">u2"),
        pixels=pixels,
        syntax=ExplicitVRBigEndian,
        PixelData=pixels.astype(">u2").tobytes(),
    )
    image = decode(save(made, tmp_path / "a.dcm"))
    assert np.array_equal(image.pixels, table[pixels])


def test_palette_that_is_cut(tmp_path: Path) -> None:
    made = palette(16, np.zeros((200, 3), "<u2"), pixels=random_grey((4, 4)))
    made.GreenPaletteColorLookupTableData = b"\0" * 100
    assert "100 of 200 entries" in reason(save(made, tmp_path / "a.dcm"))


# Files that lie


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"Rows": None}, "tag Rows is missing"),
        ({"Rows": 0}, "tag Rows is 0"),
        ({"Rows": 21}, "cut off"),
        ({"Rows": 65535, "Columns": 65535, "NumberOfFrames": 9}, "GiB of pixels"),
        ({"Rows": 65535, "Columns": 6553}, "more than"),
        ({"NumberOfFrames": 3}, "cut off (400 of 1,200 bytes)"),
        ({"NumberOfFrames": -2}, "tag NumberOfFrames is -2"),
        ({"SamplesPerPixel": 3}, "3 samples per pixel for MONOCHROME2"),
        ({"BitsAllocated": 16}, "cut off"),
        ({"BitsAllocated": 7}, "7 bits per sample"),
        ({"PhotometricInterpretation": None}, "colour space (Photometric Interpretation) is miss"),
        ({"PhotometricInterpretation": "HSV"}, "is HSV"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "RedPaletteColorLookupTableDescriptor"),
        ({"PixelData": b""}, "pixel data are empty"),
        ({"PixelData": None}, "without pixel data (US)"),
    ],
)
def test_headers_that_do_not_fit_the_pixels(
    tmp_path: Path, tags: dict[str, object], said: str
) -> None:
    made = dataset(random_grey((20, 20)), **tags)
    assert said in reason(save(made, tmp_path / "a.dcm"))


def test_colour_space_of_jpeg_2000_in_another_syntax(tmp_path: Path) -> None:
    made = dataset(random_grey((6, 8, 3)), PhotometricInterpretation="YBR_RCT")
    assert "only JPEG 2000 has" in reason(save(made, tmp_path / "a.dcm"))


def test_declared_length_beyond_the_file(tmp_path: Path) -> None:
    path = save(dataset(random_grey((64, 64), np.uint16)), tmp_path / "a.dcm")
    whole = path.read_bytes()
    for kept in (len(whole) - 1, len(whole) - 4000):
        path.write_bytes(whole[:kept])
        assert "cut off" in reason(path)


def test_more_pixel_data_than_declared_is_told(tmp_path: Path) -> None:
    pixels = random_grey((3, 20, 20))
    image = decode(save(dataset(pixels, NumberOfFrames=1), tmp_path / "a.dcm"))
    assert np.array_equal(image.pixels, pixels[0])
    assert "800 bytes after the last frame were ignored" in image.notes


def test_no_preamble_and_no_meta_information(tmp_path: Path) -> None:
    pixels = random_grey((20, 20))
    made = dataset(pixels, SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1")
    path = tmp_path / "bare"
    del made.file_meta
    pydicom.dcmwrite(path, made, implicit_vr=True, little_endian=True, enforce_file_format=False)
    assert path.read_bytes()[:2] == b"\x08\x00"
    image = decode(path)
    assert np.array_equal(image.pixels, pixels)
    assert any(ImplicitVRLittleEndian.name in note for note in image.notes)


@pytest.mark.parametrize("depth", [20, 200, 5000])
def test_sequences_nested_too_deep(tmp_path: Path, depth: int) -> None:
    """Undefined lengths, which a parser must follow; written by hand, as no library does."""
    path = save(dataset(random_grey((20, 20))), tmp_path / "a.dcm")
    whole = path.read_bytes()
    opening = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    # before the Modality, in the order of tags
    start = whole.index(b"\x28\x00\x02\x00US")
    path.write_bytes(whole[:start] + opening * depth + closing * depth + whole[start:])
    if depth < 100:
        assert decode(path).pixels.shape == (20, 20)
    else:
        assert "nested too deeply" in reason(path)


# Geometry


def test_pixel_spacing_is_the_fallback_and_said_so_for_ultrasound(tmp_path: Path) -> None:
    image = decode(save(dataset(random_grey((9, 9)), PixelSpacing=[0.1, 0.2]), tmp_path / "a.dcm"))
    assert image.calibrated
    assert image.spacing == (0.1, 0.2)
    assert any("no ultrasound regions" in note for note in image.notes)


def test_pixel_spacing_does_not_replace_regions_that_were_refused(tmp_path: Path) -> None:
    made = dataset(
        random_grey((9, 9)),
        PixelSpacing=[0.1, 0.2],
        SequenceOfUltrasoundRegions=Sequence([region((0, 0, 99, 99))]),
    )
    image = decode(save(made, tmp_path / "a.dcm"))
    assert not image.calibrated
    assert image.spacing == (1.0, 1.0)


def test_spacing_at_the_detector_is_told(tmp_path: Path) -> None:
    made = dataset(random_grey((9, 9)), Modality="DX", ImagerPixelSpacing=[0.1, 0.2])
    image = decode(save(made, tmp_path / "a.dcm"))
    assert image.spacing == (0.1, 0.2)
    assert any("magnification" in note for note in image.notes)


def enhanced(positions: list[list[float]]) -> Dataset:
    made = dataset(random_grey((len(positions), 8, 9), np.int16), Modality="MR")
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    measures.PixelSpacing = [0.5, 0.25]
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.PixelMeasuresSequence = Sequence([measures])
    made.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for position in positions:
        frame, plane = Dataset(), Dataset()
        plane.ImagePositionPatient = position
        frame.PlanePositionSequence = Sequence([plane])
        frames.append(frame)
    made.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return made


def test_evenly_spaced_frames_are_a_volume(tmp_path: Path) -> None:
    made = enhanced([[10.0 - 2 * place, 3.0, 4.0] for place in range(5)])
    image = decode(save(made, tmp_path / "a.dcm"))
    assert image.axes == "zyx"
    assert image.spacing == (2.0, 0.5, 0.25)
    assert image.origin == (10.0, 3.0, 4.0)
    assert image.direction is not None
    # columns: along x, along y, from slice to slice
    assert np.array_equal(np.transpose(image.direction), [[0, 1, 0], [0, 0, -1], [-1, 0, 0]])


@pytest.mark.parametrize(
    "positions",
    [
        [[0.0, 0, 0], [1, 0, 0], [3, 0, 0]],  # uneven
        [[0.0, 0, 0], [0, 0, 0], [0, 0, 0]],  # frames of one place
        [[0.0, 0, 0], [1, 0.5, 0], [2, 1, 0]],  # sheared, as a tilted gantry makes
    ],
)
def test_frames_that_are_no_grid_stay_frames(tmp_path: Path, positions: list[list[float]]) -> None:
    image = decode(save(enhanced(positions), tmp_path / "a.dcm"))
    assert image.axes == "tyx"
    assert image.spacing == (1.0, 0.5, 0.25)
    assert any("not evenly spaced" in note for note in image.notes)
