"""Seven models on 90 cases of 30 patients: the data of the figures' tests and baselines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from napari_ptx import figures, stats

NAMES = ("radiomics", "resnet-1ch", "resnet-2ch", "merged-1", "merged-2", "late", "clinical")
CASES = 90
PATIENTS = np.arange(CASES) // 3
TRUTH = (PATIENTS % 5 < 2).astype(int)


def _scores() -> dict[str, np.ndarray]:
    # From sines, not from a generator of random numbers: the same on every version of numpy.
    index = np.arange(CASES)
    found = {}
    for place, strength in enumerate((1.6, 1.0, 1.3, 1.8, 2.1, 2.0, 0.5)):
        noise = 1.5 * np.sin(0.731 * index**2 + 1.7 * place) + np.sin(0.417 * PATIENTS**2)
        found[NAMES[place]] = np.round(1 / (1 + np.exp(-(strength * (TRUTH - 0.4) + noise))), 3)
    return found


SCORES = _scores()
CURVES = {name: stats.roc_curve(TRUTH, score) for name, score in SCORES.items()}
PLAIN = stats.compare_auc(TRUTH, list(SCORES.values()), names=NAMES)
CLUSTERED = stats.compare_auc(TRUTH, list(SCORES.values()), PATIENTS, NAMES)
BANDS = {
    name: stats.roc_band(TRUTH, score, clusters=PATIENTS, replicates=50)
    for name, score in list(SCORES.items())[:2]
}
OPERATING = {
    name: (float(np.mean(score[TRUTH == 0] >= 0.5)), float(np.mean(score[TRUTH == 1] >= 0.5)))
    for name, score in SCORES.items()
}
RADAR = pd.DataFrame(
    {
        "AUC": PLAIN.auc,
        "Sensitivity": [tpr for _, tpr in OPERATING.values()],
        "Specificity": [1 - fpr for fpr, _ in OPERATING.values()],
        "PPV": np.linspace(0.5, 0.9, len(NAMES)),
        "NPV": np.linspace(0.9, 0.6, len(NAMES)),
        "F1": np.linspace(0.4, 0.8, len(NAMES)),
    },
    index=list(NAMES),
)
EPOCHS = {
    name: pd.DataFrame(
        {
            "epoch": np.arange(1, 21),
            "auc_train": 1 - 0.45 * np.exp(-np.arange(20) / 5),
            "auc_validation": best - 0.3 * np.exp(-np.arange(20) / 4) - 0.004 * np.arange(20),
        }
    )
    for name, best in (("resnet-1ch", 0.85), ("resnet-2ch", 0.9))
}

MAKERS: dict[str, Callable[..., Figure]] = {
    "roc": lambda **k: figures.roc_figure(
        CURVES, comparison=CLUSTERED, bands=BANDS, operating=OPERATING, **k
    ),
    "radar": lambda **k: figures.radar_figure(RADAR, **k),
    "delong": lambda **k: figures.delong_figure(CLUSTERED, adjust="holm", **k),
    "calibration": lambda **k: figures.calibration_figure(
        {name: stats.calibration_curve(TRUTH, score) for name, score in SCORES.items()},
        fits={name: stats.calibration(TRUTH, score) for name, score in SCORES.items()},
        **k,
    ),
    "decision": lambda **k: figures.decision_figure(
        {name: stats.decision_curve(TRUTH, score) for name, score in SCORES.items()}, **k
    ),
    "epochs": lambda **k: figures.epochs_figure(EPOCHS, **k),
    "probabilities": lambda **k: figures.probabilities_figure(
        TRUTH, SCORES, thresholds=dict.fromkeys(NAMES, 0.5), positive="carcinoma",
        negative="adenoma", **k,
    ),
}  # fmt: skip
"""Each figure at its fullest."""
