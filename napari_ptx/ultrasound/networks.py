"""MONAI's ResNet as a classifier of crops: 2-D, one or two channels, one logit."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import torch
from monai.networks.nets import resnet
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_ptx.ultrasound.deep_data import FEATURES, Crops
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.weights import WeightsReport, adapt_weights, read_weights

# The mean and the spread of ImageNet's grey values, on the scale 0..1: what published
# weights expect, and a sensible scale for training from nothing.
GREY_MEAN, GREY_SPREAD = 0.449, 0.226


class Classifier(nn.Module):
    """A ResNet whose average pool is read out as features and as one logit.

    Parameters
    ----------
    arch, channels
        As in ``NetworkConfig``.

    Notes
    -----
    The encoder is the network of He et al. 2016 as it is published with ImageNet
    weights, tensor for tensor. MONAI's defaults differ: its stem does not stride, and
    the shortcuts of its ResNet18 and 34 are without weights, both of which are set
    here. The logit is that of class 1.
    """

    def __init__(self, arch: str, channels: int) -> None:
        super().__init__()
        self.encoder = getattr(resnet, arch)(
            spatial_dims=2,
            n_input_channels=channels,
            conv1_t_stride=2,
            shortcut_type="B",
            bias_downsample=False,
            feed_forward=False,
        )
        self.head = nn.Linear(FEATURES[arch], 1)

    def forward(self, batch: Tensor) -> Tensor:
        """Turn ``(n, channels, size, size)`` into ``(n, 1)`` logits."""
        return cast(Tensor, self.head(self.encoder(batch)))


def build(
    arch: str, channels: int, weights: str | Path | None = None, *, seed: int = 0
) -> tuple[Classifier, WeightsReport | None]:
    """Make a network with its first weights.

    Parameters
    ----------
    arch, channels
        As in ``NetworkConfig``.
    weights
        A file of ImageNet weights; without one the weights are drawn (He et al. 2015).
    seed
        Decides what is drawn; the global generator is left as it was.

    Returns
    -------
    tuple
        The network in training mode, and what was taken from ``weights``.

    Raises
    ------
    UltrasoundError
        An unknown architecture, or a file whose weights do not fit it.
    """
    if arch not in FEATURES or channels not in (1, 2):
        raise UltrasoundError(f"There is no network {arch!r} with {channels} channels.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Classifier(arch, channels)
    if weights is None:
        return network, None
    path = Path(weights)
    tensors = read_weights(path)
    adapted, report = adapt_weights(tensors, network.encoder.state_dict(), path, arch)
    network.encoder.load_state_dict(adapted, strict=True)
    return network, report


def as_input(images: NDArray[np.float32], masks: NDArray[np.bool_], channels: int) -> Tensor:
    """Make the network's input.

    Parameters
    ----------
    images, masks
        ``(n, size, size)``: grey values in 0..1, and the ROI.
    channels
        1 for the image alone, 2 for the ROI (0 and 1) beside it.

    Returns
    -------
    torch.Tensor
        float32 ``(n, channels, size, size)``, channels last in memory: convolutions
        are faster so.
    """
    planes = [(torch.from_numpy(np.ascontiguousarray(images)) - GREY_MEAN) / GREY_SPREAD]
    if channels == 2:
        planes.append(torch.from_numpy(masks.astype(np.float32)))
    return torch.stack(planes, 1).contiguous(memory_format=torch.channels_last)


def resized(crops: Crops, size: int) -> Crops:
    """Give the crops at the side that a network sees.

    Images are resized bilinearly with antialiasing, and masks likewise and then cut
    at one half. Crops of that side are given back as they are.
    """
    if crops.size == size or not len(crops):
        return crops

    def resize(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        small = nn.functional.interpolate(
            torch.from_numpy(np.ascontiguousarray(planes))[:, None],
            (size, size),
            mode="bilinear",
            antialias=True,
        )
        return small[:, 0].numpy()

    masks = resize(crops.masks.astype(np.float32)) >= 0.5
    return Crops(resize(crops.images), masks, crops.labels, crops.patients)
