"""Every file of ``dicom_seg_rt``: what it is read as, or the reason why it is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use

from napari_ptx.image import Decoder, Image, ImageError, find_series, read_series
from napari_ptx.roi import RoiError, masks_of, rasterise, read_instances, read_layers, read_seg

pytestmark = pytest.mark.data

NO_PLACE = "does not state where it lies in the patient"
# On the series of its own folder: how many voxels each structure has, or the reason.
ON_SERIES: dict[str, tuple[str, list[int] | str]] = {
    "dcmqi/liver.dcm": ("dcmqi/ct-3slice", [107098]),
    "dcmqi/partial_overlaps.dcm": ("dcmqi/ct-3slice", [9602, 8849, 10648, 6693, 4713]),
    "dcmqi/sparse-labelmap-noppv.dcm": ("dcmqi/24x38x3/image", [630]),
    "dcmqi/sparse-labelmap-ppv5.dcm": ("dcmqi/24x38x3/image", [630]),
    "dicompyler/rtss.dcm": ("dicompyler", "above or below all slices"),
    "dicompyler/rtplan.dcm": ("dicompyler", "of the kind RTPLAN"),
    "rt-utils/empty/dummy_rt.dcm": ("rt-utils/mock_data", [4976, 3697, 4519, 6954]),
    "rt-utils/mock_data/invalid_reference_rt.dcm": (
        "rt-utils/mock_data", [4976, 3697, 4519, 6954],
    ),
    "rt-utils/mock_data/non_existent_reference_rt.dcm": (
        "rt-utils/mock_data", [4976, 3697, 4519, 6954],
    ),
    "rt-utils/mock_data/rt.dcm": ("rt-utils/mock_data", [1443]),
    "highdicom/sr_document.dcm": ("highdicom", "of the kind SR"),
    "highdicom/sr_document_with_multiple_groups.dcm": ("highdicom", "of the kind SR"),
    "highdicom/seg_image_cr_binary.dcm": ("highdicom", NO_PLACE),
    **{
        f"highdicom/seg_image_sm_{name}.dcm": ("highdicom", NO_PLACE)
        for name in ("control", "control_labelmap", "control_labelmap_palette_color", "dots",
                     "dots_tiled_full", "numbers")
    },
}  # fmt: skip
# On voxels of their own, since their series is not there: as highdicom reads them.
ON_THEIR_OWN = (
    "highdicom/seg_image_ct_binary.dcm",
    "highdicom/seg_image_ct_binary_overlap.dcm",
    "highdicom/seg_image_ct_binary_single_frame.dcm",
    "highdicom/seg_image_ct_binary_fractional.dcm",
    "highdicom/seg_image_ct_true_fractional.dcm",
)
IMAGES = ("CT", "MR")


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as running:
        yield running


@pytest.fixture(scope="module")
def root(data_dir: Path) -> Path:
    return data_dir / "dicom_seg_rt"


@pytest.fixture(scope="module")
def volumes(root: Path, decoder: Decoder) -> dict[str, Image]:
    found = {}
    for folder in {folder for folder, _ in ON_SERIES.values()}:
        (series,) = find_series(root / folder, decoder=decoder)
        found[folder] = read_series(series, decoder=decoder)
    return found


def test_no_file_is_left_out_of_these_lists(root: Path) -> None:
    there = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.dcm")
        if pydicom.dcmread(path, stop_before_pixels=True).Modality not in IMAGES
    }
    assert there == {*ON_SERIES, *ON_THEIR_OWN}


def test_files_are_read_on_their_series_or_refused_with_the_reason(
    root: Path, volumes: dict[str, Image], decoder: Decoder
) -> None:
    for name, (folder, expected) in ON_SERIES.items():
        if isinstance(expected, str):
            with pytest.raises(ImageError, match=expected):
                read_instances(root / name, volumes[folder], decoder=decoder)
        else:
            found = read_instances(root / name, volumes[folder], decoder=decoder)
            assert [one.voxels for one in found.structures] == expected, name


def test_overlapping_segments_survive(
    root: Path, volumes: dict[str, Image], decoder: Decoder
) -> None:
    """Against dcmqi's own conversion, which needs three label maps to hold them."""
    path = root / "dcmqi" / "partial_overlaps.dcm"
    masks = masks_of(read_layers(path, volumes["dcmqi/ct-3slice"], decoder=decoder))
    theirs = []
    for number in (1, 2, 3):
        labels = sitk.GetArrayFromImage(
            sitk.ReadImage(str(path.with_name(f"partial_overlaps-{number}.nrrd")))
        )
        theirs += [labels == value for value in np.unique(labels) if value]
    assert len(masks) == len(theirs) == 5
    for name, mask in masks.items():
        assert any(np.array_equal(mask, other) for other in theirs), name
    assert (masks["ORANGE"] & masks["GREEN"]).sum() == 3017


def test_segmentations_without_their_series_are_what_highdicom_reads(
    root: Path, decoder: Decoder
) -> None:
    overlapping = 0
    for name in ON_THEIR_OWN:
        theirs = highdicom.seg.segread(root / name)
        kind = theirs.SegmentationType
        held = theirs.get_volume(
            combine_segments=False, rescale_fractional=False, allow_missing_positions=True
        )
        geometry = held.get_geometry()
        columns = np.array(geometry.direction)[:, [2, 1, 0]]
        image = Image(
            np.zeros(held.spatial_shape, np.uint8), "zyx", tuple(geometry.spacing), True, "CT",
            origin=tuple(geometry.position), direction=tuple(map(tuple, columns.tolist())),
        )  # fmt: skip
        masks = masks_of(read_layers(root / name, image, decoder=decoder))
        assert len(masks) == held.array.shape[-1]
        most = theirs.get("MaximumFractionalValue", 1)
        for place, mask in enumerate(masks.values()):
            values = held.array[..., place]
            expected = values > 0 if kind == "BINARY" else 2.0 * values >= most
            np.testing.assert_array_equal(mask, expected, err_msg=name)
        overlapping += int(sum(mask.astype(int) for mask in masks.values()).max() > 1)
    assert overlapping == 1


def test_a_seg_of_one_image_gives_outlines_and_others_say_why_not(
    root: Path, decoder: Decoder
) -> None:
    radiograph = root / "highdicom" / "seg_image_cr_binary.dcm"
    outlines = read_seg(radiograph, decoder=decoder)
    pixels = highdicom.seg.segread(radiograph).pixel_array > 0
    np.testing.assert_array_equal(rasterise(outlines, pixels.shape), pixels)
    for name, words in (
        ("dcmqi/liver.dcm", "of a series of 3 images"),
        ("highdicom/sr_document.dcm", "of the kind SR"),
        ("dicompyler/rtss.dcm", "of the kind RTSTRUCT"),
    ):
        with pytest.raises(RoiError, match=words):
            read_seg(root / name, decoder=decoder)
