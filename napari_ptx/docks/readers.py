"""What napari opens through us: medical images with their geometry, and studies.

PNG, JPEG and TIFF stay napari's own. Whatever is not ours gets ``None`` at once,
without a look into the file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info

if TYPE_CHECKING:
    LayerData = tuple[Any, dict[str, Any], str]
    Reader = Callable[[str | list[str]], list[LayerData] | list[tuple[None]]]

IMAGE_SUFFIXES = (".dcm", ".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")
STUDY_SUFFIX = ".ptx"


def get_image_reader(path: str | list[str]) -> Reader | None:
    """Give the reader of DICOM, NIfTI, NRRD and MetaImage files, or ``None``."""
    return _read_images if _all_end_with(path, IMAGE_SUFFIXES) else None


def get_study_reader(path: str | list[str]) -> Reader | None:
    """Give what opens a study file in the Study dock, or ``None``."""
    return _open_study if _all_end_with(path, (STUDY_SUFFIX,)) else None


def _all_end_with(path: str | list[str], suffixes: tuple[str, ...]) -> bool:
    paths = [path] if isinstance(path, str) else path
    return bool(paths) and all(str(one).lower().endswith(suffixes) for one in paths)


def _read_images(path: str | list[str]) -> list[LayerData]:
    from napari_ptx.docks.layers import image_options
    from napari_ptx.image import read_image

    read = []
    for place in [path] if isinstance(path, str) else path:
        image = read_image(place)
        for note in image.notes:
            show_info(f"{Path(place).name}: {note}")
        read.append((image.pixels, image_options(image, Path(place).stem), "image"))
    return read


def _open_study(path: str | list[str]) -> list[tuple[None]]:
    from napari import current_viewer

    from napari_ptx.docks.hub import Hub

    viewer = current_viewer()
    if viewer is not None:
        hub = Hub.of(viewer)
        hub.show("Study")
        hub.open_study(path if isinstance(path, str) else path[0])
    return [(None,)]
