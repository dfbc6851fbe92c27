"""From DICOM pixel data to values: colour, palettes, modality transforms, inversion."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels import (  # type: ignore[attr-defined]  # documented as theirs
    apply_color_lut,
    get_decoder,
)
from pydicom.uid import UID, ExplicitVRBigEndian, JPEGLSTransferSyntaxes

from napari_ptx.image.dicom_space import functional_group, numbers
from napari_ptx.image.foreign import Unreadable, tidy

# Modalities whose values are measurements and must never be inverted.
_PHYSICAL = {"CT", "PT"}


class Values(NamedTuple):
    """Decoded pixels, whether they are RGB, the display window and notes."""

    pixels: NDArray[Any]
    colour: bool
    window: tuple[float, float] | None
    notes: tuple[str, ...]


def decode_pixels(dataset: Any, photometric: str, syntax: UID) -> Values:
    """Decode the pixel data of a checked dataset; see ``read_dicom``."""
    try:
        # Frames beyond the declared ones are left out, and the header's note says so.
        options: dict[str, Any] = {"allow_excess_frames": False}
        if syntax in JPEGLSTransferSyntaxes:
            # CharLS refuses a scan that ends early; libjpeg fills the rest and says nothing.
            options["decoding_plugin"] = "pyjpegls"
        stored, _ = get_decoder(syntax).as_array(dataset, **options)
    except RuntimeError as error:
        # pydicom lists what each of its plugins said, one line each; the first is the best one.
        lines = str(error).splitlines()
        said = (
            lines[min(1, len(lines) - 1)]
            .strip()
            .removeprefix("pylibjpeg: ")
            .removeprefix("pyjpegls: ")
        )
        raise Unreadable(
            f"its pixels ({syntax.name}) could not be decompressed ({said}); the data are "
            "damaged or not what the file declares: export it again"
        ) from None
    stored = tidy(stored)
    if photometric == "PALETTE COLOR":
        return Values(_apply_palette(stored, dataset, syntax), True, None, ())
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        return Values(stored, True, None, ())
    notes: list[str] = []
    pixels = _apply_modality(stored, dataset, syntax, notes)
    window = _window(dataset)
    if window is None and dataset.get("VOILUTSequence"):
        notes.append("the VOI LUT of the file, a curve for display, is not applied")
    if "RedPaletteColorLookupTableDescriptor" in dataset:
        notes.append("the supplemental palette of the file is not applied: shown in grey")
    if photometric == "MONOCHROME1":
        if pixels is not stored or dataset.get("Modality") in _PHYSICAL:
            notes.append("the values are kept although the file asks to show large ones dark")
        else:
            pixels = _invert(stored, int(dataset.get("BitsStored") or 8 * stored.itemsize))
            window = None
            notes.append("inverted (MONOCHROME1), so that larger is brighter")
    return Values(pixels, False, window, tuple(notes))


def look_up(values: NDArray[Any], first: int, table: NDArray[Any]) -> NDArray[Any]:
    """Map values through a table whose first entry stands for ``first``.

    Values below the first entry take it, values above the last take that
    (DICOM PS3.3 C.11.1.1). pydicom's own functions index in the type of the
    pixels, which wraps around for 16-bit pixels with 8-bit tables.
    """
    index = np.clip(values.astype(np.int64) - first, 0, len(table) - 1)
    return table[index]


def _descriptor(item: Any, keyword: str) -> tuple[int, int, int]:
    found = numbers(item, keyword, 3)
    if found is None:
        raise Unreadable(f"its {keyword} is missing or not three numbers; export it again")
    entries, first, bits = (int(number) for number in found)
    return (entries & 0xFFFF) or 2**16, first, bits


def _entries(item: Any, keyword: str, count: int, syntax: UID) -> NDArray[Any]:
    """Read the entries of a lookup table: bytes, words or, as pydicom gives them, numbers."""
    data = item[keyword].value if keyword in item else None
    big = syntax == ExplicitVRBigEndian
    found: NDArray[Any]
    if isinstance(data, bytes):
        if len(data) >= 2 * count:
            return np.frombuffer(data, ">u2" if big else "<u2", count).astype(np.uint16)
        # 8-bit entries packed into 16-bit words, whose bytes big-endian files swap
        if big:
            data = np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype("<u2").tobytes()
        found = np.frombuffer(data, np.uint8)[:count]
    else:
        found = np.asarray([] if data is None else data, np.uint16).reshape(-1)[:count]
    if len(found) < count:
        raise Unreadable(
            f"its {keyword} has {len(found)} of {count} entries; copy or export it again"
        )
    return found


def _apply_palette(stored: NDArray[Any], dataset: Any, syntax: UID) -> NDArray[np.unsignedinteger]:
    count, first, bits = _descriptor(dataset, "RedPaletteColorLookupTableDescriptor")
    names = [f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")]
    if names[0] in dataset:
        table = np.stack([_entries(dataset, name, count, syntax) for name in names], axis=-1)
    elif f"Segmented{names[0]}" in dataset and (bits == 16 or count <= 256):
        # Applied to a ramp, so that the result is the table itself.
        ramp = np.arange(first, first + count, dtype=np.int32)
        table = apply_color_lut(ramp, dataset)[:, :3]
    else:
        raise Unreadable("its palette is missing; export it again as RGB")
    return look_up(stored, first, _to_bytes(table))


def _to_bytes(table: NDArray[Any]) -> NDArray[Any]:
    """Reduce a palette to 8 bits where nothing is lost by it.

    Devices write 8-bit colours into 16-bit entries in three ways: as they are,
    in the high byte, and in both bytes.
    """
    if table.max() <= 255:
        return table.astype(np.uint8)
    low, high = table & 0xFF, table >> 8
    if not low.any() or np.array_equal(low, high):
        return high.astype(np.uint8)
    return table.astype(np.uint16)


def _apply_modality(
    stored: NDArray[Any], dataset: Any, syntax: UID, notes: list[str]
) -> NDArray[Any]:
    """Apply the Modality LUT or the rescale; give ``stored`` itself where there is neither."""
    if dataset.get("ModalityLUTSequence"):
        item = dataset.ModalityLUTSequence[0]
        count, first, _ = _descriptor(item, "LUTDescriptor")
        return look_up(stored, first, _entries(item, "LUTData", count, syntax))
    frames = stored.shape[0] if stored.ndim > 2 else 1
    pairs = []
    for frame in range(frames):
        item = functional_group(dataset, "PixelValueTransformationSequence", frame) or dataset
        slope, intercept = numbers(item, "RescaleSlope", 1), numbers(item, "RescaleIntercept", 1)
        pairs.append((slope[0] if slope else 1.0, intercept[0] if intercept else 0.0))
    if set(pairs) == {(1.0, 0.0)}:
        return stored
    if any(slope == 0 for slope, _ in pairs):
        notes.append("the rescale slope of the file is 0 and was ignored")
        return stored
    if len(set(pairs)) == 1:
        return _rescale(stored, *pairs[0])
    parts = [_rescale(frame, *pair) for frame, pair in zip(stored, pairs, strict=True)]
    return np.stack(parts).astype(np.result_type(*parts))


def _rescale(stored: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    if stored.dtype.kind == "f" or not (slope.is_integer() and intercept.is_integer()):
        return (stored * slope + intercept).astype(np.float32)
    ends = [int(end) * int(slope) + int(intercept) for end in (stored.min(), stored.max())]
    for kind in (np.int16, np.int32, np.int64):
        if np.iinfo(kind).min <= min(ends) and max(ends) <= np.iinfo(kind).max:
            return (stored.astype(np.int64) * int(slope) + int(intercept)).astype(kind)
    raise Unreadable("its rescaled values do not fit 64 bits; export it again")


def _invert(stored: NDArray[Any], bits: int) -> NDArray[Any]:
    if stored.dtype.kind == "f":
        return np.asarray(stored.min() + stored.max() - stored)
    mirror = -1 if stored.dtype.kind == "i" else (1 << bits) - 1
    return (mirror - stored.astype(np.int64)).astype(stored.dtype)


def _window(dataset: Any) -> tuple[float, float] | None:
    item = functional_group(dataset, "FrameVOILUTSequence", 0) or dataset
    centre, width = numbers(item, "WindowCenter"), numbers(item, "WindowWidth")
    if not centre or not width or not math.isfinite(centre[0]) or not 1 < width[0] < math.inf:
        return None
    # The linear function of DICOM PS3.3 C.11.2.1.2, which is half a value off centre.
    return centre[0] - 0.5 - (width[0] - 1) / 2, centre[0] - 0.5 + (width[0] - 1) / 2
