"""The way back through a normalisation, against torch's own in the usual order of memory."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
import torch
from torch import nn

from napari_ptx.ct.network import NetworkConfig, build
from napari_ptx.ct.norm import ChannelNorm


def _passed(norm: nn.Module, volume: torch.Tensor, pull: torch.Tensor) -> list[torch.Tensor]:
    """Give the answer and the gradients of volume, weight and bias."""
    given = volume.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    answer = norm(given)
    norm.zero_grad()
    answer.backward(pull)
    return [answer.detach(), given.grad, norm.weight.grad.clone(), norm.bias.grad.clone()]


@pytest.mark.parametrize(
    ("shape", "kind", "digits"),
    [
        ((2, 16, 24, 24, 24), torch.float32, 2e-5),  # several parts of each volume
        ((3, 5, 3, 5, 7), torch.float32, 2e-5),  # rows of one voxel
        ((1, 8, 2, 2, 2), torch.float32, 2e-5),
        ((2, 16, 12, 12, 12), torch.bfloat16, 2e-2),
    ],
)
def test_it_is_torchs_group_norm_both_ways(shape, kind, digits):
    generator = torch.Generator().manual_seed(1)
    channels = shape[1]
    theirs = nn.GroupNorm(channels, channels)
    ours = ChannelNorm(channels)
    with torch.no_grad():
        theirs.weight.uniform_(0.5, 2, generator=generator)
        theirs.bias.uniform_(-1, 1, generator=generator)
    ours.load_state_dict(theirs.state_dict())
    # Far from 0, as maps after an activation are.
    volume = torch.randn(shape, generator=generator) * 0.7 + 2
    pull = torch.randn(shape, generator=generator)
    last = {"memory_format": torch.channels_last_3d}
    side = [one.to(kind).contiguous(**last) for one in (volume, pull)]
    found = _passed(ours, *side)
    assert found[1].is_contiguous(**last)
    # From the same rounded values, in double.
    expected = _passed(theirs.double(), *(one.contiguous().double() for one in side))
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert float((one - other).norm() / other.norm()) < digits


def test_a_gradient_in_another_order_is_taken():
    norm = ChannelNorm(4)
    volume = torch.randn(1, 4, 4, 4, 4).contiguous(memory_format=torch.channels_last_3d)
    pull = torch.randn(1, 4, 4, 4, 4)
    one = _passed(norm, volume, pull)
    other = _passed(norm, volume, pull.contiguous(memory_format=torch.channels_last_3d))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_step_of_the_network_is_the_same_in_both_orders():
    generator = torch.Generator().manual_seed(2)
    volume = torch.rand((2, 2, 16, 16, 16), generator=generator) * 2 - 1
    pulls = []
    for order in (torch.contiguous_format, torch.channels_last_3d):
        network = build(NetworkConfig(2, 1, 8, 3), seed=4).to(memory_format=order)
        network(volume.contiguous(memory_format=order)).square().mean().backward()
        pulls.append({name: one.grad for name, one in network.named_parameters()})
    for name, pull in pulls[0].items():
        assert torch.allclose(pulls[1][name], pull, atol=2e-5, rtol=1e-3), name


def test_without_gradients_it_is_torchs_own():
    volume = torch.randn(1, 4, 6, 6, 6).contiguous(memory_format=torch.channels_last_3d)
    with torch.inference_mode():
        assert torch.equal(ChannelNorm(4)(volume), nn.GroupNorm(4, 4)(volume))
