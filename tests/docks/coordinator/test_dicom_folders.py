"""DICOM folders and structure files, opened in the window as a user drops them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari import Viewer

from napari_ptx.docks import readers
from napari_ptx.docks.dicom_layers import holds_dicom
from napari_ptx.errors import PtxError
from napari_ptx.image import Image
from tests.image.make import random_grey
from tests.image.test_series import write_series
from tests.roi.dicom_make import FRAME, contours_of, segmentation, structure_set, volume

pytestmark = pytest.mark.once

LARGE, SMALL = "1.2.3.4", "1.2.3.5"
SHAPE = (5, 6, 7)


def grid() -> Image:
    """Give the grid of the series that ``write_series`` makes."""
    return replace(volume(SHAPE), origin=(-10.0, -20.0, 0.0))


def glands() -> np.ndarray:
    labels = np.zeros(SHAPE, np.int16)
    labels[1:3, 1:3, 5] = 1
    labels[4, 4, 0:2] = 2
    return labels


def drawn(path: Path, series: str = LARGE, frame: str = FRAME) -> Path:
    contours = {f"gland {n}": contours_of(grid(), glands() == n) for n in (1, 2)}
    return structure_set(path, contours, series=series, frame=frame)


@pytest.fixture
def examination(tmp_path: Path) -> Path:
    """Make a folder with a large series, a small one, and something else."""
    folder = tmp_path / "P01"
    pixels = random_grey(SHAPE, np.uint16)
    for number, count, uid in ((4, 3, SMALL), (3, 5, LARGE)):
        write_series(
            folder / str(number), pixels[:count], SeriesNumber=number, SeriesInstanceUID=uid,
            SeriesDescription=f"Neck {number}", FrameOfReferenceUID=FRAME,
        )  # fmt: skip
    (folder / "note.txt").write_text("a note")
    return folder


def test_a_folder_without_dicom_is_left_to_other_readers(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert readers.get_folder_reader(str(tmp_path)) is None
    assert readers.get_folder_reader(str(tmp_path / "a.png")) is None
    assert readers.get_folder_reader(str(tmp_path / "absent")) is None
    assert readers.get_folder_reader([]) is None
    many = tmp_path / "many"
    many.mkdir()
    for number in range(210):
        (many / f"{number:04d}").write_bytes(bytes(200))
    (many / "9999.dcm").write_bytes(bytes(128) + b"DICM" + bytes(40))
    assert not holds_dicom(many)  # it is not searched to its end
    (many / "0000").write_bytes(bytes(128) + b"DICM" + bytes(40))
    assert holds_dicom(many)
    many.rename(tmp_path / "many.zarr")
    assert not holds_dicom(tmp_path / "many.zarr")


def test_a_folder_opens_as_its_largest_series_and_names_the_others(
    viewer: Viewer, examination: Path, told: list[str]
) -> None:
    (layer,) = viewer.open(str(examination), plugin="napari-ptx")
    assert layer.name == "Neck 3"
    assert layer.data.shape == SHAPE
    np.testing.assert_allclose(layer.scale, (1.5, 0.5, 0.75))
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 3
    assert layer.axis_labels == ("z", "y", "x")
    ours = layer.metadata["ptx"]
    assert ours["kind"] == "image"
    assert ours["image"].origin == (-10.0, -20.0, 0.0)
    assert (ours["series"], ours["frame_of_reference"]) == (LARGE, FRAME)
    (said,) = told
    assert "not opened: series 4 (Neck 4) (CT, 3 slices)" in said


def test_structures_of_a_folder_lie_on_their_series(
    viewer: Viewer, examination: Path, told: list[str]
) -> None:
    drawn(examination / "rt.dcm")
    drawn(examination / "other.dcm", series=SMALL)
    image, labels = viewer.open(str(examination), plugin="napari-ptx")
    np.testing.assert_array_equal(labels.data, glands())
    np.testing.assert_allclose(labels.scale, image.scale)
    assert labels.units == image.units
    assert labels.axis_labels == image.axis_labels
    assert labels.name == "glands"
    assert labels.metadata["ptx"]["kind"] == "structures"
    # The cursor on the first gland names it: on the patient's left, at the larger x.
    status = labels.get_status((1.5, 0.5, 5 * 0.75), world=True)["coordinates"]
    assert "gland 1" in status
    labels.data_setitem((np.array([0]), np.array([0]), np.array([0])), 3)  # it can be painted on
    assert any("other.dcm" in said and "another series" in said for said in told)


def test_a_structure_file_needs_the_volume_that_it_was_drawn_on(
    viewer: Viewer, examination: Path, tmp_path: Path
) -> None:
    rt = drawn(tmp_path / "rt.dcm")
    with pytest.raises(PtxError, match="open the folder of its series first"):
        readers._read_images(str(rt))
    viewer.open(str(examination), plugin="napari-ptx")
    viewer.open(str(examination / "4"), plugin="napari-ptx")
    (labels,) = viewer.open(str(rt), plugin="napari-ptx")  # by its series, not the active layer
    np.testing.assert_array_equal(labels.data, glands())
    foreign = drawn(tmp_path / "foreign.dcm", series="9.9", frame="9.8")
    viewer.layers.selection.active = viewer.layers["Neck 3"]
    with pytest.raises(PtxError, match="another frame of reference"):
        readers._read_images(str(foreign))
    unnamed = drawn(tmp_path / "unnamed.dcm", series="9.9")
    viewer.layers.selection.clear()
    with pytest.raises(PtxError, match="may have been drawn on any of Neck 3, Neck 4; select"):
        readers._read_images(str(unnamed))
    viewer.layers.selection.active = viewer.layers["Neck 3"]
    ((pixels, _, kind),) = readers._read_images(str(unnamed))
    assert kind == "labels"
    np.testing.assert_array_equal(pixels, glands())


def test_a_segmentation_file_on_the_only_volume(
    viewer: Viewer, examination: Path, tmp_path: Path
) -> None:
    viewer.open(str(examination / "3"), plugin="napari-ptx")
    frames = [(n, z, glands()[z] == n) for n in (1, 2) for z in range(5)]
    path = segmentation(tmp_path / "seg.dcm", grid(), frames, ("left", "right"), series=LARGE)
    (labels,) = viewer.open(str(path), plugin="napari-ptx")
    np.testing.assert_array_equal(labels.data, glands())
    assert list(labels.features["structure"]) == ["", "left", "right"]


def test_structures_that_overlap_are_layers_one_above_the_other(
    viewer: Viewer, examination: Path, tmp_path: Path, told: list[str]
) -> None:
    """One lies whole within the other, which a single labels layer could not show."""
    viewer.open(str(examination / "3"), plugin="napari-ptx")
    around = np.zeros(SHAPE, bool)
    around[0:4, 0:4, 4:7] = True
    inner, apart = glands() == 1, glands() == 2
    frames = [(n, z, mask[z]) for n, mask in enumerate((around, inner, apart), 1) for z in range(5)]
    names = ("thyroid", "left", "right")
    path = segmentation(tmp_path / "seg.dcm", grid(), frames, names, series=LARGE)
    below, above = viewer.open(str(path), plugin="napari-ptx")
    np.testing.assert_array_equal(below.data, around + 3 * apart)
    np.testing.assert_array_equal(above.data, 2 * inner)
    assert [*below.features["structure"], *above.features["structure"]] == [
        "", "thyroid", "right", "", "left",
    ]  # fmt: skip
    assert (below.name, above.name) == ("glands", "glands 2")
    assert any("in 2 label maps" in said for said in told)
