"""Forty patients with glands, a model and three modalities: the data of the figures' tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from napari_ptx import figures, stats

NAMES = ("U-Net", "MIBI", "CT", "ultrasound")
PATIENTS = np.repeat(np.arange(40), 4)
# From sines, not from a generator of random numbers: the same on every version of numpy.
_INDEX = np.arange(len(PATIENTS))
SIZE = np.round(6.5 + 4.0 * np.sin(1.3 * _INDEX**2), 2)
CONTRAST = np.round(4.0 + 3.0 * np.sin(0.7 * _INDEX**2 + 1.0), 2)


def _found() -> dict[str, np.ndarray]:
    found = {}
    for place, ease in enumerate((4.2, 5.0, 6.0, 7.0)):
        noise = 1.6 * np.sin(2.1 * _INDEX**2 + place) + np.sin(0.9 * PATIENTS**2)
        found[NAMES[place]] = (SIZE - ease + noise > 0).astype(float)
    return found


FOUND = _found()
TOGETHER = stats.complementarity(FOUND, PATIENTS, replicates=50)
SCORES = np.round(0.5 + 0.45 * np.sin(0.37 * np.arange(220) ** 2), 3)
HITS = np.concatenate([FOUND["U-Net"], np.zeros(220 - len(PATIENTS))])
OWNERS = np.concatenate([PATIENTS, np.arange(220 - len(PATIENTS)) % 40])
GLANDS = np.bincount(PATIENTS)
CURVES = {
    rule: stats.froc(SCORES, HITS * (np.arange(220) % part != 0), int(GLANDS.sum()), len(GLANDS))
    for rule, part in (("overlap", 300), ("iou", 9), ("centroid", 5))
}
BANDS = {"overlap": stats.froc_band(SCORES, HITS, OWNERS, GLANDS, replicates=200)}
BY_SIZE = {
    name: stats.psychometric(SIZE, values, PATIENTS, log=True, replicates=60)
    for name, values in FOUND.items()
}
BY_CONTRAST = {
    "contrast below 4": stats.psychometric(
        SIZE[CONTRAST < 4], FOUND["CT"][CONTRAST < 4], PATIENTS[CONTRAST < 4], replicates=60
    ),
    "contrast from 4": stats.psychometric(
        SIZE[CONTRAST >= 4], FOUND["CT"][CONTRAST >= 4], PATIENTS[CONTRAST >= 4], replicates=60
    ),
}
MAKERS: dict[str, Callable[..., Figure]] = {
    "froc": lambda **how: figures.froc_figure(
        CURVES, bands=BANDS, operating={"overlap": (2.0, 0.6)}, **how
    ),
    "upset": lambda **how: figures.upset_figure(TOGETHER.patterns, NAMES, **how),
    "psychometric": lambda **how: figures.psychometric_figure(BY_CONTRAST, **how),
    "psychometric_many": lambda **how: figures.psychometric_figure(BY_SIZE, **how),
}
