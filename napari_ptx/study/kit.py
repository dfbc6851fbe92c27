"""``Kit``: a reader's session in a file of its own, away from the study."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from napari_ptx.study import amendments
from napari_ptx.study.database import is_kit
from napari_ptx.study.desk import Desk
from napari_ptx.study.rounds import case_states, is_closed
from napari_ptx.study.store import Store
from napari_ptx.study.tables import ReaderRow, SessionRow
from napari_ptx.study.times import Clock, utc_now
from napari_ptx.study.types import StudyError


class Kit:
    """A kit as its reader sees it: whose session, how far, and its desk.

    Parameters
    ----------
    path
        The kit; the coordinator makes it with ``Study.make_kit``.

    Raises
    ------
    StudyError
        If the file is missing, not a kit, or cannot be written to.
    """

    def __init__(self, path: str | Path, *, clock: Clock = utc_now) -> None:
        self.path = Path(path).resolve()
        self._clock = clock
        if self.path.is_file() and not is_kit(self.path):
            raise StudyError(
                f"{self.path} is not a reader's kit; the coordinator makes one with "
                "'napari-ptx study kit'."
            )
        store = Store.open(self.path)
        try:
            with store.read() as db:
                session = db.scalars(select(SessionRow).join(ReaderRow)).one()
                self.reader, self.round = session.reader.name, session.round
        finally:
            store.close()

    def desk(self) -> Desk:
        """Begin or resume the session; see ``Study.desk``."""
        return Desk(Store.open(self.path), self.reader, self.round, clock=self._clock)

    @property
    def progress(self) -> tuple[int, int]:
        """How many cases are finished, and how many there are."""
        store = Store.open(self.path)
        try:
            with store.read() as db:
                aided = amendments.in_force(db).design == "aided"
                states = list(case_states(db, 1, aided=aided).values())
        finally:
            store.close()
        return states.count("finished"), len(states)

    @property
    def closed(self) -> bool:
        """Whether the session was closed for good."""
        store = Store.open(self.path)
        try:
            with store.read() as db:
                return is_closed(db, self.reader, self.round)
        finally:
            store.close()
