"""ImageJ ROI files, ``.roi`` and ``RoiSet.zip``, in and out.

ImageJ counts from the corner of the first pixel, so the centre of that pixel is
at (0.5, 0.5); here it is at (0, 0). Half a pixel is taken off on the way in and put
on on the way out, for whole-number and sub-pixel selections alike.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, ImagejRoi

from napari_ptx.roi.imagej_shapes import oval, path_rings, rectangle
from napari_ptx.roi.outline import Outline, RoiError
from napari_ptx.roi.shapes import is_pixel_edge, nest

_LARGEST = 64 * 2**20  # bytes of one ROI; ImageJ itself stops at 5 MB
_MOST = 65535  # vertices that fit the field of a polygon
_QUANTUM = 2.0**23  # steps per pixel that are written, so that rounding is exact
_TEXT = {ROI_SUBTYPE.TEXT: "text", ROI_SUBTYPE.IMAGE: "an embedded image"}


def read_imagej(path: Path | str) -> tuple[Outline, ...]:
    """Read the outlines of an ImageJ ROI file.

    Polygons, freehand and traced selections, ovals, rectangles (rounded, too),
    rotated rectangles, fitted ellipses and composites. A composite gives one
    outline for each of its separate parts, with holes. The stack position becomes
    the frame (position 1 is frame 0; none is frame 0).

    Parameters
    ----------
    path
        A ``.roi`` file, or a ``.zip`` of them.

    Raises
    ------
    RoiError
        Where the file is not what ImageJ writes, or holds a selection without an
        area (line, angle, point, text) or one fitted with a spline.
    """
    return tuple(outline for _, outline in read_named(path))


def read_named(path: Path | str) -> tuple[tuple[str, Outline], ...]:
    """Read the outlines of an ImageJ ROI file like ``read_imagej``, each with its name.

    The name is the ROI's own or else that of its file; the parts of a composite
    share it.
    """
    path = Path(path)
    named = []
    for entry, data in _entries(path):
        where = f"{path.name}, {entry}," if entry != path.name else path.name
        roi = _decode(data, where)
        name = roi.name or re.sub(r"\.roi$", "", entry.rsplit("/", 1)[-1], flags=re.IGNORECASE)
        named += [(name, outline) for outline in _outlines(roi, where)]
    return tuple(named)


def write_imagej(
    path: Path | str, outlines: Iterable[Outline], names: Sequence[str] | None = None
) -> None:
    """Write outlines as an ImageJ ROI file.

    An outline with holes becomes a composite; one along pixel edges (the trace of a
    mask) a traced selection in whole numbers; any other a polygon with sub-pixel
    resolution. Coordinates are kept to ImageJ's float32: to 6e-8 px near the
    origin, 3e-5 px below 1,024 and 2e-3 px below 65,536. The same outlines always
    give the same bytes, and what was read from such a file is written back as it was.

    Parameters
    ----------
    path
        ``.zip`` for any number of outlines (none, too), ``.roi`` for exactly one.
        An existing file is replaced, whole or not at all.
    outlines
        In pixels; the frame becomes the stack position (frame 0 is position 1).
    names
        One for each outline; without, they are numbered. A name that occurs again
        is numbered inside the zip, as ImageJ's ROI manager does. A character
        outside Unicode's basic plane becomes "_".

    Raises
    ------
    RoiError
        Where the names do not fit, or a ``.roi`` file would hold several outlines.
    """
    path, rois = Path(path), tuple(outlines)
    given = [""] * len(rois) if names is None else names
    if len(given) != len(rois):
        raise RoiError(f"{path.name} needs {len(rois)} names, not {len(given)}.")
    labels = [_plain(name) or f"{number:04d}" for number, name in enumerate(given, 1)]
    content = [
        _encode(outline, label).tobytes() for outline, label in zip(rois, labels, strict=True)
    ]
    kind = path.suffix.lower()
    if kind not in (".roi", ".zip"):
        raise RoiError(f"{path.name} must end in .roi or .zip to be an ImageJ ROI file.")
    if kind == ".roi" and len(rois) != 1:
        raise RoiError(
            f"{path.name} can hold one outline, not {len(rois)}: write a .zip file instead."
        )
    part = path.with_name(path.name + ".part")
    if kind == ".roi":
        part.write_bytes(content[0])
    else:
        _write_zip(part, labels, content)
    part.replace(path)


def _entries(path: Path) -> list[tuple[str, bytes]]:
    """The ROIs of a file, each with its name there."""
    advice = "save the selection again from ImageJ"
    try:
        if not zipfile.is_zipfile(path):
            if path.stat().st_size > _LARGEST:
                raise RoiError(f"{path.name} is too large to be an ImageJ ROI; {advice}.")
            return [(path.name, path.read_bytes())]
        with zipfile.ZipFile(path) as archive:
            infos = [i for i in archive.infolist() if i.filename.lower().endswith(".roi")]
            if not infos and archive.infolist():
                raise RoiError(f"{path.name} holds no .roi file; {advice}.")
            if any(info.file_size > _LARGEST for info in infos):
                raise RoiError(f"{path.name} holds a file too large to be an ROI; {advice}.")
            return [(info.filename, archive.read(info)) for info in infos]
    except FileNotFoundError:
        raise RoiError(f"{path} does not exist: check the path.") from None
    # what zipfile raises for broken, encrypted and oddly compressed archives
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,
        NotImplementedError,
        ValueError,
        struct.error,
    ) as error:
        raise RoiError(f"{path.name} cannot be read ({error}); {advice}.") from error


def _decode(data: bytes, where: str) -> Any:
    try:
        return ImagejRoi.frombytes(data)
    # what roifile raises for fields that point outside the file or make no sense
    except (ValueError, TypeError, struct.error, OverflowError, MemoryError) as error:
        raise RoiError(
            f"{where} is not a complete ImageJ ROI ({error}); save it again from ImageJ."
        ) from error


def _outlines(roi: Any, where: str) -> tuple[Outline, ...]:
    frame = _frame(roi, where)
    try:
        return nest([ring - 0.5 for ring in _rings(roi, where)], frame)
    except RoiError as error:
        raise RoiError(f"{where} cannot be used: {error.message}") from error


def _rings(roi: Any, where: str) -> list[NDArray[np.float64]]:
    """The closed lines of a selection as ``(y, x)``, in ImageJ's coordinates."""
    if roi.options & ROI_OPTIONS.SPLINE_FIT:
        raise RoiError(
            f"{where} is fitted with a spline: in ImageJ, use Edit > Selection > Interpolate first."
        )
    if roi.subtype in _TEXT:
        raise RoiError(f"{where} is {_TEXT[roi.subtype]}, not an outline: take it out of the file.")
    if roi.composite:
        if roi.multi_coordinates is None:
            raise RoiError(f"{where} is a composite without a path; save it again from ImageJ.")
        return path_rings(roi.multi_coordinates)
    if roi.roitype in (ROI_TYPE.RECT, ROI_TYPE.OVAL):
        if roi.subpixelrect:
            top, left, height, width = roi.yd, roi.xd, roi.heightd, roi.widthd
        else:
            top, left = roi.top, roi.left
            height, width = roi.bottom - roi.top, roi.right - roi.left
        if not (np.isfinite([top, left]).all() and 0 < height < 1e6 and 0 < width < 1e6):
            raise RoiError(f"{where} has no size ({height} x {width}); save it again from ImageJ.")
        if roi.roitype == ROI_TYPE.OVAL:
            return [oval(top, left, height, width)]
        return [rectangle(top, left, height, width, roi.rounded_rect_arc_size)]
    if roi.roitype in (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED):
        points = roi.subpixel_coordinates
        if points is None:
            points = np.add(roi.integer_coordinates, (roi.left, roi.top))
        return [np.asarray(points, dtype=np.float64)[:, ::-1]]
    raise RoiError(
        f"{where} is a selection of type {roi.roitype.name.lower()}, which has no area: "
        "take it out of the file."
    )


def _frame(roi: Any, where: str) -> int:
    """The frame, from whichever of ImageJ's stack positions is set."""
    positions = {p for p in (roi.position, roi.z_position, roi.t_position) if p > 1}
    if len(positions) > 1:
        raise RoiError(
            f"{where} lies at slice {roi.z_position} of frame {roi.t_position}: "
            "an outline can have a slice or a frame, not both."
        )
    return positions.pop() - 1 if positions else 0


def _encode(outline: Outline, name: str) -> Any:
    rings = [
        (np.rint((ring[:, ::-1] + 0.5) * _QUANTUM) / _QUANTUM).astype(np.float32)
        for ring in outline.rings
    ]
    # the header has whole numbers in 16 bits; ImageJ takes the place from the vertices
    low = np.clip(np.floor(rings[0].min(axis=0)), -5000, 60535).astype(np.int64)
    high = np.clip(np.ceil(rings[0].max(axis=0)), -5000, 60535).astype(np.int64)
    roi = ImagejRoi(
        name=name,
        left=int(low[0]),
        top=int(low[1]),
        right=int(high[0]),
        bottom=int(high[1]),
        position=outline.frame + 1,
    )
    if outline.holes or len(rings[0]) > _MOST:
        path = np.concatenate([_path(ring) for ring in rings])
        roi.roitype, roi.multi_coordinates = ROI_TYPE.RECT, path
        roi.shape_roi_size = len(path)
        return roi
    roi.n_coordinates = len(rings[0])
    roi.integer_coordinates = np.clip(np.rint(rings[0] - low), 0, 65535).astype(np.int32)
    fits = (rings[0] > -5000).all() and (rings[0] < 60535).all()
    if fits and is_pixel_edge(outline.points):
        roi.roitype = ROI_TYPE.TRACED
    else:
        roi.roitype = ROI_TYPE.POLYGON
        roi.options = ROI_OPTIONS.SUB_PIXEL_RESOLUTION
        roi.subpixel_coordinates = rings[0]
    return roi


def _plain(name: str) -> str:
    """Replace what does not fit the 16 bits that a character of a name has."""
    return re.sub(r"[^\x20-\ud7ff\ue000-\uffff]", "_", name)


def _path(ring: NDArray[np.float32]) -> NDArray[np.float32]:
    """One ring as java.awt.geom.PathIterator has it: move to, lines to, close."""
    commands = np.ones((len(ring), 3), dtype=np.float32)
    commands[0, 0] = 0
    commands[:, 1:] = ring
    return np.append(commands.ravel(), np.float32(4))


def _write_zip(path: Path, names: Sequence[str], content: Sequence[bytes]) -> None:
    used: set[str] = set()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in zip(names, content, strict=True):
            base = re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", name)
            entry, count = base, 1
            while entry.lower() in used:
                entry, count = f"{base}-{count}", count + 1
            used.add(entry.lower())
            # a fixed date and system, so that the same outlines give the same file
            info = zipfile.ZipInfo(f"{entry}.roi", (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, data)
