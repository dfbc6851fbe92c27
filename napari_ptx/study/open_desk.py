"""``OpenDesk``: what a reader's desk and the adjudicator's have in common while they are held."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from filelock import FileLock

from napari_ptx.study.store import Store

View = Mapping[str, Any]
"""What the app keeps with a step (zoom, centre, window, tool, frame), as JSON can say it."""


class OpenDesk:
    """A session that is open: its lock, the case at hand, and the end of it."""

    _store: Store
    _lock: FileLock
    _alive: bool
    _study_name: str
    _idle_seconds: float
    _position: int

    @property
    def study_name(self) -> str:
        """The study's name."""
        return self._study_name

    @property
    def idle_seconds(self) -> float:
        """After how long without an event whoever sits here counts as idle."""
        return self._idle_seconds

    @property
    def position(self) -> int:
        """The index of the case at hand; it survives a restart."""
        return self._position

    def close(self) -> None:
        """Leave the desk; everything is in the record already."""
        if self._alive:
            self._alive = False
            self._store.close()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
