"""Whether a CT volume is in Hounsfield units, which no file format but DICOM states."""

from __future__ import annotations

from napari_ptx.image.types import Image, ImageError

_DENSEST_FAT = -50
"""Fat is -120 to -90 HU; noise and air only go below it."""


def check_hounsfield(image: Image) -> None:
    """Refuse a volume that cannot be in Hounsfield units: nothing in it is as thin as fat.

    A grey picture of 8 bits and values without their rescale intercept (air at 24 instead of
    -1000) open like any CT, and a network finds nothing in them, or anything.

    Parameters
    ----------
    image
        A volume ``(z, y, x)``.

    Raises
    ------
    ImageError
        The sentence gives its lowest and highest value.
    """
    low, high = image.pixels.min(), image.pixels.max()
    if low > _DENSEST_FAT:
        raise ImageError(
            f"{image.source or 'The volume'} is not in Hounsfield units: its values run from "
            f"{low:g} to {high:g}, while air is -1000 and fat -100; apply the rescale slope and "
            "intercept of its DICOM series, or export it again."
        )
