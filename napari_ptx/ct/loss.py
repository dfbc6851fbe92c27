"""What a training makes small: overlap and cross-entropy; every gland weighs the same."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

_SMOOTH = 1.0
_MOST = 10.0
"""No voxel weighs more: of a gland at the edge of a patch a few voxels may be left."""


def loss(logits: Tensor, target: Tensor, instances: Tensor | None = None) -> Tensor:
    """Give the sum of Dice loss and cross-entropy.

    Parameters
    ----------
    logits, target
        ``(n, classes, z, y, x)``; target 0 or 1.
    instances
        ``(n, z, y, x)`` integers: the gland of each voxel, 0 outside; the voxels are then
        weighted by ``gland_weights``. Without, every voxel weighs the same: of a structure
        the overlap counts, and the slice of it at the edge of a patch is no second one.
    """
    logits = logits.float()
    if instances is None:
        return dice_loss(logits, target) + cross_entropy(logits, target)
    weights = gland_weights(instances)[:, None]
    return dice_loss(logits, target, weights) + cross_entropy(logits, target, weights)


def gland_weights(instances: Tensor) -> Tensor:
    """Give each voxel a weight with which all glands of a batch weigh the same.

    Dice and cross-entropy sum voxels, so that one large gland hides several small ones. The
    weights are shared out among the glands, and do not grow in all: a term for glands alone
    would pay for every voxel that is called one.

    Parameters
    ----------
    instances
        ``(n, z, y, x)`` integers: the gland of each voxel, 0 outside. The same number in two
        volumes is two glands.

    Returns
    -------
    Tensor
        ``(n, z, y, x)`` float32: 1 outside of glands; in a gland the mean size of all by its
        own, at most 10.
    """
    weights = torch.ones(instances.shape, device=instances.device)
    inside = instances > 0
    if not inside.any():
        return weights
    most = int(instances.max()) + 1
    number = torch.arange(len(instances), device=instances.device)[:, None, None, None]
    _, owner, sizes = torch.unique(
        (instances.long() + number * most)[inside], return_inverse=True, return_counts=True
    )
    weights[inside] = (sizes.float().mean() / sizes).clamp(max=_MOST)[owner]
    return weights


def dice_loss(logits: Tensor, target: Tensor, weights: Tensor | float = 1.0) -> Tensor:
    """Give 1 - Dice of each class over the batch, in the mean.

    Parameters
    ----------
    logits, target
        As in ``loss``.
    weights
        Of the voxels, to be multiplied with.

    References
    ----------
    Milletari et al. (2016), V-Net, with the sums over the batch as in nnU-Net.
    """
    chance = logits.sigmoid() * weights
    target = target * weights
    axes = (0, 2, 3, 4)
    shared = (chance * (target > 0)).sum(axes)
    both = chance.sum(axes) + target.sum(axes)
    return (1 - (2 * shared + _SMOOTH) / (both + _SMOOTH)).mean()
