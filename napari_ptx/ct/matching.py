"""Which candidate finds which gland: one to one, as many as can be, then the closest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ptx.ct.errors import CtError

Rule = Literal["overlap", "iou", "centroid"]
RULES: dict[str, str] = {
    "overlap": "a candidate may find a gland that it shares a voxel with",
    "iou": "a candidate may find a gland if intersection over union is at least 0.1",
    "centroid": "a candidate may find a gland if their centroids are at most 5 mm apart",
}
"""What each rule says. Under all of them one candidate finds one gland at most."""

IOU = 0.1
DISTANCE_MM = 5.0
_TINY = 1e-9  # so that 0.1 and 5 mm themselves are in, whatever was rounded

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Closeness:
    """How close each gland is to each candidate under a rule.

    Parameters
    ----------
    allowed
        ``(glands, candidates)`` whether the candidate may find the gland.
    quality
        ``(glands, candidates)`` from 0 to 1; what is chosen by where there is a choice.
    """

    allowed: NDArray[np.bool_]
    quality: Floats


@dataclass(frozen=True, eq=False)
class Matching:
    """Who found whom in one patient.

    Parameters
    ----------
    candidate_of
        ``(glands,)`` the place of the candidate that found the gland, or -1 for a miss.
    gland_of
        ``(candidates,)`` the place of the gland that the candidate found, or -1.
    again
        ``(candidates,)`` whether it found none only because another candidate found the gland
        that it lies on: a false positive beside a true one.
    """

    candidate_of: NDArray[np.intp]
    gland_of: NDArray[np.intp]
    again: NDArray[np.bool_]

    @property
    def found(self) -> int:
        """How many glands were found."""
        return int(np.count_nonzero(self.candidate_of >= 0))

    @property
    def false_positives(self) -> int:
        """How many candidates found no gland, those on a gland already found among them."""
        return int(np.count_nonzero(self.gland_of < 0))


def closeness_of_labels(
    glands: ArrayLike,
    candidates: ArrayLike,
    rule: Rule,
    *,
    gland_numbers: Sequence[int] | None = None,
    candidate_numbers: Sequence[int] | None = None,
) -> Closeness:
    """Compare two label maps of the same shape, instance by instance.

    Parameters
    ----------
    glands, candidates
        Integers ``(z, y, x)``; each instance has a number, the background 0. Instances that
        touch stay what they are.
    rule
        "overlap" or "iou". Both choose by intersection over union.
    gland_numbers, candidate_numbers
        The instances to compare, in the order of the answer; otherwise all that have a voxel.

    Raises
    ------
    CtError
        For maps of different shapes.
    """
    gland, candidate = np.asarray(glands), np.asarray(candidates)
    if gland.shape != candidate.shape:
        raise CtError(
            f"The label maps of glands {gland.shape} and of candidates {candidate.shape} differ in "
            "shape; both must have the grid of the plain image."
        )
    inside = np.flatnonzero((gland != 0) | (candidate != 0))
    one, rows = _places(gland.ravel()[inside], gland_numbers)
    other, columns = _places(candidate.ravel()[inside], candidate_numbers)
    table = np.bincount(one * (columns + 1) + other, minlength=(rows + 1) * (columns + 1)).reshape(
        rows + 1, columns + 1
    )
    shared = table[1:, 1:].astype(np.float64)
    sizes = table[1:].sum(axis=1, keepdims=True) + table[:, 1:].sum(axis=0, keepdims=True)
    union = sizes - shared
    iou = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    allowed = shared > 0 if rule == "overlap" else iou >= IOU - _TINY
    return Closeness(allowed, iou)


def _places(labels: NDArray[Any], numbers: Sequence[int] | None) -> tuple[NDArray[np.intp], int]:
    """Give for each voxel the place of its instance, counted from 1; 0 for none that is asked."""
    wanted = np.unique(labels[labels != 0]) if numbers is None else np.asarray(numbers, dtype=int)
    place = np.zeros(1 + max(int(labels.max(initial=0)), int(wanted.max(initial=0))), dtype=np.intp)
    place[wanted] = np.arange(1, len(wanted) + 1)
    return place[labels], len(wanted)


def closeness_of_centroids(glands: ArrayLike, candidates: ArrayLike) -> Closeness:
    """Compare centroids.

    Parameters
    ----------
    glands, candidates
        ``(n, 3)`` and ``(m, 3)`` x, y, z in mm.
    """
    one = np.asarray(glands, dtype=np.float64).reshape(-1, 3)
    other = np.asarray(candidates, dtype=np.float64).reshape(-1, 3)
    distance = np.linalg.norm(one[:, np.newaxis] - other[np.newaxis], axis=2)
    quality = np.clip(1.0 - distance / DISTANCE_MM, 0.0, 1.0)
    return Closeness(distance <= DISTANCE_MM + _TINY, quality)


def match(closeness: Closeness) -> Matching:
    """Match candidates to glands one to one.

    As many glands as can be are found; among the ways to do that, the one with the greatest
    sum of qualities is taken.

    References
    ----------
    Kuhn (1955), Naval Research Logistics Quarterly 2, 83-97.

    Examples
    --------
    >>> both = np.array([[True, False], [True, True]])
    >>> match(Closeness(both, np.array([[0.1, 0.0], [0.9, 0.1]]))).candidate_of.tolist()
    [0, 1]
    """
    from scipy.optimize import linear_sum_assignment

    allowed = closeness.allowed
    candidate_of = np.full(allowed.shape[0], -1, dtype=np.intp)
    gland_of = np.full(allowed.shape[1], -1, dtype=np.intp)
    # A pair more weighs more than all qualities together.
    worth = np.where(allowed, 1.0 + min(allowed.shape) + closeness.quality, 0.0)
    for gland, candidate in zip(*linear_sum_assignment(worth, maximize=True), strict=True):
        if allowed[gland, candidate]:
            candidate_of[gland], gland_of[candidate] = candidate, gland
    return Matching(candidate_of, gland_of, (gland_of < 0) & allowed.any(axis=0))


def first_hits(allowed: NDArray[np.bool_], scores: ArrayLike) -> NDArray[np.bool_]:
    """Tell for each candidate whether it finds one gland more than those with higher scores.

    Counting these hits down to any threshold gives the number of glands that ``match`` finds
    with the candidates above it: so a free-response curve needs one pass instead of a matching
    for each threshold, and a strong candidate is not taken for a false positive because a weak
    one lies better.

    Parameters
    ----------
    allowed
        ``(glands, candidates)``, as in ``Closeness``.
    scores
        ``(candidates,)``.

    References
    ----------
    Edmonds & Fulkerson (1965), Journal of Research of the NBS 69B, 147-153: sets of candidates
    that can be matched form a matroid, so that the greedy order is exact.
    """
    glands, candidates = allowed.shape
    owner = np.full(glands, -1, dtype=np.intp)
    hits = np.zeros(candidates, dtype=bool)

    def place(candidate: int, tried: NDArray[np.bool_]) -> bool:
        """Give the candidate a gland, moving others to another one where that is needed."""
        for gland in np.flatnonzero(allowed[:, candidate] & ~tried):
            if tried[gland]:
                continue
            tried[gland] = True
            if owner[gland] < 0 or place(int(owner[gland]), tried):
                owner[gland] = candidate
                return True
        return False

    for candidate in np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable"):
        hits[candidate] = place(int(candidate), np.zeros(glands, dtype=bool))
    return hits


def checked_rule(rule: str) -> Rule:
    """Give a rule by its name.

    Raises
    ------
    CtError
        For another name.
    """
    known: dict[str, Rule] = {name: name for name in get_args(Rule)}
    if rule in known:
        return known[rule]
    raise CtError(f"There is no rule {rule!r} of matching; the rules are: {', '.join(RULES)}.")
