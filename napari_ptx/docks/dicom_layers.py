"""DICOM folders and structure files as layers: a series, and what was drawn on it."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info, show_warning

from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

    from napari_ptx.image import Image, Series
    from napari_ptx.roi import DicomObject

    LayerData = tuple[Any, dict[str, Any], str]

_LOOKED_AT = 200
"""Files of a folder of which one must be DICOM: a dropped folder may hold a disk."""


def holds_dicom(folder: Path) -> bool:
    """Tell whether one of the first files of a folder, or of those in it, is DICOM."""
    from napari_ptx.image.foreign import Unreadable
    from napari_ptx.image.read import format_of

    if folder.suffix.lower() in (".zarr", ".n5"):  # many small files, and other readers' own
        return False
    files = (Path(place) / name for place, _, names in os.walk(folder) for name in sorted(names))
    for path in islice(files, _LOOKED_AT):
        try:
            if format_of(path) == "dicom":
                return True
        except (Unreadable, OSError):
            continue
    return False


def read_folder(folder: Path) -> list[LayerData]:
    """Give the largest series of a folder as a layer, and the structures drawn on it.

    CT goes before everything else, a regular grid before slices that are none. The other series
    are named in a notification: one is what a user wants to see first, and five would fill the
    memory.

    Raises
    ------
    ImageError
        There is no series, or none that is one volume.
    """
    from napari_ptx.docks.layers import image_options
    from napari_ptx.image import find_series, read_series

    ranked = sorted(
        find_series(folder),
        key=lambda one: (one.modality != "CT", bool(one.faults), -one.size[0]),
    )
    chosen = ranked[0]
    image = read_series(chosen)
    for note in image.notes:
        show_info(f"{chosen.name}: {note}")
    if len(ranked) > 1:
        others = ", ".join(f"{one.name} ({_slices(one)})" for one in ranked[1:])
        show_info(
            f"Opened {chosen.name} ({_slices(chosen)}), the largest of {len(ranked)} series; not "
            f"opened: {others}. Two phases together: the Phases dock."
        )
    options = image_options(image, chosen.description or folder.name)
    options["metadata"]["ptx"] |= {
        "series": chosen.uid,
        "frame_of_reference": chosen.frame_of_reference,
    }
    return [(image.pixels, options, "image"), *_drawn(folder, chosen, ranked, image)]


def _slices(series: Series) -> str:
    count = series.size[0]
    return f"{series.modality}, 1 slice" if count == 1 else f"{series.modality}, {count} slices"


def _drawn(folder: Path, chosen: Series, ranked: list[Series], image: Image) -> list[LayerData]:
    from napari_ptx.roi import find_objects

    layers = []
    for one in find_objects(folder):
        elsewhere = {series.uid for series in ranked} & set(one.series)
        frame = chosen.frame_of_reference in one.frames_of_reference
        if chosen.uid in one.series or (frame and not elsewhere):
            try:
                layers += _structures(one, image, chosen.frame_of_reference)
            except PtxError as error:  # the series is worth looking at without it
                show_warning(str(error))
        else:
            show_info(f"{one.name} was not opened: it was drawn on another series.")
    return layers


def read_structures(header: DicomObject, viewer: Viewer | None) -> list[LayerData]:
    """Give an RTSTRUCT or SEG file as labels layers on the grid of an open volume.

    There is one, unless structures overlap: then as few as hold each of them whole.

    Raises
    ------
    PtxError
        No volume is open, it cannot be told on which of several the structures were drawn, or
        they do not fit it.
    """
    found = [] if viewer is None else [layer for layer in viewer.layers if _is_volume(layer)]
    if not found:
        raise PtxError(
            f"{header.path} holds structures, which are shown on the volume that they were drawn "
            "on; open the folder of its series first."
        )
    layer = _fitting(header, found, viewer)
    ours = layer.metadata["ptx"]
    return _structures(header, ours["image"], ours.get("frame_of_reference", ""))


def _fitting(header: DicomObject, found: list[Layer], viewer: Viewer) -> Layer:
    """Choose the volume by its series, else its patient frame, else as the only or active one."""
    frames = ("", *header.frames_of_reference)
    for kept in (
        [one for one in found if one.metadata["ptx"].get("series") in header.series],
        [one for one in found if one.metadata["ptx"].get("frame_of_reference") in frames[1:]],
        [one for one in found if one.metadata["ptx"].get("frame_of_reference", "") in frames],
        found,  # in another frame: reading refuses it with the reason
    ):
        if len(kept) == 1:
            return kept[0]
        if kept:
            if viewer.layers.selection.active in kept:
                return viewer.layers.selection.active
            names = ", ".join(one.name for one in kept)
            raise PtxError(
                f"{header.path} may have been drawn on any of {names}; select that layer and "
                "open the file again."
            )
    raise AssertionError("unreachable: found is never empty")


def _is_volume(layer: Layer) -> bool:
    from napari_ptx.image import Image

    image = layer.metadata.get("ptx", {}).get("image")
    return (
        layer.metadata.get("ptx", {}).get("kind") == "image"
        and isinstance(image, Image)
        and image.axes == "zyx"
        and image.origin is not None
        and image.direction is not None
    )


def _structures(header: DicomObject, on: Image, frame_of_reference: str) -> list[LayerData]:
    from napari_ptx.docks.layers import structure_options
    from napari_ptx.roi import read_layers

    found = read_layers(header.path, on, frame_of_reference=frame_of_reference)
    if found[0].image.notes:  # one message: several would hide each other
        show_info(f"{header.path.name}: {'; '.join(found[0].image.notes)}")
    name = header.label or header.path.stem
    return [
        (
            one.image.pixels.copy(),  # an Image cannot be painted on
            structure_options(one, name if place == 1 else f"{name} {place}"),
            "labels",
        )
        for place, one in enumerate(found, start=1)
    ]
