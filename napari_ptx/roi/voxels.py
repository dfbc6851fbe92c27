"""Structures as voxels of one grid, and the label map that they make together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from napari_ptx.image.foreign import Unreadable

MOST = np.iinfo(np.int16).max
"""Labels are int16, which every reader of NIfTI knows."""


@dataclass(frozen=True)
class Part:
    """One structure of a file, whose voxels are found when they are asked for.

    Parameters
    ----------
    name
        As the file names it.
    voxels
        Gives the flat indices of its voxels, each once.
    whole_body
        An outline of the body, which is only taken when it is named.
    """

    name: str
    voxels: Callable[[], NDArray[np.int64]]
    whole_body: bool = False


def choose(parts: Sequence[Part], wanted: Sequence[str], notes: list[str]) -> list[Part]:
    """Keep the structures that were asked for.

    Parameters
    ----------
    wanted
        Names, in which * stands for anything; large and small letters are the same. Without
        any, all are kept but outlines of the body.

    Raises
    ------
    Unreadable
        A name fits no structure, or there are more than a label map can hold.
    """
    if wanted:
        lowered = {name: name.lower() for name in wanted}
        unmet = [
            name
            for name, pattern in lowered.items()
            if not any(fnmatchcase(part.name.lower(), pattern) for part in parts)
        ]
        if unmet:
            raise Unreadable(
                f'it has no structure "{unmet[0]}"; it has '
                + ", ".join(f'"{part.name}"' for part in parts)
            )
        kept = [
            part
            for part in parts
            if any(fnmatchcase(part.name.lower(), pattern) for pattern in lowered.values())
        ]
    else:
        kept = [part for part in parts if not part.whole_body]
        notes.extend(
            f"{part.name}: left out, as the outline of the body"
            for part in parts
            if part.whole_body
        )
    if not kept:
        raise Unreadable("it holds only an outline of the body; name it if it is wanted")
    if len(kept) > MOST:
        raise Unreadable(f"it has {len(kept)} structures, more than the {MOST} of a label map")
    return kept


def paint(
    parts: Sequence[Part], shape: tuple[int, int, int], notes: list[str]
) -> NDArray[np.int16]:
    """Make one label map: 1 for the first structure, 2 for the second, ...

    A voxel of two structures goes to the smaller one, because a gland within the thyroid, or at
    its edge, is what is looked for; how many there were is noted.

    Raises
    ------
    Unreadable
        No structure has a voxel, or one lies whole within smaller ones.
    """
    labels = np.zeros(int(np.prod(shape)), np.int16)
    found = [part.voxels() for part in parts]
    if not any(len(voxels) for voxels in found):
        raise Unreadable(
            "none of its structures has a voxel in the image; give the series that it was drawn on"
        )
    # Large ones first, so that smaller ones are painted over them.
    for place in sorted(range(len(parts)), key=lambda one: (-len(found[one]), one)):
        voxels = found[place]
        under = np.bincount(labels[voxels], minlength=1)
        for number in (int(one) + 1 for one in np.flatnonzero(under[1:])):
            notes.append(
                f"{under[number]} voxels lie both in {parts[number - 1].name} and in "
                f"{parts[place].name} and were given to the latter, which is smaller"
            )
        labels[voxels] = place + 1
    left = np.bincount(labels, minlength=len(parts) + 1)[1:]
    for part, voxels, count in zip(parts, found, left, strict=True):
        if not len(voxels):
            notes.append(f"{part.name}: has no voxel")
        elif not count:
            raise Unreadable(
                f'"{part.name}" lies whole within other structures, which a label map cannot '
                "hold; name the structures that are wanted"
            )
    return labels.reshape(shape)


def pack(
    parts: Sequence[Part], shape: tuple[int, int, int], notes: list[str]
) -> tuple[list[NDArray[np.int16]], list[list[tuple[int, str]]]]:
    """Make as few label maps as hold every structure whole; those that overlap are apart.

    Returns
    -------
    maps
        Each structure is in one of them, as its number in the order of the parts, from 1.
    listed
        The numbers and names in each map.

    Raises
    ------
    Unreadable
        No structure has a voxel.
    """
    maps = [np.zeros(int(np.prod(shape)), np.int16)]
    listed: list[list[tuple[int, str]]] = [[]]
    for number, part in enumerate(parts, start=1):
        voxels = part.voxels()
        if not len(voxels):
            notes.append(f"{part.name}: has no voxel")
        free = (place for place, labels in enumerate(maps) if not labels[voxels].any())
        place = next(free, len(maps))
        if place == len(maps):
            maps.append(np.zeros_like(maps[0]))
            listed.append([])
        maps[place][voxels] = number
        listed[place].append((number, part.name))
    if not maps[0].any():
        raise Unreadable(
            "none of its structures has a voxel in the image; give the series that it was drawn on"
        )
    if len(maps) > 1:
        notes.append(f"structures overlap, and are therefore in {len(maps)} label maps")
    return [labels.reshape(shape) for labels in maps], listed


def check_frame(stated: str, expected: str, name: str = "") -> None:
    """Refuse structures in another patient frame; unknown frames pass.

    Raises
    ------
    Unreadable
    """
    if stated and expected and stated != expected:
        what = f'its structure "{name}"' if name else "it"
        raise Unreadable(
            f"{what} lies in another frame of reference (ends in {stated[-12:]}) than the image "
            f"({expected[-12:]}); give the series that it was drawn on"
        )


def slices_told(count: int) -> str:
    """Give a count of slices in words."""
    return "1 slice" if count == 1 else f"{count} slices"
