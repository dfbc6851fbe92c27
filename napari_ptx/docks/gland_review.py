"""The work on one patient's glands: choose, look, decide, place. The dock's hands.

The report's and the record's modules are imported when a prediction is open: they take a second
to load, and the dock should be there at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info
from qtpy.QtCore import QObject

from napari_ptx.docks import keys
from napari_ptx.docks.gland_layers import GlandLayers
from napari_ptx.docks.gland_masks import GlandMasks
from napari_ptx.docks.gland_page import GlandPage, next_truth
from napari_ptx.docks.jobs import JobBar
from napari_ptx.report.gland_rows import row_of_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ptx.docks.gland_desk import Place
    from napari_ptx.docks.gland_tasks import OpenPatient
    from napari_ptx.docks.glands import GlandsDock
    from napari_ptx.report.gland_review import Gland

_TASK = "napari_ptx.docks.gland_tasks:open_patient"


class GlandReview(QObject):
    """Carries out what the Candidates tab and the keys on the images ask for."""

    def __init__(self, dock: GlandsDock) -> None:
        super().__init__(dock)
        self.dock, self.desk, self.hub = dock, dock.desk, dock.hub
        self.viewer, self.view = dock.viewer, dock.hub.phase_view
        self.page = GlandPage()
        self.layers = GlandLayers(self.view)
        self.opener = JobBar(quiet=True)
        self.glands: list[Gland] = []
        self.selected: int | None = None
        self._wanted: Place | None = None
        self._ready: dict[str, OpenPatient | str] = {}
        self.masks = GlandMasks(self)
        self.page.picked.connect(self.select)
        self.page.acted.connect(self.act)
        self.page.slot_given.connect(self.give_slot)
        self.page.truth_given.connect(self.give_truth)
        self.opener.finished.connect(self._read)
        self.opener.stopped.connect(self._read)
        self.desk.closing.connect(self.masks.leave)
        self.desk.opened.connect(self._opened)
        self.desk.patient_changed.connect(self._patient_changed)
        self.desk.changed.connect(self._changed)
        self.desk.place_wanted.connect(self._place_wanted)
        self.hub.phases_changed.connect(self._phases_changed)
        self.page.tell()

    @property
    def undoable(self) -> bool:
        """Whether this person has decided on something of the patient at hand."""
        record, patient = self.desk.record, self.desk.patient
        if record is None:
            return False
        mine = [
            row for row in record.decisions if (row.patient, row.who) == (patient, self.desk.who)
        ]
        undone = {row.undoes for row in mine}
        return any(row.undoes is None and row.number not in undone for row in mine)

    # Opening

    def _opened(self) -> None:
        self.opener.cancel()
        self._ready.clear()
        self._wanted = None

    def _patient_changed(self) -> None:
        """List the glands of another patient at once; the images follow."""
        self.masks.leave()
        self.masks.stop_placing()
        self.layers.clear()
        self.selected = None
        self._list()
        self.page.tell()
        if self.desk.patient is None:
            return
        if self.desk.cohort is None:
            self.page.tell(
                "The prediction does not say where its images are: drop their cohort table here, "
                "or choose it under More."
            )
        if self.desk.patient not in self._ready:
            self._hide_others()
        self._show_if_ready()
        self._read_on()

    def _hide_others(self) -> None:
        """Take images of another patient away: they must not stand beside these glands."""
        shown = self.hub.phases
        if shown is not None:
            from napari_ptx.docks.gland_tasks import patient_code

            if self.desk.patient not in (shown.patient, patient_code(shown.patient)):
                self.hub.close_phases()

    def _read_on(self) -> None:
        """Read what is wanted first: the patient at hand, then the next."""
        desk = self.desk
        if desk.folder is None or desk.cohort is None or self.opener.running:
            return
        near = [name for name in (desk.patient, desk.neighbour(1)) if name is not None]
        kept = (*near, desk.neighbour(-1))
        self._ready = {name: one for name, one in self._ready.items() if name in kept}
        for patient in near:
            if patient not in self._ready:
                words = f"Opening {patient}"
                self.opener.start(patient, words, _TASK, desk.folder, desk.cohort, patient)
                return

    def _read(self, patient: str, opened: OpenPatient | str) -> None:
        # What is cancelled gives "": then there is nothing to show either.
        if opened:
            self._ready[patient] = opened
            if patient == self.desk.patient:
                self._show_if_ready()
            self._read_on()

    def _show_if_ready(self) -> None:
        opened = self._ready.get(self.desk.patient or "")
        if isinstance(opened, str):
            self.page.tell(opened)
            self.hub.close_phases()
        elif opened is not None:
            # Else a late signal would take the glands of these very phases away.
            self.layers.open = opened
            self.hub.show_phases(opened.phases)
            self.layers.show(opened)
            self.bind()
            self._changed()
            for note in opened.notes:
                show_info(note)
            place, self._wanted = self._wanted, None
            if place is not None:
                self.view.go(place)
            else:
                first = self.next_open() or (self.glands[0].gland if self.glands else None)
                if first is not None:
                    self.select(first)

    def bind(self) -> None:
        """Bind the keys on the images and on what lies over them."""
        actions = {shortcut.action: self._action(shortcut.action) for shortcut in keys.GLANDS}
        for layer in self.layers.layers:
            keys.bind_glands(layer, actions)

    def _phases_changed(self) -> None:
        """Let go of glands whose images somebody has changed."""
        opened = self.layers.open
        if opened is not None and self.hub.phases is not opened.phases:
            self.masks.leave()
            self.masks.stop_placing()
            self.layers.clear()
            self.page.tell("Other images are shown; choose a gland to come back to these.")
            self.dock.update_buttons()

    def _place_wanted(self, patient: str, place: Place) -> None:
        if self.at_hand(patient):
            self.view.go(place)
        else:
            self._wanted = place
            self._show_if_ready()

    def at_hand(self, patient: str) -> bool:
        """Tell whether the images of a patient are shown, with these glands."""
        opened = self.layers.open
        return opened is not None and opened.patient == patient and self.view.shown

    # What is shown

    def _list(self) -> None:
        desk = self.desk
        self.glands = []
        truth: dict[str, Any] = {}
        if desk.predictions is not None and desk.record is not None and desk.patient is not None:
            from napari_ptx.report.gland_review import glands_of

            self.glands = glands_of(desk.predictions, desk.record, desk.patient)
            held = desk.record.current("truth", desk.patient)
            truth = {slot: row.value for (_, slot), row in held.items()}
        known = [gland.gland for gland in self.glands]
        if self.selected is not None and self.selected not in known:
            # One that was added and undone: the gland before it is the nearest.
            self.selected = max((n for n in known if n < self.selected), default=None)
        self.page.show_glands(self.glands, self.selected)
        self.page.show_truth(truth)

    def _changed(self) -> None:
        self._list()
        self.layers.update(self.glands)
        self.dock.update_buttons()

    def gland(self, number: int | None) -> Gland | None:
        """Give a gland by its number."""
        return next((gland for gland in self.glands if gland.gland == number), None)

    def select(self, number: int) -> None:
        """Choose a gland and look at it, in every plane."""
        gland = self.gland(number)
        if gland is None:
            return
        self.selected = number
        self.page.select(number)
        if self.at_hand(gland.patient):
            self.view.go(gland.place)
        else:
            self._wanted = gland.place
            self._show_if_ready()
        self.dock.update_buttons()

    def next_open(self) -> int | None:
        """Give the next gland that nobody has decided on."""
        return self.page.next_open(self.selected)

    def go_on(self) -> None:
        """Jump to the next gland that nobody has decided on."""
        wanted = self.next_open()
        if wanted is not None:
            self.select(wanted)

    # Acting

    def act(self, action: str) -> None:
        """Do what a key of ``keys.GLANDS`` stands for."""
        if not self.hub.blinded and self.desk.patient is not None:
            self._action(action)()

    def _action(self, action: str) -> Callable[..., None]:
        return {
            "accept": self.accept,
            "reject": self.reject,
            "slot": self.ask_slot,
            "truth": self.ask_truth,
            "undo": self.undo,
            "missed": self.masks.missed,
            "edit": self.masks.edit,
            "cancel": self.masks.cancel,
            "next_gland": self.next_gland,
            "gland_before": self.gland_before,
            "hide": self.layers.hide,
            "primary": self.dock.press_primary,
            "next_case": self.dock.next_patient,
            "back": self.dock.patient_before,
        }[action]

    def accept(self) -> None:
        """Accept the chosen gland and go on to the next open one."""
        self._decide("accepted")

    def reject(self) -> None:
        """Reject the chosen gland and go on to the next open one."""
        self._decide("rejected")

    def _decide(self, value: str) -> None:
        gland = self.gland(self.selected)
        if gland is None or self.layers.copy is not None or not self.dock.named():
            return
        if self.desk.decide(gland.patient, "candidate", str(gland.gland), value) is not None:
            self.go_on()

    def next_gland(self) -> None:
        """Choose the next gland of the table."""
        self._walk(1)

    def gland_before(self) -> None:
        """Choose the gland before in the table."""
        self._walk(-1)

    def _walk(self, by: int) -> None:
        numbers = self.page.table.numbers
        if numbers:
            place = numbers.index(self.selected) + by if self.selected in numbers else 0
            self.select(numbers[min(max(place, 0), len(numbers) - 1)])

    def undo(self) -> None:
        """Take back one's own last decision on this patient."""
        self.desk.undo()

    def ask_slot(self) -> None:
        """Hand the keyboard to the picture of the neck."""
        self.page.ask_place(truth=False)

    def ask_truth(self) -> None:
        """Hand the keyboard to the picture of the neck, for what surgery or pathology found."""
        self.page.ask_place(truth=True)

    def give_slot(self, place: str) -> None:
        """Give the chosen gland a slot or an ectopic site."""
        gland = self.gland(self.selected)
        if gland is None:
            self.page.tell("Choose a gland in the table first, then click its place.")
        elif self.dock.named():
            self.desk.decide(gland.patient, "slot", str(gland.gland), place)
            self.page.table.setFocus()

    def give_truth(self, place: str) -> None:
        """Say one more thing of a place: present, absent, or again nothing."""
        if self.desk.record is None or self.desk.patient is None or not self.dock.named():
            return
        subject = row_of_site(place)
        held = self.desk.record.value(self.desk.patient, "truth", subject)
        value = next_truth(held, self.page.basis.currentText())
        self.desk.decide(self.desk.patient, "truth", subject, value)
