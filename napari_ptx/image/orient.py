"""Volumes turned so that the axes run the same way in each: up, to the back, to the left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_ptx.image.types import Image


def to_lps(image: Image) -> Image:
    """Turn a volume by exchanging and mirroring axes, so that no value is interpolated.

    Afterwards x grows to the patient's left, y to the back, z to the head, each to the
    nearest axis; what is oblique stays so. The pixels are a view of the same values.

    Parameters
    ----------
    image
        Axes "zyx", with origin and direction.
    """
    if image.axes != "zyx" or image.origin is None or image.direction is None:
        raise ValueError("only a volume with a place in the patient can be turned")
    matrix = np.array(image.direction)
    # Which array axis (x, y, z) is nearest to each axis of the patient: one to one.
    nearest = [-1, -1, -1]
    left = np.abs(matrix)
    for _ in range(3):
        place = divmod(int(np.argmax(left)), 3)
        nearest[place[0]] = place[1]
        left[place[0], :] = left[:, place[1]] = -1
    pixels, origin = image.pixels, np.array(image.origin)
    columns, spacing = [], []
    for patient, axis in enumerate(nearest):
        column, step = matrix[:, axis], image.spacing[2 - axis]
        if column[patient] < 0:
            origin = origin + column * step * (image.shape[2 - axis] - 1)
            pixels = np.flip(pixels, 2 - axis)
            column = -column
        columns.append(column)
        spacing.append(step)
    pixels = np.transpose(pixels, [2 - axis for axis in reversed(nearest)])
    x, y, z = (float(value) for value in origin)
    return replace(
        image,
        pixels=pixels,
        spacing=tuple(reversed(spacing)),
        origin=(x, y, z),
        direction=tuple(tuple(row) for row in np.stack(columns, axis=1).tolist()),
    )
