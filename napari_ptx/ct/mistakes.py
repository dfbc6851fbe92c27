"""Every miss and every false positive, with what may explain it and a cause that a reviewer sets.

``causes.csv`` belongs to the reviewer: an evaluation that runs again takes over what stands in
it, and never drops a row in which somebody wrote something.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.ct.evaluation_tables import READ
from napari_ptx.ct.findings import Findings
from napari_ptx.ct.readings import Readings
from napari_ptx.ct.tables import Row, read_rows, stop

CAUSES = {
    "miss": (
        "too small",
        "isoattenuating",
        "adjacent to vessel",
        "intrathyroid",
        "ectopic outside the search region",
    ),
    "false positive": ("node", "vessel", "thyroid nodule", "thyroid", "oesophagus", "muscle"),
    "both": ("registration", "motion", "artefact", "truth is wrong", "other"),
}
"""What a reviewer can set: for misses, for false positives, and for both."""

COLUMNS = (
    "finder", "rule", "patient", "kind", "item", "slot", "site", "x_mm", "y_mm", "z_mm",
    "volume_mm3", "diameter_mm", "score", "again", "nearest", "nearest_mm", "pattern", "visible",
    "hu_plain", "hu_arterial", "cnr_plain", "cnr_arterial", "vessel_mm", "thyroid_mm",
    "registration_residual_mm", "examined_fraction", "region", "hint", "cause", "comment",
)  # fmt: skip
"""The columns of a table of mistakes."""

KEPT = (
    "finder", "patient", "kind", "item", "slot", "site", "x_mm", "y_mm", "z_mm", "diameter_mm",
    "hint", "cause", "comment", "now",
)  # fmt: skip
"""The columns of ``causes.csv``; ``now`` says whether it still is a mistake."""

SMALL_MM, FAINT, NEAR_MM, MOVED_MM = 5.0, 2.0, 2.0, 2.0
"""What is hinted at: a diameter below, a contrast-to-noise ratio below, a centroid within,
phases further apart than that."""

_SAME_MM = 2.0  # a false positive this near is that of the earlier evaluation
_PLACE = ["x_mm", "y_mm", "z_mm"]
_STILL, _GONE = "mistake", "no mistake any more"


@dataclass(frozen=True, eq=False)
class Mistakes:
    """The mistakes of all finders.

    Parameters
    ----------
    table
        A row each, with ``COLUMNS``. ``item`` is the gland of a miss, the candidate of a false
        positive. ``nearest`` and ``nearest_mm``: the candidate nearest to a missed gland, the
        gland nearest to a false positive (centroids); ``score`` is that of the candidate in
        question. ``diameter_mm`` of a gland is what its table says, of a candidate that of the
        ball of its volume. ``again``: 1 for a second candidate on a
        gland that was found. ``hint``: causes that the numbers would allow, which is not to say
        that they are the cause.
    causes
        What is written as ``causes.csv``, with ``KEPT``.
    """

    table: pd.DataFrame
    causes: pd.DataFrame


def mistakes(
    findings: Findings,
    readings: Readings | None,
    finders: Mapping[str, NDArray[np.float64]],
    rule: str,
    model: str,
    earlier: pd.DataFrame | None = None,
) -> Mistakes:
    """List all mistakes, with the causes that were set before.

    Parameters
    ----------
    findings, readings
        As ``find`` and ``read_readings`` gave them.
    finders
        The model and each modality or reader: 1, 0, NaN for each gland.
    rule
        Of matching.
    model
        Which of the finders is the model.
    earlier
        What ``read_causes`` gave.
    """
    parts = [_misses(findings, finder, values, rule if finder == model else READ, finder == model)
             for finder, values in finders.items()]  # fmt: skip
    parts.insert(1, _false_positives(findings, rule, model))
    if readings is not None:
        parts.append(_false_readings(readings))
    filled = [part for part in parts if len(part)]
    joined = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
    joined = joined.reindex(columns=[name for name in COLUMNS if name not in findings.examined
                                     or name == "patient"])  # fmt: skip
    joined = joined.merge(findings.examined, on="patient", how="left")
    joined = joined.reindex(columns=list(COLUMNS))
    joined = joined.assign(hint=[_hint(row) for _, row in joined.iterrows()], cause="", comment="")
    left: list[dict[Any, Any]] = [] if earlier is None else earlier.to_dict("records")
    _take_over(joined, left)
    now = joined.assign(now=_STILL)[list(KEPT)]
    gone = pd.DataFrame([row for row in left if row["cause"] or row["comment"]], columns=list(KEPT))
    gone["now"] = _GONE
    causes = pd.concat([now, gone], ignore_index=True) if len(gone) else now
    return Mistakes(joined, causes)


def read_causes(path: Path) -> pd.DataFrame:
    """Read a table of causes that a reviewer filled in; empty where there is no file.

    Raises
    ------
    CtError
        For causes that are not in the list, all rows at once.
    """
    if not path.is_file():
        return pd.DataFrame(columns=list(KEPT))
    faults: list[str] = []
    rows = []
    need = ("finder", "patient", "kind", "item", "cause", "comment")
    for place, row in read_rows(path, "a table of causes", need):
        allowed = (*CAUSES.get(row["kind"], ()), *CAUSES["both"])
        cause = row["cause"].lower()
        if row["kind"] not in ("miss", "false positive"):
            faults.append(f"row {place}: {row['kind']!r} is neither a miss nor a false positive")
        elif cause and cause not in allowed:
            faults.append(
                f"row {place}: {row['cause']!r} is no cause of a {row['kind']}; choose one of "
                f"{', '.join(allowed)}"
            )
        rows.append({
            **{name: row.get(name, "") for name in KEPT},
            **{name: _loose(row, name) for name in (*_PLACE, "diameter_mm", "item")},
            "cause": cause,
        })  # fmt: skip
    stop(faults, f"{path} has faults; mend each and try again, or write the evaluation elsewhere")
    return pd.DataFrame(rows, columns=list(KEPT))


def counted(table: pd.DataFrame) -> pd.DataFrame:
    """Count mistakes by finder, kind and cause; "" is a cause that nobody has set."""
    return (
        table.groupby(["finder", "kind", "cause"], sort=False).size().reset_index(name="mistakes")
    )


def _loose(row: Row, name: str) -> float:
    """Give a number of a table that went through a spreadsheet; NaN where it is none."""
    try:
        return float(row.get(name, "").replace(",", "."))
    except ValueError:
        return math.nan


def _misses(
    findings: Findings, finder: str, values: NDArray[np.float64], rule: str, is_model: bool
) -> pd.DataFrame:
    missed = findings.glands[values == 0.0].rename(columns={"gland": "item"})
    rows: pd.DataFrame = missed.assign(finder=finder, rule=rule, kind="miss")
    if is_model and len(rows):
        near = [_nearest(findings, row) for _, row in rows.iterrows()]
        for place, name in enumerate(("nearest", "nearest_mm", "score")):
            rows[name] = [one[place] for one in near]
    return rows


def _nearest(findings: Findings, gland: pd.Series[Any]) -> tuple[float, float, float]:
    """Give number, distance (mm) and score of the candidate nearest to a gland."""
    mine = findings.candidates[findings.candidates["patient"] == gland["patient"]]
    if mine.empty:
        return math.nan, math.nan, math.nan
    offset = mine[_PLACE].to_numpy(dtype=np.float64) - gland[_PLACE].to_numpy(dtype=np.float64)
    distance = np.linalg.norm(offset, axis=1)
    place = int(distance.argmin())
    return (
        float(mine["candidate"].iloc[place]),
        float(distance[place]),
        float(mine["score"].iloc[place]),
    )


def _false_positives(findings: Findings, rule: str, model: str) -> pd.DataFrame:
    candidates = findings.candidates
    false = candidates[(candidates["counted"] == 1) & (candidates[f"gland_{rule}"] == 0)]
    names = {"candidate": "item", f"again_{rule}": "again", "nearest_gland": "nearest",
             "nearest_gland_mm": "nearest_mm"}  # fmt: skip
    rows: pd.DataFrame = false.rename(columns=names).assign(
        finder=model, rule=rule, kind="false positive"
    )
    return rows


def _false_readings(readings: Readings) -> pd.DataFrame:
    false = readings.false
    number = false.groupby(["finder", "patient"]).cumcount() + 1
    return false.assign(rule=READ, kind="false positive", item=number)


def _hint(row: pd.Series[Any]) -> str:
    """Name the causes that the numbers of a mistake would allow."""
    near = {name: float(row[f"{name}_mm"]) <= NEAR_MM for name in ("vessel", "thyroid")}
    hints = {
        "miss": {
            "too small": float(row["diameter_mm"]) < SMALL_MM,
            "isoattenuating": abs(float(row["cnr_arterial"])) < FAINT,
            "adjacent to vessel": near["vessel"],
            "intrathyroid": "thyroid" in str(row["site"]).lower(),
            "ectopic outside the search region": row["slot"] == "ectopic",
        },
        "false positive": {"vessel": near["vessel"], "thyroid": near["thyroid"]},
    }[str(row["kind"])]
    hints["registration"] = float(row["registration_residual_mm"]) > MOVED_MM
    return "; ".join(name for name, told in hints.items() if told)


def _take_over(table: pd.DataFrame, left: list[dict[Any, Any]]) -> None:
    """Copy causes onto the mistakes that they were set for, and take those out of ``left``.

    A prediction that is made again numbers its candidates anew: a false positive is known by
    its place.
    """
    earlier: dict[tuple[str, ...], list[dict[Any, Any]]] = {}
    for old in left:
        earlier.setdefault(_key(old), []).append(old)
    taken: set[int] = set()
    for row, one in table.iterrows():
        fitting = [
            (distance, place, old)
            for place, old in enumerate(earlier.get(_key(one), ()))
            if id(old) not in taken and (distance := _distance(one, old)) is not None
        ]
        if fitting:
            *_, old = min(fitting, key=lambda item: item[:2])
            taken.add(id(old))
            table.loc[row, ["cause", "comment"]] = [old["cause"], old["comment"]]
    left[:] = [old for old in left if id(old) not in taken]


def _key(row: Mapping[Any, Any] | pd.Series[Any]) -> tuple[str, ...]:
    return str(row["finder"]), str(row["patient"]), str(row["kind"])


def _distance(one: pd.Series[Any], old: Mapping[Any, Any]) -> float | None:
    """Tell how far one of the same patient is from this one; ``None`` where it is another."""
    if one["kind"] == "miss":
        return 0.0 if float(one["item"]) == old["item"] else None
    here = one[_PLACE].to_numpy(dtype=np.float64)
    if np.isnan(here).any():  # a reader's, known by its site
        same = str(one["site"]) == old["site"] and float(one["item"]) == old["item"]
        return 0.0 if same else None
    distance = float(np.linalg.norm(here - np.array([old[name] for name in _PLACE])))
    return distance if distance <= _SAME_MM else None
