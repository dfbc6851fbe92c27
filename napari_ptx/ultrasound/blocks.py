"""The blocks of features that families are made of: radiomics, and one per network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.ultrasound import leaks
from napari_ptx.ultrasound.cases import CaseImage, load_case
from napari_ptx.ultrasound.config import RunConfig
from napari_ptx.ultrasound.crop import Crop, crop
from napari_ptx.ultrasound.dataset import Dataset
from napari_ptx.ultrasound.deep_data import Crops, NetworkConfig
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.features import FeatureTable, extract, read_features
from napari_ptx.ultrasound.model import PROBABILITY
from napari_ptx.ultrasound.splits import Fold, derived_seed

if TYPE_CHECKING:
    from napari_ptx.ultrasound.deep import TrainedNetwork


def block_name(channels: int) -> str:
    """Give the name of a network's block: "resnet-1ch" or "resnet-2ch"."""
    return f"resnet-{channels}ch"


def radiomics_table(
    data: Dataset, config: RunConfig, folder: Path, *, jobs: int = 1, progress: Progress | None
) -> FeatureTable:
    """Read the features that the configuration names, or compute them into ``folder``.

    Raises
    ------
    UltrasoundError
        If a case is there twice, or a feature is the label.
    """
    if config.features:
        table = read_features(config.features)
    else:
        from napari_ptx.image.cohort import Cohort

        table = extract(
            Cohort(data.path, data.table),
            folder,
            params=config.params,
            extra_filter=config.extra_filter,
            mode=config.mode,  # type: ignore[arg-type]
            margin=config.margin,
            mask_borders=config.mask_borders,
            normalise=config.normalise,  # type: ignore[arg-type]
            lesions=config.lesions,  # type: ignore[arg-type]
            jobs=jobs,
            note=config.note,
            progress=progress,
        )
    names = table.table["case"].astype(str)
    wanted = names.isin(data.cases)
    double = sorted(set(names[wanted & names.duplicated()]))
    if double:
        raise UltrasoundError(
            f"{table.source} has several rows for {', '.join(double[:10])}; training needs one "
            "for each case: extract the features of one reading."
        )
    known = table.table[wanted].set_index(names[wanted])
    ordered = known.reindex([case for case in data.cases if case in known.index])
    labels = dict(zip(data.cases, data.labels.tolist(), strict=True))
    leaks.demand_no_label(
        {name: ordered[name] for name in table.columns}, [labels[case] for case in ordered.index]
    )
    return table


def missing_features(data: Dataset, table: FeatureTable) -> dict[str, str]:
    """Say which cases have no features, and why."""
    known = set(table.table["case"].astype(str))
    reasons = {str(entry["case"]): str(entry["reason"]) for entry in table.failures}
    return {
        case: reasons.get(case, f"{table.source.name} has no features of it")
        for case in data.cases
        if case not in known
    }


def radiomics_block(table: FeatureTable, cases: Sequence[str]) -> pd.DataFrame:
    """Give the features (cases, features) in the order of the cases."""
    known = table.table.set_index(table.table["case"].astype(str))
    return known.loc[list(cases), list(table.columns)].reset_index(drop=True)


def load_crops(
    rows: Sequence[Mapping[str, Any]], config: RunConfig, *, progress: Progress | None = None
) -> tuple[dict[str, tuple[Any, Any]], dict[str, str]]:
    """Cut the crops of cases for the networks: image and mask by case, and failures."""
    made: dict[str, tuple[Any, Any]] = {}
    failures: dict[str, str] = {}
    for done, row in enumerate(rows):
        case = str(row["case"])
        if progress is not None:
            progress(done, len(rows), f"Crop of {case}")
        try:
            cut = case_crop(load_case(row, lesions=config.lesions), config)  # type: ignore[arg-type]
            made[case] = (cut.image, cut.mask)
        except UltrasoundError as error:
            failures[case] = error.message
    return made, failures


def case_crop(case: CaseImage, config: RunConfig) -> Crop:
    """Cut the crop of one case as the networks of a run see it."""
    return crop(
        case,
        mode=config.mode,  # type: ignore[arg-type]
        size=config.size,
        margin=config.margin,
        mask_borders=config.mask_borders,
        normalise=config.normalise,  # type: ignore[arg-type]
    )


def stack_crops(crops: Mapping[str, tuple[Any, Any]], data: Dataset) -> Crops:
    """Put the crops of a dataset's cases in order."""
    return Crops(
        np.stack([crops[case][0] for case in data.cases]),
        np.stack([crops[case][1] for case in data.cases]),
        data.labels,
        tuple(data.patients),
    )


def train_network(
    crops: Crops,
    fold: Fold,
    channels: int,
    config: RunConfig,
    folder: Path,
    *,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Train a fold's network (or go on, or take what is there) and read out all cases.

    The folder holds the network and ``read.npz``, its answers for the cases of the run.
    """
    done = folder / "read.npz"
    if done.is_file():
        with np.load(done, allow_pickle=False) as held:
            return _block(held["probability"], held["features"], channels)
    from napari_ptx.ultrasound.deep import train

    settings = NetworkConfig(
        arch=config.arch,  # type: ignore[arg-type]
        channels=channels,  # type: ignore[arg-type]
        size=config.size,
        epochs=config.epochs,
        patience=config.patience,
        batch=config.batch,
        seed=derived_seed(config.seed, fold.name, channels),
        weights=config.weights or None,
    )
    network = train(
        crops[fold.train],
        crops[fold.validation],
        settings,
        folder,
        note=config.note,
        progress=progress,
    )
    probability, features = network.read(crops, progress=progress)
    part = folder / "read.npz.part"
    with part.open("wb") as stream:
        np.savez(stream, probability=probability, features=features)
    part.replace(done)
    return _block(probability, features, channels)


def read_network(network: TrainedNetwork, crops: Crops) -> pd.DataFrame:
    """Give a trained network's block for new crops."""
    probability, features = network.read(crops)
    return _block(probability, features, network.config.channels)


def _block(probability: Any, features: Any, channels: int) -> pd.DataFrame:
    name = block_name(channels)
    columns = [f"{name}:{number:04d}" for number in range(features.shape[1])]
    table = pd.DataFrame(np.asarray(features, dtype=np.float64), columns=columns)
    table[name + PROBABILITY] = np.asarray(probability, dtype=np.float64)
    return table
