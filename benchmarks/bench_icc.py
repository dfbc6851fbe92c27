"""Time the ICC of 567 radiomics features, 100 cases and two readers, against peers.

Run: python benchmarks/bench_icc.py
Peers: pingouin's intraclass_corr, one feature after another, as its interface asks
for; and our own function in a Python loop. Answers are compared before anything is
timed. Everything is timed in one process, in turns, so that a busy machine is busy
for all; the ratios are medians of the turns.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pingouin
from numpy.typing import NDArray

from napari_ptx.stats import icc

Floats = NDArray[np.float64]


def features(count: int, cases: int) -> Floats:
    rng = np.random.default_rng(567)
    subject = rng.lognormal(0.0, 1.0, size=(count, cases, 1))
    return subject + rng.normal(0.0, 0.5, size=(count, cases, 2))


def at_once(stack: Floats) -> Floats:
    result = icc(stack, "A,1")
    return np.stack([result.value, result.low, result.high], axis=1)


def in_a_loop(stack: Floats) -> Floats:
    results = [icc(table, "A,1") for table in stack]
    return np.array([(result.value, result.low, result.high) for result in results])


def by_pingouin(stack: Floats) -> Floats:
    _, cases, raters = stack.shape
    case = np.repeat(np.arange(cases), raters)
    rater = np.tile(np.arange(raters), cases)
    rows = []
    for table in stack:
        frame = pd.DataFrame({"case": case, "rater": rater, "value": table.ravel()})
        found = pingouin.intraclass_corr(frame, "case", "rater", "value")
        row = found[found["Type"] == "ICC(A,1)"].iloc[0]
        rows.append((row["ICC"], *row["CI95"]))
    return np.array(rows, dtype=np.float64)


def seconds(function: Callable[[Floats], Floats], stack: Floats) -> float:
    start = time.perf_counter()
    function(stack)
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=int, default=567)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    stack = features(arguments.features, arguments.cases)

    ours, loop, peer = at_once(stack), in_a_loop(stack), by_pingouin(stack)
    print(f"largest difference, loop:     {np.abs(ours - loop).max():.1e}")
    print(f"largest difference, pingouin: {np.abs(ours - peer).max():.1e}")
    # pingouin rounds its interval, and only that, to two decimals
    bound = np.array([1e-9, 0.005 + 1e-9, 0.005 + 1e-9])
    if np.abs(ours - loop).max() > 1e-12 or (np.abs(ours - peer) > bound).any():
        print("the answers differ; nothing is timed")
        return 1

    times: dict[str, list[float]] = {"at once": [], "loop": [], "pingouin": []}
    for _ in range(arguments.turns):
        times["at once"].append(seconds(at_once, stack))
        times["loop"].append(seconds(in_a_loop, stack))
        times["pingouin"].append(seconds(by_pingouin, stack))
    for name, values in times.items():
        ratios = [value / once for value, once in zip(values, times["at once"], strict=True)]
        print(
            f"{name:10s} median {1000 * statistics.median(values):9.1f} ms   "
            f"{statistics.median(ratios):8.1f} times ours"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
