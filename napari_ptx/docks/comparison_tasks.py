"""What the Comparison dock runs in a child process. Nothing here imports Qt or napari."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_ptx.child import Progress

if TYPE_CHECKING:
    from napari_ptx.stats import RocBand
    from napari_ptx.ultrasound import Predictions
    from napari_ptx.ultrasound.evaluation import Assessment


def numbers(predictions: Predictions, split: str, progress: Progress | None = None) -> Assessment:
    """Compute the intervals and the calibration of one split."""
    from napari_ptx.ultrasound.evaluation import assess

    return assess(predictions, split, replicates=0, progress=progress)


def bands(
    predictions: Predictions, clustered: bool, progress: Progress | None = None
) -> dict[str, RocBand]:
    """Compute the bands of the ROC curves of one split's rows."""
    from napari_ptx.ultrasound import evaluation

    return evaluation.bands(predictions, clustered=clustered, progress=progress)


def save(predictions: Predictions, folder: Path, progress: Progress | None = None) -> int:
    """Write every table and figure into a folder and give the number of files."""
    from napari_ptx.ultrasound import evaluate

    return len(evaluate(predictions, folder, progress=progress).written)
