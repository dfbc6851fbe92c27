"""The validation volumes of a training: how many glands the weights find."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_ptx.ct.candidates import find_candidates
from napari_ptx.ct.cases import Case
from napari_ptx.ct.config import ModelSettings
from napari_ptx.ct.engine import Engine
from napari_ptx.ct.inference import Blend, Box, sweep
from napari_ptx.ct.matching import closeness_of_labels, first_hits
from napari_ptx.ct.network import GlandNet
from napari_ptx.ct.region import search_region
from napari_ptx.ct.sampling import normalise, one_hot
from napari_ptx.stats import froc


def validate(
    network: GlandNet,
    engine: Engine,
    cases: Sequence[Case],
    settings: ModelSettings,
    progress: Callable[[int, int, str], None],
) -> tuple[float, float]:
    """Run a network over whole volumes.

    Parameters
    ----------
    network, engine
        What is run, and how; in its place already.
    cases, settings
        The volumes and what they are to the network. Glands are looked for in the thyroid
        bed, which costs a tenth of the whole; a gland outside counts as missed each time.
    progress
        ``progress(patch, patches, case)``.

    Returns
    -------
    tuple
        For glands the mean sensitivity of the free-response curve at 1/8 to 8 false positives
        per volume (a candidate that touches a gland finds it), or the mean Dice for classes;
        and the mean Dice.
    """
    scores: list[float] = []
    hits: list[bool] = []
    glands = 0
    dices: list[float] = []
    for case in cases:

        def told(patch: int, patches: int, text: str, name: str = case.name) -> None:
            progress(patch, patches, name)

        answer = _sweep(network, engine, case, settings, told)
        truth = np.asarray(case.labels[answer.box])
        dices += _dices(answer.values, truth, settings)
        if settings.glands:
            ranked, found = _found(answer, case, truth)
            scores += ranked
            hits += found
            glands += len(np.unique(case.labels[case.labels > 0]))
    dice = float(np.mean(dices)) if dices else 0.0
    if not settings.glands:
        return dice, dice
    return (froc(scores, hits, glands, len(cases)).score() if glands else 0.0), dice


def _sweep(
    network: GlandNet,
    engine: Engine,
    case: Case,
    settings: ModelSettings,
    progress: Callable[[int, int, str], None],
) -> Blend:
    search = "bed" if settings.glands else "full"
    first = np.asarray(case.hu[case.present.index(True)])
    region = search_region(first, case.grid.spacing, search)

    def fetch(box: Box) -> torch.Tensor:
        return normalise(case.hu[(slice(None), *box)], case.present, settings.window)

    return sweep(
        fetch,
        lambda given: engine(network, given),
        case.shape,
        settings.patch,
        overlap=settings.overlap,
        region=region.mask,
        progress=progress,
    )


def _found(answer: Blend, case: Case, truth: NDArray[np.integer]) -> tuple[list[float], list[bool]]:
    """Give the score of each candidate, and whether it finds one gland more."""
    chance = case.grid.image(answer.values[0].astype(np.float32))
    candidates = find_candidates(chance, case.patient)
    scores = candidates.table["score"].to_numpy(dtype=float)
    close = closeness_of_labels(truth, candidates.labels.pixels, "overlap")
    return scores.tolist(), first_hits(close.allowed, scores).tolist()


def _dices(
    values: NDArray[np.floating], truth: NDArray[np.integer], settings: ModelSettings
) -> list[float]:
    """Give the Dice of each class that the truth has."""
    wanted = one_hot(torch.from_numpy(truth.astype(np.int64)), settings).numpy() > 0
    made = values >= 0.5
    return [
        2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))
        for one, other in zip(made, wanted, strict=True)
        if other.any()
    ]
