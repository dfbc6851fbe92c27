"""``Record``: what an open study is and holds; reading it changes nothing."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sqlalchemy import func, select

from napari_ptx.image.types import Image, ImageError
from napari_ptx.study import amendments, pins, views
from napari_ptx.study.history import History, history
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.rounds import round_status
from napari_ptx.study.store import Store
from napari_ptx.study.tables import (
    CaseRow,
    StudyRow,
)
from napari_ptx.study.times import Clock
from napari_ptx.study.types import CaseInfo, Reading, Status, StudyError

if TYPE_CHECKING:
    from napari_ptx.roi import Outline
    from napari_ptx.study.adjudication_types import Decision
    from napari_ptx.study.amendments import Amendment
    from napari_ptx.study.replay import Effort, Replay


class Record:
    """The side of a study that only looks. ``Study`` adds what changes it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        with store.read() as db:
            row = db.scalars(select(StudyRow)).one()
            self._name = row.name
            self._uid = row.uid
            self._protocol_hash = hashlib.sha256(row.protocol.encode()).hexdigest()
            self._original = amendments.original(db)
            self._protocol = amendments.in_force(db)
        self._cases: tuple[CaseInfo, ...] | None = None

    def close(self) -> None:
        """Close the file. Desks that were opened stay open."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The study file."""
        return self._store.path

    @property
    def name(self) -> str:
        """The study's name."""
        return self._name

    @property
    def uid(self) -> str:
        """What tells this study from any other."""
        return self._uid

    @property
    def protocol(self) -> Protocol:
        """What was decided before the first reading, with its amendments."""
        return self._protocol

    @property
    def original_protocol(self) -> Protocol:
        """The protocol that the study was made with; no amendment changes it."""
        return self._original

    @property
    def protocol_hash(self) -> str:
        """SHA-256 of the original protocol's canonical JSON; the study's hash covers it."""
        return self._protocol_hash

    @property
    def amendments(self) -> tuple[Amendment, ...]:
        """All changes of the protocol since the study was made, the oldest first."""
        with self._store.read() as db:
            return amendments.amendments(db)

    @property
    def readers(self) -> tuple[str, ...]:
        """The readers' names, as the protocol lists them."""
        return self._protocol.readers

    def cases(self) -> tuple[CaseInfo, ...]:
        """Give all cases in the order of the cohort table."""
        if self._cases is None:
            with self._store.read() as db:
                self._cases = views.cases(db, self.path)
        return self._cases

    def case(self, name: str) -> CaseInfo:
        """Give one case by its name; ``StudyError`` if there is none."""
        for case in self.cases():
            if case.case == name:
                return case
        raise StudyError(f"The study {self.name} has no case {name}.")

    def image(self, case: str) -> Image:
        """Read the image of a case and check that it is the one of the record.

        Raises
        ------
        StudyError
            Names the case if its image has moved or changed.
        """
        info = self.case(case)
        from napari_ptx.image import read_image

        try:
            image = read_image(info.image)
        except ImageError as error:
            raise StudyError(f"The image of case {case} cannot be read: {error.message}") from error
        if image.sha256 != info.sha256:
            raise StudyError(
                f"The image of case {case}, {info.image}, has changed since the study was made; "
                "put the original file back."
            )
        return image

    def status(self, now: datetime | None = None) -> Status:
        """Tell how far each reader is in each round, at ``now``."""
        now = now or self._clock()
        with self._store.read() as db:
            return Status(
                name=self.name,
                cases=db.scalar(select(func.count(CaseRow.id))) or 0,
                rounds=tuple(
                    round_status(db, self.protocol, reader, round_, now)
                    for reader in self.readers
                    for round_ in self.protocol.rounds
                ),
                warnings=(*views.warnings(db), *views.clock_warnings(db, now)),
                verified=views.verified(db),
            )

    def has_pin(self, reader: str) -> bool:
        """Tell whether a reader has a PIN."""
        with self._store.read() as db:
            return pins.has_pin(db, reader)

    def check_pin(self, reader: str, pin: str | None) -> None:
        """Raise ``pins.PinError`` unless this is the reader's PIN, or there is none."""
        pins.check_pin(self._store, reader, pin, self._clock)

    def readings(
        self, reader: str | None = None, round: int | None = None, *, aided: bool | None = False
    ) -> tuple[Reading, ...]:
        """Give the latest finished revision of each reading, sorted by reader, round, case.

        Parameters
        ----------
        aided
            In a study of the design "aided": the unaided answers (the default), the
            readings with the model's outline, or both (``None``), the unaided first.
        """
        with self._store.read() as db:
            return views.readings(db, reader, round, aided)

    def aid(self, case: str) -> tuple[Outline, ...] | None:
        """Give the model's outlines that readers of a case are shown.

        Empty where the model found nothing; ``None`` where the study shows none.
        """
        with self._store.read() as db:
            return views.aid(db, case)

    def decisions(self) -> tuple[Decision, ...]:
        """Give every decision of the adjudicator, the oldest first."""
        from napari_ptx.study.adjudication_status import decisions

        with self._store.read() as db:
            return decisions(db, self._protocol)

    def history(self) -> History:
        """Give the course of the study: amendments, events, times, and the chains' ends."""
        with self._store.read() as db:
            return history(db)

    def replay(self, reader: str, round: int, case: str) -> Replay:
        """Give one reader's steps at one case, in their order, from the ledger.

        Raises
        ------
        StudyError
            If the reader has no such case, or has not been at it.
        """
        from napari_ptx.study.replay import replay

        return replay(self._store, reader, round, case)

    def efforts(self, reader: str, round: int) -> tuple[Effort, ...]:
        """Give time, keystrokes and clicks of each case that a reader has been at."""
        from napari_ptx.study.replay import efforts

        return efforts(self._store, reader, round)

    def lost_images(self) -> int:
        """Tell how many images have no file where the record says; none is read."""
        from napari_ptx.study.relink import lost

        return lost(self._store)
