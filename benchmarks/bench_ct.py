"""Time a whole volume through the network: MONAI's sliding window as it is against ours.

Run: python benchmarks/bench_ct.py
One volume of two phases, 192 x 144 x 144 voxels, the same weights, patches and overlap. The
network is first trained for a few steps on balls in noise, so that there is something to
find; before anything is timed, the probabilities in float32 must be the same and the
candidates of both must be the same with scores within 0.02. Both are timed in one process, in
turns, so that a busy machine is busy for both; the ratio is the median of the turns. Ours
includes its self-test where "with the self-test" stands. With --training it times steps of a
training instead, with the channels of a voxel side by side in memory and apart.
"""

from __future__ import annotations

import argparse
import copy
import math
import statistics
import sys
import time

import numpy as np
import torch
from monai.inferers import SlidingWindowInferer
from monai.networks.nets import DynUNet
from scipy import ndimage
from torch import Tensor

from napari_ptx.ct.engine import Engine, choose
from napari_ptx.ct.inference import sweep
from napari_ptx.ct.loss import loss
from napari_ptx.ct.network import NetworkConfig, build, stages_for

SHAPE, PATCH, TRAINED = (192, 144, 144), (96, 96, 96), (32, 32, 32)


def volume(shape: tuple[int, int, int], seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Two phases with balls that take up contrast, and their labels."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(0, 1, (2, *shape)).astype(np.float32)
    phases = 0.08 * noise + ndimage.gaussian_filter(generator.normal(0, 2, shape), 4)[None]
    labels = np.zeros(shape, np.int64)
    grid = np.indices(shape)
    for number in range(1, count + 1):
        middle = [generator.integers(8, side - 8) for side in shape]
        ball = sum((axis - at) ** 2 for axis, at in zip(grid, middle, strict=True))
        labels[ball < generator.uniform(3, 6) ** 2] = number
    phases[0][labels > 0] += 0.1
    phases[1][labels > 0] += 0.6
    return torch.from_numpy(phases.astype(np.float32)).clamp_(-1, 1), torch.from_numpy(labels)


def train(network: torch.nn.Module, steps: int, engine: Engine) -> float:
    """Teach the network the balls, in the number format of the engine."""
    phases, labels = volume((64, 64, 64), 1, 10)
    generator = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    places = torch.nonzero(labels)
    value = torch.zeros(())
    network.train()
    for _ in range(steps):
        middle = places[generator.integers(len(places))].numpy() + generator.integers(-8, 9, 3)
        corner = np.clip(middle - 16, 0, 64 - 32)
        box = tuple(slice(int(c), int(c) + side) for c, side in zip(corner, TRAINED, strict=True))
        optimizer.zero_grad(set_to_none=True)
        mine = labels[box][None]
        given = phases[(slice(None), *box)][None].contiguous(memory_format=engine.order)
        with torch.autocast("cpu", torch.bfloat16, enabled=engine.precision == "bf16"):
            logits = network(given)
        value = loss(logits, (mine > 0).float()[None], mine)
        value.backward()
        optimizer.step()
    network.eval()
    return float(value.detach())


def time_training(config: NetworkConfig, turns: int, half: bool, side: int = 64) -> None:
    """Time steps of two patches, forth and back, in both orders of memory."""
    generator = torch.Generator().manual_seed(0)
    volume = torch.rand((2, 2, side, side, side), generator=generator) * 2 - 1
    target = (volume[:, :1] > 0.99).float()
    seconds: dict[str, list[float]] = {"side by side": [], "apart": []}
    values: dict[str, float] = {}
    networks = {name: build(config).train() for name in seconds}
    orders = {"side by side": torch.channels_last_3d, "apart": torch.contiguous_format}
    for turn in range(turns + 1):
        for name, network in networks.items():
            network.to(memory_format=orders[name])
            given = volume.contiguous(memory_format=orders[name])
            network.zero_grad(set_to_none=True)
            start = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                logits = network(given)
            value = loss(logits, target, target[:, 0].long())
            value.backward()
            if turn:  # the first also prepares kernels
                seconds[name].append(time.perf_counter() - start)
            values[name] = float(value.detach())
    apart = abs(values["apart"] - values["side by side"])
    print(f"loss {values['apart']:.4f}, apart and side by side within {apart:.4f}")
    ratio = statistics.median(
        a / b for a, b in zip(seconds["apart"], seconds["side by side"], strict=True)
    )
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    print(
        f"a step in {'bfloat16' if half else 'float32'}: channels apart {middle['apart']:.2f} s, "
        f"side by side {middle['side by side']:.2f} s: {ratio:.2f} times as fast"
    )


def candidates(chance: np.ndarray) -> list[tuple[tuple[int, ...], float]]:
    """Candidates by hysteresis: middle voxel and score (mean of what is at least 0.5)."""
    parts, count = ndimage.label(chance >= 0.2, np.ones((3, 3, 3)))
    found = []
    for number in range(1, count + 1):
        inside = parts == number
        core = chance[inside & (chance >= 0.5)]
        if len(core) and inside.sum() >= 14:  # 5 mm3
            middle = tuple(round(float(v)) for v in np.argwhere(inside).mean(0))
            found.append((middle, float(core.mean(dtype=np.float64))))
    return sorted(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=int, default=16, choices=(8, 16, 32))
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--steps", type=int, default=80, help="of training, before the timing")
    parser.add_argument("--threads", type=int, default=0, help="0: as torch chooses")
    parser.add_argument("--overlap", type=float, default=0.5)
    parser.add_argument("--training", action="store_true", help="time steps of a training")
    parser.add_argument("--bf16", action="store_true", help="with --training: in bfloat16")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    config = NetworkConfig(2, 1, arguments.base, stages_for(arguments.base))
    if arguments.training:
        time_training(config, arguments.turns, arguments.bf16)
        return 0
    ours = build(config)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, base {config.base}")
    start = time.perf_counter()
    engine = choose(ours, 2)
    tested = time.perf_counter() - start
    print(f"engine {engine.precision}, channels last {engine.channels_last}: {engine.reason}")
    value = train(engine.prepare(ours), arguments.steps, engine)
    print(f"trained {arguments.steps} steps, loss {value:.3f}", flush=True)
    theirs = DynUNet(**config.monai()).eval()
    theirs.load_state_dict(ours.state_dict(), strict=False)
    phases, labels = volume(SHAPE, 2, 8)
    window = SlidingWindowInferer(PATCH, overlap=arguments.overlap, mode="gaussian")

    def run_theirs(given: Tensor) -> np.ndarray:
        with torch.inference_mode():
            return window(given[None], theirs).sigmoid()[0, 0].numpy()

    def run_ours(given: Tensor, engine: Engine, ours: torch.nn.Module = ours) -> np.ndarray:
        answer = sweep(
            lambda box: given[(slice(None), *box)],
            lambda patch: engine(ours, patch),
            tuple(given.shape[1:]),
            PATCH,
            overlap=arguments.overlap,
        )
        return answer.values[0]

    part = phases[:, :144, :96, :96]
    plain = Engine("fp32", False, "cpu", "")
    contiguous = plain.prepare(copy.deepcopy(ours))
    apart = float(
        np.abs(run_ours(part, plain, contiguous).astype(np.float32) - run_theirs(part)).max()
    )
    if apart > 1e-3:  # half precision of the answer
        print(f"in float32 probabilities differ by {apart:.5f}; nothing is timed")
        return 1
    seconds: dict[str, list[float]] = {"theirs": [], "ours": []}

    def turn() -> tuple[np.ndarray, np.ndarray]:
        start = time.perf_counter()
        theirs_says = run_theirs(phases)
        seconds["theirs"].append(time.perf_counter() - start)
        start = time.perf_counter()
        ours_says = run_ours(phases, engine)
        seconds["ours"].append(time.perf_counter() - start)
        return theirs_says, ours_says.astype(np.float32)

    expected, found = turn()
    one, two = candidates(expected), candidates(found)
    # Paired by place: the order of the lists changes with a middle that rounds otherwise.
    pairs = [min(two, key=lambda c, at=at: math.dist(c[0], at)) for at, _ in one] if two else []
    same = len(one) == len(two) == len(set(pairs)) and all(
        math.dist(mine[0], yours[0]) <= 2 for mine, yours in zip(one, pairs, strict=True)
    )
    moved = max((abs(a[1] - b[1]) for a, b in zip(one, pairs, strict=False)), default=0.0)
    moved_voxel = float(np.abs(found - expected).max())
    hits = sum(bool(labels[middle] > 0) for middle, _ in two)
    print(
        f"candidates: {len(one)} and {len(two)} ({hits} of {int(labels.max())} balls), scores "
        f"within {moved:.4f}; a voxel's probability within {moved_voxel:.3f}, float32 {apart:.5f}",
        flush=True,
    )
    if not same or not one or moved > 0.02:
        print("the candidates differ, or there are none: no time is given")
        return 1
    for _ in range(arguments.turns - 1):
        turn()
    ratios = [a / b for a, b in zip(seconds["theirs"], seconds["ours"], strict=True)]
    mine, other = statistics.median(seconds["ours"]), statistics.median(seconds["theirs"])
    print(f"MONAI's default {other:7.2f} s, ours {mine:7.2f} s: {statistics.median(ratios):.2f}")
    print(f"with the self-test ({tested:.1f} s): {other / (mine + tested):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
