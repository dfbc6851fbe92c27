"""Several readers, the same cases, two or more modalities: is one modality read better?

The analysis of variance of Obuchowski and Rockette with the degrees of freedom of Hillis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_ptx.stats.mrmc_covariance import METHODS, Method, auc_covariances
from napari_ptx.stats.mrmc_table import ratings
from napari_ptx.stats.tables import confidence_level

Floats = NDArray[np.float64]
Effects = Literal["random readers and cases", "fixed readers", "fixed cases"]

EFFECTS: tuple[Effects, ...] = ("random readers and cases", "fixed readers", "fixed cases")

_ZERO = 1e-20
"""Mean squares below this are rounding: areas differ by 1/2mn at least, or not at all."""


@dataclass(frozen=True)
class Components:
    """Variance components of the areas, as Obuchowski and Rockette define them.

    ``reader`` and ``reader_modality`` are variances between readers; ``error`` is the
    mean variance of an area over samples of cases; ``cov1`` the mean covariance of one
    reader's areas in different modalities, ``cov2`` of different readers' areas in one
    modality, ``cov3`` of different readers' areas in different modalities.
    """

    reader: float
    reader_modality: float
    error: float
    cov1: float
    cov2: float
    cov3: float


@dataclass(frozen=True)
class MRMCInterval:
    """Interval of a modality's mean area, from that modality's ratings alone.

    ``df`` is infinite where the normal distribution is taken. Limits are cut at 0 and 1.
    """

    modality: str
    method: Method
    effects: Effects
    se: float
    df: float
    low: float
    high: float


@dataclass(frozen=True)
class MRMCTest:
    """A test that modalities are read equally well.

    Parameters
    ----------
    method
        Of the covariance ("delong", "jackknife", "unbiased"). With fixed cases it is
        not used, and the three tests are the same.
    effects
        To whom the answer applies: "random readers and cases" to other readers and
        cases like these, "fixed readers" to these readers and other cases, "fixed
        cases" to other readers and these cases.
    a, b
        The two modalities; None for the test of all at once, where there are three
        or more.
    difference, se, low, high
        Mean area of ``a`` minus that of ``b``, its standard error and interval; NaN
        for the test of all at once.
    f, df1, df2, p
        The F test; ``df2`` is infinite with fixed readers (chi-squared over df1).
    """

    method: Method
    effects: Effects
    a: str | None
    b: str | None
    difference: float
    se: float
    f: float
    df1: int
    df2: float
    p: float
    low: float
    high: float


@dataclass(frozen=True)
class MRMC:
    """What ``mrmc`` found.

    Parameters
    ----------
    modalities, readers
        Their names.
    positives, negatives
        Cases of either class.
    areas
        ``(modalities, readers)`` empirical areas under the ROC curve.
    covariances
        ``(modalities * readers, modalities * readers)`` by method, in the order of
        ``areas.ravel()``.
    components
        By method.
    intervals, tests
        For every method and kind of effects.
    confidence
        Level of the intervals.
    """

    modalities: tuple[str, ...]
    readers: tuple[str, ...]
    positives: int
    negatives: int
    areas: Floats
    covariances: Mapping[Method, Floats]
    components: Mapping[Method, Components]
    intervals: tuple[MRMCInterval, ...]
    tests: tuple[MRMCTest, ...]
    confidence: float

    @property
    def auc(self) -> dict[str, float]:
        """The mean area of each modality over its readers."""
        return dict(zip(self.modalities, self.areas.mean(axis=1).tolist(), strict=True))

    @property
    def note(self) -> str | None:
        """What a report must say beside the tests, or None."""
        if len(self.readers) > 2:
            return None
        return (
            "With two readers, 'fixed readers' is the honest choice: the answer is about these two "
            "readers, and two cannot speak for others."
        )

    def test(self, method: Method, effects: Effects, a: str, b: str) -> MRMCTest:
        """Give the test of modality ``a`` against ``b``, as they stand in ``modalities``."""
        for test in self.tests:
            if (test.method, test.effects, test.a, test.b) == (method, effects, a, b):
                return test
        raise KeyError((method, effects, a, b))

    def to_json(self) -> dict[str, Any]:
        """Give plain numbers and lists; what is undefined or infinite is None."""
        auc = {
            modality: {
                "auc": mean,
                "readers": dict(zip(self.readers, self.areas[i].tolist(), strict=True)),
                "intervals": [
                    {key: _plain(value) for key, value in asdict(interval).items()}
                    for interval in self.intervals
                    if interval.modality == modality
                ],
            }
            for i, (modality, mean) in enumerate(self.auc.items())
        }
        return {
            "auc": auc,
            "tests": [
                {key: _plain(value) for key, value in asdict(test).items()} for test in self.tests
            ],
            "components": {method: asdict(found) for method, found in self.components.items()},
            "readers": list(self.readers),
            "positives": self.positives,
            "negatives": self.negatives,
            "confidence": self.confidence,
            "note": self.note,
        }


def mrmc(table: Mapping[str, Any], confidence: float = 0.95) -> MRMC:
    """Compare modalities by the ROC areas of several readers of the same cases.

    Parameters
    ----------
    table
        Columns ``reader``, ``modality``, ``case``, ``truth`` (0 or 1) and ``rating``
        (higher: more likely positive): a DataFrame, or a dict of sequences. Every
        reader rates every case in every modality once.
    confidence
        Level of the intervals.

    Raises
    ------
    StatsError
        Names the cells that are missing or there twice, the cases with an unclear
        truth; for fewer than two readers, modalities, or cases of a class.

    Notes
    -----
    With t modalities, r readers, mean squares MS of the areas, and the components of
    ``Components``:

    - random readers and cases: F = MS(T) / D with D = MS(TR) + r max(cov2 - cov3, 0),
      df1 = t - 1, df2 = D^2 (t - 1)(r - 1) / MS(TR)^2 (Hillis 2007);
    - fixed readers: chi-squared = (t - 1) MS(T) / D with
      D = error - cov1 + (r - 1)(cov2 - cov3);
    - fixed cases: F = MS(T) / MS(TR).

    The standard error of a difference is sqrt(2 D / r). Where nothing varies (the
    readers agree perfectly in all modalities), a difference of 0 has p = 1 and any
    other p = 0.

    References
    ----------
    Obuchowski & Rockette (1995), Communications in Statistics - Simulation and
    Computation 24, 285-308.
    Hillis (2007), Statistics in Medicine 26, 596-619.
    DeLong et al. (1988), Biometrics 44, 837-845.
    Gallas (2006), Academic Radiology 13, 353-362.
    """
    confidence = confidence_level(confidence)
    found = ratings(table)
    shape = found.values.shape[:2]
    auc, covariances = auc_covariances(
        found.values.reshape(-1, found.values.shape[2]), found.positive
    )
    areas = auc.reshape(shape)
    intervals: list[MRMCInterval] = []
    tests: list[MRMCTest] = []
    components = {}
    squares = _mean_squares(areas)
    for method in METHODS:
        covariance = covariances[method].reshape(*shape, *shape)
        components[method] = _components(squares, covariance)
        for effects in EFFECTS:
            for i, modality in enumerate(found.modalities):
                se, df = _own_error(areas[i], covariance[i, :, i, :], effects)
                low, high = _interval(float(areas[i].mean()), se, df, confidence)
                intervals.append(
                    MRMCInterval(modality, method, effects, se, df, max(low, 0.0), min(high, 1.0))
                )
            tests += _tests(
                found.modalities, areas, components[method], method, effects, confidence
            )
    return MRMC(
        modalities=found.modalities,
        readers=found.readers,
        positives=int(found.positive.sum()),
        negatives=int((~found.positive).sum()),
        areas=areas,
        covariances=covariances,
        components=components,
        intervals=tuple(intervals),
        tests=tuple(tests),
        confidence=confidence,
    )


def _mean_squares(areas: Floats) -> tuple[float, float, float]:
    """Mean squares of modality, reader and their interaction; ``areas`` is (t, r)."""
    t, r = areas.shape
    mean, by_modality, by_reader = areas.mean(), areas.mean(axis=1), areas.mean(axis=0)
    rest = areas - by_modality[:, None] - by_reader + mean
    return (
        _cleaned(r * np.square(by_modality - mean).sum() / (t - 1)),
        _cleaned(t * np.square(by_reader - mean).sum() / (r - 1)),
        _cleaned(np.square(rest).sum() / ((t - 1) * (r - 1))),
    )


def _cleaned(square: Any) -> float:
    return float(square) if square > _ZERO else 0.0


def _components(squares: tuple[float, float, float], covariance: Floats) -> Components:
    """Average the covariance ``(t, r, t, r)`` by which of modality and reader are equal."""
    t, r = covariance.shape[:2]
    same_modality = np.eye(t, dtype=bool)[:, None, :, None]
    same_reader = np.eye(r, dtype=bool)[None, :, None, :]

    def mean(where: NDArray[np.bool_]) -> float:
        return float(covariance[np.broadcast_to(where, covariance.shape)].mean())

    error = mean(same_modality & same_reader)
    cov1 = mean(~same_modality & same_reader)
    cov2 = mean(same_modality & ~same_reader)
    cov3 = mean(~same_modality & ~same_reader)
    _, reader, interaction = squares
    return Components(
        reader=(reader - interaction) / t - cov1 + cov3,
        reader_modality=interaction - error + cov1 + cov2 - cov3,
        error=error,
        cov1=cov1,
        cov2=cov2,
        cov3=cov3,
    )


def _own_error(areas: Floats, covariance: Floats, effects: Effects) -> tuple[float, float]:
    """Standard error and degrees of freedom of one modality's mean area."""
    r = len(areas)
    readers = _cleaned(areas.var(ddof=1))
    between = covariance[~np.eye(r, dtype=bool)].mean()
    shared = max(float(between), 0.0)
    if effects == "fixed cases":
        return math.sqrt(readers / r), float(r - 1)
    if effects == "fixed readers":
        error = float(np.trace(covariance)) / r
        return math.sqrt(max((error + (r - 1) * shared) / r, 0.0)), math.inf
    df = (r - 1) * (1.0 + r * shared / readers) ** 2 if readers > 0.0 else math.inf
    return math.sqrt(readers / r + shared), df


def _tests(
    modalities: tuple[str, ...],
    areas: Floats,
    components: Components,
    method: Method,
    effects: Effects,
    confidence: float,
) -> list[MRMCTest]:
    t, r = areas.shape
    ms_modality, _, ms_interaction = _mean_squares(areas)
    spread = (t - 1) * (r - 1)
    shared = components.cov2 - components.cov3
    if effects == "random readers and cases":
        denominator = ms_interaction + r * max(shared, 0.0)
        df2 = spread * (denominator / ms_interaction) ** 2 if ms_interaction else math.inf
    elif effects == "fixed readers":
        denominator = components.error - components.cov1 + (r - 1) * shared
        df2 = math.inf
    else:
        denominator, df2 = ms_interaction, float(spread)
    denominator = _cleaned(denominator)
    se = math.sqrt(2.0 * denominator / r)
    means = areas.mean(axis=1)
    tests = []
    if t > 2:
        f, p = _f_test(ms_modality, denominator, t - 1, df2)
        nan = math.nan
        tests.append(MRMCTest(method, effects, None, None, nan, nan, f, t - 1, df2, p, nan, nan))
    for i, j in combinations(range(t), 2):
        difference = float(means[i] - means[j])
        f, p = _f_test(_cleaned(r * difference**2 / 2.0), denominator, 1, df2)
        low, high = _interval(difference, se, df2, confidence)
        tests.append(
            MRMCTest(
                method=method,
                effects=effects,
                a=modalities[i],
                b=modalities[j],
                difference=difference,
                se=se,
                f=f,
                df1=1,
                df2=df2,
                p=p,
                low=low,
                high=high,
            )
        )
    return tests


def _f_test(square: float, denominator: float, df1: int, df2: float) -> tuple[float, float]:
    from scipy import stats

    if denominator == 0.0:
        return (0.0, 1.0) if square == 0.0 else (math.inf, 0.0)
    f = square / denominator
    if math.isinf(df2):
        return f, float(stats.chi2.sf(df1 * f, df1))
    return f, float(stats.f.sf(f, df1, df2))


def _interval(centre: float, se: float, df: float, confidence: float) -> tuple[float, float]:
    from scipy import stats

    level = (1.0 + confidence) / 2.0
    reach = se * float(stats.norm.ppf(level) if math.isinf(df) else stats.t.ppf(level, df))
    return centre - reach, centre + reach


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
