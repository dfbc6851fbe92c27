"""napari sample data: the simulated ultrasound that the demo study is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    LayerData = tuple[Any, dict[str, Any], str]


def adenoma() -> list[LayerData]:
    """Simulate an adenoma-like lesion, with its exact border."""
    return _case(seed=1, label=0)


def atypical() -> list[LayerData]:
    """Simulate an atypical-like lesion, with its exact border."""
    return _case(seed=2, label=1)


def demo_cases() -> list[LayerData]:
    """Give the images of the demo study as a stack; the slider goes through the cases.

    Every image has a spacing of its own, so the stack is in pixels; smaller images
    are filled up with black.
    """
    import numpy as np

    from napari_ptx.study.demo import demo_phantoms

    images = [phantom.image for phantom in demo_phantoms()]
    height, width = np.max([image.shape for image in images], axis=0)
    stack = np.zeros((len(images), height, width), dtype=images[0].pixels.dtype)
    for place, image in enumerate(images):
        stack[place, : image.shape[0], : image.shape[1]] = image.pixels
    options = {
        "name": "simulated neck ultrasound",
        "contrast_limits": (0, 255),
        "units": ("pixel", "pixel", "pixel"),
        "axis_labels": ("case", "y", "x"),
    }
    return [(stack, options, "image")]


def _case(seed: int, label: int) -> list[LayerData]:
    from napari_ptx.docks.layers import OUTLINE, grid, image_options, outline_data
    from napari_ptx.phantom.ultrasound import simulate

    phantom = simulate(seed, label=label)
    kind = "atypical-like" if label else "adenoma-like"
    border = {
        "name": f"true border (simulated, {kind})",
        "shape_type": "polygon",
        "edge_color": OUTLINE,
        "face_color": "transparent",
        "edge_width": max(phantom.image.shape) / 400,
        **grid(phantom.image),
    }
    return [
        (phantom.image.pixels, image_options(phantom.image, f"simulated, {kind}"), "image"),
        (outline_data(phantom.truth, phantom.image), border, "shapes"),
    ]
