"""``Image``: pixels with their geometry, and where an image is calibrated."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ptx.errors import PtxError


class ImageError(PtxError):
    """An image that cannot be read; the sentence names the file and what to do."""


@dataclass(frozen=True)
class Region:
    """A part of an ultrasound image with a calibration of its own.

    Parameters
    ----------
    top, left, bottom, right
        The first row and column, and one past the last row and column (pixels).
    spacing
        Millimetres between pixel centres, ``(y, x)``.

    References
    ----------
    DICOM PS3.3 C.8.5.5, US Region Calibration Module.
    """

    top: int
    left: int
    bottom: int
    right: int
    spacing: tuple[float, float]

    def contains(self, y: float, x: float) -> bool:
        """Tell whether the pixel position lies in the region, pixel edges included."""
        return self.top - 0.5 <= y < self.bottom - 0.5 and self.left - 0.5 <= x < self.right - 0.5


def spacing_at(
    regions: Sequence[Region], whole: tuple[float, float] | None, y: float, x: float
) -> tuple[float, float] | None:
    """Millimetres per pixel ``(y, x)`` at a position: a region's, or else the whole image's.

    Where regions overlap, the last listed wins. An image with regions is not
    calibrated outside them, whatever ``whole`` is.
    """
    for region in reversed(regions):
        if region.contains(y, x):
            return region.spacing
    return None if regions else whole


@dataclass(frozen=True, eq=False)
class Image:
    """One image with its geometry. The pixels are read-only.

    Parameters
    ----------
    pixels
        ``(y, x)``, ``(z, y, x)`` or ``(frame, y, x)``, with a last axis of 3
        (RGB) where ``colour`` is true. The stored type is kept (uint8, int16...);
        CT is in Hounsfield units.
    axes
        One letter for each axis but colour: "yx", "zyx" or "tyx" (t: frames).
    spacing
        Distance of pixel centres along each axis in mm; 1.0 for frames, and 1.0
        where the image is not calibrated.
    calibrated
        Whether ``spacing`` is in mm for the whole image. An ultrasound image with
        one region in cm and no other region with units is: around the region is
        only the screen. With several regions it is not: ask ``spacing_at``.
    modality
        The DICOM modality ("US", "CT", "MR", ...), or "OT" where unknown.
    colour
        Whether the last axis is RGB.
    origin, direction
        Position (mm) of the first pixel and the unit vectors of the array axes
        x, y, z as columns, in the DICOM patient frame (LPS); ``None`` where the
        image has no patient frame.
    regions
        Calibrated parts of an ultrasound image.
    source
        The file it was read from.
    notes
        What a user should know, one sentence each: a calibration that was
        ignored and why, an inversion, frames that were left out.
    window
        The values that the file asks to show as black and white, for images
        without colour; the pixels themselves are never windowed.
    """

    pixels: NDArray[Any]
    axes: str
    spacing: tuple[float, ...]
    calibrated: bool
    modality: str = "OT"
    colour: bool = False
    origin: tuple[float, float, float] | None = None
    direction: tuple[tuple[float, float, float], ...] | None = None
    regions: tuple[Region, ...] = ()
    source: Path | None = None
    notes: tuple[str, ...] = ()
    window: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.axes not in ("yx", "zyx", "tyx"):
            raise ValueError(f"axes must be 'yx', 'zyx' or 'tyx', not {self.axes!r}")
        if self.pixels.ndim != len(self.axes) + self.colour:
            raise ValueError(f"{self.pixels.ndim}-D pixels do not have the axes {self.axes!r}")
        if len(self.spacing) != len(self.axes) or min(self.spacing) <= 0:
            raise ValueError(f"spacing {self.spacing} does not fit the axes {self.axes!r}")
        pixels = self.pixels.view()
        pixels.flags.writeable = False
        object.__setattr__(self, "pixels", pixels)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Unpickling (from a child process) makes the pixels writeable again.
        self.__dict__.update(state)
        self.pixels.flags.writeable = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes, without colour."""
        return self.pixels.shape[: len(self.axes)]

    @property
    def frames(self) -> int:
        """The number of frames (1 for a single image; slices are not frames)."""
        return self.shape[0] if self.axes == "tyx" else 1

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the decoded pixels, with their shape and type, as hex digits.

        It does not depend on the file format or its tags: the same pixels in a
        PNG and in a DICOM file have the same hash.
        """
        pixels = np.ascontiguousarray(self.pixels)
        kind = pixels.dtype.newbyteorder("<")
        digest = hashlib.sha256(f"{kind.str} {pixels.shape}".encode())
        digest.update(pixels.astype(kind, copy=False).tobytes())
        return digest.hexdigest()

    def grey(self) -> NDArray[Any]:
        """Pixels without colour, for measurement.

        RGB becomes luma by ITU-R BT.601 (0.299 R + 0.587 G + 0.114 B), rounded to
        the stored type, so that a grey image stored as RGB keeps its values.
        """
        if not self.colour:
            return self.pixels
        luma: NDArray[Any] = self.pixels @ np.array([0.299, 0.587, 0.114])
        if self.pixels.dtype.kind in "ui":
            luma = np.rint(luma)
        return luma.astype(self.pixels.dtype)

    def spacing_at(self, y: float, x: float) -> tuple[float, float] | None:
        """Millimetres per pixel ``(y, x)`` at an in-plane position, or ``None``."""
        whole = (self.spacing[-2], self.spacing[-1]) if self.calibrated else None
        return spacing_at(self.regions, whole, y, x)
