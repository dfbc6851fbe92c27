"""The settings of a model and of its training, written into everything that they make."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_ptx.ct.errors import CtError

FUSIONS = ("early", "separate")
"""Whether the phases are channels of one network, or each phase a sample of a network with one
channel whose answers are joined."""

PHASES = ("plain", "arterial", "venous")
"""The order of phases in every model; others follow by name."""

GLANDS = {"gland": ()}
"""The classes of a model of glands: whatever number an instance has, it is a gland."""


@dataclass(frozen=True)
class ModelSettings:
    """What a trained network must be given, and what its answer means.

    Parameters
    ----------
    phases
        Their names; with early fusion in the order of the channels.
    fusion
        One of ``FUSIONS``.
    spacing
        Voxels in mm, ``(z, y, x)``.
    patch
        Voxels, ``(z, y, x)``.
    window
        Hounsfield units that become -1 and 1; beyond them the values are clipped.
    classes
        Name of each class to its values in a label image; none: any value but 0.
    activation
        "sigmoid": a logit per class; "softmax": the first logit is the background.
    overlap
        Of neighbouring patches, as a share.
    """

    phases: tuple[str, ...] = ("plain", "arterial")
    fusion: str = "early"
    spacing: tuple[float, float, float] = (1.0, 0.6, 0.6)
    patch: tuple[int, int, int] = (96, 96, 96)
    window: tuple[float, float] = (-250.0, 450.0)
    classes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: dict(GLANDS))
    activation: str = "sigmoid"
    overlap: float = 0.5

    def __post_init__(self) -> None:
        if not self.phases or len(set(self.phases)) < len(self.phases):
            raise CtError(f"The phases {', '.join(self.phases)} must differ, and be one or more.")
        _demand(self.fusion, FUSIONS, "fusion")
        _demand(self.activation, ("sigmoid", "softmax"), "activation")
        if len(self.spacing) != 3 or not all(0.1 <= step <= 10 for step in self.spacing):
            raise CtError("The spacing must be three numbers from 0.1 to 10 mm.")
        if len(self.patch) != 3 or not all(16 <= side <= 256 for side in self.patch):
            raise CtError("The patch must be three whole numbers from 16 to 256.")
        if not self.window[0] < self.window[1]:
            raise CtError("The window must be two Hounsfield units, the lower one first.")
        if not 0 <= self.overlap < 0.9:
            raise CtError(f"The overlap is {self.overlap:g}; give a share from 0 to 0.9.")
        values = [value for listed in self.classes.values() for value in listed]
        if not self.classes or len(set(values)) < len(values):
            raise CtError("Each class needs a name, and no two the same label value.")

    @property
    def channels(self) -> int:
        """The channels of the network."""
        return len(self.phases) if self.fusion == "early" else 1

    @property
    def glands(self) -> bool:
        """Whether the classes are instances of one kind, of which candidates are made."""
        return len(self.classes) == 1 and not next(iter(self.classes.values()))

    @property
    def written(self) -> dict[str, int]:
        """The value that stands for each class in a predicted label map."""
        return {name: of[0] if of else i + 1 for i, (name, of) in enumerate(self.classes.items())}

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        return _plain(self) | {"classes": {name: list(of) for name, of in self.classes.items()}}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelSettings:
        """Take what ``to_json`` gave.

        Raises
        ------
        CtError
            For another name or a value of another kind.
        """
        made = _taken(cls, values, "A model")
        try:
            if "classes" in made:
                made["classes"] = {
                    str(name): tuple(int(value) for value in of)
                    for name, of in values["classes"].items()
                }
            return cls(**made)
        except (TypeError, ValueError, AttributeError):
            raise CtError(f"The settings of a model cannot be {dict(values)!r}.") from None


@dataclass(frozen=True)
class Augment:
    """How much patches are changed.

    Parameters
    ----------
    share
        Of the patches that are turned, resized and bent.
    turn, tilt
        By how many degrees at most: about the axis of the body, and about the other two.
    size
        Largest change of size, as a share.
    bend
        Standard deviation of a smooth displacement, as a share of the patch's side.
    contrast, brightness, noise
        Of normalised values, in [-1, 1]: largest change of scale, of offset, and the largest
        standard deviation of added noise.
    """

    share: float = 0.0
    turn: float = 0.0
    tilt: float = 0.0
    size: float = 0.0
    bend: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    noise: float = 0.0


AUGMENTS = {
    "none": Augment(),
    "mild": Augment(0.3, turn=10, size=0.1, contrast=0.1, brightness=0.05, noise=0.03),
    "strong": Augment(
        0.7, turn=15, tilt=10, size=0.2, bend=0.015, contrast=0.2, brightness=0.1, noise=0.05
    ),
}
"""By name. The strong one also tilts and bends, and changes more of the patches."""


@dataclass(frozen=True)
class TrainConfig:
    """How a network is trained.

    Parameters
    ----------
    model
        What it is to be given, and what its answer means.
    base
        Channels of the first stage: 8 (4 stages), 16 or 32 (5 stages).
    epochs, minutes
        When it ends; with minutes that are not 0, these decide.
    steps
        Steps of an epoch.
    batch
        Patches of a step, shared by the processes.
    folds, fold
        The patients are split into so many parts; this one, from 0, is for validation.
    lr, weight_decay
        AdamW's; the step grows over the first 3% and falls as a cosine.
    ema
        Decay of the mean of weights that is validated and kept.
    near, confounders
        Shares of patches near a gland and at what looks like one; the rest is anywhere.
    phase_dropout
        How often one of several phases is left out of a patch.
    shift
        By how many mm the later phases are shifted at random against the first.
    augment
        One of ``AUGMENTS``: how much patches are turned, resized, bent and changed in contrast.
    mirror
        Pairs of classes that are each other's mirror image, as right and left parotid: half of
        the patches are then mirrored from left to right, and the two exchanged. Without pairs
        no patch is ever mirrored, because side is a clinical fact.
    validate_every
        Epochs between validations; the last is always validated. A training of so many
        minutes is validated a dozen times instead.
    validate_on
        At most so many volumes of the validation part.
    precision
        "auto", "fp32" or "bf16".
    start
        SHA-256 of the weights of the model that it began with; "" where they were random.
    note
        What the data are.
    seed
        Fixes the split, the first weights and every draw.
    """

    model: ModelSettings = field(default_factory=ModelSettings)
    base: int = 16
    epochs: int = 200
    minutes: float = 0.0
    steps: int = 100
    batch: int = 2
    folds: int = 5
    fold: int = 0
    lr: float = 1e-3
    weight_decay: float = 1e-2
    ema: float = 0.99
    near: float = 0.5
    confounders: float = 0.25
    phase_dropout: float = 0.25
    shift: float = 1.5
    augment: str = "mild"
    mirror: tuple[tuple[str, str], ...] = ()
    validate_every: int = 2
    validate_on: int = 8
    precision: str = "auto"
    start: str = ""
    note: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        _demand(self.precision, ("auto", "fp32", "bf16"), "precision")
        _demand(self.augment, tuple(AUGMENTS), "augment")
        for name, low, high in (
            ("base", 1, 64),
            ("epochs", 1, 100_000),
            ("minutes", 0, 100_000),
            ("steps", 1, 100_000),
            ("batch", 1, 1024),
            ("folds", 2, 100),
            ("fold", 0, self.folds - 1),
            ("lr", 1e-7, 1),
            ("ema", 0, 0.99999),
            ("near", 0, 1),
            ("confounders", 0, 1 - self.near),
            ("phase_dropout", 0, 0.9),
            ("shift", 0, 10),
            ("validate_every", 1, 100_000),
            ("validate_on", 1, 100_000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise CtError(f"{name} is {value}; give a number from {low:g} to {high:g}.")
        self._check_mirror()

    def _check_mirror(self) -> None:
        classes = self.model.classes
        named = [name for pair in self.mirror for name in dict.fromkeys(pair)]
        if unknown := [name for name in named if name not in classes]:
            raise CtError(
                f"There is no class {', '.join(unknown)} to mirror; the classes are "
                f"{', '.join(classes)}."
            )
        if self.mirror and sorted(named) != sorted(classes):
            raise CtError(
                "Every class must stand in one pair to be mirrored, since a mirrored patch has "
                "them all; a structure in the middle is its own pair (cord:cord)."
            )
        for one, other in self.mirror:
            if len(classes[one]) != len(classes[other]):
                raise CtError(f"{one} and {other} must have as many label values to be mirrored.")

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        pairs = [list(pair) for pair in self.mirror]
        return _plain(self) | {"model": self.model.to_json(), "mirror": pairs}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Take what ``to_json`` gave; what is absent has its default.

        Raises
        ------
        CtError
            For another name or a value of another kind.
        """
        # Part of ``augment`` now, as that of "mild"; nothing else could be asked for.
        if values.get("turn") == AUGMENTS["mild"].turn:
            values = {name: value for name, value in values.items() if name != "turn"}
        made = _taken(cls, values, "A training")
        if "model" in made:
            made["model"] = ModelSettings.from_json(values["model"])
        try:
            if "mirror" in made:
                made["mirror"] = tuple((str(one), str(other)) for one, other in made["mirror"])
            return cls(**made)
        except (TypeError, ValueError):
            raise CtError(f"The settings of a training cannot be {dict(values)!r}.") from None


def in_order(phases: set[str]) -> tuple[str, ...]:
    """Give phases in the order of every model: ``PHASES``, then the others by name."""
    known = [phase for phase in PHASES if phase in phases]
    return (*known, *sorted(phases - set(known)))


def _plain(value: Any) -> dict[str, Any]:
    named = {name: getattr(value, name) for name in value.__dataclass_fields__}
    return {name: list(held) if isinstance(held, tuple) else held for name, held in named.items()}


def _taken(kind: type, values: Mapping[str, Any], what: str) -> dict[str, Any]:
    known = {held.name for held in dataclasses.fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise CtError(f"{what} has no setting {unknown[0]!r}; take it out of the file.")
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }


def _demand(value: str, choices: tuple[str, ...], name: str) -> None:
    if value not in choices:
        raise CtError(f"{name} has no {value!r}; choose from {', '.join(choices)}.")
