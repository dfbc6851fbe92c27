"""Truth and prediction side by side, one patient after the other: measured and matched."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.child import Progress
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.labels import read_labels
from napari_ptx.ct.matching import (
    RULES,
    Closeness,
    Matching,
    closeness_of_centroids,
    closeness_of_labels,
    first_hits,
    match,
)
from napari_ptx.ct.predictions import Predictions
from napari_ptx.ct.space import body_centre, measure, positions, same_grid, slot_of
from napari_ptx.ct.truth import Truth, glands_of
from napari_ptx.errors import PtxError
from napari_ptx.image import Image, read_image

_PLACE = ["x_mm", "y_mm", "z_mm"]
_PHASES = ("plain", "arterial")


@dataclass(frozen=True, eq=False)
class Findings:
    """What a model found of the glands of a cohort.

    Parameters
    ----------
    patients
        Those of the cohort, which are the scans.
    glands
        A row per gland: ``truth.COLUMNS``, and for each rule ``found_<rule>`` (0 or 1),
        ``candidate_<rule>`` (its number, 0 for a miss).
    candidates
        A row per candidate: ``candidates.COLUMNS``, ``nearest_gland`` and
        ``nearest_gland_mm`` (centroids), ``vessel_mm, thyroid_mm`` where the anatomy is known,
        and for each rule ``gland_<rule>`` (its number, 0 for none), ``again_<rule>`` (0 or 1)
        and ``hit_<rule>`` (``matching.first_hits``) with ``hit_gland_<rule>``, the gland that a
        hit finds (0 for none). ``counted``: whether its score reaches
        the threshold; only those are matched, while ``hit`` is of all.
    rules
        Those that could be applied: without maps of candidates, that of centroids alone.
    threshold
        The least score that counts, or ``None`` for all.
    examined
        A row per patient: ``patient, examined_fraction, region, registration_residual_mm``.
    notes
        What was left out, each a sentence.
    """

    patients: tuple[str, ...]
    glands: pd.DataFrame
    candidates: pd.DataFrame
    rules: tuple[str, ...]
    threshold: float | None
    examined: pd.DataFrame
    notes: tuple[str, ...]


def find(
    truth: Truth,
    predictions: Predictions,
    *,
    threshold: float | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Match the candidates of every patient to its glands under each rule.

    Parameters
    ----------
    truth, predictions
        As ``read_truth`` and ``read_predictions`` gave them.
    threshold
        Candidates with a lower score do not count; without it all do.
    progress
        Called after each patient.

    Raises
    ------
    CtError
        If patients of the cohort were not predicted, a volume cannot be read, or a map of
        candidates has another grid than the labels; all patients at once.
    """
    _check_patients(truth, predictions)
    mapped = [name for name in truth.patients if name in predictions.labels]
    whole = len(mapped) == len(truth.patients)
    rules = tuple(RULES) if whole else ("centroid",)
    notes = []
    if mapped and not whole:
        notes.append(
            f"{len(truth.patients) - len(mapped)} of {len(truth.patients)} patients have no map of "
            "candidates: only the rule of centroids applies."
        )
    others = len(set(predictions.patients) - set(truth.patients))
    if others:
        notes.append(f"{others} predicted patients are not in the cohort and were left out.")
    glands, candidates, faults = [], [], []
    for done, patient in enumerate(truth.patients):
        try:
            one, other = _patient(truth, predictions, patient, rules, threshold)
        except PtxError as error:
            faults.append(f"patient {patient}: {error.message}")
            faults += [f"patient {patient}: {line}" for line in error.details]
            continue
        glands.append(one)
        candidates.append(other)
        if progress is not None:
            progress(done + 1, len(truth.patients), f"Patient {patient}")
    if faults:
        raise CtError(f"{truth.path} and the prediction do not fit; mend what is listed.", faults)
    examined = predictions.examined.set_index("patient").reindex(list(truth.patients))
    examined["registration_residual_mm"] = [predictions.residual(name) for name in truth.patients]
    return Findings(
        truth.patients, _joined(glands), _joined(candidates), rules, threshold,
        examined.reset_index(), tuple(notes),
    )  # fmt: skip


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Put tables below each other; those without rows would blur the types of columns."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def _check_patients(truth: Truth, predictions: Predictions) -> None:
    missing = [name for name in truth.patients if name not in predictions.patients]
    if missing:
        raise CtError(
            f"{len(missing)} of {len(truth.patients)} patients of {truth.path.name} were not "
            "predicted: predict them, or take them out of the cohort.",
            [f"patient {name}" for name in missing],
        )


def _patient(
    truth: Truth,
    predictions: Predictions,
    patient: str,
    rules: tuple[str, ...],
    threshold: float | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    labels = read_labels(truth.labels[patient], truth.images[patient, "plain"])
    if labels.pixels.dtype.kind not in "iu" or labels.axes != "zyx" or labels.pixels.min() < 0:
        raise CtError(
            f"{truth.labels[patient].name} is no map of glands; it must hold whole numbers "
            "0, 1, 2, ... in a volume."
        )
    glands = glands_of(truth, patient, _measured(truth, patient, labels))
    candidates = predictions.of(patient)
    found = predictions.label_map(patient) if "overlap" in rules else None
    if found is not None:
        if not same_grid(labels, found):
            raise CtError(
                "the map of candidates and the labels have different grids; predict on the plain "
                "image of the cohort"
            )
        absent = sorted(
            set(candidates["candidate"]) - set(np.unique(found.pixels[found.pixels != 0]))
        )
        if absent:
            raise CtError(f"candidates {absent} have a row and no voxel in their map")
    counted = np.ones(len(candidates), dtype=bool)
    if threshold is not None:
        counted = candidates["score"].to_numpy() >= threshold
    candidates["counted"] = counted.astype(int)
    for rule in rules:
        close = _closeness(rule, labels, found, glands, candidates)
        result = match(Closeness(close.allowed[:, counted], close.quality[:, counted]))
        hits = first_hits(close.allowed, candidates["score"].to_numpy())
        _put(rule, result, hits, counted, glands, candidates)
        of_hits = match(Closeness(close.allowed[:, hits], close.quality[:, hits])).gland_of
        found_by = np.zeros(len(candidates), dtype=int)
        found_by[hits] = glands["gland"].to_numpy(dtype=int)[of_hits]
        candidates[f"hit_gland_{rule}"] = found_by
    _add_nearest(glands, candidates)
    _add_distances(truth, patient, labels, glands, candidates)
    return glands, candidates


def _measured(truth: Truth, patient: str, labels: Image) -> dict[int, dict[str, Any]]:
    """Measure the glands on their labels; HU and slot only where no table says them."""
    said = truth.glands[truth.glands["patient"] == patient]
    wanted = ["slot", *(f"hu_{phase}" for phase in _PHASES if (patient, phase) in truth.images)]
    if truth.listed and not said[wanted].isin(["", math.nan]).any(axis=None):
        return dict(measure(labels))
    phases: dict[str, NDArray[Any]] = {}
    centre = None
    for phase in _PHASES:
        file = truth.images.get((patient, phase))
        image = None if file is None else read_image(file)
        if image is not None and image.axes == "zyx" and same_grid(labels, image):
            phases[f"hu_{phase}"] = image.pixels
            centre = body_centre(image) if phase == "plain" else centre
    found: dict[int, dict[str, Any]] = {}
    for gland, one in measure(labels, phases).items():
        place = (one["x_mm"], one["y_mm"], one["z_mm"])
        found[gland] = {**one, "slot": "" if centre is None else slot_of(place, centre)}
    return found


def _closeness(
    rule: str, labels: Image, found: Image | None, glands: pd.DataFrame, candidates: pd.DataFrame
) -> Closeness:
    if rule == "centroid" or found is None:
        return closeness_of_centroids(glands[_PLACE].to_numpy(), candidates[_PLACE].to_numpy())
    return closeness_of_labels(
        labels.pixels,
        found.pixels,
        "iou" if rule == "iou" else "overlap",
        gland_numbers=glands["gland"].tolist(),
        candidate_numbers=candidates["candidate"].tolist(),
    )


def _put(
    rule: str,
    result: Matching,
    hits: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    glands: pd.DataFrame,
    candidates: pd.DataFrame,
) -> None:
    numbers = candidates["candidate"].to_numpy(dtype=int)[counted]
    of_gland = result.candidate_of
    glands[f"found_{rule}"] = (of_gland >= 0).astype(int)
    glands[f"candidate_{rule}"] = [int(numbers[place]) if place >= 0 else 0 for place in of_gland]
    names = glands["gland"].to_numpy(dtype=int)
    for name, values in (
        ("gland", [int(names[place]) if place >= 0 else 0 for place in result.gland_of]),
        ("again", result.again.astype(int)),
    ):
        column = np.zeros(len(candidates), dtype=int)
        column[counted] = values
        candidates[f"{name}_{rule}"] = column
    candidates[f"hit_{rule}"] = hits.astype(int)


def _add_nearest(glands: pd.DataFrame, candidates: pd.DataFrame) -> None:
    one = glands[_PLACE].to_numpy(dtype=np.float64)
    other = candidates[_PLACE].to_numpy(dtype=np.float64)
    distance = np.linalg.norm(other[:, np.newaxis] - one[np.newaxis], axis=2)
    near = distance.argmin(axis=1) if len(one) else np.zeros(len(other), dtype=int)
    candidates["nearest_gland"] = glands["gland"].to_numpy()[near] if len(one) else 0
    candidates["nearest_gland_mm"] = distance.min(axis=1) if len(one) else math.nan


def _add_distances(
    truth: Truth,
    patient: str,
    labels: Image,
    glands: pd.DataFrame,
    candidates: pd.DataFrame,
) -> None:
    """Put in how far (mm) centroids lie from the nearest vessel and thyroid; NaN if unknown."""
    for kind in ("vessel", "thyroid"):
        candidates[f"{kind}_mm"] = math.nan
    if not truth.values or patient not in truth.anatomy:
        return
    anatomy = read_image(truth.anatomy[patient])
    if not same_grid(labels, anatomy):
        raise CtError("its anatomy has another grid than its labels")
    from scipy.spatial import cKDTree

    for kind, wanted in truth.values.items():
        indices = np.argwhere(np.isin(anatomy.pixels, wanted))
        if not len(indices):
            continue
        tree = cKDTree(positions(anatomy, indices))
        for table in (candidates, glands):
            column = f"{kind}_mm"
            distance = tree.query(table[_PLACE].to_numpy(dtype=np.float64).reshape(-1, 3))[0]
            known = table[column].to_numpy(dtype=np.float64)
            table[column] = np.where(np.isnan(known), distance, known)
