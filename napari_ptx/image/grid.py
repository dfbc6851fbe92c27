"""``Grid``: where the voxels of a volume lie in the patient, without the voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ptx.image.types import Image


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a volume lie.

    Parameters
    ----------
    shape, spacing
        ``(z, y, x)``, in mm.
    origin, direction
        In the DICOM patient frame, as in ``Image``.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[tuple[float, float, float], ...]

    @classmethod
    def of(cls, image: Image) -> Grid:
        """Give the grid of a volume.

        Raises
        ------
        ValueError
            The image is no volume, or has no place in the patient.
        """
        if image.axes != "zyx" or image.origin is None or image.direction is None:
            raise ValueError("only a volume with a place in the patient has a grid")
        z, y, x = image.shape
        dz, dy, dx = image.spacing
        return cls((z, y, x), (dz, dy, dx), image.origin, image.direction)

    def image(self, pixels: NDArray[Any]) -> Image:
        """Give an array of this shape its place."""
        return Image(
            pixels, "zyx", self.spacing, True, "CT", origin=self.origin, direction=self.direction
        )

    def matrix(self) -> NDArray[np.float64]:
        """Give the steps (mm) from a voxel to the next along x, y and z, as columns."""
        steps: NDArray[np.float64] = np.array(self.direction) * np.array(self.spacing[::-1])
        return steps

    def indices(self, points: ArrayLike) -> NDArray[np.float64]:
        """Give the array indices of places in the patient.

        Parameters
        ----------
        points
            ``(n, 3)`` x, y, z in mm (LPS).

        Returns
        -------
        ``(n, 3)`` z, y, x; whole numbers are voxel centres.
        """
        moved = np.asarray(points, dtype=np.float64) - np.array(self.origin)
        return np.linalg.solve(self.matrix(), moved.T).T[:, ::-1]
