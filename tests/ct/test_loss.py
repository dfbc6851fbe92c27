"""Each gland weighs the same, whatever its size."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
import torch

from napari_ptx.ct.loss import dice_loss, gland_loss, loss


def _two_glands():
    instances = torch.zeros((1, 16, 16, 16), dtype=torch.int64)
    instances[0, 1:3, 1:3, 1:3] = 1  # 8 voxels
    instances[0, 6:14, 6:14, 6:14] = 2  # 512 voxels
    return instances, (instances > 0).float()[:, None]


def test_the_gradient_of_a_small_gland_weighs_as_that_of_a_large_one():
    instances, target = _two_glands()
    logits = torch.full(target.shape, -1.5, requires_grad=True)
    gland_loss(logits, instances, target).backward()
    pulls = [logits.grad[0, 0][instances[0] == gland].sum() for gland in (1, 2)]
    assert pulls[0] == pytest.approx(float(pulls[1]), rel=1e-5)
    assert pulls[0] < 0
    assert logits.grad[0, 0][instances[0] == 0].abs().sum() == 0


def test_it_is_the_mean_over_glands_of_all_volumes_of_a_batch():
    instances, _target = _two_glands()
    other = torch.where(instances == 1, 2, 0)  # the same number in another volume
    batch = torch.cat([instances, other])
    targets = (batch > 0).float()[:, None]
    logits = torch.zeros(targets.shape)
    logits[0, 0][instances[0] == 1] = 50.0
    log2 = float(torch.log(torch.tensor(2.0)))
    assert float(gland_loss(logits, batch, targets)) == pytest.approx(2 / 3 * log2, rel=1e-4)


def test_a_voxel_counts_for_its_class():
    instances, _ = _two_glands()
    target = torch.stack([(instances == 1).float(), (instances == 2).float()], 1)
    logits = torch.full(target.shape, -50.0)
    logits[:, 0][instances == 1] = 50.0
    logits[:, 1][instances == 2] = 50.0
    assert float(loss(logits, target, instances)) == pytest.approx(0, abs=1e-3)
    assert float(gland_loss(logits.flip(1), instances, target)) > 10


def test_nothing_to_find():
    target = torch.zeros((1, 1, 8, 8, 8))
    instances = torch.zeros((1, 8, 8, 8), dtype=torch.int64)
    logits = torch.full(target.shape, -20.0, requires_grad=True)
    value = loss(logits, target, instances)
    value.backward()
    assert float(value.detach()) == pytest.approx(0, abs=1e-3)
    assert torch.isfinite(logits.grad).all()


def test_dice_is_of_the_whole_batch():
    target = torch.zeros((2, 1, 4, 4, 4))
    target[0, 0, :2] = 1
    logits = torch.where(target > 0, 30.0, -30.0)
    assert float(dice_loss(logits, target)) == pytest.approx(0, abs=1e-4)
