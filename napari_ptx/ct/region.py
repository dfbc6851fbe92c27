"""Where to look: the body, or the thyroid bed along the airway."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SEARCHES = ("bed", "full")

BED_MM = (40.0, 30.0, 50.0)
"""How far the bed reaches from the middle of the airway: to each side, to the front, to the
back. Slots lie within 35 mm of the midline; ectopic glands may not."""

_BODY_HU, _AIRWAY_HU = -300, -500
_COARSE_MM = 2.5
_LEAST_MM2, _MOST_MM2 = 30.0, 900.0
_STRAY_MM = 25.0


@dataclass(frozen=True, eq=False)
class Region:
    """A search region.

    Parameters
    ----------
    mask
        ``(z, y, x)``.
    words
        What it is, a sentence for the record.
    """

    mask: NDArray[np.bool_]
    words: str


def search_region(
    hu: NDArray[np.int16], spacing: tuple[float, float, float], search: str = "bed"
) -> Region:
    """Propose where glands may be.

    Parameters
    ----------
    hu
        ``(z, y, x)``, Hounsfield units, y to the back.
    spacing
        mm, ``(z, y, x)``.
    search
        "full": the body. "bed": what of it lies within ``BED_MM`` of the airway, over all
        slices, so that the thymic tract belongs to it; about one gland in six is ectopic, and
        some of those lie outside.
    """
    steps = [max(1, round(_COARSE_MM / step)) for step in spacing]
    coarse = hu[:: steps[0], :: steps[1], :: steps[2]]
    size = [step * side for step, side in zip(steps, spacing, strict=True)]
    body = _body(coarse)
    if not body.any():
        return Region(np.ones(hu.shape, dtype=bool), "the whole volume: no body was found in it")
    if search == "full":
        return Region(_fine(body, steps, hu.shape), "the body")
    centre = _airway(coarse, body, size)
    if centre is None:
        return Region(
            _fine(body, steps, hu.shape),
            "the body: no airway was found that would tell where the thyroid bed is",
        )
    side, front, back = BED_MM
    y, x = np.ogrid[: coarse.shape[1], : coarse.shape[2]]
    bed = np.zeros_like(body)
    for z, (cy, cx) in enumerate(centre):
        dy, dx = (y - cy) * size[1], (x - cx) * size[2]
        bed[z] = (np.abs(dx) <= side) & (dy >= -front) & (dy <= back)
    words = (
        f"the thyroid bed: within {side:g} mm to each side, {front:g} mm before and {back:g} mm "
        "behind the middle of the airway"
    )
    return Region(_fine(bed & body, steps, hu.shape), words)


def _body(coarse: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Give the largest thing that is not air, with the air inside it, slice by slice."""
    from scipy import ndimage

    parts, count = ndimage.label(coarse > _BODY_HU)
    if not count:
        return np.zeros(coarse.shape, dtype=bool)
    largest = int(np.argmax(np.bincount(parts.ravel())[1:])) + 1
    body: NDArray[np.bool_] = parts == largest
    for z in range(len(body)):
        body[z] = ndimage.binary_fill_holes(body[z])
    return body


def _airway(
    coarse: NDArray[np.int16], body: NDArray[np.bool_], size: list[float]
) -> NDArray[np.float64] | None:
    """Give the middle ``(y, x)`` of the airway in each slice, or ``None``.

    In each slice the airway is the air within the body that lies nearest to where it was in
    the slices that are known, beginning at the body's midline; a slice without it has the
    middle of its neighbours.
    """
    from scipy import ndimage

    pixel = size[1] * size[2]
    columns = np.arange(body.shape[2])
    weights = body.sum(axis=(0, 1))
    middle = float(np.average(columns, weights=weights))
    found: dict[int, tuple[float, float]] = {}
    for z in range(len(coarse)):
        parts, count = ndimage.label((coarse[z] < _AIRWAY_HU) & body[z])
        best = None
        for number, (cy, cx) in enumerate(
            ndimage.center_of_mass(parts > 0, parts, range(1, count + 1)), start=1
        ):
            area = np.count_nonzero(parts == number) * pixel
            off = abs(cx - middle) * size[2]
            if _LEAST_MM2 <= area <= _MOST_MM2 and off <= _STRAY_MM and (not best or off < best[0]):
                best = (off, cy, cx)
        if best:
            found[z] = best[1:]
    if len(found) < max(3, len(coarse) // 10):
        return None
    known = sorted(found)
    track = np.array([found[z] for z in known])
    # The median of neighbours: a sinus or a bubble of the gullet is no airway.
    track = ndimage.median_filter(track, size=(min(9, len(known)), 1), mode="nearest")
    every = np.arange(len(coarse))
    return np.stack([np.interp(every, known, track[:, axis]) for axis in range(2)], axis=1)


def _fine(coarse: NDArray[np.bool_], steps: list[int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Bring a coarse mask back to the volume's voxels."""
    fine = coarse
    for axis, step in enumerate(steps):
        index = np.minimum(np.arange(shape[axis]) // step, coarse.shape[axis] - 1)
        fine = np.take(fine, index, axis=axis)
    return fine
