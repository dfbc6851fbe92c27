"""Sensitivities of several modalities for the same lesions, and what differs between them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ptx.stats.bootstrap import FEW_CLUSTERS
from napari_ptx.stats.draws import PatientDraws, ratio
from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.multiplicity import holm
from napari_ptx.stats.proportions import proportion_limits
from napari_ptx.stats.tables import cluster_codes, confidence_level, numbers

Floats = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Sensitivity:
    """How many of the lesions that it was used on a modality found.

    Parameters
    ----------
    found, of
        Lesions.
    clopper_pearson, wilson
        Limits that take lesions as independent.
    cluster_bootstrap
        Limits from resampled patients (percentiles), or ``None`` without patients; NaN where
        a replicate has no lesion that the modality was used on.
    """

    found: int
    of: int
    clopper_pearson: Interval
    wilson: Interval
    cluster_bootstrap: Interval | None

    @property
    def value(self) -> float:
        """The sensitivity."""
        return self.found / self.of


@dataclass(frozen=True)
class SensitivityPair:
    """Two modalities compared.

    Parameters
    ----------
    first, second
        Their names.
    difference
        Sensitivity of the first less that of the second: on the lesions that both were
        used on where lesions are paired, on all otherwise.
    fisher
        P of Fisher's exact test, which takes the two as different lesions.
    both, first_only, second_only, neither
        The paired table, or ``None`` for counts alone; so is all that follows.
    mcnemar_exact, mcnemar_mid_p
        Two-sided P of McNemar's test on the discordant lesions.
    mcnemar_exact_holm
        The exact P, adjusted for all pairs by Holm's method.
    cluster_bootstrap, cluster_bootstrap_p
        Limits of the difference from resampled patients, and twice the smaller share of
        replicates on one side of 0; ``None`` without patients.
    """

    first: str
    second: str
    difference: float
    fisher: float
    both: int | None = None
    first_only: int | None = None
    second_only: int | None = None
    neither: int | None = None
    mcnemar_exact: float | None = None
    mcnemar_mid_p: float | None = None
    mcnemar_exact_holm: float | None = None
    cluster_bootstrap: Interval | None = None
    cluster_bootstrap_p: float | None = None


@dataclass(frozen=True)
class SensitivityComparison:
    """Every modality, every pair, and the number of patients (``None`` without)."""

    modalities: Mapping[str, Sensitivity]
    pairs: tuple[SensitivityPair, ...]
    clusters: int | None
    confidence: float

    @property
    def few_clusters(self) -> bool:
        """Whether there are fewer than 20 patients: their intervals tend to be too narrow."""
        return self.clusters is not None and self.clusters < FEW_CLUSTERS

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers; what is undefined or absent is None."""
        return {
            "modalities": {
                name: {
                    "found": one.found,
                    "of": one.of,
                    "sensitivity": one.value,
                    "clopper_pearson": _plain(one.clopper_pearson),
                    "wilson": _plain(one.wilson),
                    "cluster_bootstrap": _plain(one.cluster_bootstrap),
                }
                for name, one in self.modalities.items()
            },
            "pairs": [
                {**vars(pair), "cluster_bootstrap": _plain(pair.cluster_bootstrap)}
                for pair in self.pairs
            ],
            "clusters": self.clusters,
            "confidence": self.confidence,
        }


def compare_sensitivity(
    found: Mapping[str, ArrayLike],
    clusters: Iterable[Any] | None = None,
    *,
    confidence: float = 0.95,
    replicates: int = 10_000,
    seed: int = 0,
) -> SensitivityComparison:
    """Compare modalities on the same lesions.

    Parameters
    ----------
    found
        For each modality ``(lesions,)`` 1 where it found the lesion, 0 where it did not, NaN
        where it was not used; in the same order of lesions.
    clusters
        The patient of each lesion; a patient may have several.
    confidence, replicates, seed
        Level of the intervals, and the cluster bootstrap's replicates and seed.

    Raises
    ------
    StatsError
        For values other than 0, 1 and NaN, unequal lengths, a modality that was never used,
        two that share no lesion, or fewer than 2 patients.

    Notes
    -----
    Lesions are the same for all modalities, so that McNemar's test is the one to report;
    Fisher's is there because papers print it. Both take lesions as independent, which the
    cluster bootstrap does not.

    References
    ----------
    Fagerland, Lydersen & Laake (2013), BMC Medical Research Methodology 13, 91.
    Field & Welsh (2007), Journal of the Royal Statistical Society B 69, 369-390.

    Examples
    --------
    >>> result = compare_sensitivity({"CT": [1, 1, 1, 0], "ultrasound": [1, 0, 0, 0]})
    >>> result.modalities["CT"].value, result.pairs[0].mcnemar_exact
    (0.75, 0.5)
    """
    confidence = confidence_level(confidence)
    if replicates < 1:
        raise StatsError(f"There must be at least 1 replicate, not {replicates}.")
    if not found:
        raise StatsError("There is no modality to look at.")
    names = list(found)
    table = _checked(found)
    draws = None
    count = None
    if clusters is not None:
        codes, count = cluster_codes(clusters, table.shape[1])
        draws = PatientDraws(codes, count, replicates, seed)
    singles = {}
    for name, row in zip(names, table, strict=True):
        used = ~np.isnan(row)
        limits = None if draws is None else _limits(_shares(draws, row, used), confidence)
        singles[name] = _single(int(row[used].sum()), int(used.sum()), confidence, limits)
    pairs = []
    for (first, a), (second, b) in itertools.combinations(zip(names, table, strict=True), 2):
        shared = ~np.isnan(a) & ~np.isnan(b)
        if not shared.any():
            raise StatsError(f"{first} and {second} were used on no lesion in common.")
        pairs.append(_pair(first, second, a, b, shared, singles, draws, confidence))
    return SensitivityComparison(singles, _with_holm(pairs), count, confidence)


def compare_found(
    counts: Mapping[str, tuple[int, int]], *, confidence: float = 0.95
) -> SensitivityComparison:
    """Compare modalities of which only the counts are known.

    Parameters
    ----------
    counts
        For each modality the lesions that it found, and all it was used on.

    Raises
    ------
    StatsError
        For counts that cannot be.
    """
    confidence = confidence_level(confidence)
    if not counts:
        raise StatsError("There is no modality to look at.")
    for name, (found, of) in counts.items():
        if not 0 <= found <= of or of == 0:
            raise StatsError(f"{name} found {found} of {of} lesions, which cannot be.")
    singles = {name: _single(*pair, confidence, None) for name, pair in counts.items()}
    pairs = tuple(
        SensitivityPair(
            first,
            second,
            singles[first].value - singles[second].value,
            _fisher(singles[first], singles[second]),
        )
        for first, second in itertools.combinations(singles, 2)
    )
    return SensitivityComparison(singles, pairs, None, confidence)


def mcnemar(first_only: int, second_only: int) -> tuple[float, float]:
    """Give the exact and the mid-P two-sided P of McNemar's test.

    Parameters
    ----------
    first_only, second_only
        The discordant pairs. Without any, both P are 1.

    References
    ----------
    Fagerland, Lydersen & Laake (2013), BMC Medical Research Methodology 13, 91, and its
    supplement for as many pairs on one side as on the other.
    """
    from scipy.stats import binom

    total, fewer = first_only + second_only, min(first_only, second_only)
    if total == 0:
        return 1.0, 1.0
    point = float(binom.pmf(fewer, total, 0.5))
    if first_only == second_only:
        return 1.0, 1.0 - point / 2.0
    exact = min(1.0, 2.0 * float(binom.cdf(fewer, total, 0.5)))
    return exact, exact - point


def _shares(draws: PatientDraws, values: Floats, used: NDArray[np.bool_]) -> Floats:
    """Give the mean of the used values in each replicate; NaN where there is none."""
    both = draws.sums([np.where(used, values, 0.0), used])
    return ratio(both[:, 0], both[:, 1])


def _checked(found: Mapping[str, ArrayLike]) -> Floats:
    rows = {name: numbers(values, f"values of {name}") for name, values in found.items()}
    shapes = {row.shape for row in rows.values()}
    if len(shapes) > 1 or len(next(iter(shapes))) != 1:
        raise StatsError("Every modality must have one value for each lesion.")
    for name, row in rows.items():
        wrong = ~(np.isnan(row) | (row == 0.0) | (row == 1.0))
        if wrong.any():
            raise StatsError(f"{name} must be 0, 1 or missing, and is {row[wrong][0]:g} once.")
        if np.isnan(row).all():
            raise StatsError(f"{name} was used on no lesion.")
    return np.stack(list(rows.values()))


def _single(found: int, of: int, confidence: float, limits: Interval | None) -> Sensitivity:
    hits, total = np.array(found), np.array(of)
    exact = proportion_limits(hits, total, confidence, "exact")
    wilson = proportion_limits(hits, total, confidence, "wilson")
    return Sensitivity(found, of, _interval(exact), _interval(wilson), limits)


def _interval(limits: tuple[Floats, Floats]) -> Interval:
    return float(limits[0]), float(limits[1])


def _pair(
    first: str,
    second: str,
    a: Floats,
    b: Floats,
    shared: NDArray[np.bool_],
    singles: Mapping[str, Sensitivity],
    draws: PatientDraws | None,
    confidence: float,
) -> SensitivityPair:
    x, y = a[shared] == 1.0, b[shared] == 1.0
    only = int((x & ~y).sum()), int((~x & y).sum())
    exact, mid = mcnemar(*only)
    difference = a - b
    limits = p = None
    if draws is not None:
        replicates = _shares(draws, difference, shared)
        limits, p = _limits(replicates, confidence), _two_sided(replicates)
    return SensitivityPair(
        first=first,
        second=second,
        difference=float(difference[shared].mean()),
        fisher=_fisher(singles[first], singles[second]),
        both=int((x & y).sum()),
        first_only=only[0],
        second_only=only[1],
        neither=int((~x & ~y).sum()),
        mcnemar_exact=exact,
        mcnemar_mid_p=mid,
        cluster_bootstrap=limits,
        cluster_bootstrap_p=p,
    )


def _with_holm(pairs: list[SensitivityPair]) -> tuple[SensitivityPair, ...]:
    adjusted = holm(np.array([pair.mcnemar_exact for pair in pairs], dtype=np.float64))
    return tuple(
        replace(pair, mcnemar_exact_holm=float(p)) for pair, p in zip(pairs, adjusted, strict=True)
    )


def _fisher(first: Sensitivity, second: Sensitivity) -> float:
    from scipy.stats import fisher_exact

    table = [[one.found, one.of - one.found] for one in (first, second)]
    return float(fisher_exact(table)[1])


def _limits(replicates: Floats, confidence: float) -> Interval:
    if np.isnan(replicates).any():
        return float("nan"), float("nan")
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(replicates, [tail, 1.0 - tail])
    return float(low), float(high)


def _two_sided(replicates: Floats) -> float | None:
    """Invert the percentile interval; one more replicate on each side, so that P is never 0."""
    if np.isnan(replicates).any():
        return None
    # Sums of the same ones in another order differ in the last bit.
    below = np.count_nonzero(replicates <= 1e-12)
    above = np.count_nonzero(replicates >= -1e-12)
    return min(1.0, float(2 * (1 + min(below, above)) / (1 + len(replicates))))


def _plain(interval: Interval | None) -> list[float | None] | None:
    if interval is None:
        return None
    return [limit if np.isfinite(limit) else None for limit in interval]
