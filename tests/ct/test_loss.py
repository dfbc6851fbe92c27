"""Each gland weighs the same, whatever its size."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
import torch

from napari_ptx.ct.loss import dice_loss, gland_weights, loss


def _two_glands():
    instances = torch.zeros((1, 16, 16, 16), dtype=torch.int64)
    instances[0, 1:5, 1:5, 1:5] = 1  # 64 voxels
    instances[0, 6:14, 6:14, 6:14] = 2  # 512 voxels
    return instances, (instances > 0).float()[:, None]


def test_the_gradient_of_a_small_gland_weighs_as_that_of_a_large_one():
    instances, target = _two_glands()
    logits = torch.full(target.shape, -1.5, requires_grad=True)
    loss(logits, target, instances).backward()
    pulls = [logits.grad[0, 0][instances[0] == gland].sum() for gland in (1, 2)]
    assert pulls[0] == pytest.approx(float(pulls[1]), rel=1e-5)
    assert pulls[0] < 0


def test_glands_weigh_as_much_in_all_as_their_voxels():
    instances, _ = _two_glands()
    other = torch.where(instances == 1, 2, 0)  # the same number in another volume
    batch = torch.cat([instances, other])
    weights = gland_weights(batch)
    assert float(weights[batch > 0].sum()) == pytest.approx(64 + 512 + 64)
    assert (weights[batch == 0] == 1).all()
    for part in (batch[0] == 1, batch[0] == 2):
        assert float(weights[0][part].sum()) == pytest.approx((64 + 512 + 64) / 3, rel=1e-5)


def test_a_few_voxels_at_an_edge_do_not_rule_the_batch():
    instances, _ = _two_glands()
    instances[instances == 1] = 0
    instances[0, 0, 0, 0] = 1
    assert float(gland_weights(instances).max()) == 10.0


def test_calling_everything_a_gland_does_not_pay():
    instances, target = _two_glands()
    right = torch.where(target > 0, 2.0, -4.0)
    everywhere = torch.full(target.shape, 2.0)
    nowhere = torch.full(target.shape, -4.0)
    values = [float(loss(one, target, instances)) for one in (right, nowhere, everywhere)]
    assert values == sorted(values)


def test_a_voxel_counts_for_its_class():
    instances, _ = _two_glands()
    target = torch.stack([(instances == 1).float(), (instances == 2).float()], 1)
    logits = torch.full(target.shape, -50.0)
    logits[:, 0][instances == 1] = 50.0
    logits[:, 1][instances == 2] = 50.0
    assert float(loss(logits, target, instances)) == pytest.approx(0, abs=1e-3)
    assert float(loss(logits.flip(1), target, instances)) > 2


def test_nothing_to_find():
    target = torch.zeros((1, 1, 8, 8, 8))
    instances = torch.zeros((1, 8, 8, 8), dtype=torch.int64)
    logits = torch.full(target.shape, -20.0, requires_grad=True)
    value = loss(logits, target, instances)
    value.backward()
    assert float(value.detach()) == pytest.approx(0, abs=1e-3)
    assert torch.isfinite(logits.grad).all()


def test_the_slice_of_a_structure_at_an_edge_is_no_second_one():
    """Without instances a voxel is a voxel: the size that is learned is the size that is there."""
    target = torch.zeros((2, 1, 16, 16, 16))
    target[0, 0, 4:12, 4:12, 4:12] = 1
    target[1, 0, 0, 4:12, 4:6] = 1
    logits = torch.zeros(target.shape, requires_grad=True)
    loss(logits, target).backward()
    pulls = logits.grad[target > 0]
    assert torch.allclose(pulls, pulls[0])
    logits.grad = None
    loss(logits, target, target[:, 0].long()).backward()
    whole, slice_of_it = (logits.grad[i][target[i] > 0].mean() for i in (0, 1))
    assert slice_of_it / whole > 5


def test_dice_is_of_the_whole_batch():
    target = torch.zeros((2, 1, 4, 4, 4))
    target[0, 0, :2] = 1
    logits = torch.where(target > 0, 30.0, -30.0)
    assert float(dice_loss(logits, target)) == pytest.approx(0, abs=1e-4)
