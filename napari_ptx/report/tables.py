"""The tables of a run's report, as texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from napari_ptx.report.facts import RunFacts
from napari_ptx.report.page import NONE, Grid, interval, number, probability
from napari_ptx.ultrasound.evaluation import MEASURES, Assessment, comparisons, sizes

_NO_CHARACTERISTIC = frozenset(
    {"split", "augmented", "fold", "repeat", "round", "copy", "label", "truth"}
)


def performance(facts: RunFacts, result: Assessment) -> Grid:
    """Give every model's measures in one split, with their intervals."""
    here = facts.predictions.of(result.split)
    count = sizes(here)
    level = f"{100 * result.confidence:g}%"
    rows = []
    for model, table in result.metrics.groupby("model", sort=False):
        found: dict[Any, dict[Any, Any]] = table.set_index("measure").to_dict("index")
        cells: list[tuple[str, ...]] = [(str(model),)]
        for measure in MEASURES:
            said = found[measure]
            plain = interval(said["low"], said["high"])
            if here.clustered:
                by_patient = interval(said["cluster_low"], said["cluster_high"])
                cells.append((number(said["value"]), by_patient, f"({plain})"))
            else:
                cells.append((number(said["value"]), plain))
        threshold = float(found["auc"]["threshold"])
        rows.append((*cells, ("by fold" if math.isnan(threshold) else number(threshold),)))
    note = (
        f"{count['n']} cases of {count['patients']} patients, {count['positives']} "
        f"{facts.predictions.positive}. {level} intervals: "
    )
    note += (
        "by patient (area: Obuchowski; others: bootstrap of patients); in brackets, each row taken "
        "as independent (area: DeLong; others: exact)."
        if here.clustered
        else "area: DeLong; others: exact (Clopper-Pearson)."
    )
    if result.split == "out-of-fold":
        note += (
            " They tell how results vary with the cases that are evaluated, not how they would "
            "vary with other cases to train on."
        )
    return Grid(("Model", *MEASURES.values(), "Threshold"), tuple(rows), note)


def pairs(facts: RunFacts) -> Grid | None:
    """Compare each pair of models by area, or give None where there is one model."""
    here = facts.predictions.of(facts.split)
    if len(here.models) < 2:
        return None
    rows = []
    for row in comparisons(here).to_dict("records"):
        cells = [
            f"{row['first']} – {row['second']}",
            f"{row['difference']:+.3f}".replace("-", "−"),
            interval(row["low"], row["high"]),
            probability(row["p"]),
            probability(row["p_holm"]),
        ]
        if here.clustered:
            cells += [
                interval(row["cluster_low"], row["cluster_high"]),
                probability(row["cluster_p"]),
                probability(row["cluster_p_holm"]),
            ]
        rows.append(tuple((cell,) for cell in cells))
    headings = ["Models", "Difference of areas", "95% interval", "P (DeLong)", "P, Holm"]
    if here.clustered:
        headings += ["95% interval by patient", "P by patient", "P by patient, Holm"]
    return Grid(tuple(headings), tuple(rows))


def calibrations(result: Assessment) -> Grid | None:
    """Give slope, intercept and Brier score of each model, or None where there are none."""
    rows = []
    for model, fit in result.fits.items():
        said = fit.to_json()
        cells: list[tuple[str, ...]] = [(model,)]
        for name in ("slope", "intercept"):
            low, high = said[f"{name}_ci"]
            cells.append((number(said[name], 2), interval(low, high, 2)))
        rows.append((*cells, (number(said["brier"]),)))
    if not rows:
        return None
    return Grid(
        ("Model", "Slope", "Intercept", "Brier score"),
        tuple(rows),
        "A slope of 1 and an intercept of 0 are those of a calibrated model; a slope below 1 "
        "means that probabilities are too extreme.",
    )


def built(facts: RunFacts) -> Grid:
    """Say what each model is."""
    rows = []
    for name, model in facts.models.items():
        counts = model["features"]
        features = NONE
        if counts:
            low, high = min(counts), max(counts)
            features = str(low) if low == high else f"{low} to {high}"
        rows.append(
            ((name,), (str(model["classifier"]),), (features,), (number(model["threshold"]),),
             (str(model["rule"]),))
        )  # fmt: skip
    return Grid(("Model", "Classifier", "Features", "Threshold", "Rule"), tuple(rows))


def selected(facts: RunFacts) -> Grid | None:
    """Count at which step features fell, for each family; None without a selection."""
    table = facts.selection
    if table is None or not {"family", "fold", "fell_at"} <= set(table.columns):
        return None
    counts = table.groupby(["family", "fold", "fell_at"]).size().unstack(fill_value=0)
    known = ("not finite", "variance", "ICC", "redundancy", "LASSO", "kept")
    steps = [step for step in known if step in counts] + [
        str(step) for step in counts if step not in known
    ]
    rows = []
    for family in facts.models:
        if family not in counts.index.get_level_values("family"):
            continue
        mine = counts.loc[family]
        spans = [(int(mine[step].min()), int(mine[step].max())) for step in steps]
        texts = [str(low) if low == high else f"{low} to {high}" for low, high in spans]
        rows.append(tuple((text,) for text in (family, str(int(mine.iloc[0].sum())), *texts)))
    return Grid(
        ("Model", "Features at first", *(f"{step[:1].upper()}{step[1:]}" for step in steps)),
        tuple(rows),
        "How many features fell at each step, and how many LASSO kept; from the fold with the "
        f"fewest to that with the most. {searched(facts)}",
    )


def searched(facts: RunFacts) -> str:
    """Say among which sets of features the search chose."""
    names = {
        "all": "all features that vary",
        "uncorrelated": "the uncorrelated ones",
        "lasso": "those that LASSO keeps",
    }
    chosen = [names.get(name, name) for name in facts.config["feature_sets"]]
    if len(chosen) == 1:
        return f"The classifiers see {chosen[0]}."
    return f"The search chooses whether a classifier sees {', '.join(chosen[:-1])} or {chosen[-1]}."


def characteristics(facts: RunFacts) -> list[tuple[str, Grid]]:
    """Describe the cases by class and by split, as far as the table says something of them."""
    predictions = facts.predictions
    table = predictions.table
    names = {1: predictions.positive, 0: predictions.negative}
    typed = pd.DataFrame(
        {"class": [names[label] for label in predictions.labels], "split": table["split"]}
    )
    columns = []
    for name in table.columns:
        if _is_characteristic(str(name), facts):
            typed[str(name)] = _typed(table[name])
            columns.append(str(name))
    found = []
    for title, group in (("By class", "class"), ("By split", "split")):
        chosen = [*columns, "class"] if group == "split" else columns
        if typed[group].nunique() > 1 and chosen:
            grid = _described(typed, group, chosen)
            if grid is not None:
                found.append((title, grid))
    return found


def _is_characteristic(name: str, facts: RunFacts) -> bool:
    from napari_ptx.stats.cohort import IDENTIFIERS
    from napari_ptx.ultrasound.predictions import MARK

    predictions = facts.predictions
    known = {predictions.truth, predictions.cluster, *predictions.models}
    return (
        name not in known
        and name.lower() not in IDENTIFIERS | _NO_CHARACTERISTIC
        and not name.startswith(MARK)
    )


def _typed(column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers where every cell that says something is one."""
    texts = column.astype(object).where(column.notna(), "").astype(str).str.strip()
    numbers = pd.to_numeric(texts.where(texts != ""), errors="coerce")
    return numbers if bool(numbers.notna().eq(texts != "").all()) else texts


def _described(table: pd.DataFrame, group: str, columns: Sequence[str]) -> Grid | None:
    from napari_ptx.stats import StatsError, describe

    parts, left_out = [], []
    for name in columns:
        try:
            parts.append(describe(table, group, [name]).to_frame())
        except StatsError:  # as free text, in which every value is another
            left_out.append(name)
    if not parts:
        return None
    frame = pd.concat(parts, ignore_index=True).fillna("")
    names = [str(name) for name in frame]
    last = [*(name for name in names if name == "P" or name.startswith("P ")), "Test"]
    frame = frame[[*(name for name in names if name not in last), *last]]
    note = "Rows are cases. P values are not corrected for their number."
    return Grid(
        tuple(map(str, frame.columns)),
        tuple(tuple((str(cell),) for cell in row) for row in frame.itertuples(index=False)),
        note + (f" Not described: {', '.join(left_out)}." if left_out else ""),
    )


def headline(facts: RunFacts, result: Assessment) -> list[tuple[str, str, str]]:
    """Give each model's area and its interval, by patient where rows are not independent."""
    prefix = "cluster_" if facts.predictions.of(result.split).clustered else ""
    areas = result.metrics[result.metrics["measure"] == "auc"]
    return [
        (
            str(row["model"]),
            number(row["value"]),
            interval(row[f"{prefix}low"], row[f"{prefix}high"]),
        )
        for row in areas.to_dict("records")
    ]
