"""The Adjudication dock: where a senior reader settles what two readers disagree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QVBoxLayout

from napari_ptx.docks import keys
from napari_ptx.docks.adjudication_controller import AdjudicationController
from napari_ptx.docks.adjudication_page import AdjudicationPage
from napari_ptx.docks.reading_page import _row
from napari_ptx.docks.session_dock import SessionDock, scrolling

if TYPE_CHECKING:
    from napari import Viewer

    from napari_ptx.study.adjudication import AdjudicationDesk

DECIDE = "Decide and next  Enter"
DECIDE_LAST = "Decide  Enter"
NO_SESSION = (
    "Open a study in the Study dock, and press Start adjudicating there. The cases on which "
    "two readers disagree then come one after the other, without the readers' names."
)


class AdjudicationDock(SessionDock):
    """The adjudicator's view of the desk that is open in a viewer."""

    NAME = "Adjudication"
    CONTROLLER = AdjudicationController
    SHORTCUTS = keys.ADJUDICATION
    NOTHING = ("Nothing is being adjudicated", NO_SESSION)

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.page = AdjudicationPage()
        self.page.pressed.connect(self._pressed)
        self.page.note_changed.connect(self._note_changed)
        area = scrolling(self.page)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.set_main(area)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addWidget(self._pages, 1)
        layout.addLayout(_row(self._back, self._skip, (self.primary, 1), spacing=4))
        self._shown: int | None = None

    @property
    def _desk(self) -> AdjudicationDesk | None:
        return self.hub.adjudication

    # Showing

    def _show(self) -> None:
        if not isalive(self):
            return
        if not self._show_steps():
            return
        controller = self.controller
        if set(controller.unfinished) - {controller.index}:
            self._set_primary(DECIDE, "Decide this case and open the next one (Enter)")
        else:
            self._set_primary(DECIDE_LAST, "Decide this case; it is the last one (Enter)")
        self.primary.setEnabled(controller.image is not None)
        shown = controller.index if controller.image is not None else None
        if shown is not None and shown != self._shown:
            # A case begins with its keys, wherever the reason of the last one was typed.
            self._focus_canvas()
        self._shown = shown

    def _show_live(self) -> None:
        if self.controller is not None:
            self.page.show_mine(self.controller)

    def _ask_reason(self) -> None:
        self.page.ask_reason()

    # What was pressed

    def _pressed(self, action: str) -> None:
        if self.controller is None:
            return
        # Where the action asks for the reason, the keyboard goes there, and stays.
        self._focus_canvas()
        self.controller.actions.click(action)
        self._show()

    def _note_changed(self, text: str) -> None:
        if self.controller is not None:
            self.controller.set_note(text)
