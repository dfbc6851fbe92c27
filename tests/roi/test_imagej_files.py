from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, ImagejRoi

from napari_ptx.roi import (
    Outline,
    RoiError,
    read_imagej,
    read_named,
    trace,
    write_imagej,
)
from tests.roi.make import box, lesions, masks, rings
from tests.roi.make_imagej import composite, ring_path, saved, selection


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("imagej")


outlines = st.builds(Outline, rings(-8, 70_000), st.just(()), st.integers(0, 400))


@given(st.lists(outlines, max_size=4))
def test_round_trip_is_float32_exact_and_byte_stable(folder: Path, several: list) -> None:
    first, second = folder / "first.zip", folder / "second.zip"
    write_imagej(first, several)
    found = read_imagej(first)
    assert len(found) == len(several)
    for one, other in zip(found, several, strict=True):
        assert one.frame == other.frame
        allowed = np.maximum(6e-8, np.spacing(np.abs(other.points + 0.5).astype(np.float32)) / 2)
        assert (np.abs(one.points - other.points) <= allowed).all()
    write_imagej(second, found, [name for name, _ in read_named(first)])
    assert first.read_bytes() == second.read_bytes()


@given(masks())
def test_masks_survive_in_whole_numbers_with_their_holes(folder: Path, mask: np.ndarray) -> None:
    path = folder / "mask.zip"
    traced = trace(mask, frame=2)
    write_imagej(path, traced)
    assert read_imagej(path) == traced
    for roi in ImagejRoi.fromfile(path):
        assert roi.roitype in (ROI_TYPE.TRACED, ROI_TYPE.RECT)
        assert not roi.options & ROI_OPTIONS.SUB_PIXEL_RESOLUTION


@given(lesions())
def test_roifile_sees_the_line_half_a_pixel_further(folder: Path, outline: Outline) -> None:
    path = folder / "one.roi"
    write_imagej(path, [outline], ["Läsion 病"])
    roi = ImagejRoi.fromfile(path)
    assert roi.name == "Läsion 病"
    assert roi.position == 1
    np.testing.assert_allclose(roi.coordinates()[:, ::-1], outline.points + 0.5, atol=1e-5)


def test_many_vertices_are_kept(tmp_path: Path) -> None:
    angle = np.linspace(0, 2 * np.pi, 70_000, endpoint=False)
    outline = Outline(500 + 400 * np.stack([np.sin(angle), np.cos(angle)], axis=1))
    write_imagej(tmp_path / "many.roi", [outline])
    (found,) = read_imagej(tmp_path / "many.roi")
    np.testing.assert_allclose(found.points, outline.points, atol=3.1e-5)


def test_names_are_kept_and_made_unique_in_the_zip(tmp_path: Path) -> None:
    path = tmp_path / "RoiSet.zip"
    names = ["left", "left", "a/b:c", "", "one \N{GRINNING FACE}"]
    write_imagej(path, [box(1, 1, 3, 3)] * 5, names)
    found = [name for name, _ in read_named(path)]
    assert found == ["left", "left", "a/b:c", "0004", "one _"]
    with zipfile.ZipFile(path) as archive:
        entries = archive.namelist()
    assert entries == ["left.roi", "left-1.roi", "a_b_c.roi", "0004.roi", "one _.roi"]


def test_names_without_their_own_come_from_the_file(tmp_path: Path) -> None:
    roi = selection(ROI_TYPE.POLYGON, np.array([(1, 1), (5, 1), (3, 4)]))
    assert read_named(saved(tmp_path, roi, "nodule.roi"))[0][0] == "nodule"


@pytest.mark.parametrize(
    ("fields", "frame"),
    [
        ({}, 0),
        ({"position": 1}, 0),
        ({"position": 7}, 6),
        ({"t_position": 3}, 2),
        ({"z_position": 4, "t_position": 1, "c_position": 2}, 3),
    ],
)
def test_stack_position_is_the_frame(tmp_path: Path, fields: dict, frame: int) -> None:
    points = np.array([(1, 1), (5, 1), (3, 4)])
    assert (
        read_imagej(saved(tmp_path, selection(ROI_TYPE.POLYGON, points, **fields)))[0].frame
        == frame
    )


TRIANGLE = np.array([(1, 1), (5, 1), (3, 4)])


@pytest.mark.parametrize(
    ("roi", "message"),
    [
        (ImagejRoi(roitype=ROI_TYPE.LINE, x2=3, y2=4), "type line"),
        (selection(ROI_TYPE.POINT, TRIANGLE), "type point"),
        (selection(ROI_TYPE.ANGLE, TRIANGLE), "type angle"),
        (selection(ROI_TYPE.POLYLINE, TRIANGLE), "type polyline"),
        (selection(ROI_TYPE.FREELINE, TRIANGLE), "type freeline"),
        (ImagejRoi(roitype=ROI_TYPE.RECT, subtype=ROI_SUBTYPE.TEXT, text="T"), "is text"),
        (selection(ROI_TYPE.POLYGON, TRIANGLE, options=ROI_OPTIONS.SPLINE_FIT), "spline"),
        (selection(ROI_TYPE.POLYGON, TRIANGLE, z_position=3, t_position=4), "slice 3 of frame 4"),
        (selection(ROI_TYPE.POLYGON, TRIANGLE[:2]), "at least 3 vertices"),
        (ImagejRoi(roitype=ROI_TYPE.RECT, top=4, left=4, bottom=4, right=9), "no size"),
        (composite([0, 1, 1, 9, 3, 3]), "damaged"),
        (composite([1, 1, 1, 1, 3, 3]), "damaged"),
        (composite([0, 1, 1, 1, 3]), "damaged"),
        (composite([0, np.nan, 1, 1, 3, 3, 1, 5, 1, 4]), "not a finite number"),
    ],
)
def test_what_is_no_outline_is_refused_by_file_and_kind(
    tmp_path: Path, roi: ImagejRoi, message: str
) -> None:
    with pytest.raises(RoiError, match=message) as caught:
        read_imagej(saved(tmp_path, roi, "case 7.roi"))
    assert "case 7.roi" in caught.value.message


def test_refusals_name_the_entry_of_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "RoiSet.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ruler.roi", ImagejRoi(roitype=ROI_TYPE.LINE, x2=3).tobytes())
    with pytest.raises(RoiError, match=r"RoiSet.zip, ruler.roi, is a selection of type line"):
        read_imagej(path)


def test_files_that_are_not_imagej_s_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RoiError, match="does not exist"):
        read_imagej(tmp_path / "missing.roi")
    (tmp_path / "text.roi").write_text("hello" * 30)
    with pytest.raises(RoiError, match=r"text.roi is not a complete ImageJ ROI"):
        read_imagej(tmp_path / "text.roi")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(RoiError, match=r"holds no .roi file"):
        read_imagej(tmp_path / "other.zip")
    with pytest.raises(RoiError, match="cannot be read"):
        read_imagej(tmp_path)


def test_writing_refuses_what_does_not_fit_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "one.roi"
    write_imagej(path, [box(1, 1, 3, 3)])
    before = path.read_bytes()
    with pytest.raises(RoiError, match="can hold one outline, not 2"):
        write_imagej(path, [box(1, 1, 3, 3)] * 2)
    with pytest.raises(RoiError, match="needs 1 names, not 2"):
        write_imagej(path, [box(1, 1, 3, 3)], ["a", "b"])
    with pytest.raises(RoiError, match=r"must end in .roi or .zip"):
        write_imagej(tmp_path / "one.json", [box(1, 1, 3, 3)])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["one.roi"]


def test_an_existing_file_is_replaced_and_an_empty_roi_is_an_empty_zip(tmp_path: Path) -> None:
    path = tmp_path / "RoiSet.zip"
    write_imagej(path, [box(1, 1, 3, 3)] * 2)
    write_imagej(path, [box(1, 1, 3, 3)])
    assert len(read_imagej(path)) == 1
    write_imagej(path, [])
    assert read_imagej(path) == ()


def _examples() -> list[bytes]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("a.roi", selection(ROI_TYPE.FREEHAND, TRIANGLE * 1.5, name="a").tobytes())
    return [
        selection(ROI_TYPE.POLYGON, TRIANGLE, name="a").tobytes(),
        selection(ROI_TYPE.POLYGON, TRIANGLE * 1.5, name="a").tobytes(),
        composite(ring_path([(1, 1), (5, 1), (3, 4)])).tobytes(),
        ImagejRoi(roitype=ROI_TYPE.OVAL, top=1, left=1, bottom=9, right=9).tobytes(),
        archive.getvalue(),
    ]


EXAMPLES = _examples()


@settings(max_examples=400)
@given(
    st.sampled_from(EXAMPLES),
    st.lists(st.tuples(st.integers(0, 250), st.integers(0, 255)), max_size=6),
    st.integers(0, 250),
)
def test_damaged_files_are_read_or_refused(
    folder: Path, data: bytes, changes: list[tuple[int, int]], end: int
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    path = folder / "damaged.roi"
    path.write_bytes(damaged[: len(damaged) - end if end < 60 else None])
    refusal = None
    try:
        found = read_imagej(path)
    except RoiError as error:
        refusal = error.message
    assert "damaged.roi" in refusal if refusal else all(len(o.points) >= 3 for o in found)


def test_a_count_of_two_thousand_million_vertices_is_refused_at_once(tmp_path: Path) -> None:
    data = bytearray(EXAMPLES[0])
    data[16:18], data[18:22] = b"\0\0", struct.pack(">i", 2**31 - 1)
    (tmp_path / "bomb.roi").write_bytes(data)
    with pytest.raises(RoiError, match=r"bomb.roi is not a complete"):
        read_imagej(tmp_path / "bomb.roi")


def test_all_coordinates_near_the_origin_are_kept_to_the_stated_precision(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for extent, bound in [(1, 6e-8), (1024, 3.1e-5), (65_000, 2e-3)]:
        outline = Outline(rng.uniform(-0.5, extent - 0.5, (500, 2)))
        write_imagej(tmp_path / "p.roi", [outline])
        (found,) = read_imagej(tmp_path / "p.roi")
        assert np.abs(found.points - outline.points).max() <= bound
