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
from napari_ptx.roi.voxels import Part, choose, pack, paint

Read = TypeVar("Read")

_OUTSIDE = "none of its segments lies within the image; give the series that it was drawn on"


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


def read_layers(
    path: str | os.PathLike[str],
    on: Image,
    *,
    structures: Sequence[str] = (),
    frame_of_reference: str = "",
    decoder: Decoder | None = None,
    timeout: float = 600.0,
) -> tuple[Instances, ...]:
    """Read the structures of an RTSTRUCT or SEG file as label maps that together hold all.

    Where no structures overlap there is one map. Each structure goes, whole, into the first
    map in which it covers no other, with its number in the file. Parameters and errors are
    those of ``read_instances``.
    """
    place = Path(path).absolute()
    found: tuple[Instances, ...] = (decoder or shared_decoder()).run(
        "napari_ptx.roi.instances:load_layers",
        place,
        place,
        Grid.of(on),
        tuple(structures),
        frame_of_reference,
        timeout=timeout,
    )
    return found


def masks_of(layers: Sequence[Instances]) -> dict[str, NDArray[np.bool_]]:
    """Give the mask ``(z, y, x)`` of each structure in label maps, in the order of the file.

    Names that occur again are numbered: "liver", "liver 2".
    """
    masks: dict[str, NDArray[np.bool_]] = {}
    listed = [(one, layer.image.pixels) for layer in layers for one in layer.structures]
    for structure, labels in sorted(listed, key=lambda held: held[0].number):
        name, count = structure.name, 1
        while name in masks:
            count += 1
            name = f"{structure.name} {count}"
        masks[name] = labels == structure.number
    return masks


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


def load_layers(
    path: Path, grid: Grid, structures: Sequence[str] = (), frame_of_reference: str = ""
) -> tuple[Instances, ...]:
    """Read structures in this process as ``read_layers`` gives them.

    Raises
    ------
    ImageError
    """
    asked = (path, grid, structures, frame_of_reference)
    return refusing(path, lambda: _quietly(_load_layers, *asked))


def _quietly(read: Callable[..., Read], *args: Any) -> Read:
    with warnings.catch_warnings():
        # As in ``read_dicom``: what matters is checked.
        warnings.simplefilter("ignore")
        return read(*args)


def _load(path: Path, grid: Grid, structures: Sequence[str], frame_of_reference: str) -> Instances:
    notes: list[str] = []
    kind, kept, planes = _parts(path, grid, structures, frame_of_reference, notes)
    labels = paint(kept, grid.shape if planes is None else planes.shape, notes)
    numbered = list(enumerate((part.name for part in kept), start=1))
    found = _placed(path, grid, kind, planes, labels, numbered, notes)
    if not found.image.pixels.any():
        raise Unreadable(_OUTSIDE)
    return found


def _load_layers(
    path: Path, grid: Grid, structures: Sequence[str], frame_of_reference: str
) -> tuple[Instances, ...]:
    notes: list[str] = []
    kind, kept, planes = _parts(path, grid, structures, frame_of_reference, notes)
    layers, listed = pack(kept, grid.shape if planes is None else planes.shape, notes)
    found = [
        _placed(path, grid, kind, planes, labels, numbered, notes)
        for labels, numbered in zip(layers, listed, strict=True)
    ]
    if not any(one.image.pixels.any() for one in found):
        raise Unreadable(_OUTSIDE)
    said = tuple(dict.fromkeys(notes))
    return tuple(replace(one, image=replace(one.image, notes=said)) for one in found)


def _placed(
    path: Path,
    grid: Grid,
    kind: str,
    planes: Planes | None,
    labels: NDArray[np.int16],
    numbered: Sequence[tuple[int, str]],
    notes: list[str],
) -> Instances:
    """Give a label map, brought to the grid, with the names of its labels."""
    if planes is not None:
        labels = place_labels(labels, planes, grid, notes)
    most = max((number for number, _ in numbered), default=0)
    counts = np.bincount(labels.reshape(-1), minlength=most + 1)
    return Instances(
        replace(grid.image(labels), modality=kind, source=path, notes=tuple(notes)),
        tuple(Structure(number, name, int(counts[number])) for number, name in numbered),
    )


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
