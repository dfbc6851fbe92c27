"""Sensitivity as a function of size or contrast: a logistic curve with its band."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ptx.stats.draws import PatientDraws, percentile_limits
from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.tables import cluster_codes, confidence_level, numbers

_ROUNDS = 60
_STEP = 5.0  # of a standardised coefficient: further, Newton's method overshoots

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Psychometric:
    """A fitted curve of sensitivity.

    Parameters
    ----------
    x, found
        ``(glands,)`` what was fitted: the size or contrast, and 1 where found.
    intercept, slope
        Of the logit against ``x``, or against its logarithm where ``log``.
    grid, curve, low, high
        ``(points,)`` where the curve is drawn, its height, and its limits from resampled
        patients (or glands, without patients); NaN where a replicate had no fit.
    half, half_limits
        ``x`` from which on half of the glands are found; NaN where the curve falls, or that lies
        outside of the range of ``x``. Its limits are NaN where a replicate falls, or its half
        lies further out than that range is wide.
    log
        Whether the logarithm of ``x`` was fitted.
    clusters
        How many patients there were, or ``None`` without.
    confidence, replicates, seed
        How the band was made.
    """

    x: Floats
    found: Floats
    intercept: float
    slope: float
    grid: Floats
    curve: Floats
    low: Floats
    high: Floats
    half: float
    half_limits: tuple[float, float]
    log: bool
    clusters: int | None
    confidence: float
    replicates: int
    seed: int

    def at(self, x: ArrayLike) -> Floats:
        """Give the height of the curve at ``x``."""
        place = np.asarray(x, dtype=np.float64)
        return _share(self.intercept + self.slope * (np.log(place) if self.log else place))


def psychometric(
    x: ArrayLike,
    found: ArrayLike,
    clusters: Iterable[Any] | None = None,
    *,
    log: bool = False,
    points: int = 101,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> Psychometric:
    """Fit the share of glands found against their size or contrast.

    Parameters
    ----------
    x
        ``(glands,)`` such as the diameter in mm, or the contrast-to-noise ratio.
    found
        ``(glands,)`` 1 where found, 0 where not.
    clusters
        The patient of each gland, for the band.
    log
        Fit the logarithm of ``x``, as suits sizes.
    points
        Of the drawn curve, evenly over the range of ``x``.
    confidence, replicates, seed
        Level of the band, and the bootstrap's replicates and seed.

    Raises
    ------
    StatsError
        For values that are missing, fewer than 3 glands, one ``x`` for all, an ``x`` of 0 or
        less where ``log``, or fewer than 2 patients.

    Notes
    -----
    Logistic regression with Firth's penalty (Jeffreys' prior): where all large glands and no
    small one were found, plain maximum likelihood has no finite answer, and such series are
    common. The penalty draws the curve towards 1/2 by about half a gland.

    References
    ----------
    Firth (1993), Biometrika 80, 27-38. Heinze & Schemper (2002), Statistics in Medicine 21,
    2409-2419.

    Examples
    --------
    >>> fit = psychometric([1, 1, 2, 2], [0, 1, 1, 1], replicates=10)
    >>> bool(np.allclose(fit.at([1, 2]), [0.5, 2.5 / 3]))
    True
    """
    confidence = confidence_level(confidence)
    place, hit = _checked(x, found, log)
    codes, count, known = np.arange(len(place)), len(place), None
    if clusters is not None:
        codes, count = cluster_codes(clusters, len(place))
        known = count
    axis = np.log(place) if log else place
    middle, spread = axis.mean(), axis.std()
    z = (axis - middle) / spread
    often = PatientDraws(codes, count, replicates, seed).rows()
    whole = _fit(z, hit, np.ones((1, len(z))))[0]
    drawn = _fit(z, hit, often)
    grid = np.linspace(place.min(), place.max(), points)
    on_axis = ((np.log(grid) if log else grid) - middle) / spread
    heights = _share(drawn[:, :1] + drawn[:, 1:] * on_axis)
    low, high = percentile_limits(heights, confidence)
    slope = float(whole[1] / spread)
    halves = _halves(np.concatenate([whole[np.newaxis], drawn]), z, middle, spread, log)
    ends = percentile_limits(halves[1:], confidence)
    return Psychometric(
        place, hit, float(whole[0] - whole[1] * middle / spread), slope,
        grid, _share(whole[0] + whole[1] * on_axis), low, high,
        float(halves[0]), (float(ends[0]), float(ends[1])),
        log, known, confidence, replicates, seed,
    )  # fmt: skip


def _checked(x: ArrayLike, found: ArrayLike, log: bool) -> tuple[Floats, Floats]:
    place, hit = numbers(x, "sizes or contrasts"), numbers(found, "glands found")
    if place.ndim != 1 or place.shape != hit.shape:
        raise StatsError(f"There must be one value for each of {hit.size} glands.")
    if not np.isfinite(place).all() or not np.isfinite(hit).all():
        raise StatsError("A size, a contrast or a finding is missing; leave out these glands.")
    if not np.all((hit == 0.0) | (hit == 1.0)):
        raise StatsError("What was found must be 0 or 1.")
    if len(place) < 3:
        raise StatsError(f"A curve needs at least 3 glands; there are {len(place)}.")
    if np.ptp(place) == 0.0:
        raise StatsError("All glands have the same value, so that there is no curve.")
    if log and place.min() <= 0.0:
        raise StatsError(f"The logarithm of {place.min():g} does not exist; fit without it.")
    return place, hit


def _fit(z: Floats, hit: Floats, often: Floats) -> Floats:
    """Fit all replicates ``(replicates, glands)`` at once; coefficients ``(replicates, 2)``."""
    beta = np.zeros((len(often), 2))
    with np.errstate(all="ignore"):
        for _ in range(_ROUNDS):
            share = _share(beta[:, :1] + beta[:, 1:] * z)
            weight = share * (1.0 - share)
            a, b, c = (np.sum(often * weight * z**k, axis=1) for k in (0, 1, 2))
            determinant = a * c - b * b
            # A copy of a gland that is drawn twice has the same leverage as the first.
            leverage = weight * (
                c[:, np.newaxis] - 2.0 * b[:, np.newaxis] * z + a[:, np.newaxis] * z**2
            ) / determinant[:, np.newaxis]  # fmt: skip
            rest = often * (hit - share + leverage * (0.5 - share))
            u, v = rest.sum(axis=1), (rest * z).sum(axis=1)
            step = np.stack([c * u - b * v, a * v - b * u], axis=1) / determinant[:, np.newaxis]
            step *= np.minimum(1.0, _STEP / np.abs(step).max(axis=1))[:, np.newaxis]
            beta = beta + step
            if not np.any(np.abs(step) > 1e-9):
                break
    return beta


def _share(logit: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-logit)))


def _halves(beta: Floats, z: Floats, middle: float, spread: float, log: bool) -> Floats:
    """Give where each curve rises over 1/2; NaN outside what was seen, the first more strictly."""
    with np.errstate(all="ignore"):
        crossing = -beta[:, 0] / beta[:, 1]
    reach = np.full(len(crossing), np.ptp(z))
    reach[0] = 0.0
    seen = (beta[:, 1] > 0.0) & (crossing >= z.min() - reach) & (crossing <= z.max() + reach)
    value = middle + spread * np.where(seen, crossing, np.nan)
    return np.exp(value) if log else value
