"""What napari tells at the edge of the canvas, so that it can be read.

napari shows the first line of a sentence for four seconds, and the rest after a click. A
refusal names the case, the file and what to do, which is longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.utils.notifications import notification_manager
from qtpy.QtCore import QTimer
from superqt import ensure_main_thread

from napari_ptx.docks.compat import is_open, unfold_notifications

if TYPE_CHECKING:
    from napari import Viewer

_SLIDES_IN_MS = 260
"""napari moves it in meanwhile; what changes its place earlier is undone."""


class Notices:
    """Unfolds the notifications of a viewer, and leaves them for as long as they take to read.

    Parameters
    ----------
    viewer
        Whose window; not kept alive.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = ref(viewer)
        notification_manager.notification_ready.connect(self._told)

    @ensure_main_thread
    def _told(self, _notification: Any) -> None:
        # Of another thread napari hands it to this one in the same way.
        QTimer.singleShot(_SLIDES_IN_MS, self._unfold)

    def _unfold(self) -> None:
        viewer = self._viewer()
        if viewer is not None and is_open(viewer):
            unfold_notifications(viewer)
