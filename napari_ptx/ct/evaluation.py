"""How well the glands of a cohort were found, with intervals that keep patients together.

Sensitivity per gland, false positives per scan, free-response curves, patients, slots, size and
contrast, each modality and reader; what they find together. Light to import: statistics are
loaded when they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.ct.errors import CtError
from napari_ptx.ct.evaluation_tables import (
    EvaluationSettings,
    patients_table,
    scans_table,
    sensitivity_table,
)
from napari_ptx.ct.findings import Findings
from napari_ptx.ct.matching import checked_rule
from napari_ptx.ct.readings import Readings

if TYPE_CHECKING:
    from napari_ptx.stats import (
        Complementarity,
        Froc,
        FrocBand,
        Psychometric,
        SensitivityComparison,
    )

Floats = NDArray[np.float64]

LARGE_MM = 5.0
"""Normal glands are 5 x 3 x 1 mm: from here on (mm) a gland is enlarged beyond doubt."""


@dataclass(frozen=True, eq=False)
class Assessment:
    """All numbers of an evaluation.

    Parameters
    ----------
    rule
        The rule that the comparisons are made with.
    settings
        As given.
    finders
        The model and each modality or reader: ``(glands,)`` 1, 0, NaN for not used.
    sensitivity
        A row for each finder, rule and stratum: ``finder, rule, stratum, group, found, of,
        sensitivity, low, high`` (exact), ``cluster_low, cluster_high`` (bootstrap of patients;
        NaN below two patients).
    scans
        A row for each finder and rule: scans, findings, false positives per scan with limits,
        positive predictive value, patients with all glands found.
    patients
        A row for each finder and patient.
    curves, bands
        Free-response curves of the model by rule, and their limits at ``stats.RATES``.
    large
        The same curves for the glands of at least ``LARGE_MM``: what finds a smaller one is
        neither a hit nor a false positive.
    comparison, together
        Every pair, and every subset, of finders; ``None`` where there is one finder, or they
        share no gland.
    psychometric
        By figure ("size", "contrast", "size by contrast") and curve.
    notes
        What could not be computed, and warnings, each a sentence.
    """

    rule: str
    settings: EvaluationSettings
    finders: Mapping[str, Floats]
    sensitivity: pd.DataFrame
    scans: pd.DataFrame
    patients: pd.DataFrame
    curves: Mapping[str, Froc]
    bands: Mapping[str, FrocBand]
    large: Mapping[str, Froc]
    comparison: SensitivityComparison | None
    together: Complementarity | None
    psychometric: Mapping[str, Mapping[str, Psychometric]]
    notes: tuple[str, ...]


def choose_rule(findings: Findings, rule: str | None) -> str:
    """Give the rule to use, or say why it cannot be.

    Raises
    ------
    CtError
        For an unknown rule, or one that needs maps of candidates where there are none.
    """
    if rule is None:
        return findings.rules[0]
    wanted = checked_rule(rule)
    if wanted not in findings.rules:
        raise CtError(
            f"The rule {wanted!r} needs a map of candidates for every patient of the cohort; use "
            "the rule 'centroid', or predict again with maps."
        )
    return wanted


def assess(
    findings: Findings, readings: Readings | None, settings: EvaluationSettings
) -> Assessment:
    """Compute everything of an evaluation.

    Parameters
    ----------
    findings
        As ``find`` gave them.
    readings
        As ``read_readings`` gave them, or ``None``.
    settings
        Rule, names, intervals.

    Raises
    ------
    CtError
        For a cohort without a gland, a rule that does not apply, a reader with the name of the
        model.
    """
    from napari_ptx.stats import StatsError, compare_sensitivity

    rule = choose_rule(findings, settings.rule)
    glands = findings.glands
    if glands.empty:
        raise CtError("No patient of the cohort has a gland, so that there is nothing to find.")
    read = {} if readings is None else dict(readings.found)
    if settings.model in read:
        raise CtError(f"A modality is called {settings.model!r}, too; give the model another name.")
    finders: dict[str, Floats] = {
        settings.model: glands[f"found_{rule}"].to_numpy(dtype=np.float64), **read
    }  # fmt: skip
    notes = list(findings.notes)
    comparison = together = None
    owners = glands["patient"].to_numpy()
    several = owners if len(set(owners)) > 1 else None
    if several is None:
        notes.append("Glands of one patient only: there are no intervals by patient.")
    how: dict[str, Any] = {
        "confidence": settings.confidence,
        "replicates": settings.replicates,
        "seed": settings.seed,
    }
    try:
        comparison = compare_sensitivity(finders, several, **how)
    except StatsError as error:
        notes.append(f"No comparison of pairs: {error}")
    if len(finders) > 1:
        from napari_ptx.stats import complementarity

        try:
            together = complementarity(finders, several, **how)
            if together.left_out:
                notes.append(
                    f"Glands that not all have read: {together.left_out}; unions and gains are of "
                    f"the other {together.glands}."
                )
        except StatsError as error:
            notes.append(f"No unions: {error}")
    if comparison is not None and comparison.few_clusters:
        notes.append("Fewer than 20 patients: intervals by patient tend to be too narrow.")
    curves, bands = _curves(findings, settings, notes)
    return Assessment(
        rule=rule,
        settings=settings,
        finders=finders,
        sensitivity=sensitivity_table(findings, finders, rule, settings),
        scans=scans_table(findings, readings, finders, rule, settings),
        patients=patients_table(findings, readings, finders, rule, settings),
        curves=curves,
        bands=bands,
        large=_large_curves(findings),
        comparison=comparison,
        together=together,
        psychometric=_psychometric(glands, finders, settings),
        notes=tuple(notes),
    )


def _curves(
    findings: Findings, settings: EvaluationSettings, notes: list[str]
) -> tuple[dict[str, Froc], dict[str, FrocBand]]:
    from napari_ptx.stats import StatsError, froc, froc_band

    place = {patient: row for row, patient in enumerate(findings.patients)}
    counts = findings.glands["patient"].value_counts()
    each = [int(counts.get(patient, 0)) for patient in findings.patients]
    owner = [place[patient] for patient in findings.candidates["patient"]]
    scores = findings.candidates["score"].to_numpy(dtype=np.float64)
    curves, bands = {}, {}
    for rule in findings.rules:
        hits = findings.candidates[f"hit_{rule}"].to_numpy(dtype=np.float64)
        curves[rule] = froc(scores, hits, sum(each), len(each))
        try:
            bands[rule] = froc_band(
                scores, hits, owner, each, confidence=settings.confidence,
                replicates=min(settings.replicates, 2000), seed=settings.seed,
            )  # fmt: skip
        except StatsError as error:
            sentence = f"No limits of the free-response curve: {error}"
            notes += [] if sentence in notes else [sentence]
    return curves, bands


def _large_curves(findings: Findings) -> dict[str, Froc]:
    from napari_ptx.stats import froc

    glands, candidates = findings.glands, findings.candidates
    large = glands[glands["diameter_mm"] >= LARGE_MM]
    if large.empty:
        return {}
    known = set(zip(large["patient"], large["gland"], strict=True))
    curves = {}
    for rule in findings.rules:
        hit = candidates[f"hit_{rule}"].to_numpy() > 0
        pairs = zip(candidates["patient"], candidates[f"hit_gland_{rule}"], strict=True)
        is_large = np.array([pair in known for pair in pairs], dtype=bool)
        kept = ~hit | is_large
        scores = candidates["score"].to_numpy(dtype=np.float64)
        curves[rule] = froc(
            scores[kept], (hit & is_large)[kept], len(large), len(findings.patients)
        )
    return curves


def _psychometric(
    glands: pd.DataFrame, finders: Mapping[str, Floats], settings: EvaluationSettings
) -> dict[str, dict[str, Psychometric]]:
    """Fit sensitivity to size and contrast; what cannot be fitted is left out."""
    size = glands["diameter_mm"].to_numpy(dtype=np.float64)
    contrast = glands["cnr_arterial"].abs().to_numpy(dtype=np.float64)
    middle = np.nanmedian(contrast) if np.isfinite(contrast).any() else np.nan
    low, high = contrast < middle, contrast >= middle
    model = finders[settings.model]
    everywhere = np.ones(len(glands), dtype=bool)
    wanted = {
        "size": [(name, size, values, everywhere) for name, values in finders.items()],
        "contrast": [(name, contrast, values, everywhere) for name, values in finders.items()],
        "size_by_contrast": [
            (f"contrast below {middle:.2g}", size, model, low),
            (f"contrast from {middle:.2g}", size, model, high),
        ],
    }
    found: dict[str, dict[str, Psychometric]] = {}
    for figure, curves in wanted.items():
        for name, x, values, chosen in curves:
            fit = _fit(x, values, glands["patient"].to_numpy(), chosen, figure, settings)
            if fit is not None:
                found.setdefault(figure, {})[name] = fit
    return found


def _fit(
    x: Floats, values: Floats, patients: NDArray[Any], chosen: NDArray[np.bool_], figure: str,
    settings: EvaluationSettings,
) -> Psychometric | None:  # fmt: skip
    from napari_ptx.stats import StatsError, psychometric

    used = chosen & np.isfinite(x) & ~np.isnan(values)
    try:
        return psychometric(
            x[used], values[used], patients[used], log=figure != "contrast",
            confidence=settings.confidence, replicates=min(settings.replicates, 1000),
            seed=settings.seed,
        )  # fmt: skip
    except StatsError:
        return None
