"""What several modalities find together of the same glands, and what each adds to others."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ptx.stats.bootstrap import FEW_CLUSTERS
from napari_ptx.stats.draws import PatientDraws, percentile_limits, ratio
from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.proportions import proportion_limits
from napari_ptx.stats.tables import cluster_codes, confidence_level, numbers

MOST = 8
"""Modalities that can be combined: 255 subsets are as many as anybody reads."""

Floats = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class UnionSensitivity:
    """The glands that at least one of some modalities found.

    Parameters
    ----------
    members
        The modalities.
    found, of
        Glands.
    clopper_pearson
        Limits that take glands as independent.
    cluster_bootstrap
        Limits from resampled patients, or ``None`` without patients.
    """

    members: tuple[str, ...]
    found: int
    of: int
    clopper_pearson: Interval
    cluster_bootstrap: Interval | None

    @property
    def value(self) -> float:
        """The sensitivity of the modalities together."""
        return self.found / self.of


@dataclass(frozen=True)
class SensitivityGain:
    """What one modality adds to others.

    Parameters
    ----------
    added, to
        The modality, and those that were there before.
    glands
        How many more glands are found with it.
    value
        By how much the sensitivity grows.
    clopper_pearson, cluster_bootstrap
        As for ``UnionSensitivity``, of the gain.
    """

    added: str
    to: tuple[str, ...]
    glands: int
    value: float
    clopper_pearson: Interval
    cluster_bootstrap: Interval | None


@dataclass(frozen=True)
class Complementarity:
    """Unions, gains and patterns of several modalities on the same glands.

    Parameters
    ----------
    modalities
        Their names, in the order given.
    unions
        Every subset, small ones first.
    gains
        Every modality added to every subset without it.
    patterns
        For each set of modalities that found exactly the same glands (the empty set: nobody),
        how many glands; those that occur, in descending number.
    glands, left_out
        Glands that all modalities were used on, and those that were left out because one or
        more were not.
    clusters
        Patients of the former, or ``None`` without.
    confidence
        Level of the intervals.
    """

    modalities: tuple[str, ...]
    unions: tuple[UnionSensitivity, ...]
    gains: tuple[SensitivityGain, ...]
    patterns: Mapping[tuple[str, ...], int]
    glands: int
    left_out: int
    clusters: int | None
    confidence: float

    @property
    def only(self) -> dict[str, int]:
        """How many glands each modality alone found."""
        return {name: self.patterns.get((name,), 0) for name in self.modalities}

    @property
    def few_clusters(self) -> bool:
        """Whether there are fewer than 20 patients: their intervals tend to be too narrow."""
        return self.clusters is not None and self.clusters < FEW_CLUSTERS

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers; what is undefined or absent is None."""
        return {
            "glands": self.glands,
            "left_out": self.left_out,
            "patients": self.clusters,
            "confidence": self.confidence,
            "only": self.only,
            "patterns": [
                {"found_by": list(members), "glands": count}
                for members, count in self.patterns.items()
            ],
            "unions": [
                {
                    "modalities": list(one.members),
                    "found": one.found,
                    "of": one.of,
                    "sensitivity": one.value,
                    "clopper_pearson": _plain(one.clopper_pearson),
                    "cluster_bootstrap": _plain(one.cluster_bootstrap),
                }
                for one in self.unions
            ],
            "gains": [
                {
                    "added": one.added,
                    "to": list(one.to),
                    "glands": one.glands,
                    "gain": one.value,
                    "clopper_pearson": _plain(one.clopper_pearson),
                    "cluster_bootstrap": _plain(one.cluster_bootstrap),
                }
                for one in self.gains
            ],
        }


def complementarity(
    found: Mapping[str, ArrayLike],
    clusters: Iterable[Any] | None = None,
    *,
    confidence: float = 0.95,
    replicates: int = 10_000,
    seed: int = 0,
) -> Complementarity:
    """Combine modalities in every way.

    Parameters
    ----------
    found
        For each modality ``(glands,)`` 1 where it found the gland, 0 where it did not, NaN
        where it was not used; in the same order of glands.
    clusters
        The patient of each gland.
    confidence, replicates, seed
        Level of the intervals, and the cluster bootstrap's replicates and seed.

    Raises
    ------
    StatsError
        For fewer than 2 or more than 8 modalities, values other than 0, 1 and NaN, unequal
        lengths, no gland that all were used on, or fewer than 2 patients.

    Notes
    -----
    A gain cannot be negative, so that its interval says how large it is, not whether there is
    one. False findings add up in a union, too: a sensitivity alone does not make the case for
    a second examination.

    Examples
    --------
    >>> result = complementarity({"CT": [1, 1, 0, 0], "US": [1, 0, 1, 0]})
    >>> [(one.members, one.value) for one in result.unions]
    [(('CT',), 0.5), (('US',), 0.5), (('CT', 'US'), 0.75)]
    >>> result.only
    {'CT': 1, 'US': 1}
    """
    confidence = confidence_level(confidence)
    if replicates < 1:
        raise StatsError(f"There must be at least 1 replicate, not {replicates}.")
    names = tuple(found)
    table, complete = _checked(found)
    draws, count = None, None
    if clusters is not None:
        labels = np.asarray(list(clusters), dtype=object)
        if len(labels) != len(complete):
            raise StatsError(f"There are {len(labels)} cluster labels for {len(complete)} rows.")
        codes, count = cluster_codes(labels[complete].tolist(), table.shape[1])
        draws = PatientDraws(codes, count, replicates, seed)
    subsets = [
        members
        for size in range(1, len(names) + 1)
        for members in itertools.combinations(range(len(names)), size)
    ]
    row = {members: place for place, members in enumerate(subsets)}
    together = np.stack([table[list(members)].any(axis=0) for members in subsets])
    counts = together.sum(axis=1)
    glands = table.shape[1]
    shares = None
    if draws is not None:
        size = draws.sums(np.ones((1, glands)))
        shares = ratio(draws.sums(together), size)
    return Complementarity(
        names,
        tuple(
            UnionSensitivity(
                tuple(names[i] for i in members),
                int(counts[place]),
                glands,
                _exact(int(counts[place]), glands, confidence),
                None if shares is None else _limits(shares[:, place], confidence),
            )
            for place, members in enumerate(subsets)
        ),
        tuple(_gains(names, subsets, row, counts, glands, shares, confidence)),
        _patterns(names, table),
        glands,
        int(np.count_nonzero(~complete)),
        count,
        confidence,
    )


def _checked(found: Mapping[str, ArrayLike]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Give what was found ``(modalities, complete glands)``, and which glands are complete."""
    if not 2 <= len(found) <= MOST:
        raise StatsError(f"2 to {MOST} modalities can be combined, not {len(found)}; choose some.")
    rows = {name: numbers(values, f"values of {name}") for name, values in found.items()}
    if len({row.shape for row in rows.values()}) > 1 or next(iter(rows.values())).ndim != 1:
        raise StatsError("Every modality must have one value for each gland.")
    for name, row in rows.items():
        wrong = ~(np.isnan(row) | (row == 0.0) | (row == 1.0))
        if wrong.any():
            raise StatsError(f"{name} must be 0, 1 or missing, and is {row[wrong][0]:g} once.")
    table = np.stack(list(rows.values()))
    complete: NDArray[np.bool_] = np.asarray(~np.isnan(table).any(axis=0))
    if not complete.any():
        raise StatsError(f"There is no gland that all of {', '.join(rows)} were used on.")
    return table[:, complete] == 1.0, complete


def _gains(
    names: tuple[str, ...],
    subsets: list[tuple[int, ...]],
    row: Mapping[tuple[int, ...], int],
    counts: NDArray[np.intp],
    glands: int,
    shares: Floats | None,
    confidence: float,
) -> Iterable[SensitivityGain]:
    for members in subsets:
        for added in range(len(names)):
            if added in members:
                continue
            before, after = row[members], row[tuple(sorted((*members, added)))]
            more = int(counts[after] - counts[before])
            yield SensitivityGain(
                names[added],
                tuple(names[i] for i in members),
                more,
                more / glands,
                _exact(more, glands, confidence),
                None
                if shares is None
                else _limits(shares[:, after] - shares[:, before], confidence),
            )


def _patterns(names: tuple[str, ...], table: NDArray[np.bool_]) -> dict[tuple[str, ...], int]:
    counts: dict[tuple[str, ...], int] = {}
    for column in table.T:
        members = tuple(name for name, hit in zip(names, column, strict=True) if hit)
        counts[members] = counts.get(members, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], len(item[0]), item[0])))


def _exact(hits: int, total: int, confidence: float) -> Interval:
    low, high = proportion_limits(np.array(hits), np.array(total), confidence, "exact")
    return float(low), float(high)


def _limits(replicates: Floats, confidence: float) -> Interval:
    low, high = percentile_limits(replicates, confidence)
    return float(low), float(high)


def _plain(interval: Interval | None) -> list[float | None] | None:
    if interval is None:
        return None
    return [limit if np.isfinite(limit) else None for limit in interval]
