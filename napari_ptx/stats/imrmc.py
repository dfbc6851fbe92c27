"""The input file of the FDA's iMRMC software, as text: ratings out and in.

::

    title
    NR: 5                    readers
    N0: 50                   cases without, N1: with the condition
    N1: 50
    NM: 2                    modalities
    BEGIN DATA:
    -1,case,0,1              the truth of a case: 0 or 1
    reader,case,modality,score

iMRMC takes white space out of names and splits at commas.

References
----------
iMRMC (Gallas and others, FDA), https://github.com/DIDSR/iMRMC.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.mrmc_table import COLUMNS, Ratings

_TRUTH = ("-1", "truth")
"""What stands for the reader in a row of truth; files of R have the word."""

_SCORES = 3
"""Cases of each class below which iMRMC leaves a reader out."""


def to_imrmc(ratings: Ratings, title: str) -> str:
    """Give ratings as the text of an ``.imrmc`` file.

    White space and commas in names become "_".

    Raises
    ------
    StatsError
        Two names become one, or one is that of the truth; fewer than 3 cases of a class,
        for which iMRMC computes nothing.
    """
    readers = _names(ratings.readers, "readers")
    cases = _names(ratings.cases, "cases")
    modalities = _names(ratings.modalities, "modalities")
    for name in readers:
        if name in _TRUTH:
            raise StatsError(f"A reader cannot be called {name!r} in iMRMC; rename it.")
    positive = int(ratings.positive.sum())
    negative = len(cases) - positive
    if min(positive, negative) < _SCORES:
        raise StatsError(
            f"iMRMC needs at least {_SCORES} cases of each class, and there are {positive} "
            f"positive and {negative} negative."
        )
    # The title must not look like one of the counts below it.
    lines = [
        re.sub(r"[\s:]+", " ", title).strip() or "ratings",
        "",
        f"NR: {len(readers)}",
        f"N0: {negative}",
        f"N1: {positive}",
        f"NM: {len(modalities)}",
        "",
        "BEGIN DATA:",
    ]
    lines += [
        f"-1,{case},0,{int(truth)}" for case, truth in zip(cases, ratings.positive, strict=True)
    ]
    lines += [
        f"{reader},{case},{modality},{float(ratings.values[m, r, c])!r}"
        for r, reader in enumerate(readers)
        for c, case in enumerate(cases)
        for m, modality in enumerate(modalities)
    ]
    return "\n".join(lines) + "\n"


def from_imrmc(text: str) -> dict[str, list[Any]]:
    """Read the text of an ``.imrmc`` file as the columns that ``ratings`` takes.

    The counts above the data are compared with the data.

    Raises
    ------
    StatsError
        Names the line: no data, not four cells, a score that is no number, a case without
        truth or with two, a count that is not that of the data.
    """
    stated: dict[str, int] = {}
    lines = text.splitlines()
    begin = None
    for place, line in enumerate(lines):
        if line.strip().upper().startswith("BEGIN DATA:"):
            begin = place
            break
        found = re.fullmatch(r"\s*(NR|N0|N1|NM):\s*(\d+)[\s,]*", line, re.IGNORECASE)
        if found:
            stated[found[1].upper()] = int(found[2])
    if begin is None:
        raise StatsError("The file has no line BEGIN DATA:, as files of iMRMC have.")
    truth: dict[str, int] = {}
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for number, line in enumerate(lines[begin + 1 :], start=begin + 2):
        if not line.strip(" \t,"):
            continue
        reader, case, modality, score = _cells(line, number)
        if reader in _TRUTH:
            if case in truth:
                raise StatsError(f"Line {number} gives the truth of case {case} again.")
            if score not in (0.0, 1.0):
                raise StatsError(f"Line {number} has a truth that is neither 0 nor 1.")
            truth[case] = int(score)
            continue
        for name, value in zip(COLUMNS, (reader, modality, case, None, score), strict=True):
            columns[name].append(value)
    missing = [case for case in dict.fromkeys(columns["case"]) if case not in truth]
    if missing:
        raise StatsError(f"Case {missing[0]} has no line of truth (-1,{missing[0]},0,...).")
    columns["truth"] = [truth[case] for case in columns["case"]]
    held = {
        "NR": len(set(columns["reader"])),
        "N0": sum(1 - value for value in truth.values()),
        "N1": sum(truth.values()),
        "NM": len(set(columns["modality"])),
    }
    for name, count in stated.items():
        if count != held[name]:
            raise StatsError(f"The file says {name}: {count}, but its data have {held[name]}.")
    return columns


def _names(names: Iterable[str], what: str) -> list[str]:
    plain = [re.sub(r"[\s,]+", "_", name) for name in names]
    twice = [name for name, count in Counter(plain).items() if count > 1]
    if twice:
        raise StatsError(f"Two {what} would both be called {twice[0]!r} in iMRMC; rename one.")
    return plain


def _cells(line: str, number: int) -> tuple[str, str, str, float]:
    cells = [re.sub(r"\s", "", cell) for cell in line.rstrip(" \t,").split(",")]
    if len(cells) != 4:
        raise StatsError(f"Line {number} has not four cells: reader, case, modality, score.")
    try:
        score = float(cells[3])
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise StatsError(f"Line {number} has the score {cells[3]!r}, which is no number.")
    return cells[0], cells[1], cells[2], score
