"""Burned-in text: what lies outside the ultrasound regions, made black."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_ptx.image.types import Image, Region


def inside(regions: Sequence[Region], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Tell for each pixel of a picture ``(y, x)`` whether it lies in one of the regions."""
    kept = np.zeros(shape, dtype=bool)
    for region in regions:
        kept[region.top : region.bottom, region.left : region.right] = True
    return kept


def masked(image: Image) -> Image:
    """Give the image with everything outside its ultrasound regions black, in every frame.

    Black is 0, or the darkest value of an image that has negative ones. An image
    without regions comes back as it is: nobody can say where its text ends.
    """
    if not image.regions:
        return image
    kept = inside(image.regions, image.shape[-2:])
    if kept.all():
        return image
    pixels = image.pixels.copy()
    black = min(pixels.min(), pixels.dtype.type(0))
    # The in-plane axes come last, but for colour.
    if image.colour:
        pixels[..., ~kept, :] = black
    else:
        pixels[..., ~kept] = black
    return dataclasses.replace(image, pixels=pixels)
