"""Writes an ``Image`` as NIfTI: whole or not at all."""
# SimpleITK has no annotations.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import os
from pathlib import Path

import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use

from napari_ptx.image.itk import to_itk
from napari_ptx.image.types import Image, ImageError


def write_nifti(image: Image, path: str | os.PathLike[str], *, note: str = "") -> None:
    """Write a volume, with its geometry, as compressed NIfTI.

    Parameters
    ----------
    image
        ``(z, y, x)`` without colour. An image without a patient frame gets the origin 0 and
        the axes of LPS.
    path
        Ends in ".nii.gz" or ".nii". A file that is there is replaced once the new one is
        complete.
    note
        Goes into the header's field ``descrip`` (at most 79 characters).

    Raises
    ------
    ImageError
        Where the image is no volume, or the file cannot be written.

    References
    ----------
    NIfTI-1 is in RAS; ITK turns LPS to it.
    """
    place = Path(path)
    if image.axes != "zyx" or image.colour:
        raise ImageError(
            f"{place} cannot be written: NIfTI needs a volume (z, y, x) without colour."
        )
    suffix = next((s for s in (".nii.gz", ".nii") if place.name.lower().endswith(s)), None)
    if suffix is None:
        raise ImageError(f"{place} cannot be written: name it .nii.gz or .nii.")
    volume = to_itk(image)
    if note:
        volume.SetMetaData("ITK_FileNotes", note[:79])
    draft = place.with_name(f".{place.name[: -len(suffix)]}.{os.getpid()}.new{suffix}")
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("NiftiImageIO")
    writer.SetFileName(str(draft))
    writer.SetUseCompression(suffix == ".nii.gz")
    writer.SetCompressionLevel(1)  # noise does not get smaller by trying harder
    try:
        writer.Execute(volume)
        draft.replace(place)
    except (RuntimeError, OSError) as error:
        said = str(error).strip().splitlines()[-1][:200]
        raise ImageError(f"{place} cannot be written ({said}); choose another folder.") from None
    finally:
        draft.unlink(missing_ok=True)
