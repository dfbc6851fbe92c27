"""What a compressed frame says of itself, read before a decoder is let near it.

A decoder that is handed a cut frame often fills the rest with grey and says
nothing; one that is handed another size than the header declares scrambles the
picture. Both are seen here from a few bytes.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_END = b"\xff\xd9"


class FrameSize(NamedTuple):
    """Rows, columns and samples per pixel of a compressed frame."""

    rows: int
    columns: int
    samples: int


def is_complete(frame: bytes) -> bool:
    """Tell whether a JPEG, JPEG-LS or JPEG 2000 frame has its data and its end marker.

    Padding after the end (zeros, or one 0xFF) is allowed. Damage within the data
    cannot be told: these formats have no checksum.
    """
    start_of_data = b"\xff\xda" if frame.startswith(b"\xff\xd8") else b"\xff\x90"
    return start_of_data in frame and frame.rstrip(b"\0").endswith((_END, _END + b"\xff"))


def frame_size(frame: bytes) -> FrameSize | None:
    """Read the size from a JPEG, JPEG-LS or JPEG 2000 header; ``None`` where it has none."""
    if frame.startswith(b"\xff\xd8"):
        return _jpeg_size(frame)
    start = frame.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start < 0 or len(frame) < start + 42:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", frame, start + 8)
    (samples,) = struct.unpack_from(">H", frame, start + 40)
    return FrameSize(bottom - top, right - left, samples)


def _jpeg_size(frame: bytes) -> FrameSize | None:
    place = 2
    while place + 9 < len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
            continue
        length, _precision, rows, columns, samples = struct.unpack_from(">HBHHB", frame, place + 2)
        if marker in _START_OF_FRAME:
            # Zero rows: the number follows in a later marker, which nobody writes in practice.
            return FrameSize(rows, columns, samples) if rows else None
        place += 2 + length
    return None
