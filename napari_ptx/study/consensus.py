"""The one outline that holds for each case: agreed, voted, or adjudicated.

In this order:

1. What the adjudicator decided on the readers' latest readings holds.
2. Where the readers agree by the protocol's rule, a method makes one outline of theirs.
   "reader:NAME" takes that reader's as it is, and is the default with two readers (the
   first of the protocol). "majority" takes the pixels that more than half of the readers
   outlined, and is the default with three or more; "staple" estimates them by STAPLE
   (Warfield et al. 2004, SimpleITK), with the pixels whose probability is at least 0.5.
   Both need three readings: with two they are the intersection in disguise.
3. Where they disagree and nobody decided, the case is open. Only in a study without an
   adjudicator, a method that was asked for by name settles it, too.

With three or more readers a case is voted not assessable by more than half of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_ptx.child import Progress
from napari_ptx.roi.outline import Outline
from napari_ptx.study import adjudication_record as record
from napari_ptx.study import disagreement, views
from napari_ptx.study.adjudication_types import Decision
from napari_ptx.study.disagreement import Difference, HashedReading
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.store import Store
from napari_ptx.study.types import CaseInfo, StudyError

Origin = Literal["agreed", "voted", "adjudicated", "single", "open"]
VOTES = ("majority", "staple")
ENOUGH = 3
"""Readings that a vote needs."""


@dataclass(frozen=True)
class Consensus:
    """What holds for one case.

    Parameters
    ----------
    case
        As the study knows it; its ``extra`` has the label.
    origin
        "agreed": the readers agree by the protocol's rule. "voted": they do not, and the
        method settled it (no adjudicator in the protocol). "adjudicated": the adjudicator
        decided. "single": only one reader has read it. "open": they do not agree and
        nobody has decided; there is no outline.
    method
        How the outlines were made: "majority", "staple", "reader:NAME", or the outcome of
        the adjudication.
    outlines, assessable
        The ROI; empty where the case is not assessable or open.
    reason
        Why it is open, not assessable, or was decided so.
    readings
        Reader to the hash of the reading that this rests on.
    difference
        How far the readers were apart; ``None`` with fewer than two readings.
    """

    case: CaseInfo
    origin: Origin
    method: str
    outlines: tuple[Outline, ...]
    assessable: bool
    reason: str
    readings: Mapping[str, str] = field(default_factory=dict)
    difference: Difference | None = None


def default_method(readers: Sequence[str]) -> str:
    """Give the method where none is asked for, by the readers who have finished."""
    return "majority" if len(readers) >= ENOUGH else f"reader:{readers[0]}"


def check_method(method: str, protocol: Protocol) -> None:
    """Refuse a method that does not exist, or that two readers cannot carry."""
    if method in VOTES:
        if len(protocol.readers) < ENOUGH:
            name = "STAPLE" if method == "staple" else "A majority vote"
            raise StudyError(
                f"{name} needs three readers or more; with {len(protocol.readers)} it is the "
                "intersection of the outlines in disguise. Let the disagreements be adjudicated, "
                f"and take one reader's outline where they agree (reader:{protocol.readers[0]})."
            )
        return
    kind, _, reader = method.partition(":")
    if kind != "reader" or reader not in protocol.readers:
        raise StudyError(
            f"{method!r} is not a method of consensus; use majority, staple, or reader:NAME "
            f"with one of {', '.join(protocol.readers)}."
        )


def consensus(
    store: Store,
    protocol: Protocol,
    method: str | None = None,
    *,
    progress: Progress | None = None,
) -> tuple[Consensus, ...]:
    """Give what holds for each case that was read, in the order of the cohort.

    Raises
    ------
    StudyError
        Until the readers that the method needs have finished their first round.
    """
    if method is not None:
        check_method(method, protocol)
    with store.read() as db:
        infos = {info.case: info for info in views.cases(db, store.path)}
        ready = _ready(disagreement.cases_left(db, protocol), protocol, method or "")
        wanted = method or default_method(ready)
        found = {}
        if len(ready) > 1:
            found = {
                one.case: one
                for one in disagreement.differences(db, store.path, protocol, progress=progress)
            }
        readings = disagreement.hashed_readings(db, ready)
        latest = {one.hash for by_reader in readings.values() for one in by_reader.values()}
        decided = record.in_force(record.decisions(record.steps(db), latest))
    asked = method is not None and protocol.adjudicator is None
    return tuple(
        _case(infos[case], by_reader, found.get(case), decided.get(case), wanted, asked)
        for case, by_reader in readings.items()
        if by_reader
    )


def _ready(left: Mapping[str, int], protocol: Protocol, method: str) -> tuple[str, ...]:
    """Give the readers with a finished first round; refuse where the method lacks one."""
    ready = tuple(reader for reader in protocol.readers if left.get(reader) == 0)
    waiting = ", ".join(
        f"{reader} has {count} cases left" for reader, count in left.items() if count
    )
    if not ready:
        raise StudyError(f"A consensus needs a reader who has finished round 1: {waiting}.")
    if method in VOTES and len(ready) < ENOUGH:
        raise StudyError(
            f"The method {method} needs three readers who have finished their first round: "
            f"{waiting}."
        )
    reader = method.partition(":")[2]
    if reader and reader not in ready:
        raise StudyError(
            f"{reader} has {left[reader]} cases of the first round left; a consensus needs all."
        )
    return ready


def _case(
    info: CaseInfo,
    readings: Mapping[str, HashedReading],
    difference: Difference | None,
    decision: Decision | None,
    method: str,
    asked: bool,
) -> Consensus:
    hashes = {reader: one.hash for reader, one in readings.items()}
    if decision is not None:
        return Consensus(
            case=info,
            origin="adjudicated",
            method=decision.outcome,
            outlines=decision.outlines,
            assessable=decision.assessable,
            reason=decision.reason,
            readings=dict(zip(decision.entry.readers, decision.entry.hashes, strict=True)),
            difference=difference,
        )
    apart = difference is not None and bool(difference.reasons)
    if apart and not asked:
        assert difference is not None
        why = "; ".join(difference.reasons)
        return Consensus(info, "open", method, (), False, why, hashes, difference)
    able = sum(one.reading.assessable for one in readings.values())
    if method == "staple" and 0 < able < ENOUGH:
        why = f"STAPLE needs {ENOUGH} readings; {able} of {len(readings)} called it assessable"
        return Consensus(info, "open", method, (), False, why, hashes, difference)
    outlines, assessable, reason = _made(info, readings, method)
    origin: Origin = "voted" if apart else "agreed" if len(readings) > 1 else "single"
    return Consensus(info, origin, method, outlines, assessable, reason, hashes, difference)


def _made(
    info: CaseInfo, readings: Mapping[str, HashedReading], method: str
) -> tuple[tuple[Outline, ...], bool, str]:
    """Make one reading of several."""
    kind, _, reader = method.partition(":")
    if kind == "reader":
        if reader not in readings:
            return (), False, f"{reader} has not read it"
        one = readings[reader].reading
        return one.outlines, one.assessable, one.reason or ""
    every = [known.reading for known in readings.values()]
    if 2 * sum(one.assessable for one in every) < len(every):
        reasons = sorted({one.reason or "" for one in every if not one.assessable})
        return (), False, "; ".join(reason for reason in reasons if reason)
    # For a majority, who called the case not assessable has outlined no pixel of it.
    rois = [one.outlines for one in every if one.assessable or method == "majority"]
    return vote(rois, info.shape, method), True, ""


def vote(
    rois: Sequence[Sequence[Outline]], shape: tuple[int, int], method: str
) -> tuple[Outline, ...]:
    """Make one ROI of several, frame by frame: its outlines run along pixel edges.

    Parameters
    ----------
    rois
        One for each reader.
    shape
        Rows and columns of the image.
    method
        "majority" or "staple".
    """
    from napari_ptx.roi import rasterise, trace

    made: list[Outline] = []
    for frame in sorted({outline.frame for roi in rois for outline in roi}):
        masks = np.stack([rasterise(roi, shape, frame) for roi in rois])
        mask = majority(masks) if method == "majority" else staple(masks)
        made += trace(mask, frame)
    return tuple(made)


def majority(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give the pixels of more than half of the masks ``(readers, y, x)``; a tie is outside."""
    inside: NDArray[np.bool_] = 2 * masks.sum(axis=0) > len(masks)
    return inside


def staple(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give the pixels that STAPLE thinks inside with a probability of at least 0.5.

    It weighs each mask by the sensitivity and the specificity that it estimates for it,
    on the whole image (Warfield, Zou and Wells 2004, as in SimpleITK).

    Parameters
    ----------
    masks
        ``(readers, y, x)``, three readers or more.

    Raises
    ------
    StudyError
        With fewer than three masks.
    """
    if len(masks) < ENOUGH:
        raise StudyError(
            f"STAPLE needs three readings or more, not {len(masks)}: with two it is their "
            "intersection in disguise. Let the case be adjudicated."
        )
    # Identical masks leave nothing to estimate.
    if (masks == masks[0]).all():
        same: NDArray[np.bool_] = masks[0]
        return same
    import SimpleITK as sitk  # noqa: N813 - its own short name

    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in masks]
    estimate: Any = sitk.STAPLE
    probability = sitk.GetArrayFromImage(estimate(images, 1.0))
    inside: NDArray[np.bool_] = probability >= 0.5
    return inside
