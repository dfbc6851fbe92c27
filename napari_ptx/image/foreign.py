"""What all readers of foreign files share: the refusal, the limit on size, and tidy pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ptx.image.types import Image

LARGEST = 4 * 2**30
"""Bytes of pixels that one file may decode to. A cine loop of ten minutes or a
volume of 2,000 slices stays below; a damaged header that asks for terabytes does not."""

DENSEST = 10_000
"""Bytes of pixels for one byte of file. Deflate reaches 1,032 and JPEG 2000 on empty
pictures a few thousand; the rest is a damaged header that would fill the memory."""


class Unreadable(Exception):
    """Why a file is refused and what to do, without the file's name.

    ``decode`` makes an ``ImageError`` of it: "FILE cannot be read: REASON."
    """


def check_size(nbytes: int, path: Path | None) -> None:
    """Refuse pixels that are none, or more than ``LARGEST`` or than the file can hold.

    Parameters
    ----------
    nbytes
        What the pixels take in memory.
    path
        The file that holds them, which need not be the one with the header; ``None`` where
        they lie in several.

    Raises
    ------
    Unreadable
    """
    if nbytes <= 0:
        raise Unreadable("it declares an image without pixels; export it again")
    if nbytes > LARGEST:
        raise Unreadable(
            f"it declares {nbytes / 2**30:,.0f} GiB of pixels, more than the limit of "
            f"{LARGEST / 2**30:.0f} GiB; the file is damaged, or must be split first"
        )
    if path is not None and nbytes > DENSEST * path.stat().st_size:
        raise Unreadable(
            f"it declares {nbytes:,} bytes of pixels, more than {path.stat().st_size:,} bytes of "
            "file can hold; copy it again from where it came"
        )


def tidy(pixels: NDArray[Any]) -> NDArray[Any]:
    """Give contiguous pixels in the byte order of this machine; booleans become 0 and 255."""
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind not in "uif":
        raise Unreadable(f"its pixels are of the type {pixels.dtype}, which is not a picture")
    contiguous: NDArray[Any] = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    return contiguous


def without_gaps(image: Image) -> Image:
    """Give pixels that have no value (NaN, or infinite) the lowest value of the others.

    Programs that resample write NaN outside of what was scanned. One such voxel would leave
    an image without a window and spread over a whole volume that is smoothed.

    Raises
    ------
    Unreadable
        No pixel has a value.
    """
    pixels = image.pixels
    if pixels.dtype.kind != "f" or np.isfinite(pixels.sum()):
        return image
    known = np.isfinite(pixels)
    if known.all():  # only their sum is too large
        return image
    if not known.any():
        raise Unreadable("none of its pixels has a value (all are NaN); export it again")
    lowest = pixels[known].min()
    share = 100 * (1 - known.mean())
    note = (
        f"{share:.2g}% of the pixels have no value (NaN); they are read as {lowest:g}, the "
        "lowest of the others"
    )
    return replace(image, pixels=np.where(known, pixels, lowest), notes=(*image.notes, note))
