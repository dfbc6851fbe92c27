"""A finished run folder without models: what a training writes beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_ptx.ultrasound.config import RunConfig
from napari_ptx.ultrasound.predictions import write_predictions
from napari_ptx.ultrasound.store import write_json, write_manifest

NOTE = "simulated scores, not patients"
MODELS = {"radiomics": 1.6, "resnet-1ch": 0.7, "late": 2.0}


def make_run(
    root: Path, *, scheme: str = "nested", copies: int = 1, note: str = NOTE, cases: int = 60
) -> Path:
    """Write a run of ``cases`` patients, each with ``copies`` rows of which one is real."""
    rng = np.random.default_rng(7)
    patient = np.repeat(np.arange(cases), copies)
    label = (patient % 3 == 0).astype(int)
    table = pd.DataFrame(
        {
            "case": [f"c{i:03}" for i in range(len(patient))],
            "patient": [f"p{p:02}" for p in patient],
            "label": label,
            "age": (rng.normal(54, 13, cases).round(1)[patient] + 4 * label).round(1),
            "sex": rng.choice(["female", "male"], cases)[patient],
            "pth": np.where(
                patient == 5, np.nan, np.exp(rng.normal(3, 1, cases)).round(1)[patient]
            ),
            "comment": [f"free text {i}" for i in range(len(patient))],
        }
    )
    table.loc[patient == 5, "pth"] = np.nan
    shared = rng.normal(size=cases)[patient]
    for name, strength in MODELS.items():
        z = strength * (label - 0.4) + 0.5 * shared + rng.normal(size=len(label))
        table[name] = 1.0 / (1.0 + np.exp(-z))
    if copies > 1:
        table["augmented"] = (np.arange(len(patient)) % copies > 0).astype(int)
    parts = np.array(["train", "train", "validation", "test"])[patient // 3 % 4]
    table["split"] = parts if scheme == "paper" else "out-of-fold"
    folds = ["paper"] if scheme == "paper" else ["1-1", "1-2"]
    config = RunConfig(
        families=tuple(MODELS), scheme=scheme, folds=2, note=note, augment_eval=copies > 1
    )
    split = "test" if scheme == "paper" else "out-of-fold"
    models: dict[str, dict[str, Any]] = {
        name: {
            "auc": 0.8, "low": 0.7, "high": 0.9, "split": split, "cases": 10, "patients": 10,
            "interval": "DeLong", "threshold": 0.5, "rule": "Youden, learned on validation",
            "family": name, "classifier": "lr", "features": [4, 7] if name != "late" else [],
        }
        for name in MODELS
    }  # fmt: skip
    versions = {"napari-ptx": "0.1.0", "pyradiomics-bhklab": "3.1.4"}
    said = {"started": "2026-01-01", "cohort": "/data/cohort.csv", "inputs": {"cohort": "ab" * 32},
            "config": config.to_json()}  # fmt: skip
    write_json(root / "configs/train.json", said)
    write_json(
        root / "configs/metadata.json",
        {
            "required_packages_version": versions,
            "task": "Classification of an outlined lesion in ultrasound",
            "description": "Families of models after Liu et al.",
            "intended_use": "Research only; not for the care of patients",
            "created": "2026-01-01T00:00:00+00:00",
            "note": note, "positive": "carcinoma", "negative": "adenoma", "scheme": scheme,
            "folds": folds, "cases": len(table), "patients": cases,
            "left_out": [{"case": "c900", "reason": "it has no label"}],
            "warnings": ["40 augmented copies are in the cohort."] if copies > 1 else [],
            "models": models,
            "radiomics": {"options": {"params": "liu2026", "mode": "paper"},
                          "features": [f"f{i}" for i in range(567)], "versions": {}},
        },
    )  # fmt: skip
    for fold in folds:
        column = parts if scheme == "paper" else np.where(patient % 2, "train", "test")
        table[f"fold {fold}"] = column
    names = ["case", "patient", "label", *(f"fold {fold}" for fold in folds)]
    table[names].to_csv(root / "splits.csv", index=False)
    table = table.drop(columns=[f"fold {fold}" for fold in folds])
    pd.DataFrame(
        [
            (
                "radiomics",
                fold,
                f"f{i}",
                "kept" if i < 4 + j else "LASSO" if i < 9 else "redundancy",
            )
            for j, fold in enumerate(folds)
            for i in range(20)
        ],
        columns=["family", "fold", "feature", "fell_at"],
    ).to_csv(root / "selection.csv", index=False)
    curve = pd.DataFrame(
        {"epoch": [1, 2, 3], "loss": [0.7, 0.6, 0.5], "auc_train": [0.6, 0.7, 0.9],
         "auc_validation": [0.55, 0.7, 0.68], "seconds": [1, 1, 1]}
    )  # fmt: skip
    for fold in folds:
        place = root / "networks/resnet-1ch" / fold
        place.mkdir(parents=True)
        curve.to_csv(place / "epochs.csv", index=False)
    write_predictions(
        root / "predictions.csv", table, list(MODELS), thresholds=dict.fromkeys(MODELS, 0.5),
        note=note, positive="carcinoma", negative="adenoma",
        rules=dict.fromkeys(MODELS, "Youden, learned on validation"),
    )  # fmt: skip
    write_manifest(root, {"created": "2026-01-01T00:00:00+00:00"})
    return root
