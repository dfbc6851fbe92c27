"""What the Phases dock asks of its child process: find series, open two phases on one grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_ptx.child import Progress
from napari_ptx.image import (
    Image,
    ImageError,
    Series,
    decode,
    find_series,
    read_cohort,
    read_series,
)
from napari_ptx.image.hounsfield import check_hounsfield
from napari_ptx.image.orient import to_lps
from napari_ptx.image.phase import guess_phase
from napari_ptx.image.registration import Registration, register, resample_to

Source = Series | Path

_VOLUMES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


@dataclass(frozen=True, eq=False)
class Pair:
    """Two phases on one grid.

    Parameters
    ----------
    first
        The phase that stays, turned to the patient's axes.
    second
        The pixels of the other on its grid; ``None`` where only one was opened.
    registration
        The motion, or ``None`` where the phases lie where their files say.
    notes
        What a user should know of the volumes.
    """

    first: Image
    second: NDArray[Any] | None
    registration: Registration | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class OpenPhases:
    """A pair of phases that is shown, and where it came from.

    Parameters
    ----------
    pair
        The pixels, on one grid.
    names
        Of the two phases as the layers have them; the second "" where only one was opened.
    sources
        Where each was read from; the second ``None`` where only one was opened.
    patient
        Whose they are: of the table, or the name of the folder.
    resampled
        Whether slices that are no regular grid were interpolated.
    """

    pair: Pair
    names: tuple[str, str]
    sources: tuple[Source, Source | None]
    patient: str = ""
    resampled: bool = False

    @property
    def registration(self) -> Registration | None:
        """The motion between them, or ``None`` where they lie where their files say."""
        return self.pair.registration


@dataclass(frozen=True)
class Choice:
    """A volume that can be opened.

    Parameters
    ----------
    source
        A series, or the file of a volume.
    text
        How a list names it.
    phase
        The phase that its header or its name tells, or "".
    faults
        Why it is not a regular grid; it can be interpolated.
    patient
        Of a cohort table; else "".
    """

    source: Source
    text: str
    phase: str
    faults: tuple[str, ...] = ()
    patient: str = ""


def list_choices(place: Path, progress: Progress | None = None) -> list[Choice]:
    """Give the volumes of a cohort table, the CT series of a folder, or the volumes in it.

    A volume's file stands for the folder that it lies in.

    Raises
    ------
    ImageError
        If there is none.
    """
    folder = place if place.is_dir() else place.parent
    table = folder / "cohort.csv" if place.is_dir() else place
    if table.is_file() and table.suffix.lower() == ".csv":
        return _of_cohort(table)
    files = sorted(path for path in folder.iterdir() if path.name.lower().endswith(_VOLUMES))
    if files and (place.is_file() or not any(folder.rglob("*.dcm"))):
        return [
            Choice(path, path.name, guess_phase(path.name.replace("_", " ")).phase or "")
            for path in files
        ]
    found = [one for one in find_series(folder, progress=progress) if one.modality == "CT"]
    if not found:
        raise ImageError(f"{folder} holds no CT series; choose the folder of a CT examination.")
    return [
        Choice(
            one,
            f"{'' if one.number is None else one.number} {one.description} ({one.size[0]} slices)",
            one.phase.phase or "",
            one.faults,
        )
        for one in found
    ]


def _of_cohort(path: Path) -> list[Choice]:
    cohort = read_cohort(path, require=("patient", "phase", "image"), unique=("patient", "phase"))
    return [
        Choice(Path(row["image"]), row["patient"], str(row["phase"]), patient=row["patient"])
        for row in cohort.table.to_dict("records")
    ]


def open_pair(
    first: Source,
    second: Source | None,
    registered: bool,
    resampled: bool,
    progress: Progress | None = None,
) -> Pair:
    """Open one or two phases and lay the second on the first.

    Parameters
    ----------
    registered
        Find the motion between them; else they lie where their files say.
    resampled
        Interpolate series that are not a regular grid.
    """
    still = to_lps(_open(first, resampled, progress))
    if second is None:
        return Pair(still, None, None, still.notes)
    other = _open(second, resampled, progress)
    motion = register(still, other, progress=progress) if registered else None
    if progress is not None:
        progress(0, 0, "laying one phase on the other")
    pixels = resample_to(other, still, motion)
    return Pair(replace(still, notes=()), pixels, motion, (*still.notes, *other.notes))


def _open(source: Source, resampled: bool, progress: Progress | None) -> Image:
    if isinstance(source, Series):
        image = read_series(source, resampled=resampled, progress=progress)
        check_hounsfield(image)
        return image
    image = decode(source)
    if image.axes != "zyx" or image.origin is None:
        raise ImageError(
            f"{source} is not a volume with a place in the patient; choose a CT volume or the "
            "folder of a DICOM series."
        )
    check_hounsfield(image)
    return image
