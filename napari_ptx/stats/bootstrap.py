"""Intervals for rows that are not independent: resample whole patients."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.tables import cluster_codes, confidence_level, numbers

FEW_CLUSTERS = 20
"""Below this number of clusters a bootstrap interval tends to be too narrow."""

_BATCH_NUMBERS = 2_000_000  # per call of the statistic: 16 MB

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BootstrapInterval:
    """A statistic with its interval from resampled clusters.

    Parameters
    ----------
    value, low, high
        Floats, or arrays where the statistic has several values. The limits are
        NaN where a replicate was undefined.
    undefined
        Replicates in which the statistic was NaN or infinite.
    clusters, rows
        How many there were.
    replicates, seed, method, confidence
        How the interval was made; the same call gives the same interval.
    """

    value: float | Floats
    low: float | Floats
    high: float | Floats
    undefined: int
    clusters: int
    rows: int
    replicates: int
    seed: int
    method: str
    confidence: float

    @property
    def few_clusters(self) -> bool:
        """Whether there are fewer than 20 clusters: say so beside the interval."""
        return self.clusters < FEW_CLUSTERS


def cluster_bootstrap(
    statistic: Callable[..., Any],
    *data: ArrayLike,
    clusters: Iterable[Any],
    replicates: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
    method: Literal["bca", "percentile"] = "bca",
    vectorised: bool = False,
) -> BootstrapInterval:
    """Give the bootstrap interval of a statistic, resampling whole clusters.

    Each replicate draws as many clusters as there are, with replacement, and all
    rows of each: several images of one patient stay together.

    Parameters
    ----------
    statistic
        Called with the resampled rows of each of ``data``; returns a number or
        an array of numbers.
    data
        Arrays whose first axis is the rows, all equally many.
    clusters
        The cluster of each row, as the patient codes.
    replicates, seed, confidence
        The number of replicates, the seed of their draw, and the level.
    method
        "bca": bias-corrected and accelerated, the acceleration from leaving out
        each cluster in turn. "percentile": the plain quantiles of the replicates.
    vectorised
        The statistic takes all replicates at once: arrays ``(replicates, rows,
        ...)`` of float, in which rows of NaN stand for nothing (replicates differ
        in length where clusters do), and returns ``(replicates, ...)``.

    Raises
    ------
    StatsError
        For fewer than 2 clusters, a row without one, unequal lengths, or, where
        ``vectorised``, data that are not finite.

    References
    ----------
    Efron (1987), Journal of the American Statistical Association 82, 171-185.
    Field & Welsh (2007), Journal of the Royal Statistical Society B 69, 369-390.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ptx.stats import icc
    >>> rng = np.random.default_rng(1)
    >>> area = rng.normal(100, 20, size=(40, 1)) + rng.normal(0, 5, size=(40, 2))
    >>> patients = np.repeat(np.arange(20), 2)
    >>> interval = cluster_bootstrap(
    ...     lambda table: icc(table, "A,1", missing="drop").value,
    ...     area, clusters=patients, seed=1, vectorised=True)
    >>> bool(interval.low < interval.value < interval.high)
    True
    """
    # scipy.stats takes half a second to load
    from scipy import stats

    if method not in ("bca", "percentile"):
        raise StatsError(f"method must be 'bca' or 'percentile', not {method!r}.")
    confidence = confidence_level(confidence)
    if replicates < 1:
        raise StatsError(f"There must be at least 1 replicate, not {replicates}.")
    arrays = _arrays(data, vectorised)
    rows = len(arrays[0])
    codes, count = cluster_codes(clusters, rows)
    members = _members(codes, count)
    per_replicate = members.size * sum(max(1, array[0].size) for array in arrays)

    def of_clusters(drawn: NDArray[np.intp], axis: int = -1) -> Floats:
        drawn = np.moveaxis(drawn, axis, -1)
        flat = drawn.reshape(-1, drawn.shape[-1])
        if vectorised:
            picked = _closed_up(members[flat].reshape(len(flat), -1))
            values = np.asarray(statistic(*(_gather(array, picked) for array in arrays)))
        else:
            chosen = (line[line >= 0] for line in members[flat].reshape(len(flat), -1))
            values = np.array([statistic(*(array[row] for array in arrays)) for row in chosen])
        values = values.astype(np.float64).reshape(drawn.shape[:-1] + values.shape[1:])
        # the statistic's own axes come first, the replicates last, as scipy wants it
        replicate_axes = tuple(range(drawn.ndim - 1))
        return np.moveaxis(values, replicate_axes, tuple(range(-len(replicate_axes), 0)))

    with warnings.catch_warnings():
        # degenerate replicates are told below, by their values
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            (np.arange(count),),
            of_clusters,
            vectorized=True,
            n_resamples=replicates,
            batch=max(1, _BATCH_NUMBERS // per_replicate),
            confidence_level=confidence,
            method="BCa" if method == "bca" else "percentile",
            rng=np.random.default_rng(seed),
        )
    value = of_clusters(np.arange(count))
    drawn_values = found.bootstrap_distribution
    # Where every replicate is the same, so are the limits; BCa calls that undefined.
    same = (drawn_values == value[..., None]).all(axis=-1)
    low = np.where(same, value, found.confidence_interval.low)
    high = np.where(same, value, found.confidence_interval.high)
    defined = np.isfinite(drawn_values)
    undefined = int(np.count_nonzero(~defined.reshape(-1, replicates).all(axis=0)))
    whole = defined.all(axis=-1)
    limits = [_plain(np.where(whole, limit, np.nan)) for limit in (low, high)]
    return BootstrapInterval(
        _plain(value), limits[0], limits[1], undefined, count, rows, replicates, seed, method,
        confidence,
    )  # fmt: skip


def _arrays(data: tuple[ArrayLike, ...], vectorised: bool) -> list[NDArray[Any]]:
    if not data:
        raise StatsError("There is no data to resample.")
    arrays = [numbers(item, "data") if vectorised else np.asarray(item) for item in data]
    if any(array.ndim == 0 for array in arrays) or len({len(array) for array in arrays}) > 1:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise StatsError(f"The data must have equally many rows; their shapes are {shapes}.")
    if vectorised and not all(np.isfinite(array).all() for array in arrays):
        raise StatsError("The data have missing or infinite values; leave out those rows.")
    return arrays


def _members(codes: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """The rows of each cluster ``(clusters, longest)``, filled up with -1."""
    sizes = np.bincount(codes, minlength=count)
    order = np.argsort(codes, kind="stable")
    members = np.full((count, sizes.max()), -1, dtype=np.intp)
    members[np.arange(sizes.max()) < sizes[:, None]] = order
    return members


def _closed_up(picked: NDArray[np.intp]) -> NDArray[np.intp]:
    """Move the -1 of each line to its end and cut off what no line needs."""
    filled = picked >= 0
    longest = int(np.count_nonzero(filled, axis=1).max())
    order = np.argsort(~filled, axis=1, kind="stable")[:, :longest]
    return np.take_along_axis(picked, order, axis=1)


def _gather(array: Floats, picked: NDArray[np.intp]) -> Floats:
    taken = array[picked]
    taken[picked < 0] = np.nan
    return taken


def _plain(value: Floats) -> float | Floats:
    return value if value.ndim else float(value)
