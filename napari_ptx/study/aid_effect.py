"""What a model's outline changed: each reader's unaided answer against the aided one.

For the design "aided", in which the unaided answer is locked before the outline is shown: a
reader is compared with themselves on the same cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.roi import measure
from napari_ptx.roi.calibration import common_spacing
from napari_ptx.stats import cluster_mean
from napari_ptx.study import comparisons as steps
from napari_ptx.study.types import CaseInfo, Reading, StudyError

if TYPE_CHECKING:
    from napari_ptx.study.study import Study

KEPT, TAKEN, EDITED = "kept", "taken over", "changed"
ASSESSED, REFUSED = "assessed after all", "given up"
CHANGES = (KEPT, TAKEN, EDITED, ASSESSED, REFUSED)
"""What became of an unaided answer: the same pixels as before, those of the model, others; and
the two ways between an outline and "not assessable"."""

CASES = (
    *("reader", "round", "case", "patient", "change", "dice_own", "dice_model_before"),
    *("dice_model_after", "area_before", "area_after", "unit", "seconds"),
)
"""The table of cases. ``dice_own`` is between both answers, ``dice_model`` between an answer and
the model's outline; ``seconds`` is the time at work after the outline was shown."""

READERS = ("reader", "round", "cases", *CHANGES, "n", "before", "after", "gain", "low", "high")
"""The table of readers: how often which change, and the mean Dice with the model's outline before
and after, of the ``n`` cases with all three outlines."""

PAIRS = ("comparison", "n", "patients", "before", "after", "gain", "low", "high")
"""The table of pairs of readers: their mean Dice with each other, unaided and aided."""


@dataclass(frozen=True, eq=False)
class AidEffect:
    """What the model's outlines changed.

    Parameters
    ----------
    cases, readers, pairs
        With ``CASES``, ``READERS``, ``PAIRS``. A gain is aided minus unaided, its interval
        by bootstrap of patients; NaN below two patients.
    settings
        ``confidence``, ``replicates``, ``seed``, ``unit`` of the areas, ``study``.
    """

    cases: pd.DataFrame
    readers: pd.DataFrame
    pairs: pd.DataFrame
    settings: Mapping[str, Any]


def aid_effect(
    study: Study,
    *,
    confidence: float = 0.95,
    replicates: int = 2000,
    progress: Progress | None = None,
) -> AidEffect:
    """Compare the unaided with the aided answers of a study.

    Parameters
    ----------
    study
        Of the design "aided".
    confidence, replicates
        Level of the intervals, and draws of patients; the seed is the protocol's.

    Raises
    ------
    StudyError
        For a study of another design, or one without a case that was answered twice.
    """
    if study.protocol.design != "aided":
        raise StudyError(
            f"The study {study.name} shows no model's outlines: its design is independent, so "
            "there is nothing to compare."
        )
    infos = {case.case: case for case in study.cases()}
    both = _both(study.readings(aided=None))
    if not both:
        raise StudyError(
            f"No case of the study {study.name} was finished again with the model's outline yet."
        )
    outlined = [r for pair in both.values() for r in pair if r.outlines]
    unit, _ = steps.common_unit(outlined, infos)
    settings = {"study": study.name, "confidence": confidence, "replicates": replicates,
                "seed": study.protocol.seed, "unit": unit}  # fmt: skip
    models = {case: study.aid(case) or () for case in {key[2] for key in both}}
    rows = []
    for done, (key, (before, after)) in enumerate(both.items()):
        if progress is not None:
            progress(done, len(both), f"Comparing {key[0]}'s answers")
        model = replace(before, outlines=models[key[2]])
        rows.append(_row(before, after, model, infos[key[2]], unit))
    cases = pd.DataFrame(rows, columns=pd.Index(CASES))
    return AidEffect(
        cases,
        pd.DataFrame(_readers(cases, settings), columns=pd.Index(READERS)),
        pd.DataFrame(_pairs(both, infos, study.readers, settings), columns=pd.Index(PAIRS)),
        settings,
    )


Both = dict[tuple[str, int, str], tuple[Reading, Reading]]


def _both(readings: tuple[Reading, ...]) -> Both:
    """Give the unaided and the aided answer by reader, round and case, where there are both."""
    unaided = {(r.reader, r.round, r.case): r for r in readings if not r.aided}
    return {
        (r.reader, r.round, r.case): (unaided[r.reader, r.round, r.case], r)
        for r in readings
        if r.aided
    }


def _row(
    before: Reading, after: Reading, model: Reading, info: CaseInfo, unit: str
) -> dict[str, Any]:
    own = _dice(before, after, info)
    closeness = [_dice(one, model, info) if model.outlines else np.nan for one in (before, after)]
    return {
        "reader": before.reader, "round": before.round, "case": before.case,
        "patient": before.patient, "change": _change(before, after, own, closeness[1]),
        "dice_own": own, "dice_model_before": closeness[0], "dice_model_after": closeness[1],
        "area_before": _area(before, info, unit), "area_after": _area(after, info, unit),
        "unit": f"{unit}²", "seconds": after.active_seconds - before.active_seconds,
    }  # fmt: skip


def _change(before: Reading, after: Reading, own: float, with_model: float) -> str:
    if before.assessable != after.assessable:
        return ASSESSED if after.assessable else REFUSED
    if not before.assessable or own == 1.0:
        return KEPT
    return TAKEN if with_model == 1.0 else EDITED


def _dice(first: Reading, second: Reading, info: CaseInfo) -> float:
    if not first.outlines or not second.outlines:
        return np.nan
    return float(steps.overlap_of(first, second, info.shape, (1.0, 1.0), 1.0)["dice"])


def _area(reading: Reading, info: CaseInfo, unit: str) -> float:
    if not reading.outlines:
        return np.nan
    spacing = common_spacing(reading.outlines, info) if unit == "mm" else None
    return float(measure(reading.outlines, spacing).area)


def _readers(cases: pd.DataFrame, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for (reader, number), mine in cases.groupby(["reader", "round"], sort=False):
        whole = mine.dropna(subset=["dice_model_before", "dice_model_after"])
        rows.append({
            "reader": reader, "round": number, "cases": len(mine),
            **{change: int((mine["change"] == change).sum()) for change in CHANGES},
            **_gain(whole["dice_model_before"], whole["dice_model_after"], whole["patient"],
                    settings),
        })  # fmt: skip
    return rows


def _pairs(
    both: Both,
    infos: Mapping[str, CaseInfo],
    readers: tuple[str, ...],
    settings: Mapping[str, Any],
) -> list[dict[str, Any]]:
    rows = []
    for first, second in combinations(readers, 2):
        found = []
        for case, info in infos.items():
            one, other = both.get((first, 1, case)), both.get((second, 1, case))
            if one is not None and other is not None:
                dices = [_dice(a, b, info) for a, b in zip(one, other, strict=True)]
                if not np.isnan(dices).any():
                    found.append((info.patient, *dices))
        if found:
            table = pd.DataFrame(found, columns=["patient", "before", "after"])
            rows.append({
                "comparison": steps.name_of(((first, 1), (second, 1))),
                "patients": table["patient"].nunique(),
                **_gain(table["before"], table["after"], table["patient"], settings),
            })  # fmt: skip
    return rows


def _gain(
    before: pd.Series[Any],
    after: pd.Series[Any],
    patients: pd.Series[Any],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    gain, low, high = cluster_mean(
        after - before, patients, replicates=settings["replicates"], seed=settings["seed"],
        confidence=settings["confidence"],
    )  # fmt: skip
    return {"n": len(before), "before": before.mean(), "after": after.mean(), "gain": gain,
            "low": low, "high": high}  # fmt: skip
