"""Layers of the viewer as our own values: an image, and outlines in its pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari import layers
    from numpy.typing import NDArray

    from napari_ptx.image import Image
    from napari_ptx.roi import Outline

_CORNERS = 64  # of an ellipse as a polygon


def image_of(layer: layers.Image) -> Image:
    """Give the image of a layer, with its geometry where it is ours or in mm.

    Raises
    ------
    PtxError
        If it is neither a 2-D image nor a stack of them.
    """
    from napari_ptx.image import Image

    ours = layer.metadata.get("ptx", {}).get("image")
    if isinstance(ours, Image):
        return ours
    pixels = np.asarray(layer.data)
    if layer.multiscale or layer.ndim not in (2, 3):
        raise PtxError(
            f"The layer {layer.name} is not a picture or a stack of pictures; choose another."
        )
    calibrated = all(str(unit) in ("mm", "millimeter") for unit in layer.units[-2:])
    spacing = tuple(float(abs(step)) for step in layer.scale) if calibrated else (1.0,) * layer.ndim
    return Image(
        pixels=pixels[..., :3] if layer.rgb else pixels,
        axes="yx" if layer.ndim == 2 else "tyx",
        spacing=spacing if layer.ndim == 2 else (1.0, *spacing[1:]),
        calibrated=calibrated,
        colour=layer.rgb,
    )


def outlines_of(
    layer: layers.Shapes | layers.Labels, image: layers.Image, frame: int
) -> tuple[Outline, ...]:
    """Give what is drawn in a layer as outlines in the pixels of an image layer.

    Shapes give their polygons, paths, rectangles and ellipses; labels give the outline
    of all that is painted. Of a stack it is what is drawn on the present frame.

    Raises
    ------
    PtxError
        If there is nothing.
    """
    from napari.layers import Labels

    from napari_ptx.roi import Outline, trace

    if isinstance(layer, Labels):
        painted = np.asarray(layer.data[frame] if layer.ndim == 3 else layer.data) > 0
        rings = [(outline.points, outline.holes) for outline in trace(painted)]
    else:
        rings = [
            (ring, ()) for kind, data in zip(layer.shape_type, layer.data, strict=True)
            if (ring := _ring(kind, data, frame)) is not None
        ]  # fmt: skip
    if not rings:
        raise PtxError(f"The layer {layer.name} has no outline here; draw around the lesion.")
    there = frame if image.ndim == 3 else 0
    return tuple(
        Outline(
            _moved(ring, layer, image),
            tuple(_moved(hole, layer, image) for hole in holes),
            frame=there,
        )
        for ring, holes in rings
    )


def _ring(kind: str, data: NDArray[np.float64], frame: int) -> NDArray[np.float64] | None:
    if kind == "line" or len(data) < 3:
        return None
    if data.shape[1] == 3:
        if np.rint(data[0, 0]) != frame:
            return None
        data = data[:, 1:]
    if kind != "ellipse":
        return data
    centre = data.mean(axis=0)
    first, second = (data[1] - data[0]) / 2, (data[3] - data[0]) / 2
    turn = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)[:, None]
    return centre + np.cos(turn) * first + np.sin(turn) * second


def _moved(
    ring: NDArray[np.float64], layer: layers.Layer, image: layers.Image
) -> NDArray[np.float64]:
    """Bring points of one layer's plane into the pixels of another's."""
    scale = np.asarray(layer.scale[-2:]) / np.asarray(image.scale[-2:])
    start = (np.asarray(layer.translate[-2:]) - np.asarray(image.translate[-2:])) / np.asarray(
        image.scale[-2:]
    )
    return np.asarray(ring, dtype=np.float64) * scale + start
