"""Models of others: a MONAI bundle or a safetensors state dict becomes a model of ours.

A bundle's configuration is read as data. MONAI would run what stands in it: expressions that
begin with "$", classes by name, the bundle's own scripts. None of that is done here; what
cannot be understood without running it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_ptx.ct.bundle import (
    CtModel,
    open_model,
    read_json,
    read_safetensors,
    write_model,
)
from napari_ptx.ct.config import ModelSettings
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.network import build, config_of, load_weights
from napari_ptx.learn.manifest import MANIFEST, file_sha256

_NETWORKS = ("DynUNet", "monai.networks.nets.DynUNet", "monai.networks.nets.dynunet.DynUNet")
_CONFIGS = ("configs/inference.json", "configs/train.json")
_UNSEEN = ("dropout", "deep_supr_num", "deep_supervision", "_target_", "_disabled_", "_desc_")
"""Arguments that do not change what a trained network answers."""

_PICKLES = ("models/model.pt", "models/model.ts", "models/model.pth")


@dataclass(frozen=True, eq=False)
class Imported:
    """A model that was taken over.

    Parameters
    ----------
    model
        As it was written.
    left_out
        Files of the source that were not looked at: scripts and the like.
    """

    model: CtModel
    left_out: tuple[str, ...]


def import_model(source: Path, folder: Path, settings: ModelSettings, note: str = "") -> Imported:
    """Make a model of a MONAI bundle's folder or of a safetensors file.

    Parameters
    ----------
    source
        The folder of a bundle, with its weights as ``models/model.safetensors``, or a file of
        weights of MONAI's ``DynUNet``.
    folder
        Where the model goes; it must not be there yet, or be empty.
    settings
        What the network must be given: neither kind of source says it in a form that can be
        read without running it. Names of classes are made up where their number differs.
    note
        What its data were.

    Raises
    ------
    CtError
        The weights are a pickle, or of another network; the bundle's configuration needs
        a program to be understood; the folder is in use.
    """
    source, folder = Path(source).absolute(), Path(folder).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CtError(f"{folder} is in use; choose an empty folder for the model.")
    if not source.exists():
        raise CtError(f"{source} is not there; give a bundle's folder or a safetensors file.")
    weights = source
    left_out: tuple[str, ...] = ()
    stated: Mapping[str, Any] | None = None
    if source.is_dir():
        if (source / MANIFEST).is_file():
            raise CtError(f"{source} is a model of napari-ptx already ({_about(source)}).")
        weights = _weights_of(source)
        stated, config_name = _network_of(source)
        left_out = tuple(
            path.relative_to(source).as_posix()
            for path in sorted(source.rglob("*"))
            if path.is_file() and path not in (weights, source / config_name)
        )
    tensors = read_safetensors(weights)
    config = config_of(tensors, str(weights))
    if stated is not None:
        _compare(stated, config.monai(), source)
    network = build(config)
    load_weights(network, tensors, str(weights))
    if config.channels != settings.channels:
        raise CtError(
            f"{weights} takes {config.channels} channels, but {settings.channels} would be given; "
            "name its phases with --phases, and --fusion."
        )
    expected = len(settings.classes) + (settings.activation == "softmax")
    if config.classes != expected:
        count = config.classes - (settings.activation == "softmax")
        if count < 1:
            raise CtError(f"{weights} gives one map, which is a sigmoid; see --activation.")
        made = {f"class-{i + 1}": (i + 1,) for i in range(count)}
        settings = replace(settings, classes=made)
    facts = {"imported_from": {"name": source.name, "sha256": file_sha256(weights)}}
    return Imported(write_model(folder, network, settings, note=note, facts=facts), left_out)


def _weights_of(bundle: Path) -> Path:
    path = bundle / "models" / "model.safetensors"
    if path.is_file():
        return path
    pickled = [name for name in _PICKLES if (bundle / name).is_file()]
    if pickled:
        raise CtError(
            f"{bundle / pickled[0]} can run any program when it is opened; it is refused: "
            "save its state dict as models/model.safetensors where you trust it."
        )
    raise CtError(f"{path} is missing; a bundle's weights must lie there.")


def _network_of(bundle: Path) -> tuple[Mapping[str, Any], str]:
    """Give the bundle's ``network_def`` with its references resolved, and where it stood."""
    for name in _CONFIGS:
        if not (bundle / name).is_file():
            continue
        config = read_json(bundle / name)
        for key in ("network_def", "network"):
            if isinstance(config.get(key), Mapping):
                return _resolved(config[key], config, bundle / name, 0), name
    raise CtError(
        f"{bundle} does not say its network in configs/inference.json (network_def); a "
        "configuration in YAML must be saved as JSON."
    )


def _resolved(value: Any, config: Mapping[str, Any], path: Path, depth: int) -> Any:
    if depth > 20:
        raise CtError(f"{path} refers to itself in network_def; mend it.")
    if isinstance(value, Mapping):
        return {name: _resolved(held, config, path, depth + 1) for name, held in value.items()}
    if isinstance(value, list):
        return [_resolved(held, config, path, depth + 1) for held in value]
    if isinstance(value, str) and value.startswith("@") and value[1:] in config:
        return _resolved(config[value[1:]], config, path, depth + 1)
    if isinstance(value, str) and value.startswith(("$", "@", "%")):
        raise CtError(
            f"{path} has a program in network_def ({value[:60]!r}); it is not run: write the "
            "value itself."
        )
    return value


def _compare(stated: Mapping[str, Any], ours: Mapping[str, Any], source: Path) -> None:
    """Refuse a network whose weights fit but that computes otherwise."""
    if stated.get("_target_") not in _NETWORKS:
        raise CtError(
            f"{source} is a {stated.get('_target_')}, not MONAI's DynUNet; only that network is "
            "known here."
        )
    defaults = {
        "act_name": ["leakyrelu", {"inplace": True, "negative_slope": 0.01}],
        "norm_name": ["INSTANCE", {"affine": True}],
        "res_block": False,
        "trans_bias": False,
    }
    given = {name: held for name, held in stated.items() if name not in _UNSEEN}
    for name, held in {**ours, **given}.items():
        wanted = ours.get(name, defaults.get(name))
        if name == "filters" and (held is None or name not in given):
            continue
        if _spread(held) != _spread(wanted):
            raise CtError(
                f"{source} has a DynUNet with {name} = {held!r}, which is not {wanted!r}; such "
                "a network is not known here."
            )


def _spread(value: Any) -> Any:
    """Give kernel sizes and strides that are the same on all axes as one number."""
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, list | tuple):
        parts = [_spread(held) for held in value]
        plain = len(parts) == 3 and all(type(held) is int for held in parts)
        return parts[0] if plain and len(set(parts)) == 1 else parts
    if isinstance(value, Mapping):
        return {name: _spread(held) for name, held in value.items()}
    return value


def _about(folder: Path) -> str:
    model = open_model(folder)
    return f"{model.network.config.channels} channels, {', '.join(model.settings.classes)}"
