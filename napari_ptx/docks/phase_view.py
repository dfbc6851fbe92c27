"""Two CT phases in the viewer: side by side, overlaid, as a checkerboard, or subtracted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ptx.docks.blend import Blend
from napari_ptx.docks.edge_letters import EdgeLetters
from napari_ptx.docks.fitting import Fitting
from napari_ptx.docks.layers import add_blend, add_image

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer

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
        self.plane = next(iter(PLANES))
        self.window = next(iter(WINDOWS.values()))
        self.slab = 0.0
        self._layers: dict[str, ImageLayer] = {}
        self._covers: dict[str, tuple[Layer, Layer | None]] = {}
        self._letters: EdgeLetters | None = None
        self._fitting = Fitting(viewer, self._fill_canvas)

    @property
    def shown(self) -> bool:
        """Whether the layers are there."""
        return bool(self._layers)

    @property
    def layers(self) -> tuple[ImageLayer, ...]:
        """The layers of the phases themselves, as long as a user has not removed them."""
        return tuple(self._layers.values()) if self._alive() else ()

    def show(self, pair: Pair, names: tuple[str, str]) -> None:
        """Show a pair in place of the one that is shown; it is looked at in the same way."""
        window = self.window
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
        self.set_plane(self.plane)
        self.set_slab(self.slab)

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
        left, right = self._arrange(wanted)
        grid.shape = (1, 2) if wanted else (-1, -1)
        # In a grid each layer has a cell, hidden or not: the two blends share the phases' cells,
        # and so does what lies over them.
        grid.stride = len(left) if wanted else 1
        self._order((*left, *right))
        if grid.enabled != wanted:
            grid.enabled = wanted
            self.fit()  # half the canvas is another size

    def _arrange(self, apart: bool) -> tuple[list[Layer], list[Layer]]:
        """Give the layers of the left and of the right half, from below; at once: all left."""
        held = self._layers
        alive = self.viewer.layers
        covers = [
            (one, other)
            for one, other in self._covers.values()
            if one in alive and (other is None or other in alive)
        ]
        if apart:
            left = [held["first"], held["difference"], *(one for one, _ in covers)]
            right = [held["second"], held["checkerboard"]]
            right += [other for _, other in covers if other is not None]
        else:
            names = ("first", "second", "checkerboard", "difference")
            left = [held[name] for name in names if name in held]
            left += [layer for pair in covers for layer in pair if layer is not None]
            right = []
        for _, other in covers:
            if other is not None:
                other.visible = apart
        return left, right

    def cover(self, name: str, layers: tuple[Layer, Layer | None] | None) -> None:
        """Lay layers over the phases, or take away (``None``) those of that name.

        Parameters
        ----------
        name
            What they are; those of the same name before are removed from the viewer.
        layers
            Already in the viewer, on the grid of the first phase: one for the first phase, and
            a twin for the second, which is seen side by side alone (``None`` where there is no
            second phase; see ``twins``).
        """
        for layer in self._covers.pop(name, ()):
            if layer is not None and layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        if layers is not None:
            self._covers[name] = layers
        if self._alive():
            active = self.viewer.layers.selection.active
            self.set_mode(self.mode)
            self.viewer.layers.selection.active = active

    @property
    def twins(self) -> bool:
        """Whether what lies over the phases needs a twin for the second."""
        return "second" in self._layers

    def set_plane(self, plane: str) -> None:
        """Look at axial, coronal or sagittal slices."""
        self.plane = plane
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
        """Fill the canvas, or each half of it, with the body, until somebody zooms or moves it."""
        self._fitting.fit()

    def _fill_canvas(self) -> None:
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
        self.window = window
        if self._alive():
            self._layers["first"].contrast_limits = window
            if "second" in self._layers:
                self._layers["second"].contrast_limits = window

    def set_slab(self, thickness: float) -> None:
        """Show the brightest values of a slab of this thickness (mm); 0: one slice."""
        self.slab = thickness
        if not self._alive():
            return
        for name in ("first", "second"):
            if name in self._layers:
                self._layers[name].projection_mode = "max" if thickness > 0 else "none"
        half = (thickness / 2,) * 3
        self.viewer.dims.margin_left = half
        self.viewer.dims.margin_right = half

    def go(self, place: Sequence[float]) -> None:
        """Look at a place of the patient (x, y, z in mm, LPS): in every plane, and centred."""
        if not self._alive() or self.pair is None:
            return
        world = self.world_of(place)
        self.viewer.dims.point = world
        camera = self.viewer.scene.camera
        camera.center = (0.0, *(world[axis] for axis in self.viewer.dims.order[-2:]))

    def world_of(self, place: Sequence[float]) -> tuple[float, float, float]:
        """Give where a place of the patient (x, y, z in mm, LPS) lies in the viewer (z, y, x)."""
        assert self.pair is not None
        first = self.pair.first
        offset = np.asarray(place, dtype=float) - np.array(first.origin)
        x, y, z = (np.array(first.direction).T @ offset).tolist()
        return z, y, x

    def patient_of(self, world: Sequence[float]) -> tuple[float, float, float]:
        """Give the place of the patient (LPS) of one in the viewer; undoes ``world_of``."""
        assert self.pair is not None
        first = self.pair.first
        moved = np.array(first.direction) @ np.asarray(world, dtype=float)[::-1]
        x, y, z = (moved + np.array(first.origin)).tolist()
        return x, y, z

    def index_of(self, world: Sequence[float]) -> tuple[int, int, int] | None:
        """Give the voxel at a place of the viewer, or ``None`` outside of the volume."""
        if not self._alive() or self.pair is None or len(world) != 3:
            return None
        index = np.rint(self._layers["first"].world_to_data(world)).astype(int)
        shape = self.pair.first.shape
        if any(not 0 <= place < count for place, count in zip(index, shape, strict=True)):
            return None
        z, y, x = index.tolist()
        return z, y, x

    def values_at(self, world: tuple[float, ...]) -> tuple[int, int | None] | None:
        """Give the Hounsfield units of both phases at a place of the world, or ``None``."""
        place = self.index_of(world)
        if place is None or self.pair is None:
            return None
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

    def _order(self, wanted: Sequence[Layer]) -> None:
        """Put our layers in this order, above every other."""
        layers = self.viewer.layers
        # What is in its place stays: each move makes napari build its scene anew.
        for layer in layers[:]:
            if layer not in wanted and layers.index(layer) >= len(layers) - len(wanted):
                layers.move(layers.index(layer), 0)
        for place, layer in enumerate(wanted, start=len(layers) - len(wanted)):
            if layers[place] is not layer:
                layers.move(layers.index(layer), place)

    def _remove(self) -> None:
        layers, self._layers = self._layers, {}
        if not layers:
            return
        for name in tuple(self._covers):
            self.cover(name, None)
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
