"""The prediction that is reviewed: its patients, the one at hand, and what is decided on it.

No Qt here: the tabs of the Glands dock share one desk, call it, and listen to its signals.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from psygnal import Signal

from napari_ptx.docks import settings
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari_ptx.ct.predictions import Predictions
    from napari_ptx.study.gland_record import Decision, GlandRecord

Place = tuple[float, float, float]
"""x, y, z in mm (DICOM patient frame, LPS)."""


class GlandDesk:
    """One prediction of ``ct predict`` under review, with the record of the decisions on it.

    Expected errors (``PtxError``) end here: they become a napari notification.

    Attributes
    ----------
    folder
        The folder of the prediction; ``None`` while none is open.
    cohort
        The table that names the images; ``None`` where it is not known.
    predictions, record
        What the folder holds, and what was decided on it.
    patient
        Whose glands are looked at.
    who
        The name that is written beside each decision; "" until somebody types it.
    """

    closing = Signal()
    """The prediction is about to be closed: what is in the hand can still be written."""
    opened = Signal()
    """A prediction was opened or closed (``predictions``), or its cohort became known."""
    patient_changed = Signal()
    """Another patient is looked at (``patient``)."""
    changed = Signal()
    """Something was decided or undone (``record``)."""
    place_wanted = Signal(str, object)
    """``place_wanted(patient, (x_mm, y_mm, z_mm))``: this place is to be looked at."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.cohort: Path | None = None
        self.predictions: Predictions | None = None
        self.record: GlandRecord | None = None
        self.patient: str | None = None
        self.who: str = settings.reviewer()

    @property
    def patients(self) -> tuple[str, ...]:
        """The patients of the prediction, in its order."""
        return () if self.predictions is None else self.predictions.patients

    def open(self, folder: str | Path, cohort: str | Path | None = None) -> bool:
        """Open the folder of a prediction in place of the one that is open.

        Parameters
        ----------
        folder
            What ``ct predict`` wrote.
        cohort
            The table with the images. Without it, the one that the prediction names, or a
            ``cohort.csv`` in the folder or beside it.

        Returns
        -------
        bool
            Whether it could be opened.
        """
        from napari_ptx.ct.predictions import read_predictions
        from napari_ptx.report.gland_source import changed_since, source_of
        from napari_ptx.study.gland_record import FILE_NAME, GlandRecord

        folder = Path(folder).absolute()
        try:
            predictions = read_predictions(folder)
            if predictions.classes:
                raise PtxError(
                    f"{folder} outlines {', '.join(predictions.classes)}, not glands; to see it, "
                    "drop its label maps on the window. 'napari-ptx ct evaluate' compares it "
                    "with labels."
                )
            record = GlandRecord.open(folder / FILE_NAME, source=source_of(folder, predictions))
            if words := changed_since(folder, record):
                record.close()
                raise PtxError(words)
        except PtxError as error:
            show_error(str(error))
            return False
        if self.predictions is not None:
            self.closing.emit()
        self._forget()
        self.folder, self.predictions, self.record = folder, predictions, record
        self.cohort = Path(cohort).absolute() if cohort else _cohort_of(folder, predictions)
        self.patient = predictions.patients[0] if predictions.patients else None
        self.opened.emit()
        self.patient_changed.emit()
        return True

    def close(self) -> None:
        """Close the prediction and its record."""
        if self.predictions is not None:
            self.closing.emit()
            self._forget()
            self.opened.emit()
            self.patient_changed.emit()

    def set_cohort(self, cohort: str | Path) -> None:
        """Say which table names the images."""
        self.cohort = Path(cohort).absolute()
        self.opened.emit()
        self.patient_changed.emit()

    def set_who(self, name: str) -> None:
        """Give the name for the decisions, and remember it."""
        self.who = name.strip()
        settings.set_reviewer(self.who)

    def go(self, patient: str) -> None:
        """Look at another patient."""
        if patient in self.patients and patient != self.patient:
            self.patient = patient
            self.patient_changed.emit()

    def neighbour(self, step: int) -> str | None:
        """Give the patient so many places on (or back, below 0), or ``None`` beyond the ends."""
        if self.patient is None:
            return None
        place = self.patients.index(self.patient) + step
        return self.patients[place] if 0 <= place < len(self.patients) else None

    def jump_to(self, patient: str, place: Place) -> None:
        """Look at a place of a patient; who shows the images opens the patient first."""
        self.go(patient)
        if patient == self.patient:
            self.place_wanted.emit(patient, tuple(place))

    def decide(self, patient: str, kind: str, subject: str, value: Any) -> Decision | None:
        """Write a decision (``gland_record.KINDS``); ``None`` where it could not or held already.

        ``value=None`` takes back what was decided before.
        """
        if self.record is None:
            return None
        try:
            decision = self.record.add(patient, kind, subject, value, self.who)
        except PtxError as error:
            show_error(str(error))
            return None
        if decision is not None:
            self.changed.emit()
        return decision

    def undo(self) -> Decision | None:
        """Take back one's own last decision on the patient at hand; give the row that does it."""
        if self.record is None or self.patient is None:
            return None
        try:
            decision = self.record.undo(self.patient, self.who)
        except PtxError as error:
            show_error(str(error))
            return None
        if decision is not None:
            self.changed.emit()
        return decision

    def release(self) -> None:
        """Close the files without a word: the window is gone."""
        self._forget()

    def _forget(self) -> None:
        if self.record is not None:
            self.record.close()
        self.folder = self.cohort = self.predictions = self.record = self.patient = None


def _cohort_of(folder: Path, predictions: Predictions) -> Path | None:
    named = predictions.about.get("cohort")
    places = [folder / "cohort.csv", folder.parent / "cohort.csv"]
    if isinstance(named, str) and named:
        places.insert(0, folder / named)
    return next((place for place in places if place.is_file()), None)
