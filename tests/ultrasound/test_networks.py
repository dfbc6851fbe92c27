"""MONAI's ResNet against the published one: weights, first convolution, features."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
import torch
from monai.networks.nets import resnet
from safetensors.torch import save_file

from napari_ptx.ultrasound import UltrasoundError
from napari_ptx.ultrasound.deep_data import FEATURES
from napari_ptx.ultrasound.networks import GREY_MEAN, GREY_SPREAD, as_input, build, resized
from napari_ptx.ultrasound.weights import read_weights

from .deep_cases import make_crops

# Layers of each stage, from Table 1 of He et al. 2016; bottlenecks widen fourfold.
LAYERS = {
    "resnet18": ((2, 2, 2, 2), False, 11_689_512),
    "resnet34": ((3, 4, 6, 3), False, 21_797_672),
    "resnet50": ((3, 4, 6, 3), True, 25_557_032),
    "resnet101": ((3, 4, 23, 3), True, 44_549_160),
}


def published(arch: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict with the names and shapes of the ImageNet files, and random values."""
    layers, bottleneck, _ = LAYERS[arch]
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, torch.Tensor] = {}

    def conv(name: str, out: int, into: int, side: int) -> None:
        scale = (2 / (into * side * side)) ** 0.5
        state[f"{name}.weight"] = (
            torch.randn((out, into, side, side), generator=generator) * scale * 0.5
        )

    def norm(name: str, width: int) -> None:
        state[f"{name}.weight"] = torch.rand(width, generator=generator) + 0.5
        state[f"{name}.bias"] = torch.randn(width, generator=generator) * 0.1
        state[f"{name}.running_mean"] = torch.randn(width, generator=generator) * 0.1
        state[f"{name}.running_var"] = torch.rand(width, generator=generator) + 0.5
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    conv("conv1", 64, 3, 7)
    norm("bn1", 64)
    into = 64
    for stage, count in enumerate(layers):
        width = 64 * 2**stage
        out = width * (4 if bottleneck else 1)
        for block in range(count):
            name = f"layer{stage + 1}.{block}"
            sides = (1, 3, 1) if bottleneck else (3, 3)
            widths = (into, width, width, out) if bottleneck else (into, width, width)
            for i, side in enumerate(sides):
                conv(f"{name}.conv{i + 1}", widths[i + 1], widths[i], side)
                norm(f"{name}.bn{i + 1}", widths[i + 1])
            if block == 0 and (stage > 0 or into != out):
                conv(f"{name}.downsample.0", out, into, 1)
                norm(f"{name}.downsample.1", out)
            into = out
    state["fc.weight"] = torch.randn((1000, into), generator=generator)
    state["fc.bias"] = torch.randn(1000, generator=generator)
    return state


@pytest.mark.parametrize("arch", LAYERS)
def test_every_published_tensor_has_its_place(arch, tmp_path):
    state = published(arch)
    parameters = [v for k, v in state.items() if "running" not in k and "batches" not in k]
    assert sum(value.numel() for value in parameters) == LAYERS[arch][2]  # as published
    save_file(state, tmp_path / "w.safetensors")
    network, report = build(arch, 1, tmp_path / "w.safetensors")
    assert report is not None
    assert report.left_out == ("fc.bias", "fc.weight") or report.left_out == (
        "fc.weight",
        "fc.bias",
    )
    assert report.taken == len(state) - 2
    assert report.not_in_file == ()
    held = network.encoder.state_dict()
    assert set(held) == set(state) - {"fc.weight", "fc.bias"}
    for name in set(held) - {"conv1.weight"}:
        assert torch.equal(held[name], state[name])
    assert network.head.in_features == FEATURES[arch]


def test_a_grey_picture_gets_the_answer_of_the_colour_network(tmp_path):
    state = published("resnet18")
    torch.save(state, tmp_path / "w.pth")
    colour = resnet.resnet18(
        spatial_dims=2,
        n_input_channels=3,
        conv1_t_stride=2,
        shortcut_type="B",
        bias_downsample=False,
        num_classes=1000,
    )
    colour.load_state_dict(state)
    colour.fc = None
    colour.eval()
    crops = make_crops(2, 1, size=64)
    grey = as_input(crops.images, crops.masks, 1)
    expected = colour(grey.expand(-1, 3, -1, -1))
    for channels in (1, 2):
        network, report = build("resnet18", channels, tmp_path / "w.pth")
        network.eval()
        found = network.encoder(as_input(crops.images, crops.masks, channels))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        assert report is not None
        assert report.stem.startswith("summed over red, green and blue")
        assert ("zeros for the ROI" in report.stem) == (channels == 2)


def test_the_network_is_the_published_one_not_monais_default():
    # He et al. 2016: the stem and the pool halve the side, then three stages do.
    network, _ = build("resnet18", 1)
    network.eval()
    stages: list[tuple[int, ...]] = []
    for layer in ("conv1", "layer1", "layer2", "layer3", "layer4"):
        getattr(network.encoder, layer).register_forward_hook(
            lambda module, given, found: stages.append(tuple(found.shape[1:]))
        )
    network(torch.zeros(1, 1, 224, 224))
    assert stages == [(64, 112, 112), (64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7)]


def test_other_spellings_of_the_same_weights(tmp_path):
    state = published("resnet18")
    bare = {k: v for k, v in state.items() if "batches" not in k and not k.startswith("fc.")}
    torch.save({"state_dict": {f"module.{k}": v for k, v in bare.items()}}, tmp_path / "a.pth")
    _, report = build("resnet18", 2, tmp_path / "a.pth")
    assert report is not None
    assert report.left_out == ()
    assert len(report.not_in_file) == 20  # counters only
    assert all(name.endswith("num_batches_tracked") for name in report.not_in_file)
    # safetensors under the name of a pickle, as some publish it
    save_file(state, tmp_path / "b.pth")
    assert set(read_weights(tmp_path / "b.pth")) == set(state)
    # our own one-channel encoder as the start of a two-channel one
    network, _ = build("resnet18", 1, seed=5)
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, tmp_path / "c.st")
    second, report = build("resnet18", 2, tmp_path / "c.st")
    assert report is not None
    assert report.left_out == ("head.bias", "head.weight")
    stem = second.encoder.conv1.weight
    assert torch.equal(stem[:, :1], network.encoder.conv1.weight)
    assert not stem[:, 1].any()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda s: s.pop("layer2.1.bn1.running_var"), r"1 of its tensors are missing.*layer2\.1"),
        (lambda s: s.update({"layer3.9.conv1.weight": torch.ones(1)}), "1 are too many"),
        (lambda s: s.update({"bn1.bias": torch.ones(3)}), r"bn1.bias is \(3,\), not \(64,\)"),
        (lambda s: s.update({"conv1.weight": torch.ones(64, 4, 7, 7)}), r"\(64, 4, 7, 7\)"),
        (lambda s: s["bn1.bias"].fill_(float("nan")), "not a number"),
        (lambda s: s.update({"layer1": "x"}), "more than tensors: layer1"),
    ],
)
def test_weights_that_do_not_fit(change, match, tmp_path):
    state = published("resnet18")
    change(state)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(UltrasoundError, match=match):
        build("resnet18", 1, tmp_path / "w.pth")


def test_the_weights_of_another_architecture_are_refused(tmp_path):
    save_file(published("resnet34"), tmp_path / "w.safetensors")
    with pytest.raises(UltrasoundError, match="does not hold the weights of resnet18"):
        build("resnet18", 1, tmp_path / "w.safetensors")


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("the pickle was executed",))


def test_a_pickle_is_refused_and_not_executed(tmp_path):
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"conv1.weight": Evil()}))
    torch.save({"conv1.weight": Evil()}, tmp_path / "torch.pth")
    torch.save(build("resnet18", 1)[0], tmp_path / "whole.pth")
    for name in ("plain.pkl", "torch.pth", "whole.pth"):
        with pytest.raises(UltrasoundError, match="a pickle can run any program"):
            read_weights(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04" + b"x" * 50])
def test_files_that_hold_no_weights(content, tmp_path):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(UltrasoundError, match=r"w\.pth"):
        read_weights(tmp_path / "w.pth")
    with pytest.raises(UltrasoundError, match="cannot be read"):
        read_weights(tmp_path / "absent.pth")
    truncated = tmp_path / "t.safetensors"
    save_file({"a": torch.ones(100)}, truncated)
    truncated.write_bytes(truncated.read_bytes()[:-8])
    with pytest.raises(UltrasoundError, match="damaged"):
        read_weights(truncated)


@pytest.mark.data
def test_real_files_safe_and_unsafe(data_dir):
    folder = data_dir / "weights"
    names = sorted(folder.glob("brainchop/meshnet/*/model.pth"))
    assert len(names) == 4
    for path in names:
        assert all(isinstance(value, torch.Tensor) for value in read_weights(path).values())
        with pytest.raises(UltrasoundError, match="does not hold the weights of resnet50"):
            build("resnet50", 1, path)
    with pytest.raises(UltrasoundError, match="pickle"):
        read_weights(next(folder.glob("*.pkl")))


def test_the_input_is_scaled_and_the_roi_is_beside_it():
    crops = make_crops(3, 1)
    batch = as_input(crops.images, crops.masks, 2)
    assert batch.shape == (3, 2, 32, 32)
    np.testing.assert_allclose(
        batch[:, 0].numpy() * GREY_SPREAD + GREY_MEAN, crops.images, atol=1e-6
    )
    np.testing.assert_array_equal(batch[:, 1].numpy(), crops.masks)
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_resizing_keeps_the_mean_and_the_lesion():
    crops = make_crops(3, 1, size=96)
    small = resized(crops, 32)
    assert small.images.shape == small.masks.shape == (3, 32, 32)
    np.testing.assert_allclose(small.images.mean((1, 2)), crops.images.mean((1, 2)), atol=0.01)
    np.testing.assert_allclose(small.masks.mean((1, 2)), crops.masks.mean((1, 2)), atol=0.02)
    assert small.patients == crops.patients
    assert resized(crops, 96) is crops
