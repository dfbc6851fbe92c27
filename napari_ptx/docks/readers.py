"""What napari opens through us: medical images with their geometry, and studies.

PNG, JPEG and TIFF stay napari's own. Whatever is not ours gets ``None`` at once,
without a look into the file; of a folder the first files are looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_info

from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari_ptx.image import Image

    LayerData = tuple[Any, dict[str, Any], str]
    Reader = Callable[[str | list[str]], list[LayerData] | list[tuple[None]]]

IMAGE_SUFFIXES = (".dcm", ".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
STUDY_SUFFIXES = (".ptx", ".ptxkit")

_MOST_LABELS = 150
"""Whole-body label maps have some 120 structures."""

_HIGHEST_LABEL = 65_535
"""Numbers beyond it would need a long table to be counted in."""


def get_image_reader(path: str | list[str]) -> Reader | None:
    """Give the reader of DICOM, NIfTI, NRRD and MetaImage files, or ``None``."""
    return _read_images if _all_end_with(path, IMAGE_SUFFIXES) else None


def get_folder_reader(path: str | list[str]) -> Reader | None:
    """Give the reader of a folder with DICOM files, or ``None``.

    Its first files are looked into: a folder has no other mark.
    """
    from napari_ptx.docks.dicom_layers import holds_dicom

    paths = [path] if isinstance(path, str) else path
    if paths and all(Path(one).is_dir() and holds_dicom(Path(one)) for one in paths):
        return _read_folders
    return None


def get_study_reader(path: str | list[str]) -> Reader | None:
    """Give what opens a study, or a reader's kit with its session, or ``None``."""
    return _open_study if _all_end_with(path, STUDY_SUFFIXES) else None


def _all_end_with(path: str | list[str], suffixes: tuple[str, ...]) -> bool:
    paths = [path] if isinstance(path, str) else path
    return bool(paths) and all(str(one).lower().endswith(suffixes) for one in paths)


def _read_images(path: str | list[str]) -> list[LayerData]:
    from napari import current_viewer

    from napari_ptx.docks.dicom_layers import read_structures
    from napari_ptx.docks.layers import image_options, label_options
    from napari_ptx.image import read_image
    from napari_ptx.image.orient import to_lps
    from napari_ptx.roi import object_of

    _refuse_blinded()
    read: list[LayerData] = []
    for place in [path] if isinstance(path, str) else path:
        header = object_of(place) if _all_end_with(place, (".dcm",)) else None
        if header is not None:
            read += read_structures(header, current_viewer())
            continue
        image = read_image(place)
        for note in image.notes:
            show_info(f"{Path(place).name}: {note}")
        if image.axes == "zyx" and None not in (image.origin, image.direction):
            image = to_lps(image)  # axial, nose up, the patient's left on the right
        name = Path(place).name.removesuffix(".gz").rpartition(".")[0]
        if holds_labels(image):
            read.append((image.pixels, label_options(image, name), "labels"))
        else:
            read.append((image.pixels, image_options(image, name), "image"))
    return read


def holds_labels(image: Image) -> bool:
    """Tell a label map from an image, which no field of NIfTI, NRRD or MetaImage does reliably.

    A label map is a volume of whole numbers from 0 on, most voxels 0, with at most
    ``_MOST_LABELS`` different ones. CT has air below 0, and a scan has more grey values.
    """
    pixels = image.pixels
    if image.axes != "zyx" or image.colour or pixels.dtype.kind not in "ui" or not pixels.size:
        return False
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or not 0 < high <= _HIGHEST_LABEL:
        return False
    counts = np.bincount(pixels.ravel("K"), minlength=2)
    return bool(counts[0] > pixels.size / 2) and np.count_nonzero(counts) <= _MOST_LABELS


def _read_folders(path: str | list[str]) -> list[LayerData]:
    from napari_ptx.docks.dicom_layers import read_folder

    _refuse_blinded()
    paths = [path] if isinstance(path, str) else path
    return [layer for one in paths for layer in read_folder(Path(one))]


def _refuse_blinded() -> None:
    """Raise while a reader is at work: what is opened could unblind."""
    from napari import current_viewer

    from napari_ptx.docks.hub import STAYS_CLOSED, Hub

    viewer = current_viewer()
    if viewer is not None and Hub.of(viewer).blinded:
        raise PtxError(STAYS_CLOSED)


def _open_study(path: str | list[str]) -> list[tuple[None]]:
    from napari import current_viewer

    from napari_ptx.docks.hub import Hub

    viewer = current_viewer()
    if viewer is not None:
        hub = Hub.of(viewer)
        if not hub.blinded:
            hub.show("Study")
        hub.open_study(path if isinstance(path, str) else path[0])
    return [(None,)]
