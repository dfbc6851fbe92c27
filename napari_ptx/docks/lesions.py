"""What the Reading dock says of each lesion: its size, in mm where that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_ptx.roi import RoiError, measure
from napari_ptx.roi.calibration import common_spacing

if TYPE_CHECKING:
    from napari_ptx.image import Image
    from napari_ptx.roi import Outline

NOT_CALIBRATED = "not calibrated: pixels"
ACROSS_REGIONS = "crosses areas of different scale: pixels"


@dataclass(frozen=True)
class Lesion:
    """One line of the dock's list.

    Parameters
    ----------
    area, diameters
        As text, with units; "-" where the outline holds no area.
    note
        Why it is in pixels, or empty.
    frame
        The frame it is on.
    """

    area: str
    diameters: str
    note: str
    frame: int


def describe(outline: Outline, image: Image) -> Lesion:
    """Measure one outline and put it into words, in mm where one calibration holds for it."""
    spacing = common_spacing([outline], image)
    note = "" if spacing is not None else _why_pixels(outline, image)
    try:
        size = measure([outline], spacing)
    except RoiError:
        return Lesion("-", "-", note, outline.frame)
    unit = size.unit
    return Lesion(
        f"{_round(size.area)} {unit}\N{SUPERSCRIPT TWO}",
        f"{_round(size.max_diameter)} \N{MULTIPLICATION SIGN} {_round(size.short_axis)} {unit}",
        note,
        outline.frame,
    )


def _why_pixels(outline: Outline, image: Image) -> str:
    reached = {image.spacing_at(float(y), float(x)) for y, x in outline.points}
    return ACROSS_REGIONS if len(reached) > 1 else NOT_CALIBRATED


def _round(value: float) -> str:
    return f"{value:.1f}" if value < 1000 else f"{value:.0f}"
