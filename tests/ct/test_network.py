"""The network is MONAI's DynUNet with another name for its normalisation."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
import torch
from monai.networks.nets import DynUNet
from torch import nn

from napari_ptx.ct.errors import CtError
from napari_ptx.ct.network import (
    ABSENT,
    GlandNet,
    NetworkConfig,
    build,
    config_of,
    load_weights,
    stages_for,
)

CONFIG = NetworkConfig(channels=2, classes=1, base=4, stages=4)


def _volume(side: int = 24, channels: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand((1, channels, side, side, side), generator=generator) * 2 - 1


def _varied(network: nn.Module) -> None:
    """Give normalisations other weights than 1 and 0."""
    generator = torch.Generator().manual_seed(2)
    for parameter in network.parameters():
        if parameter.ndim == 1:
            parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("last", [False, True])
def test_it_equals_monais_network_with_instance_norms(last):
    torch.manual_seed(0)
    theirs = DynUNet(**CONFIG.monai()).eval()
    _varied(theirs)
    assert any(isinstance(module, nn.InstanceNorm3d) for module in theirs.modules())
    ours = GlandNet(CONFIG).eval()
    load_weights(ours, theirs.state_dict(), "theirs")
    assert not any(isinstance(module, nn.InstanceNorm3d) for module in ours.modules())
    if last:
        ours = ours.to(memory_format=torch.channels_last_3d)
    volume = _volume()
    with torch.inference_mode():
        assert torch.allclose(ours(volume), theirs(volume), atol=1e-5, rtol=0)


def test_our_weights_load_into_monais_network():
    ours = build(CONFIG, seed=3).eval()
    theirs = DynUNet(**CONFIG.monai()).eval()
    wrong = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert wrong.unexpected_keys == ["absent"]
    assert all(name.startswith("skip_layers.") for name in wrong.missing_keys)
    volume = _volume()
    with torch.inference_mode():
        assert torch.allclose(ours(volume), theirs(volume), atol=1e-5, rtol=0)


def test_an_absent_phase_is_told_to_the_network():
    network = build(CONFIG).eval()
    network.absent.data.normal_()
    whole = _volume()
    without, otherwise = whole.clone(), whole.clone()
    without[:, 1] = ABSENT
    otherwise[:, 1] = 0.0  # the same numbers reach the first convolution
    with torch.inference_mode():
        answers = [network(given) for given in (whole, without, otherwise)]
    assert not torch.allclose(answers[0], answers[1], atol=1e-3)
    assert not torch.allclose(answers[1], answers[2], atol=1e-3)


def test_absence_is_of_a_sample_and_has_a_gradient():
    network = build(CONFIG)
    batch = torch.cat([_volume(), _volume()])
    batch[1, 1] = ABSENT
    network(batch)[0].sum().backward()
    assert network.absent.grad is not None
    assert network.absent.grad.abs().sum() == 0
    network(batch)[1].sum().backward()
    assert network.absent.grad[0].abs().sum() == 0
    assert network.absent.grad[1].abs().sum() > 0


def test_sizes_are_those_of_the_facts():
    counts = {
        base: sum(
            p.numel() for p in build(NetworkConfig(2, 1, base, stages_for(base))).parameters()
        )
        for base in (8, 16, 32)
    }
    assert counts[32] == pytest.approx(16.5e6, rel=0.01)
    assert counts[16] == pytest.approx(5.6e6, rel=0.03)
    assert counts[8] < 0.5e6
    assert stages_for(8) == 4
    assert stages_for(16) == stages_for(32) == 5


def test_the_shape_is_told_from_the_weights():
    for config in (CONFIG, NetworkConfig(1, 7, 8, 5)):
        assert config_of(build(config).state_dict(), "here") == config


def test_first_weights_belong_to_the_seed():
    stems = [build(CONFIG, seed).input_block.conv1.conv.weight for seed in (1, 1, 2)]
    assert torch.equal(stems[0], stems[1])
    assert not torch.equal(stems[0], stems[2])


def test_foreign_weights_are_refused():
    network = build(CONFIG)
    state = dict(network.state_dict())
    with pytest.raises(CtError, match=r"1 of its tensors are missing"):
        load_weights(
            network, {k: v for k, v in state.items() if "output" not in k or "bias" in k}, "f"
        )
    with pytest.raises(CtError, match="1 are too many"):
        load_weights(network, state | {"more": torch.zeros(1)}, "f")
    with pytest.raises(CtError, match="not a number"):
        load_weights(network, state | {"absent": torch.full((2, 4), torch.nan)}, "f")
    with pytest.raises(CtError, match=r"absent is \(1, 4\)"):
        load_weights(network, state | {"absent": torch.zeros(1, 4)}, "f")
    with pytest.raises(CtError, match="another network"):
        config_of({"model.0.weight": torch.zeros(5, 1, 3, 3, 3)}, "f")
    with pytest.raises(CtError, match="base is 0"):
        NetworkConfig(base=0)
    with pytest.raises(CtError, match="no setting 'depth'"):
        NetworkConfig.from_json({"depth": 3})
