"""Two CT phases in the viewer: side by side, overlaid, as a checkerboard, or subtracted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ptx.docks.blend import Blend
from napari_ptx.docks.edge_letters import EdgeLetters
from napari_ptx.docks.layers import add_blend, add_image

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image as ImageLayer

    from napari_ptx.docks.phase_tasks import Pair

MODES = ("side by side", "overlay", "checkerboard", "difference")
WINDOWS: Mapping[str, tuple[float, float]] = {
    "soft tissue": (-160.0, 240.0),
    "neck": (-115.0, 235.0),
    "narrow": (5.0, 155.0),
}
"""What is shown as black and as white (HU)."""

PLANES: Mapping[str, tuple[tuple[int, int, int], tuple[str, str], str]] = {
    "axial": ((0, 1, 2), ("down", "right"), "RLAP"),
    "coronal": ((1, 0, 2), ("up", "right"), "RLSI"),
    "sagittal": ((2, 0, 1), ("up", "right"), "APSI"),
}
"""The order of the axes, where rows and columns grow to, and what is at the left, right,
top and bottom edge."""

_DIFFERENCE = (-150.0, 150.0)
_FIELD_MM = 20.0
_SKIN = -400


class PhaseView:
    """The layers of a pair of phases in one viewer, and how they are looked at."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.pair: Pair | None = None
        self.mode = MODES[0]
        self._layers: dict[str, ImageLayer] = {}
        self._letters: EdgeLetters | None = None

    @property
    def shown(self) -> bool:
        """Whether the layers are there."""
        return bool(self._layers)

    @property
    def layers(self) -> tuple[ImageLayer, ...]:
        """The layers of the pair, which are others for each pair."""
        return tuple(self._layers.values())

    def show(self, pair: Pair, names: tuple[str, str], window: tuple[float, float]) -> None:
        """Show a pair in place of the one that is shown."""
        place = self.viewer.dims.point if self.shown and self._same_grid(pair) else None
        self._remove()
        self.pair = pair
        shared: dict[str, Any] = {"contrast_limits": window, "interpolation2d": "linear"}
        self._layers["first"] = add_image(self.viewer, pair.first, name=names[0], **shared)
        if pair.second is not None:
            second = replace(pair.first, pixels=pair.second)
            self._layers["second"] = add_image(self.viewer, second, name=names[1], **shared)
            field = [max(1, round(_FIELD_MM / step)) for step in pair.first.spacing]
            for mode in ("checkerboard", "difference"):
                blend = Blend(pair.first.pixels, pair.second, mode, (field[0], field[1], field[2]))
                limits = window if mode == "checkerboard" else _DIFFERENCE
                self._layers[mode] = add_blend(
                    self.viewer, blend, pair.first, name=mode, contrast_limits=limits, visible=False
                )
            linked = [self._layers[name] for name in ("first", "second", "checkerboard")]
            self.viewer.layers.link_layers(linked, ("contrast_limits",))
        if self._letters is None:
            self._letters = EdgeLetters(self.viewer)
        # What lies beside a CT is air, in either theme.
        self.viewer.canvas.background_color_override = "black"
        self.set_mode(self.mode)
        self.viewer.layers.selection.active = self._layers["first"]
        if place is not None:
            self.viewer.dims.point = place
        else:
            self.viewer.dims.point = tuple(sum(ends) / 2 for ends in self._body())

    def set_mode(self, mode: str) -> None:
        """Show the phases in one of ``MODES``."""
        self.mode = mode
        if not self._alive():
            return
        both = mode in ("side by side", "overlay")
        first, second = self._layers["first"], self._layers.get("second")
        first.visible = both or second is None
        for name in ("checkerboard", "difference"):
            if name in self._layers:
                self._layers[name].visible = mode == name
        if second is not None:
            second.visible = both
            overlaid = mode == "overlay"
            first.colormap = "green" if overlaid else "gray"
            second.colormap = "magenta" if overlaid else "gray"
            second.blending = "additive" if overlaid else "translucent_no_depth"
        grid = self.viewer.canvas.grid
        wanted = mode == "side by side" and second is not None
        grid.shape = (1, 2) if wanted else (-1, -1)
        # In a grid each layer has a cell, hidden or not: the two blends share the phases' cells.
        grid.stride = 2 if wanted else 1
        if wanted:
            self._order(("first", "difference", "second", "checkerboard"))
        else:
            self._order(("first", "second", "checkerboard", "difference"))
        if grid.enabled != wanted:
            grid.enabled = wanted
            self.fit()  # half the canvas is another size

    def set_plane(self, plane: str) -> None:
        """Look at axial, coronal or sagittal slices."""
        if not self._alive():
            return
        order, orientation, letters = PLANES[plane]
        point = self.viewer.dims.point
        self.viewer.dims.order = order
        self.viewer.scene.camera.orientation2d = orientation
        self.viewer.dims.point = point
        if self._letters is not None:
            self._letters.show(letters)
        self.fit()

    def fit(self) -> None:
        """Fill the canvas, or each half of it, with the body."""
        if not self._alive() or self.pair is None:
            return
        self.viewer.reset_view()
        body = self._body()
        camera = self.viewer.scene.camera
        shown = self.viewer.dims.order[-2:]
        full = [self.pair.first.shape[axis] * self.pair.first.spacing[axis] for axis in shown]
        held = [max(body[axis][1] - body[axis][0], 1.0) for axis in shown]
        # napari's own view leaves a margin, which is kept.
        camera.zoom *= min(whole / part for whole, part in zip(full, held, strict=True))
        camera.center = (0.0, *(sum(body[axis]) / 2 for axis in shown))

    def set_window(self, window: tuple[float, float]) -> None:
        """Set black and white (HU) of both phases."""
        if self._alive():
            self._layers["first"].contrast_limits = window
            if "second" in self._layers:
                self._layers["second"].contrast_limits = window

    def set_slab(self, thickness: float) -> None:
        """Show the brightest values of a slab of this thickness (mm); 0: one slice."""
        if not self._alive():
            return
        for name in ("first", "second"):
            if name in self._layers:
                self._layers[name].projection_mode = "max" if thickness > 0 else "none"
        half = (thickness / 2,) * 3
        self.viewer.dims.margin_left = half
        self.viewer.dims.margin_right = half

    def values_at(self, world: tuple[float, ...]) -> tuple[int, int | None] | None:
        """Give the Hounsfield units of both phases at a place of the world, or ``None``."""
        if not self._alive() or self.pair is None or len(world) != 3:
            return None
        index = np.rint(self._layers["first"].world_to_data(world)).astype(int)
        shape = self.pair.first.shape
        if any(not 0 <= place < count for place, count in zip(index, shape, strict=True)):
            return None
        place = tuple(index)
        second = None if self.pair.second is None else int(self.pair.second[place])
        return int(self.pair.first.pixels[place]), second

    def close(self) -> None:
        """Take everything away and leave the viewer as it was found."""
        self._remove()
        self.pair = None

    def _alive(self) -> bool:
        """Tell whether the layers are still there; a user may remove them."""
        layers = self.viewer.layers
        if self._layers and any(layer not in layers for layer in self._layers.values()):
            self._remove()
        return bool(self._layers)

    def _body(self) -> list[tuple[float, float]]:
        """Give from where to where the body reaches along each axis (mm of the layers)."""
        assert self.pair is not None
        first = self.pair.first
        dense = first.pixels[::4, ::4, ::4] > _SKIN
        ends = []
        for axis, (count, step) in enumerate(zip(first.shape, first.spacing, strict=True)):
            # Half a per cent of the rest: a table or a tube is not the body.
            share = dense.mean(axis=tuple(other for other in range(3) if other != axis))
            found = np.flatnonzero(share > 0.005) * 4
            low, high = (found[0], found[-1]) if len(found) else (0, count)
            ends.append((float(low * step), float(min(high + 4, count) * step)))
        return ends

    def _same_grid(self, pair: Pair) -> bool:
        old = self.pair.first if self.pair is not None else None
        return old is not None and (old.shape, old.origin, old.spacing) == (
            pair.first.shape, pair.first.origin, pair.first.spacing
        )  # fmt: skip

    def _order(self, names: tuple[str, ...]) -> None:
        """Put our layers in this order, above every other."""
        for name in names:
            if name in self._layers:
                layers = self.viewer.layers
                layers.move(layers.index(self._layers[name]), len(layers))

    def _remove(self) -> None:
        layers, self._layers = self._layers, {}
        if not layers:
            return
        self.viewer.canvas.background_color_override = None
        self.viewer.canvas.grid.enabled = False
        self.viewer.canvas.grid.stride = 1
        self.viewer.dims.margin_left = self.viewer.dims.margin_right = (0.0, 0.0, 0.0)
        self.viewer.dims.order = tuple(range(self.viewer.dims.ndim))
        self.viewer.scene.camera.orientation2d = ("down", "right")
        known = [layer for layer in layers.values() if layer in self.viewer.layers]
        self.viewer.layers.unlink_layers(known)
        for layer in known:
            self.viewer.layers.remove(layer)
        letters, self._letters = self._letters, None
        if letters is not None:
            letters.close()
