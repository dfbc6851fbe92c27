"""Structures that are each other's mirror image: patches are mirrored, in training and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from napari_ptx.ct.bundle import TRAIN, CtModel, read_json
from napari_ptx.ct.config import ModelSettings, TrainConfig
from napari_ptx.ct.errors import CtError

Pairs = Sequence[tuple[str, str]]


def trained_pairs(model: CtModel) -> tuple[tuple[str, str], ...]:
    """Give the pairs of classes that a model was trained with as mirror images.

    Raises
    ------
    CtError
        It was not: what it says of a mirrored patch means nothing.
    """
    path = model.folder / TRAIN
    held = read_json(path).get("config") if path.is_file() else None
    pairs = TrainConfig.from_json(held).mirror if held else ()
    if not pairs:
        raise CtError(
            f"{model.folder} was not trained on mirrored patches ('ct train --mirror'); predict "
            "without --mirrored."
        )
    return pairs


def mirrored(volume: Tensor, labels: Tensor, config: TrainConfig) -> tuple[Tensor, Tensor]:
    """Mirror a patch from left to right, and exchange the classes that change sides."""
    swapped = labels.flip(-1)
    values = swapped.clone()
    classes = config.model.classes
    for one, other in config.mirror:
        for first, second in zip(classes[one], classes[other], strict=True):
            values[swapped == first] = second
            values[swapped == second] = first
    return volume.flip(-1), values


def both_ways(
    run: Callable[[Tensor], Tensor], settings: ModelSettings, pairs: Pairs
) -> Callable[[Tensor], Tensor]:
    """Make a network answer with the mean of its logits for a patch and for its mirror image.

    Parameters
    ----------
    run
        From ``(n, channels, z, y, x)`` to logits ``(n, classes, z, y, x)``; x from right to left.
    settings, pairs
        The classes, and which are exchanged.
    """
    names = list(settings.classes)
    partner = {one: other for pair in pairs for one, other in (pair, pair[::-1])}
    order = [names.index(partner[name]) for name in names]
    if settings.activation == "softmax":
        order = [0, *(1 + at for at in order)]

    def seen(given: Tensor) -> Tensor:
        back = run(given.flip(-1)).flip(-1)[:, order]
        return (run(given) + back) / 2

    return seen
