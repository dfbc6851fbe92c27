"""What the keys and the buttons of a session do; every call counts as effort of the reader."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_ptx.docks import second_look
from napari_ptx.docks.drawing import Tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ptx.docks.reading_controller import ReadingController


class Actions:
    """The actions of one session by the names that ``keys.READING`` and the dock have for them.

    Attributes
    ----------
    how
        How the action under way was called: "key", "click", or "" for neither.
    """

    def __init__(self, session: ReadingController) -> None:
        self._session = session
        self.how = ""

    @property
    def by_key(self) -> dict[str, Callable[..., object]]:
        """What the keys do; each call counts as a key."""
        return {name: partial(self._call, "key", name) for name in self.table}

    def click(self, action: str = "") -> None:
        """Do what a button of the dock says; without an action, only count the click."""
        self._call("click", action)

    def _call(self, how: str, action: str, *held: bool) -> None:
        inputs = self._session.keeper.inputs
        if held != (False,):  # the release of a held key is no further effort
            inputs.keys += how == "key"
            inputs.clicks += how == "click"
        self.how = how
        try:
            if action:
                self.table[action](*held)
        finally:
            self.how = ""

    @property
    def table(self) -> dict[str, Callable[..., object]]:
        """What each action does."""
        session, drawing, case = self._session, self._session.drawing, self._session.case
        return {
            "tool_outline": partial(session.set_tool, Tool.OUTLINE),
            "tool_polygon": partial(session.set_tool, Tool.POLYGON),
            "tool_edit": partial(session.set_tool, Tool.EDIT),
            "cancel": drawing.cancel,
            "take_corner": drawing.take_corner,
            "undo": session.undo,
            "redo": session.redo,
            "smooth": session.smooth,
            "delete": session.delete,
            "clear": session.clear,
            "brush_smaller": partial(session.scale_brush, 1 / 1.25),
            "brush_larger": partial(session.scale_brush, 1.25),
            "pan": drawing.hold_pan,
            "hide": drawing.hold_hide,
            "reset_window": case.reset_window,
            "fit": case.fit,
            "frame_back": partial(case.step_frame, -1),
            "frame_on": partial(case.step_frame, 1),
            "focus": session.toggle_focus,
            "help": session.help_wanted.emit,
            "finish": session.finish,
            "back": session.back,
            "forward": session.forward,
            "not_assessable": session.reason_wanted.emit,
            "finish_session": session.finish_session,
            "save_again": session.save_again,
            "seen_yes": partial(second_look.say_seen, session, True),
            "seen_no": partial(second_look.say_seen, session, False),
            "take_aid": partial(second_look.take_aid, session),
        }
