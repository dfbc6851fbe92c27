"""PNG, JPEG and BMP: pictures without a calibration."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import PIL.Image
import PIL.ImageOps
from numpy.typing import NDArray

from napari_ptx.image.foreign import Unreadable, check_size, tidy
from napari_ptx.image.types import Image

_ORIENTATION = 0x0112


def read_raster(path: Path) -> Image:
    """Read a PNG, JPEG or BMP file.

    - 1-bit pictures become 0 and 255; 2- and 4-bit greys are spread over 0 to
      255; 16-bit pictures stay 16-bit; palettes become RGB.
    - Transparency is left out, and the pixels keep their stored values.
    - A JPEG is turned as its EXIF orientation says, as every viewer does, so that
      readers see it upright. ImageJ does not: outlines that were drawn there on a
      turned picture do not fit. A note says when it happened.
    - Dots per inch are a wish for printing and never taken for a calibration.

    Raises
    ------
    Unreadable
        What Pillow raises for damaged files passes through.
    """
    notes: list[str] = []
    try:
        pixels = _pixels(path, notes)
    except PIL.Image.DecompressionBombError:
        raise Unreadable(
            "it declares more pixels than a PNG, JPEG or BMP may have here; it is damaged, or "
            "must be saved as TIFF"
        ) from None
    if pixels.ndim == 3:
        pixels = without_alpha(pixels, notes)
    return Image(
        tidy(pixels),
        "yx",
        (1.0, 1.0),
        False,
        colour=pixels.ndim == 3,
        source=path,
        notes=tuple(notes),
    )


def _pixels(path: Path, notes: list[str]) -> NDArray[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sizes are checked here, more strictly
        with PIL.Image.open(path, formats=["PNG", "JPEG", "BMP"]) as opened:
            width, height = opened.size
            check_size(height * width, path)
            count = getattr(opened, "n_frames", 1)
            if count > 1:
                notes.append(f"only the first of {count} pictures in the file is read")
            if opened.format == "PNG" and _is_deep_colour(path):
                deep: NDArray[Any] = imagecodecs.png_decode(path.read_bytes())
                return deep
            return _load(opened, notes)


def without_alpha(pixels: NDArray[Any], notes: list[str]) -> NDArray[Any]:
    """Leave out the alpha of (..., samples) and the samples axis of grey pictures."""
    samples = pixels.shape[-1]
    if samples not in (1, 2, 3, 4):
        raise Unreadable(f"it has {samples} samples per pixel; save it as grey or RGB")
    if samples in (2, 4):
        alpha, pixels = pixels[..., -1], pixels[..., :-1]
        opaque = np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else 1
        if (alpha != opaque).any():
            notes.append("its transparency is left out")
    return pixels[..., 0] if samples < 3 else pixels


def _is_deep_colour(path: Path) -> bool:
    """Tell whether a PNG has 16 bits and more than one sample, which Pillow cuts to 8 bits."""
    with path.open("rb") as file:
        head = file.read(26)
    return head[24:26] in (b"\x10\x02", b"\x10\x04", b"\x10\x06")


def _load(opened: PIL.Image.Image, notes: list[str]) -> NDArray[Any]:
    picture: PIL.Image.Image = opened
    if opened.format == "JPEG":
        orientation = opened.getexif().get(_ORIENTATION, 1)
        if orientation in range(2, 9):
            picture = PIL.ImageOps.exif_transpose(opened)
            notes.append(f"turned upright as its EXIF orientation ({orientation}) says")
    if picture.mode == "CMYK":
        notes.append("converted from CMYK, a colour space for print")
        picture = picture.convert("RGB")
    elif picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode in ("P", "PA"):
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    elif picture.mode not in ("L", "LA", "RGB", "RGBA", "I;16", "I"):
        raise Unreadable(f"its pixels are of the kind {picture.mode}; save it as grey or RGB")
    pixels = np.array(picture)
    # A 16-bit grey picture may come as 32-bit.
    return pixels.astype(np.uint16) if picture.mode == "I" else pixels
