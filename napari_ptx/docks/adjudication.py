"""The Adjudication dock: where a senior reader settles what two readers disagree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import QPushButton, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from napari_ptx.docks import compat, keys
from napari_ptx.docks.adjudication_controller import AdjudicationController
from napari_ptx.docks.adjudication_page import AdjudicationPage
from napari_ptx.docks.parts import Dock, heading, hint
from napari_ptx.docks.reading import HELP, LIVE_MS
from napari_ptx.docks.reading_page import _row
from napari_ptx.docks.seats import Seat

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtGui import QHideEvent, QShowEvent

WIDTH, HEIGHT = 340, 660
DECIDE = "Decide and next  Enter"
DECIDE_LAST = "Decide  Enter"
NO_SESSION = (
    "Open a study in the Study dock, and press Start adjudicating there. The cases on which "
    "two readers disagree then come one after the other, without the readers' names."
)


class AdjudicationDock(Dock):
    """The adjudicator's view of the desk that is open in a viewer."""

    NAME = "Adjudication"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self._seat = Seat.take(self.viewer, self.NAME)
        self.destroyed.connect(self._seat.leave)
        self.page = AdjudicationPage()
        self.page.pressed.connect(self._pressed)
        self.page.note_changed.connect(self._note_changed)
        self._empty = QWidget()
        empty = QVBoxLayout(self._empty)
        empty.setContentsMargins(0, 0, 0, 0)
        empty.addWidget(heading("Nothing is being adjudicated"))
        empty.addWidget(hint(NO_SESSION))
        empty.addStretch(1)
        text = hint(f"{HELP}{keys.help_html(keys.ADJUDICATION)}")
        text.setTextFormat(Qt.TextFormat.RichText)
        text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._help = _scrolling(text)
        self._scroll = _scrolling(self.page)
        self._pages = QStackedWidget()
        for page in (self._empty, self._scroll, self._help):
            self._pages.addWidget(page)
        self._back = self._step("\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK} Back", "back")
        self._skip = self._step("Skip \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}", "forward")
        self.primary.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.primary.clicked.connect(self._primary_clicked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addWidget(self._pages, 1)
        layout.addLayout(_row(self._back, self._skip, (self.primary, 1), spacing=4))
        self._shown: int | None = None
        self._live = QTimer(self)
        self._live.setSingleShot(True)
        self._live.setInterval(LIVE_MS)
        self._live.timeout.connect(self._show_mine)
        # A session must leave the canvas when it ends, even while the dock is hidden.
        self.hub.desk_changed.connect(self._follow_desk)

    def sizeHint(self) -> QSize:  # noqa: D102, N802 - Qt's name
        return QSize(WIDTH, HEIGHT)

    def _step(self, text: str, action: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(action)
        title = next(one.title for one in keys.ADJUDICATION if one.action == action)
        button.setToolTip(f"{title} ({keys.label(action, keys.ADJUDICATION)})")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(self._step_clicked)
        return button

    @property
    def controller(self) -> AdjudicationController | None:
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
        desk, controller = self.hub.adjudication, self.controller
        if controller is not None and controller.desk is not desk:
            self._seat.leave()
            controller.changed.disconnect(self._show)
            controller = None
            self._show()
        # The last dock of a viewer takes the desk with it, when it is gone already.
        if desk is None or controller is not None or not isalive(self) or not self.isVisible():
            return
        controller = self._seat.controller = AdjudicationController(self.viewer, desk)
        controller.changed.connect(self._show)
        controller.measured.connect(self._measure_soon)
        controller.said.connect(self._say)
        controller.help_wanted.connect(self._toggle_help)
        controller.reason_wanted.connect(self.page.ask_reason)
        controller.wake()
        self._say("", "info")
        self._show()
        self._focus_canvas()

    # Showing

    def _show(self) -> None:
        if not isalive(self):
            return
        controller = self.controller
        self._back.setVisible(controller is not None)
        self._skip.setVisible(controller is not None)
        if controller is None:
            self._pages.setCurrentWidget(self._empty)
            self._set_primary("Open the Study dock", "Go to the study and its sessions")
            return
        if self._pages.currentWidget() is self._empty:
            self._pages.setCurrentWidget(self._scroll)
        self.page.show_session(controller)
        self._back.setEnabled(controller.index > 0)
        self._skip.setEnabled(controller.index < len(controller.cases) - 1)
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

    def _set_primary(self, text: str, tip: str) -> None:
        self.primary.setText(text)
        self.primary.setToolTip(tip)
        self.primary.setEnabled(True)

    def _measure_soon(self) -> None:
        if not self._live.isActive():
            self._live.start()

    def _show_mine(self) -> None:
        if self.controller is not None:
            self.page.show_mine(self.controller)

    def _say(self, text: str, level: str) -> None:
        self.page.say(text, level, self.theme)

    def _toggle_help(self) -> None:
        shown = self._pages.currentWidget() is self._help
        self._pages.setCurrentWidget(self._scroll if shown else self._help)

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
        # Where the action asks for the reason, the keyboard goes there, and stays.
        self._focus_canvas()
        self.controller.actions.click(action)
        self._show()

    def _note_changed(self, text: str) -> None:
        if self.controller is not None:
            self.controller.set_note(text)

    def _focus_canvas(self) -> None:
        compat.focus_canvas(self.viewer)


def _scrolling(page: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidget(page)
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area
