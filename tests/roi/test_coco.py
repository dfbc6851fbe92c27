"""COCO: there and back, and against rules and files that others wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import points_in_poly

from napari_ptx.roi import Outline, Picture, RoiError, measure, rasterise, read_coco, trace
from napari_ptx.roi import write_coco as write
from napari_ptx.roi.outline_set import OutlineSet
from tests.roi.make import box, lesions, masks

SHAPE = (120, 140)

# Made by pycocotools 2.0.11: mask.encode of the mask that ``theirs`` draws.
TEXT = "g37`000000000KB1>OB1>OB1>OB1>OB1>OB1>OB1>OB1>OB1>OB1>4000000000000000000`20`M0000000008"


def theirs() -> np.ndarray:
    mask = np.zeros((23, 40), bool)
    mask[4:11, 5:30] = True
    mask[6:8, 10:20] = False
    mask[15:22, 33:39] = True
    return mask


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("coco")


def made(*outlines: Outline, case: str = "c", shape: tuple[int, int] = SHAPE) -> OutlineSet:
    return OutlineSet(case, "A, round 1", outlines, shape, tags={"reader": "A", "round": 1})


def there_and_back(folder: Path, one: OutlineSet) -> tuple[Outline, ...]:
    write(folder / "a.json", [Picture(one.case, "c.png", one.shape)], [one])
    return tuple(
        outline
        for _, annotations in read_coco(folder / "a.json")
        for annotation in annotations
        for outline in annotation.outlines
    )


@settings(max_examples=30)
@given(st.lists(lesions(), min_size=1, max_size=3))
def test_outlines_come_back_and_measure_the_same(folder: Path, outlines: list[Outline]) -> None:
    back = there_and_back(folder, made(*outlines))
    assert len(back) == len(outlines)
    for outline, again in zip(outlines, back, strict=True):
        np.testing.assert_allclose(again.points, outline.points, rtol=0, atol=1e-12)
        for name in ("area", "perimeter", "max_diameter", "short_axis", "centroid_x"):
            assert getattr(measure([again]), name) == pytest.approx(
                getattr(measure([outline]), name), rel=1e-12
            )
    assert np.array_equal(rasterise(back, SHAPE), rasterise(outlines, SHAPE))


@settings(max_examples=30)
@given(masks())
def test_masks_with_holes_come_back_to_the_vertex(folder: Path, mask: np.ndarray) -> None:
    outlines = trace(mask)
    if outlines:
        assert there_and_back(folder, made(*outlines, shape=mask.shape)) == outlines


@settings(max_examples=15)
@given(lesions())
def test_polygons_are_where_coco_has_pixels(folder: Path, outline: Outline) -> None:
    """By another program's test of points: pixel (0, 0) of COCO has its centre at (0.5, 0.5)."""
    there_and_back(folder, made(outline))
    (annotation,) = json.loads((folder / "a.json").read_text())["annotations"]
    polygon = np.array(annotation["segmentation"][0]).reshape(-1, 2)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    centres = np.column_stack([x.ravel() + 0.5, y.ravel() + 0.5])
    inside = points_in_poly(centres, polygon).reshape(SHAPE)
    mask = rasterise([outline], SHAPE)
    # a centre may lie on a line, where the rules differ
    assert (inside != mask).sum() <= 1
    left, top, width, height = annotation["bbox"]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert left <= columns[0] + 0.5 <= columns[-1] + 0.5 <= left + width
    assert top <= rows[0] + 0.5 <= rows[-1] + 0.5 <= top + height
    assert annotation["area"] == pytest.approx(measure([outline]).area)


def test_whole_pixels_are_whole_numbers_and_sides_are_not_exchanged(tmp_path: Path) -> None:
    """Rows 2-4 and columns 3-6, near the upper left corner of a wide image."""
    write(tmp_path / "a.json", [Picture("c", "c.png", SHAPE)], [made(box(1.5, 2.5, 4.5, 6.5))])
    content = json.loads((tmp_path / "a.json").read_text())
    (annotation,) = content["annotations"]
    assert annotation["segmentation"] == [[3, 2, 7, 2, 7, 5, 3, 5]]
    assert (annotation["bbox"], annotation["area"]) == ([3, 2, 4, 3], 12)
    assert annotation["attributes"] == {"set": "A, round 1", "lesion": 1, "reader": "A", "round": 1}
    (image,) = content["images"]
    assert (image["width"], image["height"], image["file_name"]) == (140, 120, "c.png")


def test_holes_are_runs_down_the_columns_as_cocoapi_has_them(tmp_path: Path) -> None:
    ring, block = trace(theirs())
    write(tmp_path / "a.json", [Picture("c", "", (23, 40))], [made(ring, block, shape=(23, 40))])
    holed, plain = json.loads((tmp_path / "a.json").read_text())["annotations"]
    assert holed["segmentation"]["counts"][:4] == [23 * 5 + 4, 7, 16, 7]
    assert (holed["area"], holed["bbox"]) == (7 * 25 - 2 * 10, [5, 4, 25, 7])
    assert isinstance(plain["segmentation"], list)
    content = coco(segmentation={"size": [23, 40], "counts": TEXT})
    assert read(tmp_path, content) == trace(theirs())


def test_frames_are_pictures_of_their_own(tmp_path: Path) -> None:
    one = made(box(1, 1, 5, 5, frame=3), box(2, 2, 9, 9, frame=1))
    write(tmp_path / "a.json", [Picture("c", "c.dcm", SHAPE), Picture("d", "d.png", SHAPE)], [one])
    found = read_coco(tmp_path / "a.json")
    assert [(picture.case, picture.frame, len(notes)) for picture, notes in found] == [
        ("c", 0, 0), ("c", 1, 1), ("c", 3, 1), ("d", 0, 0),
    ]  # fmt: skip
    assert found[2][1][0].outlines[0].frame == 3


def coco(**annotation: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": "x.png", "width": 40, "height": 23}],
        "annotations": [{"id": 5, "image_id": 7, "category_id": 1, **annotation}],
        "categories": [{"id": 1, "name": "nodule"}],
    }


def read(folder: Path, content: object) -> tuple[Outline, ...]:
    (folder / "x.json").write_text(json.dumps(content))
    ((_, annotations),) = read_coco(folder / "x.json")
    return tuple(outline for one in annotations for outline in one.outlines)


def test_files_of_others_are_read_or_refused_with_the_annotation(tmp_path: Path) -> None:
    square = [3, 2, 7, 2, 7, 5, 3, 5]
    two = read(tmp_path, coco(segmentation=[square, [0, 0, 1, 0, 0, 1]]))
    assert [len(outline.points) for outline in two] == [4, 3]
    assert read(tmp_path, coco(segmentation={"size": [2, 2], "counts": [4]})) == ()
    for annotation, sentence in (
        ({"segmentation": [], "bbox": [1, 1, 4, 4]}, "annotation 5, has no outline, only a box"),
        ({}, "annotation 5, has no outline"),
        ({"segmentation": [[1, 2, 3, 4]]}, "at least 3 pairs"),
        ({"segmentation": [[1, 2, 3, 4, "a", 5]]}, "at least 3 pairs"),
        ({"segmentation": {"size": [2, 2], "counts": [1, 2]}}, "do not fill its 2 x 2"),
        ({"segmentation": {"size": [23, 40], "counts": TEXT[:-3]}}, "do not fill"),
        ({"segmentation": {"size": [23, 40], "counts": "ab c"}}, "damaged"),
        ({"segmentation": {"counts": [1, 2]}}, "without size"),
        ({"segmentation": [square], "image_id": 9}, "of an image 9"),
    ):
        with pytest.raises(RoiError, match=sentence):
            read(tmp_path, coco(**annotation))
    for content in ([], {"images": []}, {"images": 3, "annotations": []}):
        with pytest.raises(RoiError, match="not a COCO file"):
            read(tmp_path, content)
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(RoiError, match="not JSON"):
        read_coco(tmp_path / "x.json")
    with pytest.raises(RoiError, match="does not exist"):
        read_coco(tmp_path / "none.json")
