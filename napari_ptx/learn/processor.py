"""What the processor computes itself, and what torch imitates on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

_UNITS = ("amx_bf16", "avx512_bf16", "avx10_1", "avx10_2")

NO_UNITS = "the processor has no instructions for bfloat16"
"""The reason for the record."""


def imitates_bfloat16(capabilities: Mapping[str, Any] | None = None) -> bool:
    """Whether torch can only imitate bfloat16 here, by float32 and rounding.

    No self-test is needed then, and a short one would mislead: of a network with 8 channels a
    cube of 48 voxels took 0.7 times as long as in float32 and one of 96 voxels 1.6 times (Ice
    Lake, torch 2.13). Where instructions are there, how much they gain is to be measured.

    Parameters
    ----------
    capabilities
        As of ``torch.cpu.get_capabilities``, which not every torch has; without them
        the answer is no, and a self-test decides.
    """
    if capabilities is None:
        ask = getattr(torch.cpu, "get_capabilities", None)
        capabilities = ask() if ask is not None else {}
    if capabilities.get("architecture") != "x86_64" or "avx512_bf16" not in capabilities:
        return False
    return not any(capabilities.get(unit) for unit in _UNITS)
