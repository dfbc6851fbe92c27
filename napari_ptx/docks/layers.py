"""Every layer of ours is made here, so that scale, units and axis names always agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import napari.layers
    from napari import Viewer

    from napari_ptx.docks.blend import Blend
    from napari_ptx.image import Image
    from napari_ptx.roi import Instances, Outline

SELECTED = "#ffe028"
"""Yellow: stands out on grey, on dark and on bright tissue, and to the colour-blind."""
OUTLINE = "#ff9a3c"
AID = "#ff6ae0"
PREVIEW = "#4de3ff"

_AXES = {"y": "y", "x": "x", "z": "z", "t": "frame"}


def grid(image: Image) -> dict[str, Any]:
    """Give a layer's ``scale``, ``units`` and ``axis_labels`` for the pixels of an image.

    A calibrated image is in mm. One that is calibrated only in parts, or not at
    all, is in pixels: a scale bar in mm would be wrong somewhere. Frames are counted.
    """
    calibrated = image.calibrated and not image.regions
    return {
        "scale": tuple(
            spacing if calibrated and axis != "t" else 1.0
            for axis, spacing in zip(image.axes, image.spacing, strict=True)
        ),
        "units": tuple("mm" if calibrated and axis != "t" else "pixel" for axis in image.axes),
        "axis_labels": tuple(_AXES[axis] for axis in image.axes),
    }


def full_window(image: Image) -> tuple[float, float]:
    """Give the contrast limits that an image opens with.

    Eight-bit pictures keep their whole range, so that all look as on the scanner;
    others open at their 0.5th and 99.5th percentile.
    """
    if image.pixels.dtype == np.uint8:
        return 0.0, 255.0
    low, high = (float(value) for value in np.percentile(_sample(image), (0.5, 99.5)))
    return (low, high) if low < high else (low, low + 1.0)


def image_options(image: Image, name: str) -> dict[str, Any]:
    """Give the options of ``add_image`` for an image; a reader returns them to napari."""
    return {
        "name": name,
        "rgb": image.colour,
        "contrast_limits": full_window(image),
        "metadata": {"ptx": {"kind": "image", "image": image}},
        **grid(image),
    }


def label_options(image: Image, name: str) -> dict[str, Any]:
    """Give the options of ``add_labels`` for a label map."""
    return {"name": name, "metadata": {"ptx": {"kind": "labels", "image": image}}, **grid(image)}


def structure_options(found: Instances, name: str) -> dict[str, Any]:
    """Give the options of ``add_labels`` for structures, which the cursor then names."""
    return {
        "name": name,
        "features": {
            "index": [0, *(one.number for one in found.structures)],
            "structure": ["", *(one.name for one in found.structures)],
        },
        "metadata": {"ptx": {"kind": "structures", "image": found.image}},
        **grid(found.image),
    }


def add_image(viewer: Viewer, image: Image, *, name: str, **options: Any) -> napari.layers.Image:
    """Add an image to a viewer."""
    return viewer.add_image(image.pixels, **(image_options(image, name) | options))


def replace_image(layer: napari.layers.Image, image: Image, name: str) -> bool:
    """Show another image in the same layer, which is ten times faster than a new one.

    Returns
    -------
    bool
        Whether it could: grey does not become colour, and the axes must be the same.
    """
    if layer.rgb != image.colour or layer.ndim != len(image.axes):
        return False
    layer.data = image.pixels
    _regrid(layer, image)
    layer.contrast_limits_range = grey_range(image)
    layer.contrast_limits = full_window(image)
    layer.gamma = 1.0
    layer.name = name
    layer.metadata = {"ptx": {"kind": "image", "image": image}}
    return True


def outline_data(outlines: Sequence[Outline], image: Image) -> list[np.ndarray]:
    """Give the rings of outlines as a ``Shapes`` layer on this image has them.

    They are closed paths: the first vertex comes again at the end. napari would
    cut polygons of so many vertices into triangles, which takes it 50 times longer.
    """
    rings = []
    for outline in outlines:
        for open_ring in outline.rings:
            ring = np.concatenate([open_ring, open_ring[:1]])
            if len(image.axes) == 3:
                frame = np.full((len(ring), 1), float(outline.frame))
                rings.append(np.concatenate([frame, ring], axis=1))
            else:
                rings.append(ring)
    return rings


def add_outlines(
    viewer: Viewer,
    outlines: Sequence[Outline],
    image: Image,
    *,
    name: str,
    colour: str = OUTLINE,
    width: float | None = None,
    meta: Mapping[str, Any] | None = None,
    **options: Any,
) -> napari.layers.Shapes:
    """Add outlines to a viewer, in the pixel grid of their image.

    Parameters
    ----------
    width
        Of the line, in image pixels; by default 1/400 of the image, about 2 screen
        pixels when it is fitted to the canvas.
    meta
        More for ``metadata["ptx"]``, which always has "kind".
    """
    if width is None:
        width = max(image.shape[-2:]) / 400
    layer = viewer.add_shapes(
        outline_data(outlines, image) or None,
        ndim=len(image.axes),
        shape_type="path",
        edge_color=colour,
        face_color="transparent",
        edge_width=width,
        name=name,
        metadata={"ptx": {"kind": "outlines", **(meta or {})}},
        **(grid(image) | options),
    )
    layer.mode = "pan_zoom"
    return layer


def replace_outlines(
    layer: napari.layers.Shapes, outlines: Sequence[Outline], image: Image, *, width: float
) -> bool:
    """Show other outlines in the same layer; as ``replace_image``."""
    if layer.ndim != len(image.axes):
        return False
    if layer.nshapes:
        layer.data = []
    _regrid(layer, image)
    if rings := outline_data(outlines, image):
        layer.add(
            rings,
            shape_type="path",
            edge_width=width,
            edge_color=layer.current_edge_color,
            face_color="transparent",
        )
        layer.selected_data = set()
    layer.editable = False
    return True


def add_map(
    viewer: Viewer,
    values: NDArray[np.float32],
    image: Image,
    *,
    name: str,
) -> napari.layers.Image:
    """Lay a map of values ``(y, x)`` over an image, which shows through; NaN is transparent."""
    known = grid(image)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return viewer.add_image(
        values,
        name=name,
        colormap="inferno",
        opacity=0.5,
        blending="translucent_no_depth",
        contrast_limits=(low, high if high > low else low + 1.0),
        scale=known["scale"][-2:],
        units=known["units"][-2:],
        axis_labels=known["axis_labels"][-2:],
        metadata={"ptx": {"kind": "map"}},
    )


def add_glands(
    viewer: Viewer,
    labels: NDArray[Any],
    image: Image,
    *,
    name: str,
    corner: Sequence[int] = (0, 0, 0),
    **options: Any,
) -> napari.layers.Labels:
    """Lay the instances of glands over a volume.

    Parameters
    ----------
    labels
        Integers ``(z, y, x)`` on the grid of the image, or a part of it.
    corner
        The voxel of the image where the part begins.
    """
    known = grid(image)
    return viewer.add_labels(
        labels,
        name=name,
        translate=tuple(at * step for at, step in zip(corner, known["scale"], strict=True)),
        metadata={"ptx": {"kind": "glands"}},
        **(known | options),
    )


def add_blend(
    viewer: Viewer, blend: Blend, image: Image, *, name: str, **options: Any
) -> napari.layers.Image:
    """Add a picture that is computed from two volumes on the grid of an image."""
    return viewer.add_image(
        blend, name=name, metadata={"ptx": {"kind": "blend"}}, **(grid(image) | options)
    )


def _regrid(layer: napari.layers.Layer, image: Image) -> None:
    values = grid(image)
    if tuple(layer.scale) != values["scale"]:
        layer.scale = values["scale"]
    if tuple(str(unit) for unit in layer.units) != values["units"]:
        layer.units = values["units"]
    if tuple(layer.axis_labels) != values["axis_labels"]:
        layer.axis_labels = values["axis_labels"]


def grey_range(image: Image) -> tuple[float, float]:
    """Give the darkest and the brightest grey value that an image can have, or has."""
    if image.pixels.dtype == np.uint8:
        return 0.0, 255.0
    pixels = _sample(image)
    low, high = float(pixels.min()), float(pixels.max())
    return (low, high) if low < high else (low, low + 1.0)


def _sample(image: Image) -> NDArray[Any]:
    """Give about a million grey values of an image, evenly spread: enough to choose a window."""
    # Not reshaped: of a volume that was turned that would be a copy.
    return image.pixels.flat[:: max(image.pixels.size // 1_000_000, 1)]
