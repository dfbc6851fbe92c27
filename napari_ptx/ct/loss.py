"""What a training makes small: overlap, cross-entropy, and each gland by itself."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

_SMOOTH = 1.0


def loss(logits: Tensor, target: Tensor, instances: Tensor) -> Tensor:
    """Give the sum of Dice loss, cross-entropy and the loss per gland.

    Parameters
    ----------
    logits, target
        ``(n, classes, z, y, x)``; target 0 or 1.
    instances
        ``(n, z, y, x)`` integers: the gland of each voxel, 0 outside.
    """
    logits = logits.float()
    return (
        dice_loss(logits, target)
        + cross_entropy(logits, target)
        + gland_loss(logits, instances, target)
    )


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Give 1 - Dice of each class over the batch, in the mean.

    References
    ----------
    Milletari et al. (2016), V-Net, with the sums over the batch as in nnU-Net.
    """
    chance = logits.sigmoid()
    axes = (0, 2, 3, 4)
    shared = (chance * target).sum(axes)
    both = chance.sum(axes) + target.sum(axes)
    return (1 - (2 * shared + _SMOOTH) / (both + _SMOOTH)).mean()


def gland_loss(logits: Tensor, instances: Tensor, target: Tensor) -> Tensor:
    """Give the mean over glands of the mean cross-entropy of a gland's voxels.

    A gland of 20 voxels and one of 2,000 pull equally: Dice and cross-entropy sum voxels, so
    that one large gland hides several small ones.

    Parameters
    ----------
    logits, target, instances
        As in ``loss``; a voxel counts for the class that ``target`` gives it.
    """
    inside = instances > 0
    if not inside.any():
        return logits.sum() * 0
    # One number for each gland of each volume of the batch.
    most = int(instances.max()) + 1
    number = torch.arange(len(instances), device=instances.device)[:, None, None, None]
    owners = (instances.long() + number * most)[inside]
    _, owner = torch.unique(owners, return_inverse=True)
    mine = (logits * target).sum(1)[inside]
    each = torch.nn.functional.softplus(-mine)  # the cross-entropy of a voxel that is 1
    count = int(owner.max()) + 1
    sums = torch.zeros(count, device=logits.device).index_add(0, owner, each)
    voxels = torch.bincount(owner, minlength=count)
    return (sums / voxels).mean()
