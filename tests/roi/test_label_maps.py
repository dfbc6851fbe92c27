"""Label maps: where SimpleITK and the header's own text have them, and back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_ptx.image import Image
from napari_ptx.roi import (
    Outline,
    Placement,
    RoiError,
    measure,
    rasterise,
    read_label_map,
    trace,
    write_nifti_labels,
    write_seg_nrrd,
)
from napari_ptx.roi.label_files import load
from napari_ptx.roi.outline_set import OutlineSet
from tests.roi.dicom_make import OBLIQUE, in_mm, volume
from tests.roi.make import box, rings

FRAMES = (3, 11, 14)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("labels")


def oblique() -> Image:
    return volume(FRAMES, spacing=(2.0, 0.5, 0.25), direction=OBLIQUE)


def made(*outlines: Outline, image: Image | None = None) -> OutlineSet:
    frames = image.shape[0] if image is not None and len(image.axes) == 3 else 1
    shape = (11, 14) if image is None else (image.shape[-2], image.shape[-1])
    return OutlineSet("c", "A, round 1", outlines, shape, frames, (0.5, 0.25), "Müller")


def keys(path: Path) -> dict[str, str]:
    """Read the fields of a NRRD header as its specification has them: text lines."""
    head = path.read_bytes().partition(b"\n\n")[0].decode().splitlines()[1:]
    lines = [line for line in head if not line.startswith("#")]
    return dict(line.split(":=" if ":=" in line else ": ", 1) for line in lines)


def test_voxels_lie_in_the_patient_where_the_image_has_them(tmp_path: Path) -> None:
    """One pixel near the left edge of row 7, slice 2, of an oblique volume."""
    image = oblique()
    one = made(box(6.5, 1.5, 7.5, 2.5, frame=2), image=image)
    expected = in_mm(image, [(2, 7, 2)])[0]
    write_nifti_labels(tmp_path / "a.nii.gz", one, Placement.of(image))
    write_seg_nrrd(tmp_path / "a.seg.nrrd", one, Placement.of(image))
    for name in ("a.nii.gz", "a.seg.nrrd"):
        read = sitk.ReadImage(str(tmp_path / name))
        ((z, y, x),) = np.argwhere(sitk.GetArrayFromImage(read)).tolist()
        place = read.TransformIndexToPhysicalPoint((x, y, z))
        np.testing.assert_allclose(place, expected, atol=1e-5)
        np.testing.assert_allclose(read.GetSpacing(), (0.25, 0.5, 2.0), atol=1e-6)
    # NIfTI itself is in RAS: x and y of LPS turned round, by the header's own numbers.
    import gzip
    import struct

    header = gzip.decompress((tmp_path / "a.nii.gz").read_bytes())[:348]
    rows = np.array(struct.unpack_from("<12f", header, 280)).reshape(3, 4)
    ras = rows @ np.array([x, y, z, 1])
    np.testing.assert_allclose(ras, expected * (-1, -1, 1), atol=1e-4)
    head = keys(tmp_path / "a.seg.nrrd")
    assert head["space"] == "left-posterior-superior"
    vectors = np.array([v.strip("()").split(",") for v in head["space directions"].split()], float)
    origin = np.array(head["space origin"].strip("()").split(","), float)
    np.testing.assert_allclose(origin + np.array([x, y, z]) @ vectors, expected, atol=1e-9)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(rings(-1, 12), st.integers(0, 2)), min_size=1, max_size=4),
    st.sampled_from(["nii.gz", "seg.nrrd"]),
)
def test_masks_come_back(folder: Path, drawn: list[tuple[np.ndarray, int]], suffix: str) -> None:
    image = oblique()
    one = made(*(Outline(ring, (), frame) for ring, frame in drawn), image=image)
    path = folder / f"a.{suffix}"
    write = write_nifti_labels if suffix == "nii.gz" else write_seg_nrrd
    write(path, one, Placement.of(image))
    layers = load(path).layers
    union = np.stack([rasterise(one.outlines, one.shape, frame) for frame in range(3)])
    np.testing.assert_array_equal(layers.any(axis=0), union)
    if suffix == "seg.nrrd":
        head = keys(path)
        for number, outline in one.lesions():
            layer = layers[int(head[f"Segment{number - 1}_Layer"])]
            mine = layer == int(head[f"Segment{number - 1}_LabelValue"])
            np.testing.assert_array_equal(mine[outline.frame], one.mask(number))
            assert mine.sum() == one.mask(number).sum()


def test_readers_get_the_same_outlines_back(tmp_path: Path) -> None:
    image = oblique()
    ring = np.zeros((11, 14), bool)
    ring[2:9, 3:12] = True
    ring[4:6, 5:7] = False
    outlines = (*trace(ring, 1), *trace(np.eye(11, 14, dtype=bool)[:, ::-1] & ~ring, 2)[:1])
    one = made(*outlines, image=image)
    for path in (tmp_path / "a.nii.gz", tmp_path / "a.seg.nrrd"):
        write = write_seg_nrrd if path.suffix == ".nrrd" else write_nifti_labels
        write(path, one, Placement.of(image))
        back = read_label_map(path, image)
        assert back == outlines
        assert measure(back, (0.5, 0.25)) == measure(outlines, (0.5, 0.25))


def test_overlap_is_kept_in_layers_and_told_where_there_are_none(tmp_path: Path) -> None:
    image = oblique()
    large, small = box(0.5, 0.5, 8.5, 8.5, frame=1), box(4.5, 4.5, 9.5, 9.5, frame=1)
    one = made(large, small, box(0.5, 0.5, 2.5, 2.5, frame=0), image=image)
    write_seg_nrrd(tmp_path / "a.seg.nrrd", one, Placement.of(image))
    head = keys(tmp_path / "a.seg.nrrd")
    assert (head["kinds"], head["sizes"]) == ("list domain domain domain", "2 14 11 3")
    assert [head[f"Segment{n}_Layer"] for n in range(3)] == ["0", "1", "0"]
    assert (head["Segment1_Name"], head["Segment1_Extent"]) == ("lesion 2", "5 9 5 9 1 1")
    back = read_label_map(tmp_path / "a.seg.nrrd", image)
    assert sorted(measure([outline]).area for outline in back) == [4, 25, 64]
    _, beside = write_nifti_labels(tmp_path / "a.nii.gz", one, Placement.of(image))
    about = json.loads(beside.read_text(encoding="utf-8"))
    assert about["shared_voxels"] == [{"of": [1, 2], "voxels": 16, "given_to": 2}]
    assert [(one["value"], one["name"], one["voxels"]) for one in about["labels"]] == [
        (1, "lesion 1", 48), (2, "lesion 2", 25), (3, "lesion 3", 4),
    ]  # fmt: skip
    assert (about["observer"], about["axes"][-6:]) == ("Müller", "slices")


def test_images_without_a_place_are_one_slice_of_pixels(tmp_path: Path) -> None:
    flat = Image(np.zeros((11, 14), np.uint8), "yx", (1.0, 1.0), False)
    film = Image(np.zeros(FRAMES, np.uint8), "tyx", (1.0, 0.3, 0.2), True)
    for image, spacing in ((flat, (0.25, 0.5, 1.0)), (film, (0.2, 0.3, 1.0))):
        one = made(box(1.5, 2.5, 4.5, 6.5), image=image)
        write_nifti_labels(tmp_path / "a.nii.gz", one, Placement.of(image))
        read = sitk.ReadImage(str(tmp_path / "a.nii.gz"))
        assert read.GetDimension() == 3
        np.testing.assert_allclose(read.GetSpacing(), spacing, atol=1e-6)
        assert measure(read_label_map(tmp_path / "a.nii.gz", image)).area == 12
    bare = replace(made(box(1.5, 2.5, 4.5, 6.5)), spacing=None)
    _, beside = write_nifti_labels(tmp_path / "a.nii.gz", bare, Placement.of(flat))
    assert json.loads(beside.read_text())["calibrated"] is False


def test_maps_of_other_voxels_are_refused(tmp_path: Path) -> None:
    """Above all those whose rows run the other way: left would be right."""
    image = oblique()
    one = made(box(1.5, 2.5, 4.5, 6.5), image=image)
    write_nifti_labels(tmp_path / "a.nii.gz", one, Placement.of(image))
    straight = volume(FRAMES, spacing=(2.0, 0.5, 0.25))
    mirrored = replace(straight, direction=((-1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0)))
    for other, words in (
        (mirrored, "left and right could be exchanged"),
        (straight, "left and right could be exchanged"),
        (replace(image, origin=(0.0, 0.0, 0.0)), "elsewhere in the patient"),
        (replace(image, spacing=(2.0, 0.5, 0.5)), "elsewhere in the patient"),
        (volume((3, 14, 11)), "3 x 11 x 14 voxels, but its image has 3 x 14 x 11"),
    ):
        with pytest.raises(RoiError, match=words):
            read_label_map(tmp_path / "a.nii.gz", other)
    grey = np.arange(3 * 11 * 14).reshape(FRAMES).astype(np.int16) * 3 - 7
    sitk.WriteImage(sitk.GetImageFromArray(grey), str(tmp_path / "grey.nrrd"))
    with pytest.raises(RoiError, match="those of a picture"):
        read_label_map(tmp_path / "grey.nrrd", image)
    (tmp_path / "cut.nii").write_bytes(b"nothing")
    with pytest.raises(RoiError, match=r"cut\.nii cannot be read"):
        read_label_map(tmp_path / "cut.nii", image)
    for name, write in (("a.img", write_nifti_labels), ("a.nii", write_seg_nrrd)):
        with pytest.raises(RoiError, match="must end in"):
            write(tmp_path / name, one, Placement.of(image))
    with pytest.raises(RoiError, match="cannot be written"):
        write_nifti_labels(tmp_path / "none" / "a.nii", one, Placement.of(image))
