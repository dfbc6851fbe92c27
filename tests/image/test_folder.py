from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from napari_ptx.errors import PtxError
from napari_ptx.image import read_cohort
from napari_ptx.image.folder import as_cohort, find_images, write_cohort


def write_image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray(np.zeros((4, 5), np.uint8)).save(path)
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Give a folder with two patients: one of two images, one of one."""
    folder = tmp_path / "images"
    for name in ("anna/left.png", "anna/right.png", "berta/left.png"):
        write_image(folder / name)
    return folder


def test_files_of_one_name_get_names_of_their_own(tmp_path: Path) -> None:
    for name in ("a/scan.png", "b/scan.png", "b/other.png"):
        write_image(tmp_path / name)
    found = find_images(tmp_path)
    assert [image.case for image in found] == ["a-scan.png", "other", "b-scan.png"]
    assert [image.patient for image in found] == ["a", "b", "b"]


def test_hidden_files_and_others_are_no_images(tmp_path: Path) -> None:
    write_image(tmp_path / "scan.png")
    for name in ("._scan.png", ".cache/thumb.png", "table.csv", "scan.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "volume.nii.gz").write_bytes(b"x")
    assert [image.case for image in find_images(tmp_path)] == ["scan", "volume"]


def test_a_cohort_table_is_found_again_from_anywhere(images: Path, tmp_path: Path) -> None:
    table = tmp_path / "elsewhere" / "cohort.csv"
    table.parent.mkdir()
    assert as_cohort(images, table) == table
    assert as_cohort(table, images / "unused.csv") == table
    cohort = read_cohort(table)
    assert sorted(Path(path).resolve() for path in cohort.table["image"]) == sorted(
        images.rglob("*.png")
    )
    assert list(table.parent.iterdir()) == [table]


def test_the_same_table_is_written_again_and_another_is_left_alone(
    images: Path, tmp_path: Path
) -> None:
    table = write_cohort(tmp_path / "cohort.csv", find_images(images))
    before = table.read_bytes()
    as_cohort(images, table)
    assert table.read_bytes() == before
    write_image(images / "carla" / "left.png")
    second = tmp_path / "cohort-2.csv"
    assert as_cohort(images, table) == as_cohort(images, table) == second
    assert table.read_bytes() == before
    assert len(read_cohort(second).table) == 4
    assert set(tmp_path.iterdir()) == {images, table, second}


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PtxError, match="no images"):
        find_images(tmp_path)
