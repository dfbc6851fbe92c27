"""The labels of a cohort's volume: the one function that reads them, whatever file they are in."""

from __future__ import annotations

from pathlib import Path

from napari_ptx.image import Image, ImageError, read_image
from napari_ptx.image.foreign import Unreadable
from napari_ptx.image.read import format_of
from napari_ptx.roi import object_of, read_instances


def read_labels(path: Path, image: Path, *, timeout: float = 600.0) -> Image:
    """Read labels, from a volume (NIfTI, NRRD, MetaImage) or from an RTSTRUCT or SEG file.

    Parameters
    ----------
    path
        The file of the labels.
    image
        The volume that they belong to, onto whose grid structures of a DICOM file are brought:
        1 for the first structure, 2 for the second, ... It is not opened for other labels.
    timeout
        Seconds before reading is stopped.

    Raises
    ------
    ImageError
        A file cannot be read, or the structures do not fit the volume.
    """
    if not _is_dicom(path) or object_of(path, timeout=timeout) is None:
        return read_image(path, timeout=timeout)
    on = read_image(image, timeout=timeout)
    if on.axes != "zyx" or on.origin is None or on.direction is None:
        raise ImageError(
            f"{path} needs the volume that it was drawn on, but {image} has no place in the "
            "patient; give it as NIfTI, NRRD or MetaImage."
        )
    return read_instances(path, on, timeout=timeout).image


def _is_dicom(path: Path) -> bool:
    try:
        return format_of(path) == "dicom"
    except (Unreadable, OSError):
        return False  # ``read_image`` says what is wrong
