"""What the gland board amounts to: sensitivity of each finder, pairs, and what they add up to.

The same functions and settings as ``ct evaluate``, so that the numbers are the same, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.report.gland_readings import Tally
from napari_ptx.stats import StatsError, compare_sensitivity, complementarity

if TYPE_CHECKING:
    from napari_ptx.stats import Complementarity, Sensitivity, SensitivityPair


@dataclass(frozen=True)
class FinderNumbers:
    """One finder.

    Parameters
    ----------
    name
        As an evaluation calls it.
    sensitivity
        Found, of how many, exact limits, and those by patient where they were computed.
    false
        Findings that are no gland.
    only
        Glands that it alone found, of those that all finders were used on.
    """

    name: str
    sensitivity: Sensitivity
    false: int
    only: int


@dataclass(frozen=True)
class PairNumbers:
    """Two finders: what they find together, and the tests of their difference.

    Parameters
    ----------
    first, second
        Their names.
    union, of
        Glands that either found, of those that both were used on.
    second_adds, first_adds
        How many the second finds beyond the first, and the other way round.
    tests
        McNemar, Holm, Fisher, the difference by patient; ``None`` until they are computed.
    """

    first: str
    second: str
    union: int
    of: int
    second_adds: int
    first_adds: int
    tests: SensitivityPair | None = None


@dataclass(frozen=True, eq=False)
class BoardNumbers:
    """The numbers of a board.

    Parameters
    ----------
    finders, pairs
        Each, in the order of the columns.
    patterns
        For each set of finders that found exactly the same glands, how many; empty where no
        gland was looked for by all.
    together
        Every union and gain with its limits; ``None`` until it is computed.
    glands, patients, left_out
        Glands, their patients, and glands that not all finders were used on.
    final
        Whether intervals by patient, tests and ``together`` are in.
    notes
        What could not be computed, each a sentence.
    """

    finders: tuple[FinderNumbers, ...]
    pairs: tuple[PairNumbers, ...]
    patterns: Mapping[tuple[str, ...], int]
    together: Complementarity | None
    glands: int
    patients: int
    left_out: int
    final: bool
    notes: tuple[str, ...] = ()


def quick_numbers(counted: Tally) -> BoardNumbers:
    """Count, with exact limits: what a click can wait for (some ms)."""
    return _numbers(counted, None, None, 0, ())


def final_numbers(
    counted: Tally,
    *,
    confidence: float = 0.95,
    replicates: int = 10_000,
    seed: int = 0,
    progress: Progress | None = None,
) -> BoardNumbers:
    """Compute everything, as ``ct evaluate`` does it (about a second for seven finders)."""
    how: dict[str, Any] = {"confidence": confidence, "replicates": replicates, "seed": seed}
    notes: list[str] = []
    owners = np.array(counted.patients, dtype=object)
    several = owners if len(set(counted.patients)) > 1 else None
    pairs, together = None, None
    if counted.found and several is None:
        notes.append("Glands of one patient only: there are no intervals by patient.")
    if progress is not None:
        progress(0, 0, "Intervals by patient")
    if len(counted.found) > 1:
        try:
            compared = compare_sensitivity(counted.found, several, **how)
            pairs = {(one.first, one.second): one for one in compared.pairs}
            if compared.few_clusters:
                notes.append("Fewer than 20 patients: intervals by patient tend to be too narrow.")
        except StatsError as error:
            notes.append(f"No tests of pairs: {error}")
        try:
            together = complementarity(counted.found, several, **how)
        except StatsError as error:
            notes.append(f"No unions: {error}")
    return _numbers(counted, pairs or {}, together, replicates, notes, how)


def _numbers(
    counted: Tally,
    pairs: Mapping[tuple[str, str], SensitivityPair] | None,
    together: Complementarity | None,
    replicates: int,
    notes: Any,
    how: Mapping[str, Any] | None = None,
) -> BoardNumbers:
    said = list(notes)
    owners = np.array(counted.patients, dtype=object)
    names = list(counted.found)
    table = np.array([counted.found[name] for name in names]).reshape(len(names), len(owners))
    complete = ~np.isnan(table).any(axis=0) if names else np.zeros(len(owners), dtype=bool)
    sets = Counter(
        tuple(name for name, hit in zip(names, column, strict=True) if hit == 1.0)
        for column in table[:, complete].T
    )
    finders = []
    for name, values in counted.found.items():
        used = ~np.isnan(values)
        mine = owners[used] if replicates and len(set(owners[used])) > 1 else None
        one = compare_sensitivity({"": values[used]}, mine, **(how or {})).modalities[""]
        only = sets.get((name,), 0) if len(names) > 1 else 0
        finders.append(FinderNumbers(name, one, counted.false[name], only))
    couples = []
    for (i, first), (j, second) in combinations(enumerate(names), 2):
        both = ~np.isnan(table[i]) & ~np.isnan(table[j])
        a, b = table[i][both] == 1.0, table[j][both] == 1.0
        couples.append(
            PairNumbers(
                first, second, int((a | b).sum()), int(both.sum()),
                int((b & ~a).sum()), int((a & ~b).sum()),
                None if pairs is None else pairs.get((first, second)),
            )
        )  # fmt: skip
    left_out = int(np.count_nonzero(~complete)) if names else 0
    if left_out and len(names) > 1:
        said.append(
            f"Glands that not all have read: {left_out}; sets and unions are of the other "
            f"{int(complete.sum())}."
        )
    if counted.unknown:
        said.append(
            f"{counted.unknown} findings count nowhere yet: is there a gland in their row or not?"
        )
    return BoardNumbers(
        tuple(finders), tuple(couples), dict(sets), together, len(owners),
        len(set(counted.patients)), left_out, pairs is not None, tuple(said),
    )  # fmt: skip


def finders_table(numbers: BoardNumbers) -> pd.DataFrame:
    """Give the finders as a table of plain numbers; NaN where nothing was computed."""
    rows = []
    for one in numbers.finders:
        by_patient = one.sensitivity.cluster_bootstrap or (np.nan, np.nan)
        rows.append({
            "finder": one.name, "found": one.sensitivity.found, "of": one.sensitivity.of,
            "sensitivity": one.sensitivity.value, "low": one.sensitivity.clopper_pearson[0],
            "high": one.sensitivity.clopper_pearson[1], "cluster_low": by_patient[0],
            "cluster_high": by_patient[1], "found_by_it_alone": one.only,
            "false_findings": one.false,
        })  # fmt: skip
    return pd.DataFrame(rows)


def pairs_table(numbers: BoardNumbers) -> pd.DataFrame:
    """Give the pairs as a table of plain numbers; NaN where nothing was computed."""
    rows = []
    for one in numbers.pairs:
        tests = one.tests
        by_patient = (tests.cluster_bootstrap if tests else None) or (np.nan, np.nan)
        rows.append({
            "first": one.first, "second": one.second, "union": one.union, "of": one.of,
            "second_adds": one.second_adds, "first_adds": one.first_adds,
            "difference": tests.difference if tests else np.nan,
            "cluster_low": by_patient[0], "cluster_high": by_patient[1],
            "mcnemar_exact": tests.mcnemar_exact if tests else np.nan,
            "mcnemar_mid_p": tests.mcnemar_mid_p if tests else np.nan,
            "mcnemar_exact_holm": tests.mcnemar_exact_holm if tests else np.nan,
            "fisher": tests.fisher if tests else np.nan,
        })  # fmt: skip
    return pd.DataFrame(rows)
