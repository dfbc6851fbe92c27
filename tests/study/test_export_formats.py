"""An export in every format: what is in it, read by others, and what is left out and why."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use
from PIL import Image as Picture

from napari_ptx.roi import Outline, measure, rasterise, read_imagej, read_seg
from napari_ptx.stats import icc
from napari_ptx.study import Protocol, Study, StudyError
from napari_ptx.study.export_formats import DEFAULTS, FORMATS, WRITERS, check_formats
from napari_ptx.study.export_tables import r_names
from napari_ptx.study.exporting import left_out
from tests.image.make import bundled
from tests.stats.r import ask_r
from tests.study.make import Clock, square

ALL = tuple(one.name for one in FORMATS)


def read_by(study: Study, reader: str, outlines_of: Callable[[str], tuple[Outline, ...]]) -> None:
    """Let a reader draw and finish every case; a case without outlines is not assessable."""
    names = {case.sha256: case.case for case in study.cases()}
    with study.desk(reader, 1) as desk:
        for case in desk.cases:
            outlines = outlines_of(names[desk.image(case.index).sha256])
            if outlines:
                desk.record(case.index, outlines, "freehand", {}, 1.0)
                desk.finish(case.index)
            else:
                desk.finish(case.index, not_assessable="shadow")


def drawn(case: str, shift: float = 0.0) -> tuple[Outline, ...]:
    """Two lesions that overlap, near the left edge; on the film, on frame 5."""
    frame = 5 if case == "film" else 0
    triangle = np.array([[10.0, 4.5 + shift], [12.25, 30.0], [40.5, 15.0]])
    return (Outline(triangle, (), frame), square(20, 6, 14, frame=frame))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """An ultrasound image, a film, both DICOM, and a PNG; read by two readers. Not changed."""
    tmp_path = tmp_path_factory.mktemp("mixed")
    folder = tmp_path / "images"
    folder.mkdir()
    rows = [("case", "patient", "image")]
    for case, name in (("still", "examples_rgb_color.dcm"), ("film", "examples_ybr_color.dcm")):
        shutil.copy(bundled(name), folder)
        rows.append((case, f"p-{case}", name))
    pixels = np.random.default_rng(1).integers(0, 256, (48, 64), np.uint8)
    Picture.fromarray(pixels).save(folder / "p.png")
    rows.append(("png", "p-png", "p.png"))
    with (folder / "cohort.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    study = Study.create(
        tmp_path / "mixed.ptx",
        folder / "cohort.csv",
        Protocol(readers=("Zoë Müller", "B")),
        clock=Clock(),
    )
    read_by(study, "Zoë Müller", drawn)
    read_by(study, "B", lambda case: drawn(case, 1.0) if case != "png" else ())
    return study


def test_every_format_holds_every_reading(mixed: Study, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told: list[tuple[int, int, str]] = []
    files = mixed.export(out, formats=ALL, progress=lambda *said: told.append(said))
    assert sorted(files) == sorted(path for path in out.rglob("*") if path.is_file())
    assert told[-1][:2] == (6, 6)
    for reading in mixed.readings():
        if not reading.outlines:
            continue
        place = re.sub(r"\W+", "_", reading.reader) + "_round1"
        case = mixed.case(reading.case)
        assert read_imagej(out / "imagej" / place / f"{case.case}.zip") == reading.outlines
        mask = rasterise(reading.outlines, case.shape)
        for name in ("nifti", "nrrd"):
            suffix = "nii.gz" if name == "nifti" else "seg.nrrd"
            volume = sitk.ReadImage(str(out / name / place / f"{case.case}.{suffix}"))
            pixels = sitk.GetArrayFromImage(volume)
            if pixels.ndim == 4:
                pixels = pixels.any(axis=-1)
            assert len(pixels) == case.frames
            np.testing.assert_array_equal(pixels[reading.outlines[0].frame] > 0, mask)
            assert pixels.any(axis=(1, 2)).sum() == 1
        if case.case == "png":
            continue
        ending = "_frame005.dcm" if case.case == "film" else ".dcm"
        source = pydicom.dcmread(case.image, stop_before_pixels=True)
        segmentation = out / "seg" / place / f"{case.case}{ending}"
        back = read_seg(segmentation, case.shape)
        assert {outline.frame for outline in back} == {reading.outlines[0].frame}
        np.testing.assert_array_equal(rasterise(back, case.shape), mask)
        for file in (segmentation, out / "sr" / place / f"{case.case}.dcm"):
            data = pydicom.dcmread(file)
            assert (data.PatientID, data.StudyInstanceUID) == (
                source.PatientID, source.StudyInstanceUID,
            )  # fmt: skip
    about = json.loads((out / "study.json").read_text())
    assert about["formats"] == list(ALL)
    assert {one["format"] for one in about["left_out"]} == {"seg", "sr"}
    assert {one["case"] for one in about["left_out"]} == {"png"}
    first, _ = left_out(out)
    assert first.startswith("seg: 1 reading left out (case png, Zoë Müller, round 1: p.png is no D")
    # an earlier export may be replaced by another choice
    assert len(mixed.export(out, formats=[])) == 2


def test_the_long_table_has_a_row_for_each_lesion(mixed: Study, tmp_path: Path) -> None:
    mixed.export(tmp_path / "out", formats=["long"])
    table = pd.read_csv(tmp_path / "out" / "readings_long.csv", encoding="utf-8-sig")
    assert list(table.columns) == [
        "case", "patient", "reader", "round", "lesion", "frame",
        "measurand", "value", "unit", "aided",
    ]  # fmt: skip
    assert len(table) == 5 * 2 * 6
    for reading in mixed.readings():
        for number, outline in enumerate(reading.outlines, start=1):
            mine = table[
                (table["case"] == reading.case)
                & (table["reader"] == reading.reader)
                & (table["lesion"] == number)
            ].set_index("measurand")
            measured = measure([outline])
            assert set(mine["frame"]) == {outline.frame}
            assert mine.loc["area", "value"] == measured.area
            assert mine.loc["max_diameter", "value"] == measured.max_diameter
            assert (mine.loc["area", "unit"], mine.loc["perimeter", "unit"]) == ("px²", "px")


def test_a_changed_image_is_named_and_no_file_refers_to_it(mixed: Study, tmp_path: Path) -> None:
    image = mixed.case("still").image
    whole = image.read_bytes()
    data = pydicom.dcmread(image)
    data.PixelData = bytes(len(data.PixelData))
    data.save_as(image)
    try:
        mixed.export(tmp_path / "out", formats=["imagej", "nifti", "seg"])
    finally:
        image.write_bytes(whole)
    about = json.loads((tmp_path / "out" / "study.json").read_text())
    reasons = {(one["format"], one["case"]): one["reason"] for one in about["left_out"]}
    assert "has changed since the study was made" in reasons["seg", "still"]
    assert "has changed since the study was made" in reasons["nifti", "still"]
    assert not list((tmp_path / "out").glob("seg/*/still*"))
    assert len(list((tmp_path / "out").glob("imagej/*/still.zip"))) == 2


def test_formats_are_checked_before_anything_is_written(mixed: Study, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no format 'xml'; choose from imagej, masks, coco"):
        mixed.export(tmp_path / "out", formats=["masks", "xml"])
    assert not (tmp_path / "out").exists()
    assert check_formats(["sr", "imagej", "sr"]) == ("imagej", "sr")
    assert check_formats(None) == DEFAULTS
    assert {*ALL} == {*WRITERS, "coco", "long", "r"}


# COCO comes in again


def second(mixed: Study, tmp_path: Path, clock: Clock) -> Study:
    """Make another study of the same images, which nobody has read."""
    protocol = Protocol(readers=("Zoë Müller", "B", "C"))
    cohort = mixed.path.with_name("images") / "cohort.csv"
    return Study.create(tmp_path / "second.ptx", cohort, protocol, clock=clock)


def test_what_went_out_as_coco_comes_in_by_reader(
    mixed: Study, tmp_path: Path, clock: Clock
) -> None:
    mixed.export(tmp_path / "out", formats=["coco"])
    coco = tmp_path / "out" / "coco.json"
    other = second(mixed, tmp_path, clock)
    assert other.import_readings("Zoë Müller", 1, coco) == 3
    assert other.import_readings("B", 1, coco) == 2
    assert other.import_readings("B", 1, coco) == 0
    theirs = {(one.reader, one.case): one for one in mixed.readings()}
    for reading in other.readings():
        original = theirs[reading.reader, reading.case]
        assert (reading.origin, len(reading.outlines)) == ("imported", 2)
        for outline, again in zip(original.outlines, reading.outlines, strict=True):
            assert again.frame == outline.frame
            np.testing.assert_allclose(again.points, outline.points, rtol=0, atol=1e-12)
    assert other.verify() == ()
    with pytest.raises(StudyError, match="no outline of C, round 1; it has those of B, round 1, Z"):
        other.import_readings("C", 1, coco)


def test_a_coco_file_of_others_is_matched_by_file_or_by_name(
    mixed: Study, tmp_path: Path, clock: Clock
) -> None:
    other = second(mixed, tmp_path, clock)
    content: dict[str, Any] = {
        "images": [
            {"id": 1, "file_name": "train/p.png", "width": 64, "height": 48},
            {"id": 2, "file_name": "still.jpg"},
            {"id": 3, "file_name": "nobody.png"},
            {"id": 4, "file_name": "film.png", "frame": 40},
        ],
        "annotations": [
            {"id": 9, "image_id": n, "segmentation": [[3, 2, 7, 2, 7, 5, 3, 5]]} for n in (1, 2)
        ],
        "categories": [],
    }
    table = tmp_path / "theirs.json"
    table.write_text(json.dumps(content))
    assert other.import_readings("C", 1, table) == 2
    assert {reading.case for reading in other.readings()} == {"png", "still"}
    for reading in other.readings():
        assert np.argwhere(rasterise(reading.outlines, (9, 9))).min(axis=0).tolist() == [2, 3]
    content["annotations"] += [{**content["annotations"][0], "image_id": n} for n in (3, 4)]
    content["images"][0]["width"] = 63
    table.write_text(json.dumps(content))
    with pytest.raises(StudyError, match="3 of 4 rows") as caught:
        other.import_readings("B", 1, table)
    assert [line.partition(": ")[2] for line in caught.value.details] == [
        "the file has it with 48 x 63 pixels, but the image has 48 x 64",
        "the study has no such case",
        "frame 40 is not one of the image's 30, from 0",
    ]
    table.write_text("[1")
    with pytest.raises(StudyError, match=r"theirs\.json cannot be imported: .* not JSON"):
        other.import_readings("B", 1, table)


def test_segs_and_label_maps_come_in_as_rois(mixed: Study, tmp_path: Path, clock: Clock) -> None:
    out = tmp_path / "out"
    mixed.export(out, formats=["seg", "nrrd", "nifti"])
    other = second(mixed, tmp_path, clock)
    rows = [
        ("still", "out/seg/B_round1/still.dcm"),
        ("film", "out/nrrd/B_round1/film.seg.nrrd"),
        ("png", "out/nifti/Zoë_Müller_round1/png.nii.gz"),
    ]
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("case", "roi"), *rows])
    assert other.import_readings("B", 1, tmp_path / "t.csv") == 3
    theirs = {one.case: one for one in mixed.readings("B") + mixed.readings("Zoë Müller")}
    theirs |= {one.case: one for one in mixed.readings("B") if one.outlines}
    for reading in other.readings():
        original = theirs[reading.case]
        shape = other.case(reading.case).shape
        assert {one.frame for one in reading.outlines} == {one.frame for one in original.outlines}
        np.testing.assert_array_equal(
            rasterise(reading.outlines, shape), rasterise(original.outlines, shape)
        )


# R


@pytest.mark.r
def test_psych_computes_our_icc_from_the_tables(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    """ICC(A,1) of McGraw and Wong is the ICC2 of psych, over the cases that both have."""
    study = make_study(9, readers=("A b", "2"), reread=0)
    rng = np.random.default_rng(4)
    sizes = {case.case: rng.uniform(6, 20) for case in study.cases()}
    for reader, bias in (("A b", 1.0), ("2", 1.1)):
        read_by(
            study,
            reader,
            lambda case, bias=bias, reader=reader: (
                ()
                if (case, reader) == ("case-3", "2")
                else (square(8.2, 9.3, bias * sizes[case] + rng.uniform(-1, 1)),)
            ),
        )
    out = tmp_path / "out"
    study.export(out, formats=["r"])
    assert {path.name for path in (out / "r").iterdir()} == {
        "area_px2.csv", "perimeter_px.csv", "max_diameter_px.csv", "short_axis_px.csv",
        "centroid_y_px.csv", "centroid_x_px.csv", "columns.csv",
    }  # fmt: skip
    table = pd.read_csv(out / "r" / "area_px2.csv")
    assert list(table.columns) == ["case", "patient", "A_b_1", "reader_2_1"]
    assert len(table) == 9
    assert table.isna().sum().sum() == 1
    code = (
        "t <- read.csv('r/area_px2.csv'); stopifnot(identical(names(t)[3:4], c('A_b_1', "
        "'reader_2_1'))); x <- na.omit(t[, -(1:2)]); r <- psych::ICC(x, lmer = FALSE)$results; "
        "i <- which(r$type == 'ICC2'); cat(nrow(x), format(c(r$ICC[i], r$`lower bound`[i], "
        "r$`upper bound`[i]), digits = 15))"
    )
    count, value, low, high = ask_r(code, out, package="psych")
    ours = icc(table[["A_b_1", "reader_2_1"]].dropna().to_numpy(), form="A,1")
    assert count == 8
    assert (ours.value, ours.low, ours.high) == pytest.approx((value, low, high), abs=1e-9)
    measured = {(one.case, one.reader): one for one in study.readings() if one.outlines}
    for row in table.itertuples():
        assert row.A_b_1 == measure(measured[row.case, "A b"].outlines).area


def test_names_of_columns_are_names_in_r_and_each_once() -> None:
    sessions = [("A", 1), ("Dr. B", 1), ("Dr B", 1), ("42", 2), ("王", 1), ("李", 1)]
    assert list(r_names(sessions).values()) == [
        "A_1", "Dr_B_1", "Dr_B2_1", "reader_42_2", "reader_1", "reader2_1",
    ]  # fmt: skip
