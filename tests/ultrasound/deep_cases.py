"""Synthetic crops for the tests of the networks: a disc, brighter or darker than around it."""

from __future__ import annotations

import numpy as np

from napari_ptx.ultrasound.deep_data import Crops, NetworkConfig

TINY = NetworkConfig(
    arch="resnet18", size=32, epochs=3, patience=3, batch=8, lr=1e-3, precision="fp32"
)


def make_crops(count: int, seed: int, *, size: int = 32, contrast: float = 0.15) -> Crops:
    """Class 1 is brighter than its surroundings, class 0 darker; place and size vary."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    grid = np.mgrid[:size, :size]
    images = rng.normal(0.45, 0.08, (count, size, size)).astype(np.float32)
    masks = np.zeros(images.shape, dtype=bool)
    for i, label in enumerate(labels):
        centre = rng.uniform(0.4, 0.6, 2) * size
        radius = rng.uniform(0.2, 0.3) * size
        masks[i] = ((grid - centre[:, None, None]) ** 2).sum(0) < radius**2
        images[i][masks[i]] += contrast if label else -contrast
    patients = tuple(f"{seed}-{i}" for i in range(count))
    return Crops(images.clip(0, 1), masks, labels, patients)
