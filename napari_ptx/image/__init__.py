"""Images: pixels with their geometry, read from any file that a clinic hands over.

The names below are loaded when they are first used, so that importing this
package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_ptx.image.cohort import Cohort, CohortError, read_cohort
    from napari_ptx.image.read import Decoder, decode, read_image
    from napari_ptx.image.series import Series, find_series, read_series
    from napari_ptx.image.types import Image, ImageError, Region
    from napari_ptx.image.write import write_nifti

__all__ = [
    "Cohort",
    "CohortError",
    "Decoder",
    "Image",
    "ImageError",
    "Region",
    "Series",
    "decode",
    "find_series",
    "read_cohort",
    "read_image",
    "read_series",
    "write_nifti",
]

_HOMES = {
    "Cohort": "cohort",
    "CohortError": "cohort",
    "Decoder": "read",
    "Image": "types",
    "ImageError": "types",
    "Region": "types",
    "Series": "series",
    "decode": "read",
    "find_series": "series",
    "read_cohort": "cohort",
    "read_image": "read",
    "read_series": "series",
    "write_nifti": "write",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
