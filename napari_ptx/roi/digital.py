"""The straight lines in a pixel-edge ring, from which its length is estimated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def straight_corners(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the ends of the digital straight segments of a ring along pixel edges.

    The ring is cut, from its first vertex on, into the longest runs of pixel
    edges that a straight line can have been digitised to. The polygon through
    their ends has the length of the line far better than the staircase, which is up
    to 41% too long: discs of 10 pixels in radius and more are within 2%, rectangles
    along the axes, of two pixels at least, are exact (the tests hold both), and a
    sharp corner between oblique sides loses up to about a pixel.

    Parameters
    ----------
    ring
        ``(n, 2)`` vertices at half-integers whose edges run along the axes.

    Returns
    -------
    numpy.ndarray
        Those vertices of the ring (or points on its edges) that are ends.

    References
    ----------
    I. Debled-Rennesson, J.-P. Reveillès, A linear algorithm for segmentation of
    digital curves, Int. J. Pattern Recognit. Artif. Intell. 9 (1995) 635-662.
    R. Klette, A. Rosenfeld, Digital Geometry, Morgan Kaufmann 2004, chapter 10.
    """
    steps = np.roll(ring, -1, axis=0) - ring
    lengths = np.abs(steps).sum(axis=1).astype(np.int64)
    unit = np.repeat(np.sign(steps).astype(np.int64), lengths, axis=0)
    path = np.concatenate([ring[:1], ring[0] + np.cumsum(unit, axis=0)])
    # 0..3 for the four directions, so that opposite ones differ by two
    codes = np.where(unit[:, 0] != 0, 2 + unit[:, 0], 1 - unit[:, 1]) % 4
    ends, begin = [0], 0
    moves = codes.tolist()
    while begin < len(moves):
        begin = _run_end(moves, begin)
        ends.append(begin)
    return path[ends[:-1]]


def _run_end(moves: list[int], begin: int) -> int:
    """Give the index after the longest digital straight segment that begins at ``begin``.

    A run of moves in one direction and one across it is straight while all its
    points (x, y), counted along the two, satisfy ``low <= a x - b y < low + a + b``
    for some slope a/b. The points that touch the two limits ("leaning") give the
    new slope when a point lies one step outside.
    """
    first, second = moves[begin], None
    x = y = low = a = 0
    b = 1
    crosswise = -1  # where the first move across was
    upper_first = upper_last = lower_first = lower_last = (0, 0)
    for index in range(begin, len(moves)):
        move = moves[index]
        if move == first:
            x += 1
        elif second is None and (move - first) % 2:
            second, crosswise = move, index
            y += 1
        elif move == second:
            y += 1
        else:
            return _without_corner(index, crosswise)
        rest = a * x - b * y - low
        if rest < -1 or rest > a + b:
            return _without_corner(index, crosswise)
        if rest == -1:
            lower_first, upper_last = lower_last, (x, y)
            a, b = y - upper_first[1], x - upper_first[0]
            low = a * x - b * y
        elif rest == a + b:
            upper_first, lower_last = upper_last, (x, y)
            a, b = y - lower_first[1], x - lower_first[0]
            low = a * x - b * y - a - b + 1
        else:
            if rest == 0:
                upper_last = (x, y)
            if rest == a + b - 1:
                lower_last = (x, y)
    return _without_corner(len(moves), crosswise)


def _without_corner(end: int, crosswise: int) -> int:
    """Shorten a run whose only move across is its last: that is the next side of a corner."""
    return end - 1 if crosswise == end - 1 else end
