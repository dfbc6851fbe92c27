"""The Reading dock: where a sonographer reads a hundred cases in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QGridLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks import compat, keys, second_look
from napari_ptx.docks.parts import Dock, heading, hint
from napari_ptx.docks.reading_controller import ReadingController
from napari_ptx.docks.reading_page import ReadingPage
from napari_ptx.docks.seats import Seat

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtGui import QHideEvent, QShowEvent

WIDTH, HEIGHT = 340, 640
HELP = "<p>Press <code>?</code> again to go back.</p>"
LIVE_MS = 60
"""Milliseconds from a movement of the mouse to the sizes in the list."""
FINISH = "Finish and next  Enter"
FINISH_LAST = "Finish case  Enter"
NEXT = "Next  Enter"
LOCK = "Lock and show the model's outline"
SHOW_AID = "Show the model's outline"
NO_SESSION = (
    "Open a study in the Study dock, choose a reader and a round, and press Start reading. "
    "The cases then come one after the other."
)


class ReadingDock(Dock):
    """The reader's view of the desk that is open in a viewer."""

    NAME = "Reading"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self._seat = Seat.take(self.viewer, self.NAME)
        self.destroyed.connect(self._seat.leave)
        self.page = ReadingPage()
        self.page.pressed.connect(self._pressed)
        self.page.reason_chosen.connect(self._reason_clicked)
        self.page.lesion_chosen.connect(self._lesion_chosen)
        self.page.lesion_deleted.connect(self._lesion_deleted)
        self._empty = QWidget()
        empty = QVBoxLayout(self._empty)
        empty.setContentsMargins(0, 0, 0, 0)
        empty.addWidget(heading("No session is open"))
        empty.addWidget(hint(NO_SESSION))
        empty.addStretch(1)
        self._help_text = hint(f"{HELP}{keys.help_html()}")
        self._help_text.setTextFormat(Qt.TextFormat.RichText)
        self._help_text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._help = QScrollArea()
        self._help.setWidget(self._help_text)
        self._help.setWidgetResizable(True)
        self._help.setFrameShape(QScrollArea.Shape.NoFrame)
        self._pages = QStackedWidget()
        for page in (self._empty, self.page, self._help):
            self._pages.addWidget(page)
        self._back = self._step("\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK} Back", "back")
        self._skip = self._step("Skip \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}", "forward")
        self.primary.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.primary.clicked.connect(self._primary_clicked)
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
        self._live = QTimer(self)
        self._live.setSingleShot(True)
        self._live.setInterval(LIVE_MS)
        self._live.timeout.connect(self._show_lesions)
        # A session must leave the canvas when it ends, even while the dock is hidden.
        self.hub.desk_changed.connect(self._follow_desk)

    def sizeHint(self) -> QSize:  # noqa: D102, N802 - Qt's name
        return QSize(WIDTH, HEIGHT)

    def _step(self, text: str, action: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(action)
        title = next(one.title for one in keys.READING if one.action == action)
        button.setToolTip(f"{title} ({keys.label(action)})")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(self._step_clicked)
        return button

    @property
    def controller(self) -> ReadingController | None:
        """The session that is open, if there is one."""
        return self._seat.controller

    # The hub

    def refresh(self) -> None:
        """Follow the hub, and show the session as it stands."""
        self._follow_desk()
        self._show()

    def restyle(self) -> None:
        """Take the colours of napari's theme."""
        super().restyle()
        self.page.restyle(self.theme)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102, N802 - Qt's name
        super().showEvent(event)
        if self.controller is not None:
            self.controller.wake()
            self._focus_canvas()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: D102, N802 - Qt's name
        super().hideEvent(event)
        if self.controller is not None:
            self.controller.sleep()

    def _follow_desk(self) -> None:
        desk = self.hub.desk
        controller = self.controller
        if controller is not None and controller.desk is not desk:
            self._seat.leave()
            controller.changed.disconnect(self._show)
            controller = None
            self._show()
        # The last dock of a viewer takes the desk with it, when it is gone already.
        if desk is None or controller is not None or not isalive(self) or not self.isVisible():
            return
        controller = self._seat.controller = ReadingController(self.viewer, desk)
        controller.changed.connect(self._show)
        controller.measured.connect(self._measure_soon)
        controller.said.connect(self._say)
        controller.help_wanted.connect(self._toggle_help)
        controller.reason_wanted.connect(self._ask_reason)
        controller.wake()
        self._say("", "info")
        self._show()
        self._focus_canvas()

    # Showing

    def _show(self) -> None:
        if not isalive(self):
            return
        controller = self.controller
        reading = controller is not None
        self._back.setVisible(reading)
        self._skip.setVisible(reading)
        if controller is None:
            self._pages.setCurrentWidget(self._empty)
            self._set_primary("Open the Study dock", "Go to the study and its sessions")
            return
        if self._pages.currentWidget() is self._empty:
            self._pages.setCurrentWidget(self.page)
        self.page.show_session(controller)
        # The long words of an aided session have a row of their own.
        place = (1, 0, 1, 3) if controller.desk.aided else (0, 2, 1, 1)
        self._steps.addWidget(self.primary, *place)
        self._back.setEnabled(controller.index > 0)
        self._skip.setEnabled(controller.index < len(controller.cases) - 1)
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

    def _set_primary(self, text: str, tip: str) -> None:
        self.primary.setText(text)
        self.primary.setToolTip(tip)
        self.primary.setEnabled(True)

    def _measure_soon(self) -> None:
        if not self._live.isActive():
            self._live.start()

    def _show_lesions(self) -> None:
        if self.controller is not None:
            self.page.show_lesions(self.controller)

    def _say(self, text: str, level: str) -> None:
        self.page.say(text, level, self.theme)

    def _toggle_help(self) -> None:
        shown = self._pages.currentWidget() is self._help
        self._pages.setCurrentWidget(self.page if shown else self._help)

    def _ask_reason(self) -> None:
        if self.controller is not None and self.controller.editable:
            if self.controller.reason is not None:
                self._reason_chosen("")
            else:
                self.page.ask_reason()

    # What was pressed

    def _primary_clicked(self) -> None:
        if self.controller is None:
            self.hub.show("Study")
        else:
            self._pressed("finish")

    def _step_clicked(self) -> None:
        self._pressed(self.sender().objectName())

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

    def _focus_canvas(self) -> None:
        compat.focus_canvas(self.viewer)
