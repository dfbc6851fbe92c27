"""What a review is about: the candidates as they were when it began."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ptx.ct.predictions import CANDIDATES, Predictions
from napari_ptx.learn.manifest import file_sha256

if TYPE_CHECKING:
    from napari_ptx.study.gland_record import GlandRecord

_KEY = "candidates_sha256"


def source_of(folder: Path, predictions: Predictions) -> dict[str, Any]:
    """Say what a new record is about.

    Raises
    ------
    OSError
        The table of candidates cannot be read.
    """
    return {
        "model": predictions.about.get("model"),
        "note": str(predictions.about.get("note") or ""),
        _KEY: file_sha256(folder / CANDIDATES),
    }


def changed_since(folder: Path, record: GlandRecord) -> str:
    """Say that the candidates are others than those that were decided on; "" where they are not.

    Decisions name a candidate by its number: with another table they would be about others.
    Records of earlier versions do not say what the candidates were.
    """
    known = record.source.get(_KEY)
    try:
        same = known is None or file_sha256(folder / CANDIDATES) == known
    except OSError:
        same = False
    if same:
        return ""
    return (
        f"The candidates in {folder / CANDIDATES} are not those that {record.path.name} was begun "
        f"with; put the table back as it was, or move {record.path.name} away to begin another "
        "review."
    )
