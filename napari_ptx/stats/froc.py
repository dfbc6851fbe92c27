"""Free-response curves: the glands found against the false positives in each scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ptx.stats.draws import PatientDraws, percentile_limits
from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.tables import confidence_level, finite_row, numbers

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives per scan at which a curve is read."""

Floats = NDArray[np.float64]
Between = Literal["step", "linear"]


@dataclass(frozen=True, eq=False)
class Froc:
    """A free-response curve.

    Parameters
    ----------
    thresholds
        ``(points,)`` from infinity (no candidate counts) down to the lowest score, which
        counts every candidate.
    false_positives, sensitivity
        False positives per scan and the share of glands found, of the candidates whose score
        is at least the threshold.
    glands, scans
        How many there were.
    """

    thresholds: Floats
    false_positives: Floats
    sensitivity: Floats
    glands: int
    scans: int

    def at(self, rates: ArrayLike = RATES, between: Between = "step") -> Floats:
        """Give the sensitivity at rates of false positives per scan.

        Parameters
        ----------
        rates
            False positives per scan.
        between
            "step": the highest that a threshold reaches without more false positives.
            "linear": on the line between two thresholds, as the challenges on lung nodules
            and lymph nodes do; no threshold reaches that.
        """
        wanted = np.asarray(rates, dtype=np.float64)
        if between == "linear":
            return np.asarray(np.interp(wanted, self.false_positives, self.sensitivity))
        last = np.searchsorted(self.false_positives, wanted + 1e-12, side="right") - 1
        return np.where(last >= 0, self.sensitivity[last], 0.0)

    def score(self, rates: ArrayLike = RATES, between: Between = "step") -> float:
        """Give the mean sensitivity at the rates, one number for a whole curve."""
        return float(self.at(rates, between).mean())


@dataclass(frozen=True, eq=False)
class FrocBand:
    """Limits of the sensitivity at some rates, and of the mean over them.

    Parameters
    ----------
    rates, low, high
        ``(rates,)`` false positives per scan and the limits there.
    score
        Limits of the mean sensitivity over these rates.
    patients, confidence, replicates, seed
        How the band was made.
    """

    rates: Floats
    low: Floats
    high: Floats
    score: tuple[float, float]
    patients: int
    confidence: float
    replicates: int
    seed: int


def froc(scores: ArrayLike, hits: ArrayLike, glands: int, scans: int) -> Froc:
    """Make the free-response curve of candidates.

    Parameters
    ----------
    scores
        ``(candidates,)`` of all scans; candidates of equal scores count together.
    hits
        ``(candidates,)`` 1 where the candidate finds a gland that no candidate with a higher
        score has found, 0 where it is a false positive (``ct.matching.first_hits``).
    glands, scans
        How many there are in all, found or not. Scans without a gland belong to them.

    Raises
    ------
    StatsError
        For scores that are not finite, hits other than 0 and 1, more hits than glands, no
        gland, and no scan.

    Notes
    -----
    The lowest score is a threshold, too. MONAI and picai_eval leave it out unless some gland
    has no candidate at all.

    References
    ----------
    Bandos, Rockette, Song & Gur (2009), Biometrics 65, 247-256.

    Examples
    --------
    >>> curve = froc([0.9, 0.8, 0.3], [1, 0, 1], glands=2, scans=2)
    >>> curve.at([0.25, 0.5]).tolist()
    [0.5, 1.0]
    """
    score, hit = _checked(scores, hits)
    if glands < 1:
        raise StatsError("There is no gland to find, so that a sensitivity is not defined.")
    if scans < 1:
        raise StatsError(f"There must be at least 1 scan, not {scans}.")
    if hit.sum() > glands:
        raise StatsError(f"{int(hit.sum())} candidates hit a gland of {glands}, which cannot be.")
    order, last = _descending(score)
    found = np.cumsum(hit[order])[last]
    false = np.cumsum(1.0 - hit[order])[last]
    return Froc(
        np.concatenate([[np.inf], score[order][last]]),
        np.concatenate([[0.0], false / scans]),
        np.concatenate([[0.0], found / glands]),
        int(glands),
        int(scans),
    )


def froc_band(
    scores: ArrayLike,
    hits: ArrayLike,
    patient: ArrayLike,
    glands: ArrayLike,
    *,
    rates: ArrayLike = RATES,
    confidence: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> FrocBand:
    """Give the limits of a free-response curve from resampled patients.

    Parameters
    ----------
    scores, hits
        As for ``froc``.
    patient
        ``(candidates,)`` the patient of each candidate, as a place in ``glands``.
    glands
        ``(patients,)`` how many glands each patient has; one scan each.
    rates
        False positives per scan at which the curve is read, in steps.
    confidence, replicates, seed
        Level of the limits (percentiles), and the draws and their seed.

    Raises
    ------
    StatsError
        As ``froc``; for fewer than 2 patients, and a patient that is none of them.
    """
    confidence = confidence_level(confidence)
    score, hit = _checked(scores, hits)
    each = numbers(glands, "numbers of glands")
    if each.ndim != 1 or len(each) < 2:
        raise StatsError(f"There must be at least 2 patients; there are {each.size}.")
    if not np.all(each >= 0.0) or each.sum() < 1.0:
        raise StatsError("There is no gland to find, so that a sensitivity is not defined.")
    where = np.asarray(patient, dtype=np.intp)
    if where.shape != score.shape or (
        where.size and not 0 <= where.min() <= where.max() < len(each)
    ):
        raise StatsError("Every candidate must belong to one of the patients.")
    wanted = np.asarray(rates, dtype=np.float64)
    order, last = _descending(score)
    draws = PatientDraws(where[order], len(each), replicates, seed)
    often, hit = draws.rows(), hit[order]
    blank = np.zeros((replicates, 1))
    found = np.concatenate([blank, np.cumsum(often * hit, axis=1)[:, last]], axis=1)
    false = np.concatenate([blank, np.cumsum(often * (1.0 - hit), axis=1)[:, last]], axis=1)
    total = draws.times @ each
    with np.errstate(invalid="ignore", divide="ignore"):
        found /= total[:, np.newaxis]  # NaN for a draw of patients without a gland
    values = np.empty((replicates, len(wanted)))
    for place, rate in enumerate(wanted):
        # False positives only grow along a row: the last point within the rate is the best.
        within = np.count_nonzero(false <= rate * len(each) + 1e-9, axis=1) - 1
        values[:, place] = found[np.arange(replicates), within]
    values[total == 0.0] = np.nan
    low, high = percentile_limits(values, confidence)
    mean = percentile_limits(values.mean(axis=1), confidence)
    return FrocBand(
        wanted, low, high, (float(mean[0]), float(mean[1])),
        len(each), confidence, replicates, seed,
    )  # fmt: skip


def _checked(scores: ArrayLike, hits: ArrayLike) -> tuple[Floats, Floats]:
    hit = numbers(hits, "hits")
    if hit.ndim != 1:
        raise StatsError(f"The hits must be one row of 0 and 1, not of shape {hit.shape}.")
    wrong = ~((hit == 0.0) | (hit == 1.0))
    if wrong.any():
        raise StatsError(f"Hits must be 0 or 1; one is {hit[wrong][0]:g}.")
    return finite_row(scores, len(hit), "score"), hit


def _descending(score: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the order of candidates, and the last place of each distinct score in it."""
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(score) else order
    return order, last
