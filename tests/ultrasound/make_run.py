"""Small cohorts whose answer is known: pictures of noise, and features that were drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from napari_ptx.ultrasound.config import RunConfig

FEATURES = 12
QUICK = RunConfig(
    folds=3, inner=2, classifiers=("lr", "knn"), choose_by="best", note="drawn numbers", seed=3
)


def make_cohort(
    folder: Path, count: int = 60, *, per_patient: int = 2, seed: int = 0, shown: bool = False
) -> Path:
    """Write images, masks and ``cohort.csv``; every second patient is positive.

    Where ``shown``, positive lesions are brighter.
    """
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for case in range(count):
        patient = case // per_patient
        label = patient % 2
        pixels = random.integers(0, 160, (40, 48)).astype(np.uint8)
        mask = np.zeros((40, 48), dtype=np.uint8)
        mask[8 + case % 5 : 28, 10:36] = 255
        if shown and label:
            pixels[mask > 0] += 90
        Image.fromarray(pixels).save(folder / f"{case}.png")
        Image.fromarray(mask).save(folder / f"{case}_mask.png")
        rows.append(
            {
                "case": f"c{case:03d}",
                "patient": f"p{patient:03d}",
                "image": f"{case}.png",
                "roi": f"{case}_mask.png",
                "label": label,
                "age": 40 + 3 * label + int(random.integers(0, 30)),
                "sex": "F" if random.random() < 0.6 else "M",
            }
        )
    pd.DataFrame(rows).to_csv(folder / "cohort.csv", index=False)
    return folder / "cohort.csv"


def make_features(cohort: Path, *, seed: int = 1, strength: float = 1.0) -> Path:
    """Write ``features.parquet`` beside a cohort: the first two features tell the label."""
    table = pd.read_csv(cohort, dtype={"case": str, "patient": str})
    random = np.random.default_rng(seed)
    x = random.normal(size=(len(table), FEATURES))
    x[:, 0] += strength * table["label"]
    x[:, 1] -= strength * table["label"]
    x[:, 2] = x[:, 0] + 0.01 * random.normal(size=len(table))  # redundant
    x[:, 3] = 7.0  # constant
    columns = [f"original_firstorder_F{i}" for i in range(FEATURES)]
    out = pd.concat([table[["case", "patient", "label"]], pd.DataFrame(x, columns=columns)], axis=1)
    path = cohort.parent / "features.parquet"
    out.to_parquet(path, index=False)
    return path
