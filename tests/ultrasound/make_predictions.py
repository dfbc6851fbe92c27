"""A predictions table with known properties: seeded, several images of a patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from napari_ptx.ultrasound import write_predictions

MODELS = ("radiomics", "resnet-1ch", "late")
NOTE = "simulated scores, not patients"


def scores_table(patients: int = 24, each: int = 2, seed: int = 5) -> pd.DataFrame:
    """Make ``patients`` with ``each`` cases and the same label; half of them in ``test``."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), each)
    label = (patient % 3 == 0).astype(int)
    common = rng.normal(size=patients)[patient]
    table = pd.DataFrame(
        {
            "case": [f"c{i:03}" for i in range(len(patient))],
            "patient": [f"p{p:02}" for p in patient],
            "label": label,
            "split": np.where(patient % 2 == 0, "test", "validation"),
        }
    )
    for name, strength in zip(MODELS, (2.0, 0.8, 2.6), strict=True):
        z = strength * (label - 0.4) + 0.6 * common + rng.normal(size=len(label))
        table[name] = 1.0 / (1.0 + np.exp(-z))
    return table


def write_scores(path: Path, table: pd.DataFrame | None = None) -> Path:
    """Write the table with thresholds 0.5, 0.4, 0.6."""
    return write_predictions(
        path,
        scores_table() if table is None else table,
        MODELS,
        thresholds=dict(zip(MODELS, (0.5, 0.4, 0.6), strict=True)),
        note=NOTE,
        positive="carcinoma",
        negative="adenoma",
        rules=dict.fromkeys(MODELS, "Youden, learned on validation"),
    )
