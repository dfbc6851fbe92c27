"""The Reading dock: where a sonographer reads a hundred cases in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtWidgets import (
    QGridLayout,
    QSizePolicy,
    QVBoxLayout,
)

from napari_ptx.docks import keys, second_look
from napari_ptx.docks.reading_controller import ReadingController
from napari_ptx.docks.reading_page import ReadingPage
from napari_ptx.docks.session_dock import SessionDock

if TYPE_CHECKING:
    from napari import Viewer

    from napari_ptx.study import Desk

FINISH = "Finish and next  Enter"
FINISH_LAST = "Finish case  Enter"
NEXT = "Next  Enter"
LOCK = "Lock and show the model's outline"
SHOW_AID = "Show the model's outline"
NO_SESSION = (
    "Open a study in the Study dock, choose a reader and a round, and press Start reading. "
    "The cases then come one after the other."
)


class ReadingDock(SessionDock):
    """The reader's view of the desk that is open in a viewer."""

    NAME = "Reading"
    CONTROLLER = ReadingController
    SHORTCUTS = keys.READING
    NOTHING = ("No session is open", NO_SESSION)

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.page = ReadingPage()
        self.page.pressed.connect(self._pressed)
        self.page.reason_chosen.connect(self._reason_clicked)
        self.page.lesion_chosen.connect(self._lesion_chosen)
        self.page.lesion_deleted.connect(self._lesion_deleted)
        self.set_main(self.page)
        self._steps = steps = QGridLayout()
        steps.setSpacing(4)
        steps.setColumnStretch(2, 1)
        for place, widget in enumerate((self._back, self._skip, self.primary)):
            steps.addWidget(widget, 0, place)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addWidget(self._pages, 1)
        layout.addLayout(steps)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    @property
    def _desk(self) -> Desk | None:
        return self.hub.desk

    # Showing

    def _show(self) -> None:
        if not isalive(self):
            return
        if not self._show_steps():
            return
        controller = self.controller
        # The long words of an aided session have a row of their own.
        place = (1, 0, 1, 3) if controller.desk.aided else (0, 2, 1, 1)
        self._steps.addWidget(self.primary, *place)
        if controller.read_only:
            self._set_primary(NEXT, "Open the next case (Enter)")
        elif controller.draft.locked:
            self._set_primary(SHOW_AID, "Your answer is locked; see the model's (Enter)")
        elif second_look.answering(controller):
            tip = "Your answer cannot change any more; then see the model's (Enter)"
            self._set_primary(LOCK, tip)
        elif not set(controller.unfinished) - {controller.index}:
            self._set_primary(FINISH_LAST, "Finish this case; it is the last one (Enter)")
        else:
            self._set_primary(FINISH, "Finish this case and open the next one (Enter)")
        self.primary.setEnabled(controller.image is not None)

    def _show_live(self) -> None:
        if self.controller is not None:
            self.page.show_lesions(self.controller)

    def _ask_reason(self) -> None:
        if self.controller is not None and self.controller.editable:
            if self.controller.reason is not None:
                self._reason_chosen("")
            else:
                self.page.ask_reason()

    # What was pressed

    def _pressed(self, action: str) -> None:
        if self.controller is None:
            return
        self.controller.actions.click(action)
        kit = self.hub.kit
        if action == "finish_session" and self.controller.read_only and kit is not None:
            self._say(f"Finished. Send {kit.path.name} back. Thank you.", "info")
        self._focus_canvas()

    def _reason_clicked(self, reason: str) -> None:
        if self.controller is not None:
            self.controller.actions.click()
            self._reason_chosen(reason)

    def _reason_chosen(self, reason: str) -> None:
        if self.controller is not None:
            self.controller.set_reason(reason or None)
            self._focus_canvas()

    def _lesion_chosen(self, index: int) -> None:
        if self.controller is not None and index < len(self.controller.drawing.outlines):
            self.controller.actions.click()
            self.controller.drawing.select(index)
            self._focus_canvas()

    def _lesion_deleted(self, index: int) -> None:
        if self.controller is not None:
            self.controller.actions.click()
            self.controller.delete_lesion(index)
            self._focus_canvas()
