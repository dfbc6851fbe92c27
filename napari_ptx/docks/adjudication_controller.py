"""The adjudicator's session: what happens between the desk, the canvas and the dock.

It is a reader's session with another end: a case is decided between two readings, and
only a copy of one, or a new drawing, can be drawn on.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari_ptx.docks.adjudication_view import PairView
from napari_ptx.docks.drawing import Outlines, Tool
from napari_ptx.docks.reading_actions import Actions
from napari_ptx.docks.reading_controller import ReadingController

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer

    from napari_ptx.study.adjudication import AdjudicationDesk
    from napari_ptx.study.adjudication_types import Outcome, Pair, Side

WORKS = ("edited", "new")
CHOOSE_FIRST = (
    "Nothing is decided. Take blue (1) or orange (2), edit a copy (3), draw anew (4), or say "
    "that the case is not assessable (0)."
)
COPY_OF_WHICH = "Take blue (1) or orange (2) first; then 3 edits a copy of it."
WHY = "Say why the case is not assessable; then Enter decides it."
DRAW = "Nothing is outlined. Draw around the lesion, or decide otherwise."
ALL_DONE = "All cases are decided. You may still go back and revise; every decision is kept."


class AdjudicationActions(Actions):
    """The actions of an adjudicator's session, by their names in ``keys.ADJUDICATION``."""

    _session: AdjudicationController

    @property
    def table(self) -> dict[str, Callable[..., object]]:
        """What each action does."""
        session = self._session
        return super().table | {
            "take_first": partial(session.take, "first"),
            "take_second": partial(session.take, "second"),
            "edit_copy": session.edit_copy,
            "draw_anew": session.draw_anew,
            "not_assessable": session.refuse_case,
            "side_by_side": session.toggle_apart,
            "distance": session.toggle_distance,
            "hide": session.case.hide_pair,
        }


class AdjudicationController(ReadingController):
    """One session at an adjudicator's desk. ``close`` it before the desk.

    Attributes
    ----------
    pair
        The two readings of the case at hand.
    choice
        What Enter will decide, or ``None``.
    note
        The reason as typed.
    """

    VIEW = PairView
    ACTIONS = AdjudicationActions
    desk: AdjudicationDesk
    case: PairView

    def __init__(self, viewer: Viewer, desk: AdjudicationDesk, *, focus: bool = True) -> None:
        self.pair: Pair = desk.pair(desk.position)
        self.choice: Outcome | None = None
        self.note = ""
        super().__init__(viewer, desk, focus=focus)

    # What the dock shows

    @property
    def drawn(self) -> bool:
        """Whether a copy or a new drawing is in hand."""
        return self.choice in WORKS

    @property
    def shown_outlines(self) -> Outlines:
        """What is drawn, with the line in hand as it is now."""
        return self.drawing.outlines if self._live is None else self._live

    # Opening a case

    def _open(self) -> None:
        draft = self.desk.draft(self.index)
        self.pair = self.desk.pair(self.index)
        decided = draft.ruling if draft.state == "finished" else None
        self.choice = decided.outcome if decided else draft.work or None
        self.note = draft.ruling.reason if draft.ruling else ""
        super()._open()

    def _image_is_there(self, index: int) -> None:
        opening = index == self.index and self.image is None
        super()._image_is_there(index)
        if opening and self.image is not None:
            self.case.compare(self.pair)
            self._show_choice()

    def _show_choice(self) -> None:
        """Show what is drawn where that is the choice, and let it be changed."""
        wanted = self.draft.outlines if self.drawn else ()
        if self.drawing.outlines != wanted:
            self.drawing.show(wanted)
            self.case.outlines_changed()
        self.case.at_work = self.drawn
        self.case.draw_pair()
        self.drawing.enabled = self.drawn and self.image is not None and not self.case.apart
        self.changed.emit()

    # Deciding

    def take(self, side: Side) -> None:
        """Choose a reading as it is."""
        if self.image is not None and self._settle():
            self.choice = side
            self.said.emit("", "info")
            self._show_choice()

    def edit_copy(self) -> None:
        """Edit a copy of the reading that is chosen, or go on with the copy."""
        side = self.choice if self.choice in ("first", "second") else self.draft.side
        if side is None or (self.choice == "new"):
            self.said.emit(COPY_OF_WHICH, "warning")
        elif self.draft.work == "edited" and self.draft.side == side:
            self._go_on("edited", Tool.EDIT)
        else:
            self._begin(side, "edited", Tool.EDIT)

    def draw_anew(self) -> None:
        """Draw on the image alone, or go on with that."""
        if self.draft.work == "new":
            self._go_on("new", Tool.OUTLINE)
        else:
            self._begin(None, "new", Tool.OUTLINE)

    def refuse_case(self) -> None:
        """Choose that the case is not assessable; the reason is asked for."""
        if self.image is None or not self._settle():
            return
        self.choice = "not assessable"
        self.said.emit("" if self.note else WHY, "info")
        self._show_choice()
        self.reason_wanted.emit()

    def set_note(self, text: str) -> None:
        """Take the reason as it is typed."""
        self.note = text
        self.drawing.touched.emit()

    def finish(self) -> None:
        """Decide the case and open the next one; a polygon in hand is closed first."""
        if self.image is None or self.drawing.close_polygon() or not self._settle():
            return
        choice = self.choice
        if choice is None:
            self.said.emit(CHOOSE_FIRST, "warning")
        elif choice == "not assessable" and not self.note.strip():
            self.said.emit(WHY, "warning")
            self.reason_wanted.emit()
        elif choice in WORKS and not self.drawing.outlines:
            self.said.emit(DRAW, "warning")
        elif self._write(partial(self.desk.decide, self.index, choice, reason=self.note)):
            self._next()
            if not self.unfinished:
                self.said.emit(ALL_DONE, "info")

    def _begin(self, side: Side | None, work: Outcome, tool: Tool) -> None:
        if self.image is None or not self._settle():
            return
        self.case.set_apart(False)

        def begin(**how: Any) -> None:
            self.draft = self.desk.begin(self.index, side, **how)

        if self._write(begin):
            self.said.emit("", "info")
            self._go_on(work, tool)

    def _go_on(self, work: Outcome, tool: Tool) -> None:
        if self.image is None or not self._settle():
            return
        self.case.set_apart(False)
        self.choice = work
        self.drawing.tool = tool
        self._show_choice()

    # Changing

    def undo(self) -> None:
        """Take back the last stroke, or that editing or drawing began."""
        super().undo()
        self._follow_draft()

    def redo(self) -> None:
        """Repeat the stroke that was taken back."""
        super().redo()
        self._follow_draft()

    def _follow_draft(self) -> None:
        if not self.drawing.busy and self.image is not None:
            self.choice = self.draft.work or None
            self._show_choice()

    # Looking

    def toggle_apart(self) -> None:
        """Show the readings side by side, or overlaid; nothing can be drawn side by side."""
        if self.image is None or not self._settle():
            return
        self.case.set_apart(not self.case.apart)
        if self.case.apart and self.drawn:
            self.said.emit("Side by side is for looking; V goes back to drawing.", "info")
        self._show_choice()

    def toggle_distance(self) -> None:
        """Show or hide how far the blue line lies from the orange one."""
        self.case.distance = not self.case.distance
        self.case.draw_pair()
        self.changed.emit()

    # The record

    def _write(self, step: Callable[..., object]) -> bool:
        """Take a step in the record with view and active time; tell whether it could be."""
        return self.keeper.write(
            lambda view, seconds: step(view=view, seconds=seconds), self.refuse
        )
