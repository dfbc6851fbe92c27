"""``read_instances``: an RTSTRUCT or a SEG as a label map on the grid of a volume."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pydicom
from numpy.typing import NDArray

from napari_ptx.image.foreign import Unreadable
from napari_ptx.image.grid import Grid
from napari_ptx.image.read import Decoder, format_of, refusing, shared_decoder
from napari_ptx.image.types import Image
from napari_ptx.roi.dicom_objects import text_of
from napari_ptx.roi.segmentation import Planes, place_labels, read_segments
from napari_ptx.roi.structure_set import read_structure_set
from napari_ptx.roi.voxels import Part, choose, paint

Read = TypeVar("Read")


@dataclass(frozen=True)
class Structure:
    """One structure of a label map.

    Parameters
    ----------
    number
        Its label.
    name
        As the file names it.
    voxels
        How many it has; 0 where the file holds the name alone.
    """

    number: int
    name: str
    voxels: int


@dataclass(frozen=True, eq=False)
class Instances:
    """The structures of a file as a label map.

    Parameters
    ----------
    image
        ``(z, y, x)`` int16 on the grid that was asked for: 0, and the number of a structure.
        Its modality is "RTSTRUCT" or "SEG"; its notes tell what a user should know.
    structures
        1, 2, ... in the order of the file.
    """

    image: Image
    structures: tuple[Structure, ...]


def read_instances(
    path: str | os.PathLike[str],
    on: Image,
    *,
    structures: Sequence[str] = (),
    frame_of_reference: str = "",
    decoder: Decoder | None = None,
    timeout: float = 600.0,
) -> Instances:
    """Read an RTSTRUCT or SEG file onto the grid of a volume.

    Contours must lie on slices of the grid; a pixel is inside when its centre is. Frames of a
    SEG are put where they lie in the patient, and taken to the nearest voxel where their
    voxels are not those of the grid. A voxel of two structures goes to the smaller one.

    Parameters
    ----------
    path
        The file. It is read in a child process, as by ``read_image``.
    on
        The volume that it was drawn on, ``(z, y, x)`` with a place in the patient.
    structures
        The names of those that are wanted, in which * stands for anything; by default all but
        an outline of the body.
    frame_of_reference
        Of the volume, where it is known; structures in another are refused.
    timeout
        Seconds before reading is stopped.

    Raises
    ------
    ImageError
        The file is neither, is damaged, or does not fit the volume; the sentence says why and
        what to do.
    ValueError
        ``on`` has no place in the patient.

    References
    ----------
    DICOM PS3.3 C.8.8.6 (ROI contour), C.8.20 (segmentation).
    """
    place = Path(path).absolute()
    found: Instances = (decoder or shared_decoder()).run(
        "napari_ptx.roi.instances:load",
        place,
        place,
        Grid.of(on),
        tuple(structures),
        frame_of_reference,
        timeout=timeout,
    )
    return found


def read_apart(
    path: str | os.PathLike[str],
    on: Image,
    *,
    structures: Sequence[str] = (),
    frame_of_reference: str = "",
    decoder: Decoder | None = None,
    timeout: float = 600.0,
) -> dict[str, NDArray[np.bool_]]:
    """Read the structures of an RTSTRUCT or SEG file each by itself, so that overlap survives.

    Parameters and errors are those of ``read_instances``.

    Returns
    -------
    dict
        The mask ``(z, y, x)`` of each structure on the grid, by its name, in the order of the
        file; names that occur again are numbered ("liver", "liver 2").
    """
    place = Path(path).absolute()
    found: dict[str, NDArray[np.bool_]] = (decoder or shared_decoder()).run(
        "napari_ptx.roi.instances:load_apart",
        place,
        place,
        Grid.of(on),
        tuple(structures),
        frame_of_reference,
        timeout=timeout,
    )
    return found


def load(
    path: Path, grid: Grid, structures: Sequence[str] = (), frame_of_reference: str = ""
) -> Instances:
    """Read structures in this process: what a ``Decoder`` runs in its child.

    Raises
    ------
    ImageError
        As ``read_instances``, but for hanging and crashing decoders.
    """
    return refusing(path, lambda: _quietly(_load, path, grid, structures, frame_of_reference))


def load_apart(
    path: Path, grid: Grid, structures: Sequence[str] = (), frame_of_reference: str = ""
) -> dict[str, NDArray[np.bool_]]:
    """Read structures in this process, each by itself: what a ``Decoder`` runs in its child.

    Raises
    ------
    ImageError
    """
    return refusing(path, lambda: _quietly(_load_apart, path, grid, structures, frame_of_reference))


def _quietly(read: Callable[..., Read], *args: Any) -> Read:
    with warnings.catch_warnings():
        # As in ``read_dicom``: what matters is checked.
        warnings.simplefilter("ignore")
        return read(*args)


def _load(path: Path, grid: Grid, structures: Sequence[str], frame_of_reference: str) -> Instances:
    notes: list[str] = []
    kind, kept, planes = _parts(path, grid, structures, frame_of_reference, notes)
    if planes is None:
        labels = paint(kept, grid.shape, notes)
    else:
        labels = place_labels(paint(kept, planes.shape, notes), planes, grid, notes)
    counts = np.bincount(labels.reshape(-1), minlength=len(kept) + 1)
    image = replace(grid.image(labels), modality=kind, source=path, notes=tuple(notes))
    return Instances(
        image,
        tuple(
            Structure(number, part.name, int(counts[number]))
            for number, part in enumerate(kept, start=1)
        ),
    )


def _load_apart(
    path: Path, grid: Grid, structures: Sequence[str], frame_of_reference: str
) -> dict[str, NDArray[np.bool_]]:
    _, kept, planes = _parts(path, grid, structures, frame_of_reference, [])
    masks: dict[str, NDArray[np.bool_]] = {}
    for part in kept:
        shape = grid.shape if planes is None else planes.shape
        alone = np.zeros(int(np.prod(shape)), np.int16)
        alone[part.voxels()] = 1
        labels = alone.reshape(shape)
        if planes is not None and labels.any():
            labels = place_labels(labels, planes, grid, [])
        elif planes is not None:
            labels = np.zeros(grid.shape, np.int16)
        name, count = part.name, 1
        while name in masks:
            count += 1
            name = f"{part.name} {count}"
        masks[name] = labels > 0
    if not any(mask.any() for mask in masks.values()):
        raise Unreadable(
            "none of its structures has a voxel in the image; give the series that it was drawn on"
        )
    return masks


def _parts(
    path: Path,
    grid: Grid,
    structures: Sequence[str],
    frame_of_reference: str,
    notes: list[str],
) -> tuple[str, list[Part], Planes | None]:
    """Give the kind of a file, the structures that are wanted, and the planes of a SEG."""
    if format_of(path) != "dicom":
        raise Unreadable("it is no DICOM file; give an RTSTRUCT or SEG file")
    dataset: Any = pydicom.dcmread(path, force=True)
    kind = text_of(dataset, "Modality").upper()
    if kind == "RTSTRUCT":
        parts = read_structure_set(dataset, grid, frame_of_reference, notes)
        return kind, choose(parts, structures, notes), None
    if kind == "SEG":
        parts, planes = read_segments(dataset, path, frame_of_reference, notes)
        return kind, choose(parts, structures, notes), planes
    raise Unreadable(
        f"it is a DICOM file of the kind {kind or 'unknown'}; give an RTSTRUCT or SEG file"
    )
