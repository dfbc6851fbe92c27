"""``train``: from a cohort to a run folder, step by step; a killed training goes on.

Each family of each fold is a folder that appears at once when it is done, and is not done
again by a training with the same configuration and inputs in the same run folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.image.cohort import Cohort
from napari_ptx.learn.manifest import MANIFEST, file_sha256
from napari_ptx.ultrasound import blocks
from napari_ptx.ultrasound.config import RunConfig
from napari_ptx.ultrasound.dataset import Dataset, make_folds, read_dataset
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.families import FoldData, Outcome, fit_family, fuse
from napari_ptx.ultrasound.features import FeatureTable
from napari_ptx.ultrasound.matrix import clinical_table
from napari_ptx.ultrasound.model import load_model
from napari_ptx.ultrasound.results import finish, said_of_radiomics
from napari_ptx.ultrasound.runs import CONFIG, SPLITS, Run, model_folder, network_folder
from napari_ptx.ultrasound.splits import Fold, splits_table
from napari_ptx.ultrasound.store import (
    read_json,
    write_folder,
    write_json,
    write_text,
)

_INPUTS = ("features", "icc", "weights")
_OUTCOME = "outcome.json"


def train(
    cohort: Cohort | str | os.PathLike[str],
    out: str | os.PathLike[str],
    config: RunConfig,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Run:
    """Train the families of models and write the run folder.

    Parameters
    ----------
    cohort
        The table, or its path: ``case, patient, image, label`` and, unless features are
        given and no network is trained, ``roi``; ``split`` is honoured by the scheme
        "paper"; extra columns are kept in the predictions.
    out
        The run folder: new, empty, or of a training with the same configuration that
        was stopped, which goes on.
    config
        What to train.
    jobs
        Threads of the search, and processes of the feature extraction.
    progress
        ``progress(done, total, text)``.

    Returns
    -------
    Run
        The finished run.

    Raises
    ------
    UltrasoundError
        One sentence: a leak, too few cases, a folder of another run, ...
    CohortError
        For a table with faults, all at once.
    """
    root = Path(out).absolute()
    table = cohort if isinstance(cohort, Cohort) else Path(cohort)
    data = read_dataset(table, config, progress=progress)
    _begin(root, config, data)
    if (root / MANIFEST).is_file():
        return Run.open(root)
    features = icc = None
    if config.radiomic:
        features = blocks.radiomics_table(
            data, config, root / "features", jobs=jobs, progress=progress
        )
        data = data.without(blocks.missing_features(data, features))
        icc = _read_icc(config, features)
    crops = None
    if config.channels:
        made, failures = blocks.load_crops(data.rows, config, progress=progress)
        data = data.without(failures)
        crops = blocks.stack_crops(made, data)
    folds = make_folds(data, config)
    _keep_splits(root, data, folds)
    steps = _Steps(len(folds) * (len(config.channels) + len(config.families)), progress)
    radiomics = {"radiomics": blocks.radiomics_block(features, data.cases)} if features else {}
    outcomes: dict[tuple[str, str], Outcome] = {}
    for fold in folds:
        parts = dict(radiomics)
        for channels in config.channels:
            assert crops is not None
            name = blocks.block_name(channels)
            parts[name] = blocks.train_network(
                crops, fold, channels, config, network_folder(root, name, fold.name),
                progress=steps.inside(f"fold {fold.name}, {name}"),
            )  # fmt: skip
            steps.done()
        inside = FoldData(
            fold, data.labels, data.groups, parts, clinical_table(data.table, config.clinical), icc
        )
        for family in sorted(config.families, key="late".__eq__):
            steps.say(f"fold {fold.name}, {family}")
            make = partial(_make, family, inside, config, outcomes, jobs)
            outcomes[family, fold.name] = _step(model_folder(root, family, fold.name), make)
            steps.done()
    finish(root, data, folds, outcomes, config, said_of_radiomics(root, features))
    return Run.open(root)


def train_run(
    cohort_path: str,
    out: str,
    config: Mapping[str, Any],
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train with plain values, as a child process is called; give the summary.

    Parameters
    ----------
    cohort_path, out
        As for ``train``.
    config
        Settings of ``RunConfig`` by name.

    Returns
    -------
    dict
        As an entry of ``list_runs``.
    """
    made = train(cohort_path, out, RunConfig.from_json(config), jobs=jobs, progress=progress)
    return made.summary()


class _Steps:
    """Counts the steps of a training for its progress."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._count, self._total, self._progress = 0, total, progress

    def say(self, text: str) -> None:
        if self._progress is not None:
            self._progress(self._count, self._total, text)

    def done(self) -> None:
        self._count += 1

    def inside(self, text: str) -> Progress:
        """Show a step's own progress as words behind its name."""
        self.say(text)

        def tell(done: int, total: int, said: str) -> None:
            self.say(f"{text}: {said or f'{done} of {total}'}")

        return tell


def _begin(root: Path, config: RunConfig, data: Dataset) -> None:
    """Make the folder, or see that it is of the same training."""
    inputs = data.inputs()
    for name in _INPUTS:
        path = Path(getattr(config, name)) if getattr(config, name) else None
        if path is not None and path.is_dir():
            path = path / "features.parquet"
        if path is not None:
            if not path.is_file():
                raise UltrasoundError(f"There is no file {path}; mend the setting {name!r}.")
            inputs[name] = file_sha256(path)
    plain = config.to_json()
    wanted = {key: value for key, value in plain.items() if key not in _INPUTS}
    if (root / CONFIG).is_file():
        there = read_json(root / CONFIG)
        before = {k: v for k, v in there.get("config", {}).items() if k not in _INPUTS}
        changed = sorted(key for key in wanted if before.get(key) != wanted[key])
        changed += sorted(name for name in inputs if there["inputs"].get(name) != inputs[name])
        if changed:
            raise UltrasoundError(
                f"{root} holds a run with another {', '.join(changed)}; choose another folder, "
                "or train with the same settings to go on."
            )
        return
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UltrasoundError(f"{root} is not empty and holds no run; choose another folder.")
    started = datetime.now(UTC).isoformat(timespec="seconds")
    said = {"started": started, "cohort": str(data.path), "inputs": inputs, "config": plain}
    write_json(root / CONFIG, said)


def _keep_splits(root: Path, data: Dataset, folds: list[Fold]) -> None:
    """Write splits.csv; a training that goes on must find the same."""
    table = splits_table(
        data.cases, data.patients, data.labels.tolist(), data.groups, data.hashes, folds
    )
    text = table.to_csv(index=False, lineterminator="\n")
    path = root / SPLITS
    if not path.is_file():
        write_text(path, text)
    elif path.read_text(encoding="utf-8") != text:
        raise UltrasoundError(
            f"The cases or images of {data.path} have changed since {root} was begun; choose "
            "another folder."
        )


def _read_icc(config: RunConfig, features: FeatureTable) -> pd.DataFrame | None:
    if not config.icc:
        return None
    try:
        table = pd.read_csv(config.icc)
    except (OSError, ValueError) as error:
        raise UltrasoundError(
            f"{config.icc} is not a table ({error}); make it by us icc."
        ) from None
    missing = [name for name in ("feature", "icc", "low") if name not in table]
    if missing:
        raise UltrasoundError(
            f"{config.icc} has no column {', '.join(missing)}; make it by 'us icc'."
        )
    unknown = sorted(set(features.columns) - set(table["feature"]))
    if unknown:
        raise UltrasoundError(
            f"{config.icc} lacks {len(unknown)} of {len(features.columns)} features "
            f"({', '.join(unknown[:3])}); make both with the same parameters."
        )
    return table


def _make(
    family: str,
    data: FoldData,
    config: RunConfig,
    outcomes: Mapping[tuple[str, str], Outcome],
    jobs: int,
) -> Outcome:
    if family == "late":
        members = {name: outcomes[name, data.fold.name] for name in config.fused}
        return fuse(members, data, config)
    return fit_family(family, data, config, jobs=jobs)


def _step(folder: Path, make: partial[Outcome]) -> Outcome:
    """Do one step and keep it, or read it back where it was done before."""
    if folder.is_dir():
        return _read_outcome(folder)
    outcome = make()

    def fill(part: Path) -> None:
        outcome.model.save(part)
        outcome.search.to_csv(part / "search.csv", index=False, lineterminator="\n")
        outcome.selection.to_csv(part / "selection.csv", index=False, lineterminator="\n")
        write_json(
            part / _OUTCOME,
            {
                "probability": outcome.probability.tolist(),
                "learned_rows": outcome.learned_rows.tolist(),
                "learned": outcome.learned.tolist(),
            },
        )

    write_folder(folder, fill)
    return outcome


def _read_outcome(folder: Path) -> Outcome:
    said = read_json(folder / _OUTCOME)
    return Outcome(
        load_model(folder),
        np.array(said["probability"], dtype=np.float64),
        np.array(said["learned_rows"], dtype=np.intp),
        np.array(said["learned"], dtype=np.float64),
        pd.read_csv(folder / "search.csv"),
        _read_table(folder / "selection.csv"),
    )


def _read_table(path: Path) -> pd.DataFrame:
    """Read a table that may be empty."""
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
