"""In which number format a network is trained: the fastest that gives the same answer."""

from __future__ import annotations

import copy
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from napari_ptx.learn.processor import NO_UNITS, imitates_bfloat16
from napari_ptx.ultrasound.deep_data import NetworkConfig
from napari_ptx.ultrasound.errors import UltrasoundError

# bfloat16 keeps 8 bits: features that agree less closely than this are not rounding.
_SAME_ANSWER = 0.995
# Where a processor computes in bfloat16 the gain was 1.4-fold and more, and where it only
# imitates it there is a loss: a busy machine should not change the choice.
_GAIN = 1.2
_PROBE_SIZE, _PROBE_BATCH, _TURNS = 128, 4, 3


@dataclass(frozen=True)
class Numerics:
    """The number format of a training, and why.

    Parameters
    ----------
    name
        "fp32", "bf16" or "fp16"; the last two are mixed precision (autocast).
    reason
        A sentence for the record.
    """

    name: str
    reason: str

    def autocast(self, device: torch.device) -> torch.autocast:
        """Give the context in which the network is called."""
        dtype = torch.float16 if self.name == "fp16" else torch.bfloat16
        return torch.autocast(device.type, dtype, enabled=self.name != "fp32")

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        return {"name": self.name, "reason": self.reason}


def steady_kernels() -> AbstractContextManager[None]:
    """Give the context in which a GPU's convolutions are the same from run to run, in full float32.

    cuDNN otherwise tries several kernels and takes the fastest of the day, and rounds
    float32 to TF32. On a processor nothing changes.
    """
    flags = torch.backends.cudnn.flags(  # the library's default would turn cuDNN off
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return cast("AbstractContextManager[None]", flags)


def choose(config: NetworkConfig, network: nn.Module, device: torch.device) -> Numerics:
    """Choose the number format of a training.

    On a GPU "auto" is bfloat16 where the GPU computes in it, and float16 (with a
    scaled loss) elsewhere. On a processor it is bfloat16 only where a self-test of a
    few seconds with this network shows that it is at least 1.2 times as fast and that
    its features point in the same direction (cosine at least 0.995); where it has no
    instructions for bfloat16, it is float32 without a test.

    Raises
    ------
    UltrasoundError
        float16 is asked for without a GPU.
    """
    if config.precision != "auto":
        if config.precision == "fp16" and device.type != "cuda":
            raise UltrasoundError("The precision fp16 needs a GPU; use auto, bf16 or fp32.")
        return Numerics(config.precision, "as the settings ask")
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Numerics("bf16", "the GPU computes in bfloat16")
        return Numerics("fp16", "the GPU has no bfloat16")
    if imitates_bfloat16():
        return Numerics("fp32", NO_UNITS)
    return _self_test(config, network, device)


def _self_test(config: NetworkConfig, network: nn.Module, device: torch.device) -> Numerics:
    probe = copy.deepcopy(network)
    size = min(config.size, _PROBE_SIZE)
    generator = torch.Generator().manual_seed(0)
    batch = torch.randn((_PROBE_BATCH, config.channels, size, size), generator=generator)
    batch = batch.to(device, memory_format=torch.channels_last)
    full, half = Numerics("fp32", ""), Numerics("bf16", "")
    times: dict[str, list[float]] = {"fp32": [], "bf16": []}
    answers: dict[str, Tensor] = {}
    for turn in range(_TURNS + 1):
        for numerics in (full, half):
            start = time.perf_counter()
            answers[numerics.name] = _step(probe, batch, numerics, device)
            if turn:  # the first call also prepares kernels
                times[numerics.name].append(time.perf_counter() - start)
    cosine = nn.functional.cosine_similarity(answers["fp32"], answers["bf16"]).min().item()
    gain = min(times["fp32"]) / min(times["bf16"])
    words = f"in a self-test bfloat16 was {gain:.1f} times as fast, cosine {cosine:.4f}"
    return Numerics("bf16" if gain >= _GAIN and cosine >= _SAME_ANSWER else "fp32", words)


def _step(network: nn.Module, batch: Tensor, numerics: Numerics, device: torch.device) -> Tensor:
    """One training step without its update; gives the features."""
    network.zero_grad(set_to_none=True)
    with numerics.autocast(device):
        features: Tensor = network.encoder(batch)  # type: ignore[operator]
        logits = network.head(features)  # type: ignore[operator]
    loss = nn.functional.binary_cross_entropy_with_logits(
        logits.float(), torch.ones_like(logits, dtype=torch.float32)
    )
    loss.backward()  # type: ignore[no-untyped-call]
    return features.detach().float()
