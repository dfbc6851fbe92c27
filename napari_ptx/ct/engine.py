"""How a network is run: in which number format and order of memory, by a short self-test."""

from __future__ import annotations

import copy
import ctypes
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from napari_ptx.ct.errors import CtError
from napari_ptx.learn.processor import NO_UNITS, imitates_bfloat16

ENGINES = ("auto", "fp32", "bf16")

_SAME = 0.06
"""A probability may differ by so much on noise, where few voxels are certain: bfloat16 moved it
by at most 0.04 with random weights. What counts is the score of a candidate, which moves less."""

_SAME_MEAN = 0.005
_GAIN = 1.2
"""Below this gain bfloat16 is not worth its rounding, and may be the noise of a busy machine."""

PROBE = 48
"""The side of the self-test's cube in voxels: it takes seconds, and tells engines apart."""

_TURNS = 2


@dataclass(frozen=True)
class Engine:
    """How a network is run, and why.

    Parameters
    ----------
    precision
        "fp32", or "bf16": mixed precision (autocast), the weights stay in float32.
    channels_last
        Whether the channels of a voxel lie side by side in memory.
    device
        "cpu" or "cuda".
    reason
        A sentence for the record.
    """

    precision: str
    channels_last: bool
    device: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        return asdict(self)

    @property
    def order(self) -> torch.memory_format:
        """The order of memory of volumes and weights."""
        return torch.channels_last_3d if self.channels_last else torch.contiguous_format

    @property
    def training_order(self) -> torch.memory_format:
        """The same for a training, which goes back through the network, too.

        On a CPU the convolutions' way back is the faster with the channels side by side, in
        float32 as well (``norm.ChannelNorm``; ``benchmarks/bench_ct.py --training``).
        """
        return torch.channels_last_3d if self.device == "cpu" else self.order

    def prepare(self, network: nn.Module) -> nn.Module:
        """Bring a network to the device and into the order of memory, for evaluation."""
        network = network.to(self.device, memory_format=self.order)  # type: ignore[call-overload]
        return network.eval()

    def __call__(self, network: nn.Module, volume: Tensor) -> Tensor:
        """Give the logits of volumes ``(n, channels, z, y, x)`` in float32, on the device."""
        given = volume.to(self.device).contiguous(memory_format=self.order)
        kind = torch.device(self.device).type
        with (
            torch.inference_mode(),
            torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bf16"),
        ):
            logits: Tensor = network(given)
        return logits.float()


def choose(
    network: nn.Module,
    channels: int,
    asked: str = "auto",
    *,
    side: int = PROBE,
    training: bool = False,
) -> Engine:
    """Choose how a network is run on this machine.

    "auto" runs the network on a cube in float32 and in bfloat16, and takes the latter only
    where it is at least 1.2 times as fast and moves no probability by more than 0.06, nor
    their mean by more than 0.005. It takes a few seconds, of one thread and by the processor's
    own clock, which a busy machine does not lengthen. A processor without instructions for
    bfloat16 runs float32 untested; that it has some does not tell what they gain.

    Parameters
    ----------
    network
        With its weights; not changed.
    channels
        Of its input.
    asked
        One of ``ENGINES``.
    side
        Of the cube, in voxels; where patches are smaller than it, theirs.
    training
        Time the way there and back: where a processor only imitates bfloat16 the way there may
        gain 1.3-fold, and a step of a training take twice as long.

    Raises
    ------
    CtError
        There is no such engine.
    """
    if asked not in ENGINES:
        raise CtError(f"There is no engine {asked!r}; choose from {', '.join(ENGINES)}.")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    keep_memory()
    if device == "cuda":
        if asked != "fp32" and torch.cuda.is_bf16_supported(including_emulation=False):
            return Engine("bf16", True, device, "the GPU computes in bfloat16")
        return Engine("fp32", False, device, "as asked" if asked == "fp32" else "an older GPU")
    if asked == "bf16":
        return Engine("bf16", True, device, "as asked")
    # In float32 the channels stay apart: side by side they are no faster, and torch's group
    # norm sums a large map so coarsely that logits move by 0.02.
    if asked == "fp32":
        return Engine("fp32", False, device, "as asked")
    if imitates_bfloat16():
        return Engine("fp32", False, device, NO_UNITS)
    return _self_test(network, channels, device, side, training)


def _self_test(network: nn.Module, channels: int, device: str, side: int, training: bool) -> Engine:
    engines = [Engine("fp32", False, device, ""), Engine("bf16", True, device, "")]
    generator = torch.Generator().manual_seed(0)
    # Smooth, as tissue is: noise alone would ask more of rounding than any CT does.
    coarse = torch.randn((1, channels, 9, 9, 9), generator=generator)
    probe = nn.functional.interpolate(coarse, size=(side,) * 3, mode="trilinear").clamp(-1, 1)
    ready = [(engine, copy.deepcopy(network)) for engine in engines]
    for engine, placed in ready:
        engine.prepare(placed)
        if training:
            placed.to(memory_format=engine.training_order)  # type: ignore[call-overload]
    run = _there_and_back if training else Engine.__call__
    times: dict[int, list[float]] = {i: [] for i in range(len(ready))}
    answers: list[Tensor] = [torch.empty(0)] * len(ready)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for turn in range(_TURNS + 1):
            for i, (engine, placed) in enumerate(ready):
                start = time.thread_time()
                answers[i] = run(engine, placed, probe).sigmoid()
                if turn:  # the first call also prepares kernels
                    times[i].append(time.thread_time() - start)
    finally:
        torch.set_num_threads(threads)
    gain = min(times[0]) / min(times[1])
    moved = (answers[1] - answers[0]).abs()
    largest, mean = float(moved.max()), float(moved.mean())
    words = (
        f"in a self-test{' of training' if training else ''} bfloat16 was {gain:.1f} times as "
        f"fast as float32 and moved probabilities by at most {largest:.3f}"
    )
    best = engines[int(gain >= _GAIN and largest <= _SAME and mean <= _SAME_MEAN)]
    return Engine(best.precision, best.channels_last, best.device, words)


def _there_and_back(engine: Engine, network: nn.Module, volume: Tensor) -> Tensor:
    """Give the logits, and compute the gradients of some loss, as a step of a training does."""
    network.zero_grad(set_to_none=True)
    given = volume.contiguous(memory_format=engine.training_order)
    half = engine.precision == "bf16"
    with torch.autocast(torch.device(engine.device).type, torch.bfloat16, enabled=half):
        logits: Tensor = network(given)
    logits = logits.float()
    logits.square().mean().backward()  # type: ignore[no-untyped-call]
    return logits.detach()


def keep_memory() -> None:
    """Tell the C library to keep what is freed, where it is glibc.

    Each map of a patch is tens of megabytes, which glibc otherwise gets from the system and
    gives back each time; clearing the pages costs up to a quarter of the time. The largest
    threshold that glibc takes is 32 MB; without any mapping the heap keeps all of it.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return  # another C library
    trim_threshold, mmap_max = -1, -4
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(mmap_max, 0)
