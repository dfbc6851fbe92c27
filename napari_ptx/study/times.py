"""Times in the record: aware, UTC, and written so that text order is time order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present as an aware datetime; tests and simulations pass their own."""


def utc_now() -> datetime:
    """Give the computer's time."""
    return datetime.now(UTC)


def to_text(time: datetime) -> str:
    """Write an aware time with microseconds, always 27 characters.

    Raises
    ------
    ValueError
        If the time is naive: nobody could say which moment it is.
    """
    if time.tzinfo is None:
        raise ValueError(f"{time} has no time zone")
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def minutes(seconds: float) -> str:
    """Write a duration as minutes and seconds: "1:07.3"."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def from_text(text: str) -> datetime:
    """Read what ``to_text`` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
