"""Grad-CAM on the crop and on the image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
import torch

from napari_ptx.ultrasound import deep
from napari_ptx.ultrasound.gradcam import grad_cam, on_image
from napari_ptx.ultrasound.networks import as_input

from .deep_cases import TINY, make_crops


@dataclass
class OneCrop:
    image: np.ndarray
    mask: np.ndarray


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    config = replace(TINY, size=64, epochs=2, channels=2)
    return deep.train(make_crops(32, 1, size=64), make_crops(8, 2, size=64), config, folder)


@pytest.mark.parametrize(("sign", "evidence"), [(1, "positive"), (-1, "negative")])
def test_the_map_is_what_selvaraju_et_al_define(trained, sign, evidence):
    crops = make_crops(2, 3, size=64)[[int(sign > 0)]]
    found = grad_cam(trained, OneCrop(crops.images[0], crops.masks[0]), evidence=evidence)
    # by hand: ReLU of the sum of layer4's channels, weighted by their mean gradients
    network = trained.network
    kept: list[torch.Tensor] = []

    def keep(module, given, output):
        output.retain_grad()
        kept.append(output)

    handle = network.encoder.layer4.register_forward_hook(keep)
    (sign * network(as_input(crops.images, crops.masks, 2)).sum()).backward()
    handle.remove()
    gradient = kept[0].grad
    weights = gradient.mean((2, 3), keepdim=True)
    expected = torch.relu((weights * kept[0]).sum(1, keepdim=True))
    expected = torch.nn.functional.interpolate(expected, (64, 64), mode="bilinear")[0, 0]
    expected = (expected / expected.max()).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.max() == 1
    network.zero_grad()


def test_the_two_classes_differ_and_the_network_stays_as_it_was(trained):
    crops = make_crops(2, 4, size=64)
    crop = OneCrop(crops.images[1], crops.masks[1])
    before = trained.predict(crops)
    first = trained.grad_cam(crop)
    other = trained.grad_cam(crop, evidence="negative")
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(first, trained.grad_cam(crop))
    np.testing.assert_array_equal(before, trained.predict(crops))
    assert not trained.network.encoder.layer4._forward_hooks
    assert not trained.network.encoder.layer4._backward_hooks
    assert not trained.network.training


def test_a_crop_of_another_side_gets_a_map_of_its_own_side(trained):
    crops = make_crops(1, 5, size=100)
    found = trained.grad_cam(OneCrop(crops.images[0], crops.masks[0]))
    assert found.shape == (100, 100)
    assert found.dtype == np.float32
    assert found.min() >= 0


def test_the_map_lies_where_the_crop_was():
    ramp = np.add.outer(np.arange(10.0), np.zeros(10)).astype(np.float32)
    shown = on_image(ramp, (20.0, 30.0, 40.0, 50.0), (60, 70))
    assert shown.shape == (60, 70)
    assert not shown[:20].any()
    assert not shown[40:].any()
    assert not shown[:, :30].any()
    assert not shown[:, 50:].any()
    # two rows of the image to a row of the crop; ends are held
    np.testing.assert_allclose(shown[22:38, 40], np.arange(16) / 2 + 0.75, atol=1e-5)
    assert shown[39, 40] == 9
    # the same size: the same values
    np.testing.assert_allclose(on_image(ramp, (0, 0, 10, 10), (10, 10)), ramp, atol=1e-6)


def test_a_crop_that_reaches_over_the_edge_is_cut():
    ramp = np.add.outer(np.zeros(8), np.arange(8.0)).astype(np.float32)
    shown = on_image(ramp, (-2.0, -3.0, 6.0, 5.0), (4, 4))
    np.testing.assert_allclose(shown, ramp[2:6, 3:7], atol=1e-6)
    assert not on_image(ramp, (50.0, 50.0, 58.0, 58.0), (4, 4)).any()
