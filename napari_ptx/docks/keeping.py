"""What goes into the record with each step: the view, the active time, the reader's effort.

Every step takes them along (``Keeper.write``). Where a step cannot be written, time
and effort are given back, so that the next one carries them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from napari_ptx.docks.activity import ActiveClock, Inputs
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari_ptx.docks.case_view import CaseView
    from napari_ptx.roi import Outline

View = dict[str, Any]

STILL_MS = 700
"""A look is recorded when the view has not moved for so many milliseconds."""
LOOKS: Mapping[str, str] = {
    "zoom": "zoom",
    "centre": "pan",
    "window": "window",
    "frame": "frame",
    "canvas": "size",
}
"""What a change of each part of the view is called in the record."""


def changes(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> str:
    """Say what has changed between two views: "zoom, pan", or "" where nothing has.

    The first view of a case is "open".
    """
    if before is None:
        return "open"
    return ", ".join(
        word for part, word in LOOKS.items() if part in now and now[part] != before.get(part)
    )


class Keeper:
    """Watches how the reader looks at the case at hand, and writes steps with all of it.

    Attributes
    ----------
    clock, inputs
        The active time and the effort since the last step.
    """

    def __init__(
        self, case: CaseView, idle_seconds: float, look: Callable[[View, float, str], object]
    ) -> None:
        self._case = case
        self.clock = ActiveClock(idle_seconds)
        self.inputs = Inputs()
        self._look = look
        self._seen: View | None = None
        self._still = QTimer()
        self._still.setSingleShot(True)
        self._still.setInterval(STILL_MS)
        self._still.timeout.connect(self._settled)
        case.looked.connect(self._moved)
        case.drawing.touched.connect(self.clock.touch)
        case.drawing.pressed.connect(self._pressed)

    def opened(self) -> None:
        """Begin with a case whose image is on the canvas now."""
        self._seen = None
        self.clock.touch()
        self._still.start()

    def watch(self) -> None:
        """Begin again after ``close``: the dock is shown."""
        self._still.start()

    def close(self) -> None:
        """Stop watching."""
        self._still.stop()

    def write(
        self, step: Callable[[View, float], object], refused: Callable[[str], object] | None = None
    ) -> bool:
        """Take a step in the record with view and time; tell whether it could be taken.

        ``refused`` gets the sentence where it could not.
        """
        return self._write(step, self.clock.take(), refused)

    def _write(
        self,
        step: Callable[[View, float], object],
        seconds: float,
        refused: Callable[[str], object] | None,
    ) -> bool:
        seen = self._case.describe()
        taken = self.inputs.take() if seen else {}
        try:
            step(seen | {"input": taken} if seen else {}, seconds)
        except PtxError as error:
            self.clock.give_back(seconds)
            self.inputs.give_back(taken)
            if refused is not None:
                refused(error.message)
            return False
        self._seen = seen or None
        self._still.stop()
        return True

    def _pressed(self, draws: bool) -> None:
        if draws:
            self.inputs.drawing += 1
        else:
            self.inputs.clicks += 1

    def _moved(self) -> None:
        self._still.start()

    def _settled(self) -> None:
        """Record a view that has lasted; never one that is passed through."""
        if not self._case.awake or self._case.image is None:
            return  # nobody is looking; ``watch`` begins anew
        if self._case.drawing.busy:
            self._still.start()
            return
        what = changes(self._seen, self._case.describe())
        if what:
            # The reader is looking: this moment is no event.
            seconds = self.clock.take(now=False)
            self._write(lambda view, time: self._look(view, time, what), seconds, None)


def rescue(folder: Path, code: str, outlines: Sequence[Outline]) -> str:
    """Write outlines that the record could not take into a file; say in a sentence where."""
    from napari_ptx.roi import write_imagej

    path = folder / f"unsaved-{code}.zip"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_imagej(path, outlines)
    except (OSError, PtxError):
        return (
            f"The last outlines of case {code} could not be saved, neither in the study nor in "
            f"{folder}: they are lost. Make room on the disk and draw them again."
        )
    return (
        f"The last outlines of case {code} could not be saved in the study. They are in {path}: "
        "give that file to the coordinator, or draw them again."
    )
