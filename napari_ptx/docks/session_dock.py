"""``SessionDock``: what the docks of a reader and of the adjudicator have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import QPushButton, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from napari_ptx.docks import compat, keys
from napari_ptx.docks.parts import Dock, heading, hint
from napari_ptx.docks.seats import Seat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari import Viewer
    from qtpy.QtGui import QHideEvent, QShowEvent

    from napari_ptx.docks.reading_controller import ReadingController

WIDTH, HEIGHT = 340, 640
HELP = "<p>Press <code>?</code> again to go back.</p>"
LIVE_MS = 60
"""Milliseconds from a movement of the mouse to the sizes in the dock."""


class SessionDock(Dock):
    """A dock at a desk: it follows the hub's session, and has the canvas while it is shown.

    A dock of this kind has a ``page``, says which desk it follows (``_desk``), shows the
    session (``_show``, ``_show_live``), asks why a case is not assessable (``_ask_reason``),
    and does what its buttons say (``_pressed``).
    """

    CONTROLLER: type[ReadingController]
    SHORTCUTS: Sequence[keys.Shortcut]
    NOTHING: tuple[str, str]
    """What the empty dock says: a heading, and the way to a session."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self._seat = Seat.take(self.viewer, self.NAME)
        self.destroyed.connect(self._seat.leave)
        self._empty = QWidget()
        empty = QVBoxLayout(self._empty)
        empty.setContentsMargins(0, 0, 0, 0)
        empty.addWidget(heading(self.NOTHING[0]))
        empty.addWidget(hint(self.NOTHING[1]))
        empty.addStretch(1)
        self._help_text = hint(f"{HELP}{keys.help_html(self.SHORTCUTS)}")
        self._help_text.setTextFormat(Qt.TextFormat.RichText)
        self._help_text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._help = scrolling(self._help_text)
        self._main: QWidget = self._empty
        self._pages = QStackedWidget()
        self._back = self._step("\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK} Back", "back")
        self._skip = self._step("Skip \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}", "forward")
        self.primary.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.primary.clicked.connect(self._primary_clicked)
        self._live = QTimer(self)
        self._live.setSingleShot(True)
        self._live.setInterval(LIVE_MS)
        self._live.timeout.connect(self._show_live)
        # A session must leave the canvas when it ends, even while the dock is hidden.
        self.hub.desk_changed.connect(self._follow_desk)

    def set_main(self, page: QWidget) -> None:
        """Set what is shown while there is a session."""
        self._main = page
        for widget in (self._empty, page, self._help):
            self._pages.addWidget(widget)

    def sizeHint(self) -> QSize:  # noqa: D102, N802 - Qt's name
        return QSize(WIDTH, HEIGHT)

    def _step(self, text: str, action: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(action)
        title = next(one.title for one in self.SHORTCUTS if one.action == action)
        button.setToolTip(f"{title} ({keys.label(action, self.SHORTCUTS)})")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(self._step_clicked)
        return button

    # The hub

    @property
    def controller(self) -> Any:
        """The session that is open, if there is one."""
        return self._seat.controller

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
        desk, controller = self._desk, self.controller
        if controller is not None and controller.desk is not desk:
            self._seat.leave()
            controller.changed.disconnect(self._show)
            controller = None
            self._show()
        # The last dock of a viewer takes the desk with it, when it is gone already.
        if desk is None or controller is not None or not isalive(self) or not self.isVisible():
            return
        controller = self._seat.controller = self.CONTROLLER(self.viewer, desk)
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

    def _show_steps(self) -> bool:
        """Show what every session has, and tell whether there is one."""
        controller = self.controller
        self._back.setVisible(controller is not None)
        self._skip.setVisible(controller is not None)
        if controller is None:
            self._pages.setCurrentWidget(self._empty)
            self._set_primary("Open the Study dock", "Go to the study and its sessions")
            return False
        if self._pages.currentWidget() is self._empty:
            self._pages.setCurrentWidget(self._main)
        self.page.show_session(controller)
        self._back.setEnabled(controller.index > 0)
        self._skip.setEnabled(controller.index < len(controller.cases) - 1)
        return True

    def _set_primary(self, text: str, tip: str) -> None:
        self.primary.setText(text)
        self.primary.setToolTip(tip)
        self.primary.setEnabled(True)

    def _measure_soon(self) -> None:
        if not self._live.isActive():
            self._live.start()

    def _say(self, text: str, level: str) -> None:
        self.page.say(text, level, self.theme)

    def _toggle_help(self) -> None:
        shown = self._pages.currentWidget() is self._help
        self._pages.setCurrentWidget(self._main if shown else self._help)

    # What was pressed

    def _primary_clicked(self) -> None:
        if self.controller is None:
            self.hub.show("Study")
        else:
            self._pressed("finish")

    def _step_clicked(self) -> None:
        self._pressed(self.sender().objectName())

    def _focus_canvas(self) -> None:
        compat.focus_canvas(self.viewer)


def scrolling(page: QWidget) -> QScrollArea:
    """Give a page that scrolls where it is higher than its dock."""
    area = QScrollArea()
    area.setWidget(page)
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    return area
