"""napari sample data: the simulated ultrasound that the demo study is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    LayerData = tuple[Any, dict[str, Any], str]


SHOWN = 6
"""Cases in the stack; each takes half a second to simulate."""


def adenoma() -> list[LayerData]:
    """Give the demo's first adenoma-like lesion, with its exact border."""
    return _case(label=0)


def atypical() -> list[LayerData]:
    """Give the demo's first atypical-like lesion, with its exact border."""
    return _case(label=1)


def demo_cases() -> list[LayerData]:
    """Give the first cases of the demo as a stack; the slider goes through them.

    Every image has a spacing of its own, so the stack is in pixels; smaller images
    are filled up with black.
    """
    import numpy as np
    from napari.utils import progress

    from napari_ptx.phantom.samples import demo_samples

    samples = demo_samples(SHOWN)
    images = [sample.render().image for sample in progress(samples, desc="Simulating ultrasound")]
    height, width = np.max([image.shape for image in images], axis=0)
    stack = np.zeros((len(images), height, width), dtype=images[0].pixels.dtype)
    for place, image in enumerate(images):
        stack[place, : image.shape[0], : image.shape[1]] = image.pixels
    options = {
        "name": "simulated neck ultrasound",
        "contrast_limits": (0, 255),
        "units": ("pixel", "pixel", "pixel"),
        "axis_labels": ("case", "y", "x"),
        "metadata": {"cases": [sample.case for sample in samples]},
    }
    return [(stack, options, "image")]


def _case(label: int) -> list[LayerData]:
    from napari_ptx.docks.layers import OUTLINE, grid, image_options, outline_data
    from napari_ptx.phantom.samples import demo_samples

    sample = next(one for one in demo_samples() if one.scenario.label == label)
    phantom = sample.render()
    kind = "atypical-like" if label else "adenoma-like"
    border = {
        "name": f"true border ({kind}, simulated)",
        "shape_type": "polygon",
        "edge_color": OUTLINE,
        "face_color": "transparent",
        "edge_width": max(phantom.image.shape) / 400,
        **grid(phantom.image),
    }
    return [
        (phantom.image.pixels, image_options(phantom.image, sample.case), "image"),
        (outline_data(phantom.truth, phantom.image), border, "shapes"),
    ]
