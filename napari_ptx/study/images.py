"""The image of a case for somebody who must not know which file it came from."""

from __future__ import annotations

import dataclasses
from contextlib import suppress

from napari_ptx.image.masking import masked
from napari_ptx.image.types import Image, ImageError
from napari_ptx.study import kit_pixels, paths
from napari_ptx.study.store import Store
from napari_ptx.study.tables import ImageRow, PixelsRow
from napari_ptx.study.types import StudyError


def blinded_image(store: Store, image_id: int, code: str, *, mask_text: bool) -> Image:
    """Read an image of the record; what is raised names the case by its code.

    Parameters
    ----------
    mask_text
        Whether what lies outside the ultrasound regions is made black.

    Raises
    ------
    StudyError
        If the image has moved or changed.
    """
    with store.read() as db:
        known = db.get_one(ImageRow, image_id)
        packed = db.get(PixelsRow, image_id)
    image = None
    # The sentence of an ImageError names the file, and would stay with our own error as its
    # context if that were raised in the handler.
    with suppress(ImageError, kit_pixels.DamagedPixels):
        image = _read(store, known, packed)
    if image is None:
        raise StudyError(
            f"The image of case {code} cannot be read: it was moved, removed or damaged. "
            "Ask the coordinator; the other cases can go on."
        )
    # A kit's pixels were compared when they were unpacked; they may be masked ones.
    if packed is None and image.sha256 != known.sha256:
        raise StudyError(
            f"The image of case {code} has changed since the study was made. "
            "Ask the coordinator; the other cases can go on."
        )
    image = dataclasses.replace(image, source=None, notes=())
    return masked(image) if mask_text else image


def _read(store: Store, known: ImageRow, packed: PixelsRow | None) -> Image:
    from napari_ptx.image import read_image

    if packed is not None:
        return kit_pixels.unpack(known, packed)
    return read_image(paths.from_record(known.path, store.path))
