"""The image of a case for somebody who must not know which file it came from."""

from __future__ import annotations

import dataclasses
from contextlib import suppress

from napari_ptx.image.types import Image, ImageError
from napari_ptx.study import paths
from napari_ptx.study.store import Store
from napari_ptx.study.tables import ImageRow
from napari_ptx.study.types import StudyError


def blinded_image(store: Store, image_id: int, code: str) -> Image:
    """Read an image of the record; what is raised names the case by its code.

    Raises
    ------
    StudyError
        If the image has moved or changed.
    """
    from napari_ptx.image import read_image

    with store.read() as db:
        known = db.get_one(ImageRow, image_id)
    image = None
    # The sentence of an ImageError names the file, and would stay with our own error as its
    # context if that were raised in the handler.
    with suppress(ImageError):
        image = read_image(paths.from_record(known.path, store.path))
    if image is None:
        raise StudyError(
            f"The image of case {code} cannot be read: it was moved, removed or damaged. "
            "Ask the coordinator; the other cases can go on."
        )
    if image.sha256 != known.sha256:
        raise StudyError(
            f"The image of case {code} has changed since the study was made. "
            "Ask the coordinator; the other cases can go on."
        )
    return dataclasses.replace(image, source=None, notes=())
