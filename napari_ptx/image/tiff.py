"""TIFF, with ImageJ's and OME's calibration where it is unambiguous."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_ptx.image.foreign import Unreadable, check_size, tidy
from napari_ptx.image.raster import without_alpha
from napari_ptx.image.types import Image

_MM = {
    "mm": 1.0,
    "millimeter": 1.0,
    "millimetre": 1.0,
    "cm": 10.0,
    "centimeter": 10.0,
    "centimetre": 10.0,
    "m": 1000.0,
    "um": 1e-3,
    "µm": 1e-3,
    "μm": 1e-3,
    "\\u00b5m": 1e-3,
    "micron": 1e-3,
    "microns": 1e-3,
    "micrometer": 1e-3,
    "micrometre": 1e-3,
    "nm": 1e-6,
}
_GREY, _GREY_INVERTED, _RGB, _PALETTE, _YCBCR = 1, 0, 2, 3, 6


def read_tiff(path: Path) -> Image:
    """Read the first image series of a TIFF file.

    A stack of pages becomes frames (axes "tyx"), or slices ("zyx") where ImageJ
    or OME call the axis Z. Only a unit written by ImageJ or OME calibrates: the
    plain resolution tags are mostly a wish for printing.

    Raises
    ------
    Unreadable
        What tifffile raises for damaged files passes through.
    """
    notes: list[str] = []
    with tifffile.TiffFile(path) as file:
        # Counting follows the chain of pages to its end and cuts a circle in it; iterating,
        # as the series do, would go round for ever.
        if len(file.pages) == 0 or not file.series:
            raise Unreadable("it holds no image; export it again")
        series = file.series[0]
        if len(file.series) > 1:
            notes.append(f"only the first of {len(file.series)} image series in the file is read")
        check_size(series.nbytes, path)
        _check_pages(series, path.stat().st_size)
        page = series.keyframe
        pixels, axes = _plain_axes(series.asarray(), series.axes)
        pixels = _shown(pixels, page, notes)
        colour = axes.endswith("S")
        if colour:
            pixels = without_alpha(pixels, notes)
            colour, axes = pixels.ndim == len(axes), axes[:-1]
        spacing = _imagej_spacing(file, page, axes) or _ome_spacing(file, axes)
    return Image(
        tidy(pixels),
        axes,
        spacing or (1.0,) * len(axes),
        spacing is not None,
        colour=colour,
        source=path,
        notes=tuple(notes),
    )


def _check_pages(series: Any, file_size: int) -> None:
    """Refuse strips and tiles that are missing: tifffile would fill them with zeros."""
    for page in series.pages:
        if page is None:
            raise Unreadable("a page of it is missing or lies in another file; save it again")
        ends = zip(page.dataoffsets, page.databytecounts, strict=False)
        if len(page.dataoffsets) != len(page.databytecounts) or any(
            offset <= 0 or count <= 0 or offset + count > file_size for offset, count in ends
        ):
            raise Unreadable("it is cut off or damaged; copy it again from where it came")
        packed = page.size * page.keyframe.bitspersample // 8  # rows may be padded to whole bytes
        if page.compression == 1 and sum(page.databytecounts) < packed:
            raise Unreadable("it holds fewer pixels than it declares; copy it again")
        strips = int(np.prod(page.chunked))
        if len(page.dataoffsets) < strips and not page.is_contiguous:
            raise Unreadable(f"it holds {len(page.dataoffsets)} of {strips} strips; copy it again")


def _plain_axes(pixels: NDArray[Any], axes: str) -> tuple[NDArray[Any], str]:
    """Reduce tifffile's axes to one of yx, zyx and tyx, with S for samples at the end."""
    if pixels.size == 0 or pixels.ndim != len(axes):
        raise Unreadable("it holds no pixels; copy it again from where it came")
    kept = [place for place, name in enumerate(axes) if pixels.shape[place] > 1 or name in "YX"]
    pixels = pixels.reshape([pixels.shape[place] for place in kept])
    axes = "".join(axes[place] for place in kept)
    if "S" in axes and not axes.endswith("S"):
        pixels = np.moveaxis(pixels, axes.index("S"), -1)
        axes = axes.replace("S", "") + "S"
    # Pages without a stated meaning (Q, I) are frames.
    named = axes.replace("Q", "T").replace("I", "T")
    if named.rstrip("S") not in ("YX", "ZYX", "TYX"):
        raise Unreadable(f"its axes are {axes}; save one channel or one time point of it")
    return pixels, named[:-1].lower() + "S" if named.endswith("S") else named.lower()


def _shown(pixels: NDArray[Any], page: Any, notes: list[str]) -> NDArray[Any]:
    """Turn stored values into grey or RGB as the photometric interpretation says."""
    kind = int(page.photometric)
    if kind == _GREY_INVERTED:
        notes.append("inverted (white is zero), so that larger is brighter")
        if pixels.dtype == bool:
            return ~pixels
        if pixels.dtype.kind == "u":
            top = pixels.dtype.type((1 << page.bitspersample) - 1)
            return np.asarray(top - pixels)
        raise Unreadable("its white is zero, with values that are not counts; save it as grey")
    if kind == _PALETTE and page.colormap is not None:
        raise Unreadable("it has a palette; save it as RGB")
    if kind not in (_GREY, _RGB) and not (kind == _YCBCR and int(page.compression) in (6, 7)):
        name = getattr(page.photometric, "name", str(kind))
        raise Unreadable(f"its colour space is {name}; save it as grey or RGB")
    return pixels


def _imagej_spacing(file: tifffile.TiffFile, page: Any, axes: str) -> tuple[float, ...] | None:
    found = file.imagej_metadata
    if not found:
        return None
    scale = _MM.get(str(found.get("unit", "")).strip().lower())
    resolution = [page.tags.get(name) for name in ("YResolution", "XResolution")]
    if scale is None or None in resolution:
        return None
    pairs = [tag.value for tag in resolution]
    if any(count <= 0 or per <= 0 for count, per in pairs):
        return None
    plane = tuple(scale * per / count for count, per in pairs)
    if axes == "zyx":
        depth = float(found.get("spacing", 0.0))
        return (scale * depth, *plane) if depth > 0 else None
    return (1.0, *plane) if axes == "tyx" else plane


def _ome_spacing(file: tifffile.TiffFile, axes: str) -> tuple[float, ...] | None:
    if not file.is_ome or not file.ome_metadata:
        return None
    tree = ElementTree.fromstring(file.ome_metadata)
    pixels = next((node for node in tree.iter() if node.tag.endswith("}Pixels")), None)
    if pixels is None:
        return None
    spacing = []
    for axis in axes:
        if axis == "t":
            spacing.append(1.0)
            continue
        scale = _MM.get(pixels.get(f"PhysicalSize{axis.upper()}Unit", "µm").lower())
        size = float(pixels.get(f"PhysicalSize{axis.upper()}", 0))
        if scale is None or not size > 0:
            return None
        spacing.append(scale * size)
    return tuple(spacing)
