"""What the networks are given: crops of many cases, and the settings of a training.

Neither needs torch, so that tables, docks and run configurations can hold them.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from napari_ptx.ultrasound.errors import UltrasoundError

Architecture = Literal["resnet18", "resnet34", "resnet50", "resnet101"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]

FEATURES: dict[str, int] = {"resnet18": 512, "resnet34": 512, "resnet50": 2048, "resnet101": 2048}
"""The architectures, and how many features each gives from its average pool."""

_PRECISIONS = ("auto", "fp32", "bf16", "fp16")


@dataclass(frozen=True, eq=False)
class Crops:
    """Crops of several cases, in order.

    Parameters
    ----------
    images
        float32 ``(n, size, size)``, grey values in 0..1.
    masks
        bool ``(n, size, size)``, the ROI on the same grid.
    labels
        ``(n,)`` of 0 and 1, or ``None`` where they are not known.
    patients
        The patient of each crop, or empty where not known.

    Raises
    ------
    UltrasoundError
        The arrays do not fit each other, or hold what is not a number or a label.
    """

    images: NDArray[np.float32]
    masks: NDArray[np.bool_]
    labels: NDArray[np.int64] | None = None
    patients: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        images = np.asarray(self.images, dtype=np.float32)
        masks = np.asarray(self.masks, dtype=bool)
        if images.ndim != 3 or images.shape[1] != images.shape[2]:
            raise UltrasoundError(f"Crops are (n, size, size), not {images.shape}.")
        if masks.shape != images.shape:
            raise UltrasoundError(f"{masks.shape} masks do not fit {images.shape} crops.")
        if not np.isfinite(images).all():
            wrong = ", ".join(str(i) for i in np.flatnonzero(~np.isfinite(images).all((1, 2))))
            raise UltrasoundError(f"Crops hold values that are not numbers (crop {wrong}).")
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "masks", masks)
        if self.labels is not None:
            labels = np.asarray(self.labels)
            if labels.shape != images.shape[:1] or not np.isin(labels, (0, 1)).all():
                raise UltrasoundError(f"Labels must be {len(images)} values of 0 or 1.")
            object.__setattr__(self, "labels", labels.astype(np.int64))
        patients = tuple(str(patient) for patient in self.patients)
        if patients and len(patients) != len(images):
            raise UltrasoundError(f"{len(patients)} patients do not fit {len(images)} crops.")
        object.__setattr__(self, "patients", patients)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Rows, and columns, of each crop."""
        return int(self.images.shape[1])

    def __getitem__(self, rows: slice | Sequence[int] | NDArray[Any]) -> Crops:
        """Give the crops of some rows."""
        index = np.arange(len(self))[rows]
        labels = None if self.labels is None else self.labels[index]
        patients = tuple(self.patients[i] for i in index) if self.patients else ()
        return Crops(self.images[index], self.masks[index], labels, patients)

    def sha256(self) -> str:
        """SHA-256 of all pixels, masks and labels, as hex digits."""
        digest = hashlib.sha256(str(self.images.shape).encode())
        for i in range(len(self)):  # one by one: a copy of all could be large
            digest.update(self.images[i].astype("<f4", copy=False).tobytes())
            digest.update(np.packbits(self.masks[i]).tobytes())
        if self.labels is not None:
            digest.update(self.labels.astype("<i8").tobytes())
        return digest.hexdigest()

    def write(self, path: Path) -> None:
        """Write an ``.npz`` file that ``read`` takes."""
        labels = np.zeros(0, np.int64) if self.labels is None else self.labels
        patients = np.array(self.patients, dtype=np.str_)
        with path.open("wb") as stream:
            np.savez(stream, images=self.images, masks=self.masks, labels=labels, patients=patients)

    @classmethod
    def read(cls, path: Path) -> Crops:
        """Read what ``write`` wrote; nothing in the file is executed."""
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
                labels = held["labels"] if held["labels"].size else None
                return cls(held["images"], held["masks"], labels, tuple(held["patients"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise UltrasoundError(f"{path} does not hold crops ({error}).") from None


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that decides how a network is trained; it is written into every output.

    Parameters
    ----------
    arch, channels
        The architecture; 1 for the image alone, 2 for the image and its ROI.
    size
        Rows and columns that the network sees; larger or smaller crops are resized.
    epochs, patience
        At most so many epochs, and so many without a better validation AUC.
    batch, lr, weight_decay
        Crops per step over all processes; AdamW's largest step and its decay. The
        step grows over the first epoch and then falls along a cosine to zero.
    seed
        Decides the first weights, the draws and the augmentation.
    precision
        "auto" is the fastest that gives the same answer (``precision.choose``).
        Validation and prediction are always in float32.
    flip_horizontal, flip_vertical, noise
        Augmentation of training crops: flips with a chance of one half each, and
        Gaussian noise of a standard deviation drawn from 0 to ``noise``.
    weights
        A file of ImageNet weights to start from (``weights.read_weights``).

    Raises
    ------
    UltrasoundError
        A value is outside its range.
    """

    arch: Architecture = "resnet101"
    channels: Literal[1, 2] = 1
    size: int = 500
    epochs: int = 60
    patience: int = 12
    batch: int = 16
    lr: float = 1e-4
    weight_decay: float = 1e-2
    seed: int = 0
    precision: Precision = "auto"
    flip_horizontal: bool = True
    flip_vertical: bool = True
    noise: float = 0.05
    weights: str | None = None

    def __post_init__(self) -> None:
        checks = {
            f"arch must be one of {', '.join(FEATURES)}": self.arch in FEATURES,
            "channels must be 1 or 2": self.channels in (1, 2),
            "size must be 32 or more": self.size >= 32,
            "epochs and patience must be 1 or more": min(self.epochs, self.patience) >= 1,
            "batch must be 2 or more (batch normalisation)": self.batch >= 2,
            "lr must be above 0": 0 < self.lr < float("inf"),
            "weight_decay must be 0 or more": 0 <= self.weight_decay < float("inf"),
            "seed must be 0 or more": self.seed >= 0,
            f"precision must be one of {', '.join(_PRECISIONS)}": self.precision in _PRECISIONS,
            "noise must be 0 or more": 0 <= self.noise < float("inf"),
        }
        for sentence, holds in checks.items():
            if not holds:
                raise UltrasoundError(f"Settings of the network: {sentence}.")

    @property
    def features(self) -> int:
        """How many features the network gives for a crop."""
        return FEATURES[self.arch]

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Take what ``to_json`` gave; missing values get their default.

        Raises
        ------
        UltrasoundError
            A name is unknown, or a value is of the wrong kind.
        """
        defaults = {field.name: field.default for field in fields(cls)}
        for name, value in values.items():
            if name not in defaults:
                raise UltrasoundError(f"Settings of the network: {name} is not one of them.")
            default = defaults[name]
            kind = str if default is None else type(default)
            kinds: tuple[type, ...] = (int, float) if kind is float else (kind,)
            wrong = not isinstance(value, kinds) or isinstance(value, bool) != (kind is bool)
            if wrong and not (default is None and value is None):
                raise UltrasoundError(f"Settings of the network: {name} cannot be {value!r}.")
        return cls(**values)
