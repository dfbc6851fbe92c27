"""Time one training step of the networks: float32 against bfloat16, memory order, channels.

Run: python benchmarks/bench_resnet.py
The answers (features) of the variants are compared before anything is timed. Everything
is timed in one process, in turns, so that a busy machine is busy for all; the ratios are
medians of the turns. The last column says what an epoch of 266 crops, as the real
training set of the acceptance test has, would take at that speed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from napari_ptx.ultrasound.networks import build
from napari_ptx.ultrasound.precision import Numerics

CROPS = 266


@dataclass
class Variant:
    name: str
    numerics: Numerics
    order: torch.memory_format
    network: nn.Module
    optimizer: torch.optim.Optimizer
    batch: Tensor
    times: list[float] = field(default_factory=list)

    def features(self) -> Tensor:
        self.network.eval()
        with torch.inference_mode(), self.numerics.autocast(self.batch.device):
            return self.network.encoder(self.batch).float()

    def step(self) -> float:
        self.network.train()
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        with self.numerics.autocast(self.batch.device):
            logits = self.network(self.batch)
        labels = torch.ones((len(self.batch), 1), device=self.batch.device)
        nn.functional.binary_cross_entropy_with_logits(logits.float(), labels).backward()
        self.optimizer.step()
        if self.batch.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - start


def variants(arch: str, channels: int, size: int, count: int, device: str) -> list[Variant]:
    generator = torch.Generator().manual_seed(0)
    batch = torch.randn((count, channels, size, size), generator=generator).to(device)
    made = []
    for precision in ("fp32", "bf16"):
        for name, order in (
            ("contiguous", torch.contiguous_format),
            ("channels last", torch.channels_last),
        ):
            network = build(arch, channels)[0].to(device, memory_format=order)
            optimizer = torch.optim.AdamW(network.parameters(), 1e-4, fused=True)
            numerics = Numerics(precision, "")
            given = batch.to(memory_format=order)
            made.append(Variant(f"{precision}, {name}", numerics, order, network, optimizer, given))
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0: as torch chooses")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "cases",
        nargs="*",
        default=["resnet101:1:500:2", "resnet101:2:500:2", "resnet18:1:128:16"],
        help="architecture:channels:side:batch",
    )
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(f"{arguments.device}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for case in arguments.cases:
        arch, *numbers = case.split(":")
        channels, size, count = map(int, numbers)
        made = variants(arch, channels, size, count, arguments.device)
        expected = made[0].features()
        print(f"{arch}, {channels} channels, {size} x {size}, batch {count}")
        for variant in made:
            cosine = nn.functional.cosine_similarity(variant.features(), expected).min().item()
            if cosine < (0.9999 if variant.numerics.name == "fp32" else 0.995):
                print(f"{variant.name}: cosine {cosine:.4f}; the answers differ, nothing is timed")
                return 1
            variant.step()  # prepares kernels
        for _ in range(arguments.turns):
            for variant in made:
                variant.times.append(variant.step())
        for variant in made:
            ratios = [
                first / mine for first, mine in zip(made[0].times, variant.times, strict=True)
            ]
            step = statistics.median(variant.times)
            print(
                f"  {variant.name:22s} median {step:8.3f} s a step, "
                f"{statistics.median(ratios):5.2f} times as fast as the first, "
                f"{step * CROPS / count / 60:7.2f} min an epoch of {CROPS} crops",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
