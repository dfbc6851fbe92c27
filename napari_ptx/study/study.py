"""``Study``: the coordinator's side of a study, which may see everything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from napari_ptx.child import Progress
from napari_ptx.image.types import Image, ImageError
from napari_ptx.study import amendments, pins, views
from napari_ptx.study.create import create_study
from napari_ptx.study.database import is_kit
from napari_ptx.study.history import History, history
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.rounds import round_status
from napari_ptx.study.store import Store
from napari_ptx.study.tables import (
    CaseRow,
    SettingRow,
    StudyRow,
)
from napari_ptx.study.times import Clock, utc_now
from napari_ptx.study.types import CaseInfo, Problem, Reading, Status, StudyError

if TYPE_CHECKING:
    from napari_ptx.image.cohort import Cohort
    from napari_ptx.roi import Outline
    from napari_ptx.study.adjudication import AdjudicationDesk
    from napari_ptx.study.adjudication_status import AdjudicationStatus
    from napari_ptx.study.amendments import Amendment
    from napari_ptx.study.consensus import Consensus
    from napari_ptx.study.desk import Desk
    from napari_ptx.study.merging import Merged
    from napari_ptx.study.relink import Relinked
    from napari_ptx.study.replay import Effort, Replay


class Study:
    """A study's record, for the coordinator. Readers work at a ``Desk``.

    Make one with ``Study.create`` or ``Study.open``; it is a context manager.
    """

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

    @classmethod
    def create(
        cls,
        path: str | Path,
        cohort: Cohort | str | Path,
        protocol: Protocol,
        *,
        name: str | None = None,
        progress: Progress | None = None,
        clock: Clock = utc_now,
    ) -> Study:
        """Make a study file from a cohort table and open it.

        Every image is decoded and hashed. The file appears whole or not at all.

        Parameters
        ----------
        path
            The new file; it must end in ``.ptx`` and not exist.
        cohort
            A table with the columns case, patient, image, or the path of one. Other
            columns are kept; ``label`` and ``roi`` are truth and never reach a reader.
            In the design "aided", ``aid`` names a model's mask or ImageJ file for each
            case (blank: the model found nothing), which is read and kept.
        protocol
            What was decided before the first reading.
        name
            Of the study; by default the file's. Together with the protocol's seed it
            fixes orders, codes and the reread subset.
        clock
            Gives the present; simulations pass their own.

        Raises
        ------
        StudyError
            With one line for each bad row.
        CohortError
            For a path of a table that is itself wrong.
        """
        path = Path(path).absolute()
        if isinstance(cohort, str | Path):
            from napari_ptx.image.cohort import read_cohort

            cohort = read_cohort(cohort)
        create_study(path, cohort, protocol, name=name, progress=progress, clock=clock)
        return cls.open(path, clock=clock)

    @classmethod
    def open(cls, path: str | Path, *, clock: Clock = utc_now) -> Study:
        """Open a study file.

        Raises
        ------
        StudyError
            If it is missing, not a study, read-only, or from a newer version.
        """
        path = Path(path).resolve()
        if is_kit(path):
            raise StudyError(
                f"{path} is a reader's kit, not a study; open it in the app to read it, or bring "
                "it home with 'napari-ptx study merge'."
            )
        return cls(Store.open(path), clock)

    def close(self) -> None:
        """Close the file. Desks that were opened stay open."""
        self._store.close()

    def __enter__(self) -> Study:
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

    def amend(self, protocol: Protocol, reason: str) -> tuple[str, ...]:
        """Put another protocol in force from now on; the original is kept beside it.

        Returns
        -------
        tuple of str
            The fields that it changes.

        Raises
        ------
        StudyError
            Without a reason, without a change, or for a field that the worklists
            were drawn from (readers, design, reread, reread_draw, seed).
        """
        with self._store.write() as db:
            changed = amendments.amend(db, protocol, reason, self._clock())
        self._protocol = protocol
        return changed

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

    def desk(
        self,
        reader: str,
        round: int,
        *,
        clock: Clock | None = None,
        early_reason: str | None = None,
        pin: str | None = None,
    ) -> Desk:
        """Begin or resume a reader's session.

        Opening round 2 closes the reader's round 1: an outline made weeks ago must
        not be at hand.

        Parameters
        ----------
        early_reason
            Why round 2 is opened before its washout is over. It goes into the record
            and is shown in every status.
        pin
            The reader's, where they have one.

        Raises
        ------
        StudyError
            For an unknown reader or round, a round that is closed, waiting or
            sealed, a session that is open elsewhere, and a wrong PIN (``PinError``).
        """
        from napari_ptx.study.desk import Desk

        return Desk(
            Store.open(self.path),
            reader,
            round,
            clock=clock or self._clock,
            early_reason=early_reason,
            pin=pin,
        )

    def has_pin(self, reader: str) -> bool:
        """Tell whether a reader has a PIN."""
        with self._store.read() as db:
            return pins.has_pin(db, reader)

    def set_pin(self, reader: str, pin: str | None) -> None:
        """Set a reader's PIN, or clear it with ``None``; see ``pins`` for what it protects."""
        with self._store.write() as db:
            pins.set_pin(db, reader, pin, self._clock())

    def check_pin(self, reader: str, pin: str | None) -> None:
        """Raise ``pins.PinError`` unless this is the reader's PIN, or there is none."""
        pins.check_pin(self._store, reader, pin, self._clock)

    def adjudication_desk(self, *, clock: Clock | None = None) -> AdjudicationDesk:
        """Begin or resume the adjudicator's session.

        Raises
        ------
        StudyError
            Without an adjudicator in the protocol, until two readers have finished their
            first round, without a disagreement, and while it is open elsewhere.
        """
        from napari_ptx.study.adjudication import AdjudicationDesk

        return AdjudicationDesk(Store.open(self.path), clock=clock or self._clock)

    def adjudication(self, *, progress: Progress | None = None) -> AdjudicationStatus:
        """Tell which cases disagree, by which rule, and what was decided on them."""
        from napari_ptx.study.adjudication_status import adjudication_status

        return adjudication_status(self._store, self.protocol, progress=progress)

    def consensus(
        self, method: str | None = None, *, progress: Progress | None = None
    ) -> tuple[Consensus, ...]:
        """Give the outline that holds for each case, and where it comes from.

        Parameters
        ----------
        method
            For cases that nobody decided: "majority", "staple", or "reader:NAME"; see
            ``study.consensus``.
        """
        from napari_ptx.study.consensus import consensus

        return consensus(self._store, self.protocol, method, progress=progress)

    def make_kit(
        self,
        reader: str,
        round: int,
        path: str | Path,
        *,
        early_reason: str | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Write a reader's session into a file of its own, and give the number of its cases.

        From then on the session is out: it opens at the study again when the kit was
        merged, or withdrawn.

        Parameters
        ----------
        path
            The new file; it must end in ``.ptxkit`` and not exist.
        early_reason
            Why the kit of a round 2 is made before its washout is over; on record.

        Raises
        ------
        StudyError
            As ``desk``; for a session that is out already or holds imported readings;
            names the case whose image has moved or changed.
        """
        from napari_ptx.study.kit_making import make_kit

        return make_kit(
            self, self._store, self._clock, reader, round, Path(path).absolute(),
            early_reason=early_reason, progress=progress,
        )  # fmt: skip

    def withdraw_kit(self, reader: str, round: int, reason: str) -> None:
        """Open a session at the study again whose kit will not come back; on record.

        Raises
        ------
        StudyError
            Without a reason, and for a session that is not out.
        """
        from napari_ptx.study.kit_making import withdraw_kit

        withdraw_kit(self._store, self._clock, reader, round, reason)

    def merge(
        self, kits: Sequence[str | Path], *, progress: Progress | None = None
    ) -> tuple[Merged, ...]:
        """Bring readings home from kits: all of them, or none.

        What the record has already is not added again.

        Raises
        ------
        StudyError
            Names the kit that is not of this study, was changed, was withdrawn, or
            whose session went on elsewhere.
        """
        from napari_ptx.study.merging import merge

        return merge(self._store, self._clock, [Path(kit).absolute() for kit in kits], progress)

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

    def history(self) -> History:
        """Give the course of the study: amendments, events, times, and the chains' ends."""
        with self._store.read() as db:
            return history(db)

    def import_readings(
        self,
        reader: str,
        round: int,
        table: str | Path,
        *,
        threshold: float | None = None,
        invert: bool = False,
        replace: bool = False,
        pin: str | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Add the readings of a table (``importing``) and give how many were new.

        Parameters
        ----------
        table
            CSV with the columns case, roi (an ImageJ file, a mask image, a DICOM SEG or a
            label map, relative to the table), and optionally frame, reason, finished_at;
            or a COCO file (.json).
        threshold, invert
            For mask images: what counts as inside (``roi.read_mask``), and whether
            the inside is what lies below instead.
        replace
            Whether a case that the reader has drawn gets the table's reading as its
            latest revision; otherwise it is refused.
        pin
            The reader's, where they have one.

        Raises
        ------
        StudyError
            With one line for each bad row; nothing has been added then.
        """
        from napari_ptx.study.importing import import_readings

        self.check_pin(reader, pin)
        return import_readings(
            self,
            self._store,
            self._clock,
            reader,
            round,
            Path(table),
            threshold=threshold,
            invert=invert,
            replace=replace,
            progress=progress,
        )

    def export(
        self,
        folder: str | Path,
        *,
        formats: Sequence[str] | None = None,
        progress: Progress | None = None,
    ) -> list[Path]:
        """Write all latest readings as ``readings.csv`` and in other formats; give the files.

        Parameters
        ----------
        formats
            Names from ``export_formats.FORMATS``; by default the plain ones. Readings that a
            format cannot hold (a SEG needs a DICOM image) are listed in ``study.json`` with
            the reason; see ``exporting.left_out``.

        Raises
        ------
        StudyError
            If the folder holds anything that an export has not put there, or there is no
            such format.
        """
        from napari_ptx.study.exporting import export

        return export(self, Path(folder), formats=formats, progress=progress)

    def verify(
        self, *, images: bool = False, progress: Progress | None = None
    ) -> tuple[Problem, ...]:
        """Recompute every hash of the record and name each thing that does not fit.

        Parameters
        ----------
        images
            Read every image file, too, and compare its pixels.
        """
        from napari_ptx.study.verify import verify

        problems = verify(self._store, images=images, progress=progress)
        if any(problem.table == "file" for problem in problems):
            return problems
        with self._store.write() as db:
            text = json.dumps(
                {"at": self._clock().isoformat(), "problems": len(problems), "images": images}
            )
            db.merge(SettingRow(name="verified", value=text))
        return problems

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

    def relink(self, folder: str | Path, *, progress: Progress | None = None) -> Relinked:
        """Find images that were moved, by the hash of their pixels, and keep their new paths.

        Raises
        ------
        StudyError
            If the folder cannot be read.
        """
        from napari_ptx.study.relink import relink

        self._cases = None
        return relink(self._store, Path(folder), progress=progress)
