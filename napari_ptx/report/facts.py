"""What a finished run folder says of itself, read and checked once for the whole report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from napari_ptx.ultrasound.predictions import Predictions, read_predictions
from napari_ptx.ultrasound.store import check_manifest, read_json

CONFIG = "configs/train.json"
METADATA = "configs/metadata.json"

_NAMES = {"case": str, "patient": str, "fold": str}


@dataclass(frozen=True, eq=False)
class RunFacts:
    """A run, as its files tell it.

    Parameters
    ----------
    root
        The run folder.
    manifest, metadata, said
        ``manifest.json``, ``configs/metadata.json`` and ``configs/train.json``.
    predictions
        Of its own cases.
    splits
        One row for each case, a column ``fold <name>`` for each fold.
    selection
        Where each feature fell, in each family and fold; None where there is none.
    epochs
        The learning curves, by network and fold.
    """

    root: Path
    manifest: Mapping[str, Any]
    metadata: Mapping[str, Any]
    said: Mapping[str, Any]
    predictions: Predictions
    splits: pd.DataFrame
    selection: pd.DataFrame | None
    epochs: Mapping[str, pd.DataFrame]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.root.name

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration of the training."""
        found: Mapping[str, Any] = self.said["config"]
        return found

    @property
    def models(self) -> Mapping[str, Mapping[str, Any]]:
        """Name to AUC, limits, split, threshold, rule, classifier, ..."""
        found: Mapping[str, Mapping[str, Any]] = self.metadata["models"]
        return found

    @property
    def split(self) -> str:
        """The split whose results count: "test" or "out-of-fold"."""
        return str(next(iter(self.models.values()))["split"])

    @property
    def networks(self) -> bool:
        """Whether a family has a network."""
        return any(name.startswith(("resnet", "merged")) for name in self.models)

    @property
    def radiomic(self) -> bool:
        """Whether a family has radiomics features."""
        return any(name.startswith(("radiomics", "merged")) for name in self.models)


def read_run(folder: str | Path) -> RunFacts:
    """Read a finished run and compare each of its files with its hash.

    Raises
    ------
    UltrasoundError
        If it is not finished, or a file is missing, changed or damaged.
    """
    root = Path(folder).absolute()
    manifest = check_manifest(root)
    selection = root / "selection.csv"
    curves = sorted(root.glob("networks/*/*/epochs.csv"))
    return RunFacts(
        root=root,
        manifest=manifest,
        metadata=read_json(root / METADATA),
        said=read_json(root / CONFIG),
        predictions=read_predictions(root / "predictions.csv"),
        splits=_table(root / "splits.csv"),
        selection=_table(selection) if selection.is_file() else None,
        epochs={f"{path.parts[-3]}, fold {path.parts[-2]}": pd.read_csv(path) for path in curves},
    )


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=_NAMES, keep_default_na=False, na_values=[""])
