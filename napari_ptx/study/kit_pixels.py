"""An image as it travels in a reader's kit: its array, compressed without loss.

What the study knows of an image anyway (axes, spacing, regions, modality) stays in the
row of the image; ``about`` has the rest.
"""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

import numpy as np

from napari_ptx.image.types import Image, Region
from napari_ptx.study import chain
from napari_ptx.study.tables import ImageRow, PixelsRow

_LEVEL = 6
_KINDS = "buif"
"""Kinds of numpy types that an image can have; an object is never unpacked."""


class DamagedPixels(Exception):
    """What is packed is not the image that it should be."""


def pack(image: Image, image_id: int) -> PixelsRow:
    """Pack the pixels of an image, and what its row does not say of it.

    ``sha256`` is of the pixels as packed: those of the study, or the masked ones.
    """
    pixels = np.ascontiguousarray(image.pixels)
    pixels = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    about = {
        "dtype": pixels.dtype.str,
        "shape": list(pixels.shape),
        "origin": image.origin,
        "direction": image.direction,
        "window": image.window,
        "sha256": image.sha256,
    }
    data = zlib.compress(pixels.tobytes(), _LEVEL)
    return PixelsRow(image_id=image_id, about=chain.canonical(about), data=data)


def unpack(known: ImageRow, packed: PixelsRow) -> Image:
    """Rebuild an image from its row and its packed pixels.

    Raises
    ------
    DamagedPixels
        If they are not the pixels that were packed.
    """
    try:
        about = json.loads(packed.about)
        image = _image(known, about, _array(about, packed.data))
    except (KeyError, TypeError, ValueError, zlib.error):
        raise DamagedPixels from None
    if image.sha256 != about["sha256"]:
        raise DamagedPixels
    return image


def _array(about: dict[str, Any], data: bytes) -> np.ndarray[Any, Any]:
    dtype, shape = np.dtype(about["dtype"]), tuple(int(length) for length in about["shape"])
    if dtype.kind not in _KINDS or min(shape, default=0) < 1:
        raise DamagedPixels
    size = math.prod(shape) * dtype.itemsize
    # Never more than the image needs: a small file could be made to fill the memory.
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(data, size)
    if len(raw) != size or not _ends(unpacker):
        raise DamagedPixels
    return np.frombuffer(raw, dtype).reshape(shape)


def _ends(unpacker: Any) -> bool:
    """Tell whether the compressed data end here, with their checksum and nothing behind."""
    more = unpacker.decompress(unpacker.unconsumed_tail, 1)
    return not more and bool(unpacker.eof) and not unpacker.unused_data


def _image(known: ImageRow, about: dict[str, Any], pixels: np.ndarray[Any, Any]) -> Image:
    def tuples(value: Any) -> Any:
        return tuple(map(tuples, value)) if isinstance(value, list) else value

    return Image(
        pixels,
        known.axes,
        tuple(json.loads(known.spacing)),
        known.calibrated,
        modality=known.modality,
        colour=known.colour,
        origin=tuples(about["origin"]),
        direction=tuples(about["direction"]),
        regions=regions(known.regions),
        window=tuples(about["window"]),
    )


def regions(text: str) -> tuple[Region, ...]:
    """Read the ultrasound regions of an image's row."""
    return tuple(
        Region(**{**region, "spacing": tuple(region["spacing"])}) for region in json.loads(text)
    )
