"""Filling and measuring an outline, against scikit-image, with the answers checked.

python benchmarks/bench_raster.py
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from skimage.draw import polygon2mask

from napari_ptx.roi import Outline, measure, overlap, rasterise, trace

SIDE = 500


def milliseconds(call: Callable[[], Any], repeats: int = 30) -> float:
    """The median time of one call."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return float(np.median(times)) * 1e3


def lesion(radius: float, vertices: int) -> Outline:
    """A lobed outline in the middle of the image, off the pixel centres."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radii = radius * (1 + 0.1 * np.sin(5 * angle))
    return Outline(SIDE / 2 + 0.137 + radii[:, None] * np.stack([np.sin(angle), np.cos(angle)], 1))


def main() -> None:
    print(f"{SIDE} x {SIDE} pixels; median of 30 calls, in ms (of polygon2mask: 5)")
    columns = (
        "rasterise",
        "polygon2mask",
        "same",
        "trace",
        "measure",
        "of mask",
        "overlap",
    )
    print(f"{'radius':>6} {'vertices':>8}", *(f"{name:>12}" for name in columns))
    for radius, vertices in [(30, 200), (100, 200), (200, 200), (200, 1500)]:
        outline = lesion(radius, vertices)
        mask = rasterise([outline], (SIDE, SIDE))
        same = np.array_equal(mask, polygon2mask((SIDE, SIDE), outline.points))
        traced = trace(mask)
        assert np.array_equal(rasterise(traced, mask.shape), mask)
        shifted = np.roll(mask, 3, axis=1)
        results = (
            milliseconds(partial(rasterise, [outline], (SIDE, SIDE))),
            milliseconds(partial(polygon2mask, (SIDE, SIDE), outline.points), 5),
            same,
            milliseconds(partial(trace, mask)),
            milliseconds(partial(measure, [outline], (0.1, 0.1))),
            milliseconds(partial(measure, traced, (0.1, 0.1))),
            milliseconds(partial(overlap, mask, shifted)),
        )
        cells = (f"{r!s:>12}" if isinstance(r, bool) else f"{r:12.2f}" for r in results)
        print(f"{radius:6} {vertices:8}", *cells)


if __name__ == "__main__":
    main()
