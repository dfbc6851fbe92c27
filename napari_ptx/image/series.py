"""DICOM series: a folder of slices becomes volumes, or says why it does not.

A series is read as one volume only where its slices are a regular grid. Uneven or tilted
slices are refused with the numbers, or interpolated onto one when that is asked for;
never silently.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ptx.child import Progress
from napari_ptx.image.phase import PhaseGuess, guess_phase
from napari_ptx.image.read import Decoder, shared_decoder
from napari_ptx.image.series_files import Header
from napari_ptx.image.series_grid import (
    Stack,
    covering_grid,
    find_faults,
    regular_grid,
    repeated,
    resample,
    stack_slices,
)
from napari_ptx.image.types import Image, ImageError


@dataclass(frozen=True)
class Series:
    """The files of one series, in the order of its slices, and what its headers say.

    Parameters
    ----------
    folder
        The folder that was searched.
    uid, number, description, modality, patient, study
        As in the header; the description and the patient may be empty.
    frame_of_reference
        Series with the same one have the same patient frame.
    files
        The lowest slice along the normal first.
    size
        ``(z, y, x)``.
    spacing
        ``(z, y, x)`` in mm; z is the median distance of slices. ``None`` without Pixel
        Spacing.
    phase
        The contrast phase, with the reason for it.
    faults
        Why the slices are not a regular grid, with numbers; empty where they are.
    resamplable
        Whether ``read_series`` can interpolate it onto a regular grid.
    notes
        What a user should know.
    """

    folder: Path
    uid: str
    number: int | None
    description: str
    modality: str
    patient: str
    study: str
    frame_of_reference: str
    files: tuple[Path, ...]
    size: tuple[int, int, int]
    spacing: tuple[float, float, float] | None
    phase: PhaseGuess
    faults: tuple[str, ...] = ()
    resamplable: bool = True
    notes: tuple[str, ...] = ()
    _stack: Stack | None = None

    @property
    def name(self) -> str:
        """The series for a sentence: its number and its description."""
        words = ["series", "" if self.number is None else str(self.number)]
        named = " ".join(word for word in words if word)
        return f"{named} ({self.description})" if self.description else named


def find_series(
    folder: str | os.PathLike[str],
    *,
    decoder: Decoder | None = None,
    progress: Progress | None = None,
    timeout: float = 60.0,
) -> list[Series]:
    """Find the DICOM series in a folder and the folders in it, by the headers of all files.

    A series that holds several complete stacks at the same places (time points, or phases
    under one number) is told apart by its acquisition numbers.

    Parameters
    ----------
    decoder
        Whose child process reads the files; by default the one of ``read_image``.
    timeout
        Seconds without any file read before reading is stopped.

    Returns
    -------
    list of Series
        By number, then by description.

    Raises
    ------
    ImageError
        If there is no such folder, or no DICOM image in it.
    """
    place = Path(folder).absolute()
    if not place.is_dir():
        raise ImageError(f"{place} is not a folder; choose the folder that holds the DICOM files.")
    paths = sorted(str(path) for path in place.rglob("*") if path.is_file())
    tell = None if progress is None else lambda done, all_: progress(done, all_, "reading headers")
    headers: list[Header]
    headers, damaged, others = (decoder or shared_decoder()).run(
        "napari_ptx.image.series_files:scan",
        place,
        paths,
        timeout=timeout,
        on_progress=tell or (lambda *_: None),
    )
    if not headers:
        raise ImageError(
            f"{place} holds no DICOM image ({len(damaged) + others} other files); choose the "
            "folder of a series."
        )
    groups: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        groups[header.series].append(header)
    found = [series for group in groups.values() for series in _series(place, group)]
    if damaged:
        # Nobody knows of which series it was a slice.
        told = (
            f"{len(damaged)} DICOM files of the folder are damaged and were left out "
            f"({Path(damaged[0]).name}, for example)"
        )
        found = [replace(one, notes=(*one.notes, told)) for one in found]
    return sorted(found, key=lambda one: (one.number is None, one.number or 0, one.description))


def read_series(
    series: Series,
    *,
    resampled: bool = False,
    decoder: Decoder | None = None,
    progress: Progress | None = None,
    timeout: float = 60.0,
) -> Image:
    """Read a series as one volume.

    Slices are decoded in parallel in a child process and laid into the volume as they
    come, so that little more than the volume is held.

    Parameters
    ----------
    resampled
        Interpolate onto a regular grid where the slices are not on one: linear along the
        normal and within the slices. ``Image.notes`` tells that it was done, and why.
    decoder, timeout
        As in ``find_series``.

    Returns
    -------
    Image
        Axes "zyx" in the patient frame; CT in Hounsfield units, in the type of the slices.

    Raises
    ------
    ImageError
        If the slices are not a regular grid and ``resampled`` is false or cannot help, or
        a slice cannot be read.
    """
    if series.faults and not (resampled and series.resamplable):
        advice = (
            "resample it, which interpolates between the slices (--resample)"
            if series.resamplable
            else "export it again"
        )
        raise ImageError(
            f"{series.folder}: {series.name} is not one volume: {'; '.join(series.faults)}; "
            f"{advice}."
        )
    filling = _Filling(series, progress)
    (decoder or shared_decoder()).run(
        "napari_ptx.image.series_files:read_slices",
        series.folder,
        [str(path) for path in series.files],
        timeout=timeout,
        on_progress=filling.take,
    )
    return filling.image()


class _Filling:
    """A volume that is filled slice by slice."""

    def __init__(self, series: Series, progress: Progress | None) -> None:
        self._series = series
        self._progress = progress
        self._pixels: NDArray[Any] | None = None
        self._first: Image | None = None
        self._notes: dict[str, None] = {}

    def take(self, place: int, image: Image) -> None:
        series = self._series
        if image.colour or (image.shape != series.size[1:] and len(series.files) > 1):
            raise ImageError(
                f"{series.files[place]} cannot be put into {series.name}: its pixels are "
                f"{'in colour' if image.colour else image.shape}; export the series again."
            )
        if self._pixels is None:
            self._first = image
            # A single file may hold all slices.
            shape = series.size if image.axes == "yx" else image.shape
            self._pixels = np.empty(shape, image.pixels.dtype)
        self._notes.update(dict.fromkeys(image.notes))
        kind = np.result_type(self._pixels, image.pixels)
        if kind != self._pixels.dtype:
            self._pixels = self._pixels.astype(kind)
        self._pixels[place if image.axes == "yx" else ...] = image.pixels
        if self._progress is not None:
            self._progress(place + 1, len(series.files), "reading slices")

    def image(self) -> Image:
        series, first, pixels, stack = self._series, self._first, self._pixels, self._series._stack
        assert first is not None
        assert pixels is not None
        notes = (*series.notes, *self._notes)
        if stack is None:  # one file with all slices, which has its own geometry
            return replace(first, notes=notes)
        if series.faults:
            grid = covering_grid(stack, *series.size[1:])
            pixels = resample(pixels, stack, grid)
            notes = (
                *notes,
                f"interpolated onto slices {grid.spacing[0]:.2f} mm apart, because "
                + "; ".join(series.faults),
            )
        else:
            grid = regular_grid(stack, *series.size[1:])
        return replace(
            first,
            pixels=pixels,
            axes="zyx",
            spacing=grid.spacing,
            calibrated=True,
            origin=grid.origin,
            direction=tuple(tuple(row) for row in stack.along.T.tolist()),
            source=series.folder,
            notes=notes,
        )


def _series(folder: Path, group: Sequence[Header]) -> list[Series]:
    """Make the series of one UID: usually one, or one for each acquisition."""
    kept, notes = _without_copies(group)
    parts: dict[str, list[Header]] = defaultdict(list)
    for header in kept:
        parts[header.part].append(header)
    places = [frozenset(header.position or () for header in part) for part in parts.values()]
    # Acquisitions at other places are stretches of one volume; at the same, they are phases.
    if len(parts) > 1 and all(one == places[0] for one in places):
        named = [
            (f"{part[0].description} [acquisition {name}]", part) for name, part in parts.items()
        ]
    else:
        named = [(kept[0].description, kept)]
    return [_one(folder, part, name, notes) for name, part in named]


def _without_copies(group: Sequence[Header]) -> tuple[list[Header], tuple[str, ...]]:
    """Leave out files that are copies of others: the same instance."""
    kept: dict[str, Header] = {}
    for header in group:
        kept.setdefault(header.instance or str(header.path), header)
    copies = len(group) - len(kept)
    notes = (f"{copies} files are copies of others and were left out",) if copies else ()
    return list(kept.values()), notes


def _one(folder: Path, group: Sequence[Header], name: str, notes: tuple[str, ...]) -> Series:
    first = group[0]
    faults, stack, resamplable = _stack(group)
    ordered = [group[place] for place in stack.order] if stack is not None else list(group)
    spacing = None
    if stack is not None:
        spacing = (stack.step, *stack.spacing)
        if len(group) == 1:
            notes = (*notes, "a single slice: its thickness is taken as 1 mm")
    slices = first.frames if len(group) == 1 else len(group)
    return Series(
        folder=folder,
        uid=first.series,
        number=first.number,
        description=name,
        modality=first.modality,
        patient=first.patient,
        study=first.study,
        frame_of_reference=first.frame_of_reference,
        files=tuple(header.path for header in ordered),
        size=(slices, first.rows, first.columns),
        spacing=spacing,
        phase=guess_phase(
            first.description, first.protocol, first.agent, first.bolus, first.acquired
        ),
        faults=faults,
        resamplable=resamplable,
        notes=notes,
        _stack=stack,
    )


def _stack(group: Sequence[Header]) -> tuple[tuple[str, ...], Stack | None, bool]:
    """Stack slices: faults, the stack, and whether resampling mends the faults."""
    if len(group) == 1 and group[0].frames > 1:
        return (), None, False
    multiple = [header for header in group if header.frames > 1]
    if multiple:
        return ((f"{len(multiple)} of its {len(group)} files hold several frames",), None, False)
    for what, values in (
        ("positions", [header.position for header in group]),
        ("orientations", [header.orientation for header in group]),
        ("pixel spacings", [header.spacing for header in group]),
    ):
        without = sum(value is None for value in values)
        if without:
            return ((f"{without} of its {len(group)} files state no {what}",), None, False)
    sizes = _counted(f"{header.rows} x {header.columns} pixels" for header in group)
    planes = _counted(_plane(header) for header in group)
    pixels = _counted("{:.4g} x {:.4g} mm".format(*(header.spacing or ())) for header in group)
    for what, counts in (("sizes", sizes), ("orientations", planes), ("pixel spacings", pixels)):
        if len(counts) > 1:
            told = ", ".join(f"{count} of {value}" for value, count in counts.items())
            return ((f"its slices have {len(counts)} {what} ({told})",), None, False)
    first = group[0]
    assert first.orientation is not None
    assert first.spacing is not None
    across = np.array(first.orientation).reshape(2, 3)
    if not np.allclose(across @ across.T, np.eye(2), atol=1e-3):
        return (("its orientation is not two unit vectors at right angles",), None, False)
    stack = stack_slices(
        [header.position or () for header in group], first.orientation, first.spacing
    )
    twice = repeated(stack)
    if twice:
        one, other = (group[number].path.name for number in twice[0])
        fault = f"{len(twice)} places have more than one slice ({one} and {other}, for example)"
        return ((fault,), stack, False)
    return find_faults(stack), stack, True


def _counted(values: Any) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for value in values:
        counts[value] += 1
    return dict(counts)


def _plane(header: Header) -> str:
    """Name an orientation by its normal, rounded to what slices of one stack agree in."""
    across = np.array(header.orientation).reshape(2, 3)
    normal = np.cross(across[0], across[1])
    return "normal " + " ".join(f"{value + 0.0:.2f}" for value in np.round(normal, 2) + 0.0)
