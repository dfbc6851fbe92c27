"""A fitted model of a family: from features to a probability and a verdict, and on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.ultrasound.calibrated import Calibrator
from napari_ptx.ultrasound.classifiers import Classifier
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.matrix import CLINICAL, ClinicalColumn, clinical_from_json
from napari_ptx.ultrasound.store import load_classifier, read_json, save_classifier, write_json

Floats = NDArray[np.float64]

NETWORK = "network"
"""The classifier that is the network itself, end to end."""

PROBABILITY = ":probability"
"""What follows the name of a deep block in the column of its network's own answer."""


@dataclass(frozen=True, eq=False)
class FamilyModel:
    """A selection, a classifier, a calibration and a threshold.

    Parameters
    ----------
    family
        "radiomics", "merged-1", ...
    features, mean, deviation
        What the classifier sees, in its order, and the z-scores' constants.
    clinical
        The encoding of the clinical columns.
    kind, settings, classifier
        The classifier; ``None`` where ``kind`` is "network".
    squash
        Makes probabilities of the classifier's scores.
    calibrator
        Calibrates them.
    threshold, rule
        A case is called positive at or above it, and how it was found.
    """

    family: str
    features: tuple[str, ...]
    mean: Floats
    deviation: Floats
    clinical: tuple[ClinicalColumn, ...]
    kind: str
    settings: Mapping[str, Any]
    classifier: Classifier | None
    squash: Calibrator
    calibrator: Calibrator
    threshold: float
    rule: str

    def probability(self, features: pd.DataFrame, clinical: pd.DataFrame | None) -> Floats:
        """Give the probability of class 1 for each row.

        Parameters
        ----------
        features
            Radiomics and deep columns by name; more than are needed are allowed.
        clinical
            The clinical columns, where the family has any.

        Raises
        ------
        UltrasoundError
            If a feature is missing or not a number.
        """
        if self.classifier is None:
            return self.calibrator.apply(_columns(features, (self.family + PROBABILITY,))[:, 0])
        numeric = tuple(name for name in self.features if not name.startswith(CLINICAL))
        parts = [pd.DataFrame(_columns(features, numeric), columns=list(numeric))]
        if len(numeric) < len(self.features):
            parts.append(self._clinical(clinical))
        x = pd.concat(parts, axis=1)[list(self.features)].to_numpy(dtype=np.float64)
        scores = self.classifier.score((x - self.mean) / self.deviation)
        return self.calibrator.apply(self.squash.apply(scores))

    def _clinical(self, table: pd.DataFrame | None) -> pd.DataFrame:
        wanted = [column.name for column in self.clinical]
        missing = [name for name in wanted if table is None or name not in table]
        if table is None or missing:
            raise UltrasoundError(
                f"The model {self.family} needs the clinical columns {', '.join(wanted)}; the "
                f"cohort lacks {', '.join(missing)}: add them."
            )
        numbers = np.hstack([column.encode(table[column.name]) for column in self.clinical])
        names = [name for column in self.clinical for name in column.names]
        return pd.DataFrame(numbers, columns=names)

    def save(self, folder: Path) -> None:
        """Write the model into a folder."""
        if self.classifier is not None:
            save_classifier(self.classifier, folder)
        write_json(
            folder / "model.json",
            {
                "family": self.family,
                "classifier": self.kind,
                "settings": dict(self.settings),
                "features": list(self.features),
                "mean": self.mean.tolist(),
                "deviation": self.deviation.tolist(),
                "clinical": [column.to_json() for column in self.clinical],
                "squash": self.squash.to_json(),
                "calibrator": self.calibrator.to_json(),
                "threshold": self.threshold,
                "rule": self.rule,
            },
        )


@dataclass(frozen=True)
class LateModel:
    """A weighted mean of the probabilities of other families."""

    members: tuple[str, ...]
    weights: tuple[float, ...]
    threshold: float
    rule: str

    def join(self, probabilities: Mapping[str, Floats]) -> Floats:
        """Give the probability from those of the members."""
        joined: Floats = np.asarray(self.weights) @ np.array(
            [probabilities[name] for name in self.members]
        )
        return joined

    def save(self, folder: Path) -> None:
        """Write the model into a folder."""
        write_json(
            folder / "model.json",
            {
                "family": "late",
                "members": list(self.members),
                "weights": list(self.weights),
                "threshold": self.threshold,
                "rule": self.rule,
            },
        )


def load_model(folder: Path) -> FamilyModel | LateModel:
    """Read what ``save`` wrote.

    Raises
    ------
    UltrasoundError
        If it is damaged, a pickle, or its parts do not fit each other.
    """
    said = read_json(folder / "model.json")
    try:
        if said["family"] == "late":
            return LateModel(
                tuple(str(name) for name in said["members"]),
                tuple(float(weight) for weight in said["weights"]),
                float(said["threshold"]),
                str(said["rule"]),
            )
        kind = str(said["classifier"])
        model = FamilyModel(
            family=str(said["family"]),
            features=tuple(str(name) for name in said["features"]),
            mean=np.array(said["mean"], dtype=np.float64),
            deviation=np.array(said["deviation"], dtype=np.float64),
            clinical=tuple(clinical_from_json(column) for column in said["clinical"]),
            kind=kind,
            settings=dict(said["settings"]),
            classifier=None if kind == NETWORK else load_classifier(folder, kind),
            squash=Calibrator.from_json(said["squash"]),
            calibrator=Calibrator.from_json(said["calibrator"]),
            threshold=float(said["threshold"]),
            rule=str(said["rule"]),
        )
    except (KeyError, TypeError, ValueError):
        raise UltrasoundError(
            f"{folder / 'model.json'} is damaged; copy the run folder again."
        ) from None
    _demand_fit(model, folder)
    return model


def _demand_fit(model: FamilyModel, folder: Path) -> None:
    """Refuse a model whose list of features is not the one its classifier was fitted on."""
    count = len(model.features)
    fitted = count
    if model.classifier is not None:
        inside = model.classifier.model
        if model.kind == "xgboost":
            fitted = int(inside.num_features())
        elif model.kind == "lightgbm":
            fitted = int(inside.num_feature())
        else:
            fitted = int(inside.n_features_in_)
    if not count == len(model.mean) == len(model.deviation) == fitted:
        raise UltrasoundError(
            f"{folder / 'model.json'} lists {count} features, but the classifier beside it was "
            f"fitted on {fitted}; copy the run folder again."
        )


def _columns(table: pd.DataFrame, names: tuple[str, ...]) -> Floats:
    missing = [name for name in names if name not in table]
    if missing:
        raise UltrasoundError(
            f"The features lack {len(missing)} of the {len(names)} that the model was trained "
            f"on ({', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}); extract them "
            "with the parameters of the run."
        )
    x = table[list(names)].to_numpy(dtype=np.float64).reshape(len(table), len(names))
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, column = bad[0]
        raise UltrasoundError(
            f"The feature {names[column]} of row {row + 1} is not a number; look at the ROI of "
            "this case."
        )
    return x
