"""The model's probability and the labelled glands over the phases that are shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import QObject, Signal

from napari_ptx.docks.layers import add_glands, add_image

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels
    from napari.layers.base import Layer

    from napari_ptx.docks.hub import Hub
    from napari_ptx.docks.jobs import JobBar
    from napari_ptx.image import Image

CHANCE, LABELLED = "model's probability", "labelled glands"
"""The names of the layers."""

_TASKS = "napari_ptx.docks.board_tasks"
_GREEN = "#5ee08a"
_FAINT = 0.05  # probabilities below are not drawn
_FULL = 255


class GlandOverlays(QObject):
    """Two things that lie over the phases of a patient while they are wanted.

    Parameters
    ----------
    hub
        Whose phases they lie over.
    job
        Reads the volumes.
    """

    told = Signal(str)
    """Why something is not shown, or ""."""

    def __init__(self, hub: Hub, job: JobBar, parent: QObject) -> None:
        super().__init__(parent)
        self._hub, self._job = hub, job
        self.wanted: dict[str, bool] = {CHANCE: False, LABELLED: False}
        self.files: dict[str, dict[str, Path]] = {CHANCE: {}, LABELLED: {}}
        """For each kind the file of each patient."""
        self._patient: str | None = None  # whose volumes are held
        self._held: dict[str, Image | None] = {}
        self._asked: str | None = None
        self._layers: dict[str, Layer] = {}
        job.finished.connect(self._read)
        hub.phases_changed.connect(self.refresh)

    def want(self, kind: str, wanted: bool) -> None:
        """Show or hide one of the two."""
        self.wanted[kind] = wanted
        self.refresh()

    def refresh(self) -> None:
        """Bring the layers in line with the phases that are shown."""
        phases = self._hub.phases
        if phases is None or self._hub.blinded or not any(self.wanted.values()):
            self._clear()
            self.told.emit("")
            return
        if self._patient != phases.patient:
            self._clear()
            self._ask(phases.patient)
            return
        missing = []
        for kind in (CHANCE, LABELLED):
            image = self._held.get(kind)
            there = self._there(kind)
            if not self.wanted[kind]:
                self._drop(kind)
            elif image is None or image.shape != phases.pair.first.shape:
                missing.append(kind)
            elif not there:
                # On the very grid of the phase: files round what they say of their own.
                self._add(kind, replace(phases.pair.first, pixels=image.pixels))
        words = {
            CHANCE: "The prediction kept no probabilities of this patient; predict again.",
            LABELLED: "The cohort has no labels of this patient.",
        }
        self.told.emit(" ".join(words[kind] for kind in missing))

    def forget(self) -> None:
        """Let go of everything, as when another prediction is opened."""
        self._clear()
        self._patient, self._held = None, {}

    def _ask(self, patient: str) -> None:
        if self._job.running:
            return  # asked for again when this is done
        self._asked = patient
        files = (self.files[kind].get(patient) for kind in (CHANCE, LABELLED))
        self._job.start("overlays", "Reading probabilities", f"{_TASKS}:overlays", *files)

    def _read(self, name: str, value: Any) -> None:
        if name == "overlays":
            self._patient = self._asked
            self._held = dict(zip((CHANCE, LABELLED), value, strict=True))
            self.refresh()

    def _add(self, kind: str, image: Image) -> None:
        view, viewer = self._hub.phase_view, self._hub.phase_view.viewer
        names = (kind, f"{kind} (right)") if view.twins else (kind,)
        make = _chance if kind == CHANCE else _labelled
        active = viewer.layers.selection.active
        made = [make(viewer, image, name) for name in names]
        viewer.layers.selection.active = active  # whose keys go on working
        self._layers[kind] = made[0]
        view.cover(kind, (made[0], made[1] if len(made) > 1 else None))

    def _clear(self) -> None:
        for kind in (CHANCE, LABELLED):
            self._drop(kind)

    def _there(self, kind: str) -> bool:
        """Tell whether a layer is still there: other phases take it away, and so may a user."""
        layer = self._layers.get(kind)
        return layer is not None and layer in self._hub.phase_view.viewer.layers

    def _drop(self, kind: str) -> None:
        if self._there(kind):
            self._hub.phase_view.cover(kind, None)
        self._layers.pop(kind, None)


def _chance(viewer: Any, image: Image, name: str) -> ImageLayer:
    layer = add_image(
        viewer, image, name=name, colormap="inferno", blending="additive", opacity=0.6,
        contrast_limits=(round(_FAINT * _FULL), _FULL), interpolation2d="nearest",
        metadata={"ptx": {"kind": "probability"}},
    )  # fmt: skip
    layer.editable = False
    return layer


def _labelled(viewer: Any, image: Image, name: str) -> Labels:
    pixels = np.ascontiguousarray(image.pixels, dtype=np.int16)
    layer = add_glands(viewer, pixels, image, name=name)
    layer.colormap = DirectLabelColormap(
        color_dict={None: _GREEN, 0: "transparent", **dict.fromkeys((1,), _GREEN)}
    )
    layer.contour = 1
    layer.editable = False
    return layer
