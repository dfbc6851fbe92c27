"""The figures of an evaluation of glands; for files and for docks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_ptx.ct.evaluation import Assessment
from napari_ptx.ct.matching import RULES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = {
    "sensitivity": "Sensitivity",
    "froc": "FROC",
    "slots": "Slots",
    "upset": "UpSet",
    "size": "Size",
    "contrast": "Contrast",
    "size_by_contrast": "Size by contrast",
}
"""The figures, and what they are called."""

_MOST_LINES = 6  # curves of finders in one figure


def draw(kind: str, assessment: Assessment, **style: Any) -> Figure | None:
    """Draw one figure, or give ``None`` where it has nothing to show.

    Parameters
    ----------
    kind
        A key of ``KINDS``.
    assessment
        As ``assess`` gave it.
    style
        ``theme_name``, ``size``, ``label``, ``note``, as the figures take them.
    """
    from napari_ptx import figures

    names = list(assessment.finders)
    rule = f"{assessment.settings.model}: {RULES[assessment.rule]}."
    if kind in ("sensitivity", "slots"):
        return _forest(kind, assessment, rule, **style)
    if kind == "froc":
        main = assessment.rule
        order = [main, *(name for name in assessment.curves if name != main)]
        row = assessment.scans.iloc[0]
        return figures.froc_figure(
            {name: assessment.curves[name] for name in order},
            bands={name: assessment.bands[name] for name in order[:1] if name in assessment.bands},
            operating={main: (float(row["fp_per_scan"]), float(row["found"] / row["glands"]))},
            among=list(RULES),
            said=f"Lines: rules of matching; {main}: {RULES[main]}.",
            **style,
        )
    if kind == "upset":
        together = assessment.together
        if together is None:
            return None
        return figures.upset_figure(together.patterns, names, among=names, said=rule, **style)
    fits = assessment.psychometric.get(kind)
    if not fits:
        return None
    some = {name: fits[name] for name in list(fits)[:_MOST_LINES]}
    by_finder = kind != "size_by_contrast"
    return figures.psychometric_figure(
        some,
        quantity="contrast-to-noise ratio" if kind == "contrast" else "diameter",
        unit="" if kind == "contrast" else "mm",
        among=names if by_finder else None,
        said=rule,
        **style,
    )


def _forest(kind: str, assessment: Assessment, rule: str, **style: Any) -> Figure | None:
    """Draw sensitivities with the interval by patient where there is one, else the exact one."""
    from napari_ptx import figures

    style.pop("label", None)
    table = assessment.sensitivity
    model = assessment.settings.model
    mine = (table["finder"] != model) | (table["rule"] == assessment.rule)
    rows = table[mine & (table["stratum"] == ("slot" if kind == "slots" else "all"))]
    if rows.empty:
        return None
    whole = rows["cluster_low"].notna().all() and kind != "slots"
    name = "cluster_" if whole else ""
    drawn = pd.DataFrame(
        {
            "label": rows["group" if kind == "slots" else "finder"].str.replace("_", " "),
            "comparison": rows["finder"],
            "icc": rows["sensitivity"],
            "low": rows[f"{name}low"],
            "high": rows[f"{name}high"],
            "n": rows["of"],
            "name": "Sensitivity per gland",
        }
    )
    if kind != "slots":
        drawn["comparison"] = ""
    level = f"{100 * assessment.settings.confidence:g}%"
    way = f"Intervals: {level}, {'bootstrap of patients' if whole else 'exact'}."
    data = style.pop("note", "")
    note = " ".join(filter(None, [way, rule, data[:1].upper() + data[1:]]))
    names = list(assessment.finders)
    palette = figures.colours(names, style.get("theme_name", "light"))
    return figures.forest_figure(
        drawn, threshold=None, palette=palette if kind == "slots" else None, note=note, **style
    )
