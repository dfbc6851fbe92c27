"""First weights of a training from another model, as where few patients follow many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_ptx.ct.bundle import TRAIN, CtModel, open_model, read_json
from napari_ptx.ct.data import Exam
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.network import NetworkConfig

START = "start.safetensors"
"""Beside the prepared volumes of a training: the weights that it begins with."""

TRAINED_ON = "trained_on"
"""In a model's ``configs/train.json``: the SHA-256 of each image that it was trained on."""


def open_start(folder: Path, network: NetworkConfig) -> CtModel:
    """Open the model that a training is to begin with.

    Raises
    ------
    CtError
        It is not whole, or its network is not the one that is to be trained.
    """
    model = open_model(folder)
    theirs, ours = model.network.config.to_json(), network.to_json()
    wrong = [
        f"{name} {theirs[name]}, not {ours[name]}" for name in ours if theirs[name] != ours[name]
    ]
    if wrong:
        raise CtError(
            f"The network of {folder} is not the one to be trained ({'; '.join(wrong)}); choose "
            "another model, or the base, phases, fusion and classes that it has."
        )
    return model


def seen_by(model: CtModel) -> frozenset[str]:
    """Give the SHA-256 of the images that a model was trained on, or on whose models it builds.

    A model of before these were written names all images of its cohort; one without either
    tells nothing.
    """
    path = model.folder / TRAIN
    held = read_json(path) if path.is_file() else {}
    listed = held.get(TRAINED_ON)
    if isinstance(listed, list):
        return frozenset(str(value) for value in listed)
    inputs = held.get("inputs")
    return frozenset(map(str, inputs.values())) if isinstance(inputs, Mapping) else frozenset()


def check_unseen(
    model: CtModel,
    exams: Sequence[Exam],
    split: Mapping[str, Sequence[str]],
    hashes: Mapping[Path, str],
) -> None:
    """Refuse a model that has learned what the training is to be judged by.

    Parameters
    ----------
    model
        What the training begins with.
    exams, split
        The patients, and where each stands.
    hashes
        SHA-256 of each image.

    Raises
    ------
    CtError
        The model was trained on an image of a patient for validation or test; all are named.
    """
    known = seen_by(model)
    sides = {patient: side for side, patients in split.items() for patient in patients}
    wrong = [
        f"patient {exam.patient}, {sides[exam.patient]}"
        for exam in exams
        if sides[exam.patient] != "train"
        and any(hashes[path] in known for path in exam.images.values())
    ]
    if wrong:
        count = f"{len(wrong)} patient{'s' if len(wrong) > 1 else ''}"
        raise CtError(
            f"{model.folder} was trained on images of {count} that this training is to be judged "
            "by; split them as there (the column 'split', or its --folds, --fold and --seed).",
            wrong,
        )
