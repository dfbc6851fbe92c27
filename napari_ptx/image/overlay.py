"""What a scanner has drawn into a picture: lines of text, and calipers.

Both detectors are simple and say "likely": they look for ink, that is pixels much
brighter than what is around them or coloured, in small pieces. Text is a row of such
pieces of one height on a flat ground, which tissue never is. A caliper is a plus or a
cross of its own, or a line of evenly spaced dots.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_ptx.image.masking import inside
from napari_ptx.image.types import Image

_MIN_GLYPH, _MAX_GLYPH = 5, 40
"""Pixels of height of a letter."""
_GLYPHS = 3
"""Letters that make a text; scanners mark depths and sides with one or two."""
_FLAT = 30.0
"""Grey values between the 10th and 90th percentile around a letter."""
_INK = (140, 80)
"""Grey values from which a pixel may be ink; the first that shows a line counts."""
_CONTRAST = 75.0
"""Grey values of ink above its ground."""
_DOTS = 7
"""Evenly spaced dots that make a dotted line."""
_DOT_SPACING = (3.0, 14.0)
_EDGE = 4
_SATURATED = 70
"""Between the strongest and the weakest colour of a pixel that is coloured."""

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Box:
    """A part of a picture: first row and column, and one past the last ones."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    def touches(self, other: Box) -> bool:
        """Tell whether the two have a pixel in common."""
        return (
            self.top < other.bottom
            and other.top < self.bottom
            and self.left < other.right
            and other.left < self.right
        )

    def around(self, other: Box) -> Box:
        """Give the smallest box that holds both."""
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )


@dataclass(frozen=True)
class Overlay:
    """What was found in one picture.

    Parameters
    ----------
    text
        Lines of text outside the ultrasound regions, or anywhere where there are none.
    crosses, dotted
        Calipers inside the regions, or anywhere: marks, and lines of dots.
    """

    text: tuple[Box, ...]
    crosses: tuple[Box, ...]
    dotted: tuple[Box, ...]


def find_overlay(image: Image) -> Overlay:
    """Look for text and calipers in an image; of several frames in the middle one."""
    pixels = image.pixels
    if len(image.axes) == 3:
        pixels = pixels[len(pixels) // 2]
    grey, colour = _eight_bits(pixels, image.colour)
    tissue = inside(image.regions, grey.shape) if image.regions else np.ones(grey.shape, bool)
    outside = ~tissue if image.regions else tissue
    text = tuple(_text(grey, outside))
    # A plus sign in a line of text measures nothing.
    crosses = [
        cross
        for cross in _crosses(grey, colour, tissue)
        if not any(line.touches(cross) for line in text)
    ]
    return Overlay(
        text=text,
        crosses=tuple(crosses),
        dotted=tuple(_dotted(grey, colour, tissue)),
    )


def _eight_bits(pixels: NDArray[np.generic], colour: bool) -> tuple[Picture, Mask]:
    """Give grey values 0-255 as they would be shown, and which pixels are coloured."""
    values = pixels.astype(np.float32)
    if pixels.dtype != np.uint8:
        low, high = float(values.min()), float(values.max())
        values = (values - low) * (255 / (high - low if high > low else 1.0))
    if not colour:
        return values.astype(np.uint8), np.zeros(values.shape, dtype=bool)
    # Ink of one colour is as bright as its strongest part.
    return values.max(-1).astype(np.uint8), (values.max(-1) - values.min(-1)) > _SATURATED


@dataclass(frozen=True)
class _Piece:
    """A connected piece of ink: its box, and its pixels in it."""

    box: Box
    shape: Mask


def _pieces(ink: Mask, least: int, most: int) -> Iterator[_Piece]:
    """Give the pieces of ink whose longer side is between ``least`` and ``most`` pixels."""
    from scipy import ndimage

    labels, _ = ndimage.label(ink, structure=np.ones((3, 3)))
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        rows, columns = place
        longer = max(rows.stop - rows.start, columns.stop - columns.start)
        if least <= longer <= most:
            box = Box(rows.start, columns.start, rows.stop, columns.stop)
            yield _Piece(box, labels[place] == number)


# Text


def _text(grey: Picture, where: Mask) -> Iterator[Box]:
    found: list[Box] = []
    for level in _INK:
        ink = grey >= level
        glyphs = [
            piece.box
            for piece in _pieces(ink, _MIN_GLYPH, 3 * _MAX_GLYPH)
            if _MIN_GLYPH <= piece.box.height <= _MAX_GLYPH
            and piece.box.width <= 4 * piece.box.height
            and where[piece.box.top : piece.box.bottom, piece.box.left : piece.box.right].all()
            and _stands_out(grey, ink, piece)
        ]
        found += [line for line, count in _lines(glyphs) if count >= _GLYPHS]
    for place, line in enumerate(found):
        if not any(line.touches(other) for other in found[:place]):
            yield line


def _stands_out(grey: Picture, ink: Mask, piece: _Piece) -> bool:
    """Tell whether a piece of ink is far brighter than a ground that is of one grey."""
    from scipy import ndimage

    box = piece.box
    around = np.s_[max(box.top - 4, 0) : box.bottom + 4, max(box.left - 4, 0) : box.right + 4]
    # The rims of ink are soft, and softer still in a JPEG file.
    ground = grey[around][~ndimage.binary_dilation(ink[around], iterations=2)]
    if ground.size < 8:
        return False
    low, middle, high = np.percentile(ground, (10, 50, 90))
    drawn = float(np.median(grey[box.top : box.bottom, box.left : box.right][piece.shape]))
    return bool(high - low <= _FLAT and drawn - middle >= _CONTRAST)


def _lines(glyphs: list[Box]) -> Iterator[tuple[Box, int]]:
    """Put letters together that stand beside each other: the line, and how many they are."""
    left = sorted(glyphs, key=lambda box: box.left)
    while left:
        line, count = left.pop(0), 1
        grown = True
        while grown:
            grown = False
            for box in left:
                if _continues(line, box):
                    line, count, grown = line.around(box), count + 1, True
                    left.remove(box)
                    break
        yield line, count


def _continues(line: Box, box: Box) -> bool:
    height = max(line.height, box.height)
    shared = min(line.bottom, box.bottom) - max(line.top, box.top)
    apart = max(box.left - line.right, line.left - box.right)
    similar = min(line.height, box.height) >= 0.5 * height
    return similar and shared >= 0.5 * min(line.height, box.height) and apart <= 1.2 * height


# Calipers


def _marks(grey: Picture, colour: Mask, where: Mask) -> Mask:
    """Tell where a scanner may have drawn on tissue: near white, or coloured."""
    from scipy import ndimage

    around = ndimage.uniform_filter(grey.astype(np.float32), 15)
    white = (grey >= 200) & (grey >= around + 90)
    # Pictures that were cut out of a screen keep some of it along their edges.
    inner = np.zeros_like(where)
    inner[_EDGE:-_EDGE, _EDGE:-_EDGE] = True
    marks: Mask = (white | (colour & (grey >= 120))) & where & inner
    return marks


def _crosses(grey: Picture, colour: Mask, where: Mask) -> Iterator[Box]:
    for piece in _pieces(_marks(grey, colour, where), 7, 25):
        box = piece.box
        square = abs(box.height - box.width) <= 2 and min(box.height, box.width) >= 7
        if square and _is_cross(piece.shape):
            yield box


def _is_cross(shape: Mask) -> bool:
    """Tell whether a piece is a plus or a diagonal cross: two full strokes and little else."""
    height, width = shape.shape
    y, x = np.indices(shape.shape, dtype=np.float64)
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    # Strokes are one to three pixels wide; a slanted one covers more of a row.
    straight, oblique = 1.5, 2.2
    slope = height / width
    plus = (np.abs(y) <= straight, np.abs(x) <= straight)
    slanted = (np.abs(y - x * slope) <= oblique, np.abs(y + x * slope) <= oblique)
    for first, second in (plus, slanted):
        strokes = first | second
        if shape[strokes].sum() < 0.92 * shape.sum() or shape.sum() > 0.6 * shape.size:
            continue
        # Each stroke reaches from end to end: the one over all columns, the other over all rows.
        if min(_covered(shape & first, 0), _covered(shape & second, 1)) >= 0.85:
            return True
    return False


def _covered(stroke: Mask, axis: int) -> float:
    """Give the share of columns (axis 0) or rows (1) in which a stroke has a pixel."""
    return float(stroke.any(axis=axis).mean())


def _dotted(grey: Picture, colour: Mask, where: Mask) -> Iterator[Box]:
    dots = np.array(
        [
            ((piece.box.top + piece.box.bottom) / 2, (piece.box.left + piece.box.right) / 2)
            for piece in _pieces(_marks(grey, colour, where), 1, 4)
        ]
    )
    if not _DOTS <= len(dots) <= 1500:
        return
    from scipy.spatial import cKDTree

    tree = cKDTree(dots)
    used: set[int] = set()
    for start in range(len(dots)):
        for second in tree.query_ball_point(dots[start], _DOT_SPACING[1]):
            step = dots[second] - dots[start]
            if second == start or start in used or np.hypot(*step) < _DOT_SPACING[0]:
                continue
            chain = _chain(dots, tree, start, second)
            if len(chain) >= _DOTS:
                used.update(chain)
                places = dots[chain]
                (top, left), (bottom, right) = places.min(0), places.max(0)
                yield Box(int(top), int(left), int(bottom) + 1, int(right) + 1)


def _chain(dots: NDArray[np.float64], tree: object, start: int, second: int) -> list[int]:
    """Follow dots as far as each lies where the step before it points to."""
    chain = [start, second]
    step = dots[second] - dots[start]
    while True:
        apart, found = tree.query(dots[chain[-1]] + step)  # type: ignore[attr-defined]
        if apart > 1.2 or found in chain:
            return chain
        chain.append(int(found))
        # The mean of all steps: pixels are coarse against the spacing of dots.
        step = (dots[chain[-1]] - dots[start]) / (len(chain) - 1)
