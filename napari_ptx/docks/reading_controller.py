"""A reader's session: what happens between the desk, the canvas and the Reading dock."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_ptx.docks.activity import ActiveClock
from napari_ptx.docks.case_view import CaseView
from napari_ptx.docks.drawing import Outlines, Tool
from napari_ptx.docks.lesions import Lesion, describe
from napari_ptx.docks.loader import Loader
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
        self.drawing.committed.connect(self._record)
        self.drawing.preview.connect(self._preview)
        self.drawing.selection_changed.connect(self.changed)
        self.drawing.refused.connect(self._refused)
        self.drawing.help_wanted.connect(self.help_wanted)
        self._clock = ActiveClock(desk.idle_seconds)
        self.drawing.touched.connect(self._clock.touch)
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
        self.case.wake(self.actions)

    def sleep(self) -> None:
        """Give them back while the dock is hidden; the record gets the time so far."""
        if not self._awake:
            return
        self._awake = False
        self._keep_view()
        self._clock.pause()
        self.case.sleep()

    def close(self) -> None:
        """Leave the session: the record has it all."""
        self.sleep()
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
        return self.image is not None and not self.read_only

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

    @property
    def actions(self) -> dict[str, Callable[..., object]]:
        """What the keys do (``keys.READING``)."""
        return {
            "tool_outline": partial(self.set_tool, Tool.OUTLINE),
            "tool_polygon": partial(self.set_tool, Tool.POLYGON),
            "tool_edit": partial(self.set_tool, Tool.EDIT),
            "cancel": self.drawing.cancel,
            "take_corner": self.drawing.take_corner,
            "undo": self.undo,
            "redo": self.redo,
            "smooth": self.smooth,
            "delete": self.delete,
            "clear": self.clear,
            "brush_smaller": partial(self._scale_brush, 1 / 1.25),
            "brush_larger": partial(self._scale_brush, 1.25),
            "pan": self.drawing.hold_pan,
            "hide": self.drawing.hold_hide,
            "reset_window": self.case.reset_window,
            "fit": self.case.fit,
            "frame_back": partial(self.case.step_frame, -1),
            "frame_on": partial(self.case.step_frame, 1),
            "focus": self.toggle_focus,
            "help": self.help_wanted.emit,
            "finish": self.finish,
            "back": self.back,
            "forward": self.forward,
            "not_assessable": self.reason_wanted.emit,
        }

    # Opening a case

    def go(self, index: int) -> None:
        """Open another case; view and time stay with the one that is left."""
        if not 0 <= index < len(self.cases) or index == self.index or not self._settle():
            return
        if not self.read_only:
            view, seconds = self.case.describe(), self._clock.take()
            if not self._try(lambda: self.desk.go(index, view=view, seconds=seconds)):
                return
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
        self.drawing.enabled = not self.read_only
        self._clock.touch()
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
            self._record(self.drawing.outlines, "delete")

    def clear(self) -> None:
        """Delete all lesions of the case."""
        if self.editable and self.drawing.outlines:
            self.drawing.show(())
            self._record((), "clear")

    def _scale_brush(self, factor: float) -> None:
        self.drawing.brush = min(max(self.drawing.push_radius * factor, 1.0), 500.0)
        self.said.emit(f"Push: {self.drawing.brush:.0f} pixels to either side.", "info")

    def _record(self, outlines: Outlines, action: str) -> bool:
        """Put a finished stroke into the record; on disk when this returns."""
        view, seconds = self.case.describe(), self._clock.take()
        self.case.outlines_changed()
        self.reason = None
        self.saved = False

        def keep() -> None:
            self.draft = self.desk.record(self.index, outlines, action, view, seconds)

        if self._try(keep):
            self.saved = True
            self.said.emit("", "info")
        self.changed.emit()
        return self.saved

    def _replay(self, step: Callable[..., Draft]) -> None:
        before = self.drawing.outlines
        view, seconds = self.case.describe(), self._clock.take()

        def take() -> None:
            self.draft = step(self.index, view=view, seconds=seconds)

        if self._try(take):
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

    def _refused(self, sentence: str) -> None:
        self.said.emit(sentence, "warning")

    # Looking

    def toggle_focus(self) -> None:
        """Show or hide napari's own panels."""
        self.case.focus.toggle()
        self.changed.emit()

    # Finishing

    def set_reason(self, reason: str | None) -> None:
        """Say why the case is not assessable, or that it is; ``finish`` records it."""
        self._clock.touch()
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
        if not self.drawing.outlines and self.reason is None:
            self.said.emit(DRAW_FIRST, "warning")
            return
        view, seconds = self.case.describe(), self._clock.take()
        finished = self._try(
            lambda: self.desk.finish(
                self.index, view=view, seconds=seconds, not_assessable=self.reason
            )
        )
        if finished:
            self._next()

    def finish_session(self) -> None:
        """Close the session for good."""
        if self._try(self.desk.close_session):
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
        self.go((later or unfinished)[0])
        if not later and self.index == unfinished[0]:
            self.said.emit(
                f"That was the last case. {_cases(len(unfinished))} not finished yet: "
                "this is the first of them.",
                "info",
            )

    # The record

    def _settle(self) -> bool:
        """Give up a line in hand and write what could not be written; tell whether all is safe."""
        self.drawing.cancel()
        return self.saved or self._record(self.drawing.outlines, "draw")

    def _keep_view(self) -> None:
        """Record where the reader looked, and for how long, without another stroke."""
        if self.image is not None and not self.read_only:
            self.drawing.cancel()
            view, seconds = self.case.describe(), self._clock.take()
            self._try(lambda: self.desk.go(self.index, view=view, seconds=seconds))

    def _try(self, step: Callable[[], object]) -> bool:
        """Take a step in the record; say why where it cannot be taken."""
        try:
            step()
        except PtxError as error:
            self.said.emit(error.message, "error")
            return False
        return True


def _cases(count: int) -> str:
    return "1 case is" if count == 1 else f"{count} cases are"
