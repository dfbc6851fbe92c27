"""What an adjudicator decided, as the plain table that a study's report is made from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import pandas as pd

COLUMNS = ("case", "reasons", "dice", "hd95", "outcome", "reason", "seconds")
"""A row for each case that is settled.

``reasons`` is why the case was in the queue, ``reason`` what the adjudicator gave; ``hd95``
is in mm (infinite: one reader has no outline; missing: not calibrated), ``seconds`` is
active time.
"""


class Queued(Protocol):
    """A case of the adjudicator's worklist; an infinite distance is ``None``."""

    @property
    def case(self) -> str: ...  # noqa: D102
    @property
    def repeat(self) -> bool: ...  # noqa: D102
    @property
    def dice(self) -> float: ...  # noqa: D102
    @property
    def hd95(self) -> float | None: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102
    @property
    def reasons(self) -> tuple[str, ...]: ...  # noqa: D102


class Decided(Protocol):
    """One decision; ``reader`` is whose reading was taken or edited."""

    @property
    def entry(self) -> Queued: ...  # noqa: D102
    @property
    def outcome(self) -> str: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def reader(self) -> str | None: ...  # noqa: D102
    @property
    def seconds(self) -> float: ...  # noqa: D102
    @property
    def revised(self) -> bool: ...  # noqa: D102
    @property
    def current(self) -> bool: ...  # noqa: D102


def decision_rows(decisions: Iterable[Decided]) -> pd.DataFrame:
    """Give the decisions that hold, with the columns ``COLUMNS``.

    Left out are hidden repeats, decisions that a later one replaces, and those on readings
    that have changed since.
    """
    return pd.DataFrame(
        [
            (
                one.entry.case,
                ", ".join(one.entry.reasons),
                one.entry.dice,
                _millimetres(one.entry),
                _outcome(one),
                one.reason,
                one.seconds,
            )
            for one in decisions
            if one.current and not one.revised and not one.entry.repeat
        ],
        columns=pd.Index(COLUMNS),
    )


def _millimetres(entry: Queued) -> float | None:
    if entry.unit != "mm":
        return None
    return float("inf") if entry.hd95 is None else entry.hd95


def _outcome(one: Decided) -> str:
    """Say whose outline holds: "first" and "second" mean nothing outside the session."""
    if one.reader is None:
        return one.outcome
    return f"{one.reader}, edited" if one.outcome == "edited" else one.reader
