"""Label maps of other programs (NIfTI, NRRD, MetaImage) as outlines on their image.

The voxels must be those of the image: a map whose axes run otherwise would put a left lesion
on the right, and is refused.
"""
# SimpleITK has no annotations.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_ptx.image.foreign import Unreadable, check_size
from napari_ptx.image.read import Decoder, refusing, shared_decoder
from napari_ptx.image.types import Image, ImageError
from napari_ptx.roi.label_maps import Placement
from napari_ptx.roi.outline import Outline, RoiError
from napari_ptx.roi.raster import trace

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha")
_MOST = 1000
"""Labels; more are grey values of a picture."""

_OFF = 1e-3
"""How far a direction, or a part of a voxel, may be off: NIfTI keeps seven digits."""


class Labels(NamedTuple):
    """The voxels of a label map and where they lie.

    ``layers`` are ``(layer, z, y, x)``; the rest is as in ``Placement``.
    """

    layers: NDArray[Any]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]


def is_label_file(path: Path) -> bool:
    """Tell whether the name of a file is that of a label map."""
    return path.name.lower().endswith(SUFFIXES)


def read_label_map(
    path: Path | str, image: Image, *, decoder: Decoder | None = None, timeout: float = 60.0
) -> tuple[Outline, ...]:
    """Read the labels of a file as outlines, in the order of their values.

    The layers of a segmentation of 3D Slicer are read all, so that lesions may overlap.

    Parameters
    ----------
    path
        The file. It is read in a child process, as by ``read_image``.
    image
        What it was drawn on; a film's frames are the slices of the map.

    Raises
    ------
    RoiError
        The file cannot be read, holds no labels, or has other voxels than the image.
    """
    place = Path(path).absolute()
    try:
        found: Labels = (decoder or shared_decoder()).run(
            "napari_ptx.roi.label_files:load", place, place, timeout=timeout
        )
    except ImageError as error:
        raise RoiError(error.message, error.details) from None
    _check(found, image, place)
    outlines: list[Outline] = []
    for layer in found.layers:
        for value in np.unique(layer):
            if value:
                for frame in np.flatnonzero((layer == value).any(axis=(1, 2))):
                    outlines += trace(layer[frame] == value, int(frame))
    return tuple(outlines)


def load(path: Path) -> Labels:
    """Read a label map in this process.

    Raises
    ------
    ImageError
    """
    return refusing(path, lambda: _load(path))


def _load(path: Path) -> Labels:
    import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use

    from napari_ptx.image.volume import file_of_pixels

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        size = (*reader.GetSize(), 1)[:3]
        components = int(reader.GetNumberOfComponents())
        check_size(int(np.prod(size)) * components * 8, file_of_pixels(path))
        volume = reader.Execute()
    except RuntimeError:
        raise Unreadable("ITK could not read it; save the label map again") from None
    pixels = sitk.GetArrayFromImage(volume)
    if volume.GetDimension() not in (2, 3):
        raise Unreadable(f"it has {volume.GetDimension()} dimensions; save it with three")
    if volume.GetDimension() == 2:
        pixels = pixels[np.newaxis]
    layers = np.moveaxis(pixels, -1, 0) if components > 1 else pixels[np.newaxis]
    if layers.dtype.kind == "f":
        if not (np.isfinite(layers).all() and (layers == np.rint(layers)).all()):
            raise Unreadable("its values are not whole numbers, as labels are")
        layers = layers.astype(np.int64)
    if layers.min() < 0 or sum(len(np.unique(layer)) for layer in layers) > _MOST:
        raise Unreadable("its values are those of a picture, not labels counted from 1")
    three = volume.GetDimension() == 3
    return Labels(
        layers,
        tuple(volume.GetSpacing()) if three else (*volume.GetSpacing(), 1.0),
        tuple(volume.GetOrigin()) if three else (*volume.GetOrigin(), 0.0),
        tuple(volume.GetDirection()) if three else (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
    )


def _check(found: Labels, image: Image, path: Path) -> None:
    where = Placement.of(image)
    expected = (image.shape[0] if len(image.axes) == 3 else 1, *image.shape[-2:])
    held = found.layers.shape[1:]
    if held != expected:
        raise RoiError(
            f"{path.name} has {_size(held)} voxels, but its image has {_size(expected)}: choose "
            "the label map that belongs to it."
        )
    turned = np.array(found.direction).reshape(3, 3) - np.array(where.direction)
    if np.abs(turned).max() > _OFF:
        raise RoiError(
            f"The axes of {path.name} run otherwise than those of its image, so that left and "
            "right could be exchanged: save it again on the image itself."
        )
    if not where.placed:
        return
    steps = np.array(where.spacing[::-1])
    apart = np.abs(np.array(found.origin) - np.array(where.origin)).max()
    if (
        apart > _OFF * steps.min() + 1e-3
        or np.abs(np.array(found.spacing) / steps - 1).max() > _OFF
    ):
        raise RoiError(
            f"{path.name} lies elsewhere in the patient than its image, or has other voxels: "
            "save it again on the image itself."
        )


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
