"""A finished run: a folder that can be moved, read and checked.

::

    configs/train.json, metadata.json     configuration, inputs' hashes; what came of it
    splits.csv, search.csv, selection.csv
    predictions.csv, predictions.json
    models/<family>/<fold>/               a classifier, its features and threshold
    networks/resnet-1ch/<fold>/           a network as safetensors, its learning curve
    features/                             radiomics, where they were computed here
    manifest.json                         SHA-256 of every file; written last
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from napari_ptx.learn.manifest import MANIFEST
from napari_ptx.ultrasound.config import RunConfig
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.predictions import Predictions, read_predictions
from napari_ptx.ultrasound.store import check_manifest, read_json

CONFIG = "configs/train.json"
METADATA = "configs/metadata.json"
SPLITS = "splits.csv"
SEARCH = "search.csv"
SELECTION = "selection.csv"
PREDICTIONS = "predictions.csv"


def model_folder(root: Path, family: str, fold: str) -> Path:
    """Give the folder of a family's model in a fold."""
    return root / "models" / family / fold


def network_folder(root: Path, block: str, fold: str) -> Path:
    """Give the folder of a fold's network ("resnet-1ch" or "resnet-2ch")."""
    return root / "networks" / block / fold


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run whose files are as they were written.

    Parameters
    ----------
    folder
        Where it is.
    config
        How it was trained.
    metadata
        ``configs/metadata.json``: note, class names, models with AUC and threshold.
    """

    folder: Path
    config: RunConfig
    metadata: Mapping[str, Any]

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Run:
        """Open a run and compare each file with its hash.

        Raises
        ------
        UltrasoundError
            If it is not finished, or a file is missing, changed, not listed, or a pickle.
        """
        root = Path(folder).absolute()
        check_manifest(root)
        config = RunConfig.from_json(read_json(root / CONFIG)["config"])
        return cls(root, config, read_json(root / METADATA))

    @property
    def note(self) -> str:
        """What its data were."""
        return str(self.metadata["note"])

    @property
    def models(self) -> tuple[str, ...]:
        """Its families, in the order of tables and figures."""
        return tuple(self.metadata["models"])

    @property
    def folds(self) -> tuple[str, ...]:
        """Its folds; a new case gets the mean of their probabilities."""
        return tuple(self.metadata["folds"])

    def threshold(self, model: str) -> float:
        """Give the threshold for new cases: the mean over the folds."""
        return float(self.metadata["models"][model]["threshold"])

    def predictions(self) -> Predictions:
        """Read the predictions of its own cases."""
        return read_predictions(self.folder / PREDICTIONS)

    def table(self, name: str) -> pd.DataFrame:
        """Read ``splits.csv``, ``search.csv`` or ``selection.csv``."""
        text = {"case": str, "patient": str, "fold": str}
        return pd.read_csv(self.folder / name, dtype=text, keep_default_na=False, na_values=[""])

    def summary(self) -> dict[str, Any]:
        """Give what a list of runs shows, as plain values."""
        return _summary(self.folder, self.metadata)


def list_runs(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """List the finished runs in a folder, the newest first, without opening their models.

    Returns
    -------
    list of dict
        ``folder``, ``name``, ``created``, ``note``, ``scheme``, ``cases``, ``warnings``, and
        ``models``: name to ``auc``, ``low``, ``high``, ``split``, ``threshold``, ...

    Raises
    ------
    UltrasoundError
        If there is no such folder.
    """
    place = Path(folder).absolute()
    if not place.is_dir():
        raise UltrasoundError(f"{place} is not a folder; choose the folder that holds the runs.")
    found = []
    for root in (place, *sorted(path for path in place.iterdir() if path.is_dir())):
        if (root / MANIFEST).is_file() and (root / METADATA).is_file():
            try:
                found.append(_summary(root, read_json(root / METADATA)))
            except (UltrasoundError, KeyError):
                # A damaged run must not hide the others; opening it says what is wrong.
                continue
    return sorted(found, key=lambda run: str(run["created"]), reverse=True)


def _summary(root: Path, metadata: Mapping[str, Any]) -> dict[str, Any]:
    names = ("created", "note", "scheme", "cases", "patients", "positive", "negative")
    return {
        "folder": str(root),
        "name": root.name,
        **{name: metadata[name] for name in names},
        "left_out": list(metadata["left_out"]),
        "warnings": list(metadata["warnings"]),
        "models": dict(metadata["models"]),
    }
