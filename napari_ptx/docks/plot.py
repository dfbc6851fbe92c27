"""A matplotlib figure in a dock, whose dots can be clicked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLabel, QScrollArea, QSizePolicy, QStackedLayout, QWidget

from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.artist import Artist
    from matplotlib.backend_bases import MouseEvent
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

REACH = 8
"""How far from a dot (pixels) a click still means it."""


class Plot(QWidget):
    """Shows a figure, or a sentence where there is none.

    Figures are values: whoever owns the plot makes a new one when the data or the
    theme change. The dots are the collection whose ``gid`` is "points".

    Parameters
    ----------
    name
        What screen readers call it.
    scrolls
        Whether the figure keeps its own height and is scrolled.
    """

    picked = Signal(int)
    """A click on a dot: its place in the collection."""
    hovered = Signal(int)
    """The mouse has come to another dot, or has left it (-1)."""

    def __init__(self, name: str, *, scrolls: bool = False) -> None:
        super().__init__()
        self._scrolls = scrolls
        self.reach = REACH
        self._over = -1
        self._name = name
        self.background: QColor | None = None
        self._sentence = QLabel()
        self._sentence.setWordWrap(True)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._canvas: QWidget | None = None
        self.figure: Figure | None = None
        self._layout = QStackedLayout(self)
        self._layout.addWidget(self._sentence)
        self._layout.addWidget(self._area)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(160)

    def sizeHint(self) -> QSize:  # noqa: D102, N802 - Qt's name
        return QSize(320, 280)

    def say(self, sentence: str) -> None:
        """Show a sentence in place of a figure."""
        self._drop()
        self._sentence.setText(sentence)
        self._layout.setCurrentWidget(self._sentence)

    def show_figure(self, figure: Figure) -> None:
        """Show a figure, in place of the one before."""
        from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg

        self._drop()
        for text in figure.findobj(_is_caption):
            # In a dock the room is the figure's: the caption is in the tooltip.
            self.setToolTip(text.get_text())
            text.set_visible(False)
            text.set_in_layout(False)
        if self.background is not None:  # the window's own, so that no edge shows
            for part in (figure, *figure.axes):
                part.set_facecolor(self.background.name())
        canvas = FigureCanvasQTAgg(figure)
        canvas.setAccessibleName(self._name)
        # The width is the dock's; matplotlib would ask for the inches of the figure.
        canvas.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        if self._scrolls:
            canvas.setMinimumHeight(int(figure.get_figheight() * figure.dpi))
        canvas.mpl_connect("button_press_event", self._pressed)
        canvas.mpl_connect("motion_notify_event", self._moved)
        self.figure, self._canvas = figure, canvas
        self._area.setWidget(canvas)
        self._layout.setCurrentWidget(self._area)

    def ring(self, place: int | None) -> None:
        """Put a ring around one dot, or take it away."""
        from napari_ptx.figures import highlight

        if self.figure is not None and self._canvas is not None:
            highlight(self.figure, place)
            self._canvas.draw_idle()

    def dot_at(self, x: float, y: float) -> int | None:
        """Give the dot nearest to a position of the canvas (pixels), within reach."""
        dots = self._dots()
        if dots is None:
            return None
        places = dots.get_offset_transform().transform(np.ma.filled(dots.get_offsets(), np.nan))
        far = np.hypot(*(places - (x, y)).T)
        if not len(far) or np.isnan(far).all():
            return None
        nearest = int(np.nanargmin(far))
        return nearest if far[nearest] <= self.reach * self.devicePixelRatioF() else None

    def _dots(self) -> PathCollection | None:
        if self.figure is None:
            return None
        for axes in self.figure.axes:
            for artist in axes.collections:
                if artist.get_gid() == "points":
                    return artist
        return None

    def _pressed(self, event: MouseEvent) -> None:
        place = self.dot_at(event.x, event.y)
        if event.button == 1 and place is not None:
            self.picked.emit(place)

    def _moved(self, event: MouseEvent) -> None:
        if self._canvas is not None:
            place = self.dot_at(event.x, event.y)
            hand = Qt.CursorShape.PointingHandCursor
            self._canvas.setCursor(Qt.CursorShape.ArrowCursor if place is None else hand)
            place = -1 if place is None else place
            if place != self._over:
                self._over = place
                self.hovered.emit(place)

    def _drop(self) -> None:
        canvas, self._canvas, self.figure = self._canvas, None, None
        self._over = -1
        if canvas is not None:
            self._area.takeWidget()
            canvas.setParent(self)  # hidden: without a parent it would be a window until then
            canvas.deleteLater()


def _is_caption(artist: Artist) -> bool:
    return artist.get_gid() == "caption"


def save_shown(figure: Figure | None, path: Path) -> None:
    """Write a dock's figure to a file, and tell the user what came of it."""
    from napari_ptx.figures import save_figure

    if figure is None:
        show_warning("There is no figure on this tab.")
        return
    try:
        save_figure(figure, path.with_suffix(""), formats=[path.suffix[1:].lower()])
    except PtxError as error:
        show_error(str(error))
    else:
        show_info(f"Figure written to {path}.")
