"""The training loop of a network: epochs, early stopping, checkpoints."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_ptx.child import Progress
from napari_ptx.learn.checkpoint import (
    read_checkpoint,
    write_checkpoint,
    write_tensors,
)
from napari_ptx.learn.manifest import write_text
from napari_ptx.learn.team import Team
from napari_ptx.ultrasound.augment import alter, draw_epoch, share
from napari_ptx.ultrasound.deep_data import Crops, NetworkConfig
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.networks import Classifier, as_input
from napari_ptx.ultrasound.precision import Numerics, choose, steady_kernels

EPOCHS, MODEL, CHECKPOINT = "epochs.csv", "model.safetensors", "checkpoint.safetensors"
MODEL_FORMAT = "napari-ptx network 1"

CHECKPOINT_SECONDS = 20.0
"""A checkpoint is written after an epoch where the last one is older than this: it can be half
a gigabyte, and repeating so little costs less than writing it each time."""


@dataclass(frozen=True)
class Epoch:
    """One line of the learning curve.

    Parameters
    ----------
    epoch
        From 1.
    loss, auc_train
        Of the epoch's augmented training crops, each as the network was when it saw it;
        the AUC is NaN where the epoch's few draws were of one class.
    loss_validation, auc_validation
        Of the validation crops, untouched, after the epoch.
    lr
        The step at the end of the epoch.
    seconds
        The whole epoch with its validation.
    """

    epoch: int
    loss: float
    auc_train: float
    loss_validation: float
    auc_validation: float
    lr: float
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        # An epoch can by chance have drawn one class only; JSON has no NaN.
        auc = None if math.isnan(self.auc_train) else self.auc_train
        return asdict(self) | {"auc_train": auc}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Epoch:
        """Take what ``to_json`` gave."""
        auc = values["auc_train"]
        return cls(**values | {"auc_train": math.nan if auc is None else auc})

    def better_than(self, other: Epoch | None) -> bool:
        """Whether the validation AUC is higher; with equal ones, the loss lower."""
        mine = (self.auc_validation, -self.loss_validation)
        return other is None or mine > (other.auc_validation, -other.loss_validation)


@dataclass
class Training:
    """A training as it goes.

    Parameters
    ----------
    config, team, folder
        The settings, the processes, and where files go.
    network
        With its first weights; trained in place.
    identity
        What must be the same for a checkpoint to be taken up.
    """

    config: NetworkConfig
    team: Team
    folder: Path
    network: Classifier
    identity: dict[str, Any]
    history: list[Epoch] = field(default_factory=list)
    numerics: Numerics | None = None

    def __post_init__(self) -> None:
        device = self.team.device
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Biases and batch normalisation are not decayed, as is usual.
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        kept = [p for p in self.network.parameters() if p.ndim <= 1]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": self.config.weight_decay},
                {"params": kept, "weight_decay": 0.0},
            ],
            lr=self.config.lr,
            fused=True,
        )
        self._best_weights: dict[str, Tensor] = {}
        self._written = time.monotonic()
        self._scaler = torch.amp.GradScaler(device.type, enabled=False)

    @property
    def best(self) -> Epoch | None:
        """The epoch whose weights are kept."""
        best = None
        for row in self.history:
            if row.better_than(best):
                best = row
        return best

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or too many were no better."""
        best = self.best
        late = best is not None and len(self.history) - best.epoch >= self.config.patience
        return late or len(self.history) >= self.config.epochs

    def resume(self) -> None:
        """Take up a checkpoint of the folder where there is one; else choose the precision.

        Raises
        ------
        UltrasoundError
            The checkpoint is damaged, or belongs to other settings or crops.
        """
        path = self.folder / CHECKPOINT
        facts = read_checkpoint(path, self.network, self._optimizer)
        if facts is not None:
            check_identity(facts["identity"], self.identity, self.folder)
            self.history = [Epoch.from_json(row) for row in facts["history"]]
            self.numerics = Numerics(**facts["precision"])
        elif self.team.leads:
            self.numerics = choose(self.config, self.network, self.team.device)
        names = ("fp32", "bf16", "fp16")
        mine = names.index(self.numerics.name) if self.numerics else 0
        shared = names[int(self.team.from_leader([mine])[0])]
        if self.numerics is None:
            self.numerics = Numerics(shared, "as the first process chose")
        self._scaler = torch.amp.GradScaler(self.team.device.type, enabled=shared == "fp16")
        if facts is not None and facts["scaler"]:
            self._scaler.load_state_dict(facts["scaler"])

    def run(self, train: Crops, validation: Crops, progress: Progress | None) -> None:
        """Train until finished; the folder holds what is needed to go on after a kill.

        Raises
        ------
        UltrasoundError
            The loss is no longer a number.
        """
        model = self.team.wrap(self.network)
        with steady_kernels():
            while not self.finished:
                start = time.perf_counter()
                loss, auc_train, lr = self._learn(model, train, progress)
                measured = self._validate(validation) if self.team.leads else (0.0, 0.0)
                loss_validation, auc = self.team.from_leader(measured)
                seconds = time.perf_counter() - start
                row = Epoch(
                    len(self.history) + 1, loss, auc_train, loss_validation, auc, lr, seconds
                )
                improved = row.better_than(self.best)
                self.history.append(row)
                if self.team.leads:
                    self._keep(improved)

    def _learn(
        self, model: nn.Module, train: Crops, progress: Progress | None
    ) -> tuple[float, float, float]:
        """One epoch: mean loss, AUC, last step size."""
        assert train.labels is not None
        config, epoch, team = self.config, len(self.history), self.team
        batches = draw_epoch(train.labels, config, epoch)
        steps = len(batches)
        seen: list[tuple[Tensor, Tensor]] = []
        model.train()
        for step, rows in enumerate(batches):
            if progress is not None:
                progress(epoch * steps + step, config.epochs * steps, self._words())
            lr = step_size(config, epoch * steps + step, steps)
            for group in self._optimizer.param_groups:
                group["lr"] = lr
            positions = share(np.arange(len(rows)), team.rank, team.world)
            mine = rows[positions]
            batch = as_input(
                *alter(train, mine, positions + step * len(rows), config, epoch), config.channels
            )
            labels = torch.from_numpy(train.labels[mine]).float().to(team.device)
            logits = self._step(model, batch.to(team.device), labels)
            seen.append((logits, labels))
        logits = team.gather(torch.cat([part for part, _ in seen]))
        labels = team.gather(torch.cat([part for _, part in seen]))
        if not torch.isfinite(logits).all():
            self._astray()
        return _loss(logits, labels).item(), auc_of(labels, logits), lr

    def _step(self, model: nn.Module, batch: Tensor, labels: Tensor) -> Tensor:
        assert self.numerics is not None
        self._optimizer.zero_grad(set_to_none=True)
        with self.numerics.autocast(self.team.device):
            logits = model(batch)
        logits = cast(Tensor, logits.float()[:, 0])
        self._scaler.scale(_loss(logits, labels)).backward()  # type: ignore[no-untyped-call]
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return logits.detach()

    def _validate(self, validation: Crops) -> tuple[float, float]:
        logits, _ = read_out(self.network, validation, self.config.channels)
        labels = torch.from_numpy(validation.labels)
        scores = torch.from_numpy(logits)
        if not np.isfinite(logits).all():
            self._astray()
        return _loss(scores, labels.float()).item(), auc_of(labels, scores)

    def _keep(self, improved: bool) -> None:
        """Bring the curve up to date, and the weights and the checkpoint where it is time."""
        write_text(self.folder / EPOCHS, epochs_csv(self.history))
        if improved:
            self._best_weights = {
                name: value.detach().to("cpu", copy=True)
                for name, value in self.network.state_dict().items()
            }
        if not self.finished and time.monotonic() - self._written < CHECKPOINT_SECONDS:
            return
        if self._best_weights:
            header = {"format": MODEL_FORMAT, "config": self.config.to_json()}
            write_tensors(self.folder / MODEL, self._best_weights, header)
            self._best_weights = {}
        # Only now: a kill between the two files repeats epochs, and they give the same weights.
        assert self.numerics is not None
        facts: dict[str, Any] = {
            "identity": self.identity,
            "history": [row.to_json() for row in self.history],
            "precision": self.numerics.to_json(),
            "scaler": self._scaler.state_dict(),
        }
        write_checkpoint(self.folder / CHECKPOINT, self.network, self._optimizer, facts)
        self._written = time.monotonic()

    def _astray(self) -> NoReturn:
        raise UltrasoundError(
            f"The training in {self.folder} went astray in epoch {len(self.history) + 1}: its "
            f"answers are no longer numbers; train anew with lr below {self.config.lr:g}."
        )

    def _words(self) -> str:
        config, best = self.config, self.best
        text = f"{config.arch}, {config.channels} ch, epoch {len(self.history) + 1}"
        return text + (f", best validation AUC {best.auc_validation:.3f}" if best else "")


def read_out(
    network: Classifier, crops: Crops, channels: int, progress: Progress | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Give the logits ``(n,)`` and the features ``(n, 512 or 2048)`` of crops.

    In evaluation mode, in float32, and one crop at a time, so that the answer for a
    case does not depend on which others are in the table.
    """
    device = next(network.parameters()).device
    logits: list[float] = []
    features: list[NDArray[np.float32]] = []
    network.eval()
    with torch.inference_mode(), steady_kernels():
        for i in range(len(crops)):
            if progress is not None:
                progress(i, len(crops), "reading crops")
            batch = as_input(crops.images[i : i + 1], crops.masks[i : i + 1], channels)
            found = network.encoder(batch.to(device))
            logits.append(float(network.head(found)))
            features.append(found[0].cpu().numpy())
    width = network.head.in_features
    return np.array(logits), np.array(features, dtype=np.float32).reshape(-1, width)


def step_size(config: NetworkConfig, step: int, steps: int) -> float:
    """AdamW's step: linear growth over the first epoch, then a cosine to zero.

    Parameters
    ----------
    step, steps
        The number of the step from 0 over all epochs, and how many an epoch has.
    """
    total = steps * config.epochs
    if step < steps:
        return config.lr * (step + 1) / steps
    return config.lr * 0.5 * (1 + math.cos(math.pi * (step - steps + 1) / (total - steps + 1)))


def auc_of(labels: Tensor, scores: Tensor) -> float:
    """Area under the ROC curve."""
    from sklearn.metrics import roc_auc_score

    if labels.min() == labels.max():  # a draw of one class only
        return math.nan
    return float(roc_auc_score(labels.cpu().numpy(), scores.double().cpu().numpy()))


def check_identity(held: dict[str, Any], wanted: dict[str, Any], folder: Path) -> None:
    """Refuse to go on with another training's files, naming what differs."""
    # Through the settings, so that one that is younger than the file has its default.
    config = NetworkConfig.from_json(held["config"]).to_json()
    pairs, asked = (
        {**config, "crops": held["crops"]},
        {**wanted["config"], "crops": wanted["crops"]},
    )
    different = [name for name in asked if pairs[name] != asked[name]]
    if different:
        raise UltrasoundError(
            f"{folder} holds a network trained with other {', '.join(different)}; "
            "choose another folder, or delete that one to train anew."
        )


def epochs_csv(history: Sequence[Epoch]) -> str:
    """Give the learning curve as CSV text."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(Epoch.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in history)
    return stream.getvalue()


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
