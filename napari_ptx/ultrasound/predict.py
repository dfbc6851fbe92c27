"""A run's models on new cases: a cohort, or the one image that is open."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.child import Progress
from napari_ptx.image.cohort import Cohort, read_cohort
from napari_ptx.image.types import Image
from napari_ptx.roi.outline import Roi
from napari_ptx.ultrasound import blocks
from napari_ptx.ultrasound.cases import case_image
from napari_ptx.ultrasound.crop import crop
from napari_ptx.ultrasound.deep_data import Crops
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.features import extract, read_features
from napari_ptx.ultrasound.model import LateModel, load_model
from napari_ptx.ultrasound.predictions import write_predictions
from napari_ptx.ultrasound.radiomics import Extractor
from napari_ptx.ultrasound.runs import SPLITS, Run, model_folder, network_folder

Floats = NDArray[np.float64]
_CROP = ("mode", "size", "margin", "mask_borders", "normalise")


def predict_cohort(
    run: Run,
    cohort: Cohort | str | os.PathLike[str],
    *,
    features: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Give each model's probability for each case of a cohort.

    Parameters
    ----------
    run
        An opened run.
    cohort
        The table or its path; ``label`` is not needed.
    features
        Radiomics features of the cases; without them they are computed as they were for
        the training.
    jobs
        Processes of the feature extraction.

    Returns
    -------
    DataFrame
        The cohort's columns, ``split`` ("test", or the part that the identical image had in
        the training; "train" for every case of a nested training), and one column for each
        model: the mean of the probabilities of its folds.

    Raises
    ------
    CohortError, UltrasoundError
        For a faulty table, a case without ROI or features, or a damaged run.
    """
    if not isinstance(cohort, Cohort):
        cohort = read_cohort(cohort)
    table = cohort.table.drop(columns=[name for name in run.models if name in cohort.table])
    rows = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
    cases = [str(case) for case in table["case"]]
    radiomics = None
    if run.config.radiomic:
        radiomics = _radiomics(run, Cohort(cohort.path, table), cases, features, jobs, progress)
    crops = None
    if run.config.channels:
        made, failures = blocks.load_crops(rows, run.config, progress=progress)
        _refuse(failures)
        crops = Crops(
            np.stack([made[case][0] for case in cases]), np.stack([made[case][1] for case in cases])
        )
    predicted = _predict(run, radiomics, crops, table, progress)
    table["split"] = _splits(run, table, progress)
    return table.assign(**predicted)


def write_cohort_predictions(run: Run, table: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write what ``predict_cohort`` gave as a predictions table."""
    if "label" not in table:
        table = table.assign(label="")
    said = run.metadata["models"]
    return write_predictions(
        path,
        table,
        run.models,
        thresholds={name: run.threshold(name) for name in run.models},
        note=run.note,
        positive=str(run.metadata["positive"]),
        negative=str(run.metadata["negative"]),
        rules={name: f"{said[name]['rule']}; of the run {run.folder.name}" for name in run.models},
        about={
            name: {key: said[name][key] for key in ("family", "classifier")} for name in run.models
        },
        sources={"run": run.folder.name, "config": run.config.to_json()},
    )


def predict_one(
    run_folder: str | os.PathLike[str],
    image: Image | NDArray[Any],
    outlines: Roi,
    *,
    clinical: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, tuple[float, float, bool]]:
    """Run a run's models on one image, as a child process is called.

    Parameters
    ----------
    run_folder
        The run; each of its files is compared with its hash first.
    image
        An ``Image``, or the pixels (y, x) or (y, x, 3) of one without calibration.
    outlines
        The ROI in pixels of the image.
    clinical
        The clinical columns by name, where the run has such a block.

    Returns
    -------
    dict
        Model to (probability, threshold, whether it is called positive).

    Raises
    ------
    UltrasoundError
        One sentence: an empty ROI, a missing clinical column, a damaged run.
    """
    run = Run.open(run_folder)
    if not isinstance(image, Image):
        colour = image.ndim == 3 and image.shape[-1] == 3
        axes = "yx" if image.ndim - colour == 2 else "tyx"
        image = Image(image, axes, (1.0,) * len(axes), calibrated=False, colour=colour)
    config = run.config
    radiomics = crops = None
    if config.radiomic:
        options = _options(run)
        case = case_image(image, outlines, lesions=options.get("lesions", "largest"))
        # Features that were made before there was a choice do not name it.
        how = {"normalise": "range", **options}
        cut = crop(case, **{name: how[name] for name in _CROP})
        values = Extractor(options["params"], options["extra_filter"]).features(cut)
        radiomics = pd.DataFrame([values])
    if config.channels:
        case = case_image(image, outlines, lesions=config.lesions)  # type: ignore[arg-type]
        cut = blocks.case_crop(case, config)
        crops = Crops(cut.image[None], cut.mask[None])
    table = pd.DataFrame([dict(clinical)]) if clinical else None
    answers = _predict(run, radiomics, crops, table, progress)
    given: dict[str, tuple[float, float, bool]] = {}
    for name, probability in answers.items():
        value, threshold = float(probability[0]), run.threshold(name)
        given[name] = (value, threshold, value >= threshold)
    return given


def _predict(
    run: Run,
    radiomics: pd.DataFrame | None,
    crops: Crops | None,
    clinical: pd.DataFrame | None,
    progress: Progress | None,
) -> dict[str, Floats]:
    """Give the mean over the folds of each family's probabilities."""
    total: dict[str, Floats] = {}
    for done, fold in enumerate(run.folds):
        if progress is not None:
            progress(done, len(run.folds), f"Models of fold {fold}")
        parts = [] if radiomics is None else [radiomics]
        for channels in run.config.channels:
            from napari_ptx.ultrasound.deep import load

            assert crops is not None
            folder = network_folder(run.folder, blocks.block_name(channels), fold)
            parts.append(blocks.read_network(load(folder), crops))
        table = pd.concat(parts, axis=1) if parts else pd.DataFrame()
        inside: dict[str, Floats] = {}
        for family in sorted(run.models, key="late".__eq__):
            model = load_model(model_folder(run.folder, family, fold))
            if isinstance(model, LateModel):
                inside[family] = model.join(inside)
            else:
                inside[family] = model.probability(table, clinical)
        for family, probability in inside.items():
            total[family] = total.get(family, 0.0) + probability / len(run.folds)
    return {family: total[family] for family in run.models}


def _options(run: Run) -> dict[str, Any]:
    """Say how radiomics features are made for this run."""
    options = dict(run.metadata["radiomics"].get("options", {}))
    if "params" not in options:
        raise UltrasoundError(
            f"The run {run.folder.name} was trained on a table of features that does not say how "
            "it was made; give the features of the new cases (--features)."
        )
    if (run.folder / options["params"]).is_file():
        options["params"] = str(run.folder / options["params"])
    return options


def _radiomics(
    run: Run,
    cohort: Cohort,
    cases: Sequence[str],
    features: str | os.PathLike[str] | None,
    jobs: int,
    progress: Progress | None,
) -> pd.DataFrame:
    if features is not None:
        made = read_features(features)
        there, wanted = made.about.get("options", {}), run.metadata["radiomics"].get("options", {})
        changed = [
            name
            for name in wanted
            if name != "params" and name in there and there[name] != wanted[name]
        ]
        if changed:
            raise UltrasoundError(
                f"{made.source} was made with another {', '.join(changed)} than the run; extract "
                "the features with the settings of the run."
            )
        missing = [case for case in cases if case not in set(made.table["case"].astype(str))]
        _refuse(dict.fromkeys(missing, "it has no features"))
        return blocks.radiomics_block(made, cases)
    with tempfile.TemporaryDirectory(prefix="napari-ptx-") as folder:
        made = extract(cohort, folder, jobs=jobs, progress=progress, **_options(run))
        _refuse({str(entry["case"]): str(entry["reason"]) for entry in made.failures})
        return blocks.radiomics_block(made, cases)


def _splits(run: Run, table: pd.DataFrame, progress: Progress | None) -> list[str]:
    """Tell which cases the run has seen, by the hash of their image."""
    from napari_ptx.image.read import read_image

    before = run.table(SPLITS)
    parts = before[f"fold {run.folds[0]}"] if run.folds == ("paper",) else ["train"] * len(before)
    known = dict(zip(before["image"], parts, strict=True))
    found = []
    for done, path in enumerate(table["image"]):
        if progress is not None:
            progress(done, len(table), "Looking for images of the training")
        found.append(str(known.get(read_image(path).sha256, "test")))
    return found


def _refuse(failures: Mapping[str, str]) -> None:
    if failures:
        raise UltrasoundError(
            f"{len(failures)} case{'' if len(failures) == 1 else 's'} cannot be predicted "
            f"({', '.join(list(failures)[:10])}); mend or remove what is listed.",
            [f"case {case}: {reason}" for case, reason in failures.items()],
        )
