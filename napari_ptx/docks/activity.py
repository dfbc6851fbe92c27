"""Active time and effort: a reader's seconds without the idle ones, and every key and click."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


class ActiveClock:
    """Adds up the time between events, each gap counting for at most ``idle`` seconds.

    Parameters
    ----------
    idle
        Seconds without an event after which a reader counts as idle.
    now
        A clock that never goes back, in seconds.
    """

    def __init__(self, idle: float = 10.0, now: Callable[[], float] = time.monotonic) -> None:
        self._idle = idle
        self._now = now
        self._last: float | None = None
        self._seconds = 0.0

    def touch(self) -> None:
        """Tell that something happened just now."""
        now = self._now()
        if self._last is not None:
            self._seconds += min(max(now - self._last, 0.0), self._idle)
        self._last = now

    def take(self, *, now: bool = True) -> float:
        """Give the active seconds since the last ``take``.

        ``now`` tells whether the reader does something in this moment; otherwise the
        time is that until the last event.
        """
        if now:
            self.touch()
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def give_back(self, seconds: float) -> None:
        """Take seconds back that could not be recorded; the next ``take`` gives them again."""
        self._seconds += seconds

    def pause(self) -> None:
        """Stop until the next event: the reader has left."""
        self._last = None


@dataclass
class Inputs:
    """Counts what the reader's hands did since the last ``take``.

    Parameters
    ----------
    keys
        Keys that do something in a session; a held key counts once.
    clicks
        Presses of a mouse button that draw nothing: in the dock, and on the canvas.
    drawing
        Presses of the left button on the canvas with a tool in hand: one for an
        outline by hand, one for each corner of a polygon.
    """

    keys: int = 0
    clicks: int = 0
    drawing: int = 0

    def take(self) -> dict[str, int]:
        """Give the counts, and begin again."""
        taken = dict(vars(self))
        self.keys = self.clicks = self.drawing = 0
        return taken

    def give_back(self, taken: Mapping[str, int]) -> None:
        """Take back counts that could not be recorded."""
        for name, count in taken.items():
            setattr(self, name, getattr(self, name) + count)
