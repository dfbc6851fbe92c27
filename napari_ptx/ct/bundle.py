"""Models on disk: the MONAI Bundle layout with nothing in it that could be run.

::

    configs/metadata.json       what the network is, its versions and what its data were
    configs/inference.json      its shape as MONAI names it, and what it must be given
    configs/train.json          how it was trained, where it was trained here
    models/model.safetensors    the weights
    models/probe.safetensors    a small input and the answer to it: see ``verify_model``
    manifest.json               SHA-256 of every file; written last
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from napari_ptx.ct.config import ModelSettings
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.network import GlandNet, NetworkConfig, build, load_weights
from napari_ptx.learn.checkpoint import write_tensors
from napari_ptx.learn.manifest import check_manifest, refuse_pickle, write_manifest, write_text

FORMAT = "napari-ptx model 1"
METADATA, INFERENCE = "configs/metadata.json", "configs/inference.json"
TRAIN = "configs/train.json"
WEIGHTS, PROBE = "models/model.safetensors", "models/probe.safetensors"

SAME = 1e-4
"""By so much the answer to the stored input may differ on another machine."""

_CLOSED = ("models/", "configs/", "scripts/")
_PACKAGES = ("napari-ptx", "torch", "monai", "numpy", "safetensors")


@dataclass(frozen=True, eq=False)
class CtModel:
    """A model whose files are as they were written.

    Parameters
    ----------
    folder
        Where it is.
    settings
        What it must be given, and what its answer means.
    metadata
        ``configs/metadata.json``.
    network
        In evaluation mode, on the processor.
    sha256
        Of the weights.
    """

    folder: Path
    settings: ModelSettings
    metadata: Mapping[str, Any]
    network: GlandNet
    sha256: str

    @property
    def note(self) -> str:
        """What its data were."""
        return str(self.metadata.get("data_note", ""))


@dataclass(frozen=True)
class Verification:
    """The answer of a model to its stored input.

    Parameters
    ----------
    folder
        The model.
    files
        How many have the hash that the manifest says.
    difference
        The largest between the logits now and those that are stored.
    """

    folder: str
    files: int
    difference: float

    @property
    def same(self) -> bool:
        """Whether it answers as it did."""
        return self.difference <= SAME

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        return asdict(self) | {"same": self.same}


def write_model(
    folder: Path,
    network: GlandNet,
    settings: ModelSettings,
    *,
    note: str = "",
    train: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> CtModel:
    """Write a model; the folder holds the whole of it or no manifest.

    Parameters
    ----------
    folder
        Made where it is missing.
    network, settings
        What is written.
    note
        What its data were.
    train
        How it was trained.
    facts
        What else the metadata say.
    """
    for part in ("configs", "models"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    network = network.cpu().float().eval()
    config = network.config
    write_tensors(folder / WEIGHTS, dict(network.state_dict()), {"format": FORMAT})
    probe = _probe(config)
    write_tensors(folder / PROBE, {"input": probe, "output": _answer(network, probe)}, {})
    inference = {
        "network_def": {"_target_": "DynUNet", **config.monai()},
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": list(settings.patch),
            "overlap": settings.overlap,
            "mode": "gaussian",
        },
        "napari_ptx": {"network": config.to_json(), "settings": settings.to_json()},
    }
    metadata = _metadata(config, settings) | {"data_note": note, **(facts or {})}
    write_text(folder / INFERENCE, json.dumps(inference, indent=2, allow_nan=False) + "\n")
    write_text(folder / METADATA, json.dumps(metadata, indent=2, allow_nan=False) + "\n")
    if train is not None:
        write_text(folder / TRAIN, json.dumps(dict(train), indent=2, allow_nan=False) + "\n")
    write_manifest(folder, FORMAT, {})
    return open_model(folder)


def open_model(folder: Path) -> CtModel:
    """Open a model and compare each file with its hash; nothing in it is run.

    Raises
    ------
    CtError
        If it is not finished, a file is missing, changed, not listed or a pickle, or the
        weights do not fit the network.
    """
    folder = Path(folder).absolute()
    if not folder.is_dir():
        raise CtError(f"{folder} is not a folder; give the folder of a model.")
    manifest = check_manifest(folder, FORMAT, CtError, noun="model", closed=_CLOSED)
    held = read_json(folder / INFERENCE).get("napari_ptx")
    if not isinstance(held, dict) or not {"network", "settings"} <= set(held):
        raise CtError(f"{folder / INFERENCE} does not say what the model is; copy it again.")
    settings = ModelSettings.from_json(held["settings"])
    network = build(NetworkConfig.from_json(held["network"]))
    load_weights(network, read_safetensors(folder / WEIGHTS), str(folder / WEIGHTS))
    metadata = read_json(folder / METADATA)
    return CtModel(folder, settings, metadata, network.eval(), manifest["files"][WEIGHTS])


def verify_model(folder: Path) -> Verification:
    """Open a model, and compare its answer to the stored input with the stored answer.

    Raises
    ------
    CtError
        As ``open_model``.
    """
    model = open_model(folder)
    manifest = read_json(model.folder / "manifest.json")
    held = read_safetensors(model.folder / PROBE)
    if set(held) != {"input", "output"}:
        raise CtError(f"{model.folder / PROBE} holds no stored answer; copy the model again.")
    found = _answer(model.network, held["input"])
    difference = float((found - held["output"]).abs().max())
    return Verification(str(model.folder), len(manifest["files"]), difference)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file; the content decides, not the suffix.

    Raises
    ------
    CtError
        The file is not there, is a pickle, or no safetensors file.
    """
    try:
        refuse_pickle(path, CtError, by_name=False)
        with path.open("rb") as stream:
            packed = stream.read(4) == b"PK\x03\x04"
        if packed:
            raise CtError(
                f"{path} is an archive of torch.save, in which pickles can run any program when "
                "it is opened; it is refused: save the state dict with safetensors instead."
            )
        with safe_open(path, framework="pt") as held:
            return {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
    except OSError as error:
        raise CtError(f"{path} cannot be read ({error.strerror or error}).") from None
    except (SafetensorError, ValueError) as error:
        words = str(error).splitlines()[0]
        raise CtError(f"{path} is damaged or no safetensors file ({words}).") from None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a model.

    Raises
    ------
    CtError
        If it is missing or no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CtError(f"{path} is missing; copy the model folder again, whole.") from None
    except (OSError, ValueError):
        raise CtError(f"{path} is damaged (no JSON); copy the model folder again.") from None
    if not isinstance(value, dict):
        raise CtError(f"{path} is damaged (no object); copy the model folder again.")
    return value


def versions() -> dict[str, str]:
    """Give the versions of what a model depends on."""
    return {name: version(name) for name in _PACKAGES} | {"python": platform.python_version()}


def _probe(config: NetworkConfig) -> Tensor:
    """Give a small volume; the same for each network of a shape."""
    generator = torch.Generator().manual_seed(20)
    side = 2 * config.factor
    coarse = torch.randn((1, config.channels, 5, 5, 5), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(side,) * 3, mode="trilinear")
    return smooth.clamp(-1, 1)


def _answer(network: GlandNet, probe: Tensor) -> Tensor:
    with torch.inference_mode():
        logits: Tensor = network(probe)
    return logits


def _metadata(config: NetworkConfig, settings: ModelSettings) -> dict[str, Any]:
    inputs = {
        "type": "image",
        "format": "hounsfield",
        "modality": "CT",
        "num_channels": config.channels,
        "spatial_shape": [f"{config.factor}*n"] * 3,
        "dtype": "float32",
        "value_range": [-1, 1],
        "is_patch_data": True,
        "channel_def": {str(i): settings.phases[i] for i in range(config.channels)}
        if settings.fusion == "early"
        else {"0": " or ".join(settings.phases)},
    }
    outputs = {
        "type": "probabilities",
        "format": "segmentation",
        "num_channels": config.classes,
        "spatial_shape": [f"{config.factor}*n"] * 3,
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": True,
        "channel_def": {str(i): name for i, name in enumerate(settings.classes)},
    }
    known = versions()
    return {
        "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/"
        "0.8.1/meta_schema_20240725.json",
        "version": "1.0.0",
        "monai_version": known["monai"],
        "pytorch_version": known["torch"],
        "numpy_version": known["numpy"],
        "versions": known,
        "task": "Parathyroid glands in CT" if settings.glands else "Structures in CT",
        "description": "Made by napari-ptx. Not a medical device.",
        "intended_use": "Research only.",
        "network_data_format": {"inputs": {"image": inputs}, "outputs": {"pred": outputs}},
    }
