"""Series: real ones, and every way in which slices are not one volume."""

from __future__ import annotations

import shutil
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import generate_uid
from scipy import ndimage

from napari_ptx.image import Decoder, ImageError, find_series, read_series
from napari_ptx.image.phase import guess_phase
from napari_ptx.image.series_grid import (
    covering_grid,
    find_faults,
    regular_grid,
    resample,
    stack_slices,
)
from tests.image.make import dataset, random_grey, save

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def write_series(
    folder: Path,
    volume: np.ndarray,
    positions: Any = None,
    *,
    orientation: tuple[float, ...] = AXIAL,
    **tags: Any,
) -> list[Path]:
    """Write a slice of ``volume`` (z, y, x) to a file for each position, in mixed order."""
    folder.mkdir(parents=True, exist_ok=True)
    if positions is None:
        positions = [(-10.0, -20.0, 1.5 * z) for z in range(len(volume))]
    tags = {"SeriesInstanceUID": generate_uid(), "SeriesNumber": 3, **tags}
    paths = []
    for place in np.random.default_rng(1).permutation(len(volume)):
        made = dataset(
            volume[place],
            Modality="CT",
            PixelSpacing=[0.5, 0.75],
            ImagePositionPatient=[float(value) for value in positions[place]],
            ImageOrientationPatient=list(orientation),
            RescaleSlope=1,
            RescaleIntercept=-1024,
            SOPInstanceUID=generate_uid(),
            **tags,
        )
        paths.append(save(made, folder / f"{len(paths):04d}-{tags['SeriesNumber']}"))
    return paths


def only(folder: Path, decoder: Decoder) -> Any:
    (series,) = find_series(folder, decoder=decoder)
    return series


@pytest.fixture(scope="session")
def unpacked(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the zipped series."""
    folder = tmp_path_factory.mktemp("series")
    for packed in data_dir.glob("ct_head*/*.zip"):
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(folder / packed.parent.name)
    return folder


def test_a_real_series_is_what_gdcm_reads(unpacked: Path, decoder: Decoder) -> None:
    steps: list[tuple[int, int, str]] = []
    series = only(unpacked / "ct_headphantom", decoder)
    image = read_series(series, decoder=decoder, progress=lambda *step: steps.append(step))
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(series.files[0].parent), series.uid))
    theirs = reader.Execute()
    assert image.pixels.dtype == np.int16
    np.testing.assert_array_equal(image.pixels, sitk.GetArrayFromImage(theirs))
    assert image.spacing == pytest.approx(theirs.GetSpacing()[::-1], abs=1e-6)
    assert image.origin == pytest.approx(theirs.GetOrigin(), abs=1e-6)
    np.testing.assert_allclose(np.array(image.direction).ravel(), theirs.GetDirection(), atol=1e-6)
    assert steps[-1] == (177, 177, "reading slices")


def test_the_series_tells_the_plain_from_the_missing_bolus(
    data_dir: Path, decoder: Decoder
) -> None:
    """Its bolus has a time, but no volume: the scanner's invention."""
    series = only(data_dir / "ct_totalseg" / "example_ct_dicom", decoder)
    assert series.phase.phase is None
    assert "APPLIED" in series.phase.reason
    assert not series.faults


def test_a_tilted_series_is_refused_with_the_numbers(unpacked: Path, decoder: Decoder) -> None:
    series = only(unpacked / "ct_headtilt_GE", decoder)
    with pytest.raises(ImageError) as caught:
        read_series(series, decoder=decoder)
    assert "tilted by 18.5 degrees" in caught.value.message
    assert "between 1.08 and 7.00 mm apart" in caught.value.message
    image = read_series(series, decoder=decoder, resampled=True)
    assert any("interpolated" in note and "18.5 degrees" in note for note in image.notes)
    # The skull of the resampled head is upright: its air-filled outline does not slant.
    head = ndimage.binary_fill_holes(image.pixels.max(axis=2) > 300)
    rows = np.array([np.flatnonzero(row).mean() for row in head if row.sum() > 100])
    lean = np.polyfit(np.arange(len(rows)) * image.spacing[0], rows * image.spacing[1], 1)[0]
    assert abs(np.degrees(np.arctan(lean))) < 12


def test_order_geometry_and_hounsfield_units(tmp_path: Path, decoder: Decoder) -> None:
    volume = random_grey((7, 5, 6), np.uint16)
    write_series(tmp_path, volume)
    image = read_series(only(tmp_path, decoder), decoder=decoder)
    np.testing.assert_array_equal(image.pixels, volume.astype(int) - 1024)
    assert image.pixels.dtype == np.int16
    assert image.axes == "zyx"
    assert image.spacing == pytest.approx((1.5, 0.5, 0.75))
    assert image.origin == (-10.0, -20.0, 0.0)
    assert image.modality == "CT"


def test_positions_down_the_normal_turn_the_stack(tmp_path: Path, decoder: Decoder) -> None:
    """A coronal series, whose normal points to the front."""
    volume = random_grey((4, 5, 6), np.uint16)
    places = [(0.0, 3.0 * z, 0.0) for z in range(4)]
    write_series(tmp_path, volume, places, orientation=(1, 0, 0, 0, 0, -1))
    image = read_series(only(tmp_path, decoder), decoder=decoder)
    matrix = np.array(image.direction)
    assert np.linalg.det(matrix) == pytest.approx(1)
    first = np.array(image.origin) + 0 * matrix[:, 2]
    last = first + 3 * image.spacing[0] * matrix[:, 2]
    assert image.spacing[0] == pytest.approx(3)
    ends = {tuple(np.round(first, 6)): image.pixels[0], tuple(np.round(last, 6)): image.pixels[-1]}
    for place, pixels in ((places[0], volume[0]), (places[3], volume[3])):
        np.testing.assert_array_equal(ends[place], pixels.astype(int) - 1024)


def test_a_missing_slice_is_named(tmp_path: Path, decoder: Decoder) -> None:
    volume = np.arange(8)[:, None, None] * np.ones((1, 4, 4), np.uint16) * 10
    volume = volume.astype(np.uint16)
    keep = [0, 1, 2, 3, 5, 6, 7]
    write_series(tmp_path, volume[keep], [(0, 0, 2.0 * z) for z in keep])
    series = only(tmp_path, decoder)
    with pytest.raises(ImageError, match=r"1 slice is missing: after slice 4 .* 4\.00 mm"):
        read_series(series, decoder=decoder)
    image = read_series(series, decoder=decoder, resampled=True)
    # What lies on a line is found again exactly.
    np.testing.assert_array_equal(image.pixels[:, 0, 0], np.arange(8) * 10 - 1024)


def test_two_series_and_other_files_in_a_folder(tmp_path: Path, decoder: Decoder) -> None:
    volume = random_grey((3, 4, 4), np.uint16)
    write_series(tmp_path / "a", volume, SeriesNumber=7, SeriesDescription="Neck arterial")
    write_series(tmp_path / "b", volume, SeriesNumber=5, SeriesDescription="Neck nativ")
    (tmp_path / "notes.txt").write_text("not DICOM")
    found = find_series(tmp_path, decoder=decoder)
    assert [(one.number, one.phase.phase) for one in found] == [(5, "plain"), (7, "arterial")]
    assert [one.size for one in found] == [(3, 4, 4)] * 2


def test_a_single_slice(tmp_path: Path, decoder: Decoder) -> None:
    write_series(tmp_path, random_grey((1, 4, 4), np.uint16))
    series = only(tmp_path, decoder)
    image = read_series(series, decoder=decoder)
    assert image.pixels.shape == (1, 4, 4)
    assert any("thickness is taken as 1 mm" in note for note in image.notes)


def test_phases_under_one_number_are_told_apart(tmp_path: Path, decoder: Decoder) -> None:
    uid = generate_uid()
    volume = random_grey((3, 4, 4), np.uint16)
    for part in (1, 2):
        write_series(
            tmp_path / str(part), volume + part, SeriesInstanceUID=uid, AcquisitionNumber=part
        )
    found = find_series(tmp_path, decoder=decoder)
    assert [one.size for one in found] == [(3, 4, 4)] * 2
    read = [read_series(one, decoder=decoder).pixels for one in found]
    assert (read[1] - read[0] == 1).all()


def test_stretches_of_one_volume_stay_one(tmp_path: Path, decoder: Decoder) -> None:
    uid = generate_uid()
    volume = random_grey((6, 4, 4), np.uint16)
    for part in (0, 1):
        places = [(0, 0, 2.0 * z) for z in range(3 * part, 3 * part + 3)]
        write_series(
            tmp_path / str(part),
            volume[3 * part : 3 * part + 3],
            places,
            SeriesInstanceUID=uid,
            AcquisitionNumber=part + 1,
        )
    assert only(tmp_path, decoder).size == (6, 4, 4)


def test_copies_are_left_out_and_twins_refused(tmp_path: Path, decoder: Decoder) -> None:
    paths = write_series(tmp_path, random_grey((3, 4, 4), np.uint16))
    shutil.copy(paths[0], tmp_path / "copy")
    series = only(tmp_path, decoder)
    assert series.notes == ("1 files are copies of others and were left out",)
    assert not series.faults
    other = tmp_path / "other"
    places = [(0, 0, 0), (0, 0, 1), (0, 0, 1)]
    write_series(other, random_grey((3, 4, 4), np.uint16), places)
    with pytest.raises(ImageError, match="1 places have more than one slice"):
        read_series(only(other, decoder), decoder=decoder, resampled=True)


def test_mixed_orientations_are_refused(tmp_path: Path, decoder: Decoder) -> None:
    uid = generate_uid()
    write_series(tmp_path / "a", random_grey((3, 4, 4), np.uint16), SeriesInstanceUID=uid)
    write_series(
        tmp_path / "b",
        random_grey((1, 4, 4), np.uint16),
        orientation=(1, 0, 0, 0, 0, -1),
        SeriesInstanceUID=uid,
    )
    with pytest.raises(ImageError, match=r"2 orientations \((3|1) of normal"):
        read_series(only(tmp_path, decoder), decoder=decoder, resampled=True)


def test_a_folder_without_images(tmp_path: Path, decoder: Decoder) -> None:
    with pytest.raises(ImageError, match="is not a folder"):
        find_series(tmp_path / "none", decoder=decoder)
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(ImageError, match=r"no DICOM image \(1 other files\)"):
        find_series(tmp_path, decoder=decoder)


def test_a_damaged_header_is_told_and_a_bare_file_is_read(tmp_path: Path, decoder: Decoder) -> None:
    paths = write_series(tmp_path, random_grey((4, 4, 4), np.uint16))
    # Without preamble and file meta information, as old archives keep them.
    bare = paths[0].read_bytes()
    start = bare.index(b"\x08\x00\x18\x00", 140)
    paths[0].write_bytes(bare[start:])
    (tmp_path / "broken").write_bytes(paths[1].read_bytes()[:150] + b"\xff" * 60)
    series = only(tmp_path, decoder)
    assert series.size == (4, 4, 4)
    assert any("broken, for example" in note for note in series.notes)


def test_a_slice_that_is_cut_off_is_named(tmp_path: Path, decoder: Decoder) -> None:
    paths = write_series(tmp_path, random_grey((3, 32, 32), np.uint16))
    paths[1].write_bytes(paths[1].read_bytes()[:-500])
    series = only(tmp_path, decoder)
    with pytest.raises(ImageError, match="cut off") as caught:
        read_series(series, decoder=decoder)
    assert paths[1].name in caught.value.message


@pytest.mark.slow
def test_a_long_series_needs_little_more_than_its_pixels(tmp_path: Path, decoder: Decoder) -> None:
    volume = np.zeros((400, 512, 512), np.uint16)
    write_series(tmp_path, volume)
    pixels = volume.nbytes
    del volume
    series = only(tmp_path, decoder)
    tracemalloc.start()
    image = read_series(series, decoder=decoder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert image.pixels.nbytes == pixels
    assert peak < 1.5 * pixels


@given(
    angles=st.tuples(*[st.floats(-3, 3)] * 3),
    step=st.floats(0.3, 8),
    count=st.integers(2, 30),
    seed=st.integers(0, 99),
)
def test_any_regular_stack_is_sorted_and_has_its_grid(
    angles: tuple[float, float, float], step: float, count: int, seed: int
) -> None:
    turn = np.array(sitk.Euler3DTransform((0, 0, 0), *angles).GetMatrix()).reshape(3, 3)
    points = np.array([5.0, -7.0, 90.0]) + step * np.arange(count)[:, None] * turn[:, 2]
    mixed = np.random.default_rng(seed).permutation(count)
    stack = stack_slices(points[mixed], turn[:, :2].T.ravel(), (0.5, 0.6))
    assert find_faults(stack) == ()
    np.testing.assert_array_equal(mixed[list(stack.order)], np.arange(count))
    grid = regular_grid(stack, 4, 5)
    assert grid.spacing == pytest.approx((step, 0.5, 0.6))
    assert grid.origin == pytest.approx(tuple(points[0]))


@given(
    tilt=st.floats(-0.4, 0.4),
    gaps=st.lists(st.floats(0.8, 3.0), min_size=2, max_size=8),
)
def test_resampling_finds_a_linear_field_again(tilt: float, gaps: list[float]) -> None:
    """Trilinear interpolation is exact on a field that is linear in mm."""
    places = np.concatenate([[0], np.cumsum(gaps)])
    points = np.stack([0 * places, tilt * places, places], axis=1)
    stack = stack_slices(points, AXIAL, (0.5, 0.75))
    rows, columns = 12, 6

    def field(x: Any, y: Any, z: Any) -> Any:
        return 3 * x - 2 * y + 5 * z + 100

    y, x = np.mgrid[:rows, :columns]
    slices = np.stack([field(p[0] + 0.75 * x, p[1] + 0.5 * y, p[2]) for p in points]).astype(
        np.float32
    )
    grid = covering_grid(stack, rows, columns)
    made = resample(slices, stack, grid)
    assert made.shape == grid.shape
    z, y, x = np.mgrid[: grid.shape[0], : grid.shape[1], : grid.shape[2]]
    expected = field(
        grid.origin[0] + grid.spacing[2] * x,
        grid.origin[1] + grid.spacing[1] * y,
        grid.origin[2] + grid.spacing[0] * z,
    )
    # A slanted stack has corners without data, and a seam of one pixel to them.
    at = tilt * grid.spacing[0] * z
    row = (grid.origin[1] + grid.spacing[1] * y - at) / 0.5
    reach = np.abs(tilt) * max(gaps) / 0.5 + 1e-3
    inside = (row >= reach) & (row <= rows - 1 - reach)
    np.testing.assert_allclose(made[inside], expected[inside], atol=2e-3)


@pytest.mark.parametrize(
    ("description", "protocol", "agent", "times", "phase"),
    [
        ("Neck 0.6 arterial", "", "", (None, None), "arterial"),
        ("HALS NATIV 1.0", "", "", (None, None), "plain"),
        ("Neck w/o contrast", "", "", (None, None), "plain"),
        ("Thorax venös", "", "", (None, None), "venous"),
        ("颈部动脉期", "", "", (None, None), "arterial"),
        ("1.0 Delayed", "Arterial and delayed", "", (None, None), "delayed"),
        ("Non-contrast before arterial", "", "", (None, None), None),
        ("Scapula partial", "", "", (None, None), None),
        ("", "Neck plain", "", (None, None), "plain"),
        ("Body 3.0", "", "Iomeron", (100.0, 130.0), "arterial"),
        ("Body 3.0", "", "Iomeron", (100.0, 170.0), "venous"),
        ("Body 3.0", "", "Iomeron", (86_390.0, 25.0), "arterial"),
        ("Body 3.0", "", "Iomeron", (100.0, 104.0), None),
        ("Body 3.0", "", "Iomeron", (100.0, 4000.0), None),
        ("Body 3.0", "", "Iomeron", (None, None), None),
        ("", "", "", (None, None), None),
    ],
)
def test_phase_by_words_and_delay(
    description: str,
    protocol: str,
    agent: str,
    times: tuple[float | None, float | None],
    phase: str | None,
) -> None:
    guess = guess_phase(description, protocol, agent, *times)
    assert guess.phase == phase
    assert guess.reason
