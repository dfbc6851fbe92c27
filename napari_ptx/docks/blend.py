"""Two volumes as one picture, computed slice by slice as it is looked at."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Mode = Literal["checkerboard", "difference"]


class Blend:
    """An array of two volumes that napari slices like one; it holds no voxels of its own.

    Parameters
    ----------
    first, second
        ``(z, y, x)`` of one shape.
    mode
        "checkerboard": fields of the two in turn. "difference": second minus first.
    field
        The edge of a field in voxels, for each axis.
    """

    def __init__(
        self,
        first: NDArray[Any],
        second: NDArray[Any],
        mode: Mode,
        field: tuple[int, int, int] = (1, 1, 1),
    ) -> None:
        self._first, self._second = first, second
        self._mode = mode
        self._field = field
        self.shape = first.shape
        self.ndim = first.ndim
        self.dtype = np.dtype(np.int16 if mode == "checkerboard" else np.int32)

    @property
    def size(self) -> int:
        """The number of voxels."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Compute all of it; napari asks for slices only."""
        whole = self[:, :, :]
        return whole if dtype is None else whole.astype(dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Compute what is asked for, by whole numbers and slices."""
        first, second = self._first[key], self._second[key]
        if self._mode == "difference":
            return np.subtract(second, first, dtype=np.int32)
        keys = key if isinstance(key, tuple) else (key,)
        odd: Any = 0
        for axis, (count, edge) in enumerate(zip(self.shape, self._field, strict=True)):
            places = np.arange(count) // edge
            taken = places[keys[axis]] if axis < len(keys) else places
            # One more axis for each that is still to come and is not a whole number.
            odd = np.add.outer(odd, taken)
        return np.where(odd % 2 == 0, first, second).astype(self.dtype)
