"""Focus mode: the image and the Reading dock, and nothing that could unblind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_warning
from qtpy.QtCore import QTimer

from napari_ptx.docks import compat
from napari_ptx.docks.hub import STAYS_CLOSED

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

TITLE = "Reading"


class Blindfold:
    """While a session is open: a plain title, a black canvas, and no layer but ours.

    The names of other layers can tell as much as their pixels, so they leave the viewer
    until the session ends, and none can come: a file that is dropped on the window, say.
    Grey values look different on white, so the canvas is black in every theme.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._title = viewer.title
        self._background = viewer.canvas.background_color_override
        self._away: list[Layer] | None = None
        self._strangers: list[Layer] = []
        self._ours = False
        self._open = True
        viewer.title = TITLE
        viewer.canvas.background_color_override = "black"
        # Other docks take their own layers out first, and napari must be done with a layer
        # before it can be taken out again.
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._clear)
        self._soon.start()
        compat.hide_console(viewer)
        viewer.help = viewer.status = ""
        viewer.layers.events.inserted.connect(self._inserted)

    @contextmanager
    def letting_in(self) -> Iterator[None]:
        """Let the layers in that are added meanwhile: those of the case."""
        self._clear()
        self._ours = True
        try:
            yield
        finally:
            self._ours = False

    def close(self) -> None:
        """Put back what was taken away."""
        if not self._open:
            return
        self._open = False
        self._soon.stop()
        self._viewer.layers.events.inserted.disconnect(self._inserted)
        if not compat.is_open(self._viewer):
            return
        self._turn_away()
        self._viewer.title = self._title
        self._viewer.canvas.background_color_override = self._background
        self._viewer.layers.extend(self._away or ())
        self._away = None

    def _clear(self) -> None:
        """Take every layer away that was there before, once; and strangers each time."""
        if self._away is None and compat.is_open(self._viewer):
            self._away = list(self._viewer.layers)
            for layer in self._away:
                self._viewer.layers.remove(layer)
        self._turn_away()

    def _inserted(self, event: Any) -> None:
        if not self._ours and self._away is not None:
            self._strangers.append(event.value)
            event.value.visible = False
            self._soon.start()

    def _turn_away(self) -> None:
        strangers, self._strangers = self._strangers, []
        found = [layer for layer in strangers if layer in self._viewer.layers]
        for layer in found:
            self._viewer.layers.remove(layer)
        if found:
            show_warning(STAYS_CLOSED)


class FocusMode:
    """Hides napari's layer list, layer controls and menus; ``leave`` restores them."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._before: list[tuple[object, bool]] | None = None

    @property
    def active(self) -> bool:
        """Whether the panels are hidden."""
        return self._before is not None

    def enter(self) -> None:
        """Hide the panels."""
        if self.active:
            return
        parts = compat.revealing_parts(self._viewer)
        self._before = [(part, not part.isHidden()) for part in parts]
        for part in parts:
            part.hide()

    def leave(self) -> None:
        """Show what was visible before."""
        before, self._before = self._before, None
        for part, shown in before or ():
            part.setVisible(shown)

    def toggle(self) -> None:
        """Leave focus mode, or enter it."""
        if self.active:
            self.leave()
        else:
            self.enter()
