"""Focus mode: the image and the Reading dock, and nothing that could unblind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ptx.docks import compat

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

TITLE = "Reading"


class Blindfold:
    """While a session is open: a plain title, a black canvas, and no layer but ours.

    Grey values look different on white, so the canvas is black in every theme.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._title = viewer.title
        self._background = viewer.canvas.background_color_override
        self._hidden: list[Layer] = []
        self._open = True
        viewer.title = TITLE
        viewer.canvas.background_color_override = "black"

    def hide(self, ours: tuple[Layer, ...]) -> None:
        """Hide every visible layer but ours until the session ends."""
        for layer in self._viewer.layers:
            if layer not in ours and layer.visible:
                layer.visible = False
                self._hidden.append(layer)

    def close(self) -> None:
        """Show again what was hidden."""
        if not self._open:
            return
        self._open = False
        if not compat.is_open(self._viewer):
            return
        self._viewer.title = self._title
        self._viewer.canvas.background_color_override = self._background
        for layer in self._hidden:
            if layer in self._viewer.layers:
                layer.visible = True
        self._hidden.clear()


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
