"""Grad-CAM: where in a crop a network found evidence, on the crop's and the image's grid."""

from __future__ import annotations

import copy
import math
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_ptx.ultrasound.deep import TrainedNetwork
from napari_ptx.ultrasound.deep_data import Crops
from napari_ptx.ultrasound.networks import as_input, resized

Evidence = Literal["positive", "negative"]


class CropLike(Protocol):
    """What ``grad_cam`` needs of a crop: ``crop.Crop`` has it."""

    @property
    def image(self) -> NDArray[np.float32]:
        """``(size, size)``, grey values in 0..1."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """``(size, size)``, the ROI."""


class _TwoClasses(nn.Module):
    """The same network with a logit for each class, so that either can be asked for."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensor) -> Tensor:
        logit: Tensor = self.network(batch)
        return torch.cat([-logit, logit], 1)


def grad_cam(
    trained: TrainedNetwork, crop: CropLike, *, evidence: Evidence = "positive"
) -> NDArray[np.float32]:
    """Show which parts of a crop speak for a class.

    Parameters
    ----------
    trained
        The network.
    crop
        With ``image`` and ``mask``, of any side.
    evidence
        For class 1 ("positive") or class 0.

    Returns
    -------
    numpy.ndarray
        ``(size, size)`` of the crop, 0 to 1 (the strongest place of this crop; maps of
        two crops have no common scale). All zero where nothing speaks for the class.

    References
    ----------
    Selvaraju et al., Grad-CAM, ICCV 2017, for the last convolutional stage (layer4);
    as MONAI computes it.
    """
    from monai.visualize.class_activation_maps import GradCAM

    held = Crops(crop.image[None], crop.mask[None])
    small = resized(held, trained.config.size)
    batch = as_input(small.images, small.masks, trained.config.channels)
    # MONAI leaves its hooks on the network that it is given.
    network = _TwoClasses(copy.deepcopy(trained.network)).eval()
    device = next(network.parameters()).device
    camera = GradCAM(network, "network.encoder.layer4", postprocessing=lambda found: found)
    found = camera(batch.to(device), class_idx=int(evidence == "positive"))
    if held.size != small.size:
        found = nn.functional.interpolate(found, (held.size, held.size), mode="bilinear")
    shown: NDArray[np.float32] = found[0, 0].detach().float().cpu().numpy()
    peak = float(shown.max())
    return shown / np.float32(peak) if peak > 0 else np.zeros_like(shown)


def on_image(
    shown: NDArray[np.float32], box: tuple[float, float, float, float], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Put a map of a crop back on the grid of the image.

    Parameters
    ----------
    shown
        ``(size, size)`` on the crop.
    box
        Top, left, bottom and right edge of the crop in the image, as ``Crop.box``.
    shape
        Rows and columns of the image.

    Returns
    -------
    numpy.ndarray
        ``(y, x)``, float32; 0 outside the crop, which the network did not see. A
        pixel has the value of the map at its centre, bilinearly.
    """
    from scipy.ndimage import map_coordinates

    top, left, bottom, right = box
    result = np.zeros(shape, dtype=np.float32)
    # Pixels whose centres (a half from their edge) lie in the box.
    rows = np.arange(max(math.ceil(top - 0.5), 0), min(math.ceil(bottom - 0.5), shape[0]))
    columns = np.arange(max(math.ceil(left - 0.5), 0), min(math.ceil(right - 0.5), shape[1]))
    size_y, size_x = shown.shape
    y = (rows + 0.5 - top) / (bottom - top) * size_y - 0.5
    x = (columns + 0.5 - left) / (right - left) * size_x - 0.5
    places = np.meshgrid(y, x, indexing="ij")
    result[np.ix_(rows, columns)] = map_coordinates(shown, places, order=1, mode="nearest")
    return result
