"""How far two masks agree: Dice, Jaccard, and the distances of their surfaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_ptx.roi.outline import RoiError


@dataclass(frozen=True)
class Overlap:
    """The agreement of two masks.

    Parameters
    ----------
    dice, jaccard
        Twice the common pixels over the sum of both; common over joint pixels.
    hd
        Hausdorff distance: the largest distance of a surface element of one mask
        from the surface of the other.
    hd95
        The maximum of the two directed 95th percentiles of those distances.
    msd
        Mean surface distance: the mean of all distances, of both directions together.
    surface_dice
        The part of all surface elements, of both masks together, that lie within
        the tolerance of the other surface.
    tolerance
        Of ``surface_dice``, in the unit of the spacing.
    state
        "both" where both masks hold something. "both_empty" is agreement: Dice 1,
        distances 0 by definition. "one_empty" is a counted disagreement: Dice 0,
        distances infinite.
    """

    dice: float
    jaccard: float
    hd: float
    hd95: float
    msd: float
    surface_dice: float
    tolerance: float
    state: Literal["both", "both_empty", "one_empty"]


def overlap(
    a: ArrayLike,
    b: ArrayLike,
    spacing: Sequence[float] | None = None,
    tolerance: float = 1.0,
) -> Overlap:
    """Compare two masks of the same image.

    The surface of a mask is its pixels with a neighbour across an edge (a face in
    3-D) that is not object; the outside of the image is not object. Distances are
    between the centres of surface pixels. Percentiles interpolate linearly.

    Parameters
    ----------
    a, b
        ``(y, x)`` or ``(z, y, x)``; what is not zero is object.
    spacing
        Millimetres between pixel centres along each axis; ``None`` is 1 for each,
        and distances are then in pixels.
    tolerance
        Of the surface Dice, in the unit of the spacing.

    Raises
    ------
    RoiError
        Where the masks differ in shape, or the spacing does not fit them.
    """
    first, second = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if first.shape != second.shape:
        raise RoiError(
            f"Masks of the same image must have one shape, not {first.shape} and {second.shape}."
        )
    steps = np.ones(first.ndim) if spacing is None else np.asarray(spacing, dtype=np.float64)
    if steps.shape != (first.ndim,) or not (np.isfinite(steps) & (steps > 0)).all():
        raise RoiError(
            f"A mask {first.shape} needs {first.ndim} positive spacings, not {steps.tolist()}."
        )
    if not np.isfinite(tolerance) or tolerance < 0:
        raise RoiError(f"The tolerance of the surface Dice must be 0 or more, not {tolerance}.")
    if not first.any() and not second.any():
        return Overlap(1.0, 1.0, 0.0, 0.0, 0.0, 1.0, tolerance, "both_empty")
    if not first.any() or not second.any():
        return Overlap(0.0, 0.0, np.inf, np.inf, np.inf, 0.0, tolerance, "one_empty")

    # Only the joint bounding box matters, with one pixel of background round it.
    box = ndimage.find_objects((first | second).astype(np.uint8))[0]
    first, second = np.pad(first[box], 1), np.pad(second[box], 1)
    common, joint = int((first & second).sum()), int((first | second).sum())
    forth, back = _surface_distances(first, second, steps)
    every = np.concatenate([forth, back])
    return Overlap(
        dice=2 * common / (joint + common),
        jaccard=common / joint,
        hd=float(every.max()),
        hd95=float(max(np.percentile(forth, 95), np.percentile(back, 95))),
        msd=float((forth.sum() + back.sum()) / len(every)),
        # a distance that equals the tolerance but for its last digits is within it
        surface_dice=float((every <= tolerance * (1 + 1e-9)).mean()),
        tolerance=tolerance,
        state="both",
    )


def surface(mask: ArrayLike) -> NDArray[np.bool_]:
    """Give the surface of a mask: its pixels with a face to what is not object."""
    pixels = np.asarray(mask, dtype=bool)
    edge: NDArray[np.bool_] = pixels & ~ndimage.binary_erosion(pixels)
    return edge


def _surface_distances(
    first: NDArray[np.bool_], second: NDArray[np.bool_], steps: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances of the first surface from the second, and of the second from the first."""
    surface_a, surface_b = surface(first), surface(second)
    to_a = ndimage.distance_transform_edt(~surface_a, sampling=steps)
    to_b = ndimage.distance_transform_edt(~surface_b, sampling=steps)
    return to_b[surface_a], to_a[surface_b]
