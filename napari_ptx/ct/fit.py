"""The training loop of a network: steps, a mean of the weights, the best by glands, checkpoints."""

from __future__ import annotations

import copy
import csv
import io
import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_ptx.child import Progress
from napari_ptx.ct.cases import Case
from napari_ptx.ct.config import TrainConfig
from napari_ptx.ct.engine import PROBE, Engine, choose
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.loss import loss
from napari_ptx.ct.network import GlandNet
from napari_ptx.ct.sampling import draw_patch
from napari_ptx.ct.validation import validate
from napari_ptx.learn.checkpoint import (
    lay_as_parameters,
    read_checkpoint,
    write_checkpoint,
    write_tensors,
)
from napari_ptx.learn.manifest import write_text
from napari_ptx.learn.team import Team

EPOCHS = "epochs.csv"
WORK = "work.part"
"""What is needed until a training is finished; no part of the model."""

BEST, CHECKPOINT = f"{WORK}/best.safetensors", f"{WORK}/checkpoint.safetensors"

CHECKPOINT_SECONDS = 30.0
"""A checkpoint is written after an epoch where the last one is older than this."""

_WARM = 0.03
_VALIDATIONS = 12


@dataclass(frozen=True)
class Epoch:
    """One line of the learning curve.

    Parameters
    ----------
    epoch
        From 1.
    loss
        Mean over the steps, each as the network was.
    score
        Of the mean of the weights on the validation volumes: the mean sensitivity of the FROC
        curve for glands, the mean Dice for classes; NaN for an epoch without validation.
    dice
        Mean Dice there; NaN likewise.
    lr
        The step at the end of the epoch.
    seconds
        The whole epoch with its validation.
    """

    epoch: int
    loss: float
    score: float
    dice: float
    lr: float
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file; what is not known is None."""
        values = asdict(self)
        return {name: None if value != value else value for name, value in values.items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Epoch:
        """Take what ``to_json`` gave."""
        known: dict[str, Any] = {
            name: math.nan if value is None else value for name, value in values.items()
        }
        return cls(**known)

    def better_than(self, other: Epoch | None) -> bool:
        """Whether the score is higher; with equal ones, the Dice."""
        if math.isnan(self.score):
            return False
        return other is None or (self.score, self.dice) > (other.score, other.dice)


@dataclass
class Fit:
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

    config: TrainConfig
    team: Team
    folder: Path
    network: GlandNet
    identity: dict[str, Any]
    history: list[Epoch] = field(default_factory=list)
    engine: Engine | None = None
    elapsed: float = 0.0

    def __post_init__(self) -> None:
        self.network.to(self.team.device)
        # A mean of weights answers more evenly than the last step's.
        self.mean = copy.deepcopy(self.network).eval().requires_grad_(False)
        decayed = [p for p in self.network.parameters() if p.ndim > 2]
        kept = [p for p in self.network.parameters() if p.ndim <= 2]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": self.config.weight_decay},
                {"params": kept, "weight_decay": 0.0},
            ],
            lr=self.config.lr,
            fused=True,
        )
        self._written = time.monotonic()
        self._began = time.monotonic()

    @property
    def best(self) -> Epoch | None:
        """The epoch whose weights are kept."""
        best = None
        for row in self.history:
            if row.better_than(best):
                best = row
        return best

    @property
    def share(self) -> float:
        """How much of the training is done, from 0 to 1."""
        if self.config.minutes:
            return min(1.0, self._seconds / (60 * self.config.minutes))
        return len(self.history) / self.config.epochs

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the time is over and the weights were validated."""
        validated = bool(self.history) and not math.isnan(self.history[-1].score)
        return self.share >= 1 and validated

    def resume(self) -> None:
        """Take up a checkpoint of the folder where there is one; else choose the precision.

        Raises
        ------
        LearnError, CtError
            The checkpoint is damaged, or belongs to other settings or images.
        """
        mean = self.mean.state_dict()
        facts = read_checkpoint(self.folder / CHECKPOINT, self.network, self._optimizer, mean)
        if facts is not None:
            held = dict(facts["identity"])
            # A setting that came later had its default.
            held["settings"] = TrainConfig.from_json(held["settings"]).to_json()
            wrong = [name for name in self.identity if held.get(name) != self.identity[name]]
            if wrong:
                raise CtError(
                    f"{self.folder} holds a training with other {' and '.join(wrong)}; choose "
                    "another folder, or delete that one to train anew."
                )
            self.history = [Epoch.from_json(row) for row in facts["history"]]
            self.engine, self.elapsed = Engine(**facts["engine"]), facts["elapsed"]
        elif self.team.leads:
            settings = self.config.model
            side = min(PROBE, *settings.patch)
            asked = self.config.precision
            self.engine = choose(self.network, settings.channels, asked, side=side, training=True)
        mine = self.engine or Engine("fp32", False, "", "")
        half, last = self.team.from_leader([mine.precision == "bf16", mine.channels_last])
        reason = mine.reason or "as the first process chose"
        device = str(self.team.device)
        self.engine = Engine("bf16" if half else "fp32", bool(last), device, reason)
        # In place: the optimizer knows the parameters.
        for network, order in (
            (self.network, self.engine.training_order),
            (self.mean, self.engine.order),
        ):
            placed: Any = {"memory_format": order}
            network.to(**placed)
        lay_as_parameters(self._optimizer)
        self._began = time.monotonic()

    def run(
        self, train: Sequence[Case], validation: Sequence[Case], progress: Progress | None
    ) -> None:
        """Train until finished; the folder holds what is needed to go on after a kill.

        Raises
        ------
        CtError
            The loss is no longer a number.
        """
        self.network.train()
        model = self.team.wrap(self.network)
        while not self.team.from_leader([self.finished])[0]:
            start = time.monotonic()
            mean_loss, lr = self._learn(model, train, progress)
            over = bool(self.team.from_leader([self._over()])[0])
            due = self._due() or over
            score, dice = math.nan, math.nan
            if due and self.team.leads:
                score, dice = self._validate(validation, progress)
            score, dice = self.team.from_leader([score, dice])
            seconds = time.monotonic() - start
            row = Epoch(len(self.history) + 1, mean_loss, score, dice, lr, seconds)
            improved = row.better_than(self.best)
            self.history.append(row)
            if self.team.leads:
                self._keep(improved)

    def _learn(
        self, model: torch.nn.Module, train: Sequence[Case], progress: Progress | None
    ) -> tuple[float, float]:
        """One epoch: mean loss, last step size."""
        config, epoch = self.config, len(self.history)
        losses: list[float] = []
        lr = 0.0
        for step, batch in enumerate(self._batches(train, epoch)):
            if progress is not None:
                done = epoch * config.steps + step
                progress(done, self._steps(done), self._words())
            share = self.share + step / (config.steps * config.epochs)
            if config.minutes:
                # All by one clock, so that all take the same step.
                share = self.team.from_leader([self.share])[0]
                if share >= 1 and losses:
                    break
            lr = step_size(config.lr, share)
            for group in self._optimizer.param_groups:
                group["lr"] = lr
            losses.append(self._step(model, *batch))
            self._average(epoch * config.steps + step)
            if not math.isfinite(losses[-1]):
                raise CtError(
                    f"The training in {self.folder} went astray in epoch {epoch + 1}: its loss is "
                    f"no longer a number; train anew with lr below {config.lr:g}."
                )
        total = self.team.gather(torch.tensor([np.mean(losses)], device=self.team.device))
        return float(total.mean()), lr

    def _batches(
        self, train: Sequence[Case], epoch: int
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Draw this process's patches of each step, one step ahead of the network."""
        config, team = self.config, self.team
        mine = range(team.rank, config.batch, team.world)

        def draw(step: int) -> tuple[Tensor, Tensor, Tensor]:
            drawn = [
                draw_patch(train, config, np.random.default_rng([config.seed, epoch, step, i]))
                for i in mine
            ]
            volume, target, labels = (torch.stack(part) for part in zip(*drawn, strict=True))
            return volume, target, labels

        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(draw, 0)
            for step in range(config.steps):
                batch = ahead.result()
                if step + 1 < config.steps:
                    ahead = pool.submit(draw, step + 1)
                yield batch

    def _step(
        self, model: torch.nn.Module, volume: Tensor, target: Tensor, labels: Tensor
    ) -> float:
        assert self.engine is not None
        device = self.team.device
        self._optimizer.zero_grad(set_to_none=True)
        given = volume.to(device).contiguous(memory_format=self.engine.training_order)
        half = self.engine.precision == "bf16"
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = model(given)
        owners = labels.to(device) if self.config.model.glands else None
        value = loss(logits, target.to(device), owners)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 12.0)
        self._optimizer.step()
        return float(value.detach())

    def _average(self, step: int) -> None:
        decay = min(self.config.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for held, now in zip(self.mean.parameters(), self.network.parameters(), strict=True):
                held.lerp_(now.detach(), 1 - decay)

    def _validate(
        self, validation: Sequence[Case], progress: Progress | None
    ) -> tuple[float, float]:
        assert self.engine is not None
        done = len(self.history) * self.config.steps

        def told(patch: int, patches: int, case: str) -> None:
            if progress is not None:
                words = f"{self._words()}, validating {case} ({patch} of {patches} patches)"
                progress(done, self._steps(done), words)

        chosen = validation[: self.config.validate_on]
        return validate(self.mean, self.engine, chosen, self.config.model, told)

    def _keep(self, improved: bool) -> None:
        """Bring the curve up to date, and the weights and the checkpoint where it is time."""
        assert self.engine is not None
        write_text(self.folder / EPOCHS, epochs_csv(self.history))
        if improved:
            write_tensors(self.folder / BEST, self.mean.state_dict(), {"epoch": len(self.history)})
        now = time.monotonic()
        # Weights of an epoch that no checkpoint knows of would not be found again.
        if not (improved or self.finished) and now - self._written < CHECKPOINT_SECONDS:
            return
        facts = {
            "identity": self.identity,
            "history": [row.to_json() for row in self.history],
            "engine": self.engine.to_json(),
            "elapsed": self._seconds,
        }
        path = self.folder / CHECKPOINT
        write_checkpoint(path, self.network, self._optimizer, facts, self.mean.state_dict())
        self._written = time.monotonic()

    @property
    def _seconds(self) -> float:
        return self.elapsed + time.monotonic() - self._began

    def _due(self) -> bool:
        """Whether this epoch is validated: by number, or a dozen times within the minutes.

        Whole volumes take far longer than a step, and would eat up a short training.
        """
        if not self.config.minutes:
            return (len(self.history) + 1) % self.config.validate_every == 0
        done = [math.isnan(row.score) for row in self.history]
        since = done[::-1].index(False) if False in done else len(done)
        before = sum(row.seconds for row in self.history[: len(done) - since])
        return self._seconds - before >= 60 * self.config.minutes / _VALIDATIONS

    def _over(self) -> bool:
        """Whether this epoch is the last."""
        if self.config.minutes:
            return self.share >= 1
        return len(self.history) + 1 >= self.config.epochs

    def _steps(self, done: int) -> int:
        """How many steps there will be; with a limit in minutes, as it looks now."""
        if not self.config.minutes:
            return self.config.epochs * self.config.steps
        return max(done + 1, round(done / max(self.share, 0.01)))

    def _words(self) -> str:
        best = self.best
        name = "FROC" if self.config.model.glands else "Dice"
        text = f"epoch {len(self.history) + 1}"
        if self.history:
            text += f", loss {self.history[-1].loss:.3f}"
        return text + (f", best {name} {best.score:.3f}" if best else "")


def step_size(highest: float, share: float) -> float:
    """AdamW's step when a share of the training is done: growth over 3%, then a cosine to zero."""
    if share < _WARM:
        return highest * max(share / _WARM, 0.05)
    return highest * 0.5 * (1 + math.cos(math.pi * min(1.0, (share - _WARM) / (1 - _WARM))))


def epochs_csv(history: Sequence[Epoch]) -> str:
    """Give the learning curve as CSV text; what is not known is empty."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(Epoch.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.to_json() for row in history)
    return stream.getvalue()
