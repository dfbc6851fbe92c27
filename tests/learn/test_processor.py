"""What is said of the processor."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
import torch

from napari_ptx.learn.processor import imitates_bfloat16

ICE_LAKE = {"architecture": "x86_64", "avx512_f": True, "avx512_bf16": False, "amx_bf16": False}


@pytest.mark.parametrize("unit", ["avx512_bf16", "amx_bf16", "avx10_1", "avx10_2"])
def test_one_instruction_is_enough_to_be_tested(unit):
    assert imitates_bfloat16(ICE_LAKE)
    assert not imitates_bfloat16(ICE_LAKE | {unit: True})


@pytest.mark.parametrize(
    "told", [{}, {"architecture": "x86_64"}, {"architecture": "aarch64", "bf16": False}]
)
def test_what_is_not_told_is_to_be_tested(told):
    assert not imitates_bfloat16(told)


def test_this_processor_is_as_the_kernel_says(monkeypatch):
    place = Path("/proc/cpuinfo")
    if not place.is_file() or not hasattr(torch.cpu, "get_capabilities"):
        pytest.skip("needs Linux and a torch that tells the processor's instructions")
    flags = next((line for line in place.read_text().splitlines() if line[:5] == "flags"), "")
    if " avx2 " not in flags:
        pytest.skip("no x86-64")
    assert imitates_bfloat16() == ("amx_bf16" not in flags and "avx512_bf16" not in flags)
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not imitates_bfloat16()
