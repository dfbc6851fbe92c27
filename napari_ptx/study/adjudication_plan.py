"""The adjudicator's worklist: random order, fresh codes, random sides, hidden repeats.

As in ``worklist``, all of it follows from the seed by SHA-256, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from napari_ptx.study.disagreement import Difference
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.worklist import session_codes, shuffled

_ROUND = 0
"""Adjudication is no round of reading; the digests want a number."""


def plan(
    study: str,
    protocol: Protocol,
    new: Sequence[Difference],
    *,
    repeats: int,
    taken: Collection[str],
) -> list[dict[str, object]]:
    """Draw the entries (as JSON) for cases that go to the adjudicator.

    Parameters
    ----------
    new
        The cases that are not in the worklist yet.
    repeats
        How many of them come again, later, under another code.
    taken
        Codes that somebody knows already; none of them comes back.
    """
    who, seed = protocol.adjudicator or "", protocol.seed
    by_case = {one.case: one for one in new}
    # The codes known so far tell one batch from the next.
    order = repeated_order(
        shuffled(list(by_case), study, seed, "adjudication", who, len(taken)),
        repeats,
        (study, seed, "adjudication", who, len(taken)),
    )
    codes = session_codes(study, seed, who, _ROUND, len(order), taken)
    seen: set[str] = set()
    entries: list[dict[str, object]] = []
    for case, code in zip(order, codes, strict=True):
        one = by_case[case]
        first = shuffled(list(one.readers), study, seed, "side", code)[0]
        turn = 1 if first == one.readers[0] else -1
        entries.append(
            {
                "code": code,
                "case": case,
                "readers": list(one.readers[::turn]),
                "hashes": list(one.hashes[::turn]),
                "repeat": case in seen,
                **one.numbers,
            }
        )
        seen.add(case)
    return entries


def repeated_order(order: Sequence[str], repeats: int, key: tuple[str | int, ...]) -> list[str]:
    """Let some cases of a random order come a second time, further on.

    At least half of the other cases lie between the two wherever that is possible, and
    what comes last is not always a repeat.
    """
    count = len(order)
    repeats = min(repeats, count)
    gap = max(count // 2, 1)
    early = list(order[: max(count - gap, repeats)])
    mixed = list(order)
    for number, case in enumerate(shuffled(early, *key, "repeat")[:repeats]):
        lowest = min(mixed.index(case) + gap + 1, len(mixed))
        places = [str(place) for place in range(lowest, len(mixed) + 1)]
        mixed.insert(int(shuffled(places, *key, "place", number)[0]), case)
    return mixed
