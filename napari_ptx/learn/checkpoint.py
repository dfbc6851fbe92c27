"""The state of an unfinished training in one file: tensors and JSON, nothing executable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from napari_ptx.learn.errors import LearnError

FORMAT = "napari-ptx checkpoint 1"

_MOMENTS = ("exp_avg", "exp_avg_sq")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write a safetensors file whole or not at all.

    Parameters
    ----------
    path
        Replaced where it exists.
    tensors
        By name; on any device, in any memory order.
    facts
        Goes into the header as JSON, so that tensors and facts are always of one moment.
    """
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    part = path.with_name(path.name + ".part")
    # Through bytes: the library's own writer makes files that only their owner can read.
    part.write_bytes(save(plain, {"facts": json.dumps(facts)}))
    part.replace(path)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what ``write_tensors`` wrote.

    Raises
    ------
    LearnError
        The file is missing, damaged, or something else.
    """
    try:
        with safe_open(path, framework="pt") as held:
            tensors = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
            facts = json.loads((held.metadata() or {})["facts"])
    except FileNotFoundError:
        raise LearnError(f"{path} is missing; copy the whole folder.") from None
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        words = str(error).splitlines()[0]
        raise LearnError(
            f"{path} is damaged or no safetensors file ({words}); models are only read from "
            "safetensors, because a pickle can run any program when it is opened."
        ) from None
    return tensors, facts


def write_checkpoint(
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    facts: Mapping[str, Any],
    more: Mapping[str, Tensor] | None = None,
) -> None:
    """Write everything that the next epoch depends on.

    Random numbers are not in it: they depend only on the seed and the epoch. ``more`` are
    tensors beside the network's, such as a mean of its weights.
    """
    tensors = {f"model.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"more.{name}": value for name, value in (more or {}).items()}
    for name, parameter in network.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"adam.{key}.{name}"] = value
    write_tensors(path, tensors, {"format": FORMAT, **facts})


def lay_as_parameters(optimizer: torch.optim.Optimizer) -> None:
    """Bring Adam's moments to the device and into the order of memory of their parameters.

    The fused step goes through both as they lie in memory: in another order each weight would
    be moved by the moments of another. To be called after the parameters were laid anew.
    """
    for parameter, state in optimizer.state.items():
        for key in _MOMENTS:
            state[key] = torch.empty_like(parameter, requires_grad=False).copy_(state[key])


def read_checkpoint(
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    more: Mapping[str, Tensor] | None = None,
) -> dict[str, Any] | None:
    """Put a training back where it was; ``more`` is filled in place.

    Returns
    -------
    dict or None
        The facts that were written, or ``None`` where there is no checkpoint; then
        nothing was changed.

    Raises
    ------
    LearnError
        The file is damaged or does not fit the network.
    """
    if not path.exists():
        return None
    tensors, facts = read_tensors(path)
    if facts.get("format") != FORMAT:
        raise LearnError(f"{path} is no checkpoint of a training; take another folder.")
    try:
        network.load_state_dict(
            {
                name.removeprefix("model."): value
                for name, value in tensors.items()
                if name.startswith("model.")
            }
        )
        for name, value in (more or {}).items():
            value.copy_(tensors[f"more.{name}"])
        for name, parameter in network.named_parameters():
            state = optimizer.state[parameter]
            state["step"] = tensors[f"adam.step.{name}"].to(parameter.device)
            for key in _MOMENTS:
                state[key] = tensors[f"adam.{key}.{name}"]
        lay_as_parameters(optimizer)
    except (RuntimeError, KeyError) as error:
        words = str(error).splitlines()[0]
        raise LearnError(f"{path} does not fit the network ({words}).") from None
    return facts
