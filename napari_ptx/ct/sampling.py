"""Which patches a training sees, and what is done to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_ptx.ct.augment import altered, warped
from napari_ptx.ct.cases import Case
from napari_ptx.ct.config import AUGMENTS, ModelSettings, TrainConfig
from napari_ptx.ct.data import AIR_HU
from napari_ptx.ct.mirror import mirrored
from napari_ptx.ct.network import ABSENT

JITTER = 0.35
"""A patch's middle is off the gland by up to this share of its side: a gland always in the
middle would teach the place (nnU-Net issue 2045)."""


def draw_kind(case: Case, config: TrainConfig, generator: np.random.Generator) -> str:
    """Draw what a patch is drawn at: the shares of the settings, of what the case has."""
    kinds = ("gland", "confounder", "anywhere")
    shares = (config.near, config.confounders, 1 - config.near - config.confounders)
    kind = str(generator.choice(kinds, p=np.clip(shares, 0, 1)))
    return kind if len(case.spots[kind]) else "anywhere"


def draw_centre(
    case: Case, kind: str, patch: Sequence[int], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw the middle voxel of a patch.

    Each gland of a case is equally likely, whatever its size.
    """
    spots = case.spots[kind]
    if kind == "gland":
        gland = generator.choice(np.unique(case.owners))
        spots = spots[case.owners == gland]
    if not len(spots):
        return np.array([generator.integers(0, side) for side in case.shape])
    centre: NDArray[np.int64] = spots[generator.integers(len(spots))].astype(np.int64)
    if kind != "anywhere":
        reach = JITTER * np.asarray(patch)
        centre = centre + np.rint(generator.uniform(-reach, reach)).astype(np.int64)
    return np.clip(centre, 0, np.array(case.shape) - 1)


def draw_patch(
    cases: Sequence[Case], config: TrainConfig, generator: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw a patch: a case, a place, and a change.

    Returns
    -------
    tuple
        Input ``(channels, z, y, x)`` float32, target ``(classes, z, y, x)`` float32, and the
        instances ``(z, y, x)`` int64.
    """
    case = cases[int(generator.integers(len(cases)))]
    settings = config.model
    kind = draw_kind(case, config, generator)
    centre = draw_centre(case, kind, settings.patch, generator)
    start = centre - np.array(settings.patch) // 2
    hu = np.empty((len(case.hu), *settings.patch), dtype=np.int16)
    for channel in range(len(hu)):
        off = np.zeros(3)
        if channel and config.shift:
            off = generator.uniform(-config.shift, config.shift, 3) / np.array(case.grid.spacing)
        hu[channel] = cut(
            case.hu[channel], start + np.rint(off).astype(int), settings.patch, AIR_HU
        )
    labels = torch.from_numpy(cut(case.labels, start, settings.patch, 0).astype(np.int64))
    volume = normalise(hu, case.present, settings.window)
    if config.mirror and generator.random() < 0.5:
        volume, labels = mirrored(volume, labels, config)
    augment = AUGMENTS[config.augment]
    volume, labels = warped(volume, labels, case.grid.spacing, augment, generator)
    volume = altered(volume, case.present, augment, generator)
    here = np.flatnonzero(case.present)
    if len(here) > 1 and generator.random() < config.phase_dropout:
        volume[generator.choice(here)] = ABSENT
    return volume, one_hot(labels, settings), labels


def normalise(
    hu: NDArray[np.int16], present: Sequence[bool], window: tuple[float, float]
) -> Tensor:
    """Bring Hounsfield units ``(channels, z, y, x)`` to [-1, 1]; absent phases to ``ABSENT``."""
    low, high = window
    volume = torch.from_numpy(hu.astype(np.float32, order="C"))
    volume = volume.sub_((low + high) / 2).div_((high - low) / 2).clamp_(-1, 1)
    for channel, here in enumerate(present):
        if not here:
            volume[channel] = ABSENT
    return volume


def one_hot(labels: Tensor, settings: ModelSettings) -> Tensor:
    """Give the target ``(classes, ...)`` of labels."""
    maps = []
    for values in settings.classes.values():
        hit = labels > 0
        if values:
            hit = torch.isin(labels, torch.tensor(values, device=labels.device))
        maps.append(hit)
    return torch.stack(maps).float()


def cut(
    array: NDArray[np.int16], start: NDArray[np.int64], patch: Sequence[int], outside: int
) -> NDArray[np.int16]:
    """Cut a patch out of a volume, filled up where it reaches beyond."""
    found = np.full(tuple(patch), outside, dtype=array.dtype)
    take, put = [], []
    for low, side, length in zip(start.tolist(), patch, array.shape, strict=True):
        first, last = max(low, 0), min(low + side, length)
        if first >= last:
            return found
        take.append(slice(first, last))
        put.append(slice(first - low, last - low))
    found[tuple(put)] = array[tuple(take)]
    return found
