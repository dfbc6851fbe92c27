"""The glands of one patient over the phases, and the copy of one that is edited with the brush."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_ptx.docks import keys
from napari_ptx.docks.gland_table import COLOURS
from napari_ptx.docks.layers import add_glands

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.layers.base import Layer

    from napari_ptx.docks.gland_tasks import OpenPatient
    from napari_ptx.docks.phase_view import PhaseView
    from napari_ptx.image import Image
    from napari_ptx.report.gland_review import Gland

NAME, COPY = "glands", "copy of gland"
EDIT_COLOUR = "#4de3ff"
_MARGIN_MM = 15.0
_BRUSH_MM = 2.0
_FEW = 200  # candidates; some numbers are left for what is added


class GlandLayers:
    """What lies over the phases of one view: the glands, and a copy of one in the hand.

    Each is there twice, once for each half of the view; both show the same voxels.
    """

    def __init__(self, view: PhaseView) -> None:
        self.view = view
        self.open: OpenPatient | None = None
        self.masks: dict[str, Image] = {}
        """What people drew of this patient, by the name of the file."""
        self.copy: Copy | None = None
        self._shown: NDArray[Any] | None = None
        self._colours: dict[int | None, str] = {}
        self._drawn: tuple[tuple[int, str], ...] = ()
        self._pair: list[Labels] = []

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All that take the keys of the dock: the glands and the phases below them."""
        known = self.view.viewer.layers
        return (*(layer for layer in self._pair if layer in known), *self.view.layers)

    def show(self, opened: OpenPatient) -> None:
        """Lay the glands of a patient over the phases, which are shown already."""
        self.clear()
        self.open, self.masks = opened, opened.masks
        # napari's table of colours has an entry for each number that the type can hold: with
        # int16 every decision would take it 200 ms.
        small = max(opened.boxes, default=0) <= _FEW
        self._shown = opened.labels.astype(np.uint8 if small else np.int16)
        self._drawn, self._colours = (), {}
        self._pair = self._made(NAME, self._shown, opened.phases.pair.first)
        self.view.cover(NAME, _two(self._pair))
        for layer in self._pair:
            layer.contour = 1
            layer.opacity = 1.0
            layer.editable = False

    def clear(self) -> None:
        """Take everything away."""
        self.drop_copy()
        self.view.cover(NAME, None)
        self.open, self._shown, self._pair, self.masks = None, None, [], {}

    def update(self, glands: Sequence[Gland]) -> None:
        """Show glands as they stand: each with its mask, in the colour of its decision."""
        if self.open is None or self._shown is None or not self.layers:
            return
        other = self._compose(glands)
        hidden = None if self.copy is None else self.copy.number
        colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
        for gland in glands:
            if gland.gland != hidden:
                colours[gland.gland] = COLOURS[gland.decision]
        for layer in self._pair:
            if layer in self.view.viewer.layers:
                if colours != self._colours:  # which redraws, too
                    layer.colormap = DirectLabelColormap(color_dict=dict(colours))
                elif other:
                    layer.refresh()
        self._colours = colours

    def hide(self, hidden: bool) -> None:
        """Hide the glands, to see the tissue; or show them again."""
        for layer in self._pair:
            layer.opacity = 0.0 if hidden else 1.0

    def _compose(self, glands: Sequence[Gland]) -> bool:
        """Bring the voxels up to date: the model's, with what people drew in their place.

        Returns
        -------
        bool
            Whether any voxel may have changed.
        """
        assert self.open is not None
        assert self._shown is not None
        drawn = [gland for gland in glands if gland.mask in self.masks]
        known = tuple((gland.gland, gland.mask) for gland in drawn)
        if known == self._drawn:
            return False
        from napari_ptx.report.gland_review import paste

        self._drawn = known
        np.copyto(self._shown, self.open.labels, casting="unsafe")
        for gland in drawn:
            if gland.gland in self.open.boxes:
                part = self._shown[self.open.boxes[gland.gland]]
                part[part == gland.gland] = 0
        for gland in drawn:
            paste(self._shown, self.open.phases.pair.first, self.masks[gland.mask], gland.gland)
        return True

    def mask_of(self, gland: Gland) -> tuple[tuple[slice, ...], NDArray[np.bool_]] | None:
        """Give the box of a gland's mask as it stands and what is true in it; or ``None``."""
        if self._shown is None:
            return None
        from napari_ptx.report.gland_review import bounds

        box = self.open.boxes.get(gland.gland) if self.open is not None else None
        if gland.mask or box is None:
            found = self._shown == gland.gland
            if not found.any():
                return None
            box = bounds(found)
        return box, self._shown[box] == gland.gland

    # The copy

    def begin_copy(
        self, number: int, box: tuple[slice, ...], mask: NDArray[np.bool_],
        actions: dict[str, Callable[..., Any]],
    ) -> Copy:  # fmt: skip
        """Take a copy of a mask into the hand, with the brush.

        Parameters
        ----------
        box, mask
            Where the mask lies in the first phase, and what is true in it.
        actions
            Of ``keys.GLAND_EDIT``.
        """
        assert self.open is not None
        self.drop_copy()
        first = self.open.phases.pair.first
        wide = tuple(
            slice(max(0, side.start - round(_MARGIN_MM / step)),
                  min(count, side.stop + round(_MARGIN_MM / step)))
            for side, step, count in zip(box, first.spacing, first.shape, strict=True)
        )  # fmt: skip
        pixels = np.zeros([side.stop - side.start for side in wide], dtype=np.uint8)
        inner = tuple(
            slice(side.start - outer.start, side.stop - outer.start)
            for side, outer in zip(box, wide, strict=True)
        )
        pixels[inner][mask] = 1
        corner = tuple(side.start for side in wide)
        layers = self._made(f"{COPY} {number}", pixels, first, corner)
        self.copy = Copy(number, wide, layers)
        self.view.cover(COPY, _two(layers))
        for layer in layers:
            layer.colormap = DirectLabelColormap(
                color_dict={None: "transparent", 0: "transparent", 1: EDIT_COLOUR}
            )
            layer.opacity = 0.5
            layer.selected_label = 1
            layer.brush_size = max(1, round(_BRUSH_MM / first.spacing[-1]))
            keys.bind_gland_edit(layer, actions)
            layer.events.labels_update.connect(self.copy.painted)
        layers[-1].mode = "paint"
        self.view.viewer.layers.selection.active = layers[-1]
        return self.copy

    def take_copy(self) -> Image:
        """Give the mask that is in the hand, as the part of the volume that was offered."""
        assert self.open is not None
        assert self.copy is not None
        from napari_ptx.report.gland_review import crop

        part = crop(self.open.phases.pair.first, self.copy.box)
        return replace(part, pixels=np.array(self.copy.layers[-1].data, dtype=np.uint8))

    def phases_of_copy(self) -> dict[str, NDArray[Any]]:
        """Give the Hounsfield units of the phases in the part that was offered."""
        assert self.open is not None
        assert self.copy is not None
        pair = self.open.phases.pair
        found = {"plain": pair.first.pixels[self.copy.box]}
        if pair.second is not None:
            found["arterial"] = pair.second[self.copy.box]
        return found

    def drop_copy(self) -> None:
        """Lay the copy away."""
        copy, self.copy = self.copy, None
        if copy is not None:
            for layer in copy.layers:
                layer.events.labels_update.disconnect(copy.painted)
            self.view.cover(COPY, None)
            if self._pair and self._pair[0] in self.view.viewer.layers:
                self.view.viewer.layers.selection.active = self._pair[0]

    def _made(
        self, name: str, pixels: NDArray[Any], image: Image, corner: Sequence[int] = (0, 0, 0)
    ) -> list[Labels]:
        viewer = self.view.viewer
        names = (name, f"{name} (right)") if self.view.twins else (name,)
        return [add_glands(viewer, pixels, image, name=one, corner=corner) for one in names]


class Copy:
    """A mask in the hand: the gland's number, where it lies, and its layers."""

    def __init__(self, number: int, box: tuple[slice, ...], layers: list[Labels]) -> None:
        self.number, self.box, self.layers = number, box, layers
        self.touched = False
        """Whether anything was painted."""
        self._busy = False

    def painted(self, event: Any) -> None:
        """Show in the twin what was painted in one; they have the same voxels."""
        self.touched = True
        if not self._busy:
            self._busy = True
            for layer in self.layers:
                if layer is not event.source:
                    layer.refresh()
            self._busy = False


def _two(layers: list[Labels]) -> tuple[Labels, Labels | None]:
    return layers[0], layers[1] if len(layers) > 1 else None
