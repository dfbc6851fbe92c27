"""Look for glands in the CT of one patient: candidates, their map, and where was looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from napari_ptx.child import Progress
from napari_ptx.ct.bundle import CtModel
from napari_ptx.ct.candidates import COLUMNS, CandidateSettings, find_candidates
from napari_ptx.ct.config import ModelSettings
from napari_ptx.ct.data import Exam, Volume, load_volume, resample, samples
from napari_ptx.ct.engine import Engine
from napari_ptx.ct.inference import Blend, Box, sweep
from napari_ptx.ct.mirror import Pairs, both_ways
from napari_ptx.ct.region import search_region
from napari_ptx.ct.sampling import normalise
from napari_ptx.ct.space import body_centre
from napari_ptx.image import Image
from napari_ptx.image.grid import Grid

_MARGIN = 2


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of one patient.

    Parameters
    ----------
    volume
        The phases on the network's grid.
    chance
        ``(classes, z, y, x)`` float16 on that grid within ``box``.
    box
        Where it lies.
    examined_fraction
        The share of the body's voxels that was examined.
    region
        Where was looked, in words.
    patches
        How many were run.
    """

    volume: Volume
    chance: NDArray[np.floating]
    box: Box
    examined_fraction: float
    region: str
    patches: int


def examine(
    model: CtModel,
    engine: Engine,
    exam: Exam,
    search: str = "bed",
    progress: Progress | None = None,
    pairs: Pairs = (),
) -> Answer:
    """Run a model over one patient; with pairs of classes also mirrored (``both_ways``).

    With separate fusion each phase is run by itself, and a voxel has the higher of their
    probabilities, so that a gland which one phase shows is one candidate.

    Raises
    ------
    CtError, ImageError
        An image cannot be used.
    """
    settings = model.settings
    here = tuple(phase for phase in settings.phases if phase in exam.images)
    volume = load_volume(exam, settings.phases, settings.spacing)
    first = volume.hu[volume.phases.index(here[0])]
    region = search_region(first, volume.grid.spacing, search)
    blends = [
        _run(model, engine, volume, phases, region.mask, progress, pairs)
        for phases in samples(exam, settings)
    ]
    chance = blends[0].values
    for blend in blends[1:]:
        np.maximum(chance, blend.values, out=chance)
    body = region.mask
    if search != "full":
        body = search_region(first, volume.grid.spacing, "full").mask
    box = blends[0].box
    seen, whole = int((blends[0].examined & body[box]).sum()), int(body.sum())
    fraction = seen / max(1, whole)
    words = region.words
    missing = [phase for phase in settings.phases if phase not in exam.images]
    if missing:
        words += f"; without the {' and '.join(missing)} phase"
    patches = sum(blend.patches for blend in blends)
    return Answer(volume, chance, box, fraction, words, patches)


def _run(
    model: CtModel,
    engine: Engine,
    volume: Volume,
    phases: Sequence[str],
    region: NDArray[np.bool_],
    progress: Progress | None,
    pairs: Pairs,
) -> Blend:
    settings = model.settings
    channels = [volume.phases.index(phase) for phase in phases]
    present = [volume.present[channel] for channel in channels]

    def fetch(box: Box) -> torch.Tensor:
        part = np.stack([volume.hu[channel][box] for channel in channels])
        return normalise(part, present, settings.window)

    def run(given: torch.Tensor) -> torch.Tensor:
        return engine(model.network, given)

    return sweep(
        fetch,
        both_ways(run, settings, pairs) if pairs else run,
        volume.grid.shape,
        settings.patch,
        overlap=settings.overlap,
        region=region,
        finish=_foreground if settings.activation == "softmax" else torch.sigmoid,
        progress=progress,
    )


def _foreground(logits: torch.Tensor) -> torch.Tensor:
    return logits.softmax(0)[1:]


def candidates_of(
    answer: Answer, exam: Exam, settings: ModelSettings, made: CandidateSettings
) -> tuple[pd.DataFrame, Image]:
    """Give the table of candidates, and their map on the grid of the first phase's file.

    Of a model of classes the table is empty, and the map is that of the classes.
    """
    native = answer.volume.native
    full = np.zeros(native.shape, dtype=np.int16)
    table = pd.DataFrame(columns=list(COLUMNS))
    likely = answer.chance.max(axis=0) >= (made.low if settings.glands else 0.5)
    if not likely.any():
        return table, native.image(full)
    # Only the part with candidates is brought to the file's grid: a whole neck in float32
    # would be several copies of half a gigabyte.
    inner = _bounds(likely)
    depth, high, wide = (
        slice(outer.start + first, outer.start + last)
        for outer, (first, last) in zip(answer.box, inner, strict=True)
    )
    box = (depth, high, wide)
    local = tuple(slice(low, high) for low, high in inner)
    part, place = _cut_grid(native, answer.volume.grid, box)
    source = _sub_grid(answer.volume.grid, box)
    maps = [
        resample(source.image(chance[local].astype(np.float32)), part, 0.0)
        for chance in answer.chance
    ]
    if not settings.glands:
        full[place] = _classes(np.stack(maps), settings)
        return table, native.image(full)
    phases: Mapping[str, NDArray[Any]] = {
        phase: resample(source.image(answer.volume.hu[channel][box]), part, -1024)
        for channel, phase in enumerate(answer.volume.phases)
        if answer.volume.present[channel]
    }
    found = find_candidates(
        part.image(np.clip(maps[0], 0, 1)),
        exam.patient,
        settings=made,
        phases=phases,
        centre=_centre(answer.volume),
    )
    full[place] = found.labels.pixels
    return found.table, native.image(full)


def chance_map(answer: Answer) -> Image:
    """Give the probabilities in 1/255 on the grid of the first phase's file."""
    native = answer.volume.native
    full = np.zeros(native.shape, dtype=np.uint8)
    part, place = _cut_grid(native, answer.volume.grid, answer.box)
    source = _sub_grid(answer.volume.grid, answer.box)
    # int16, the smallest type that is resampled: a whole neck in float32 is half a gigabyte.
    counted = np.rint(answer.chance.max(axis=0) * np.float16(255)).astype(np.int16)
    full[place] = np.clip(resample(source.image(counted), part, 0), 0, 255)
    return native.image(full)


def _classes(chance: NDArray[np.float32], settings: ModelSettings) -> NDArray[np.int16]:
    """Give each voxel the label value of its likeliest class, where that is likely."""
    best = chance.argmax(axis=0)
    return np.where(
        chance.max(axis=0) >= 0.5, np.array(list(settings.written.values()))[best], 0
    ).astype(np.int16)


def _centre(volume: Volume) -> tuple[float, float, float]:
    """Give the middle of the body, at a quarter of the resolution: a side is all it tells."""
    grid = volume.grid
    thin = volume.hu[volume.present.index(True)][::4, ::4, ::4]
    z, y, x = (4 * step for step in grid.spacing)
    return body_centre(
        Image(thin, "zyx", (z, y, x), True, "CT", origin=grid.origin, direction=grid.direction)
    )


def _bounds(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Give the first and last voxels of a mask along each axis, with a margin."""
    found = []
    for axis in range(3):
        hit = np.flatnonzero(mask.any(axis=tuple(i for i in range(3) if i != axis)))
        low, high = int(hit[0]) - _MARGIN, int(hit[-1]) + 1 + _MARGIN
        found.append((max(0, low), min(mask.shape[axis], high)))
    return found


def _sub_grid(grid: Grid, box: Sequence[slice]) -> Grid:
    """Give the grid of a part of a volume."""
    first = np.array([part.start for part in box])[::-1] * np.array(grid.spacing[::-1])
    x, y, z = (np.array(grid.direction) @ first + np.array(grid.origin)).tolist()
    depth, high, wide = (part.stop - part.start for part in box)
    return Grid((depth, high, wide), grid.spacing, (x, y, z), grid.direction)


def _cut_grid(native: Grid, grid: Grid, box: Sequence[slice]) -> tuple[Grid, Box]:
    """Give the part of the file's grid that covers a part of the network's, and where it is."""
    corners = np.array(
        [[(part.start, part.stop)[bit] for part, bit in zip(box, bits, strict=True)]
         for bits in np.ndindex(2, 2, 2)]
    )  # fmt: skip
    world = (corners[:, ::-1] * np.array(grid.spacing[::-1])) @ np.array(grid.direction).T
    world = world + np.array(grid.origin) - np.array(native.origin)
    inside = (world @ np.array(native.direction)) / np.array(native.spacing[::-1])
    index = inside[:, ::-1]
    low = np.clip(np.floor(index.min(0)).astype(int) - 1, 0, np.array(native.shape) - 1)
    high = np.clip(np.ceil(index.max(0)).astype(int) + 2, low + 1, native.shape)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return _sub_grid(native, (z, y, x)), (z, y, x)
