"""The 3-D U-Net of the glands: MONAI's DynUNet, normalised by groups, told which phase is absent.

``GroupNorm(C, C)`` is ``InstanceNorm3d`` by another name: the same numbers and the same names
of weights. The latter turns every map from channels-last to contiguous and back
(pytorch#72341), which costs more than all convolutions in bfloat16.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from monai.networks.nets.dynunet import DynUNet
from torch import Tensor, nn

from napari_ptx.ct.errors import CtError
from napari_ptx.ct.norm import ChannelNorm

ABSENT = -2.0
"""The value of a channel whose phase is absent; a normalised CT never leaves [-1, 1]."""

AIR = -1.0
"""The normalised value of air, and of what lies outside the volume."""

WIDEST = 320
"""The most channels of a stage, as in nnU-Net."""

BASES = (8, 16, 32)


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a network.

    Parameters
    ----------
    channels
        Phases that it sees at once.
    classes
        Kinds of structures, each with a logit of its own; background has none.
    base
        Channels of the first stage; each later one has twice as many, at most ``WIDEST``.
    stages
        Resolutions; each halves the one before.
    """

    channels: int = 2
    classes: int = 1
    base: int = 16
    stages: int = 5

    def __post_init__(self) -> None:
        for name, low, high in (
            ("channels", 1, 8),
            ("classes", 1, 200),
            ("base", 1, 64),
            ("stages", 3, 7),
        ):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise CtError(
                    f"The network's {name} is {value!r}; give a whole number from {low} to {high}."
                )

    @property
    def factor(self) -> int:
        """What the sides of a patch must be a multiple of, in voxels."""
        return int(2 ** (self.stages - 1))

    @property
    def filters(self) -> tuple[int, ...]:
        """The channels of each stage."""
        return tuple(min(self.base * 2**stage, WIDEST) for stage in range(self.stages))

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """Take what ``to_json`` gave.

        Raises
        ------
        CtError
            For another name or a value out of range.
        """
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            raise CtError(f"A network has no setting {unknown[0]!r}; take it out of the file.")
        return cls(**values)

    def monai(self) -> dict[str, Any]:
        """Give the arguments of MONAI's ``DynUNet`` that make the same network."""
        strides = [1] + [2] * (self.stages - 1)
        return {
            "spatial_dims": 3,
            "in_channels": self.channels,
            "out_channels": self.classes,
            "kernel_size": [3] * self.stages,
            "strides": strides,
            "upsample_kernel_size": strides[1:],
            "filters": list(self.filters),
            "norm_name": ["INSTANCE", {"affine": True}],
        }


def stages_for(base: int) -> int:
    """Give the depth that goes with a width: 4 stages for the small network, else 5."""
    return 4 if base <= 8 else 5


class GlandNet(DynUNet):
    """A DynUNet that gives one logit per class and voxel.

    A channel that is ``ABSENT`` throughout is a phase that was not taken. It is seen as
    zeros, and a learned vector per phase is added after the first normalisation: a flag
    as one more input channel would be constant, and normalising takes constants away.

    Parameters
    ----------
    config
        The shape.

    Notes
    -----
    The weights have the names of MONAI's network without their aliases under
    ``skip_layers``. With all phases there, its answer is that network's.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(**config.monai())
        self.config = config
        # The same modules under second names, for TorchScript only.
        del self.skip_layers
        group_norms(self)
        self.absent = nn.Parameter(torch.zeros(config.channels, config.filters[0]))

    def forward(self, volume: Tensor) -> Tensor:
        """Give logits ``(n, classes, z, y, x)`` of volumes ``(n, channels, z, y, x)``."""
        missing = (volume == ABSENT).flatten(2).all(2)
        first = self.input_block
        if missing.any():
            volume = volume.masked_fill(missing[:, :, None, None, None], 0.0)
        found = first.norm1(first.conv1(volume))
        # Also where nothing is missing: all processes of a training need the gradient.
        shift = missing.to(found.dtype) @ self.absent.to(found.dtype)
        found = first.lrelu(found + shift[:, :, None, None, None])
        found = first.lrelu(first.norm2(first.conv2(found)))
        skips = [found]
        for down in self.downsamples:
            skips.append(down(skips[-1]))
        found = self.bottleneck(skips[-1])
        for up, skip in zip(self.upsamples, reversed(skips), strict=True):
            found = up(found, skip)
        logits: Tensor = self.output_block(found)
        return logits


def group_norms(network: nn.Module) -> None:
    """Put ``GroupNorm(C, C)`` in the place of each ``InstanceNorm3d``, with its weights.

    Only where the statistics are those of the volume itself, as they nearly always are.
    """
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if not isinstance(child, nn.InstanceNorm3d) or child.track_running_stats:
                continue
            swapped = ChannelNorm(child.num_features, child.eps, child.affine)
            if child.affine:
                swapped.weight, swapped.bias = child.weight, child.bias
            setattr(module, name, swapped)


def build(config: NetworkConfig, seed: int = 0) -> GlandNet:
    """Make a network with the first weights that belong to a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GlandNet(config)


def load_weights(network: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Put weights into a network; all of them, and nothing else.

    Parameters
    ----------
    network
        Filled in place.
    tensors
        By name; MONAI's aliases under ``skip_layers`` are left out, and what a network of
        MONAI does not have (``absent``) starts at zero.
    source
        The file, for the error.

    Raises
    ------
    CtError
        A tensor is missing, one too many, of another shape, or not of numbers.
    """
    state = network.state_dict()
    given = {name: value for name, value in tensors.items() if not _alias(name)}
    if "absent" in state:
        given.setdefault("absent", torch.zeros_like(state["absent"]))
    missing = sorted(set(state) - set(given))
    extra = sorted(set(given) - set(state))
    if missing or extra:
        raise CtError(
            f"{source} does not hold the weights of this network: {len(missing)} of its tensors "
            f"are missing and {len(extra)} are too many ({(missing + extra)[0]}...); take the "
            "file that belongs to it."
        )
    for name, value in given.items():
        if value.shape != state[name].shape:
            raise CtError(
                f"{source} does not hold the weights of this network: {name} is "
                f"{tuple(value.shape)}, not {tuple(state[name].shape)}."
            )
        if not torch.isfinite(value).all():
            raise CtError(f"{source} is damaged: {name} holds what is not a number.")
    network.load_state_dict(given)


def config_of(tensors: Mapping[str, Tensor], source: str) -> NetworkConfig:
    """Work out the shape of a network from its weights.

    Raises
    ------
    CtError
        They are not those of a DynUNet.
    """
    stem = tensors.get("input_block.conv1.conv.weight")
    head = tensors.get("output_block.conv.conv.weight")
    if stem is None or head is None or stem.ndim != 5 or head.ndim != 5:
        first = next(iter(tensors), "nothing")
        raise CtError(
            f"{source} holds the weights of another network than MONAI's 3-D DynUNet (its first "
            f"is {first}); only that one is known here."
        )
    stages = 2 + len({name.split(".")[1] for name in tensors if name.startswith("downsamples.")})
    return NetworkConfig(stem.shape[1], head.shape[0], stem.shape[0], stages)


def _alias(name: str) -> bool:
    return name.startswith(("skip_layers.", "heads."))
