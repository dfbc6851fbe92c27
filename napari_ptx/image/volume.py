"""NIfTI, NRRD and MetaImage through ITK."""
# SimpleITK has no annotations.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import contextlib
import gzip
import hashlib
import math
import re
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use
from numpy.typing import NDArray

from napari_ptx.image.foreign import Unreadable, check_size, tidy
from napari_ptx.image.types import Image

_SUFFIXES = {
    "NiftiImageIO": (".nii", ".nii.gz", ".hdr", ".img", ".img.gz"),
    "NrrdImageIO": (".nrrd", ".nhdr"),
    "MetaImageIO": (".mha", ".mhd"),
}

_REAL = {16: "f4", 64: "f8"}
"""NIfTI-1's codes of the real types."""

_CHUNK = 2**20

_POINTER = re.compile(rb"^(?:ElementDataFile *=|data ?file:) *([^\r\n]+)", re.M | re.I)
"""Where MetaImage and NRRD name the file of the pixels."""


def read_volume(path: Path, reader_name: str) -> Image:
    """Read a NIfTI, NRRD or MetaImage file with ITK.

    Origin and direction are in the DICOM patient frame (LPS), to which ITK turns
    NIfTI's and NRRD's. Values are rescaled as the file says.

    Parameters
    ----------
    path
        The file.
    reader_name
        "NiftiImageIO", "NrrdImageIO" or "MetaImageIO".

    Raises
    ------
    Unreadable
    """
    suffixes = _SUFFIXES[reader_name]
    if not path.name.lower().endswith(suffixes):
        raise Unreadable(
            f"its content is that of a {suffixes[0]} file, which must be named so; rename it"
        )
    reader = sitk.ImageFileReader()
    reader.SetImageIO(reader_name)
    reader.SetFileName(str(path))
    holder = file_of_pixels(path)
    try:
        reader.ReadImageInformation()
        size, components = reader.GetSize(), reader.GetNumberOfComponents()
        nbytes = math.prod(size) * components * _bytes_per_value(reader.GetPixelIDValue())
        check_size(nbytes, holder)
        gaps = _check_nifti(path) if reader_name == "NiftiImageIO" else None
        volume = reader.Execute()
    except RuntimeError as error:
        said = str(error).strip().splitlines()[-1]
        # MetaImage's reason is the last error of the system, whatever that was.
        said = "" if said.startswith("Reason:") else f" ({said[:200]})"
        raise Unreadable(
            f"ITK could not read it{said}; it is probably cut off or damaged: copy it again from "
            "where it came"
        ) from None
    return _image(volume, _states_spacing(path, reader_name), path, gaps)


def _bytes_per_value(pixel_id: int) -> int:
    kind = sitk.GetPixelIDValueAsString(pixel_id)
    bits = next((bits for bits in (8, 16, 32, 64) if str(bits) in kind), 64)
    return bits // 8


def _image(
    volume: sitk.Image, calibrated: bool, path: Path, gaps: NDArray[np.intp] | None
) -> Image:
    pixels: NDArray[Any] = sitk.GetArrayFromImage(volume)
    if gaps is not None and gaps.size:
        pixels.ravel()[gaps] = np.nan
    components = volume.GetNumberOfComponentsPerPixel()
    dimensions = volume.GetDimension()
    if components not in (1, 3):
        raise Unreadable(f"it has {components} values per pixel; save one component of it")
    if components == 3 and pixels.dtype != np.uint8:
        raise Unreadable("it has vectors, not colours, in each pixel; save one component of it")
    if dimensions == 4:
        if volume.GetSize()[3] > 1:
            raise Unreadable("it has four dimensions; save one time point or channel of it")
        volume, pixels, dimensions = volume[..., 0], pixels[0], 3
    spacing = tuple(reversed(volume.GetSpacing())) if calibrated else (1.0,) * dimensions
    matrix = np.array(volume.GetDirection()).reshape(dimensions, dimensions)
    origin = volume.GetOrigin()
    notes = () if calibrated else ("the file states no spacing",)
    return Image(
        tidy(pixels),
        "zyx" if dimensions == 3 else "yx",
        tuple(float(step) for step in spacing),
        calibrated,
        colour=components == 3,
        origin=(origin[0], origin[1], origin[2]) if dimensions == 3 else None,
        direction=tuple(tuple(row) for row in matrix.tolist()) if dimensions == 3 else None,
        source=path,
        notes=notes,
    )


def _states_spacing(path: Path, reader_name: str) -> bool:
    """Tell whether the file states a spacing; ITK says 1 where it does not."""
    if reader_name == "NiftiImageIO":
        return True
    head = _head(path)
    if reader_name == "NrrdImageIO":
        head = head.partition(b"\n\n")[0].lower()
        return b"\nspacings:" in head or b"\nspace directions:" in head
    return b"ElementSpacing" in head or b"ElementSize" in head


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2**16)


def file_of_pixels(path: Path) -> Path | None:
    """Give the file with the pixels of a NIfTI, NRRD or MetaImage file, often another one.

    ``None`` where they lie in several, a slice in each.

    Raises
    ------
    Unreadable
        The other file is not there.
    """
    if path.name.lower().endswith((".hdr", ".img", ".img.gz")):
        return _pair(path)[1]
    found = _POINTER.search(_head(path).partition(b"\n\n")[0])
    name = found[1].decode(errors="replace").strip() if found else "LOCAL"
    if name.upper() == "LOCAL":
        return path
    if name.upper().startswith("LIST") or "%" in name:
        return None
    if not (path.parent / name).is_file():
        raise Unreadable(f"its pixels are in {name}, which is not there; put both into one folder")
    return path.parent / name


def volume_sha256(path: Path) -> str:
    """Give the SHA-256 of a volume's file and, where its pixels lie in another, of that as well.

    Of slices in files of their own, and where the other file is missing, the header stands
    for all. A file of another format has the SHA-256 of itself.

    Raises
    ------
    OSError
        A file cannot be read.
    """
    holder: Path | None = path
    if path.name.lower().endswith((".mhd", ".nhdr", ".hdr")):
        with contextlib.suppress(Unreadable):
            holder = file_of_pixels(path)
    digest = hashlib.sha256()
    for one in dict.fromkeys((path, holder or path)):
        with one.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _check_nifti(path: Path) -> NDArray[np.intp]:
    """Refuse a NIfTI file with fewer pixels than it declares: ITK reads zeros for them.

    Returns
    -------
    ndarray
        The places, in the file's order, of pixels that are NaN or infinite: ITK reads zeros
        for these, too, which in a CT is water.
    """
    if path.name.lower().endswith((".hdr", ".img", ".img.gz")):
        head, body = _pair(path)
    else:
        head = body = path
    with _open(head) as file:
        header = file.read(348)
    extent = _nifti_extent(header)
    held = 0
    gaps = [np.empty(0, np.intp)]
    try:
        with _open(body) as file:
            file.read(extent.start if head == body else 0)
            while chunk := file.read(_CHUNK):
                if extent.real is not None:
                    size = extent.real.itemsize
                    count = min(len(chunk), max(0, extent.nbytes - held)) // size
                    values = np.frombuffer(chunk, extent.real, count)
                    gaps.append(np.flatnonzero(~np.isfinite(values)) + held // size)
                held += len(chunk)
    except (EOFError, gzip.BadGzipFile, OSError):
        raise Unreadable("its compressed data are cut off or damaged; copy it again") from None
    if held < extent.nbytes:
        raise Unreadable(
            f"its pixel data are cut off ({held:,} of {extent.nbytes:,} bytes); copy it again "
            "from where it came"
        )
    return np.concatenate(gaps)


def _open(path: Path) -> Any:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if packed else path.open("rb")


def _pair(path: Path) -> tuple[Path, Path]:
    stem = path.name.lower().removesuffix(".gz")[:-4]
    base = path.with_name(path.name[: len(stem)])
    bodies = [Path(f"{base}{suffix}") for suffix in (".img", ".img.gz", ".IMG")]
    body = next((body for body in bodies if body.is_file()), None)
    head = Path(f"{base}.hdr")
    if body is None or not head.is_file():
        raise Unreadable("it is one half of a .hdr and .img pair; put both into one folder")
    return head, body


class _Extent(NamedTuple):
    """Where the pixels start, how many bytes they take, and their type if it is real."""

    start: int
    nbytes: int
    real: np.dtype[Any] | None


def _nifti_extent(header: bytes) -> _Extent:
    """Read what a NIfTI-1 header says of the pixels."""
    for order in "<>":
        if struct.unpack_from(order + "i", header) != (348,):
            continue
        lengths = struct.unpack_from(order + "8h", header, 40)
        code, bits = struct.unpack_from(order + "2h", header, 70)
        (start,) = struct.unpack_from(order + "f", header, 108)
        sizes = lengths[1 : lengths[0] + 1]
        if 1 <= lengths[0] <= 7 and min(sizes) >= 1 and math.isfinite(start) and bits >= 1:
            real = np.dtype(order + _REAL[code]) if code in _REAL else None
            return _Extent(max(int(start), 0), math.prod(sizes) * bits // 8, real)
    raise Unreadable("its NIfTI header is damaged; copy it again from where it came")
