"""Who sits at a desk in a viewer: one session for each kind of dock."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from napari import Viewer

    from napari_ptx.docks.reading_controller import ReadingController


class Seat:
    """Who sits at the desk; it outlives the dock's widget by long enough to leave."""

    def __init__(self) -> None:
        self.controller: ReadingController | None = None

    @classmethod
    def take(cls, viewer: Viewer, name: str) -> Seat:
        """Give a new seat at a viewer for the dock of this name; whoever sat there leaves."""
        seats = _seats.setdefault(viewer, {})
        if name in seats:
            seats[name].leave()
        seats[name] = seat = cls()
        return seat

    def leave(self) -> None:
        """Leave the session, if there is one."""
        controller, self.controller = self.controller, None
        if controller is not None:
            controller.close()


_seats: WeakKeyDictionary[Viewer, dict[str, Seat]] = WeakKeyDictionary()
