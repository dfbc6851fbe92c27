"""Active time: a reader who does nothing for ten seconds has stopped the clock."""

from __future__ import annotations

import time
from collections.abc import Callable


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

    def take(self) -> float:
        """Give the active seconds since the last ``take``, this moment included."""
        self.touch()
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def pause(self) -> None:
        """Stop until the next event: the reader has left."""
        self._last = None
