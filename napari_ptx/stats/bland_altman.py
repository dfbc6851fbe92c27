"""Limits of agreement of two readers, or of one reader's two rounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from napari_ptx.stats.bootstrap import FEW_CLUSTERS, cluster_bootstrap
from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.tables import cluster_codes, confidence_level, numbers, places

Floats = NDArray[np.float64]
Interval = tuple[float, float]

_Z = float(ndtri(0.975))


@dataclass(frozen=True)
class BlandAltman:
    """Bland-Altman statistics of the differences b - a.

    Parameters
    ----------
    n
        Pairs.
    clusters
        Clusters of pairs (patients), or None where the pairs are independent.
    mean
        Mean of all measurements.
    bias, bias_ci
        Mean difference b - a and its interval, in the unit of the data.
    percent
        The bias as a percentage of ``mean``; NaN where that is 0. It says nothing
        of a measurand without a true zero, such as a position.
    sd
        Standard deviation of a difference.
    loa_low, loa_high, loa_low_ci, loa_high_ci
        The 95% limits of agreement, bias -+ 1.96 sd, each with its interval.
    slope, intercept, slope_p
        Regression of the difference on the mean of the pair, and the p value of
        slope = 0: proportional bias. The line is NaN where the means are all the
        same, the p value also where the differences are.
    confidence
        Level of the intervals.
    """

    n: int
    clusters: int | None
    mean: float
    bias: float
    bias_ci: Interval
    percent: float
    sd: float
    loa_low: float
    loa_high: float
    loa_low_ci: Interval
    loa_high_ci: Interval
    slope: float
    intercept: float
    slope_p: float
    confidence: float

    @property
    def few_clusters(self) -> bool:
        """Whether the intervals come from resampling fewer than 20 clusters: say so."""
        return self.clusters is not None and self.clusters < min(FEW_CLUSTERS, self.n)

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers and lists; what is undefined is None."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def bland_altman(
    a: ArrayLike,
    b: ArrayLike,
    confidence: float = 0.95,
    clusters: Iterable[Any] | None = None,
    seed: int = 0,
) -> BlandAltman:
    """Compute bias and limits of agreement of paired measurements.

    Parameters
    ----------
    a, b
        ``(n,)`` measurements of the same cases; differences are b - a.
    confidence
        Level of the intervals (the limits of agreement themselves are 95%).
    clusters
        The patient of each pair, where a patient has several.
    seed
        Of the cluster bootstrap; used only with ``clusters``.

    Raises
    ------
    StatsError
        For missing or infinite values, text, unequal lengths, fewer than 3 pairs,
        or fewer than 2 clusters.

    Notes
    -----
    Independent pairs: the bias has Student's t interval; each limit of agreement
    has its exact interval by the noncentral t distribution (Carkeet 2015), which
    is not symmetric as the approximation of Bland & Altman (1999) is.

    Clustered pairs: the variance of a difference is the sum of its components
    between and within clusters, from a one-way analysis of variance (Bland &
    Altman 2007, the true value varies; a negative component counts as 0). The
    intervals are percentile cluster bootstrap intervals with 2,000 replicates, and the p
    value of the slope has a cluster-robust standard error. Where no cluster has a
    second pair, the pairs are independent and are treated so.

    The slope compares the variances of a and b (Pitman's test): it differs from
    zero also where one reader only scatters more.

    References
    ----------
    Bland & Altman (1986), Lancet 327, 307-310.
    Bland & Altman (1999), Statistical Methods in Medical Research 8, 135-160.
    Bland & Altman (2007), Journal of Biopharmaceutical Statistics 17, 571-582.
    Carkeet (2015), Optometry and Vision Science 92, e71-e80.

    Examples
    --------
    >>> result = bland_altman([10.0, 12.0, 9.0, 14.0], [11.0, 12.5, 9.0, 15.5])
    >>> print(f"{result.bias:.2f} [{result.loa_low:.2f}, {result.loa_high:.2f}]")
    0.75 [-0.52, 2.02]
    """
    confidence = confidence_level(confidence)
    first, second = _pairs(a, b)
    difference = second - first
    centre = (first + second) / 2.0
    bias = float(difference.mean())
    mean = float(centre.mean())
    labels = None if clusters is None else cluster_codes(clusters, len(first))
    grouped = labels is not None and labels[1] < len(difference)
    if labels is None or not grouped:
        sd = float(difference.std(ddof=1))
        intervals = _exact_intervals(bias, sd, len(difference), confidence)
    else:
        sd, intervals = _clustered(difference, *labels, confidence, seed)
    slope, intercept, slope_p = _trend(
        centre, difference, labels[0] if labels and grouped else None
    )
    return BlandAltman(
        n=len(difference),
        clusters=None if labels is None else labels[1],
        mean=mean,
        bias=bias,
        bias_ci=intervals[0],
        percent=100.0 * bias / mean if mean != 0.0 else float("nan"),
        sd=sd,
        loa_low=bias - _Z * sd,
        loa_high=bias + _Z * sd,
        loa_low_ci=intervals[1],
        loa_high_ci=intervals[2],
        slope=slope,
        intercept=intercept,
        slope_p=slope_p,
        confidence=confidence,
    )


def _pairs(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    first, second = numbers(a, "measurements"), numbers(b, "measurements")
    if first.ndim != 1 or first.shape != second.shape:
        raise StatsError(
            f"Bland-Altman needs two equally long rows of measurements, not the shapes "
            f"{first.shape} and {second.shape}."
        )
    if len(first) < 3:
        raise StatsError(f"Bland-Altman needs at least 3 pairs; there are {len(first)}.")
    wrong = ~np.isfinite(np.stack([first, second], axis=1))
    if wrong.any():
        raise StatsError(
            f"Measurements are missing or infinite {places(wrong, 'pair, reader')}; "
            "leave out these pairs."
        )
    return first, second


def _exact_intervals(bias: float, sd: float, n: int, confidence: float) -> list[Interval]:
    from scipy import stats

    tail = (1.0 - confidence) / 2.0
    root = n**0.5
    reach = float(stats.t.ppf(1.0 - tail, n - 1)) * sd / root
    # (limit estimate - bias)/sd * root is noncentral t with noncentrality 1.96 root
    near, far = (
        float(stats.nct.ppf(level, n - 1, _Z * root)) * sd / root for level in (tail, 1.0 - tail)
    )
    return [(bias - reach, bias + reach), (bias - far, bias - near), (bias + near, bias + far)]


def _clustered(
    difference: Floats, codes: NDArray[np.intp], count: int, confidence: float, seed: int
) -> tuple[float, list[Interval]]:
    """Give sd and the intervals of bias and limits from one row for each cluster."""
    size = np.bincount(codes, minlength=count).astype(np.float64)
    total = np.bincount(codes, difference, minlength=count)
    within = np.bincount(codes, np.square(difference - (total / size)[codes]), minlength=count)
    found = cluster_bootstrap(
        _bias_and_limits,
        np.stack([size, total, within], axis=1),
        clusters=range(count),
        seed=seed,
        confidence=confidence,
        vectorised=True,
    )
    bias, _, high = np.asarray(found.value)
    low, up = np.asarray(found.low), np.asarray(found.high)
    return float(high - bias) / _Z, [(float(low[i]), float(up[i])) for i in range(3)]


def _bias_and_limits(table: Floats) -> Floats:
    """Bias and limits ``(..., 3)`` of clusters ``(..., clusters, size-total-within)``."""
    size, total, within = np.moveaxis(table, -1, 0)
    count = table.shape[-2]
    n = size.sum(axis=-1)
    bias = total.sum(axis=-1) / n
    ms_between = (size * np.square(total / size - bias[..., None])).sum(axis=-1) / (count - 1)
    # a replicate may hold only clusters of one pair: all variation is between them
    spare = n - count
    ms_within = within.sum(axis=-1) / np.where(spare > 0, spare, 1.0)
    per_cluster = (n - np.square(size).sum(axis=-1) / n) / (count - 1)
    between = np.maximum((ms_between - ms_within) / per_cluster, 0.0)
    reach = _Z * np.sqrt(between + ms_within)
    return np.stack([bias, bias - reach, bias + reach], axis=-1)


def _trend(
    centre: Floats, difference: Floats, codes: NDArray[np.intp] | None
) -> tuple[float, float, float]:
    rounding = 4.0 * np.finfo(np.float64).eps * np.abs(centre).max()
    if np.ptp(centre) <= rounding:
        return float("nan"), float("nan"), float("nan")
    if np.ptp(difference) <= rounding:
        return 0.0, float(difference.mean()), float("nan")
    if codes is None:
        from scipy import stats

        line = stats.linregress(centre, difference)
        return float(line.slope), float(line.intercept), float(line.pvalue)
    from statsmodels.regression.linear_model import OLS

    design = np.stack([np.ones_like(centre), centre], axis=1)
    fit = OLS(difference, design).fit(
        cov_type="cluster", cov_kwds={"groups": codes, "use_correction": True}, use_t=True
    )
    return float(fit.params[1]), float(fit.params[0]), float(fit.pvalues[1])


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
