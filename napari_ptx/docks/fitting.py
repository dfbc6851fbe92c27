"""What fills the canvas still fills it after the canvas has changed its size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari import Viewer


class Fitting:
    """Fits the view, and again with the canvas, until somebody zooms or moves it.

    napari keeps the zoom when a window is maximised or a dock goes, and the image stays small.

    Parameters
    ----------
    viewer
        Whose canvas.
    fill
        Sets the camera so that the canvas is filled; it is called on each change of size,
        and does nothing while there is nothing to show.
    """

    def __init__(self, viewer: Viewer, fill: Callable[[], None]) -> None:
        self._viewer = viewer
        self._fill = fill
        self._fitted: tuple[float, ...] | None = None
        viewer.canvas.events.size.connect(self._resized)

    def fit(self) -> None:
        """Fill the canvas now, and keep it filled."""
        self._fill()
        self._fitted = self._camera

    @property
    def _camera(self) -> tuple[float, ...]:
        camera = self._viewer.scene.camera
        return (camera.zoom, *camera.center)

    def _resized(self, _event: Any) -> None:
        if self._fitted is not None and np.allclose(self._fitted, self._camera, rtol=1e-4):
            self.fit()
