"""Deep features: train a ResNet on crops, keep it, read out probabilities and features."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from napari_ptx.child import Progress
from napari_ptx.learn.checkpoint import read_tensors
from napari_ptx.learn.manifest import write_text
from napari_ptx.learn.team import Team, alone
from napari_ptx.ultrasound.deep_data import Crops, NetworkConfig
from napari_ptx.ultrasound.deep_fit import (
    CHECKPOINT,
    MODEL,
    MODEL_FORMAT,
    Epoch,
    Training,
    check_identity,
    read_out,
)
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.networks import Classifier, build, resized

if TYPE_CHECKING:
    from napari_ptx.ultrasound.gradcam import CropLike, Evidence

NETWORK = "network.json"
_PACKAGES = ("napari-ptx", "torch", "monai", "numpy", "safetensors")


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network that was trained, as it stood after its best epoch.

    Parameters
    ----------
    folder
        Holds ``model.safetensors``, ``network.json`` and ``epochs.csv``.
    config
        How it was trained.
    epochs
        The learning curve.
    note
        What its data were.
    facts
        All of ``network.json``.
    network
        In evaluation mode, on the processor unless ``load`` was told otherwise.
    """

    folder: Path
    config: NetworkConfig
    epochs: tuple[Epoch, ...]
    note: str
    facts: dict[str, Any]
    network: Classifier

    @property
    def auc(self) -> float:
        """Validation AUC after the best epoch."""
        return float(self.facts["auc_validation"])

    def predict(self, crops: Crops, *, progress: Progress | None = None) -> NDArray[np.float64]:
        """Give the probability ``(n,)`` of class 1 for each crop."""
        return self.read(crops, progress=progress)[0]

    def features(self, crops: Crops, *, progress: Progress | None = None) -> NDArray[np.float32]:
        """Give the average-pool features ``(n, 512)`` or ``(n, 2048)`` of each crop."""
        return self.read(crops, progress=progress)[1]

    def read(
        self, crops: Crops, *, progress: Progress | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Give probabilities and features in one pass, in the order of the crops.

        In evaluation mode, float32, one crop at a time and without augmentation: the
        answer for a case depends on nothing but the case.
        """
        small = resized(crops, self.config.size)
        logits, features = read_out(self.network, small, self.config.channels, progress)
        return expit(logits), features

    def grad_cam(self, crop: CropLike, *, evidence: Evidence = "positive") -> NDArray[np.float32]:
        """Show where the network finds evidence: see ``gradcam.grad_cam``."""
        from napari_ptx.ultrasound.gradcam import grad_cam

        return grad_cam(self, crop, evidence=evidence)


def train(
    train: Crops,
    validation: Crops,
    config: NetworkConfig,
    folder: str | Path,
    *,
    note: str = "",
    team: Team | None = None,
    progress: Progress | None = None,
) -> TrainedNetwork:
    """Train a network; go on where a killed training of the same folder stopped.

    Parameters
    ----------
    train, validation
        Crops with labels; both classes in each, and no patient in both.
    config
        The settings.
    folder
        Made where it is missing. ``epochs.csv`` grows as the training goes. A folder
        that holds the finished network of the same settings and crops is only loaded.
    note
        What the data were; kept with the network.
    team
        The processes that train together. By default this one alone, on the GPU
        where there is one; with several GPUs, a process for each (``deep_main``).

    Returns
    -------
    TrainedNetwork
        With the weights of the best epoch: highest validation AUC, then lowest
        validation loss.

    Raises
    ------
    UltrasoundError
        Crops without labels, of one class, or of patients on both sides; a folder
        with another network; weights that do not fit; a loss that is not a number.

    Notes
    -----
    The same settings on the same machine, with the same number of threads, give the
    same numbers, also after a kill: first weights, draws and augmentation depend only
    on the seed, the epoch and the position. On a GPU this holds as far as its
    libraries are deterministic. The precision "auto" times itself: name one where
    two runs must agree whatever else the machine does.
    """
    folder = Path(folder)
    if team is None and (processes := _processes(config.batch)) > 1:
        from napari_ptx.ultrasound.deep_main import train_together

        return train_together(
            train, validation, config, folder, processes=processes, note=note, progress=progress
        )
    team = team or alone()
    _check_crops(train, validation, config, team)
    identity = {
        "config": config.to_json(),
        "crops": {"train": train.sha256(), "validation": validation.sha256()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / NETWORK).exists():
        check_identity(_read_facts(folder)["identity"], identity, folder)
        return load(folder)
    network, report = build(config.arch, config.channels, config.weights, seed=config.seed)
    if team.world > 1 and team.device.type == "cuda":
        convert = torch.nn.SyncBatchNorm.convert_sync_batchnorm
        network = convert(network)  # type: ignore[no-untyped-call]
    training = Training(config, team, folder, network, identity)
    training.resume()
    training.run(resized(train, config.size), resized(validation, config.size), progress)
    if team.leads:
        _finish(training, train, validation, note, report.to_json() if report else None)
    team.from_leader([1.0])  # nobody goes on before the files are there
    return load(folder)


def load(folder: str | Path, *, device: str = "cpu") -> TrainedNetwork:
    """Load a trained network.

    Parameters
    ----------
    folder
        What ``train`` wrote.
    device
        The processor by default, so that a run that is moved to a machine with
        another GPU, or none, gives the same predictions.

    Raises
    ------
    UltrasoundError
        A file is missing, damaged, changed since it was written, or a pickle; the
        weights do not fit the configuration.
    """
    folder = Path(folder)
    facts = _read_facts(folder)
    config = NetworkConfig.from_json(facts["identity"]["config"])
    path = folder / MODEL
    tensors, header = read_tensors(path)
    if _sha256(path) != facts["sha256"]:
        raise UltrasoundError(
            f"{path} is not the file that was trained (its SHA-256 differs); copy the folder again."
        )
    network, _ = build(config.arch, config.channels)
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError:
        raise UltrasoundError(
            f"{path} does not fit its configuration ({config.arch}, {config.channels} channels)."
        ) from None
    if header.get("config") != facts["identity"]["config"]:
        raise UltrasoundError(f"{path} and {folder / NETWORK} are of different trainings.")
    network.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    epochs = tuple(Epoch.from_json(row) for row in facts["epochs"])
    return TrainedNetwork(folder, config, epochs, str(facts["note"]), facts, network)


def _processes(batch: int) -> int:
    """One for each GPU, as far as the batch can be shared, 2 crops or more for each."""
    return max(
        (n for n in range(1, torch.cuda.device_count() + 1) if batch % n == 0 and batch >= 2 * n),
        default=1,
    )


def _check_crops(train: Crops, validation: Crops, config: NetworkConfig, team: Team) -> None:
    for name, crops in (("training", train), ("validation", validation)):
        if crops.labels is None or len(set(crops.labels.tolist())) < 2:
            raise UltrasoundError(f"The {name} crops must hold cases of both classes, labelled.")
    both = sorted(set(train.patients) & set(validation.patients))
    if both:
        raise UltrasoundError(
            f"Patients are both in training and in validation: {', '.join(both[:10])}"
            f"{'...' if len(both) > 10 else ''}; split by patient."
        )
    if config.batch % team.world or config.batch < 2 * team.world:
        raise UltrasoundError(
            f"A batch of {config.batch} cannot be shared by {team.world} processes; "
            f"take a multiple of {team.world}, and 2 or more for each."
        )


def _finish(
    training: Training,
    train: Crops,
    validation: Crops,
    note: str,
    weights: dict[str, Any] | None,
) -> None:
    best, numerics = training.best, training.numerics
    assert best is not None
    assert numerics is not None
    facts = {
        "format": MODEL_FORMAT,
        "note": note,
        "identity": training.identity,
        "auc_validation": best.auc_validation,
        "best_epoch": best.epoch,
        "precision": numerics.to_json(),
        "device": training.team.device.type,
        "processes": training.team.world,
        "weights": weights,
        "cases": {
            name: {"n": len(crops), "positive": int(np.sum(crops.labels))}  # type: ignore[arg-type]
            for name, crops in (("train", train), ("validation", validation))
        },
        "versions": {name: version(name) for name in _PACKAGES}
        | {"python": platform.python_version()},
        "sha256": _sha256(training.folder / MODEL),
        "epochs": [row.to_json() for row in training.history],
    }
    # Last: a folder with this file is finished.
    write_text(training.folder / NETWORK, json.dumps(facts, indent=1) + "\n")
    (training.folder / CHECKPOINT).unlink(missing_ok=True)


def _read_facts(folder: Path) -> dict[str, Any]:
    path = folder / NETWORK
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["format"] != MODEL_FORMAT:
            raise ValueError(f"its format is {facts['format']!r}")
        for key in ("sha256", "note", "auc_validation"):
            facts[key]
        facts["identity"]["config"], facts["identity"]["crops"]
        for row in facts["epochs"]:
            Epoch.from_json(row)
    except FileNotFoundError:
        raise UltrasoundError(
            f"{folder} holds no trained network ({NETWORK} is missing); models are folders "
            "with safetensors, and pickles are refused because opening one can run any program."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UltrasoundError(f"{path} cannot be read ({error}); copy the folder again.") from None
    return dict(facts)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
