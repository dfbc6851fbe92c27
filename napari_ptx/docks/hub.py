"""What the docks of one viewer share: the open study, desk and predictions, and each other.

A dock never talks to another dock. It asks ``Hub.of(viewer)``, listens to its
signals, and lets the hub open and raise its neighbours.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from napari.utils.notifications import show_error, show_warning
from psygnal import Signal

from napari_ptx.docks import recent
from napari_ptx.docks.compat import dismiss_notifications, unwrap
from napari_ptx.docks.notices import Notices
from napari_ptx.docks.side_letters import SideLetters
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtWidgets import QWidget

    from napari_ptx.docks.phase_tasks import OpenPhases
    from napari_ptx.docks.phase_view import PhaseView
    from napari_ptx.study import Desk, Kit, Study
    from napari_ptx.study.adjudication import AdjudicationDesk
    from napari_ptx.ultrasound import Predictions

DOCKS: Mapping[str, str] = {
    "Study": "napari_ptx.docks.study:StudyDock",
    "Reading": "napari_ptx.docks.reading:ReadingDock",
    "Adjudication": "napari_ptx.docks.adjudication:AdjudicationDock",
    "Agreement": "napari_ptx.docks.agreement:AgreementDock",
    "Replay": "napari_ptx.docks.replay:ReplayDock",
    "Models": "napari_ptx.docks.models:ModelsDock",
    "Predictions": "napari_ptx.docks.predictions:PredictionsDock",
    "Comparison": "napari_ptx.docks.comparison:ComparisonDock",
    "Phases": "napari_ptx.docks.phases:PhasesDock",
    "Glands": "napari_ptx.docks.glands:GlandsDock",
}
"""The docks by the name they have in the manifest."""

KIT_SUFFIX = ".ptxkit"
STAYS_CLOSED = (
    "A reader is at work: other files stay closed until the session is ended in the Study dock."
)

_hubs: WeakKeyDictionary[Viewer, Hub] = WeakKeyDictionary()


def of(viewer: Viewer) -> Hub:
    """Give the one hub of a viewer; see ``Hub.of``."""
    viewer = unwrap(viewer)
    if viewer not in _hubs:
        _hubs[viewer] = Hub(viewer)
    return _hubs[viewer]


class Hub:
    """The open study, desk and predictions of one viewer. Get it with ``Hub.of(viewer)``.

    Expected errors (``PtxError``) end here: they become a napari notification,
    and the method returns ``None`` or ``False``.
    """

    study_changed = Signal()
    """A study was opened or closed, or its record changed (``record_changed``)."""
    desk_changed = Signal()
    """A reader's session was opened or closed."""
    predictions_changed = Signal()
    """A predictions table was opened or closed, or a reader's session hides or frees it."""
    threshold_changed = Signal()
    """A model's threshold was set by hand, or put back (``threshold_overrides``)."""
    phases_changed = Signal()
    """Other CT phases are shown, or none (``phases``)."""
    replay_wanted = Signal()
    """The Replay dock is to show a reading (``wanted_replay``)."""
    prediction_wanted = Signal(int)
    """The Predictions dock is to show this row of the table (``wanted_row``)."""

    of = staticmethod(of)

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = ref(viewer)
        self._notices = Notices(viewer)
        self._docks: dict[str, ref[QWidget]] = {}
        self._living = 0
        self.study: Study | None = None
        self.kit: Kit | None = None
        """The reader's kit that is open; there is no study then."""
        self.desk: Desk | None = None
        self.adjudication: AdjudicationDesk | None = None
        self._predictions: Predictions | None = None
        self.threshold_overrides: dict[str, float] = {}
        self.wanted_row: int | None = None
        self.wanted_replay: tuple[str, int, str] | None = None
        """Reader, round and case (or "") that the Replay dock is to show next."""
        self.phases: OpenPhases | None = None
        """The CT phases that are shown: whose, of which files, how they were registered."""
        self._phase_view: PhaseView | None = None
        self._letters = SideLetters(viewer, self)

    @property
    def blinded(self) -> bool:
        """Whether a reader or the adjudicator is at work: nothing of a reader may be shown."""
        return self.desk is not None or self.adjudication is not None

    # The study

    def open_study(self, path: str | Path) -> Study | None:
        """Open a study in place of the one that is open, and remember it as recent.

        A reader's kit opens with its session (``open_kit``). While a reader is at work
        nothing is opened.
        """
        from napari_ptx.study import Study

        if self.refuse_blinded():
            return None
        if Path(path).suffix.lower() == KIT_SUFFIX:
            self.open_kit(path)
            return None
        try:
            study = Study.open(Path(path))
        except PtxError as error:
            show_error(str(error))
            return None
        self._leave()
        self.study = study
        recent.add(Path(path))
        self.study_changed.emit()
        return study

    def open_kit(self, path: str | Path) -> Desk | None:
        """Open a reader's kit in place of the study, and go straight to its session."""
        from napari_ptx.study import Kit

        if self.refuse_blinded():
            return None
        try:
            kit = Kit(Path(path))
            desk = None if kit.closed else kit.desk()
        except PtxError as error:
            show_error(str(error))
            return None
        self._leave()
        self.kit = kit
        recent.add(kit.path)
        if desk is None:
            self.study_changed.emit()
        else:
            self._sit_down(desk)
        return desk

    def refuse_blinded(self) -> bool:
        """Tell whether a reader is at work, and say that nothing can be opened then."""
        if self.blinded:
            show_warning(STAYS_CLOSED)
        return self.blinded

    def close_study(self) -> None:
        """Close the open study or kit, and the desk before it."""
        if self.study is not None or self.kit is not None:
            self._leave()
            self.study_changed.emit()

    def reload_study(self) -> None:
        """Open the study anew: images of it have other paths now."""
        if self.study is not None and not self.blinded:
            self.open_study(self.study.path)

    def record_changed(self) -> None:
        """Tell every dock that the record has new readings (after an import, say)."""
        self.study_changed.emit()

    # The desk

    def open_desk(
        self, reader: str, round: int, early_reason: str | None = None, pin: str | None = None
    ) -> Desk | None:
        """Begin or resume a reader's session and raise the Reading dock."""
        if self.study is None:
            return None
        self.close_desk()
        try:
            desk = self.study.desk(reader, round, early_reason=early_reason, pin=pin)
        except PtxError as error:
            show_error(str(error))
            return None
        return self._sit_down(desk)

    def resume_kit(self) -> Desk | None:
        """Go on with the session of the open kit."""
        if self.kit is None or self.desk is not None:
            return self.desk
        try:
            desk = self.kit.desk()
        except PtxError as error:
            show_error(str(error))
            return None
        return self._sit_down(desk)

    def _sit_down(self, desk: Desk) -> Desk:
        self.desk = desk
        self._clear_the_canvas()
        # Docks that show other readers' work clear it before the reader sees anything.
        self.desk_changed.emit()
        self._tell_predictions()
        self.show("Reading")
        return self.desk

    def _clear_the_canvas(self) -> None:
        self.close_phases()
        if (viewer := self._viewer()) is not None:
            dismiss_notifications(viewer)

    def open_adjudication(self, pin: str | None = None) -> AdjudicationDesk | None:
        """Begin or resume the adjudicator's session and raise the Adjudication dock."""
        if self.study is None:
            return None
        self.close_desk()
        try:
            self.adjudication = self.study.adjudication_desk(pin=pin)
        except PtxError as error:
            show_error(str(error))
            return None
        self._clear_the_canvas()
        self.desk_changed.emit()
        self._tell_predictions()
        self.show("Adjudication")
        return self.adjudication

    def close_desk(self) -> None:
        """End the session, a reader's or the adjudicator's, for now; the record has it all."""
        desk = self.desk or self.adjudication
        self.desk = self.adjudication = None
        if desk is not None:
            # The Reading dock writes what is still open while the desk can take it.
            self.desk_changed.emit()
            desk.close()
            self._tell_predictions()

    def show_replay(self, reader: str, round: int, case: str = "") -> None:
        """Show how a reader read a case, or all cases, in the Replay dock."""
        if self.study is not None and not self.blinded:
            self.wanted_replay = (reader, round, case)
            self.show("Replay")
            self.replay_wanted.emit()

    # The phases

    @property
    def phase_view(self) -> PhaseView:
        """The one view of CT phases of this viewer; several docks use it."""
        from napari_ptx.docks.phase_view import PhaseView

        if self._phase_view is None:
            viewer = self._viewer()
            assert viewer is not None
            self._phase_view = PhaseView(viewer)
        return self._phase_view

    def show_phases(self, phases: OpenPhases) -> None:
        """Show CT phases in place of those that are shown; never while a reader is at work."""
        if not self.blinded:
            self.phase_view.show(phases.pair, phases.names)
            self.phases = phases
            self.phases_changed.emit()

    def close_phases(self) -> None:
        """Take the phases away, with everything that lies over them."""
        if self._phase_view is not None:
            self._phase_view.close()
        if self.phases is not None:
            self.phases = None
            self.phases_changed.emit()

    # The predictions

    @property
    def predictions(self) -> Predictions | None:
        """The open predictions table; ``None`` while a reader is at work."""
        return None if self.blinded else self._predictions

    def open_predictions(self, path: str | Path, **options: Any) -> Predictions | None:
        """Open a predictions table in place of the one that is open.

        ``options`` are those of ``read_predictions``: which column is the truth, say.
        """
        from napari_ptx.ultrasound import read_predictions

        if self.blinded:
            show_warning("Predictions stay closed while a reader is at work.")
            return None
        try:
            predictions = read_predictions(path, **options)
        except PtxError as error:
            show_error(str(error))
            return None
        self._set_predictions(predictions)
        return predictions

    def close_predictions(self) -> None:
        """Close the predictions table."""
        if self._predictions is not None:
            self._set_predictions(None)

    def set_threshold(self, model: str, threshold: float) -> None:
        """Set a model's threshold by hand, in every dock; the table stays as it is."""
        self.threshold_overrides[model] = threshold
        self.threshold_changed.emit()

    def reset_thresholds(self) -> None:
        """Put back the thresholds of the table."""
        if self.threshold_overrides:
            self.threshold_overrides.clear()
            self.threshold_changed.emit()

    def show_prediction(self, row: int) -> None:
        """Show one row of the predictions table, with its image, in the Predictions dock."""
        if self.predictions is not None:
            self.wanted_row = row
            self.show("Predictions")
            self.prediction_wanted.emit(row)

    def _set_predictions(self, predictions: Predictions | None) -> None:
        self._predictions = predictions
        self.threshold_overrides.clear()
        self.wanted_row = None
        self.predictions_changed.emit()

    def _tell_predictions(self) -> None:
        if self._predictions is not None:
            self.predictions_changed.emit()

    # The docks

    def register(self, name: str, dock: QWidget) -> None:
        """Make ``dock`` the viewer's only dock of that name; called by its constructor.

        The study and the desk close with the viewer's last dock.
        """
        old = self._alive(name)
        if old is not None and old is not dock and (viewer := self._viewer()) is not None:
            viewer.window.remove_dock_widget(old)
            old.deleteLater()
        self._docks[name] = ref(dock)
        self._living += 1
        dock.destroyed.connect(self._dock_is_gone)

    def show(self, name: str) -> QWidget:
        """Show and raise the dock of that name; it is made if there is none."""
        from napari.plugins import menu_item_template

        viewer = self._viewer()
        assert viewer is not None
        dock = self._alive(name)
        if dock is None:
            module, _, cls = DOCKS[name].partition(":")
            dock = getattr(importlib.import_module(module), cls)(viewer)
            # The name that napari's own menus give it, so that they find it again.
            full_name = menu_item_template.format("Parathyroid imaging", name)
            viewer.window.add_dock_widget(dock, name=full_name, area="right", tabify=True)
            self._docks.setdefault(name, ref(dock))
        frame = dock.parent()
        frame.show()
        frame.raise_()
        return dock

    def _alive(self, name: str) -> QWidget | None:
        dock = self._docks[name]() if name in self._docks else None
        if dock is not None:
            try:
                dock.objectName()
            except RuntimeError:  # Qt has deleted it; Python has not noticed yet
                dock = None
        return dock

    def _dock_is_gone(self, *_: Any) -> None:
        self._living -= 1
        if self._living > 0:
            return
        # The window is gone, and with it all who would listen: nothing is emitted. The view
        # holds the viewer, which holds this hub.
        self.phases = self._phase_view = None
        desk = self.desk or self.adjudication
        self.desk = self.adjudication = None
        if desk is not None:
            desk.close()
        self._leave()

    def _leave(self) -> None:
        self.close_desk()
        self.kit = None
        study, self.study = self.study, None
        if study is not None:
            study.close()
