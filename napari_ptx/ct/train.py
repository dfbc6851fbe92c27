"""Train a network on a cohort of CT, and make a model of it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from napari_ptx.child import Progress
from napari_ptx.ct.bundle import CtModel, open_model, read_safetensors, versions, write_model
from napari_ptx.ct.cases import Case, read_case, write_case
from napari_ptx.ct.config import TrainConfig
from napari_ptx.ct.data import Exam, load_volume, read_exams, samples
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.fit import BEST, EPOCHS, WORK, Fit
from napari_ptx.ct.network import GlandNet, NetworkConfig, build, load_weights, stages_for
from napari_ptx.ct.start import START, TRAINED_ON, check_unseen, open_start, seen_by
from napari_ptx.image.volume import volume_sha256
from napari_ptx.learn.checkpoint import write_tensors
from napari_ptx.learn.launch import JOB, launch
from napari_ptx.learn.manifest import MANIFEST, write_text
from napari_ptx.learn.team import Team, alone

SPLITS = "splits.csv"
"""Which patient stood where."""

_INPUTS = "inputs.json"


def train(
    cohort: Path,
    folder: Path,
    config: TrainConfig,
    *,
    start: Path | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
) -> CtModel:
    """Train a model; go on where a killed training of the same folder stopped.

    Parameters
    ----------
    cohort
        The table; see ``data.read_exams``. Every patient that is trained on has labels.
    folder
        Becomes the model. ``epochs.csv`` grows as the training goes, beside ``splits.csv``.
        A finished model of the same settings and images is only opened.
    config
        The settings; ``start`` is filled in.
    start
        A model whose weights are the first, in place of random ones; of the same network, and
        not trained on what is validation or test here.
    processes
        How many train together; by default one for each GPU.

    Raises
    ------
    CohortError, CtError, LearnError
        The table or an image cannot be used; the folder holds another training; the model to
        start from does not fit; the loss went astray.

    Notes
    -----
    The same settings on the same machine with the same number of threads give the same
    weights, also after a kill, unless the training is limited in minutes. The precision "auto"
    times itself: name one where two runs must agree whatever else the machine does.
    """
    cohort, folder = Path(cohort).absolute(), Path(folder).absolute()
    if processes is None:
        processes = max(1, torch.cuda.device_count())
    if config.batch % processes:
        raise CtError(
            f"A batch of {config.batch} cannot be shared by {processes} processes; give a "
            "multiple of it."
        )
    exams = read_exams(cohort)
    split = split_patients(exams, config)
    hashes = {path: volume_sha256(path) for exam in exams for path in _files(exam)}
    inputs = {_name(path, cohort): value for path, value in hashes.items()}
    seen = {hashes[path] for exam in exams if exam.patient in split["train"]
            for path in exam.images.values()}  # fmt: skip
    first = None if start is None else open_start(Path(start), network_config(config))
    if first is not None:
        check_unseen(first, exams, split, hashes)
        config = replace(config, start=first.sha256)
        seen |= seen_by(first)
    if (folder / MANIFEST).is_file():
        model = open_model(folder)
        _check_same(folder, config, inputs)
        shutil.rmtree(folder / WORK, ignore_errors=True)  # of a kill in the last moment
        return model
    work = folder / WORK
    work.mkdir(parents=True, exist_ok=True)
    write_text(folder / SPLITS, _splits_csv(exams, split, config))
    if first is not None:
        write_tensors(work / START, first.network.state_dict(), {})
    _prepare(exams, split, config, work, progress)
    held = {"config": config.to_json(), "inputs": inputs, "split": split}
    write_text(work / _INPUTS, json.dumps(held))
    if processes > 1:
        _together(folder, config, processes, progress)
    else:
        fit(folder, alone(), progress)
    return _finish(folder, config, inputs, seen)


def fit(folder: Path, team: Team, progress: Progress | None = None) -> Fit:
    """Train on what ``train`` prepared in the folder, as one process of a team."""
    work = folder / WORK
    held = json.loads((work / _INPUTS).read_text(encoding="utf-8"))
    config = TrainConfig.from_json(held["config"])
    cases = {side: _cases(work, held["split"], side) for side in ("train", "validation")}
    network = build(network_config(config), config.seed)
    if config.start:
        load_weights(network, read_safetensors(work / START), str(work / START))
    identity = {"settings": config.to_json(), "images": held["inputs"]}
    training = Fit(config, team, folder, network, identity)
    training.resume()
    training.run(cases["train"], cases["validation"], progress)
    team.from_leader([1.0])  # nobody goes on before the files are there
    return training


def network_config(config: TrainConfig) -> NetworkConfig:
    """Give the network's shape.

    Raises
    ------
    CtError
        The patch is no multiple of what the network halves.
    """
    settings = config.model
    shape = NetworkConfig(
        settings.channels, len(settings.classes), config.base, stages_for(config.base)
    )
    wrong = [side for side in settings.patch if side % shape.factor]
    if wrong:
        raise CtError(
            f"The patch {settings.patch} must have sides that are multiples of {shape.factor}."
        )
    return shape


def split_patients(exams: Sequence[Exam], config: TrainConfig) -> dict[str, list[str]]:
    """Give the patients of "train", "validation" and "test"; each on one side only.

    The table's column ``split`` is honoured: its test patients are left out, its validation
    patients are the validation. Without validation patients there, one of ``folds`` equal parts
    of the rest, drawn by the seed, is.

    Raises
    ------
    CtError
        Too few patients.
    """
    sides: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for exam in exams:
        sides[exam.split or "train"].append(exam.patient)
    if not sides["validation"]:
        order = sorted(sides["train"])
        np.random.default_rng(config.seed).shuffle(order)
        if len(order) < config.folds:
            raise CtError(
                f"{len(order)} patients cannot be split into {config.folds} folds; give more "
                "patients, or fewer --folds."
            )
        sides["validation"] = sorted(order[config.fold :: config.folds])
        sides["train"] = sorted(set(order) - set(sides["validation"]))
    if not sides["train"]:
        raise CtError("No patient is left for training; mend the column 'split'.")
    return sides


def _together(folder: Path, config: TrainConfig, processes: int, progress: Progress | None) -> None:
    (folder / JOB).mkdir(exist_ok=True)

    def watch() -> None:
        if progress is not None:
            progress(*_curve(folder / EPOCHS, config))

    launch("napari_ptx.ct.train_main", folder, processes, CtError, watch)
    shutil.rmtree(folder / JOB)


def _prepare(
    exams: Sequence[Exam],
    split: dict[str, list[str]],
    config: TrainConfig,
    work: Path,
    progress: Progress | None,
) -> None:
    """Bring every volume of training and validation to the grid; what is there is kept."""
    stamp = json.dumps(config.model.to_json())
    if not (work / "settings.json").is_file() or (work / "settings.json").read_text() != stamp:
        shutil.rmtree(work / "cases", ignore_errors=True)
        write_text(work / "settings.json", stamp)
    wanted = [exam for exam in exams if exam.patient not in split["test"]]
    for done, exam in enumerate(wanted):
        if progress is not None:
            progress(done, len(wanted), f"reading patient {exam.patient}")
        for i, phases in enumerate(samples(exam, config.model)):
            place = _place(work, exam.patient, i)
            if not (place / "case.json").is_file():
                volume = load_volume(exam, phases, config.model.spacing)
                write_case(place, volume, config.model, exam)


def _place(work: Path, patient: str, number: int) -> Path:
    # A patient's code can be no name of a file.
    return work / "cases" / f"{hashlib.sha256(patient.encode()).hexdigest()[:16]}-{number}"


def _cases(work: Path, split: dict[str, list[str]], side: str) -> list[Case]:
    found = []
    for patient in split[side]:
        number = 0
        while (place := _place(work, patient, number)).is_dir():
            found.append(read_case(place))
            number += 1
    return found


def _finish(folder: Path, config: TrainConfig, inputs: dict[str, str], seen: set[str]) -> CtModel:
    network: GlandNet = build(network_config(config))
    load_weights(network, read_safetensors(folder / BEST), str(folder / BEST))
    with (folder / EPOCHS).open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["score"]]
    best = max(rows, key=lambda row: (float(row["score"]), float(row["dice"])))
    facts = {
        "best_epoch": int(best["epoch"]),
        "score": float(best["score"]),
        "score_is": "mean sensitivity of the FROC curve at 1/8 to 8 false positives per volume"
        if config.model.glands
        else "mean Dice",
        "dice": float(best["dice"]),
    }
    made = {
        "config": config.to_json(),
        "inputs": inputs,
        TRAINED_ON: sorted(seen),
        "versions": versions(),
    }
    model = write_model(
        folder, network, config.model, note=config.note, train=made, facts={"training": facts}
    )
    shutil.rmtree(folder / WORK)
    return model


def _check_same(folder: Path, config: TrainConfig, inputs: dict[str, str]) -> None:
    try:
        held = json.loads((folder / "configs/train.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        held = {}
    known = held.get("config")
    # A setting that came later had its default.
    held["config"] = TrainConfig.from_json(known).to_json() if known else None
    for name, mine in (("config", config.to_json()), ("inputs", inputs)):
        if held.get(name) != mine:
            what = "settings" if name == "config" else "images"
            raise CtError(
                f"{folder} holds a finished model of other {what}; choose another folder."
            )


def _files(exam: Exam) -> list[Path]:
    return [path for of in (exam.images, exam.labels, exam.anatomy) for path in of.values()]


def _name(path: Path, cohort: Path) -> str:
    """Give the path relative to the table, where it lies beside it."""
    return path.as_posix().removeprefix(f"{cohort.parent.as_posix()}/")


def _splits_csv(exams: Sequence[Exam], split: dict[str, list[str]], config: TrainConfig) -> str:
    sides = {patient: side for side, patients in split.items() for patient in patients}
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("patient", "split", "fold"))
    for exam in exams:
        writer.writerow((exam.patient, sides[exam.patient], config.fold))
    return stream.getvalue()


def _curve(path: Path, config: TrainConfig) -> tuple[int, int, str]:
    """How many epochs are done, of how many, and a word about the last."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except FileNotFoundError:
        rows = []
    total = config.epochs
    if config.minutes:
        spent = sum(float(row["seconds"]) for row in rows) / 60
        total = max(len(rows) + 1, round(len(rows) * config.minutes / max(spent, 1e-3)))
    text = f"epoch {len(rows) + 1}"
    if rows:
        text += f", loss {float(rows[-1]['loss']):.3f}"
    return len(rows), total, text
