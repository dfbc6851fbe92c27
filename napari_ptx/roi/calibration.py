"""Which millimetres hold for a ROI: an ultrasound image may have several calibrations."""

from __future__ import annotations

from typing import Protocol

from napari_ptx.roi.outline import Roi


class Calibrated(Protocol):
    """What knows its calibration at a pixel position: an image, or a case of a study."""

    def spacing_at(self, y: float, x: float) -> tuple[float, float] | None:
        """Millimetres per pixel ``(y, x)`` there, or ``None``."""
        ...


def common_spacing(outlines: Roi, image: Calibrated) -> tuple[float, float] | None:
    """Give the millimetres per pixel ``(y, x)`` that hold for all outlines, or ``None``.

    An outline is measured where the mean of its vertices lies; it may reach over the
    edge of a calibrated part, but not into a part with another calibration.
    """
    spacings = set()
    for outline in outlines:
        spacings.add(image.spacing_at(*outline.points.mean(axis=0)))
        reached = {image.spacing_at(y, x) for y, x in outline.points}
        spacings |= reached - {None}
    return spacings.pop() if len(spacings) == 1 else None
