"""What a finished training writes: predictions, tables of the search, metadata, manifest."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.stats import compare_auc
from napari_ptx.ultrasound.config import FAMILIES, WITH_CLINICAL, RunConfig
from napari_ptx.ultrasound.dataset import Dataset
from napari_ptx.ultrasound.families import Outcome
from napari_ptx.ultrasound.features import FeatureTable
from napari_ptx.ultrasound.model import FamilyModel
from napari_ptx.ultrasound.predictions import write_predictions
from napari_ptx.ultrasound.runs import CONFIG, METADATA, PREDICTIONS, SEARCH, SELECTION
from napari_ptx.ultrasound.splits import PARTS, Fold
from napari_ptx.ultrasound.store import read_json, write_json, write_manifest, write_text

_PACKAGES = (
    "napari-ptx", "numpy", "scipy", "pandas", "scikit-learn", "xgboost", "lightgbm", "skops",
    "torch", "monai", "pyradiomics-bhklab", "safetensors",
)  # fmt: skip

Outcomes = Mapping[tuple[str, str], Outcome]


def family_order(families: Sequence[str]) -> list[str]:
    """Put families in the order of tables and figures."""
    return sorted(
        dict.fromkeys(families),
        key=lambda name: (FAMILIES.index(name.removesuffix(WITH_CLINICAL)), name),
    )


def finish(
    root: Path,
    data: Dataset,
    folds: Sequence[Fold],
    outcomes: Outcomes,
    config: RunConfig,
    radiomics: Mapping[str, Any],
) -> None:
    """Write all tables of a run, and the manifest last."""
    families = family_order(config.families)
    _write_concatenated(root / SEARCH, {k: o.search for k, o in outcomes.items()})
    _write_concatenated(root / SELECTION, {k: o.selection for k, o in outcomes.items()})
    table, thresholds = _predictions(data, folds, outcomes, families)
    about = {family: _about(family, folds, outcomes, config) for family in families}
    rules = {family: about[family].pop("rule") for family in families}
    sources = {
        "config": config.to_json(),
        "inputs": read_json(root / CONFIG)["inputs"],
        "versions": _versions(),
        "augmented_copies": int(data.copies.sum()),
    }
    write_predictions(
        root / PREDICTIONS,
        table,
        families,
        thresholds=thresholds,
        note=config.note,
        positive=data.positive,
        negative=data.negative,
        rules=rules,
        about=about,
        sources=sources,
    )
    models = _summaries(table, thresholds, families, config, data)
    for family in families:
        models[family] |= {"rule": rules[family], **about[family]}
    write_json(
        root / METADATA, _metadata(data, folds, config, models, radiomics, sources["versions"])
    )
    write_manifest(root, {"created": datetime.now(UTC).isoformat(timespec="seconds")})


def said_of_radiomics(root: Path, features: FeatureTable | None) -> dict[str, Any]:
    """Say how the features were made, so that a prediction can make them alike.

    A parameter file is copied into the run.
    """
    if features is None:
        return {}
    options = dict(features.about.get("options", {}))
    file = Path(str(options.get("params", "")))
    if file.suffix in (".yaml", ".yml", ".json") and file.is_file():
        kept = root / "configs" / f"radiomics{file.suffix}"
        shutil.copyfile(file, kept)
        options["params"] = kept.relative_to(root).as_posix()
    return {
        "options": options,
        "features": list(features.columns),
        "note": features.note,
        "versions": features.about.get("versions", {}),
    }


def _predictions(
    data: Dataset, folds: Sequence[Fold], outcomes: Outcomes, families: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the table and the thresholds (rows x models).

    Nested: each case once, with the mean over the repeats of its out-of-fold probabilities
    and of its folds' thresholds. Paper: each case once, in its part.
    """
    table = data.table.drop(columns=[name for name in families if name in data.table])
    table["label"] = data.labels
    if data.copies.any():
        table["augmented"] = data.copies.astype(int)
    thresholds = pd.DataFrame(index=table.index)
    if folds[0].name == "paper":
        split = np.full(len(table), "", dtype=object)
        for part in PARTS:
            split[getattr(folds[0], part)] = part
        table["split"] = split
    else:
        table["split"] = "out-of-fold"
    for family in families:
        probability, threshold = np.zeros(len(table)), np.zeros(len(table))
        count: NDArray[np.int64] = np.zeros(len(table), dtype=np.int64)
        for fold in folds:
            outcome = outcomes[family, fold.name]
            rows = np.arange(len(table)) if fold.name == "paper" else fold.test
            probability[rows] += outcome.probability[rows]
            threshold[rows] += outcome.model.threshold
            count[rows] += 1
        table[family] = probability / count
        thresholds[family] = threshold / count
    return table, thresholds


def _about(
    family: str, folds: Sequence[Fold], outcomes: Outcomes, config: RunConfig
) -> dict[str, Any]:
    """Say what a family became in each fold."""
    models = [outcomes[family, fold.name].model for fold in folds]
    mean = (
        "weighted mean of probabilities" if config.late == "weighted" else "mean of probabilities"
    )
    kinds = [m.kind if isinstance(m, FamilyModel) else mean for m in models]
    counted = pd.Series(kinds).value_counts(sort=True)
    return {
        "family": family,
        "classifier": ", ".join(
            f"{kind} ({n} of {len(folds)})" if len(counted) > 1 else str(kind)
            for kind, n in counted.items()
        ),
        "features": [len(m.features) for m in models if isinstance(m, FamilyModel)],
        "rule": models[0].rule + ("; the mean over folds for new cases" if len(folds) > 1 else ""),
    }


def _summaries(
    table: pd.DataFrame,
    thresholds: pd.DataFrame,
    families: Sequence[str],
    config: RunConfig,
    data: Dataset,
) -> dict[str, dict[str, Any]]:
    """Give each model's AUC where it counts, with its interval, clustered by patient."""
    split = "test" if config.scheme == "paper" else "out-of-fold"
    here = (table["split"] == split).to_numpy()
    scores = table.loc[here, list(families)].to_numpy().T
    truth, patients = data.labels[here], table.loc[here, "patient"].tolist()
    several = len(set(patients)) < len(patients)
    compared = compare_auc(truth, scores, clusters=patients if several else None)
    limits = compared.ci()
    summaries: dict[str, dict[str, Any]] = {}
    for i, family in enumerate(families):
        summaries[family] = {
            "auc": float(compared.auc[i]),
            "low": float(limits[i, 0]),
            "high": float(limits[i, 1]),
            "split": split,
            "cases": int(here.sum()),
            "patients": len(set(patients)),
            "interval": "DeLong" + (", clustered by patient (Obuchowski)" if several else ""),
            "threshold": float(thresholds[family].mean()),
        }
        if several and data.copies.any():
            plain = compare_auc(truth, scores[i : i + 1]).ci()[0]
            summaries[family] |= {"plain_low": float(plain[0]), "plain_high": float(plain[1])}
    return summaries


def _metadata(
    data: Dataset,
    folds: Sequence[Fold],
    config: RunConfig,
    models: Mapping[str, Any],
    radiomics: Mapping[str, Any],
    versions: Mapping[str, str],
) -> dict[str, Any]:
    warnings = []
    if config.choose_on == "test":
        warnings.append(
            "The classifier of each family was chosen on the test set (--choose-on test)."
        )
    if config.augment_eval and data.copies.any():
        warnings.append(
            f"{int(data.copies.sum())} augmented copies are in the cohort and count as cases "
            "(--augment-eval); only the results clustered by patient are to be believed."
        )
    return {
        "version": "1.0",
        "monai_version": versions.get("monai", ""),
        "pytorch_version": versions.get("torch", ""),
        "numpy_version": versions.get("numpy", ""),
        "required_packages_version": dict(versions),
        "name": config.note or "ultrasound classification",
        "task": "Classification of an outlined lesion in ultrasound",
        "description": "Families of models after Liu et al., Quant Imaging Med Surg 2026;16(7):527",
        "intended_use": "Research only; not for the care of patients",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "note": config.note,
        "positive": data.positive,
        "negative": data.negative,
        "scheme": config.scheme,
        "folds": [fold.name for fold in folds],
        "cases": len(data.table),
        "patients": len(set(data.patients)),
        "left_out": [{"case": case, "reason": reason} for case, reason in data.left_out],
        "warnings": warnings,
        "models": models,
        "radiomics": radiomics,
    }


def _write_concatenated(path: Path, tables: Mapping[tuple[str, str], pd.DataFrame]) -> None:
    parts = [
        table.assign(family=family, fold=fold)
        for (family, fold), table in tables.items()
        if not table.empty
    ]
    if parts:
        whole = pd.concat(parts, ignore_index=True)
        first = ["family", "fold"]
        whole = whole[[*first, *(name for name in whole.columns if name not in first)]]
        write_text(path, whole.to_csv(index=False, lineterminator="\n"))


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
