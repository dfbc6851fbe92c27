"""Volumes to NIfTI, with their place in the patient."""
# SimpleITK has no annotations.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use

from napari_ptx.image.types import Image, ImageError


def write_nifti(image: Image, path: Path) -> None:
    """Write a volume as NIfTI-1, packed where the name ends with ".gz".

    The file is whole or not there: it is written beside its place and then moved.

    Parameters
    ----------
    image
        Axes "zyx", with origin and direction.
    path
        Ends with ".nii" or ".nii.gz".

    Raises
    ------
    ImageError
        If the file cannot be written.
    """
    if image.axes != "zyx" or image.origin is None or image.direction is None:
        raise ValueError("only a volume with a place in the patient can be written")
    suffix = ".nii.gz" if path.name.endswith(".nii.gz") else ".nii"
    if not path.name.endswith(suffix):
        raise ValueError(f"{path} does not end with .nii or .nii.gz")
    made = sitk.GetImageFromArray(image.pixels)
    made.SetSpacing(image.spacing[::-1])
    made.SetOrigin(image.origin)
    made.SetDirection(np.array(image.direction).ravel().tolist())
    part = path.with_name(f".{path.name.removesuffix(suffix)}.part{suffix}")
    try:
        sitk.WriteImage(made, str(part), useCompression=suffix == ".nii.gz")
        part.replace(path)
    except (RuntimeError, OSError) as error:
        part.unlink(missing_ok=True)
        said = str(error).strip().splitlines()[-1][:200]
        raise ImageError(
            f"{path} cannot be written: {said}; check the folder and the space on the disk."
        ) from None
