"""TRIPOD+AI filled from what a run knows; what it cannot know is left to the authors.

Collins et al. (2024), TRIPOD+AI statement: updated guidance for reporting clinical
prediction models that use regression or machine learning methods. BMJ 385:e078378.
"""

from __future__ import annotations

import pandas as pd

from napari_ptx.report.checklist import OPEN, Answer
from napari_ptx.report.facts import RunFacts
from napari_ptx.report.page import counted, plain
from napari_ptx.report.tables import searched
from napari_ptx.report.tripod_items import ITEMS

REFERENCE = "Collins et al., TRIPOD+AI statement, BMJ 2024;385:e078378"


def fill(facts: RunFacts) -> list[Answer]:
    """Answer every item, in the order of the checklist."""
    known = {**_data(facts), **_methods(facts), **_results(facts)}
    answers = []
    for item in ITEMS:
        said, missing = known.get(item.number, ("", OPEN))
        answers.append(Answer(item, said, missing))
    return answers


def _data(facts: RunFacts) -> dict[str, tuple[str, str]]:
    meta, config = facts.metadata, facts.config
    note = f"The table is described as: {facts.predictions.note}. " if meta["note"] else ""
    left_out = len(meta["left_out"])
    outcome = f"Class 1 is “{meta['positive']}”, class 0 “{meta['negative']}”. "
    predictors = []
    if facts.radiomic:
        features = len(meta["radiomics"].get("features", []))
        predictors.append(f"{features} radiomics features of the outlined lesion (PyRadiomics)")
    if facts.networks:
        predictors.append(
            f"the picture of the lesion, read by {config['arch']} ({config['size']} pixels)"
        )
    if config["clinical"]:
        predictors.append(f"clinical columns: {', '.join(config['clinical'])}")
    return {
        "4": (
            f"The run develops {counted(len(facts.models), 'model')} "
            f"({', '.join(facts.models)}) and evaluates them on cases of the same source.",
            "The clinical aim.",
        ),
        "5a": (
            f"{note}Cohort table {_cohort(facts)}.",
            "Source, reason for the choice, and whom the data represent.",
        ),
        "6b": (
            f"{counted(left_out, 'case')} of the table could not be used; the reasons are under "
            "“Cases”.",
            "The criteria by which the table was put together.",
        ),
        "7": (_prepared(facts), "Preparation before the table was made."),
        "8a": (outcome.strip(), "How and when the outcome was determined, as by pathology."),
        "9a": ("; ".join(predictors) + ".", "Why these."),
        "9b": (_measured(facts), "Scanners, settings, and when measured."),
        "9c": (
            (
                f"Only features whose ICC between readers and rounds "
                f"({'lower limit' if config['icc_bound'] == 'lower' else 'estimate'}) reaches "
                f"{config['icc_threshold']:g} were allowed."
                if config["icc"]
                else ""
            ),
            "Who outlined the lesions, with which experience, and how well they agree."
            if config["icc"]
            else "Not known to the program: who outlined the lesions, and how well they agree.",
        ),
        "10": (
            f"{meta['cases']} cases of {meta['patients']} patients, "
            f"{_positives(facts)} “{meta['positive']}”.",
            "Why this number, and whether it suffices.",
        ),
        "11": (_missing(facts), ""),
        "13": (
            f"{_positives(facts)} of {meta['cases']} cases are “{meta['positive']}”. Thresholds "
            "are learned, not fixed at 0.5"
            + ("; folds are stratified by class." if config["scheme"] == "nested" else "."),
            "How frequent the outcome is where a model is to be used.",
        ),
        "14": ("No group of people was examined by itself.", "Reasons, and any such analysis."),
    }


def _methods(facts: RunFacts) -> dict[str, tuple[str, str]]:
    config = facts.config
    chosen = (
        "the test set, as in the paper that is reproduced: results are too favourable"
        if config["choose_on"] == "test"
        else "validation cases"
        if config["scheme"] == "paper"
        else "inner folds (the sturdiest within one standard error of the best), or validation "
        "cases for families with a network"
        if config["choose_by"] == "one-se"
        else "inner folds, or validation cases for families with a network"
    )
    clustered = facts.predictions.clustered
    return {
        "12a": (_divided(facts), ""),
        "12b": (
            "z-scores; features without variance fall"
            + (", then those below the ICC threshold" if config["icc"] else "")
            + f"; of two with a Spearman correlation above {config['redundancy']:g} one falls; "
            f"LASSO. {searched(facts)} All is learned on training cases only.",
            "",
        ),
        "12c": (
            f"Classifiers searched: {', '.join(config['classifiers'])}, in {config['inner']} inner "
            f"folds by patient; the best is chosen on {chosen}. Seed {config['seed']}. "
            "Details: configs/train.json and search.csv.",
            "",
        ),
        "12d": ("", "Not examined by the program: centres are not known to it."),
        "12e": (
            "Area under the ROC curve (DeLong"
            + (", and Obuchowski clustered by patient" if clustered else "")
            + "); sensitivity, specificity, predictive values, accuracy and F1 with exact "
            "(Clopper-Pearson)"
            + (" and patient-bootstrap" if clustered else "")
            + " intervals; DeLong tests with Holm's correction; calibration slope, intercept and "
            "curve; Brier score; net benefit.",
            "",
        ),
        "12f": (
            "No model was updated."
            if config["calibrate"] == "none"
            else f"Probabilities were calibrated ({config['calibrate']}) when the models were "
            "built; none was updated afterwards.",
            "",
        ),
        "12g": (
            "By the stored models (napari-ptx us predict)"
            + (
                "; each case by models that had not seen it; a new case gets the mean over "
                f"{len(facts.metadata['folds'])} folds."
                if facts.split == "out-of-fold"
                else "; the test cases by models that had not seen them."
            ),
            "",
        ),
        "15": (
            "A probability of class 1, and a verdict at the threshold. "
            + " ".join(
                f"{name}: {model['threshold']:.3f} ({model['rule']})."
                for name, model in facts.models.items()
            ),
            "",
        ),
        "16": (
            "Training and evaluation cases come from one table: an internal evaluation. There are "
            "no external data.",
            "",
        ),
        "18e": (
            f"Not held in the report. SHA-256 of the cohort table: "
            f"{facts.said['inputs']['cohort'][:16]}…",
            "Whether and how others can have the data.",
        ),
        "18f": (
            f"napari-ptx {_version(facts)} (BSD-3), with the versions under “How it was made”.",
            "Where further code of the analysis is.",
        ),
    }


def _results(facts: RunFacts) -> dict[str, tuple[str, str]]:
    meta = facts.metadata
    warnings = " ".join(meta["warnings"])
    return {
        "20a": (
            "From the cohort table on: under “Cases”.",
            "What came before the table: who was screened, and why some were left out.",
        ),
        "20b": (
            "Under “Cases”, as far as the cohort table has columns for it.",
            "Characteristics that are not in the table.",
        ),
        "20c": (
            "Under “Cases”, by split."
            if facts.split == "test"
            else "Every case is evaluated in its turn; there is no separate evaluation set.",
            "",
        ),
        "21": (_per_fold(facts), ""),
        "22": (
            f"In the run folder: models/, {'networks/, ' if facts.networks else ''}"
            f"{len(facts.manifest['files'])} files with their SHA-256; no program code in them.",
            "Where others can get the folder.",
        ),
        "23a": ("Under “Results”, with intervals.", "Results in important groups of people."),
        "23b": ("", "Not examined by the program: centres are not known to it."),
        "24": ("No model was updated.", ""),
        "26": (
            " ".join(
                [
                    "One internal evaluation; no external data.",
                    *([warnings] if warnings else []),
                ]
            ),
            "All other limits.",
        ),
        "27a": (
            "A case whose image or outline cannot be read gets a reason instead of a prediction. "
            "The quality of an image is not judged by the program.",
            "What a user should do about poor images.",
        ),
        "27b": (
            "A person must outline the lesion." if facts.radiomic or facts.networks else "",
            "Experience that the user needs.",
        ),
    }


def _cohort(facts: RunFacts) -> str:
    name = str(facts.said["cohort"]).replace("\\", "/").rpartition("/")[2]
    return f"{name} (SHA-256 {facts.said['inputs']['cohort'][:16]}…)"


def _prepared(facts: RunFacts) -> str:
    config = facts.config
    if not (facts.radiomic or facts.networks):
        return "Images were not used, beyond telling copies apart."
    options = facts.metadata["radiomics"].get("options", {})
    mode = str(options.get("mode", config["mode"]) if facts.radiomic else config["mode"])
    crop = (
        "The bounding box of the outline is cut out and resized to a square, which loses true size "
        "and shape: shape features are those of the resized box"
        if mode == "paper"
        else "The bounding box of the outline is cut out and resampled with its aspect kept"
    )
    borders = options.get("mask_borders", config["mask_borders"])
    if options.get("normalise", config.get("normalise")) == "lesion":
        crop += "; its grey levels are stretched over those of the lesion"
    return f"{crop}. Black borders and ticks were {'' if borders else 'not '}masked out."


def _measured(facts: RunFacts) -> str:
    said = facts.metadata["radiomics"]
    if not said:
        return ""
    options = ", ".join(
        f"{name} {plain(value)}"
        for name, value in said.get("options", {}).items()
        if value not in (None, "", [])
    )
    version = said.get("versions", {}).get("pyradiomics-bhklab") or facts.metadata[
        "required_packages_version"
    ].get("pyradiomics-bhklab", "")
    return f"PyRadiomics {version}: {options}."


def _missing(facts: RunFacts) -> str:
    text = (
        f"Cases without a label or a usable image are left out ({len(facts.metadata['left_out'])})."
    )
    if facts.selection is not None and "fell_at" in facts.selection:
        lost = facts.selection.loc[facts.selection["fell_at"] == "not finite", "feature"].nunique()
        text += f" Features that are not finite in a training case fall ({lost})."
    if facts.config["clinical"]:
        text += (
            " A missing clinical number becomes the training median, with a column that says so; a "
            "missing word is no category."
        )
    return text


def _divided(facts: RunFacts) -> str:
    config, folds = facts.config, len(facts.metadata["folds"])
    if config["scheme"] == "paper":
        counts = facts.predictions.table["split"].value_counts()
        parts = ", ".join(f"{name} {counts.get(name, 0)}" for name in facts.predictions.splits)
        return (
            f"One division into training, validation and test: {parts} cases; as the cohort "
            "table says where it has a column for it, otherwise 70/15/15 by patient, stratified by "
            "class. No patient and no identical image is in two parts (checked)."
        )
    repeats = f", repeated {config['repeats']} times" if config["repeats"] > 1 else ""
    return (
        f"Nested cross-validation in {config['folds']} folds{repeats} ({folds} trainings); of each "
        f"training part {100 * config['validation_share']:.0f}% are set aside for validation. "
        "Divided by patient, stratified by class; identical images of two patients stay together. "
        "Every case is evaluated by models that had not seen it."
    )


def _per_fold(facts: RunFacts) -> str:
    texts = []
    columns = [name for name in facts.splits.columns if name.startswith("fold ")]
    for name in columns:
        parts = []
        for part in ("train", "validation", "test"):
            labels = facts.splits.loc[facts.splits[name] == part, "label"]
            parts.append(f"{part} {len(labels)} ({int(labels.sum())})")
        texts.append(f"{name.removeprefix('fold ')}: {', '.join(parts)}")
    more = f"; and {len(texts) - 5} more in splits.csv" if len(texts) > 5 else ""
    return f"Cases (of class 1) in each fold. {'; '.join(texts[:5])}{more}."


def _positives(facts: RunFacts) -> int:
    return int(pd.Series(facts.splits["label"]).sum())


def _version(facts: RunFacts) -> str:
    return str(facts.metadata["required_packages_version"].get("napari-ptx", ""))
