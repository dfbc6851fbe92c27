"""From a map of probabilities to candidates: connected parts with one confidence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.ct.errors import CtError
from napari_ptx.ct.space import body_centre, measure, slot_of
from napari_ptx.image import Image

COLUMNS = (
    "patient", "candidate", "slot", "x_mm", "y_mm", "z_mm",
    "volume_mm3", "diameter_mm", "score", "hu_plain", "hu_arterial",
)  # fmt: skip
"""The columns of a table of candidates."""

_NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)  # 26


@dataclass(frozen=True)
class CandidateSettings:
    """How candidates are made.

    Parameters
    ----------
    high
        A candidate has a voxel of at least this probability.
    low
        It takes all voxels of at least this probability that are connected to it (by faces,
        edges or corners).
    min_volume_mm3
        A smaller one is noise. A normal gland of 5 x 3 x 1 mm has 8 mm3.
    """

    high: float = 0.5
    low: float = 0.2
    min_volume_mm3: float = 5.0

    def __post_init__(self) -> None:
        if not 0.0 < self.low <= self.high <= 1.0 or self.min_volume_mm3 < 0.0:
            raise CtError(
                "Candidates need 0 < low <= high <= 1 and a least volume of 0 or more, not "
                f"{self.low:g}, {self.high:g} and {self.min_volume_mm3:g} mm3."
            )


@dataclass(frozen=True, eq=False)
class Candidates:
    """The candidates of one patient.

    Parameters
    ----------
    table
        One row each with ``COLUMNS``, the highest score first, which is candidate 1. ``score``
        is the mean probability of its voxels of at least ``high``; ``diameter_mm`` is that of
        the ball of its volume; HU are means over it, NaN for a phase that is not there.
    labels
        ``(z, y, x)`` int16 with the number of the candidate, 0 elsewhere; the grid of the
        probabilities.
    settings
        How they were made.
    """

    table: pd.DataFrame
    labels: Image
    settings: CandidateSettings


def find_candidates(
    probability: Image,
    patient: str,
    *,
    settings: CandidateSettings | None = None,
    phases: Mapping[str, NDArray[Any]] | None = None,
    centre: Sequence[float] | None = None,
) -> Candidates:
    """Make candidates of a map of probabilities.

    Parameters
    ----------
    probability
        ``(z, y, x)`` between 0 and 1, with a patient frame.
    patient
        The code that stands in the table.
    settings
        Thresholds and least volume.
    phases
        HU by phase ("plain", "arterial"), ``(z, y, x)`` on the same grid.
    centre
        The middle of the thyroid bed (mm, LPS), which parts the slots. Without it the middle
        of the body in the plain phase, or of the volume.

    Raises
    ------
    CtError
        For a map that is no volume, values that are no probabilities, or a phase of another
        shape; the sentence names the patient.

    References
    ----------
    Canny (1986), IEEE PAMI 8, 679-698, for the two thresholds.
    """
    settings = settings or CandidateSettings()
    values = probability.pixels
    if values.ndim != 3:
        raise CtError(f"Patient {patient}: probabilities are {values.ndim}-D, not a volume.")
    phases = dict(phases or {})
    for name, array in phases.items():
        if array.shape != values.shape:
            raise CtError(
                f"Patient {patient}: the {name} phase has the shape {array.shape}, the "
                f"probabilities {values.shape}; resample it to the same grid."
            )
    low, high = float(values.min()), float(values.max())
    if not (low >= -1e-6 and high <= 1.0 + 1e-6):  # NaN, too
        raise CtError(
            f"Patient {patient}: values from {low:g} to {high:g} are no probabilities; apply the "
            "sigmoid first."
        )
    parts = _hysteresis(values, settings, float(np.prod(probability.spacing)))
    scores = _scores(values, parts, settings.high)
    order = np.argsort(-scores, kind="stable")
    renumber = np.zeros(len(scores) + 1, dtype=np.int16)
    renumber[order + 1] = np.arange(1, len(scores) + 1)
    labels = Image(
        renumber[parts], "zyx", probability.spacing, probability.calibrated, "CT",
        origin=probability.origin, direction=probability.direction,
    )  # fmt: skip
    if centre is None:
        plain = phases.get("plain", np.zeros(values.shape, dtype=np.int16))
        centre = body_centre(replace(labels, pixels=plain))
    measured = measure(labels, {f"hu_{name}": array for name, array in phases.items()})
    rows = [
        {
            "patient": patient,
            "candidate": number,
            "slot": slot_of((one["x_mm"], one["y_mm"], one["z_mm"]), centre),
            **one,
            "score": float(scores[order[number - 1]]),
        }
        for number, one in measured.items()
    ]
    return Candidates(pd.DataFrame(rows).reindex(columns=list(COLUMNS)), labels, settings)


def _hysteresis(
    values: NDArray[Any], settings: CandidateSettings, voxel_mm3: float
) -> NDArray[np.int32]:
    """Number the connected parts that reach the high threshold and are large enough."""
    from scipy import ndimage

    parts, count = ndimage.label(values >= settings.low, structure=_NEIGHBOURS)
    inside = np.flatnonzero(parts)
    owner = parts.ravel()[inside]
    sizes = np.bincount(owner, minlength=count + 1)
    reaching = np.bincount(
        owner, weights=values.ravel()[inside] >= settings.high, minlength=count + 1
    )
    # A volume of exactly the least counts, whatever the rounding of the spacing was.
    kept = (reaching > 0) & (sizes * voxel_mm3 >= settings.min_volume_mm3 * (1.0 - 1e-9))
    kept[0] = False
    numbers = np.zeros(count + 1, dtype=np.int32)
    numbers[kept] = np.arange(1, np.count_nonzero(kept) + 1)
    numbered: NDArray[np.int32] = numbers[parts]
    return numbered


def _scores(values: NDArray[Any], parts: NDArray[np.int32], high: float) -> NDArray[np.float64]:
    """Give the mean of each part's voxels that reach the high threshold.

    The highest voxel alone is near 1 for every candidate of a trained network, and ranks none.
    """
    inside = np.flatnonzero(parts)
    owner, probability = parts.ravel()[inside], values.ravel()[inside].astype(np.float64)
    core = probability >= high
    sums = np.bincount(owner[core], probability[core])
    return np.asarray(sums[1:] / np.bincount(owner[core])[1:], dtype=np.float64)
