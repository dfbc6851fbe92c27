"""``OutlineSet``: the outlines of one hand on one image, as the exchange formats take them.

What a file says beside the outlines themselves: whose they are, of which case, how large
the image is. A reader's reading makes one; a consensus would make another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from napari_ptx.roi.measurement import Measurement, measure
from napari_ptx.roi.outline import Outline, RoiError
from napari_ptx.roi.raster import rasterise


@dataclass(frozen=True, eq=False)
class OutlineSet:
    """Outlines on one image, with their names.

    Parameters
    ----------
    case
        What the image is called.
    name
        Of the set: "A, round 1", "consensus".
    outlines
        Lesion 1, lesion 2, ... in this order.
    shape
        Rows and columns of the image.
    frames
        How many frames or slices the image has.
    spacing
        Millimetres per pixel ``(y, x)`` that hold for all outlines, or ``None``.
    observer
        The person who drew them.
    made_at
        When they were finished; aware.
    tags
        Short facts that go with each outline where a format has room for them.
    """

    case: str
    name: str
    outlines: tuple[Outline, ...]
    shape: tuple[int, int]
    frames: int = 1
    spacing: tuple[float, float] | None = None
    observer: str = ""
    made_at: datetime | None = None
    tags: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def drawn_frames(self) -> tuple[int, ...]:
        """The frames that have an outline, in their order."""
        return tuple(sorted({outline.frame for outline in self.outlines}))

    def lesions(self, frame: int | None = None) -> list[tuple[int, Outline]]:
        """Give the outlines with their numbers, counted from 1; of one frame, or all."""
        return [
            (number, outline)
            for number, outline in enumerate(self.outlines, start=1)
            if frame is None or outline.frame == frame
        ]

    def mask(self, number: int) -> NDArray[np.bool_]:
        """Fill one lesion on its frame: ``(y, x)``."""
        return rasterise((self.outlines[number - 1],), self.shape)

    def measured(self, number: int) -> Measurement | None:
        """Measure one lesion; ``None`` where its line encloses nothing."""
        try:
            return measure((self.outlines[number - 1],), self.spacing)
        except RoiError:
            return None


def lesion_name(number: int) -> str:
    """Name a lesion, counted from 1, as every file does."""
    return f"lesion {number}"
