"""Outlines as label maps with names: NIfTI with a JSON beside it, NRRD as 3D Slicer has it.

Lesions are the labels 1, 2, ... on the voxels of their image: slices stay slices, frames of a
film become slices 1 mm apart, a single image one slice. ITK turns the patient frame of DICOM
(LPS) to that of NIfTI (RAS).

A label map cannot hold two labels in a voxel. In NIfTI a voxel of two lesions goes to the
smaller one, and the JSON tells; in NRRD overlapping lesions lie in layers of their own.

References
----------
Keys of ``.seg.nrrd``: "Segmentation labelmap file format" of 3D Slicer's developer guide.
"""
# SimpleITK has no annotations.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import getpid
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ptx.image.types import Image
from napari_ptx.roi.outline import RoiError
from napari_ptx.roi.outline_set import OutlineSet, lesion_name

FORMAT = "napari-ptx label map 1"

_COLOURS = ("0.90 0.62 0.00", "0.34 0.71 0.91", "0.00 0.62 0.45", "0.94 0.89 0.26",
            "0.00 0.45 0.70", "0.84 0.37 0.00", "0.80 0.47 0.65")  # fmt: skip
"""Okabe and Ito's colours, which people without colour vision tell apart."""

_TERM = (
    "TerminologyEntry:Segmentation category and type - 3D Slicer General Anatomy list"
    "~SCT^49755003^Morphologically Altered Structure~SCT^52988006^Lesion~^^"
    "~Anatomic codes - DICOM master list~^^~^^|"
)

_IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Placement:
    """Where the voxels of an image lie, without the voxels.

    Parameters
    ----------
    axes
        "yx", "zyx" or "tyx".
    spacing
        ``(z, y, x)`` in mm.
    calibrated
        Whether the spacing in plane is in mm; else it is 1 for a pixel.
    origin, direction
        As in ``Image``; 0 and the axes of LPS where ``placed`` is false.
    placed
        Whether the image has a place in the patient.
    """

    axes: str
    spacing: tuple[float, float, float]
    calibrated: bool
    origin: tuple[float, float, float]
    direction: tuple[tuple[float, float, float], ...]
    placed: bool

    @classmethod
    def of(cls, image: Image) -> Placement:
        """Take the placement of an image."""
        steps = tuple(float(step) for step in image.spacing)
        placed = image.origin is not None and image.direction is not None
        return cls(
            image.axes,
            (steps[0] if image.axes == "zyx" else 1.0, steps[-2], steps[-1]),
            image.calibrated,
            image.origin or (0.0, 0.0, 0.0),
            image.direction or _IDENTITY,
            placed,
        )

    def to_json(self, plane: tuple[float, float] | None) -> dict[str, Any]:
        """Say in words what the axes of a label map are; ``plane`` is the spacing used."""
        third = {"zyx": "slices", "tyx": "frames, not millimetres", "yx": "the one image"}
        return {
            "axes": f"x: columns, y: rows, z: {third[self.axes]}",
            "calibrated": plane is not None,
            "patient_frame": self.placed,
        }


def write_nifti_labels(path: Path | str, made: OutlineSet, where: Placement) -> tuple[Path, Path]:
    """Write outlines as a NIfTI label map, and the names of its labels as JSON beside it.

    Parameters
    ----------
    path
        Ends in ".nii.gz" or ".nii". An existing file is replaced, whole or not at all.
    made
        The outlines, whose shape and frames are the image's. Where the image as a whole is
        not calibrated but ``made.spacing`` is known, that is the spacing.
    where
        The placement of the image.

    Returns
    -------
    tuple of Path
        The label map and the JSON.

    Raises
    ------
    RoiError
        The file cannot be written.
    """
    path = Path(path)
    suffix = next((s for s in (".nii.gz", ".nii") if path.name.endswith(s)), None)
    if suffix is None:
        raise RoiError(f"{path.name} must end in .nii.gz or .nii to be a NIfTI file.")
    labels, shared = _flat(made)
    plane = _plane(made, where)
    counts = np.bincount(labels.reshape(-1), minlength=len(made.outlines) + 1)
    about = {
        "format": FORMAT,
        "case": made.case,
        "set": made.name,
        "observer": made.observer,
        **where.to_json(plane),
        "labels": [
            {
                "value": number,
                "name": lesion_name(number),
                "frame": outline.frame,
                "voxels": int(counts[number]),
            }
            for number, outline in made.lesions()
        ],
        "shared_voxels": shared,
    }
    beside = path.with_name(path.name.removesuffix(suffix) + ".json")
    _write(labels, plane, where, path, suffix, {})
    part = beside.with_name(f".{beside.name}.{getpid()}.new")
    part.write_text(json.dumps(about, indent=2, ensure_ascii=False), encoding="utf-8")
    part.replace(beside)
    return path, beside


def write_seg_nrrd(path: Path | str, made: OutlineSet, where: Placement) -> Path:
    """Write outlines as a segmentation of 3D Slicer, with names, colours and terminology.

    Lesions that overlap lie in layers: the file then has a list of volumes.

    Parameters
    ----------
    path
        Ends in ".seg.nrrd". An existing file is replaced, whole or not at all.
    made, where
        As for ``write_nifti_labels``.

    Raises
    ------
    RoiError
        The file cannot be written.
    """
    path = Path(path)
    if not path.name.endswith(".nrrd"):
        raise RoiError(f"{path.name} must end in .seg.nrrd to be a segmentation of 3D Slicer.")
    layers, places = _layers(made)
    keys = {
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_SourceRepresentation": "Binary labelmap",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }
    for place, (number, outline) in enumerate(made.lesions()):
        layer, value = places[number]
        keys |= {
            f"Segment{place}_ID": f"lesion_{number}",
            f"Segment{place}_Name": lesion_name(number),
            f"Segment{place}_NameAutoGenerated": "0",
            f"Segment{place}_Color": _COLOURS[place % len(_COLOURS)],
            f"Segment{place}_ColorAutoGenerated": "0",
            f"Segment{place}_Extent": _extent(made.mask(number), outline.frame),
            f"Segment{place}_LabelValue": str(value),
            f"Segment{place}_Layer": str(layer),
            f"Segment{place}_Tags": _TERM,
        }
    keys |= {"ptx_case": made.case, "ptx_set": made.name, "ptx_observer": made.observer}
    volume = layers[0] if len(layers) == 1 else np.stack(layers, axis=-1)
    _write(volume, _plane(made, where), where, path, ".seg.nrrd", keys)
    return path


def _plane(made: OutlineSet, where: Placement) -> tuple[float, float] | None:
    return (where.spacing[1], where.spacing[2]) if where.calibrated else made.spacing


def _kind(made: OutlineSet) -> type[np.unsignedinteger[Any]]:
    return np.uint8 if len(made.outlines) < 256 else np.uint16


def _flat(made: OutlineSet) -> tuple[NDArray[Any], list[dict[str, Any]]]:
    """Give one label map, and which lesions shared how many of its voxels."""
    labels = np.zeros((made.frames, *made.shape), _kind(made))
    masks = {number: made.mask(number) for number, _ in made.lesions()}
    shared = []
    # Large ones first, so that smaller ones are painted over them.
    order = sorted(made.lesions(), key=lambda lesion: (-int(masks[lesion[0]].sum()), lesion[0]))
    for number, outline in order:
        page = labels[outline.frame]
        for under in np.unique(page[masks[number]]):
            if under:
                voxels = int(((page == under) & masks[number]).sum())
                shared.append({"of": [int(under), number], "voxels": voxels, "given_to": number})
        page[masks[number]] = number
    return labels, shared


def _layers(made: OutlineSet) -> tuple[list[NDArray[Any]], dict[int, tuple[int, int]]]:
    """Put each lesion into the first volume where it covers no other: layer, label value."""
    layers = [np.zeros((made.frames, *made.shape), _kind(made))]
    places: dict[int, tuple[int, int]] = {}
    for number, outline in made.lesions():
        mask = made.mask(number)
        free = (place for place, one in enumerate(layers) if not one[outline.frame][mask].any())
        place = next(free, len(layers))
        if place == len(layers):
            layers.append(np.zeros_like(layers[0]))
        value = number
        layers[place][outline.frame][mask] = value
        places[number] = (place, value)
    return layers, places


def _extent(mask: NDArray[np.bool_], frame: int) -> str:
    """Give the first and last voxel along x, y and z; an empty segment's ends before it begins."""
    if not mask.any():
        return "0 -1 0 -1 0 -1"
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    ends = (columns[0], columns[-1], rows[0], rows[-1], frame, frame)
    return " ".join(str(int(end)) for end in ends)


def _write(
    volume: NDArray[Any],
    plane: tuple[float, float] | None,
    where: Placement,
    path: Path,
    suffix: str,
    keys: Mapping[str, str],
) -> None:
    import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use

    made = sitk.GetImageFromArray(volume, isVector=volume.ndim == 4)
    rows, columns = plane or (1.0, 1.0)
    made.SetSpacing([float(columns), float(rows), where.spacing[0]])
    made.SetOrigin([float(value) for value in where.origin])
    made.SetDirection([float(value) for row in where.direction for value in row])
    for key, value in keys.items():
        made.SetMetaData(key, " ".join(value.split()))
    draft = path.with_name(f".{path.name.removesuffix(suffix)}.{getpid()}.new{suffix}")
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("NrrdImageIO" if suffix.endswith(".nrrd") else "NiftiImageIO")
    writer.SetFileName(str(draft))
    writer.SetUseCompression(suffix != ".nii")
    try:
        writer.Execute(made)
        if volume.ndim == 4:
            _name_list(draft)
        draft.replace(path)
    except (RuntimeError, OSError) as error:
        said = str(error).strip().splitlines()[-1][:200]
        raise RoiError(f"{path} cannot be written ({said}); choose another folder.") from None
    finally:
        draft.unlink(missing_ok=True)


def _name_list(path: Path) -> None:
    """Call the first axis what it is: ITK writes layers as a vector, Slicer wants a list."""
    head, end, data = path.read_bytes().partition(b"\n\n")
    path.write_bytes(head.replace(b"\nkinds: vector ", b"\nkinds: list ", 1) + end + data)
