"""The agreement of a study in its report: headline, tables, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.report.page import NONE, Grid, Picture, inline, interval, number
from napari_ptx.report.study_facts import StudyFacts
from napari_ptx.report.study_tables import LABELS, texts
from napari_ptx.study.agreement import Agreement
from napari_ptx.study.aid_effect import CHANGES
from napari_ptx.study.comparisons import ENOUGH, EVERYONE, short_names

_MOST_PAIRS = 6  # comparisons of which every measurand of the protocol is drawn


def headline(facts: StudyFacts) -> list[tuple[str, str, str]]:
    """Give the first measurand's ICC, the overlap and the disagreements: what, value, limits."""
    found = []
    result = facts.agreement
    first = facts.protocol.measurands[0]
    if result is not None:
        for title, table in (("Between readers", result.inter), ("Within readers", result.intra)):
            mine = table[(table["measurand"] == first) & table["icc"].notna()]
            if mine.empty:
                continue
            everyone = mine[mine["comparison"] == EVERYONE]
            row = (everyone if len(everyone) else mine.nsmallest(1, "icc")).iloc[0]
            what = f"{title}: ICC of {LABELS[first].lower()}"
            if len(mine) > 1 and not len(everyone):
                what += ", lowest"
            limits = f"{interval(row['low'], row['high'])}, n = {row['n']}"
            found.append((what, number(row["icc"]), limits))
        summary = result.summary()
        inter = summary[summary["kind"] == "inter"]
        if len(inter):
            row = inter.nsmallest(1, "dice_median").iloc[0]
            what = "Dice between readers, median" + (", lowest" if len(inter) > 1 else "")
            quartiles = f"quartiles {interval(row['dice_q1'], row['dice_q3'])}"
            found.append((what, number(row["dice_median"]), quartiles))
    if facts.pairs:
        read = len({pair.case for pair in facts.pairs})
        found.append(
            (
                "Cases that readers disagree on",
                str(len(facts.disagreed)),
                f"of {read} that two or more read",
            )
        )
    return found


def tables(facts: StudyFacts) -> list[tuple[str, Grid, Grid | None]]:
    """Give a title, the protocol's measurands, and the others, between and within readers."""
    result, found = facts.agreement, []
    if result is None:
        return []
    for title, table in (
        ("Between readers", result.inter),
        ("Within readers", result.intra),
        ("Within readers, without cases they remember", result.unrecalled),
    ):
        if table.empty:
            continue
        chosen = table["measurand"].isin(facts.protocol.measurands)
        others = table[~chosen]
        found.append(
            (
                title,
                _grid(facts, result, table[chosen]),
                _grid(facts, result, others) if len(others) else None,
            )
        )
    return found


def _grid(facts: StudyFacts, result: Agreement, table: pd.DataFrame) -> Grid:
    settings = result.settings
    threshold, level = settings["threshold"], f"{settings['confidence']:.0%}"
    by_bound = facts.protocol.icc_bound == "lower"
    heads = [
        "Comparison",
        "Measurand",
        f"ICC, {level} interval",
        "Consistency",
        "n, patients",
        "Needed",
        "Bias, limits of agreement",
        f"Clears {threshold:g}",
    ]
    rows = []
    for row in table.to_dict("records"):
        if not row["name"]:
            cells = [NONE] * (len(heads) - 2)
            cells[heads.index("n, patients") - 2] = f"{row['n']}, {row['patients']}"
            rows.append(texts(row["comparison"], row["label"], *cells))
            continue
        icc = [number(row["icc"]), interval(row["low"], row["high"])]
        by_patient = interval(row["low_clustered"], row["high_clustered"])
        if by_patient != NONE:
            icc.append(f"by patient {by_patient}")
        rows.append(
            (
                (row["comparison"],),
                (row["label"],),
                tuple(icc),
                (number(row["consistency"]),),
                (f"{row['n']}, {row['patients']}",),
                (number(row["needed"]),),
                _bias(row),
                _clears(row, by_bound),
            )
        )
    names = list(dict.fromkeys(name for name in table["name"] if name))
    decides = "the lower limit" if by_bound else "the estimate"
    note = (
        f"{names[0] if names else settings['form']}, two readings of a case unless more readers "
        f"are named (k = {_span(table['k'])}). By the protocol {decides} decides what clears the "
        f"threshold. Consistency: "
        "the same without what a constant difference costs. Needed: the observed ICC whose lower "
        f"limit is {threshold:g} with this n. Bias: second minus first"
        + (
            f". By patient: bootstrap of patients, {settings['replicates']} samples."
            if settings["clusters"]
            else "."
        )
    )
    return Grid(tuple(heads), tuple(rows), note)


def _bias(row: Mapping[Any, Any]) -> tuple[str, ...]:
    bias = number(row["bias"], 2)
    if bias == NONE:
        return (NONE,)
    percent = number(row["bias_percent"], 1)
    said = f"{bias} {row['unit']}" + ("" if percent == NONE else f" ({percent}%)")
    limits = interval(row["loa_low"], row["loa_high"], 2)
    return (said,) if limits == NONE else (said, limits)


def _clears(row: Mapping[Any, Any], by_bound: bool) -> tuple[str, str]:
    """Say whether the threshold is cleared: first by what decides, then by the other."""
    point = "yes" if row["passes_point"] else "no"
    bound = "yes" if row["passes_bound"] else "no"
    return (bound, f"estimate: {point}") if by_bound else (point, f"lower limit: {bound}")


def _span(counts: pd.Series[Any]) -> str:
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"


def overlap_table(facts: StudyFacts) -> Grid | None:
    """Summarise the overlap of each comparison; None without agreement."""
    result = facts.agreement
    if result is None:
        return None
    unit = result.settings["unit"]
    rows = []
    for row in result.summary().to_dict("records"):
        cells: list[tuple[str, ...]] = [(row["comparison"],), (str(row["n"]),)]
        for metric, decimals in (("dice", 3), ("hd95", 2), ("msd", 2), ("surface_dice", 3)):
            cells.append(
                (
                    number(row[f"{metric}_median"], decimals),
                    interval(row[f"{metric}_q1"], row[f"{metric}_q3"], decimals),
                )
            )
        rows.append((*cells, (str(row["one_empty"]),)))
    return Grid(
        ("Comparison", "n", "Dice", f"HD95 ({unit})", f"Mean surface distance ({unit})",
         f"Surface Dice at {result.settings['tolerance']:g} {unit}", "Only one outline"),
        tuple(rows),
        "Medians with quartiles. HD95: the larger of the two directed 95th percentiles, surfaces "
        "at pixel resolution. Over several frames: Dice of all pixels, distances of the worst.",
    )  # fmt: skip


def aid_tables(facts: StudyFacts) -> list[tuple[str, Grid]]:
    """Say what readers did with the model's outlines, and what that did to their agreement."""
    found = facts.aid
    if found is None:
        return []
    span = f"Gain, {found.settings['confidence']:.0%} by patient"
    heads = ("n", "Unaided", "Aided", span)

    def dice(row: Mapping[Any, Any]) -> tuple[tuple[str, ...], ...]:
        gain = (number(row["gain"]), interval(row["low"], row["high"]))
        return ((str(row["n"]),), (number(row["before"]),), (number(row["after"]),), gain)

    readers = found.readers.to_dict("records")
    names = [(f"{row['reader']}, round {row['round']}",) for row in readers]
    tables = [
        (
            "What readers did with the model's outline",
            Grid(
                ("Reader", "Cases", *(change.capitalize() for change in CHANGES)),
                tuple(
                    (name, *((str(row[key]),) for key in ("cases", *CHANGES)))
                    for name, row in zip(names, readers, strict=True)
                ),
                "Kept: the same pixels as in the locked answer. Taken over: the model's pixels. "
                "Assessed after all, given up: between an outline and not assessable.",
            ),
        ),
        (
            "Dice with the model's outline",
            Grid(
                ("Reader", *heads),
                tuple((name, *dice(row)) for name, row in zip(names, readers, strict=True)),
                "Means, of cases with all three outlines. Nearer to the model is not nearer to "
                "the truth.",
            ),
        ),
    ]
    pairs = found.pairs.to_dict("records")
    if pairs:
        tables.append((
            "Dice between readers, unaided and aided",
            Grid(
                ("Comparison", *heads),
                tuple(((row["comparison"],), *dice(row)) for row in pairs),
                "Means, of cases that both outlined both times. Everything else in this report "
                "is of the unaided answers.",
            ),
        ))  # fmt: skip
    return tables


def draw(facts: StudyFacts, progress: Progress | None = None) -> dict[str, list[Picture]]:
    """Draw the figures: ``forest``, ``pairs`` (Bland-Altman, scatter), ``overlap``.

    Every comparison of two sessions has the first measurand of the protocol; the others
    follow where there are not many comparisons.
    """
    from napari_ptx.figures import forest_figure, overlap_figure

    result = facts.agreement
    found: dict[str, list[Picture]] = {"forest": [], "pairs": [], "overlap": []}
    if result is None:
        return found
    for title, table in (("between", result.inter), ("within", result.intra)):
        defined = table[(table["n"] >= ENOUGH) & table["measurand"].isin(facts.protocol.measurands)]
        if len(defined):
            figure = forest_figure(defined, threshold=result.settings["threshold"], note=facts.note)
            found["forest"].append(inline(figure, f"ICC {title} readers"))
    for metric, name in (("dice", "Dice"), ("hd95", "HD95"), ("surface_dice", "Surface Dice")):
        figure = overlap_figure(result.overlap, metric=metric, note=facts.note)
        found["overlap"].append(inline(figure, name))
    rows = _drawn(facts, result.rows)
    for done, row in enumerate(rows):
        if progress is not None:
            progress(done, len(rows), "Drawing figures")
        found["pairs"] += _draw_pair(facts, result, row)
    return found


def _drawn(facts: StudyFacts, rows: pd.DataFrame) -> list[dict[Any, Any]]:
    pairwise = rows[(rows["k"] == 2) & (rows["n"] >= ENOUGH)]
    many = pairwise["comparison"].nunique() > _MOST_PAIRS
    names: Sequence[str] = facts.protocol.measurands[: 1 if many else None]
    return pairwise[pairwise["measurand"].isin(names)].to_dict("records")


def _draw_pair(facts: StudyFacts, result: Agreement, row: Mapping[Any, Any]) -> list[Picture]:
    from napari_ptx.figures import bland_altman_figure, scatter_figure

    pairs = result.pairs(row["comparison"], row["measurand"])
    names, title = short_names(row), f"{row['label']}: {row['comparison']}"
    plot = bland_altman_figure(
        pairs,
        names=names,
        label=row["label"],
        unit=row["unit"],
        statistics=result.bland_altman(row["comparison"], row["measurand"]),
        note=facts.note,
    )
    scatter = scatter_figure(
        pairs,
        names=names,
        label=row["label"],
        unit=row["unit"],
        annotation=f"{row['name']} {number(row['icc'], 2)} "
        f"[{number(row['low'], 2)}, {number(row['high'], 2)}]",
        note=facts.note,
    )
    return [inline(plot, f"Bland-Altman, {title}"), inline(scatter, f"Scatter, {title}")]
