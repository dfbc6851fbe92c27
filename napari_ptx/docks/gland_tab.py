"""What the tabs beside the candidates share: the desk they follow, and when they are shown anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QShowEvent


class GlandTab(QWidget):
    """A tab of the Glands dock.

    A tab gives ``refresh`` (show everything anew), ``restyle`` (take the colours of napari's
    theme; the dock calls it, too) and ``_forget`` (show nothing), and calls ``_follow`` when it
    is put together.

    Parameters
    ----------
    dock
        With ``viewer``, ``hub``, ``desk`` (``GlandDesk``), and ``named``, which tells whether
        decisions have a name, and asks for it where they have not.
    """

    def __init__(self, dock: QWidget) -> None:
        super().__init__()
        self.viewer, self.hub, self.desk = dock.viewer, dock.hub, dock.desk
        self._named = dock.named

    @property
    def readable(self) -> bool:
        """Whether a prediction is open, and no reader at work."""
        return self.desk.predictions is not None and not self.hub.blinded

    def _follow(self) -> None:
        # Seen or not: a hidden tab, too, has to forget what a reader must not see.
        self.desk.opened.connect(self._opened)
        self.desk.changed.connect(self._changed)
        self.hub.desk_changed.connect(self._opened)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102, N802 - Qt's name
        super().showEvent(event)
        self.restyle()
        self.refresh()

    def _opened(self) -> None:
        if not self.readable:
            self._forget()
        if self.isVisible():
            self.refresh()

    def _once_after(self, milliseconds: int, function: Callable[[], None]) -> QTimer:
        """Make a timer that calls a function once when it was left alone for so long."""
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(function)
        return timer


def score_box(name: str) -> QDoubleSpinBox:
    """Make a narrow field for the least score of a candidate that counts."""
    box = QDoubleSpinBox()
    box.setAccessibleName(name)
    box.setToolTip("The least score of a candidate that counts; 0 for all")
    box.setRange(0.0, 1.0)
    box.setSingleStep(0.05)
    box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    # napari's own is twice as wide.
    box.setStyleSheet("QDoubleSpinBox { min-width: 40px; max-width: 40px; }")
    return box
