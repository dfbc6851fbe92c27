"""``Study``: the coordinator's side of a study, which may see everything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ptx.child import Progress
from napari_ptx.study import amendments, pins
from napari_ptx.study.create import create_study
from napari_ptx.study.database import is_kit
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.record import Record
from napari_ptx.study.store import Store
from napari_ptx.study.tables import (
    SettingRow,
)
from napari_ptx.study.times import Clock, utc_now
from napari_ptx.study.types import Problem, StudyError

if TYPE_CHECKING:
    from napari_ptx.image.cohort import Cohort
    from napari_ptx.study.adjudication import AdjudicationDesk
    from napari_ptx.study.adjudication_status import AdjudicationStatus
    from napari_ptx.study.consensus import Consensus
    from napari_ptx.study.desk import Desk
    from napari_ptx.study.merging import Merged
    from napari_ptx.study.relink import Relinked


class Study(Record):
    """A study's record, for the coordinator. Readers work at a ``Desk``.

    Make one with ``Study.create`` or ``Study.open``; it is a context manager.
    """

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

    def set_pin(self, reader: str, pin: str | None) -> None:
        """Set a reader's PIN, or clear it with ``None``; see ``pins`` for what it protects."""
        with self._store.write() as db:
            pins.set_pin(db, reader, pin, self._clock())

    def adjudication_desk(
        self, *, pin: str | None = None, clock: Clock | None = None
    ) -> AdjudicationDesk:
        """Begin or resume the adjudicator's session.

        Parameters
        ----------
        pin
            The adjudicator's, if they have one.

        Raises
        ------
        StudyError
            Without an adjudicator in the protocol, until two readers have finished their
            first round, without a disagreement, and while it is open elsewhere.
        PinError
            Without the adjudicator's PIN, or for a wrong one.
        """
        from napari_ptx.study.adjudication import AdjudicationDesk

        return AdjudicationDesk(Store.open(self.path), clock=clock or self._clock, pin=pin)

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
