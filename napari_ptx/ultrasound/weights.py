"""ImageNet weights from a file, without executing it, fitted to one or two channels."""

from __future__ import annotations

import hashlib
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from napari_ptx.ultrasound.errors import UltrasoundError

_STEM = "conv1.weight"
_HEADS = ("fc.", "head.", "classifier.")
_COUNTER = ".num_batches_tracked"
# How others wrap or name the same tensors.
_WRAPPERS = ("state_dict", "model")
_PREFIXES = ("module.", "encoder.", "model.", "backbone.")


@dataclass(frozen=True)
class WeightsReport:
    """What was taken from a file of weights.

    Parameters
    ----------
    file, sha256
        The file's name and hash.
    taken
        How many tensors went into the network.
    left_out
        Names in the file that have no place in it: the classes of ImageNet.
    not_in_file
        Names in the network that the file lacks: counters, which start at 0.
    stem
        What was done to the first convolution.
    """

    file: str
    sha256: str
    taken: int
    left_out: tuple[str, ...]
    not_in_file: tuple[str, ...]
    stem: str

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        return asdict(self)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read named tensors from a safetensors file, or one that ``torch.save`` wrote.

    The content decides, not the suffix: files named ``.pth`` are often safetensors.
    A ``torch.save`` file is read with ``weights_only``, which builds tensors and
    plain containers and refuses everything else that a pickle can do.

    Raises
    ------
    UltrasoundError
        The file is not there, is neither format, or holds more than tensors.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(9)
    except OSError as error:
        raise UltrasoundError(f"The weights {path} cannot be read ({error.strerror}).") from None
    try:
        if head[8:] == b"{":
            return load_file(path)
        with warnings.catch_warnings():
            # Of a pickle that torch did not write; what is in it decides.
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            held = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, zipfile.BadZipFile, RuntimeError, EOFError, ValueError) as error:
        words = str(error).splitlines()[0] if str(error) else "it ends early"
        raise UltrasoundError(f"The weights {path} are damaged or no weights ({words}).") from None
    except (pickle.UnpicklingError, KeyError, AttributeError, IndexError, TypeError):
        # What torch's restricted unpickler raises depends on which byte it stumbles over.
        raise UltrasoundError(
            f"{path} is a pickle that holds more than weights, and a pickle can run any "
            "program when it is opened; save the state dict as safetensors instead."
        ) from None
    for name in _WRAPPERS:
        if isinstance(held, Mapping) and isinstance(held.get(name), Mapping):
            held = held[name]
    if not isinstance(held, Mapping) or not held:
        raise UltrasoundError(f"{path} holds no state dict; save the network's state_dict().")
    wrong = [str(name) for name, value in held.items() if not isinstance(value, Tensor)]
    if wrong:
        raise UltrasoundError(f"{path} holds more than tensors: {', '.join(wrong[:3])}.")
    return {str(name): value for name, value in held.items()}


def adapt_weights(
    tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], path: Path, arch: str
) -> tuple[dict[str, Tensor], WeightsReport]:
    """Fit a published state dict to an encoder of one or two channels.

    The names of the ImageNet networks (``conv1``, ``bn1``, ``layer1.0.conv1``,
    ``layer1.0.downsample.0``...) are the encoder's own; a prefix such as ``module.``
    is taken off. A first convolution of three colours is summed over them, which is
    exactly its answer to a grey picture shown as RGB; the ROI's channel starts at
    zero, so that a two-channel network begins as the one-channel network.

    Parameters
    ----------
    tensors
        The file's state dict.
    expected
        The encoder's, for names and shapes.
    path, arch
        For the error message.

    Returns
    -------
    tuple
        A complete state dict for the encoder, and what was taken.

    Raises
    ------
    UltrasoundError
        A tensor is missing, is one too many (other than the classes), has another
        shape, or holds what is not a number.
    """
    named = {_bare(name): value for name, value in tensors.items()}
    left_out = tuple(name for name in named if name.startswith(_HEADS))
    body = {name: value for name, value in named.items() if name not in left_out}
    missing = [name for name in expected if name not in body and not name.endswith(_COUNTER)]
    extra = [name for name in body if name not in expected]
    if missing or extra:
        first = (missing + extra)[0]
        raise UltrasoundError(
            f"{path} does not hold the weights of {arch}: {len(missing)} of its tensors are "
            f"missing and {len(extra)} are too many ({first}...); take the file of {arch}."
        )
    adapted, stem = {}, ""
    for name, like in expected.items():
        value = body.get(name, torch.zeros_like(like)).to(like.dtype)
        if name == _STEM:
            value, stem = _fit_stem(value, like.shape[1])
        if value.shape != like.shape:
            raise UltrasoundError(
                f"{path} does not hold the weights of {arch}: {name} is "
                f"{tuple(value.shape)}, not {tuple(like.shape)}."
            )
        if not torch.isfinite(value).all():
            raise UltrasoundError(f"{path} is damaged: {name} holds what is not a number.")
        adapted[name] = value.contiguous()
    absent = tuple(name for name in expected if name not in body)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    taken = len(expected) - len(absent)
    return adapted, WeightsReport(path.name, digest, taken, left_out, absent, stem)


def _bare(name: str) -> str:
    while name.startswith(_PREFIXES):
        name = name.split(".", 1)[1]
    return name


def _fit_stem(weight: Tensor, channels: int) -> tuple[Tensor, str]:
    """Give the first convolution ``channels`` inputs, and say how."""
    held = weight.shape[1] if weight.ndim == 4 else 0
    if held == channels:
        return weight, "taken as it is"
    if held not in (1, 3) or (held == 1 and channels != 2):
        return weight, ""  # refused by its shape
    words = []
    if held == 3:
        weight = weight.sum(1, keepdim=True)
        words.append("summed over red, green and blue")
    if channels == 2:
        weight = torch.cat([weight, torch.zeros_like(weight)], 1)
        words.append("with zeros for the ROI")
    return weight, ", ".join(words)
