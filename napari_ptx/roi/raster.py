"""Outlines to pixels and back: the only functions that do either."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_ptx.roi.outline import Outline, RoiError

# Steps (y, x) along the lattice of pixel corners: east, south, west, north.
_STEPS = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])


def rasterise(
    outlines: Iterable[Outline], shape: Sequence[int], frame: int | None = None
) -> NDArray[np.bool_]:
    """Fill outlines: a pixel is inside when its centre is.

    Within one outline, holes included, the even-odd rule holds; several outlines
    give their union. A centre exactly on the line is inside where the
    inside lies above or to the left of it and outside where it lies below or to
    the right, as in ImageJ: outlines that share an edge never share a pixel, and
    together leave none out.

    Parameters
    ----------
    outlines
        In pixels; parts outside the image are clipped.
    shape
        Rows and columns of the image.
    frame
        Take only the outlines of this frame; ``None`` takes all.

    Returns
    -------
    numpy.ndarray
        Boolean ``(y, x)``.
    """
    height, width = (int(length) for length in shape)
    mask = np.zeros((height, width), dtype=bool)
    for outline in outlines:
        if frame is None or outline.frame == frame:
            top, left, bottom, right = _box((outline,), (height, width))
            if bottom > top and right > left:
                mask[top:bottom, left:right] |= _fill(outline, top, left, bottom, right)
    return mask


def rasterise_window(
    outlines: Iterable[Outline],
    shape: Sequence[int] | None = None,
    frame: int | None = None,
) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """Fill outlines like ``rasterise``, but only the rows and columns they touch.

    Parameters
    ----------
    outlines, frame
        As for ``rasterise``.
    shape
        Rows and columns of the image that clips the outlines; ``None`` clips nothing.

    Returns
    -------
    mask
        Boolean ``(y, x)``; ``(0, 0)`` where nothing is touched.
    corner
        Row and column of the image at which the mask's first pixel lies.
    """
    chosen = [outline for outline in outlines if frame is None or outline.frame == frame]
    if not chosen:
        return np.zeros((0, 0), dtype=bool), (0, 0)
    top, left, bottom, right = _box(chosen, shape)
    if bottom <= top or right <= left:
        return np.zeros((0, 0), dtype=bool), (0, 0)
    mask = np.zeros((bottom - top, right - left), dtype=bool)
    for outline in chosen:
        mask |= _fill(outline, top, left, bottom, right)
    return mask, (top, left)


def trace(mask: ArrayLike, frame: int = 0) -> tuple[Outline, ...]:
    """Give the outlines of a mask along the edges of its pixels.

    Each 4-connected component is one outline with its holes; pixels that touch
    only at a corner are two components. Vertices lie at half-integers, corners
    only. Every ring is a simple polygon (rings may touch in a point), the area of
    the polygons is the number of pixels, and ``rasterise`` gives the mask back.

    Parameters
    ----------
    mask
        ``(y, x)``; what is not zero is object.
    frame
        The frame that the outlines get.

    Returns
    -------
    tuple of Outline
        In the order of their first pixels, row by row; empty for an empty mask.

    Raises
    ------
    RoiError
        Where the mask is not two-dimensional.
    """
    pixels = np.asarray(mask, dtype=bool)
    if pixels.ndim != 2:
        raise RoiError(f"A mask to trace needs the axes (y, x), not the shape {pixels.shape}.")
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not len(rows):
        return ()
    top, left = int(rows[0]), int(columns[0])
    labels, count = ndimage.label(pixels[top : rows[-1] + 1, left : columns[-1] + 1])
    outer: list[NDArray[np.float64] | None] = [None] * count
    holes: list[list[NDArray[np.float64]]] = [[] for _ in range(count)]
    for component, ring in _rings(np.pad(labels, 1)):
        points = ring + np.array([top - 0.5, left - 0.5])
        if signed_area(ring) > 0:
            outer[component - 1] = points
        else:
            holes[component - 1].append(points)
    return tuple(
        Outline(points, tuple(inner), frame)
        for points, inner in zip(outer, holes, strict=True)
        if points is not None
    )


def signed_area(ring: NDArray[np.float64]) -> float:
    """Area of a ring of ``(y, x)`` vertices, positive where it runs clockwise on screen."""
    # relative to a vertex, so that a small ring far from the origin keeps its digits
    y, x = (ring - ring[0]).T
    return float(np.dot(np.roll(y, -1), x) - np.dot(y, np.roll(x, -1))) / 2.0


def _box(outlines: Iterable[Outline], shape: Sequence[int] | None) -> tuple[int, int, int, int]:
    """First row and column, and one past the last, of the pixels that can be inside."""
    points = np.concatenate([ring for outline in outlines for ring in outline.rings])
    low, high = np.floor(points.min(axis=0)) + 1, np.floor(points.max(axis=0)) + 1
    if shape is not None:
        low, high = np.clip(low, 0, shape), np.clip(high, 0, shape)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _fill(outline: Outline, top: int, left: int, bottom: int, right: int) -> NDArray[np.bool_]:
    """Even-odd fill of one outline in a window of the image."""
    height, width = bottom - top, right - left
    start = np.concatenate(outline.rings)
    end = np.concatenate([np.roll(ring, -1, axis=0) for ring in outline.rings])
    # Every edge runs downwards, so that two outlines that share it, in whatever
    # direction, compute the same crossing to the last bit.
    swap = (start[:, 0] > end[:, 0])[:, np.newaxis]
    upper, lower = np.where(swap, end, start), np.where(swap, start, end)
    first = np.clip(np.floor(upper[:, 0]) + 1, top, bottom).astype(np.int64)
    stop = np.clip(np.floor(lower[:, 0]) + 1, top, bottom).astype(np.int64)
    counts = stop - first
    edge = np.repeat(np.arange(len(counts)), counts)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    (y0, x0), (y1, x1) = upper[edge].T, lower[edge].T
    crossing = x0 + (row - y0) / (y1 - y0) * (x1 - x0)
    column = np.clip(np.floor(crossing) + 1, left, right).astype(np.int64)
    flips = np.zeros((height, width + 1), dtype=np.uint8)
    np.bitwise_xor.at(flips, (row - top, column - left), 1)
    inside = np.bitwise_xor.accumulate(flips, axis=1)
    return inside[:, :width].view(np.bool_)


def _rings(labels: NDArray[np.int32]) -> list[tuple[int, NDArray[np.float64]]]:
    """Closed walks along pixel edges, the object on the right hand, with its component.

    ``labels`` has a border of zeros. Corner (i, j) lies between the pixels (i, j)
    and (i + 1, j + 1). Where two pixels of one component meet only at a corner the
    walk turns left, round the background, so that the ring does not touch itself;
    where they are of two components it turns right, round the object.
    """
    upper_left, upper_right = labels[:-1, :-1], labels[:-1, 1:]
    lower_left, lower_right = labels[1:, :-1], labels[1:, 1:]
    leaving = np.stack(
        [
            (lower_right > 0) & (upper_right == 0),
            (lower_left > 0) & (lower_right == 0),
            (upper_left > 0) & (lower_left == 0),
            (upper_right > 0) & (upper_left == 0),
        ]
    )
    pinch = (leaving.sum(axis=0) == 2) & (
        np.maximum(upper_left, lower_left) == np.maximum(upper_right, lower_right)
    )
    direction, i, j = np.nonzero(leaving)
    number = np.full(leaving.shape, -1, dtype=np.int64)
    number[direction, i, j] = np.arange(len(direction))
    component = np.choose(
        direction, [labels[i + 1, j + 1], labels[i + 1, j], labels[i, j], labels[i, j + 1]]
    )
    i, j = i + _STEPS[direction, 0], j + _STEPS[direction, 1]
    right, left = (direction + 1) % 4, (direction - 1) % 4
    turn = np.where(leaving[right, i, j], right, np.where(leaving[left, i, j], left, direction))
    turn = np.where(pinch[i, j], left, turn)
    following = number[turn, i, j].tolist()
    is_corner = (turn != direction).tolist()
    heads = np.stack([i, j], axis=1).astype(np.float64)
    seen = bytearray(len(direction))
    rings = []
    for begin in range(len(following)):
        if seen[begin]:
            continue
        walk, edge = [], begin
        while not seen[edge]:
            seen[edge] = 1
            if is_corner[edge]:
                walk.append(edge)
            edge = following[edge]
        rings.append((int(component[begin]), heads[walk]))
    return rings
