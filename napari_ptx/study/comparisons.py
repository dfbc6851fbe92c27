"""The steps of ``agreement``: which sessions to compare, and the rows of its tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.child import Progress
from napari_ptx.roi import MEASURANDS, Measurand, measure, overlap, rasterise
from napari_ptx.roi.calibration import common_spacing
from napari_ptx.stats import BlandAltman, bland_altman, cluster_bootstrap, icc, icc_needed
from napari_ptx.study.types import CaseInfo, Reading

Session = tuple[str, int]
"""(reader, round)."""
Comparison = tuple[Session, Session]

ENOUGH = 3
"""Pairs that a comparison needs: two leave the error a single degree of freedom."""

EVERYONE = "all readers"
"""The comparison of three or more readers at once."""

UNDEFINED = float("nan")

COLUMNS = (
    *("comparison", "first", "second", "measurand", "label", "unit", "form", "name"),
    *("icc", "low", "high", "p", "consistency", "low_clustered", "high_clustered", "needed"),
    *("n", "k", "patients", "passes_point", "passes_bound"),
    *("bias", "bias_percent", "loa_low", "loa_high"),
)
"""The columns of ``Agreement.inter``; ``Agreement.intra`` has ``reader``, too."""


def name_of(comparison: Comparison) -> str:
    """Give "A – B" for two readers, "A, round 1 – 2" for one reader's two rounds."""
    (first, round1), (second, round2) = comparison
    return f"{first}, round {round1} – {round2}" if first == second else f"{first} – {second}"


def comparisons(
    readings: Sequence[Reading], readers: Sequence[str]
) -> tuple[list[Comparison], list[Comparison]]:
    """List the pairs of readers, and the readers with two rounds, that share a case."""
    cases: dict[Session, set[str]] = {}
    for reading in readings:
        cases.setdefault((reading.reader, reading.round), set()).add(reading.case)

    def shared(pair: Comparison) -> bool:
        return bool(cases.get(pair[0], set()) & cases.get(pair[1], set()))

    inter = [((a, 1), (b, 1)) for a, b in combinations(readers, 2)]
    intra = [((reader, 1), (reader, 2)) for reader in readers]
    return list(filter(shared, inter)), list(filter(shared, intra))


def short_names(row: pd.Series[Any] | Mapping[Any, Any]) -> tuple[str, str]:
    """Name the two readings of a row of ``Agreement.inter`` or ``intra`` on an axis.

    ("A", "B") between readers, ("A, round 1", "A, round 2") within one.
    """
    first, second = str(row["first"]), str(row["second"])
    readers = first.rpartition(", round ")[0], second.rpartition(", round ")[0]
    return (first, second) if readers[0] == readers[1] else readers


def common_unit(readings: Sequence[Reading], cases: Mapping[str, CaseInfo]) -> tuple[str, str]:
    """Decide whether the study is compared in mm or in pixels, and say why.

    One comparison never mixes units: it is in mm only where every outline lies in a
    calibrated part of its image.
    """
    uncalibrated = {
        reading.case
        for reading in readings
        if common_spacing(reading.outlines, cases[reading.case]) is None
    }
    if not uncalibrated:
        return "mm", ""
    return "px", (
        f"All comparisons are in pixels: {len(uncalibrated)} of "
        f"{len({reading.case for reading in readings})} cases have no calibration where they "
        f"were outlined ({_some(sorted(uncalibrated))})."
    )


def values(readings: Sequence[Reading], cases: Mapping[str, CaseInfo], unit: str) -> pd.DataFrame:
    """Measure every reading: the long table ``Agreement.values``."""
    rows = []
    for reading in readings:
        spacing = common_spacing(reading.outlines, cases[reading.case]) if unit == "mm" else None
        result = measure(reading.outlines, spacing)
        rows += [
            {
                "case": reading.case,
                "patient": reading.patient,
                "reader": reading.reader,
                "round": reading.round,
                "measurand": measurand.name,
                "value": getattr(result, measurand.name),
                "unit": measurand.unit(unit),
            }
            for measurand in MEASURANDS
        ]
    return pd.DataFrame(rows)


def paired(table: pd.DataFrame, sessions: Sequence[Session]) -> pd.DataFrame:
    """Put the sessions of one measurand side by side; cases that all of them have."""
    wide = table.pivot(
        index=["case", "patient", "unit"], columns=["reader", "round"], values="value"
    )
    # Unlike a selection, reindexing takes a session without a reading: it is all missing.
    wide = wide.reindex(columns=pd.MultiIndex.from_tuples(sessions))
    return wide.dropna().reset_index()


def row(
    table: pd.DataFrame,
    sessions: Sequence[Session],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Compare two sessions, or the first readings of all readers, in one measurand.

    ``table`` is the part of ``values`` with that measurand.
    """
    measurand = next(m for m in MEASURANDS if m.name == table["measurand"].iloc[0])
    pairs = paired(table, sessions)
    ratings = pairs.iloc[:, 3:].to_numpy(dtype=float)
    two = len(sessions) == 2
    head = {
        "comparison": name_of((sessions[0], sessions[1])) if two else EVERYONE,
        "first": _label(sessions[0]) if two else ", ".join(reader for reader, _ in sessions),
        "second": _label(sessions[1]) if two else "",
        "measurand": measurand.name,
        "label": measurand.label,
        "unit": table["unit"].iloc[0],
    }
    patients = pairs["patient"]
    return (
        head
        | _icc_columns(ratings, patients, settings)
        | _bias_columns(ratings, patients, measurand, settings)
    )


def _label(session: Session) -> str:
    return f"{session[0]}, round {session[1]}"


def _icc_columns(
    ratings: NDArray[np.float64], patients: pd.Series[Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    form, confidence = settings["form"], settings["confidence"]
    threshold = settings["threshold"]
    n, k = ratings.shape
    columns: dict[str, Any] = {
        "form": form,
        "name": "",
        **dict.fromkeys(("icc", "low", "high", "p", "consistency"), UNDEFINED),
        **dict.fromkeys(("low_clustered", "high_clustered", "needed"), UNDEFINED),
        "n": n,
        "k": k,
        "patients": patients.nunique(),
        "passes_point": False,
        "passes_bound": False,
    }
    if n < ENOUGH:
        return columns
    result = icc(ratings, form, confidence)
    columns |= {
        "name": result.name,
        "icc": result.value,
        "low": result.low,
        "high": result.high,
        "p": result.p,
        "consistency": icc(ratings, form.replace("A", "C"), confidence).value,
        "needed": icc_needed(n, threshold, raters=k, form=form, confidence=confidence),
        "passes_point": result.passes(threshold, by="point"),
        "passes_bound": result.passes(threshold, by="bound"),
    }
    if settings["clusters"] and columns["patients"] > 1:
        interval = cluster_bootstrap(
            lambda stack: icc(stack, form, missing="drop").value,
            ratings,
            clusters=patients,
            replicates=settings["replicates"],
            seed=settings["seed"],
            confidence=confidence,
            vectorised=True,
        )
        columns |= {"low_clustered": interval.low, "high_clustered": interval.high}
    return columns


def _bias_columns(
    ratings: NDArray[np.float64],
    patients: pd.Series[Any],
    measurand: Measurand,
    settings: Mapping[str, Any],
) -> dict[str, float]:
    if ratings.shape[1] != 2 or len(ratings) < ENOUGH:
        return dict.fromkeys(("bias", "bias_percent", "loa_low", "loa_high"), UNDEFINED)
    result = differences(ratings, patients, settings)
    return {
        "bias": result.bias,
        # A position has no true zero, so its percentage would mean nothing.
        "bias_percent": UNDEFINED if measurand.dimension == "position" else result.percent,
        "loa_low": result.loa_low,
        "loa_high": result.loa_high,
    }


def differences(
    ratings: NDArray[np.float64], patients: pd.Series[Any], settings: Mapping[str, Any]
) -> BlandAltman:
    """Give the Bland-Altman statistics of two columns, by patient where it is asked for."""
    return bland_altman(
        ratings[:, 0],
        ratings[:, 1],
        settings["confidence"],
        clusters=patients if settings["clusters"] and patients.nunique() > 1 else None,
        seed=settings["seed"],
    )


def overlaps(
    readings: Sequence[Reading],
    cases: Mapping[str, CaseInfo],
    kinds: Mapping[str, Sequence[Comparison]],
    unit: str,
    tolerance: float,
    progress: Progress | None,
) -> pd.DataFrame:
    """Compare the masks of each pair of readings: the table ``Agreement.overlap``."""
    found = {(r.reader, r.round, r.case): r for r in readings}
    todo = [
        (kind, comparison, case, found[(*comparison[0], case)], found[(*comparison[1], case)])
        for kind, pairs in kinds.items()
        for comparison in pairs
        for case in cases
        if (*comparison[0], case) in found and (*comparison[1], case) in found
    ]
    rows = []
    for done, (kind, comparison, case, first, second) in enumerate(todo):
        if progress is not None:
            progress(done, len(todo), f"Comparing {name_of(comparison)}")
        info = cases[case]
        spacing = common_spacing(first.outlines, info) if unit == "mm" else None
        rows.append(
            {
                "kind": kind,
                "comparison": name_of(comparison),
                "first": _label(comparison[0]),
                "second": _label(comparison[1]),
                "case": case,
                "patient": info.patient,
                **overlap_of(first, second, info.shape, spacing or (1.0, 1.0), tolerance),
                "unit": unit,
            }
        )
    return pd.DataFrame(rows)


def overlap_of(
    first: Reading,
    second: Reading,
    shape: tuple[int, int],
    spacing: tuple[float, float],
    tolerance: float,
) -> dict[str, Any]:
    """Compare two readings of one case, frame by frame.

    Dice and Jaccard pool the pixels of all frames that either reader outlined;
    distances and the surface Dice are those of the worst frame. On a frame that
    only one reader outlined one mask is empty, and the distance infinite.
    """
    frames = sorted({o.frame for o in (*first.outlines, *second.outlines)}) or [0]
    both = one = 0
    parts = []
    for frame in frames:
        masks = [rasterise(r.outlines, shape, frame) for r in (first, second)]
        both += int((masks[0] & masks[1]).sum())
        one += int((masks[0] ^ masks[1]).sum())
        parts.append(overlap(masks[0], masks[1], spacing, tolerance))
    state = next(
        (s for s in ("one_empty", "both") if any(p.state == s for p in parts)), "both_empty"
    )
    empty = both + one == 0
    return {
        "dice": 1.0 if empty else 2 * both / (2 * both + one),
        "jaccard": 1.0 if empty else both / (both + one),
        **{name: max(getattr(p, name) for p in parts) for name in ("hd", "hd95", "msd")},
        "surface_dice": min(p.surface_dice for p in parts),
        "state": state,
    }


def quantile(sorted_values: NDArray[np.float64], q: float) -> float:
    """Give a linear quantile that survives infinite distances at the upper end."""
    place = q * (len(sorted_values) - 1)
    below, above = sorted_values[math.floor(place)], sorted_values[math.ceil(place)]
    if math.isinf(above):
        return float(below if place == math.floor(place) else above)
    return float(below + (place - math.floor(place)) * (above - below))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
