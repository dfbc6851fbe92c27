"""An ``Image`` as ITK has it."""
# SimpleITK has no annotations.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use

from napari_ptx.image.types import Image


def to_itk(image: Image) -> Any:
    """Give a volume ``(z, y, x)`` as a SimpleITK image, with its place in the patient."""
    made = sitk.GetImageFromArray(np.ascontiguousarray(image.pixels))
    made.SetSpacing([float(step) for step in reversed(image.spacing)])
    if image.origin is not None:
        made.SetOrigin([float(value) for value in image.origin])
    if image.direction is not None:
        made.SetDirection([float(value) for row in image.direction for value in row])
    return made
