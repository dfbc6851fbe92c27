"""A reader's session: what happens between the desk, the canvas and the Reading dock."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from psygnal import Signal

from napari_ptx.docks import second_look, settings
from napari_ptx.docks.case_view import CaseView
from napari_ptx.docks.drawing import Outlines, Tool
from napari_ptx.docks.keeping import Keeper, View, rescue
from napari_ptx.docks.lesions import Lesion, describe
from napari_ptx.docks.loader import Loader
from napari_ptx.docks.reading_actions import Actions
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer

    from napari_ptx.image import Image
    from napari_ptx.roi import Outline
    from napari_ptx.study import Desk, DeskCase, Draft

REASONS = (
    "No lesion visible",
    "Image quality too poor",
    "Lesion only partly in the image",
    "Cannot tell which structure is the lesion",
    "Covered by calipers or text",
    "Other",
)
DRAW_FIRST = (
    "Nothing is outlined. Draw around the lesion, or tick Not assessable (N) and choose why."
)
NOT_COUNTED = "The outlines stay, but they do not count while the case is not assessable."


class ReadingController:
    """One session at a desk. ``close`` it before the desk.

    Attributes
    ----------
    index
        The case at hand, from 0.
    draft
        The work on it as the record has it.
    reason
        Why the case is not assessable, or ``None``.
    saved
        Whether everything drawn is in the record.
    """

    VIEW = CaseView
    """What the case is shown with."""
    ACTIONS = Actions
    """What keys and buttons do."""

    changed = Signal()
    """Anything that the dock shows has changed."""
    measured = Signal()
    """The line in hand has moved: ``lesions`` is different."""
    said = Signal(str, str)
    """A sentence for the reader, and "info", "warning" or "error"; empty: all is well."""
    help_wanted = Signal()
    reason_wanted = Signal()

    def __init__(self, viewer: Viewer, desk: Desk, *, focus: bool = True) -> None:
        self.desk = desk
        self.index = desk.position
        self.draft: Draft = desk.draft(self.index)
        self.image: Image | None = None
        self.reason: str | None = None
        self.saved = True
        self.case = self.VIEW(viewer, focus=focus)
        self.drawing = self.case.drawing
        self.drawing.committed.connect(self.record)
        self.drawing.preview.connect(self._preview)
        self.drawing.selection_changed.connect(self.changed)
        self.drawing.refused.connect(self.refused)
        self.drawing.help_wanted.connect(self.help_wanted)
        self.keeper = Keeper(self.case, desk.idle_seconds, self._look)
        self.actions = self.ACTIONS(self)
        self._measured: dict[Outline, Lesion] = {}
        self._live: Outlines | None = None
        self._awake = False
        self._loader = Loader(desk.image)
        self._loader.loaded.connect(self._image_is_there)
        self._loader.failed.connect(self._image_failed)
        self._open()

    # Life

    def wake(self) -> None:
        """Take the keyboard, the mouse and the window; safe to call twice."""
        self._awake = True
        self.case.wake(self.actions.by_key)
        self.keeper.watch()

    def sleep(self) -> None:
        """Give them back while the dock is hidden; the record gets the time so far."""
        if not self._awake:
            return
        self._awake = False
        self._keep_view()
        self.keeper.clock.pause()
        self.keeper.close()
        self.case.sleep()

    def close(self) -> None:
        """Leave the session: the record has it all, or else a file has what it could not take."""
        self.sleep()
        if not self.saved and self.drawing.outlines:
            code = self.cases[self.index].code
            show_error(rescue(settings.study_folder(), code, self.drawing.outlines))
        self._loader.close()
        self.case.close()

    # What the dock shows

    @property
    def cases(self) -> tuple[DeskCase, ...]:
        """The worklist."""
        return self.desk.cases

    @property
    def read_only(self) -> bool:
        """Whether the session is closed: it may be looked at, and no more."""
        return self.desk.closed

    @property
    def editable(self) -> bool:
        """Whether the case at hand can be drawn on."""
        return self.image is not None and not self.read_only and not self.draft.locked

    @property
    def lesions(self) -> tuple[Lesion, ...]:
        """Every lesion in words, with the line in hand as it is now."""
        if self.image is None:
            return ()
        outlines = self._live if self._live is not None else self.drawing.outlines
        known = self._measured
        self._measured = {
            outline: known[outline] if outline in known else describe(outline, self.image)
            for outline in outlines
        }
        return tuple(self._measured[outline] for outline in outlines)

    @property
    def unfinished(self) -> list[int]:
        """The cases that are not finished, in their order."""
        return [case.index for case in self.cases if case.state != "finished"]

    # Opening a case

    def go(self, index: int, how: str | None = None) -> None:
        """Open another case; view and time stay with the one that is left.

        ``how`` it was called is in the record; "next" comes with a finish.
        """
        if not 0 <= index < len(self.cases) or index == self.index or not self._settle():
            return
        called = how or self.actions.how

        def leave(view: View, seconds: float) -> None:
            if how == "next":  # the finish has view and time
                self.desk.go(index, action=called)
            else:
                self.desk.go(index, view=view, seconds=seconds, action=called)

        if self.read_only or self.keeper.write(leave, self.refuse):
            self.index = index
            self._open()

    def back(self) -> None:
        """Open the case before this one."""
        self.go(self.index - 1)

    def forward(self) -> None:
        """Open the case after this one without finishing it."""
        self.go(self.index + 1)

    def _open(self) -> None:
        self.said.emit("", "info")
        self.draft = self.desk.draft(self.index)
        self.reason = self.draft.not_assessable
        self.saved = True
        self.image = None
        self.drawing.aid = self.draft.aid or ()
        self._live = None
        self._measured = {}
        ahead = (self.index + 1, self.index - 1)
        self._loader.want(self.index, [i for i in ahead if 0 <= i < len(self.cases)])
        if self._loader.get(self.index) is not None:
            self._image_is_there(self.index)
        else:
            self.case.blank()
            self.changed.emit()

    def _image_is_there(self, index: int) -> None:
        if index != self.index or self.image is not None:
            return
        self.image = self._loader.get(index)
        assert self.image is not None
        self.drawing.tool = Tool.OUTLINE
        code = self.cases[index].code
        self.case.show(self.image, code, self.draft.outlines, self.draft.view)
        self.drawing.enabled = self.editable
        self.keeper.opened()
        self.changed.emit()

    def _image_failed(self, index: int, error: BaseException) -> None:
        if not isinstance(error, PtxError):
            raise error
        if index == self.index:
            self.said.emit(error.message, "error")
            self.changed.emit()

    # Drawing

    def set_tool(self, tool: Tool) -> None:
        """Arm a tool."""
        self.drawing.tool = tool
        self.changed.emit()

    def undo(self) -> None:
        """Take back the last corner of a polygon in hand, or else the last stroke."""
        if self.editable and not self.drawing.take_corner() and self._settle():
            self._replay(self.desk.undo)

    def redo(self) -> None:
        """Repeat the stroke that was taken back."""
        if self.editable and self._settle():
            self._replay(self.desk.redo)

    def smooth(self) -> None:
        """Smooth the selected lesion."""
        if self.editable and not self.drawing.smooth():
            self.said.emit("Select a lesion first: click on it or in the list.", "info")

    def delete(self) -> None:
        """Delete the corner under the mouse, or the selected lesion."""
        if self.editable and not self.drawing.delete_corner():
            if self.drawing.selected is None:
                self.said.emit("Select a lesion first: click on it or in the list.", "info")
            else:
                self.delete_lesion(self.drawing.selected)

    def delete_lesion(self, index: int) -> None:
        """Delete one lesion."""
        if self.editable:
            kept = [one for i, one in enumerate(self.drawing.outlines) if i != index]
            self.drawing.cancel()
            self.drawing.show(kept)
            self.record(self.drawing.outlines, "delete")

    def clear(self) -> None:
        """Delete all lesions of the case."""
        if self.editable and self.drawing.outlines:
            self.drawing.show(())
            self.record((), "clear")

    def scale_brush(self, factor: float) -> None:
        """Make the stretch of line that a push moves longer or shorter."""
        self.drawing.brush = min(max(self.drawing.push_radius * factor, 1.0), 500.0)
        self.said.emit(f"Push: {self.drawing.brush:.0f} pixels to either side.", "info")

    def record(self, outlines: Outlines, action: str) -> bool:
        """Put a finished stroke into the record; on disk when this returns."""
        self.case.outlines_changed()
        self.reason = None
        self.saved = False

        def keep(view: View, seconds: float) -> None:
            self.draft = self.desk.record(self.index, outlines, action, view, seconds)

        if self.keeper.write(keep, self.refuse):
            self.saved = True
            self.said.emit("", "info")
        self.changed.emit()
        return self.saved

    def _replay(self, step: Callable[..., Draft]) -> None:
        before, how = self.drawing.outlines, self.actions.how

        def take(view: View, seconds: float) -> None:
            self.draft = step(self.index, view=view, seconds=seconds, action=how)

        if self.keeper.write(take, self.refuse):
            self.said.emit("", "info")
            self.reason = self.draft.not_assessable
            after = self.draft.outlines
            new = [i for i, outline in enumerate(after) if outline not in before]
            gone = [outline.frame for outline in before if outline not in after]
            frames = [after[i].frame for i in new] or gone
            if frames and self.drawing.frame not in frames:
                self.case.step_frame(frames[0] - self.drawing.frame)
            self.drawing.show(after, new[0] if new else None)
            self.case.outlines_changed()
        self.changed.emit()

    def _preview(self, outlines: Outlines | None) -> None:
        self._live = outlines
        self.measured.emit()

    def refused(self, sentence: str) -> None:
        """Say why a line was not taken."""
        self.said.emit(sentence, "warning")

    # Looking

    def toggle_focus(self) -> None:
        """Show or hide napari's own panels."""
        self.case.focus.toggle()
        self.changed.emit()

    # Finishing

    def set_reason(self, reason: str | None) -> None:
        """Say why the case is not assessable, or that it is; ``finish`` records it."""
        self.keeper.clock.touch()
        self.reason = reason or None
        ignored = self.reason is not None and self.drawing.outlines
        self.said.emit(NOT_COUNTED if ignored else "", "info")
        self.changed.emit()

    def finish(self) -> None:
        """Finish the case and open the next one; a polygon in hand is closed first."""
        if self.read_only:
            self.forward()
            return
        if self.image is None or self.drawing.close_polygon() or not self._settle():
            return
        if self.draft.locked:
            second_look.show_aid(self)
            return
        if not self.drawing.outlines and self.reason is None:
            self.said.emit(DRAW_FIRST, "warning")
            return
        if second_look.unsaid(self):
            self.said.emit(second_look.SEEN_FIRST, "warning")
            return
        how, reason = self.actions.how, self.reason

        def keep(view: View, seconds: float) -> None:
            self.desk.finish(
                self.index, view=view, seconds=seconds, not_assessable=reason, action=how
            )

        if not self.keeper.write(keep, self.refuse):
            return
        if second_look.answering(self):
            second_look.show_aid(self)
        else:
            self._next()

    def finish_session(self) -> None:
        """Close the session for good."""
        try:
            self.desk.close_session()
        except PtxError as error:
            self.refuse(error.message)
        else:
            self.drawing.cancel()
            self.drawing.enabled = False
            self.said.emit("The session is finished. Thank you.", "info")
        self.changed.emit()

    def _next(self) -> None:
        """Open the next unfinished case, or the first one that was left out."""
        unfinished = self.unfinished
        later = [index for index in unfinished if index > self.index]
        if not unfinished:
            self.draft = self.desk.draft(self.index)
            self.said.emit("", "info")
            self.changed.emit()
            return
        self.go((later or unfinished)[0], "next")
        if not later and self.index == unfinished[0]:
            self.said.emit(
                f"That was the last case. {_cases(len(unfinished))} not finished yet: "
                "this is the first of them.",
                "info",
            )

    # The record

    def save_again(self) -> None:
        """Try once more to write what could not be written."""
        self._settle()

    def _settle(self) -> bool:
        """Give up a line in hand and write what could not be written; tell whether all is safe."""
        self.drawing.cancel()
        return self.saved or self.record(self.drawing.outlines, "draw")

    def _keep_view(self) -> None:
        """Record where the reader looked, and for how long, without another stroke."""
        if self.image is not None and not self.read_only and self._settle():
            self.keeper.write(partial(self._write_look, "pause"), self.refuse)

    def _look(self, view: View, seconds: float, what: str) -> None:
        """Record a view that has lasted."""
        if self._awake and self.editable and self.saved:
            self._write_look(what, view, seconds)

    def _write_look(self, what: str, view: View, seconds: float) -> None:
        self.desk.go(self.index, view=view, seconds=seconds, action=what)

    def refuse(self, sentence: str) -> None:
        """Say why a step could not be taken."""
        self.said.emit(sentence, "error")


def _cases(count: int) -> str:
    return "1 case is" if count == 1 else f"{count} cases are"
