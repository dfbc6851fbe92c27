"""Two readings on the canvas: overlaid, or side by side, and how far apart they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_ptx.docks import keys, layers
from napari_ptx.docks.case_view import CaseView
from napari_ptx.docks.compat import UNDER_INK, Bands, Ink, InkLine
from napari_ptx.roi import RoiError
from napari_ptx.roi.boundary import along

if TYPE_CHECKING:
    import napari.layers
    from napari import Viewer

    from napari_ptx.image import Image
    from napari_ptx.roi import Outline
    from napari_ptx.study.adjudication_types import Pair, Side

COLOURS: Mapping[Side, str] = {"first": "#4aa8ff", "second": "#ff9a3c"}
"""Blue and orange, which stay apart for the colour-blind."""
NAMES: Mapping[Side, str] = {"first": "blue", "second": "orange"}
MINE = "#fff3a0"
OUTSIDE, INSIDE = (0.24, 0.86, 0.52), (0.93, 0.36, 0.93)
"""Where blue lies outside of orange, and inside: green and magenta."""


class PairView(CaseView):
    """The layers of a case with two readings on it.

    The readings are ink, not layers: nothing in napari can change them. Side by side the
    same image lies in two cells with one camera; there nothing can be drawn.

    Attributes
    ----------
    apart
        Whether the readings are side by side.
    distance
        Whether the blue line shows how far it lies from the orange one.
    at_work
        Whether something is being drawn; the distances would lie under the hand then.
    reach
        The end of the scale of these distances, for the frame that is shown; 0 where
        there is nothing to compare.
    """

    SHORTCUTS = keys.ADJUDICATION

    def __init__(self, viewer: Viewer, *, focus: bool) -> None:
        super().__init__(viewer, focus=focus)
        self.pair: Pair | None = None
        self.apart = False
        self.distance = True
        self.reach = 0.0
        self.at_work = False
        self.drawing.colour = MINE
        self._double: tuple[napari.layers.Image, napari.layers.Shapes] | None = None
        self._inks: dict[Side, Ink] = {}
        self._bands: Bands | None = None
        self._hidden = False

    # Showing

    def show(
        self, image: Image, code: str, outlines: Sequence[Outline], view: Mapping[str, Any]
    ) -> None:
        """Show a case; the readings follow with ``compare``."""
        super().show(image, code, outlines, view)
        if self.apart:
            self._separate()
            self.fit()

    def compare(self, pair: Pair) -> None:
        """Lay two readings over the image, and show the first frame that has one."""
        self.pair = pair
        outlines = (*pair.first.outlines, *pair.second.outlines)
        frames = [outline.frame for outline in outlines]
        if frames and self.drawing.frame not in frames and self.image is not None:
            self.step_frame(min(frames) - self.drawing.frame)
        self.draw_pair()

    def blank(self) -> None:
        """Show no case."""
        self.pair = None
        super().blank()
        self.draw_pair()

    def set_apart(self, apart: bool) -> None:
        """Show the readings side by side, or overlaid."""
        if apart == self.apart:
            return
        self.apart = apart
        if self.image is not None and self._outline_layer is not None:
            if apart:
                self._separate()
            else:
                self._unite()
            self._ink_anew()
        self.fit()

    def hide_pair(self, hidden: bool) -> None:
        """Hide the readings, and what is drawn, while a key is down."""
        self._hidden = hidden
        self.drawing.hold_hide(hidden)
        self.draw_pair()

    def _fill_canvas(self) -> None:
        """Fill the canvas with the image, or each half of it."""
        if self.apart and self._double is not None:
            self.viewer.reset_view()
        else:
            super()._fill_canvas()

    def describe(self) -> dict[str, Any]:
        """Give what is recorded with each step; "apart": side by side."""
        known = super().describe()
        return known | {"apart": self.apart, "distance": self.distance} if known else known

    def draw_pair(self) -> None:
        """Draw both readings of the shown frame, and the distances under the first."""
        self.reach, bands = self._measured()
        for side, ink in self._inks.items():
            ink.draw([] if self._hidden else self._lines(side), None)
        if self._bands is not None:
            self._bands.draw(bands if self.scaled and not self._hidden else [])

    @property
    def scaled(self) -> bool:
        """Whether the distances are shown, and their scale with them."""
        return self.distance and self.reach > 0 and not self.at_work

    def _lines(self, side: Side) -> list[InkLine]:
        return [
            InkLine(ring, COLOURS[side]) for outline in self._of(side) for ring in outline.rings
        ]

    def _of(self, side: Side) -> list[Outline]:
        if self.pair is None:
            return []
        frame = self.drawing.frame
        return [one for one in self.pair.side(side).outlines if one.frame == frame]

    def _measured(self) -> tuple[float, list[tuple[NDArray[np.float64], NDArray[np.float32]]]]:
        """Give the end of the scale, and the blue lines with a colour at each point."""
        if self.pair is None:
            return 0.0, []
        try:
            lines = along(self._of("first"), self._of("second"), self.pair.spacing)
        except RoiError:  # a line that holds no area: there is nothing to be far from
            return 0.0, []
        if not lines:
            return 0.0, []
        reach = nice(max(float(np.abs(line.distance).max()) for line in lines))
        return reach, [(line.points, tones(line.distance, reach)) for line in lines]

    # Layers

    @property
    def _ours(self) -> tuple[napari.layers.Layer, ...]:
        return (*(self._double or ()), *super()._ours)

    def _attach(self) -> None:
        super()._attach()
        self._ink_anew()
        self.drawing.selection_changed.connect(self.draw_pair, unique=True)

    def _detach(self) -> None:
        self.drawing.selection_changed.disconnect(self.draw_pair)
        self._wipe()
        super()._detach()

    def _ink_anew(self) -> None:
        """Make the ink for the layers that are there."""
        self._wipe()
        if self._outline_layer is None or not self._awake:
            return
        right = self._double[1] if self._double is not None else self._outline_layer
        self._bands = Bands(self.viewer, self._outline_layer)
        self._inks = {
            "first": Ink(self.viewer, self._outline_layer, UNDER_INK),
            "second": Ink(self.viewer, right, UNDER_INK),
        }
        self.draw_pair()

    def _wipe(self) -> None:
        for ink in self._inks.values():
            ink.close()
        self._inks = {}
        if self._bands is not None:
            self._bands.close()
            self._bands = None

    def _separate(self) -> None:
        """Put the image into a second cell, to the right."""
        image, held = self.image, self._image_layer
        assert image is not None
        assert held is not None
        double = self._double
        if double is not None and layers.replace_image(double[0], image, self._code):
            layers.replace_outlines(double[1], (), image, width=1.0)
            return
        self._drop_double()
        with self._blindfold.letting_in():
            picture = layers.add_image(self.viewer, image, name=self._code)
            empty = layers.add_outlines(self.viewer, (), image, name="Outlines", width=1.0)
        self._double = (picture, empty)
        picture.contrast_limits = held.contrast_limits
        self.viewer.layers.link_layers([held, picture], ("contrast_limits", "gamma"))
        for layer in self._double:
            layer.locked, layer.help = True, held.help
            if self._awake:
                keys.bind(layer, self._actions, self.SHORTCUTS)
        # Cells are filled from the top of the list: the case itself is to the left.
        for layer in self._double:
            place = self.viewer.layers.index(held)
            self.viewer.layers.move(self.viewer.layers.index(layer), place)
        grid = self.viewer.canvas.grid
        grid.shape, grid.stride, grid.enabled = (1, 2), -2, True
        self.viewer.layers.selection.active = self._outline_layer

    def _unite(self) -> None:
        self._drop_double()
        self.viewer.layers.selection.active = self._outline_layer

    def _drop_double(self) -> None:
        double, self._double = self._double, None
        if double is None:
            return
        grid = self.viewer.canvas.grid
        grid.enabled, grid.stride, grid.shape = False, 1, (-1, -1)
        there = [layer for layer in double if layer in self.viewer.layers]
        held = [self._image_layer] if self._image_layer in self.viewer.layers else []
        self.viewer.layers.unlink_layers([*held, *there[:1]])
        for layer in there:
            self.viewer.layers.remove(layer)

    def _drop_layers(self) -> None:
        self._drop_double()
        super()._drop_layers()


def nice(value: float) -> float:
    """Give the end of a scale that holds a value: a round number that is little larger."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    # A value that is the end itself but for its last digits needs no longer scale.
    steps = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
    return next(step * power for step in steps if value <= step * power * (1 + 1e-9))


def tones(distance: NDArray[np.float64], reach: float) -> NDArray[np.float32]:
    """Give the colours ``(n, 4)`` of signed distances.

    Green outside, magenta inside, the more opaque the farther; where the lines lie on each
    other there is no colour at all.
    """
    share = np.clip(np.abs(distance) / reach if reach > 0 else 0 * distance, 0, 1)
    colours = np.empty((len(distance), 4), dtype=np.float32)
    colours[:, :3] = np.where((distance >= 0)[:, np.newaxis], OUTSIDE, INSIDE)
    colours[:, 3] = 0.8 * share**0.7
    return colours
