"""DICOM files with pixels, single and multi-frame: what is read, and what is refused.

pydicom parses and decodes. What it lets pass is checked here before and after:
the declared size against the data that are there, frames that were cut, and
sizes inside compressed frames that contradict the header.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import pydicom
from pydicom.encaps import generate_frames
from pydicom.pixels import get_decoder  # type: ignore[attr-defined]  # documented as theirs
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    UncompressedTransferSyntaxes,
)

from napari_ptx.image.codestream import frame_size, is_complete
from napari_ptx.image.dicom_pixels import decode_pixels
from napari_ptx.image.dicom_space import find_space
from napari_ptx.image.foreign import Unreadable, check_size
from napari_ptx.image.types import Image

_PIXEL_DATA = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_COLOURS = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
}
_HTJ2K = {"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"}
_J2K = {*JPEG2000TransferSyntaxes, *_HTJ2K}
_WITH_MARKERS = {*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes, *_J2K}


class Header(NamedTuple):
    """The size and the kind of the pixels, as the file declares them."""

    element: str
    rows: int
    columns: int
    frames: int
    samples: int
    bits: int
    photometric: str
    syntax: UID


def read_dicom(path: Path) -> Image:
    """Read a DICOM file.

    Colour becomes RGB whatever the file's colour space. A Modality LUT or
    rescale is applied (CT: Hounsfield units, in the smallest integer type from
    int16 on where they are whole numbers). MONOCHROME1 is inverted so that
    larger is brighter, unless the values are physical ones. A VOI LUT or window
    is for display and leaves the pixels alone: see ``Image.window``.

    Raises
    ------
    Unreadable
        Whatever is wrong that can be named.
    """
    with warnings.catch_warnings():
        # pydicom warns of each departure from the standard; what matters is checked here.
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, force=True)
        notes: list[str] = []
        header = read_header(dataset, notes)
        count = header.frames * header.rows * header.columns * header.samples
        check_size(count * max(1, header.bits // 8), path)
        check_data(dataset, header, notes)
        values = decode_pixels(dataset, header.photometric, header.syntax)
        expected: tuple[int, ...] = (header.rows, header.columns)
        if header.frames > 1:
            expected = (header.frames, *expected)
        shape = values.pixels.shape[:-1] if values.colour else values.pixels.shape
        if shape != expected:
            raise Unreadable(
                f"its pixels decode to {_size(shape)}, not to the {_size(expected)} that it "
                "declares; export it again"
            )
        space = find_space(dataset, header.rows, header.columns, header.frames)
    tags = dataset.keys()  # iterating the dataset itself would parse every element
    if any(0x6000 <= tag.group < 0x6100 and tag.element == 0x3000 for tag in tags):
        notes.append("overlays in the file are not shown")
    return Image(
        values.pixels,
        space.axes,
        space.spacing,
        space.calibrated,
        modality=str(dataset.get("Modality") or "OT").strip() or "OT",
        colour=values.colour,
        origin=space.origin,
        direction=space.direction,
        regions=space.regions,
        source=path,
        notes=(*notes, *values.notes, *space.notes),
        window=values.window,
    )


def read_header(dataset: Any, notes: list[str]) -> Header:
    """Read and check what a data set declares of its pixels.

    Raises
    ------
    Unreadable
        Pixels, their size, their kind or their transfer syntax are missing or impossible.
    """
    element = next((name for name in _PIXEL_DATA if name in dataset), None)
    if element is None:
        kind = dataset.get("Modality") or "of no stated kind"
        raise Unreadable(
            f"it is a DICOM file without pixel data ({kind}), or was cut off before them; "
            "choose a file that holds an image"
        )
    rows, columns, samples, bits = (
        _whole_number(dataset, name)
        for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
    )
    frames = _whole_number(dataset, "NumberOfFrames", 1) or 1
    photometric = str(dataset.get("PhotometricInterpretation") or "").strip().upper()
    if photometric not in _COLOURS:
        raise Unreadable(
            f"its colour space (Photometric Interpretation) is {photometric or 'missing'}, which "
            f"is not one of {', '.join(_COLOURS)}; export it again as RGB or MONOCHROME2"
        )
    if _COLOURS[photometric] != samples:
        raise Unreadable(
            f"it declares {samples} samples per pixel for {photometric}, which has "
            f"{_COLOURS[photometric]}; export it again"
        )
    if bits not in (1, 8, 16, 32, 64):
        raise Unreadable(f"it declares {bits} bits per sample; export it again with 8 or 16")
    syntax = _transfer_syntax(dataset, element, notes)
    if photometric in ("YBR_ICT", "YBR_RCT") and syntax not in _J2K:
        raise Unreadable(
            f"it declares the colour space {photometric}, which only JPEG 2000 has, but is "
            f"{syntax.name}; export it again as RGB"
        )
    return Header(element, rows, columns, frames, samples, bits, photometric, syntax)


def _whole_number(dataset: Any, keyword: str, default: int | None = None) -> int:
    try:
        value = dataset.get(keyword)
        number = default if value is None or value == "" else int(value)
    except (TypeError, ValueError):
        raise Unreadable(f"its tag {keyword} is not a number; export it again") from None
    if number is None:
        raise Unreadable(f"its tag {keyword} is missing; export it again")
    if number < 0 or (number == 0 and default is None):
        raise Unreadable(f"its tag {keyword} is {number}; export it again")
    return number


def _transfer_syntax(dataset: Any, element: str, notes: list[str]) -> UID:
    meta = getattr(dataset, "file_meta", None)
    stated = meta.get("TransferSyntaxUID") if meta is not None else None
    if stated:
        syntax = UID(str(stated))
        try:
            decoder = get_decoder(syntax)
        except NotImplementedError:
            name = syntax.name if syntax.name != syntax else f"transfer syntax {syntax}"
            raise Unreadable(
                f"it is stored as {name}, for which there is no decoder here; convert it to "
                "Explicit VR Little Endian, for example with dcmtk or gdcmconv"
            ) from None
        if not decoder.is_available:
            raise Unreadable(
                f"it is stored as {syntax.name}, which needs a package that is not installed "
                f"({' or '.join(decoder.missing_dependencies)}); add it with pip"
            )
        return syntax
    if dataset[element].is_undefined_length:
        raise Unreadable(
            "its pixels are compressed, but its transfer syntax, which says how, is missing; "
            "export it again"
        )
    implicit, little = dataset.original_encoding
    if not little:
        syntax = ExplicitVRBigEndian
    else:
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    notes.append(f"the file states no transfer syntax: read as {syntax.name}")
    if meta is None:
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    return syntax


def check_data(dataset: Any, header: Header, notes: list[str]) -> None:
    """Compare the pixel data that are there with what the header declares.

    Raises
    ------
    Unreadable
        Data are missing, cut off, or of another size.
    """
    data = dataset[header.element].value
    if not isinstance(data, bytes) or not data:
        raise Unreadable("its pixel data are empty; copy or export it again")
    if header.syntax in UncompressedTransferSyntaxes:
        bits = header.frames * header.rows * header.columns * header.samples * header.bits
        expected = -(-bits // 8)
        if header.photometric == "YBR_FULL_422":
            expected = expected // 3 * 2
        if len(data) < expected:
            raise Unreadable(
                f"its pixel data are cut off ({len(data):,} of {expected:,} bytes); copy it "
                "again from where it came"
            )
        if len(data) > expected + 1:
            notes.append(f"{len(data) - expected:,} bytes after the last frame were ignored")
        return
    frames = list(generate_frames(data, number_of_frames=header.frames))
    if len(frames) < header.frames:
        raise Unreadable(
            f"it holds {len(frames)} of the {header.frames} frames that it declares; copy it "
            "again from where it came"
        )
    if len(frames) > header.frames:
        notes.append(f"{len(frames) - header.frames} frames beyond the declared ones were ignored")
    if header.syntax not in _WITH_MARKERS:
        return
    for number, frame in enumerate(frames[: header.frames], start=1):
        if not is_complete(frame):
            raise Unreadable(
                f"the compressed data of frame {number} are cut off; copy it again from where "
                "it came"
            )
        size = frame_size(frame)
        declared = (header.rows, header.columns, header.samples)
        if size is not None and tuple(size) != declared:
            raise Unreadable(
                f"frame {number} is {_size(size)} inside, but the file declares "
                f"{_size(declared)}; export it again"
            )


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
