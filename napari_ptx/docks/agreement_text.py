"""The words of the Agreement dock: a result as a reader of the paper would say it.

What comes from ``study.comparisons`` is imported where it is used: by then the
result has loaded it, and the dock opens without pandas and scipy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from napari_ptx.study.planning import Outlook


def comparison_text(name: str) -> str:
    """Name a comparison as the picker does."""
    from napari_ptx.study.comparisons import EVERYONE

    return name if "round" in name or name == EVERYONE else f"Readers {name}"


def too_few(pairs: int) -> str:
    """Say that a comparison has too few cases."""
    from napari_ptx.study.comparisons import ENOUGH

    return (
        f"This needs {ENOUGH} cases that both readings outlined; there "
        f"{'is' if pairs == 1 else 'are'} {pairs}."
    )


def nothing_yet() -> str:
    """Say that no comparison has enough cases."""
    from napari_ptx.study.comparisons import ENOUGH

    return f"No comparison has {ENOUGH} cases yet that both readings outlined."


def title(row: Mapping[str, Any], *, by_patient: bool) -> str:
    """Name the coefficient, in both namings, and what it was computed from."""
    count = f"{row['patients']:.0f} patients" if by_patient else f"n = {row['n']:.0f}"
    return f"{row['name']}   {count}"


def summary(
    row: Mapping[str, Any],
    overlap: pd.DataFrame,
    settings: Mapping[str, Any],
    *,
    by_patient: bool,
) -> str:
    """Say the result in words, as HTML.

    Parameters
    ----------
    row
        A row of ``Agreement.inter`` or ``intra``.
    overlap
        The rows of ``Agreement.overlap`` of the same comparison.
    by_patient
        Whether the interval is the bootstrap's, by patient.
    """
    from napari_ptx.study.comparisons import ENOUGH, short_names

    if row["n"] < ENOUGH:
        return too_few(int(row["n"]))
    kind = "_clustered" if by_patient else ""
    low, high = row[f"low{kind}"], row[f"high{kind}"]
    lines = [
        f"<span style='font-size: 16pt; font-weight: bold'>{_icc(row['icc'])}</span> &nbsp;"
        f"{settings['confidence']:.0%} interval {_icc(low)} to {_icc(high)}",
        _verdict(row, low, settings["threshold"], by_patient),
    ]
    if not math.isnan(row["bias"]):
        first, second = map(escape, short_names(row))
        bias = f"<b>{amount(row['bias'], sign=True)} {row['unit']}</b>"
        if not math.isnan(row["bias_percent"]):  # a position has no percentage
            bias += f" ({amount(row['bias_percent'], sign=True)}%)"
        lines.append(f"bias {second} − {first}: {bias}")
    if len(overlap):
        lines.append(
            f"median Dice <b>{overlap['dice'].median():.3f}</b>, "
            f"HD95 {amount(overlap['hd95'].median())} {settings['unit']}"
        )
    return "<br>".join(lines)


def without_recalled(row: Mapping[str, Any], unrecalled: pd.DataFrame) -> list[str]:
    """Say what a comparison of two rounds is without the cases that were remembered."""
    mine = unrecalled[
        (unrecalled["comparison"] == row["comparison"])
        & (unrecalled["measurand"] == row["measurand"])
    ]
    if not len(mine):
        return []
    left = mine.iloc[0]
    cases = "case" if left["recalled"] == 1 else "cases"
    return [
        f"without {left['recalled']} remembered {cases}: <b>{_icc(left['icc'])}</b> "
        f"({_icc(left['low'])} to {_icc(left['high'])})"
    ]


def outlook(row: Mapping[str, Any], stands: Sequence[Outlook]) -> list[str]:
    """Say how many more cases the comparison needs, where the protocol judges by it."""
    for one in stands:
        if (one.comparison, one.label) == (row["comparison"], row["label"]) and one.more != 0:
            if one.more is None:
                return [f"no number of cases like these clears {one.threshold:.2f}"]
            cases = "case" if one.more == 1 else "cases"
            short = f"; {one.shortage}" if one.shortage else ""
            return [f"<b>{one.more} more {cases}</b> like these until it clears{short}"]
    return []


def amount(value: float, *, sign: bool = False) -> str:
    """Write a measurement with three digits or so; "–" where it is undefined."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    decimals = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:{'+' if sign else ''}.{decimals}f}".replace("-", "−")


def _verdict(row: Mapping[str, Any], low: float, threshold: float, by_patient: bool) -> str:
    """Say whether the lower limit is above the threshold, and what that would need."""
    if math.isnan(row["icc"]):
        return "undefined: the values do not vary"
    needed = "" if by_patient else f"needs {_icc(row['needed'])} "
    bound = f"{needed}for a lower limit above {threshold:.2f}"
    if low > threshold:
        return f"{bound}: <b>pass</b>"
    point = ", though the value is above it" if row["icc"] > threshold else ""
    return f"{bound}: <b>not reached</b>{point}"


def _icc(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}".replace("-", "−")
