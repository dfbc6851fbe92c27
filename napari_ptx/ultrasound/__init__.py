"""Ultrasound classification: crop, radiomics, deep features, selection, classifiers, fusion.

The systems of Liu et al., Quant Imaging Med Surg 2026;16(7):527. The names are loaded
when they are first used: torch, MONAI, scikit-learn and PyRadiomics are in the extra
``[models]``, and only the function that needs one asks for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["Predictions", "UltrasoundError", "read_predictions", "write_predictions"]

# A module must not have the name of a function: once loaded, it would hide it.
_HOMES: dict[str, tuple[str, ...]] = {
    "errors": ("UltrasoundError",),
    "predictions": ("Predictions", "read_predictions", "write_predictions"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            value = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
