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
    rasterise,
    read_imagej,
    read_named,
    trace,
    write_imagej,
)
from tests.roi.make import box, lesions, masks, rings

SHAPE = (14, 17)


def imagej_polygon_mask(rings: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Fill polygons of (x, y) by ImageJ's rule, stated in its PolygonFiller.

    The pixel (x, y) reaches from (x, y) to (x + 1, y + 1), and belongs to a polygon
    when its centre does by the even-odd rule; a centre on the line belongs where the
    inside is at its left or above it.
    """
    mask = np.zeros(shape, dtype=bool)
    for y in range(shape[0]):
        crossings = []
        for ring in rings:
            for (xa, ya), (xb, yb) in zip(ring, [*ring[1:], ring[0]], strict=True):
                if (ya < y + 0.5) != (yb < y + 0.5):
                    crossings.append(xa + (y + 0.5 - ya) * (xb - xa) / (yb - ya))
        for x in range(shape[1]):
            mask[y, x] = sum(crossing < x + 0.5 for crossing in crossings) % 2 == 1
    return mask


def imagej_oval_mask(
    top: int, left: int, height: int, width: int, shape: tuple[int, int]
) -> np.ndarray:
    """Pixels whose centre is in the ellipse or on it, as in ImageJ's OvalRoi."""
    y, x = np.indices(shape) + 0.5
    a, b = height / 2, width / 2
    return ((y - top - a) / a) ** 2 + ((x - left - b) / b) ** 2 <= 1


def selection(kind: ROI_TYPE, points: np.ndarray | None = None, **fields: object) -> ImagejRoi:
    """A ROI as ImageJ saves it; ``points`` are (x, y), whole numbers or not."""
    roi = ImagejRoi(roitype=kind, **fields)
    if points is not None:
        points = np.asarray(points)
        roi.left, roi.top = (int(v) for v in np.floor(points.min(axis=0)))
        roi.right, roi.bottom = (int(v) for v in np.ceil(points.max(axis=0)))
        roi.n_coordinates = len(points)
        roi.integer_coordinates = (points - [roi.left, roi.top]).astype(np.int32)
        if points.dtype.kind == "f":
            roi.options |= ROI_OPTIONS.SUB_PIXEL_RESOLUTION
            roi.subpixel_coordinates = points.astype(np.float32)
    return roi


def saved(tmp_path: Path, roi: ImagejRoi, name: str = "a.roi") -> Path:
    path = tmp_path / name
    path.write_bytes(roi.tobytes())
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("imagej")


whole = st.lists(st.tuples(st.integers(0, 16), st.integers(0, 13)), min_size=3, max_size=8)


@given(whole, st.sampled_from([ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED]))
def test_whole_number_selections_give_imagej_s_mask(
    folder: Path, points: list, kind: ROI_TYPE
) -> None:
    outlines = read_imagej(saved(folder, selection(kind, np.array(points))))
    expected = imagej_polygon_mask([points], SHAPE)
    np.testing.assert_array_equal(rasterise(outlines, SHAPE), expected)


@given(rings(0, 13))
def test_subpixel_selections_give_imagej_s_mask(folder: Path, ring: np.ndarray) -> None:
    points = ring.astype(np.float32).astype(np.float64)
    outlines = read_imagej(saved(folder, selection(ROI_TYPE.POLYGON, points)))
    expected = imagej_polygon_mask([points], SHAPE)
    np.testing.assert_array_equal(rasterise(outlines, SHAPE), expected)


sides = st.integers(1, 12)


@given(st.integers(-3, 8), st.integers(-3, 8), sides, sides)
def test_rectangles_and_ovals_give_imagej_s_mask(
    folder: Path, top: int, left: int, height: int, width: int
) -> None:
    place = {"top": top, "left": left, "bottom": top + height, "right": left + width}
    (rectangle,) = read_imagej(saved(folder, ImagejRoi(roitype=ROI_TYPE.RECT, **place)))
    expected = np.zeros(SHAPE, dtype=bool)
    rows, columns = (slice(max(n, 0), max(n + m, 0)) for n, m in ((top, height), (left, width)))
    expected[rows, columns] = True
    np.testing.assert_array_equal(rasterise([rectangle], SHAPE), expected)
    (oval,) = read_imagej(saved(folder, ImagejRoi(roitype=ROI_TYPE.OVAL, **place)))
    expected = imagej_oval_mask(top, left, height, width, SHAPE)
    np.testing.assert_array_equal(rasterise([oval], SHAPE), expected)


@pytest.mark.parametrize("height", [37, 100, 255])
@pytest.mark.parametrize("width", [20, 101, 300])
def test_large_ovals_give_imagej_s_mask(folder: Path, height: int, width: int) -> None:
    roi = ImagejRoi(roitype=ROI_TYPE.OVAL, top=3, left=5, bottom=3 + height, right=5 + width)
    expected = imagej_oval_mask(3, 5, height, width, (270, 320))
    found = rasterise(read_imagej(saved(folder, roi)), (270, 320))
    np.testing.assert_array_equal(found, expected)


def test_subpixel_rectangle_and_oval(tmp_path: Path) -> None:
    fields = {"xd": 2.25, "yd": 3.5, "widthd": 4.5, "heightd": 6.25}
    options = ROI_OPTIONS.SUB_PIXEL_RESOLUTION
    roi = ImagejRoi(roitype=ROI_TYPE.RECT, options=options, **fields)
    (found,) = read_imagej(saved(tmp_path, roi))
    assert found == box(3, 1.75, 9.25, 6.25)
    roi = ImagejRoi(roitype=ROI_TYPE.OVAL, options=options, **fields)
    (found,) = read_imagej(saved(tmp_path, roi))
    np.testing.assert_allclose(found.points.min(axis=0), [3, 1.75], atol=1e-3)
    np.testing.assert_allclose(found.points.max(axis=0), [9.25, 6.25], atol=1e-3)


@pytest.mark.parametrize("subtype", [ROI_SUBTYPE.ELLIPSE, ROI_SUBTYPE.ROTATED_RECT])
def test_fitted_ellipses_and_rotated_rectangles_are_their_vertices(
    tmp_path: Path, subtype: ROI_SUBTYPE
) -> None:
    points = np.array([(1.5, 2.0), (9.25, 4.0), (8.0, 9.0), (0.5, 7.0)])
    roi = selection(ROI_TYPE.FREEHAND, points, subtype=subtype, x1=1.0, y1=1.0, x2=9.0, y2=9.0)
    (found,) = read_imagej(saved(tmp_path, roi))
    np.testing.assert_array_equal(found.points, points[:, ::-1] - 0.5)


def test_rounded_rectangle_loses_its_corners(tmp_path: Path) -> None:
    roi = ImagejRoi(
        roitype=ROI_TYPE.RECT, top=2, left=2, bottom=12, right=14, rounded_rect_arc_size=6
    )
    mask = rasterise(read_imagej(saved(tmp_path, roi)), SHAPE)
    assert not mask[2, 2]
    assert mask[2, 8]
    assert mask[7, 2]
    assert mask.sum() < 120


def composite(path: list[float], **fields: object) -> ImagejRoi:
    return ImagejRoi(
        roitype=ROI_TYPE.RECT,
        shape_roi_size=len(path),
        multi_coordinates=np.array(path, dtype=np.float32),
        **fields,
    )


def ring_path(points: list[tuple[float, float]]) -> list[float]:
    (x0, y0), *rest = points
    return [0, x0, y0, *(v for x, y in rest for v in (1, x, y)), 1, x0, y0, 4]


def test_composite_has_holes_islands_and_parts(tmp_path: Path) -> None:
    squares = [
        [(x, y), (x + s, y), (x + s, y + s), (x, y + s)]
        for x, y, s in [(1, 1, 10), (3, 3, 6), (5, 5, 2), (12, 1, 4)]
    ]
    roi = composite([value for square in squares for value in ring_path(square)])
    outlines = read_imagej(saved(tmp_path, roi))
    assert [len(outline.holes) for outline in outlines] == [1, 0, 0]
    expected = imagej_polygon_mask(squares, SHAPE)
    np.testing.assert_array_equal(rasterise(outlines, SHAPE), expected)


@given(st.lists(rings(0, 13), min_size=2, max_size=4))
def test_composite_of_rings_that_cross_follows_the_even_odd_rule(
    folder: Path, several: list[np.ndarray]
) -> None:
    points = [ring.astype(np.float32).astype(np.float64) for ring in several]
    roi = composite([value for ring in points for value in ring_path(ring.tolist())])
    mask = rasterise(read_imagej(saved(folder, roi)), SHAPE)
    expected = imagej_polygon_mask(points, SHAPE)
    differs = np.argwhere(mask != expected) + 0.5
    # where lines cross they are cut anew, within 1e-8 pixels
    for y, x in differs:
        assert min(distance_to(ring, (x, y)) for ring in points) < 1e-6


def distance_to(ring: np.ndarray, point: tuple[float, float]) -> float:
    along = np.roll(ring, -1, axis=0) - ring
    squares = np.maximum((along**2).sum(axis=1), 1e-300)
    part = np.clip(((np.array(point) - ring) * along).sum(axis=1) / squares, 0, 1)
    return float(np.hypot(*(ring + part[:, None] * along - point).T).min())


def test_curves_of_a_composite_are_followed(tmp_path: Path) -> None:
    k = 0.5522847498  # a circle of radius 5 round (8, 7) of four cubic curves
    path = [0, 13, 7]
    compass = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])
    for start, end in zip(compass, np.roll(compass, -1, axis=0), strict=True):
        control = np.array([start + k * end, end + k * start, end])
        path += [3, *(5 * control + (8, 7)).ravel()]
    mask = rasterise(read_imagej(saved(tmp_path, composite([*path, 4]))), SHAPE)
    np.testing.assert_array_equal(mask, imagej_oval_mask(2, 3, 10, 10, SHAPE))


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
