"""What DICOM files say and how they lie, on files made here."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_decoder
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from napari_ptx.image import Image, ImageError, decode
from napari_ptx.image.codestream import frame_size, is_complete
from napari_ptx.image.ultrasound import read_regions

from .make import dataset, random_grey, region, save


def bundled(name: str) -> Path:
    """Give one of the files that pydicom's wheel holds."""
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(found)


def reason(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        decode(path)
    assert str(path) in caught.value.message
    return caught.value.message


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


def jpeg_frames() -> tuple[Dataset, list[bytes]]:
    made = pydicom.dcmread(bundled("examples_ybr_color.dcm"))
    frames = list(generate_frames(made.PixelData, number_of_frames=made.NumberOfFrames))[:3]
    made.NumberOfFrames = 3
    return made, frames


def test_compressed_frames_that_are_whole(tmp_path: Path) -> None:
    made, frames = jpeg_frames()
    made.PixelData = encapsulate(frames)
    image = decode(save(made, tmp_path / "a.dcm"))
    assert image.pixels.shape == (3, 240, 320, 3)
    whole = decode(bundled("examples_ybr_color.dcm"))
    assert np.array_equal(image.pixels, whole.pixels[:3])


def test_compressed_frame_that_is_cut(tmp_path: Path) -> None:
    made, frames = jpeg_frames()
    frames[1] = frames[1][: len(frames[1]) // 2]
    made.PixelData = encapsulate(frames)
    assert "frame 2 are cut off" in reason(save(made, tmp_path / "a.dcm"))


def test_compressed_frames_that_are_missing(tmp_path: Path) -> None:
    made, frames = jpeg_frames()
    made.PixelData = encapsulate(frames[:2])
    assert "2 of the 3 frames" in reason(save(made, tmp_path / "a.dcm"))


def test_compressed_frame_of_another_size(tmp_path: Path) -> None:
    made, frames = jpeg_frames()
    made.PixelData = encapsulate(frames)
    made.Rows, made.Columns = 320, 240
    said = reason(save(made, tmp_path / "a.dcm"))
    assert "240 x 320 x 3 inside, but the file declares 320 x 240 x 3" in said


def test_compressed_frame_without_its_scan(tmp_path: Path) -> None:
    made, frames = jpeg_frames()
    scan = frames[0].index(b"\xff\xda")
    frames[0] = frames[0][:scan] + frames[0][scan + 200 :]  # without the start of the scan
    made.PixelData = encapsulate(frames)
    assert "frame 1 are cut off" in reason(save(made, tmp_path / "a.dcm"))


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("MR_small_RLE.dcm", b""),
        ("examples_jpeg2k.dcm", b"\xff\xd9"),
        ("MR_small_jpeg_ls_lossless.dcm", b"\xff\xd9"),
    ],
)
@pytest.mark.parametrize("kept", [0.3, 0.9, 0.98])
def test_compressed_frame_that_ends_early_with_an_end_marker(
    tmp_path: Path, name: str, end: bytes, kept: float
) -> None:
    made = pydicom.dcmread(bundled(name))
    (frame,) = generate_frames(made.PixelData, number_of_frames=1)
    made.PixelData = encapsulate([frame[: int(kept * len(frame))] + end])
    assert "could not be decompressed" in reason(save(made, tmp_path / "a.dcm"))


def test_a_video_is_refused_by_name(tmp_path: Path) -> None:
    made, frames = jpeg_frames()
    made.PixelData = encapsulate(frames)
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    assert "MPEG-4" in reason(save(made, tmp_path / "a.dcm"))


def test_a_codec_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = get_decoder(JPEGBaseline8Bit)
    monkeypatch.setattr(codec, "_available", {})
    monkeypatch.setattr(codec, "_unavailable", {"pylibjpeg": ("pylibjpeg-libjpeg>=2.1",)})
    made, frames = jpeg_frames()
    made.PixelData = encapsulate(frames)
    said = reason(save(made, tmp_path / "a.dcm"))
    assert "needs a package that is not installed" in said
    assert "pylibjpeg-libjpeg>=2.1" in said


def test_compressed_pixels_without_transfer_syntax(tmp_path: Path) -> None:
    made, frames = jpeg_frames()
    made.PixelData = encapsulate(frames)
    path = save(made, tmp_path / "a.dcm")
    syntax = str(JPEGBaseline8Bit).encode()
    data = path.read_bytes()
    start = data.index(b"\x02\x00\x10\x00UI")
    length = 8 + len(syntax) + len(syntax) % 2
    path.write_bytes(data[:start] + data[start + length :])
    assert "transfer syntax" in reason(path)


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


# Codestreams


def test_codestream_sizes_equal_what_imagecodecs_encoded() -> None:
    for shape in ((37, 53), (37, 53, 3)):
        pixels = random_grey(shape)
        expected = (37, 53, 3 if len(shape) == 3 else 1)
        for encode in (
            imagecodecs.jpeg_encode,
            imagecodecs.jpegls_encode,
            imagecodecs.ljpeg_encode,
            imagecodecs.jpeg2k_encode,
        ):
            if encode is imagecodecs.ljpeg_encode and len(shape) == 3:
                continue  # it has no colour
            frame = encode(pixels)
            assert frame_size(frame) == expected, encode
            assert is_complete(frame)
            assert is_complete(frame + b"\0")
            assert not is_complete(frame[:-1])
            assert not is_complete(frame[: len(frame) // 2])


@given(data=st.binary(max_size=200), start=st.sampled_from([b"\xff\xd8", b"\xff\x4f\xff\x51", b""]))
def test_codestream_of_anything_gives_a_size_or_none(data: bytes, start: bytes) -> None:
    size = frame_size(start + data)
    assert size is None or len(size) == 3


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


# Ultrasound regions


def regions_of(*items: Dataset, rows: int = 100, columns: int = 200) -> object:
    made = Dataset()
    made.SequenceOfUltrasoundRegions = Sequence(items)
    found = read_regions(made, rows, columns)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "item",
    [
        region((0, 0, 102, 199)),
        region((0, 0, 99, 250)),
        region((50, 0, 50, 199)),
        region((60, 0, 50, 199)),
        region((0, 0, 99, 199), delta=(0.0, 0.02)),
        region((0, 0, 99, 199), units=(3, 4)),
        region((0, 0, 99, 199), units=(7, 4)),
    ],
)
def test_regions_that_calibrate_nothing_leave_a_note(item: Dataset) -> None:
    found = regions_of(item)
    assert found.regions == ()
    assert found.whole is None
    assert len(found.notes) == 1


def test_region_without_units_leaves_a_note() -> None:
    item = region((0, 0, 99, 199))
    del item.PhysicalUnitsXDirection
    found = regions_of(item)
    assert found.regions == ()
    assert "lacks its bounds, units or deltas" in found.notes[0]


def test_region_of_negative_delta_and_one_pixel_too_many() -> None:
    found = regions_of(region((0, 0, 100, 200), delta=(-0.01, 0.02)))
    (only,) = found.regions
    assert only.spacing == (0.1, 0.2)
    assert (only.bottom, only.right) == (100, 200)
    assert found.whole == (0.1, 0.2)


def test_region_of_high_priority_wins_where_two_overlap() -> None:
    over = region((10, 10, 50, 50), delta=(0.1, 0.1), flags=0)
    under = region((0, 0, 99, 199), delta=(0.2, 0.2), flags=1)
    for order in ((over, under), (under, over)):
        found = regions_of(*order)
        image = Image(
            np.zeros((100, 200), np.uint8), "yx", (1.0, 1.0), False, regions=found.regions
        )
        assert image.spacing_at(20, 20) == (1.0, 1.0)
        assert image.spacing_at(80, 80) == (2.0, 2.0)


def test_trace_over_a_calibrated_region_is_told() -> None:
    found = regions_of(region((0, 0, 99, 199)), region((80, 0, 99, 199), units=(7, 4)))
    assert len(found.regions) == 1
    assert found.whole is None
    assert any("do not measure there" in note for note in found.notes)


@settings(max_examples=100, deadline=None)
@given(
    bounds=st.tuples(*[st.integers(0, 300)] * 4),
    delta=st.tuples(*[st.floats(-1, 1)] * 2),
    units=st.tuples(*[st.integers(0, 12)] * 2),
)
def test_any_region_is_inside_and_positive_or_refused(
    bounds: tuple[int, int, int, int], delta: tuple[float, float], units: tuple[int, int]
) -> None:
    found = regions_of(region(bounds, delta, units))
    for kept in found.regions:
        assert units == (3, 3)
        assert 0 <= kept.top < kept.bottom <= 100
        assert 0 <= kept.left < kept.right <= 200
        assert min(kept.spacing) > 0
    if found.whole is not None:
        assert len(found.regions) == 1
