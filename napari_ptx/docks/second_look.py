"""What a session does beside drawing: the model's outline, and "seen before?"."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_ptx.docks.keeping import View
    from napari_ptx.docks.reading_controller import ReadingController

SEEN_FIRST = "Say first whether you have seen this case before: Y for yes, U for no."
AID_SHOWN = (
    "Your answer is locked. The model's outline is shown: keep yours, change it, or take the "
    "model's over (M)."
)
NOTHING_FOUND = "Your answer is locked. The model found nothing on this image."


def answering(controller: ReadingController) -> bool:
    """Tell whether the unaided answer to the case at hand is still to be given or shown past."""
    return controller.desk.aided and controller.draft.aid is None


def unsaid(controller: ReadingController) -> bool:
    """Tell whether the reader still has to say if they have seen the case before."""
    return controller.desk.asks_seen and controller.draft.recalled is None


def show_aid(controller: ReadingController) -> None:
    """Show the model's outlines of a case whose unaided answer is locked."""
    desk, index = controller.desk, controller.index

    def show(view: View, seconds: float) -> None:
        desk.aid(index, view=view, seconds=seconds)

    if controller.keeper.write(show, controller.refuse):
        controller.draft = draft = desk.draft(index)
        controller.reason = draft.not_assessable
        controller.drawing.aid = draft.aid or ()
        controller.drawing.enabled = True
        controller.drawing.redraw()
        controller.said.emit(AID_SHOWN if draft.aid else NOTHING_FOUND, "info")
    controller.changed.emit()


def take_aid(controller: ReadingController) -> None:
    """Take the model's outlines over as the reader's own; undo brings the reader's back."""
    aid = controller.draft.aid
    if controller.editable and aid:
        controller.drawing.cancel()
        controller.drawing.show(aid)
        controller.record(controller.drawing.outlines, "take over")


def say_seen(controller: ReadingController, recalled: bool) -> None:
    """Keep whether the reader remembers the case."""
    desk, index = controller.desk, controller.index
    if not desk.asks_seen or controller.read_only or controller.image is None:
        return

    def keep(view: View, seconds: float) -> None:
        controller.draft = desk.seen(index, recalled, view=view, seconds=seconds)

    if controller.keeper.write(keep, controller.refuse):
        controller.said.emit("", "info")
    controller.changed.emit()
