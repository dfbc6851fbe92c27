"""Training volumes on disk: arrays that are read a patch at a time, and where to draw patches.

A cohort of whole necks does not fit into memory; the arrays are mapped, so that a patch costs
what it holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ptx.ct.config import ModelSettings
from napari_ptx.ct.data import Exam, Volume, map_of
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.region import search_region
from napari_ptx.image.grid import Grid
from napari_ptx.learn.manifest import write_text

KINDS = ("gland", "confounder", "anywhere")
"""What a patch is drawn at."""

CONFOUNDERS = ("node", "carotid", "jugular", "vessel", "artery", "vein", "thyroid", "pole")
"""Words in the names of an anatomy map that can be taken for a gland."""

_MOST = 20_000
_TISSUE_HU = (20, 250)


@dataclass(frozen=True, eq=False)
class Case:
    """One volume that patches are drawn from.

    Parameters
    ----------
    name, patient
        "patient" or "patient, phase".
    hu
        ``(channels, z, y, x)`` int16, mapped.
    present
        Whether each channel's phase was taken.
    labels
        ``(z, y, x)`` int16, mapped.
    spots
        ``(n, 3)`` voxels by kind.
    owners
        The gland of each spot of the kind "gland".
    grid
        Where the voxels lie.
    """

    name: str
    patient: str
    hu: NDArray[np.int16]
    present: tuple[bool, ...]
    labels: NDArray[np.int16]
    spots: Mapping[str, NDArray[np.int32]]
    owners: NDArray[np.int16]
    grid: Grid

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(z, y, x)``."""
        return self.grid.shape


def write_case(folder: Path, volume: Volume, settings: ModelSettings, exam: Exam) -> None:
    """Write a volume for training; ``case.json`` comes last and says that it is whole.

    Raises
    ------
    CtError
        The patient has no labels, or they hold none of the model's classes.
    """
    if volume.labels is None:
        raise CtError(
            f"Patient {volume.patient} has no labels; name them in the column 'labels', or leave "
            "the patient out of the training."
        )
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [value for of in settings.classes.values() for value in of]
    labels = volume.labels
    if wanted:
        labels = np.where(np.isin(labels, wanted), labels, 0).astype(np.int16)
        if not labels.any():
            raise CtError(
                f"Patient {volume.patient} has labels, but none of the values "
                f"{', '.join(map(str, wanted))}; leave the patient out of the training."
            )
    generator = np.random.default_rng(0)
    glands, owners = _glands(labels, generator)
    region = search_region(volume.hu[0], volume.grid.spacing, "full").mask
    spots = {
        "gland": glands,
        "confounder": _thin(_confounders(volume, exam, region & (labels == 0)), generator),
        "anywhere": _thin(region, generator),
    }
    np.save(folder / "hu.npy", volume.hu)
    np.save(folder / "labels.npy", labels)
    np.savez(folder / "spots.npz", owners=owners, **spots)  # type: ignore[arg-type]
    one_phase = len(volume.phases) < len(settings.phases)
    facts = {
        "name": f"{volume.patient}, {volume.phases[0]}" if one_phase else volume.patient,
        "patient": volume.patient,
        "present": list(volume.present),
        "grid": asdict(volume.grid),
    }
    write_text(folder / "case.json", json.dumps(facts))


def read_case(folder: Path) -> Case:
    """Open what ``write_case`` wrote, without reading the arrays."""
    facts = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    with np.load(folder / "spots.npz") as held:
        spots = {kind: held[kind] for kind in KINDS}
        owners = held["owners"]
    grid = facts["grid"]
    return Case(
        facts["name"],
        facts["patient"],
        np.load(folder / "hu.npy", mmap_mode="r"),
        tuple(facts["present"]),
        np.load(folder / "labels.npy", mmap_mode="r"),
        spots,
        owners,
        Grid(
            _three(grid["shape"], int),
            _three(grid["spacing"], float),
            _three(grid["origin"], float),
            tuple(_three(row, float) for row in grid["direction"]),
        ),
    )


def _glands(
    labels: NDArray[np.int16], generator: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
    """Give voxels of each gland, at most so many of each, and whose they are."""
    places = np.argwhere(labels)
    owners = labels[tuple(places.T)]
    spots, whose = [np.zeros((0, 3), np.int32)], [np.zeros(0, np.int16)]
    for number in np.unique(owners):
        mine = places[owners == number]
        if len(mine) > 2000:
            mine = mine[np.sort(generator.choice(len(mine), 2000, replace=False))]
        spots.append(mine.astype(np.int32))
        whose.append(np.full(len(mine), number, np.int16))
    return np.concatenate(spots), np.concatenate(whose)


def _confounders(volume: Volume, exam: Exam, outside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where it looks like a gland: by the anatomy map, else by its Hounsfield units."""
    if volume.anatomy is not None:
        values = _named_values(volume, exam)
        hit = np.isin(volume.anatomy, values) if values else volume.anatomy > 0
        if (hit & outside).any():
            found: NDArray[np.bool_] = hit & outside
            return found
    low, high = _TISSUE_HU
    channel = volume.hu[volume.present.index(True)]
    tissue: NDArray[np.bool_] = outside & (channel >= low) & (channel <= high)
    return tissue


def _named_values(volume: Volume, exam: Exam) -> list[int]:
    """Give the values of an anatomy map that ``CONFOUNDERS`` names.

    The names stand in the JSON beside the map, or in ``anatomy.json`` beside the cohort.
    """
    path = map_of(exam.anatomy, volume.phases)
    if path is None:
        return []
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    beside = [folder / "anatomy.json" for folder in list(path.parents)[:3]]
    places = [path.with_name(f"{stem}.json"), *beside]
    place = next((place for place in places if place.is_file()), None)
    if place is None:
        return []
    try:
        held = json.loads(place.read_text(encoding="utf-8"))
    except ValueError:
        raise CtError(f"{place} is no JSON; write the names of the anatomy's values.") from None
    return sorted(_pairs(held))


def _pairs(held: Any) -> set[int]:
    """Find names and values in either order, at any depth."""
    found: set[int] = set()
    if isinstance(held, Mapping):
        for key, value in held.items():
            if isinstance(value, Mapping):
                found |= _pairs(value)
            for name, number in ((key, value), (value, key)):
                text = name.lower() if isinstance(name, str) else ""
                like = any(word in text for word in CONFOUNDERS) and "parathyroid" not in text
                if like and str(number).isdecimal() and int(number) > 0:
                    found.add(int(number))
    return found


def _thin(mask: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.int32]:
    places = np.flatnonzero(mask)
    if len(places) > _MOST:
        places = places[np.sort(generator.integers(0, len(places), _MOST))]
    return np.stack(np.unravel_index(places, mask.shape), axis=1).astype(np.int32)


def _three(values: Any, kind: Any) -> Any:
    z, y, x = (kind(value) for value in values)
    return z, y, x
