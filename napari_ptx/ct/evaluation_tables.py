"""The tables of an evaluation: sensitivity by stratum, and counts by scan and patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.ct.findings import Findings
from napari_ptx.ct.readings import Readings
from napari_ptx.ct.space import SLOTS

if TYPE_CHECKING:
    from napari_ptx.stats import Sensitivity

SIZES_MM = (5.0, 10.0)
"""Where diameters are parted: below 5, 5 to 10, from 10 mm."""

CONTRASTS = (2.0, 5.0)
"""Where contrast-to-noise ratios (of the arterial phase, without sign) are parted."""

READ = "as the reader judged"
"""The rule of what readers found."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class EvaluationSettings:
    """How an evaluation is made.

    Parameters
    ----------
    rule
        Of ``RULES``, or ``None`` for "overlap" where there are maps of candidates, and
        "centroid" otherwise.
    model
        What the model is called beside the readers.
    threshold
        The least score of a candidate that counts; ``None`` for all.
    confidence, replicates, seed
        Level of all intervals; draws of patients and their seed.
    """

    rule: str | None = None
    model: str = "model"
    threshold: float | None = None
    confidence: float = 0.95
    replicates: int = 10_000
    seed: int = 0


def strata(glands: pd.DataFrame) -> dict[str, list[str]]:
    """Give the group of each gland in each stratum; "" where it is not known.

    Strata of which nothing is known are left out.
    """
    found = {
        "all": ["all"] * len(glands),
        "slot": [str(slot) for slot in glands["slot"]],
        "size": _parted(glands["diameter_mm"], SIZES_MM, " mm"),
        "contrast": _parted(glands["cnr_arterial"].abs(), CONTRASTS, ""),
        "pattern": [str(pattern) for pattern in glands["pattern"]],
        "visible": [{1.0: "yes", 0.0: "no"}.get(float(seen), "") for seen in glands["visible"]],
    }
    return {name: groups for name, groups in found.items() if any(groups)}


def _parted(values: pd.Series[float], edges: tuple[float, ...], unit: str) -> list[str]:
    names = [
        f"below {edges[0]:g}{unit}",
        *(f"{low:g} to {high:g}{unit}" for low, high in pairwise(edges)),
        f"from {edges[-1]:g}{unit}",
    ]
    array = values.to_numpy(dtype=np.float64)
    return [
        names[int(np.searchsorted(edges, value, side="right"))] if value == value else ""
        for value in array
    ]


def _order(stratum: str, groups: list[str]) -> list[str]:
    """Give the groups that occur in the order in which they are read."""
    there = dict.fromkeys(group for group in groups if group)
    if stratum == "slot":
        return [slot for slot in SLOTS if slot in there]
    if stratum in ("size", "contrast"):
        return sorted(
            there, key=lambda name: (name.startswith("from"), not name.startswith("below"))
        )
    return sorted(there)


def sensitivity_table(
    findings: Findings, finders: Mapping[str, Floats], rule: str, settings: EvaluationSettings
) -> pd.DataFrame:
    """Give the sensitivity of each finder, rule and stratum; see ``Assessment.sensitivity``."""
    glands = findings.glands
    groups = strata(glands)
    columns = [
        (name, rule if name == settings.model else READ, values) for name, values in finders.items()
    ]
    columns += [
        (settings.model, other, glands[f"found_{other}"].to_numpy(dtype=np.float64))
        for other in findings.rules
        if other != rule
    ]
    rows = []
    for finder, by, values in columns:
        for stratum, each in groups.items():
            for group in _order(stratum, each):
                chosen = (np.array(each) == group) & ~np.isnan(values)
                if chosen.any():
                    one = _one(values[chosen], glands["patient"].to_numpy()[chosen], settings)
                    rows.append({"finder": finder, "rule": by, "stratum": stratum, "group": group,
                                 **_limits_of(one)})  # fmt: skip
    return pd.DataFrame(rows)


def _one(values: Floats, patients: NDArray[Any], settings: EvaluationSettings) -> Sensitivity:
    from napari_ptx.stats import compare_sensitivity

    found = compare_sensitivity(
        {"": values}, patients if len(set(patients)) > 1 else None,
        confidence=settings.confidence, replicates=settings.replicates, seed=settings.seed,
    )  # fmt: skip
    return found.modalities[""]


def _limits_of(one: Sensitivity) -> dict[str, float]:
    by_patient = one.cluster_bootstrap or (np.nan, np.nan)
    return {
        "found": one.found, "of": one.of, "sensitivity": one.value,
        "low": one.clopper_pearson[0], "high": one.clopper_pearson[1],
        "cluster_low": by_patient[0], "cluster_high": by_patient[1],
    }  # fmt: skip


def _counts(
    findings: Findings, readings: Readings | None, finders: Mapping[str, Floats], rule: str,
    settings: EvaluationSettings,
) -> list[tuple[str, str, pd.DataFrame]]:  # fmt: skip
    """Count by finder and rule, a row per patient that was read."""
    owner = findings.glands["patient"]
    tables = []
    for by in (rule, *(other for other in findings.rules if other != rule)):
        found = findings.glands[f"found_{by}"].groupby(owner).sum()
        mine = findings.candidates[findings.candidates["counted"] == 1]
        false = mine[mine[f"gland_{by}"] == 0].groupby("patient").size()
        again = mine[mine[f"again_{by}"] == 1].groupby("patient").size()
        table = pd.DataFrame({"glands": owner.value_counts(), "found": found,
                              "false_positives": false, "again": again})  # fmt: skip
        tables.append((settings.model, by, table.reindex(list(findings.patients))))
    for finder, values in finders.items():
        if readings is None or finder not in readings.found:
            continue
        used = ~np.isnan(values)
        wrong = readings.false[readings.false["finder"] == finder]
        table = pd.DataFrame({
            "glands": owner[used].value_counts(),
            "found": pd.Series(values[used], index=owner[used]).groupby(level=0).sum(),
            "false_positives": wrong.groupby("patient").size(),
            "again": 0,
        })  # fmt: skip
        tables.append((finder, READ, table.reindex(list(readings.read[finder]))))
    return [(name, by, table.fillna(0).astype(int)) for name, by, table in tables]


def patients_table(
    findings: Findings, readings: Readings | None, finders: Mapping[str, Floats], rule: str,
    settings: EvaluationSettings,
) -> pd.DataFrame:  # fmt: skip
    """Give the counts of each finder and patient; see ``Assessment.patients``."""
    parts = []
    for finder, by, table in _counts(findings, readings, finders, rule, settings):
        one = table.rename_axis("patient").reset_index()
        one.insert(0, "rule", by)
        one.insert(0, "finder", finder)
        one["all_found"] = ((one["found"] == one["glands"]) & (one["glands"] > 0)).astype(int)
        parts.append(one)
    joined = pd.concat(parts, ignore_index=True)
    return joined.merge(findings.examined, on="patient", how="left")


def scans_table(
    findings: Findings, readings: Readings | None, finders: Mapping[str, Floats], rule: str,
    settings: EvaluationSettings,
) -> pd.DataFrame:  # fmt: skip
    """Give the counts of each finder over its scans; see ``Assessment.scans``."""
    rows = []
    for finder, by, table in _counts(findings, readings, finders, rule, settings):
        found, false = int(table["found"].sum()), table["false_positives"].to_numpy()
        with_glands = table[table["glands"] > 0]
        complete = int((with_glands["found"] == with_glands["glands"]).sum())
        clear = table[table["glands"] == 0]
        rows.append({
            "finder": finder, "rule": by, "scans": len(table), "glands": int(table["glands"].sum()),
            "found": found, "false_positives": int(false.sum()), "again": int(table["again"].sum()),
            **_mean(false, settings),
            "ppv": found / (found + false.sum()) if found + false.sum() else np.nan,
            **_exact("ppv", found, found + int(false.sum()), settings.confidence),
            "patients_with_glands": len(with_glands), "all_found": complete,
            **_exact("all_found", complete, len(with_glands), settings.confidence),
            "patients_without_glands": len(clear),
            "nothing_found": int((clear["false_positives"] == 0).sum()),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _mean(false: NDArray[Any], settings: EvaluationSettings) -> dict[str, float]:
    """False positives per scan with limits from resampled patients."""
    low = high = np.nan
    if len(false) > 1:
        from napari_ptx.stats import cluster_bootstrap

        limits = cluster_bootstrap(
            lambda drawn: drawn.mean(axis=-1), false, clusters=range(len(false)),
            replicates=settings.replicates, seed=settings.seed,
            confidence=settings.confidence, vectorised=True,
        )  # fmt: skip
        low, high = float(limits.low), float(limits.high)
    return {"fp_per_scan": float(false.mean()), "fp_low": low, "fp_high": high}


def _exact(name: str, hits: int, total: int, confidence: float) -> dict[str, float]:
    from napari_ptx.stats.proportions import proportion_limits

    if total == 0:
        return {f"{name}_low": np.nan, f"{name}_high": np.nan}
    low, high = proportion_limits(np.array(hits), np.array(total), confidence, "exact")
    return {f"{name}_low": float(low), f"{name}_high": float(high)}
