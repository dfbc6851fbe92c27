"""The error of this room. It stands apart so that ``stats`` needs no other room."""

from __future__ import annotations


class StatsError(ValueError):
    """Data that a statistic cannot be computed from; the sentence says why."""
