"""``Outline``: one closed polygon in image pixel coordinates; a ROI is a tuple of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ptx.errors import PtxError


class RoiError(PtxError):
    """An outline or mask that cannot be used; the sentence says why."""


@dataclass(frozen=True, eq=False)
class Outline:
    """One closed polygon, with holes where a mask had them.

    Pixel centres are at integer coordinates, so the image covers
    ``[-0.5, height - 0.5) x [-0.5, width - 0.5)``.

    Parameters
    ----------
    points
        ``(n, 2)`` vertices ``(y, x)``, n >= 3, not repeated at the end.
    holes
        Polygons of the same form that are cut out.
    frame
        The frame of a multi-frame image, or the slice of a volume (0 otherwise).

    Raises
    ------
    RoiError
        With fewer than three vertices, or one that is not finite.
    """

    points: NDArray[np.float64]
    holes: tuple[NDArray[np.float64], ...] = ()
    frame: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _ring(self.points))
        object.__setattr__(self, "holes", tuple(_ring(hole) for hole in self.holes))
        object.__setattr__(self, "frame", int(self.frame))

    @property
    def rings(self) -> tuple[NDArray[np.float64], ...]:
        """The outer polygon and the holes."""
        return (self.points, *self.holes)

    def to_json(self) -> dict[str, Any]:
        """Give plain lists, exact to the last bit (Python's float text is)."""
        return {
            "points": self.points.tolist(),
            "holes": [hole.tolist() for hole in self.holes],
            "frame": self.frame,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Outline:
        """Make an outline from what ``to_json`` gave."""
        return cls(value["points"], tuple(value.get("holes", ())), value.get("frame", 0))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outline) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.points.tobytes(), self.frame))


Roi = Sequence[Outline]
"""All outlines of one case; the mask is their union."""


def _ring(points: ArrayLike) -> NDArray[np.float64]:
    ring = np.array(points, dtype=np.float64)
    if ring.ndim != 2 or ring.shape[1] != 2:
        raise RoiError(f"An outline needs vertices of the form (y, x), not an array {ring.shape}.")
    if len(ring) > 3 and np.array_equal(ring[0], ring[-1]):
        ring = ring[:-1]
    if len(ring) < 3:
        raise RoiError(f"An outline needs at least 3 vertices; this one has {len(ring)}.")
    if not np.isfinite(ring).all():
        raise RoiError("An outline has a vertex that is not a finite number.")
    ring.flags.writeable = False
    return ring
