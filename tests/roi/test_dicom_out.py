"""SEG and SR: what highdicom and pydicom read of them, and what the standard asks for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from highdicom import _standard_utils as standard

from napari_ptx.image import Decoder, Image
from napari_ptx.roi import Outline, RoiError, measure, rasterise, read_roi, read_seg, trace
from napari_ptx.roi import write_seg as seg
from napari_ptx.roi import write_sr as sr
from napari_ptx.roi.dicom_seg import load
from napari_ptx.roi.outline_set import OutlineSet
from tests.image.make import bundled, dataset, random_grey, save
from tests.roi.dicom_make import FRAME, OBLIQUE, SERIES, in_mm, volume
from tests.roi.make import box

STILL, FILM = bundled("examples_rgb_color.dcm"), bundled("examples_ybr_color.dcm")
SHAPE = (240, 320)
TRIANGLE = np.array([[10.0, 200.5], [12.25, 260.0], [60.5, 215.0]])


def made(*outlines: Outline, frames: int = 1, **options: Any) -> OutlineSet:
    settings: dict[str, Any] = {
        "spacing": (0.1, 0.2),
        "observer": "Zoë Müller",
        "made_at": datetime(2026, 1, 5, 8, tzinfo=UTC),
    }
    return OutlineSet(
        "c", "Zoë Müller, round 1", outlines, SHAPE, frames, **{**settings, **options}
    )


def missing(path: Path) -> list[str]:
    """Name the attributes that the IOD requires and a file lacks, by the standard's tables.

    Those of type 1 must have a value, those of type 2 be there, in every item of the sequences
    that are there. What is required only under a condition is not looked for.
    """
    data = pydicom.dcmread(path)
    iod = standard.get_sop_class_iod_map()[data.SOPClassUID]
    lacking = []
    for module in standard.get_iod_module_map()[iod]:
        # The content of a report is a tree of items, which the tables list as one.
        if module["usage"] != "M" or module["key"] == "sr-document-content":
            continue
        for attribute in standard.get_module_attribute_map()[module["key"]]:
            # Each group of attributes stands in one of these two, or not at all.
            if "FunctionalGroupsSequence" in "".join(attribute["path"][:1]):
                continue
            items = [data]
            for step in attribute["path"]:
                items = [inner for item in items for inner in item.get(step) or ()]
            for item in items:
                value = item.get(attribute["keyword"])
                absent = attribute["keyword"] not in item
                empty = attribute["type"] == "1" and (value is None or value == "")
                if empty or (attribute["type"] == "2" and absent):
                    lacking.append(".".join((*attribute["path"], attribute["keyword"])))
    return lacking


def test_the_check_of_attributes_can_fail(tmp_path: Path) -> None:
    (path,) = seg(tmp_path / "a.dcm", made(Outline(TRIANGLE)), STILL)
    data = pydicom.dcmread(path)
    del data.PatientName, data.SegmentSequence[0].SegmentLabel, data.ContentLabel
    data.save_as(path)
    assert {"PatientName", "SegmentSequence.SegmentLabel", "ContentLabel"} <= {*missing(path)}


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as running:
        yield running


def test_a_seg_of_an_ultrasound_image(tmp_path: Path, decoder: Decoder) -> None:
    """Two lesions that overlap, near the right edge; every pixel by highdicom's own reader."""
    lesions = (Outline(TRIANGLE), box(20.5, 205.5, 70.5, 300.5))
    one = made(*lesions)
    (path,) = seg(tmp_path / "a.dcm", one, STILL)
    found = highdicom.seg.segread(path)
    source = pydicom.dcmread(STILL)
    pixels = found.get_pixels_by_source_instance([source.SOPInstanceUID])
    for place, lesion in enumerate(lesions):
        np.testing.assert_array_equal(pixels[0, :, :, place], rasterise([lesion], SHAPE))
    assert found.SegmentsOverlap == "YES"
    assert found.segmented_property_types[0].meaning == "Lesion"
    assert [item.SegmentLabel for item in found.SegmentSequence] == ["lesion 1", "lesion 2"]
    for name in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate"):
        assert found[name].value == source[name].value
    assert (found.ContentCreatorName, found.Manufacturer) == ("Zoë Müller^", "napari-ptx")
    assert missing(path) == []
    back = read_seg(path, SHAPE, decoder=decoder)
    masks = [trace(rasterise([lesion], SHAPE)) for lesion in lesions]
    assert back == tuple(outline for mask in masks for outline in mask)
    assert measure(back[:1]) == measure(masks[0])
    # the same outlines have the same names wherever they are written again
    (again,) = seg(tmp_path / "b.dcm", one, STILL)
    (other,) = seg(tmp_path / "c.dcm", made(lesions[0]), STILL)
    uids = [pydicom.dcmread(file).SOPInstanceUID for file in (path, again, other)]
    assert uids[0] == uids[1] != uids[2]


def test_a_film_gives_a_seg_for_each_frame(tmp_path: Path) -> None:
    on5, on29 = Outline(TRIANGLE, (), 5), box(20.5, 5.5, 70.5, 30.5, frame=29)
    nothing = Outline([[10.0, 10.2], [10.0, 10.2], [10.0, 10.4]], (), 7)
    paths = seg(tmp_path / "a.dcm", made(on5, nothing, on29, frames=30), FILM)
    assert [path.name for path in paths] == ["a_frame005.dcm", "a_frame029.dcm"]
    for path, outline in zip(paths, (on5, on29), strict=True):
        found = pydicom.dcmread(path)
        (group,) = found.PerFrameFunctionalGroupsSequence
        (source,) = group.DerivationImageSequence[0].SourceImageSequence
        assert source.ReferencedFrameNumber == outline.frame + 1
        assert source.ReferencedSOPInstanceUID == pydicom.dcmread(FILM).SOPInstanceUID
        assert "PixelMeasuresSequence" not in found.SharedFunctionalGroupsSequence[0]
        assert missing(path) == []
        shape, outlines = load(path)
        assert shape == SHAPE
        assert outlines == trace(rasterise([outline], SHAPE), outline.frame)


def enhanced(path: Path, image: Image) -> Path:
    """Write a CT volume as one multi-frame file, as scanners do."""
    matrix = np.array(image.direction)
    groups = []
    for place in range(image.shape[0]):
        at, group = pydicom.Dataset(), pydicom.Dataset()
        at.ImagePositionPatient = in_mm(image, [(place, 0, 0)])[0].tolist()
        group.PlanePositionSequence = [at]
        groups.append(group)
    shared, turned, measures = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    turned.ImageOrientationPatient = [*matrix[:, 0].tolist(), *matrix[:, 1].tolist()]
    measures.PixelSpacing, measures.SliceThickness = list(image.spacing[1:]), image.spacing[0]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [turned], [measures]
    made = dataset(
        image.pixels, Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1",
        SOPInstanceUID="1.2.3.4", StudyInstanceUID="1.2.3", SeriesInstanceUID=SERIES,
        FrameOfReferenceUID=FRAME, PatientID="P", PatientName="P^Q",
        SharedFunctionalGroupsSequence=[shared], PerFrameFunctionalGroupsSequence=groups,
    )  # fmt: skip
    return save(made, path)


def test_a_volume_gives_one_seg_that_lies_where_it_lies(tmp_path: Path) -> None:
    from napari_ptx.image.grid import Grid
    from napari_ptx.roi.instances import load_layers, masks_of

    image = volume((4, 12, 15), direction=OBLIQUE)
    source = enhanced(tmp_path / "ct.dcm", image)
    first, second = box(1.5, 2.5, 6.5, 9.5, frame=1), box(3.5, 4.5, 9.5, 13.5, frame=3)
    one = OutlineSet("c", "A, round 1", (first, second), (12, 15), 4, (0.5, 0.75), "A")
    (path,) = seg(tmp_path / "a.dcm", one, source)
    assert missing(path) == []
    apart = masks_of(load_layers(path, Grid.of(image), frame_of_reference=FRAME))
    for name, outline in (("lesion 1", first), ("lesion 2", second)):
        expected = np.zeros(image.shape, bool)
        expected[outline.frame] = rasterise([outline], (12, 15))
        np.testing.assert_array_equal(apart[name], expected)
    masks = [trace(rasterise([o], (12, 15)), o.frame) for o in (first, second)]
    assert load(path)[1] == tuple(outline for mask in masks for outline in mask)


def test_a_single_slice_keeps_its_place_and_a_frame_without_one_is_none(tmp_path: Path) -> None:
    tags = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "SOPInstanceUID": "1.2.3.4", "Modality": "CT",
        "StudyInstanceUID": "1.2.3", "SeriesInstanceUID": SERIES, "FrameOfReferenceUID": FRAME,
    }  # fmt: skip
    placed = {
        "ImagePositionPatient": [1, 2, 3], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [0.1, 0.2], "SliceThickness": 2,
    }  # fmt: skip
    one = made(Outline(TRIANGLE))
    ultrasound = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1", "Modality": "US"}
    for more in (placed, {}):
        facts = tags | (more or ultrasound)
        source = save(dataset(random_grey(SHAPE), **facts), tmp_path / "s.dcm")
        (path,) = seg(tmp_path / "a.dcm", one, source)
        found = pydicom.dcmread(path)
        assert ("FrameOfReferenceUID" in found) == bool(more)
        assert load(path)[1] == trace(rasterise([Outline(TRIANGLE)], SHAPE))
        assert missing(path) == []
        if more:
            at = found.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
            assert at.ImagePositionPatient == [1, 2, 3]


def test_a_seg_as_roi_must_fit(tmp_path: Path) -> None:
    (path,) = seg(tmp_path / "a.dcm", made(Outline(TRIANGLE)), STILL)
    assert read_roi(path, SHAPE) == trace(rasterise([Outline(TRIANGLE)], SHAPE))
    with pytest.raises(RoiError, match="240 x 320 pixels, but its image has 320 x 240"):
        read_roi(path, (320, 240))
    with pytest.raises(RoiError, match="of the kind US, not a segmentation"):
        read_seg(STILL)


def test_what_cannot_be_written_is_refused_with_the_reason(tmp_path: Path) -> None:
    outline = Outline(TRIANGLE)
    picture = tmp_path / "x.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    bare = save(dataset(random_grey(SHAPE)), tmp_path / "bare.dcm")
    line = Outline([[10.0, 10.2], [10.0, 10.2], [10.0, 10.4]])
    for write, words in ((seg, "holds the centre"), (sr, "encloses an area")):
        for one, source, sentence in (
            (made(outline), picture, "x.png is no DICOM file.*export NIfTI or COCO"),
            (made(outline), bare, "has no StudyInstanceUID and no SeriesInstanceUID"),
            (made(outline, frames=2), STILL, "1 frames of 240 x 320 .* of 2 of"),
            (made(line), STILL, words),
        ):
            with pytest.raises(RoiError, match=sentence):
                write(tmp_path / "a.dcm", one, source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bare.dcm", "x.png"]


@pytest.mark.parametrize("spacing", [(0.1, 0.2), None])
def test_an_sr_holds_the_measurements_with_their_units(
    tmp_path: Path, spacing: tuple[float, float] | None
) -> None:
    lesions = (Outline(TRIANGLE, (), 5), box(20.5, 205.5, 70.5, 300.5, frame=7))
    path = sr(tmp_path / "a.dcm", made(*lesions, frames=30, spacing=spacing), FILM)
    found = highdicom.sr.srread(path)
    groups = found.content.get_planar_roi_measurement_groups()
    units = ("mm2", "mm") if spacing else ("{square_pixels}", "{pixels}")
    for number, (group, lesion) in enumerate(zip(groups, lesions, strict=True), start=1):
        expected = measure([lesion], spacing)
        held = {
            one.name.meaning: (one.value, one.unit.value, one.unit.scheme_designator)
            for one in group.get_measurements()
        }
        assert held == {
            "Area": (expected.area, units[0], "UCUM"),
            "Perimeter": (expected.perimeter, units[1], "UCUM"),
            "Long Axis": (expected.max_diameter, units[1], "UCUM"),
            "Short Axis": (expected.short_axis, units[1], "UCUM"),
        }
        assert group.tracking_identifier == f"Zoë Müller, round 1, lesion {number}"
        assert group.finding_type.meaning == "Lesion"
        # the corner of the first pixel is 0, 0, as for the whole of DICOM's coordinates
        line = group.roi.value
        np.testing.assert_allclose(line[:-1], lesion.points[:, ::-1] + 0.5, atol=1e-4)
        np.testing.assert_array_equal(line[0], line[-1])
        (image,) = group.roi.ContentSequence[0].ReferencedSOPSequence
        assert image.ReferencedFrameNumber == lesion.frame + 1
        assert image.ReferencedSOPInstanceUID == pydicom.dcmread(FILM).SOPInstanceUID
    person, device = found.content.get_observer_contexts()
    assert person.observer_identifying_attributes.name == "Zoë Müller^"
    assert device.observer_identifying_attributes.name == "napari-ptx"
    assert found.CompletionFlag == "COMPLETE"
    assert found.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert missing(path) == []


def test_seg_and_sr_mean_the_same_lesions(tmp_path: Path) -> None:
    one = made(Outline(TRIANGLE), box(20.5, 205.5, 70.5, 300.5))
    (path,) = seg(tmp_path / "a.dcm", one, STILL)
    segments = [item.TrackingUID for item in pydicom.dcmread(path).SegmentSequence]
    report = highdicom.sr.srread(sr(tmp_path / "b.dcm", one, STILL))
    groups = report.content.get_planar_roi_measurement_groups()
    assert [group.tracking_uid for group in groups] == segments
    assert len({*segments}) == 2


@pytest.mark.data
def test_real_ultrasound_files_take_a_seg_and_an_sr(data_dir: Path, tmp_path: Path) -> None:
    """Palette, RLE, JPEG 2000, big-endian, ACR-NEMA's dates, frames: only the header counts."""
    names = (
        *("OBXXXX1A_2frame", "OBXXXX1A_rle_2frame", "US1_J2KI", "deid_GREYSCALE_IMAGE"),
        *("examples_palette", "gdcm-US-ALOKA-16_big", "gdcm-US-RGB-8-epicard"),
    )
    retired = "gdcm-US-RGB-8-esopecho"
    for name in (*names, retired):
        source = data_dir / "us_dicom" / f"{name}.dcm"
        header = pydicom.dcmread(source, stop_before_pixels=True)
        frames = int(header.get("NumberOfFrames") or 1)
        rows, columns, frame = header.Rows, header.Columns, frames - 1
        outline = box(10.5, columns - 40.5, 40.5, columns - 10.5, frame=frame)
        one = OutlineSet("c", "A", (outline,), (rows, columns), frames, None, "A")
        if name == retired:
            with pytest.raises(RoiError, match=r"retired \(Ultrasound Image Storage"):
                seg(tmp_path / "a.dcm", one, source)
            continue
        (path,) = seg(tmp_path / "a.dcm", one, source)
        (back,) = load(path)[1]
        assert (back.frame, rasterise([back], (rows, columns)).sum()) == (frame, 900)
        assert np.array_equal(back.points.min(axis=0), outline.points.min(axis=0))
        assert missing(path) == []
        assert missing(sr(tmp_path / "b.dcm", one, source)) == []
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
