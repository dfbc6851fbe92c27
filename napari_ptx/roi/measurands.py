"""The names of what is measured on a ROI: light enough for whoever only has to know them."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Measurand(NamedTuple):
    """One quantity that is measured: its name in code, its label, its dimension."""

    name: str
    label: str
    dimension: Literal["area", "length", "position"]

    def unit(self, unit: str) -> str:
        """Give the unit of this quantity where lengths are in ``unit`` ("mm" or "px")."""
        return f"{unit}\N{SUPERSCRIPT TWO}" if self.dimension == "area" else unit


MEASURANDS: tuple[Measurand, ...] = (
    Measurand("area", "Area", "area"),
    Measurand("perimeter", "Perimeter", "length"),
    Measurand("max_diameter", "Maximum diameter", "length"),
    Measurand("short_axis", "Short axis", "length"),
    Measurand("centroid_y", "Centroid y", "position"),
    Measurand("centroid_x", "Centroid x", "position"),
)
"""Every quantity that tables, agreement and figures know, in their order."""
