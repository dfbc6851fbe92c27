"""Calibration of ultrasound images: which part of a screen is in centimetres.

A screen holds several regions: tissue in cm, traces in seconds and cm/s, grey
bars. Only what is in cm along both axes and lies inside the picture calibrates;
pictures are often shrunk or cropped while the tags stay as they were.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from napari_ptx.image.types import Region

_CM = 3
_UNITS = {
    0: "none",
    1: "percent",
    2: "dB",
    3: "cm",
    4: "seconds",
    5: "hertz",
    6: "dB/s",
    7: "cm/s",
    8: "cm2",
    9: "cm2/s",
    10: "cm3",
    11: "cm3/s",
    12: "degrees",
}


class Calibration(NamedTuple):
    """What the regions of a screen say.

    ``whole`` is the spacing (y, x) in mm where one region speaks for the picture.
    """

    regions: tuple[Region, ...]
    whole: tuple[float, float] | None
    notes: tuple[str, ...]


def read_regions(dataset: Any, rows: int, columns: int) -> Calibration | None:
    """Read the Sequence of Ultrasound Regions.

    Parameters
    ----------
    dataset
        A pydicom dataset.
    rows, columns
        The size of the picture that was decoded.

    Returns
    -------
    Calibration or None
        ``None`` where the file has no regions at all. Regions with low priority
        come first, so that ``Image.spacing_at`` gives the one drawn on top.

    Notes
    -----
    DICOM gives inclusive bounds. Some devices write one past the last pixel;
    that one pixel is tolerated and cut, anything more is not.

    References
    ----------
    DICOM PS3.3 C.8.5.5, US Region Calibration Module.
    """
    items = dataset.get("SequenceOfUltrasoundRegions") or ()
    if not items:
        return None
    found: list[tuple[int, Region]] = []
    others = []
    notes = []
    refused = False
    for number, item in enumerate(items, start=1):
        try:
            x0, y0, x1, y1 = (
                int(item[f"RegionLocation{corner}"].value)
                for corner in ("MinX0", "MinY0", "MaxX1", "MaxY1")
            )
            units = (int(item.PhysicalUnitsYDirection), int(item.PhysicalUnitsXDirection))
            delta = (abs(float(item.PhysicalDeltaY)), abs(float(item.PhysicalDeltaX)))
            low_priority = int(item.get("RegionFlags") or 0) & 1
        except (KeyError, AttributeError, TypeError, ValueError):
            refused = True
            notes.append(f"calibration ignored: region {number} lacks its bounds, units or deltas")
            continue
        name = f"region {number} (rows {y0}-{y1}, columns {x0}-{x1})"
        if units != (_CM, _CM):
            if any(units):
                others.append((y0, x0, y1, x1))
                names = " x ".join(_UNITS.get(unit, f"unit {unit}") for unit in units)
                notes.append(f"{name} is in {names}, not in cm: no lengths there")
        elif not all(math.isfinite(value) and value > 0 for value in delta):
            refused = True
            notes.append(f"calibration ignored: {name} has a pixel size of zero")
        elif not (0 <= x0 < x1 <= columns and 0 <= y0 < y1 <= rows):
            refused = True
            notes.append(
                f"calibration ignored: {name} lies outside the image ({rows} x {columns}), "
                "which was probably resized or cropped"
            )
        else:
            bottom, right = min(y1 + 1, rows), min(x1 + 1, columns)
            region = Region(y0, x0, bottom, right, (10 * delta[0], 10 * delta[1]))
            found.append((low_priority, region))
    found.sort(key=lambda pair: -pair[0])
    regions = tuple(region for _, region in found)
    for region in regions:
        for y0, x0, y1, x1 in others:
            if y0 < region.bottom and y1 >= region.top and x0 < region.right and x1 >= region.left:
                notes.append(
                    f"rows {y0}-{y1}, columns {x0}-{x1} of a calibrated region are covered by "
                    "one in other units: do not measure there"
                )
    alone = len(regions) == 1 and not others and not refused
    return Calibration(regions, regions[0].spacing if alone else None, tuple(notes))
