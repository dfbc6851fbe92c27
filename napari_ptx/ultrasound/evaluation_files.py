"""An evaluation written out: tables as CSV, everything as JSON, figures as SVG and PNG.

::

    evaluation.json        all numbers, with configuration, versions, hash of the table
    metrics.csv            a row per split, model and measure
    comparisons.csv        a row per split and pair of models
    calibration.csv        a row per split and model; calibration_curve.csv: per group
    decision.csv           a row per split, model and threshold probability
    figures/               <split>_<figure>, and <split>_<figure>_clustered by patient
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.learn.results import plain, source_sha256, versions, write_results
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.evaluation import Assessment, assess, comparisons, sizes, unusable
from napari_ptx.ultrasound.evaluation_figures import KINDS, draw
from napari_ptx.ultrasound.predictions import Predictions

FORMAT = "napari-ptx evaluation 1"
_BY_PATIENT = ("roc", "delong")  # the figures with intervals or tests


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What ``evaluate`` computed and wrote.

    Parameters
    ----------
    tables
        ``metrics``, ``comparisons``, ``calibration``, ``calibration_curve``, ``decision``.
    notes
        Warnings and what was left out, each a sentence.
    written
        The files.
    about
        The content of ``evaluation.json``.
    """

    tables: dict[str, pd.DataFrame]
    notes: tuple[str, ...]
    written: tuple[Path, ...]
    about: dict[str, Any]


def evaluate(
    predictions: Predictions,
    out: str | Path,
    *,
    splits: Sequence[str] | None = None,
    among: Sequence[str] | None = None,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    figures: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate predictions and write tables and figures into a folder.

    Parameters
    ----------
    predictions
        What ``read_predictions`` gave; ``pick`` for some of the models.
    out
        The folder; files of an earlier evaluation are replaced, once all is computed.
    splits
        Which to evaluate; otherwise all that have enough cases.
    among
        All models of the table, which fixes their colours; without it those evaluated.
    confidence, replicates, seed
        Level of the intervals; replicates and seed of the bootstrap.
    figures
        Whether to draw them.

    Raises
    ------
    UltrasoundError
        If a wanted split is not there, no split can be evaluated, or the folder cannot be
        written.
    """
    chosen, notes = _choose(predictions, splits)
    found: list[tuple[Predictions, Assessment]] = []
    for place, split in enumerate(chosen):

        def step(done: int, total: int, text: str, place: int = place) -> None:
            if progress is not None:
                progress(place * total + done, len(chosen) * total, f"{chosen[place]}: {text}")

        result = assess(
            predictions, split, confidence=confidence, replicates=replicates if figures else 0,
            seed=seed, progress=step,
        )  # fmt: skip
        found.append((predictions.of(split), result))
        notes += [f"{split}: {sentence}" for sentence in result.notes]
    tables = _tables(found, confidence)
    config = {
        "truth": predictions.truth, "clusters": predictions.cluster, "splits": list(chosen),
        "models": list(predictions.models), "confidence": confidence,
        "replicates": replicates, "seed": seed,
    }  # fmt: skip
    about = _about(predictions, found, tables, notes, config)
    everyone = among or predictions.models

    def draw_all(folder: Path) -> None:
        _draw_all(folder, found, everyone, progress)

    full = {name: table for name, table in tables.items() if not table.empty}
    written = write_results(
        Path(out), full, about, "evaluation.json", UltrasoundError, draw_all if figures else None
    )
    return Evaluation(tables, tuple(notes), written, about)


def _choose(read: Predictions, splits: Sequence[str] | None) -> tuple[list[str], list[str]]:
    if splits is not None:
        for split in splits:
            read.of(split)
        return [split for split in read.splits if split in splits], []
    why = {split: unusable(read.of(split)) for split in read.splits}
    usable = [split for split, reason in why.items() if not reason]
    left_out = [f"The split {split!r} is left out: {text}" for split, text in why.items() if text]
    if not usable:
        raise UltrasoundError(f"{read.path.name} has no split that can be evaluated.", left_out)
    return usable, left_out


def _tables(
    found: Sequence[tuple[Predictions, Assessment]], confidence: float
) -> dict[str, pd.DataFrame]:
    from napari_ptx.stats import decision_curve

    parts: dict[str, list[pd.DataFrame]] = {
        name: []
        for name in ("metrics", "comparisons", "calibration", "calibration_curve", "decision")
    }

    def add(name: str, split: str, table: pd.DataFrame, model: str | None = None) -> None:
        table = table.copy()
        if model is not None:
            table.insert(0, "model", model)
        table.insert(0, "split", split)
        parts[name].append(table)

    for here, result in found:
        split = result.split
        add("metrics", split, result.metrics)
        if len(here.models) > 1:
            add("comparisons", split, comparisons(here, confidence))
        for name, score in zip(here.models, here.scores, strict=True):
            add("calibration_curve", split, result.curves[name], name)
            if name in result.fits:
                fit = result.fits[name].to_json()
                row = {
                    key: fit[key]
                    for key in ("slope", "intercept", "in_the_large", "brier", "clipped")
                }
                for key in ("slope", "intercept", "in_the_large"):
                    row[f"{key}_low"], row[f"{key}_high"] = fit[f"{key}_ci"]
                add("calibration", split, pd.DataFrame([row | {"n": len(here)}]), name)
            curve = decision_curve(here.labels, score)
            columns = {
                "threshold": curve.thresholds,
                "net_benefit": curve.net_benefit,
                "treat_all": curve.treat_all,
            }
            add("decision", split, pd.DataFrame(columns), name)
    return {name: pd.concat(each, ignore_index=True) if each else pd.DataFrame()
            for name, each in parts.items()}  # fmt: skip


def _about(
    read: Predictions,
    found: Sequence[tuple[Predictions, Assessment]],
    tables: dict[str, pd.DataFrame],
    notes: Sequence[str],
    config: dict[str, Any],
) -> dict[str, Any]:
    made: dict[str, Any] = plain({
        "format": FORMAT,
        "note": read.note,
        "positive": read.positive,
        "negative": read.negative,
        "config": config,
        "source": {
            "name": read.path.name,
            "sha256": source_sha256(read.path, UltrasoundError),
            "said": dict(read.sources),
        },
        "versions": versions(),
        "notes": list(notes),
        "splits": {result.split: sizes(here) for here, result in found},
        "metrics": tables["metrics"].to_dict("records"),
        "comparisons": tables["comparisons"].to_dict("records"),
        "calibration": tables["calibration"].to_dict("records"),
    })  # fmt: skip
    return made


def _draw_all(
    place: Path,
    found: Sequence[tuple[Predictions, Assessment]],
    among: Sequence[str],
    progress: Progress | None,
) -> None:
    from napari_ptx.figures import save_figure

    for done, (here, result) in enumerate(found):
        if progress is not None:
            progress(done, len(found), f"{result.split}: drawing figures")
        for kind in KINDS:
            for clustered in (False, True):
                if clustered and not (here.clustered and kind in _BY_PATIENT):
                    continue
                figure = draw(
                    kind, here, result, clustered=clustered, among=among,
                    label=result.split.capitalize(),
                )  # fmt: skip
                if figure is not None:
                    stem = re.sub(r"\W+", "_", f"{result.split}_{kind}")
                    save_figure(figure, place / (stem + ("_clustered" if clustered else "")))
