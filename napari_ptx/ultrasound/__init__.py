"""Ultrasound classification: crop, radiomics, deep features, selection, classifiers, fusion.

The systems of Liu et al., Quant Imaging Med Surg 2026;16(7):527. The names are loaded
when they are first used: torch, MONAI, scikit-learn and PyRadiomics are in the extra
``[models]``, and only the function that needs one asks for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = [
    "CaseImage",
    "Crop",
    "Crops",
    "Extractor",
    "FeatureTable",
    "NetworkConfig",
    "Predictions",
    "Run",
    "RunConfig",
    "UltrasoundError",
    "assess",
    "case_image",
    "evaluate",
    "extract",
    "feature_icc",
    "feature_map",
    "list_runs",
    "load_case",
    "predict_cohort",
    "predict_one",
    "read_features",
    "read_predictions",
    "sonogram",
    "train_run",
    "write_predictions",
]

# A module must not have the name of a function: once loaded, it would hide it.
_HOMES: dict[str, tuple[str, ...]] = {
    "borders": ("sonogram",),
    "cases": (
        "CaseImage",
        "case_image",
        "load_case",
    ),
    "config": ("RunConfig",),
    "crop": ("Crop",),
    "deep_data": (
        "Crops",
        "NetworkConfig",
    ),
    "errors": ("UltrasoundError",),
    "evaluation": ("assess",),
    "evaluation_files": ("evaluate",),
    "feature_agreement": ("feature_icc",),
    "features": (
        "FeatureTable",
        "extract",
        "read_features",
    ),
    "maps": ("feature_map",),
    "predict": ("predict_cohort", "predict_one"),
    "predictions": (
        "Predictions",
        "read_predictions",
        "write_predictions",
    ),
    "radiomics": ("Extractor",),
    "runs": (
        "Run",
        "list_runs",
    ),
    "train": ("train_run",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            value = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
