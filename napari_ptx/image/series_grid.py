"""Where the slices of a series lie: in which order, on what grid, and what is wrong with it.

Pure geometry on positions in mm (DICOM PS3.3 C.7.6.2): nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_EVEN = 0.01
"""Slices are even where no gap departs from the usual one by more than this share of it,
or by more than 0.01 mm, to which positions are often rounded."""

_FINEST = 4
"""A resampled volume has at most this many slices for each that was scanned."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Stack:
    """Parallel slices along their common normal.

    Parameters
    ----------
    order
        For each place in the stack, from the lowest along the normal, which slice is there.
    along
        Unit vectors of a row (x), of a column (y) and of the normal (z), one below the other.
    spacing
        Distance of pixel centres down a column and along a row (mm).
    distances
        Place of each slice of the stack along the normal (mm); the first is 0.
    drift
        How far each slice is moved in its plane against the first: down a column and along
        a row (mm), ``(slices, 2)``. Zeros but for a tilted gantry or a table that moved.
    first
        Position of the first pixel of the first slice (mm).
    """

    order: tuple[int, ...]
    along: Array
    spacing: tuple[float, float]
    distances: Array
    drift: Array
    first: Array

    @property
    def steps(self) -> Array:
        """Distances of neighbouring slices (mm)."""
        return np.diff(self.distances)

    @property
    def step(self) -> float:
        """The usual distance of neighbours (mm): the median. 1.0 for a single slice."""
        return float(np.median(self.steps)) if len(self.order) > 1 else 1.0


def stack_slices(
    positions: Sequence[Sequence[float]],
    orientation: Sequence[float],
    spacing: tuple[float, float],
) -> Stack:
    """Sort slices by their position along the normal of their common plane.

    Parameters
    ----------
    positions
        Image Position (Patient) of each slice: x, y, z (mm).
    orientation
        Image Orientation (Patient): six numbers, two unit vectors at right angles.
    spacing
        Pixel Spacing (mm).
    """
    across = np.array(orientation, dtype=np.float64).reshape(2, 3)
    along = np.vstack([across, np.cross(across[0], across[1])])
    points = np.array(positions, dtype=np.float64)
    distances = points @ along[2]
    order = np.argsort(distances, kind="stable")
    points = points[order]
    moved = points - points[0]
    return Stack(
        tuple(int(place) for place in order),
        along,
        spacing,
        moved @ along[2],
        np.stack([moved @ along[1], moved @ along[0]], axis=1),
        points[0],
    )


def find_faults(stack: Stack) -> tuple[str, ...]:
    """Say, with the numbers, why a stack is not a regular grid; nothing where it is one.

    Slices at one place are not looked for here: see ``repeated``.
    """
    if len(stack.order) < 2:
        return ()
    faults = []
    steps, step = stack.steps, stack.step
    slack = max(0.01, _EVEN * step)
    if np.abs(steps - step).max() > slack:
        faults.append(_uneven(steps, step, slack))
    drift = stack.drift[-1]
    line = np.outer(stack.distances / stack.distances[-1], drift)
    if np.abs(stack.drift - line).max() > max(0.05, slack):
        most = np.abs(np.diff(stack.drift, axis=0)).max()
        faults.append(f"its slices are moved against each other by up to {most:.1f} mm")
    # Half a pixel over the whole stack shows nowhere.
    elif np.abs(drift).max() > 0.5 * min(stack.spacing):
        degrees = np.degrees(np.arctan2(np.linalg.norm(drift), stack.distances[-1]))
        faults.append(
            f"its slices are tilted by {degrees:.1f} degrees against the line through them "
            "(a tilted gantry)"
        )
    return tuple(faults)


def _uneven(steps: Array, step: float, slack: float) -> str:
    """Name missing slices where every odd gap is a multiple of the usual one."""
    odd = np.flatnonzero(np.abs(steps - step) > slack)
    parts = steps[odd] / step
    whole = np.rint(parts)
    if (whole >= 2).all() and np.abs(parts - whole).max() <= 0.1 and len(odd) < len(steps) / 2:
        missing = int((whole - 1).sum())
        first = int(odd[0])
        noun = "slice is" if missing == 1 else "slices are"
        return (
            f"{missing} {noun} missing: after slice {first + 1} there is a gap of "
            f"{steps[first]:.2f} mm, where slices are {step:.2f} mm apart"
        )
    return (
        f"its slices are between {steps.min():.2f} and {steps.max():.2f} mm apart "
        f"({step:.2f} mm in the median)"
    )


def repeated(stack: Stack) -> list[tuple[int, int]]:
    """Give the pairs of neighbouring slices, by their numbers, that lie at one place."""
    pairs = np.flatnonzero(stack.steps < 1e-3)
    return [(stack.order[place], stack.order[place + 1]) for place in pairs]


@dataclass(frozen=True)
class Grid:
    """A regular grid: its size, its first pixel and its steps.

    Parameters
    ----------
    shape, spacing
        ``(z, y, x)``; spacing in mm.
    origin
        Position of the first pixel (mm).
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]


def regular_grid(stack: Stack, rows: int, columns: int) -> Grid:
    """Give the grid of a stack without faults."""
    count = len(stack.order)
    step = float(stack.distances[-1] / (count - 1)) if count > 1 else 1.0
    return Grid((count, rows, columns), (step, *stack.spacing), _point(stack.first))


def covering_grid(stack: Stack, rows: int, columns: int) -> Grid:
    """Give a regular grid that holds every slice of any stack whole.

    Its step is the smallest gap between two slices, or more where that would make more
    than four slices of one.
    """
    depth = float(stack.distances[-1])
    step = max(float(stack.steps.min()), depth / (_FINEST * (len(stack.order) - 1)))
    count = int(np.floor(depth / step + 1e-6)) + 1
    spacing = np.array(stack.spacing)
    low = np.floor(stack.drift.min(axis=0) / spacing + 1e-6)
    high = np.ceil(stack.drift.max(axis=0) / spacing - 1e-6)
    grown = (high - low).astype(int)
    moved = low * spacing
    first = stack.first + moved[0] * stack.along[1] + moved[1] * stack.along[0]
    return Grid(
        (count, rows + int(grown[0]), columns + int(grown[1])),
        (step, *stack.spacing),
        _point(first),
    )


def resample(slices: NDArray[np.generic], stack: Stack, grid: Grid) -> NDArray[np.generic]:
    """Interpolate slices onto a covering grid.

    Linear along the normal and within the slices; what no slice covers gets the smallest
    value that there is. The type is kept.

    Parameters
    ----------
    slices
        ``(slices, y, x)``, in the order of the stack.
    """
    outside = slices.min()
    spacing = np.array(grid.spacing[1:])
    start = np.array(grid.origin) - stack.first
    corner = np.array([start @ stack.along[1], start @ stack.along[0]])
    placed: dict[int, NDArray[np.float32]] = {}

    def in_plane(number: int) -> NDArray[np.float32]:
        if number not in placed:
            for old in [key for key in placed if key < number - 1]:
                del placed[old]
            shift = (corner - stack.drift[number]) / spacing
            placed[number] = ndimage.affine_transform(
                slices[number].astype(np.float32),
                np.ones(2),
                offset=shift,
                output_shape=grid.shape[1:],
                order=1,
                mode="constant",
                cval=float(outside),
            )
        return placed[number]

    made = np.empty(grid.shape, slices.dtype)
    for place in range(grid.shape[0]):
        at = min(place * grid.spacing[0], float(stack.distances[-1]))
        after = int(np.searchsorted(stack.distances, at - 1e-6))
        before = max(after - 1, 0)
        gap = stack.distances[after] - stack.distances[before]
        share = 1.0 if gap <= 0 else float((at - stack.distances[before]) / gap)
        value = in_plane(after)
        if share < 1.0 - 1e-6:
            value = (1 - share) * in_plane(before) + share * value
        made[place] = np.rint(value) if slices.dtype.kind in "ui" else value
    return made


def _point(values: Array) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
