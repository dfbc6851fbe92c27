"""RTSTRUCT and SEG onto the grid of a volume: exact there and back, and refused with the reason."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.path import Path as Polygon

from napari_ptx.image import Decoder, Image, ImageError, find_series, read_series
from napari_ptx.image.grid import Grid
from napari_ptx.roi import find_objects, object_of, read_instances
from napari_ptx.roi.instances import Instances, load
from tests.roi.dicom_make import (
    FRAME,
    OBLIQUE,
    SERIES,
    contour,
    contours_of,
    in_mm,
    segmentation,
    structure_set,
    volume,
)

SHAPE = (3, 7, 9)
LABELS = arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 0, 1, 2, 3]))
TWICE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as running:
        yield running


def on(path: Path, image: Image, **options: Any) -> Instances:
    return load(path, Grid.of(image), **options)


def refusal(path: Path, image: Image, **options: Any) -> str:
    with pytest.raises(ImageError) as caught:
        on(path, image, **options)
    assert caught.value.message.startswith(str(path))
    assert caught.value.message.endswith(".")
    return caught.value.message


def mask_of(shape: tuple[int, int, int], *boxes: tuple[slice, slice, slice]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for box in boxes:
        mask[box] = True
    return mask


# There and back


@TWICE
@given(LABELS, st.booleans())
def test_contours_give_the_mask_back(tmp_path: Path, labels: np.ndarray, oblique: bool) -> None:
    image = volume(SHAPE, direction=OBLIQUE if oblique else volume().direction)
    labels[0, 0, 0] = 1  # a file without any voxel is refused
    names = ("upper", "lower", "third")
    path = structure_set(
        tmp_path / "rt.dcm",
        {name: contours_of(image, labels == number) for number, name in enumerate(names, 1)},
    )
    found = on(path, image, frame_of_reference=FRAME)
    np.testing.assert_array_equal(found.image.pixels, labels)
    assert [(one.number, one.name, one.voxels) for one in found.structures] == [
        (number, name, (labels == number).sum()) for number, name in enumerate(names, 1)
    ]
    assert found.image.origin == image.origin
    assert found.image.spacing == image.spacing


@TWICE
@given(LABELS, st.sampled_from(["BINARY", "FRACTIONAL", "LABELMAP"]), st.randoms())
def test_frames_give_the_mask_back(
    tmp_path: Path, labels: np.ndarray, kind: str, random: Any
) -> None:
    """Sparse frames in any order; 63 pixels a frame, so that bits do not end with bytes."""
    image = volume(SHAPE, direction=OBLIQUE)
    labels[2, 6, 8] = 3
    if kind == "LABELMAP":
        frames = [(0, place, page) for place, page in enumerate(labels) if page.any()]
    else:
        full = 200 if kind == "FRACTIONAL" else 1
        frames = [
            (number, place, full * (page == number))
            for number in (1, 2, 3)
            for place, page in enumerate(labels)
            if (page == number).any()
        ]
    random.shuffle(frames)
    path = segmentation(tmp_path / "seg.dcm", image, frames, ("a", "b", "c"), kind=kind)
    found = on(path, image, frame_of_reference=FRAME)
    np.testing.assert_array_equal(found.image.pixels, labels)
    assert found.image.pixels.dtype == np.int16
    assert [one.name for one in found.structures] == ["a", "b", "c"]
    assert found.image.modality == "SEG"


def test_the_left_stays_left_on_a_grid_that_runs_the_other_way(tmp_path: Path) -> None:
    """One voxel at the patient's left, on the volume as drawn and mirrored on all axes."""
    image = volume()
    mask = mask_of(image.shape, (slice(1, 2), slice(2, 3), slice(7, 8)))
    flipped = Image(
        image.pixels, "zyx", image.spacing, True, "CT",
        origin=tuple(in_mm(image, [(5, 7, 8)])[0].tolist()),
        direction=((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0)),
    )  # fmt: skip
    for path in (
        structure_set(tmp_path / "rt.dcm", {"left": contours_of(image, mask)}),
        segmentation(tmp_path / "seg.dcm", image, [(1, 1, mask[1])], ("left",)),
    ):
        (there,) = np.argwhere(on(path, flipped).image.pixels)
        np.testing.assert_allclose(in_mm(flipped, [there]), in_mm(image, [(1, 2, 7)]))
        assert tuple(there) == (4, 5, 1)


def test_frames_across_the_slices_of_the_image(tmp_path: Path) -> None:
    """A coronal segmentation on an axial volume: no voxel is moved."""
    image = volume((6, 8, 9), spacing=(1.5, 0.5, 0.75))
    mask = mask_of(image.shape, (slice(1, 3), slice(2, 4), slice(5, 8)))
    coronal = Image(
        np.zeros((8, 6, 9), np.int16), "zyx", (0.5, 1.5, 0.75), True, "CT",
        origin=image.origin, direction=((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)),
    )  # fmt: skip
    frames = [(1, place, mask[:, place]) for place in (2, 3)]
    path = segmentation(tmp_path / "seg.dcm", coronal, frames)
    found = on(path, image).image
    np.testing.assert_array_equal(found.pixels, mask)
    assert found.notes == ()


# RTSTRUCT


def square(image: Image, place: float, low: float, high: float) -> np.ndarray:
    corners = [(low, low), (low, high), (high, high), (high, low)]
    return in_mm(image, [(place, *corner) for corner in corners])


@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_a_contour_within_another_is_a_hole_and_one_in_it_an_island(
    kind: str, tmp_path: Path
) -> None:
    image = volume()
    rings = [square(image, 2, *ends) for ends in ((-0.5, 6.5), (0.5, 5.5), (2.5, 3.5))]
    path = structure_set(tmp_path / "rt.dcm", {"ring": [contour(one, kind) for one in rings]})
    expected = np.zeros(image.shape, int)
    expected[2, :7, :7] = 1
    expected[2, 1:6, 1:6] = 0
    expected[2, 3, 3] = 1
    np.testing.assert_array_equal(on(path, image).image.pixels, expected)


def test_a_hole_by_a_keyhole(tmp_path: Path) -> None:
    image = volume()
    outer, inner = square(image, 2, -0.5, 6.5), square(image, 2, 1.5, 4.5)
    joined = np.concatenate([outer, outer[:1], inner, inner[:1]])
    path = structure_set(tmp_path / "rt.dcm", {"ring": [contour(joined)]})
    expected = np.zeros(image.shape, int)
    expected[2, :7, :7] = 1
    expected[2, 2:5, 2:5] = 0
    np.testing.assert_array_equal(on(path, image).image.pixels, expected)


def test_contours_through_pixel_centres_follow_the_one_rule(tmp_path: Path) -> None:
    """Centres on the line are inside where the inside lies above or to the left, as in ImageJ."""
    image = volume(direction=OBLIQUE)
    path = structure_set(tmp_path / "rt.dcm", {"box": [contour(square(image, 3, 1, 5))]})
    expected = np.zeros(image.shape, int)
    expected[3, 2:6, 2:6] = 1
    np.testing.assert_array_equal(on(path, image).image.pixels, expected)


def test_contours_beside_slices_are_refused_with_the_numbers(tmp_path: Path) -> None:
    image = volume()
    path = structure_set(tmp_path / "a.dcm", {"gland": [contour(square(image, 2.5, 1, 5))]})
    assert '"gland" lies 0.75 mm from the nearest slice (slices are 1.50 mm' in refusal(path, image)
    tilted = square(image, 2, 0.5, 5.5)
    tilted[:2, 2] += 3.0
    path = structure_set(tmp_path / "b.dcm", {"gland": [contour(tilted)]})
    assert "runs across slices (3.00 mm along their normal)" in refusal(path, image)
    path = structure_set(tmp_path / "c.dcm", {"gland": [contour(square(image, 9, 1, 5))]})
    assert "above or below all slices" in refusal(path, image)
    path = structure_set(tmp_path / "d.dcm", {"gland": [contour(square(image, 2, 100, 105))]})
    assert "none of its structures has a voxel" in refusal(path, image)
    rounded = structure_set(tmp_path / "e.dcm", {"gland": [contour(square(image, 2.05, 1, 5))]})
    assert on(rounded, image).structures[0].voxels == 16


def test_contours_of_thicker_slices_are_not_left_as_discs(tmp_path: Path) -> None:
    image = volume((12, 8, 9))
    places = [contour(square(image, place, 0.5, 4.5)) for place in (1, 4, 7, 10)]
    path = structure_set(tmp_path / "a.dcm", {"gland": places})
    assert "at least 4.50 mm apart, on slices that are 1.50 mm apart" in refusal(path, image)
    path = structure_set(tmp_path / "b.dcm", {"gland": places[:2]})
    assert on(path, image).image.notes == (
        "gland: no contour on 2 slices between its first and last",
    )


def test_the_smaller_of_two_structures_keeps_the_voxels_that_both_have(tmp_path: Path) -> None:
    image = volume()
    thyroid, gland = contour(square(image, 2, -0.5, 6.5)), contour(square(image, 2, 0.5, 2.5))
    path = structure_set(tmp_path / "a.dcm", {"gland": [gland], "thyroid": [thyroid]})
    found = on(path, image)
    assert [one.voxels for one in found.structures] == [4, 45]
    assert found.image.notes == (
        "4 voxels lie both in thyroid and in gland and were given to the latter, which is smaller",
    )
    path = structure_set(tmp_path / "b.dcm", {"first reader": [gland], "second": [gland]})
    assert '"first reader" lies whole within other' in refusal(path, image)
    assert on(path, image, structures=["FIRST*"]).structures[0].voxels == 4


def test_structures_are_chosen_by_name_and_the_body_only_so(tmp_path: Path) -> None:
    image = volume()
    body, gland = contour(square(image, 2, -0.5, 6.5)), contour(square(image, 2, 0.5, 2.5))
    path = structure_set(
        tmp_path / "rt.dcm",
        {"skin": [body], "left": [gland], "empty": []},
        kinds={"skin": "EXTERNAL"},
    )
    found = on(path, image)
    assert [(one.number, one.name, one.voxels) for one in found.structures] == [
        (1, "left", 4), (2, "empty", 0),
    ]  # fmt: skip
    assert found.image.notes == (
        "skin: left out, as the outline of the body", "empty: has no voxel",
    )  # fmt: skip
    assert [one.name for one in on(path, image, structures=["skin"]).structures] == ["skin"]
    said = refusal(path, image, structures=["right"])
    assert 'no structure "right"; it has "skin", "left", "empty"' in said


def test_damaged_and_foreign_structure_sets(tmp_path: Path) -> None:
    image = volume()
    points = contour(square(image, 2, 0.5, 2.5))
    path = structure_set(tmp_path / "a.dcm", {"left": [points]}, frame="1.2.3")
    assert "another frame of reference" in refusal(path, image, frame_of_reference=FRAME)
    assert on(path, image).structures[0].voxels == 4
    points.NumberOfContourPoints = 5
    path = structure_set(tmp_path / "b.dcm", {"left": [points]})
    assert "as it declares; export it again" in refusal(path, image)
    path = structure_set(tmp_path / "c.dcm", {})
    assert "it lists no structure" in refusal(path, image)
    path = structure_set(tmp_path / "d.dcm", {"dot": [contour([(0, 0, 30)], "POINT")]})
    assert "none of its structures has a voxel" in refusal(path, image)
    cut = tmp_path / "e.dcm"
    cut.write_bytes(path.read_bytes()[:200])
    refusal(cut, image)
    picture = tmp_path / "f.dcm"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert "it is no DICOM file" in refusal(picture, image)


# SEG


def test_a_fractional_segment_is_cut_at_half(tmp_path: Path) -> None:
    image = volume()
    page = np.zeros(image.shape[1:], np.uint8)
    page[1, 1:4] = 99, 100, 200  # of 200
    path = segmentation(tmp_path / "seg.dcm", image, [(1, 0, page)], kind="FRACTIONAL")
    assert np.argwhere(on(path, image).image.pixels).tolist() == [[0, 1, 2], [0, 1, 3]]


def test_a_label_map_without_its_background(tmp_path: Path) -> None:
    image = volume()
    page = np.full(image.shape[1:], 5, np.uint8)
    page[1, 1:4] = 0, 1, 3
    path = segmentation(
        tmp_path / "seg.dcm", image, [(0, 4, page)], ("a", "b", "c", "d", "padding"),
        kind="LABELMAP", PixelPaddingValue=5,
    )  # fmt: skip
    found = on(path, image)
    assert found.image.pixels[4, 1, 1:4].tolist() == [0, 1, 3]
    assert (found.image.pixels > 0).sum() == 2
    assert [one.name for one in found.structures] == ["a", "b", "c", "d"]
    page[0, 0] = 7
    path = segmentation(tmp_path / "b.dcm", image, [(0, 4, page)], ("a", "b", "c"), kind="LABELMAP")
    assert "frame 1 is of segment" in refusal(path, image)


def test_a_coarser_segmentation_goes_to_the_nearest_voxels(tmp_path: Path) -> None:
    """Each voxel of 2 x 1 x 1.5 mm becomes 2 x 2 x 2 of 1 x 0.5 x 0.75 mm."""
    fine = volume((8, 12, 10), spacing=(1.0, 0.5, 0.75))
    coarse = Image(
        np.zeros((4, 6, 5), np.int16), "zyx", (2.0, 1.0, 1.5), True, "CT",
        origin=tuple(in_mm(fine, [(0.5, 0.5, 0.5)])[0].tolist()), direction=fine.direction,
    )  # fmt: skip
    small = np.random.default_rng(1).random((4, 6, 5)) > 0.5
    frames = [(1, place, page) for place, page in enumerate(small)]
    path = segmentation(tmp_path / "seg.dcm", coarse, frames)
    found = on(path, fine).image
    np.testing.assert_array_equal(found.pixels, np.kron(small, np.ones((2, 2, 2))))
    assert "took the label of the nearest" in found.notes[0]


def test_segments_outside_the_image_are_told(tmp_path: Path) -> None:
    large = volume((6, 8, 9))
    mask = mask_of(large.shape, (slice(0, 6), slice(2, 3), slice(3, 4)))
    frames = [(1, place, page) for place, page in enumerate(mask)]
    path = segmentation(tmp_path / "seg.dcm", large, frames)
    found = on(path, volume((4, 8, 9)))
    assert found.image.notes == ("2 of 6 labelled voxels lie outside of the image",)
    path = segmentation(tmp_path / "b.dcm", large, frames[5:])
    assert "none of its segments lies within the image" in refusal(path, volume((4, 8, 9)))


def test_damaged_and_foreign_segmentations(tmp_path: Path) -> None:
    image = volume()
    page = np.ones(image.shape[1:], np.uint8)
    path = segmentation(tmp_path / "a.dcm", image, [(1, 0, page)], frame="1.2.3")
    assert "another frame of reference" in refusal(path, image, frame_of_reference=FRAME)
    path = segmentation(tmp_path / "b.dcm", image, [(2, 0, page)])
    assert "frame 1 is of segment 2, which it does not list" in refusal(path, image)
    path = segmentation(tmp_path / "c.dcm", image, [(1, 0, page)], SegmentationType="SURFACE")
    assert "Segmentation Type is SURFACE" in refusal(path, image)
    path = segmentation(
        tmp_path / "d.dcm", image, [(1, 0, page)], PerFrameFunctionalGroupsSequence=[]
    )
    assert "frame 1 does not state where it lies" in refusal(path, image)
    path = segmentation(tmp_path / "e.dcm", image, [(1, 0, page), (1, 1, page)], NumberOfFrames=300)
    assert "are cut off" in refusal(path, image)


# Other people's files


def test_what_highdicom_writes_is_what_it_was_given(tmp_path: Path) -> None:
    hd = pytest.importorskip("highdicom")
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    from tests.image.make import dataset

    image = volume((4, 8, 9), direction=OBLIQUE)
    matrix = np.array(image.direction)
    slices = []
    for place, page in enumerate(image.pixels):
        made = dataset(
            page, Modality="CT", SOPInstanceUID=generate_uid(),
            PixelSpacing=list(image.spacing[1:]),
            SOPClassUID="1.2.840.10008.5.1.4.1.1.2", StudyInstanceUID="1.2.3",
            SeriesInstanceUID=SERIES, FrameOfReferenceUID=FRAME, SliceThickness=image.spacing[0],
            ImagePositionPatient=in_mm(image, [(place, 0, 0)])[0].tolist(),
            ImageOrientationPatient=[*matrix[:, 0].tolist(), *matrix[:, 1].tolist()],
            PatientID="P", PatientName="P^Q", PatientBirthDate="", PatientSex="", StudyID="",
            StudyDate="20200101", StudyTime="100000", AccessionNumber="", InstanceNumber=place,
            ReferringPhysicianName="", SeriesNumber=1, Manufacturer="m",
        )  # fmt: skip
        slices.append(made)
    labels = np.zeros(image.shape, np.uint8)
    labels[1, 2:4, 6:8], labels[2:, 5, 1:3] = 1, 2
    described = [
        hd.seg.SegmentDescription(
            number, name, codes.SCT.Tissue, codes.SCT.Tissue,
            hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, name in ((1, "left superior"), (2, "right inferior"))
    ]  # fmt: skip
    for kind in ("BINARY", "FRACTIONAL", "LABELMAP"):
        made = hd.seg.Segmentation(
            slices, labels if kind != "FRACTIONAL" else np.stack(
                [labels == 1, labels == 2], axis=-1).astype(np.float32),
            kind, described, generate_uid(), 2, generate_uid(), 1, "m", "m", "1", "1",
        )  # fmt: skip
        path = tmp_path / f"{kind}.dcm"
        made.save_as(path)
        found = on(path, image, frame_of_reference=FRAME)
        np.testing.assert_array_equal(found.image.pixels, labels)
        assert [one.name for one in found.structures] == ["left superior", "right inferior"]
        header = object_of(path)
        assert header is not None
        assert header.series == (SERIES,)


@pytest.mark.once
@pytest.mark.data
def test_a_real_structure_set_is_what_its_polygons_hold(
    data_dir: Path, tmp_path: Path, decoder: Decoder
) -> None:
    """Against the test for points in a polygon that matplotlib has."""
    import pydicom

    packed = next((data_dir / "ct_headphantom").glob("*.zip"))
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path)
    (series,) = find_series(tmp_path, decoder=decoder)
    image = read_series(series, decoder=decoder)
    (header,) = find_objects(tmp_path, decoder=decoder)
    assert header.series == (series.uid,)
    found = read_instances(
        header.path, image, frame_of_reference=series.frame_of_reference,
        structures=["BrainStem"], decoder=decoder,
    )  # fmt: skip
    dataset = pydicom.dcmread(header.path)
    number = next(o.ROINumber for o in dataset.StructureSetROISequence if o.ROIName == "BrainStem")
    (of,) = [o for o in dataset.ROIContourSequence if o.ReferencedROINumber == number]
    expected = np.zeros(image.shape, bool)
    assert image.origin is not None
    z0, y0, x0 = image.origin[::-1]
    dz, dy, dx = image.spacing
    y, x = np.mgrid[: image.shape[1], : image.shape[2]]
    centres = np.column_stack([x.ravel() * dx + x0, y.ravel() * dy + y0])
    for one in of.ContourSequence:
        points = np.array(one.ContourData, float).reshape(-1, 3)
        place = round((points[0, 2] - z0) / dz)
        inside = Polygon(points[:, :2]).contains_points(centres).reshape(image.shape[1:])
        expected[place] ^= inside
    assert expected.sum() > 60_000
    # A few centres lie on a line, where the rules differ.
    assert (expected != (found.image.pixels > 0)).sum() <= 0.001 * expected.sum()


@pytest.mark.data
def test_real_segmentations_are_what_dcmqi_made_of_them(data_dir: Path, decoder: Decoder) -> None:
    folder = data_dir / "dicom_seg_rt" / "dcmqi"
    for series, name, truth in (
        ("ct-3slice", "liver.dcm", "liver_seg.nrrd"),
        ("24x38x3/image", "sparse-labelmap-noppv.dcm", "sparse_labelmap_noppv_seg.nrrd"),
    ):
        (one,) = find_series(folder / series, decoder=decoder)
        image = read_series(one, decoder=decoder)
        found = read_instances(folder / name, image, decoder=decoder)
        theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / truth)))
        np.testing.assert_array_equal(found.image.pixels > 0, theirs > 0)
        assert theirs.any()
        assert not found.image.notes
    (one,) = find_series(folder / "ct-3slice", decoder=decoder)
    image = read_series(one, decoder=decoder)
    found = read_instances(folder / "partial_overlaps.dcm", image, decoder=decoder)
    assert len(found.structures) == 5
    assert any("2989 voxels lie both in ORANGE and in GREEN" in note for note in found.image.notes)


@pytest.mark.data
def test_every_real_object_is_read_or_refused_with_a_sentence(
    data_dir: Path, decoder: Decoder
) -> None:
    """On a volume that is not theirs: nothing may crash, hang, or be a fault of the program."""
    image = volume()
    objects = find_objects(data_dir / "dicom_seg_rt", decoder=decoder)
    assert {one.kind for one in objects} == {"RTSTRUCT", "SEG"}
    for one in objects:
        with pytest.raises(ImageError, match="cannot be read"):
            read_instances(one.path, image, decoder=decoder)


# Headers


@pytest.mark.once
def test_objects_are_found_by_their_headers(tmp_path: Path, decoder: Decoder) -> None:
    image = volume()
    gland = contour(square(image, 2, 0.5, 2.5))
    (tmp_path / "sub").mkdir()
    rt = structure_set(tmp_path / "sub" / "rt", {"left": [gland], "right": []})
    seg = segmentation(tmp_path / "seg.dcm", image, [(1, 0, np.ones((8, 9)))], ("one",))
    (tmp_path / "copy.dcm").write_bytes(seg.read_bytes())
    (tmp_path / "note.txt").write_text("none")
    steps: list[tuple[int, int, str]] = []
    found = find_objects(tmp_path, decoder=decoder, progress=lambda *step: steps.append(step))
    assert [(one.kind, one.names, one.series, one.frames_of_reference) for one in found] == [
        ("SEG", ("one",), (SERIES,), (FRAME,)),
        ("RTSTRUCT", ("left", "right"), (SERIES,), (FRAME,)),
    ]
    assert found[1].path == rt
    assert found[1].name == 'rt (RTSTRUCT "glands")'
    assert steps[-1] == (4, 4, "reading headers")
    assert object_of(tmp_path / "note.txt", decoder=decoder) is None
