"""An evaluation of glands written out: tables as CSV, everything as JSON, figures.

::

    metrics.json             all numbers, with configuration, versions, hashes of the inputs
    sensitivity.csv          a row per finder, rule and stratum (all, slot, size, contrast, ...)
    scans.csv, patients.csv  false positives per scan, patients with all glands found
    froc.csv, froc_rates.csv the curves, of all glands and of those of at least 5 mm, and their
                             limits at 1/8 to 8 false positives per scan
    comparisons.csv          a row per pair: McNemar, Holm, Fisher, bootstrap of patients
    unions.csv, gains.csv    every subset of finders, and what one adds to others
    patterns.csv             which finders found exactly how many glands
    psychometric.csv         curves of sensitivity by size and contrast; psychometric_fits.csv
    glands.csv               the truth with who found what; candidates.csv: their outcome
    mistakes.csv             every miss and false positive; causes.csv: what a reviewer sets
    figures/                 as SVG and PNG
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.evaluation import LARGE_MM, Assessment, assess
from napari_ptx.ct.evaluation_figures import KINDS, draw
from napari_ptx.ct.evaluation_tables import EvaluationSettings
from napari_ptx.ct.findings import Findings, find
from napari_ptx.ct.matching import RULES, checked_rule
from napari_ptx.ct.mistakes import Mistakes, counted, mistakes, read_causes
from napari_ptx.ct.predictions import Predictions, read_predictions
from napari_ptx.ct.readings import Readings, read_readings
from napari_ptx.ct.truth import Truth, read_truth
from napari_ptx.learn.results import plain, source_sha256, versions, write_results

if TYPE_CHECKING:
    from napari_ptx.stats import Froc

FORMAT = "napari-ptx ct evaluation 1"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What ``evaluate`` computed and wrote.

    Parameters
    ----------
    assessment
        All numbers.
    mistakes
        Misses and false positives, with their causes.
    tables
        Each table by the name of its file.
    about
        The content of ``metrics.json``.
    written
        The files.
    """

    assessment: Assessment
    mistakes: Mistakes
    tables: dict[str, pd.DataFrame]
    about: dict[str, Any]
    written: tuple[Path, ...]


def evaluate(
    cohort: str | Path,
    prediction: str | Path,
    out: str | Path,
    *,
    readings: str | Path | None = None,
    settings: EvaluationSettings | None = None,
    note: str | None = None,
    figures: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate what was predicted of a cohort, and write tables and figures into a folder.

    Parameters
    ----------
    cohort
        The cohort table, with labels; ``glands.csv`` beside it, if there is one.
    prediction
        The folder that ``ct predict`` wrote.
    out
        The folder; files of an earlier evaluation are replaced once all is computed, but for
        ``causes.csv``, whose causes are kept.
    readings
        A table of what readers of other modalities found.
    settings
        Rule, names, intervals.
    note
        What the data were, for every figure; otherwise what the prediction or the simulation
        says of them.
    figures
        Whether to draw them.

    Raises
    ------
    CtError
        For tables with faults, a cohort that was not predicted, volumes that cannot be read, a
        rule that does not apply, a folder that cannot be written.
    """
    settings = settings or EvaluationSettings()
    if settings.rule is not None:
        checked_rule(settings.rule)
    place = Path(out)
    truth, predicted = read_truth(cohort), read_predictions(prediction)
    earlier = read_causes(place / "causes.csv")
    findings = find(truth, predicted, threshold=settings.threshold, progress=progress)
    read = None
    if readings is not None:
        read = read_readings(readings, findings.glands, findings.patients)
    if progress is not None:
        progress(len(truth.patients), len(truth.patients), "Intervals and comparisons")
    found = assess(findings, read, settings)
    wrong = mistakes(findings, read, found.finders, found.rule, settings.model, earlier)
    tables = _tables(findings, found, wrong)
    said = note if note is not None else predicted.about.get("note") or truth.note
    about = _about(truth, predicted, Path(prediction), read, findings, found, tables, str(said))

    def draw_all(folder: Path) -> None:
        _draw_all(folder, found, str(said))

    written = write_results(
        place, tables, about, "metrics.json", CtError, draw_all if figures else None,
        short=("mistakes", "causes"),
    )  # fmt: skip
    return Evaluation(found, wrong, tables, about, written)


def _tables(findings: Findings, found: Assessment, wrong: Mistakes) -> dict[str, pd.DataFrame]:
    glands = findings.glands.copy()
    for name, values in found.finders.items():
        if name != found.settings.model:
            glands[f"found: {name}"] = values
    tables = {
        "sensitivity": found.sensitivity,
        "scans": found.scans,
        "patients": found.patients,
        "froc": _curves(found),
        "froc_rates": _rates(found),
        "comparisons": _pairs(found),
        **_together(found),
        **_psychometric(found),
        "glands": glands,
        "candidates": findings.candidates,
        "mistakes": wrong.table,
        "mistakes_by_cause": counted(wrong.table),
        "causes": wrong.causes,
    }
    # Each file says by which rule, for somebody who gets only this one.
    for name, table in tables.items():
        if "rule" not in table.columns and len(table):
            tables[name] = table.assign(rule=found.rule)
    return {name: table for name, table in tables.items() if len(table) or name in _ALWAYS}


_ALWAYS = ("mistakes", "causes", "candidates")  # no row in them is an answer, too


def _curves(found: Assessment) -> pd.DataFrame:
    parts = [
        pd.DataFrame({
            "rule": rule, "glands": glands, "threshold": curve.thresholds,
            "fp_per_scan": curve.false_positives, "sensitivity": curve.sensitivity,
        })
        for glands, curves in _by_size(found)
        for rule, curve in curves.items()
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _by_size(found: Assessment) -> list[tuple[str, Mapping[str, Froc]]]:
    return [("all", found.curves), (f"at least {LARGE_MM:g} mm", found.large)]


def _rates(found: Assessment) -> pd.DataFrame:
    from napari_ptx.stats import RATES

    rows: list[dict[str, Any]] = []
    for glands, curves in _by_size(found):
        for rule, curve in curves.items():
            band = found.bands.get(rule) if curves is found.curves else None
            values = [*((rate, curve.at(rate).item()) for rate in RATES), ("mean", curve.score())]
            spans = [(np.nan, np.nan)] * len(values)
            if band is not None:
                spans = [*zip(band.low, band.high, strict=True), band.score]
            rows += [
                {"rule": rule, "glands": glands, "fp_per_scan": rate, "sensitivity": value,
                 "cluster_low": low, "cluster_high": high}
                for (rate, value), (low, high) in zip(values, spans, strict=True)
            ]  # fmt: skip
    return pd.DataFrame(rows)


def _pairs(found: Assessment) -> pd.DataFrame:
    if found.comparison is None:
        return pd.DataFrame()
    rows = []
    for pair in found.comparison.pairs:
        row = {**vars(pair)}
        row["cluster_low"], row["cluster_high"] = row.pop("cluster_bootstrap") or (np.nan, np.nan)
        rows.append(row)
    return pd.DataFrame(rows)


def _together(found: Assessment) -> dict[str, pd.DataFrame]:
    if found.together is None:
        return {}
    unions, gains = [], []
    for one in found.together.unions:
        low, high = one.cluster_bootstrap or (np.nan, np.nan)
        unions.append({
            "finders": " + ".join(one.members), "count": len(one.members), "found": one.found,
            "of": one.of, "sensitivity": one.value, "low": one.clopper_pearson[0],
            "high": one.clopper_pearson[1], "cluster_low": low, "cluster_high": high,
        })  # fmt: skip
    for gain in found.together.gains:
        low, high = gain.cluster_bootstrap or (np.nan, np.nan)
        gains.append({
            "added": gain.added, "to": " + ".join(gain.to), "glands": gain.glands,
            "gain": gain.value, "low": gain.clopper_pearson[0], "high": gain.clopper_pearson[1],
            "cluster_low": low, "cluster_high": high,
        })  # fmt: skip
    patterns = [
        {"found_by": " + ".join(members) or "none", "glands": count}
        for members, count in found.together.patterns.items()
    ]
    return {"unions": pd.DataFrame(unions), "gains": pd.DataFrame(gains),
            "patterns": pd.DataFrame(patterns)}  # fmt: skip


def _psychometric(found: Assessment) -> dict[str, pd.DataFrame]:
    curves, fits = [], []
    for figure, each in found.psychometric.items():
        for name, fit in each.items():
            curves.append(pd.DataFrame({
                "figure": figure, "curve": name, "x": fit.grid, "sensitivity": fit.curve,
                "low": fit.low, "high": fit.high,
            }))  # fmt: skip
            fits.append({
                "figure": figure, "curve": name,
                "glands": len(fit.x), "found": int(fit.found.sum()),
                "intercept": fit.intercept, "slope": fit.slope, "log": fit.log, "half": fit.half,
                "half_low": fit.half_limits[0], "half_high": fit.half_limits[1],
            })  # fmt: skip
    joined = pd.concat(curves, ignore_index=True) if curves else pd.DataFrame()
    return {"psychometric": joined, "psychometric_fits": pd.DataFrame(fits)}


def _about(
    truth: Truth, predicted: Predictions, folder: Path, read: Readings | None,
    findings: Findings, found: Assessment, tables: dict[str, pd.DataFrame], note: str,
) -> dict[str, Any]:  # fmt: skip
    sources = [truth.path, folder / "candidates.csv", folder / "prediction.json"]
    sources += [truth.path.parent / "glands.csv"] if truth.listed else []
    sources += [] if read is None else [read.path]
    about: dict[str, Any] = {
        "format": FORMAT,
        "note": note,
        "rule": found.rule,
        "rules": {rule: RULES[rule] for rule in findings.rules},
        "config": {**asdict(found.settings), "rule": found.rule},
        "sources": {path.name: source_sha256(path, CtError) for path in sources},
        "prediction": {key: value for key, value in predicted.about.items()
                       if key != "registration_residual_mm"},
        "versions": versions(),
        "notes": list(found.notes),
        "patients": len(findings.patients),
        "glands": len(findings.glands),
        "candidates": int(findings.candidates["counted"].sum()),
        **{
            name: tables[name].to_dict("records")
            for name in ("sensitivity", "scans", "froc_rates", "comparisons", "psychometric_fits",
                         "mistakes_by_cause")
            if name in tables
        },
        "complementarity": None if found.together is None else found.together.to_json(),
    }  # fmt: skip
    made: dict[str, Any] = plain(about)
    return made


def _draw_all(place: Path, found: Assessment, note: str) -> None:
    from napari_ptx.figures import save_figure

    for kind in KINDS:
        figure = draw(kind, found, note=note)
        if figure is not None:
            save_figure(figure, place / kind)
