"""Where voxels lie in the patient, and what a gland measures there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ptx.ct.errors import CtError
from napari_ptx.image import Image

SLOTS = ("right_superior", "left_superior", "right_inferior", "left_inferior", "ectopic")
"""Where a gland lies."""

SITES = (
    "thymic", "mediastinum", "intrathyroid", "carotid_sheath", "retrooesophageal", "jaw_angle",
)  # fmt: skip
"""Where an ectopic gland lies. A person may say it; geometry alone does not tell."""

REACH_MM = (35.0, 35.0, 50.0)
"""How far from the centre along x, y, z (mm) a gland still has a slot; beyond, it is ectopic."""

_BODY_HU = -300.0

Floats = NDArray[np.float64]


def positions(image: Image, indices: ArrayLike) -> Floats:
    """Give the places of voxels in the patient.

    Parameters
    ----------
    image
        A volume with a patient frame.
    indices
        ``(n, 3)`` array indices z, y, x; fractions are allowed.

    Returns
    -------
    ``(n, 3)`` x, y, z in mm (DICOM patient frame, LPS).

    Raises
    ------
    CtError
        If the image is no volume with a patient frame.
    """
    if image.axes != "zyx" or image.origin is None or image.direction is None:
        raise CtError(
            f"{image.source or 'An image'} has no place in the patient; give a volume with origin "
            "and direction (NIfTI, NRRD, MetaImage or a DICOM series)."
        )
    steps = np.asarray(indices, dtype=np.float64).reshape(-1, 3)[:, ::-1]
    scaled = steps * np.array(image.spacing[::-1])
    placed: Floats = scaled @ np.array(image.direction).T + np.array(image.origin)
    return placed


def same_grid(one: Image, other: Image) -> bool:
    """Tell whether two volumes have the same voxels in the same places (to 0.01 mm)."""
    if one.shape != other.shape:
        return False
    corners = np.array([[0, 0, 0], np.array(one.shape) - 1])
    return bool(np.allclose(positions(one, corners), positions(other, corners), atol=0.01))


def measure(
    labels: Image, values: Mapping[str, NDArray[Any]] | None = None
) -> dict[int, dict[str, float]]:
    """Measure each instance of a label map.

    Parameters
    ----------
    labels
        ``(z, y, x)`` integers, 0 for the background.
    values
        Arrays of the same shape whose mean in each instance is wanted, by name.

    Returns
    -------
    dict
        For each label ``x_mm, y_mm, z_mm`` (centroid, LPS), ``volume_mm3``, ``diameter_mm``
        (of the ball of this volume: the same for any direction of slicing), ``voxels``, and the
        wanted means.
    """
    pixels = labels.pixels
    flat = np.flatnonzero(pixels)
    owner = pixels.ravel()[flat].astype(np.intp)
    voxel = float(np.prod(labels.spacing))
    if not len(flat):
        return {}
    sizes = np.bincount(owner)
    here = np.flatnonzero(sizes)

    def mean(array: NDArray[Any]) -> Floats:
        # In one pass: early in a training there are thousands of instances.
        return np.bincount(owner, array)[here] / sizes[here]

    indices = np.stack([mean(axis) for axis in np.unravel_index(flat, pixels.shape)], axis=1)
    means = {name: mean(array.ravel()[flat]) for name, array in (values or {}).items()}
    found: dict[int, dict[str, float]] = {}
    for place, (label, (x, y, z)) in enumerate(zip(here, positions(labels, indices), strict=True)):
        volume = float(sizes[label]) * voxel
        found[int(label)] = {
            "x_mm": float(x),
            "y_mm": float(y),
            "z_mm": float(z),
            "volume_mm3": volume,
            "diameter_mm": ball_diameter(volume),
            "voxels": float(sizes[label]),
            **{name: float(array[place]) for name, array in means.items()},
        }
    return found


def ball_diameter(volume: float) -> float:
    """Give the diameter (mm) of the ball of a volume (mm3)."""
    return math.pow(6.0 * volume / math.pi, 1.0 / 3.0)


def slot_of(position: Sequence[float], centre: Sequence[float]) -> str:
    """Name the slot of a place from geometry.

    Parameters
    ----------
    position
        x, y, z in mm (LPS).
    centre
        The middle of the thyroid bed, in mm: its x parts right from left, its z superior from
        inferior. What lies further than ``REACH_MM`` from it is ectopic.

    Notes
    -----
    In LPS x grows towards the patient's left. A gland inside the thyroid or behind the
    oesophagus is ectopic, too, which geometry alone does not tell.
    """
    offset = np.asarray(position, dtype=np.float64) - np.asarray(centre, dtype=np.float64)
    if (np.abs(offset) > REACH_MM).any():
        return "ectopic"
    side = "left" if offset[0] > 0.0 else "right"
    return f"{side}_{'superior' if offset[2] > 0.0 else 'inferior'}"


def slot_of_word(word: str) -> str:
    """Give the slot that a slot or a site belongs to: every site is ectopic.

    Raises
    ------
    CtError
        For a word that is none of ``SLOTS`` and ``SITES``.
    """
    if word in SLOTS:
        return word
    if word in SITES:
        return "ectopic"
    raise CtError(f"{word!r} is neither a slot nor a site: {', '.join((*SLOTS, *SITES))}.")


def body_centre(image: Image) -> tuple[float, float, float]:
    """Estimate the centre of a neck scan: the middle of the body, halfway up the volume.

    Only the side is reliable: a scan need not be centred on the thyroid. Give a better centre
    where one is known (the middle of the thyroid).

    Returns
    -------
    x, y, z in mm (LPS).
    """
    body = image.pixels > _BODY_HU
    middle = np.array(
        [
            (length - 1) / 2.0 if axis == 0 or not body.any() else _middle(body, axis)
            for axis, length in enumerate(image.shape)
        ]
    )
    x, y, z = positions(image, middle)[0]
    return float(x), float(y), float(z)


def _middle(body: NDArray[np.bool_], axis: int) -> float:
    others = tuple(other for other in range(3) if other != axis)
    counts = body.sum(axis=others)
    return float(np.average(np.arange(len(counts)), weights=counts))
