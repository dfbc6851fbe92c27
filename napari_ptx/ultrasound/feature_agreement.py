"""``feature_icc``: how far each feature agrees between readers and within each reader."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.icc import icc
from napari_ptx.ultrasound.errors import UltrasoundError

if TYPE_CHECKING:
    import pandas as pd

    from napari_ptx.ultrasound.features import FeatureTable

Bound = Literal["point", "lower"]
THRESHOLD = 0.8


def feature_icc(
    features: FeatureTable, *, form: str = "A,1", confidence: float = 0.95
) -> pd.DataFrame:
    """Compute the ICC of every feature, between readers and within each reader.

    Between readers: their first rounds. Within a reader: the two rounds. Of each
    comparison, the cases that all of its readings have are used.

    Parameters
    ----------
    features
        With the column ``reader`` (at least two readers), or ``round`` (1 and 2), or both.
    form, confidence
        As for ``stats.icc``.

    Returns
    -------
    pandas.DataFrame
        ``feature``, ``comparison`` ("between readers A, B", "within A"), ``icc``, ``low``,
        ``high``, ``n`` (cases), ``k`` (readings of each), ``left_out`` (cases that lack a
        reading), ``form``. A feature that is constant has the ICC NaN.

    Raises
    ------
    UltrasoundError
        Where there is nothing to compare, or fewer than two cases in common.
    """
    import pandas as pd

    table = features.table
    name = features.source.name
    if "reader" not in table.columns and "round" not in table.columns:
        raise UltrasoundError(
            f"{name} has neither a column 'reader' nor 'round': the features of at least two "
            "readings of each case are needed."
        )
    reader = table["reader"].astype(str) if "reader" in table.columns else _constant(table, "")
    turn = table["round"] if "round" in table.columns else _constant(table, 1)
    keys = pd.DataFrame({"case": table["case"].astype(str), "reader": reader, "round": turn})
    double = keys.duplicated()
    if double.any():
        first = keys[double].iloc[0]
        raise UltrasoundError(
            f"{name} has case {first['case']} twice (reader {first['reader'] or 'unnamed'}, round "
            f"{first['round']}); keep one."
        )
    values = table[list(features.columns)].to_numpy(dtype=np.float64)
    parts = []
    for comparison, readings in _comparisons(keys):
        places = [keys.index[chosen] for chosen in readings]
        cases = [keys.loc[place, "case"] for place in places]
        common = sorted(set.intersection(*map(set, cases)))
        if len(common) < 2:
            raise UltrasoundError(
                f"{name}, {comparison}: {len(common)} case{'' if len(common) == 1 else 's'} in "
                "common; an ICC needs at least 2."
            )
        ratings = np.stack(
            [
                values[pd.Series(keys.index.get_indexer(place), index=case)[common].to_numpy()]
                for place, case in zip(places, cases, strict=True)
            ],
            axis=-1,
        )
        parts.append(_part(ratings, features.columns, comparison, form, confidence))
        parts[-1]["left_out"] = len(set.union(*map(set, cases))) - len(common)
    if not parts:
        raise UltrasoundError(
            f"{name} has one reading of each case: at least two readers, or two rounds of one, "
            "are needed."
        )
    return pd.concat(parts, ignore_index=True)


def passes(table: pd.DataFrame, bound: Bound = "point", threshold: float = THRESHOLD) -> pd.Series:
    """Tell which features lie above a threshold in every comparison of ``feature_icc``.

    Parameters
    ----------
    table
        What ``feature_icc`` gave.
    bound
        "point": the ICC; "lower": its lower confidence limit.
    threshold
        0.80, for example.

    Returns
    -------
    pandas.Series
        True or false by feature; never true where an ICC is undefined or above 1.
    """
    if bound not in ("point", "lower"):
        raise ValueError(f"bound must be 'point' or 'lower', not {bound!r}")
    edge = table["icc" if bound == "point" else "low"]
    good = (edge > threshold) & (table["icc"] <= 1.0)
    passed: pd.Series = good.groupby(table["feature"], sort=False).all()
    return passed


def _constant(table: pd.DataFrame, value: Any) -> pd.Series:
    import pandas as pd

    return pd.Series([value] * len(table), index=table.index)


def _comparisons(keys: pd.DataFrame) -> list[tuple[str, list[pd.Series]]]:
    """Name each comparison, with the rows of each of its readings."""
    readers = list(dict.fromkeys(keys["reader"]))
    rounds = sorted(keys["round"].unique())
    found = []
    first = keys["round"] == rounds[0]
    present = [reader for reader in readers if (first & (keys["reader"] == reader)).any()]
    if len(present) > 1:
        found.append(
            (
                f"between readers {', '.join(present)}",
                [first & (keys["reader"] == reader) for reader in present],
            )
        )
    for reader in readers:
        own = keys["reader"] == reader
        for one, other in combinations(rounds, 2):
            pair = [own & (keys["round"] == one), own & (keys["round"] == other)]
            if all(rows.any() for rows in pair):
                which = "" if len(rounds) == 2 else f" (rounds {one} and {other})"
                found.append((f"within {reader or 'the reader'}{which}", pair))
    return found


def _part(
    ratings: np.ndarray, columns: tuple[str, ...], comparison: str, form: str, confidence: float
) -> pd.DataFrame:
    """Compute one comparison; ``ratings`` is (cases, features, readings)."""
    import pandas as pd

    try:
        result = icc(np.moveaxis(ratings, 0, 1), form=form, confidence=confidence)
    except StatsError as error:
        raise UltrasoundError(f"{comparison}: {error}") from None
    return pd.DataFrame(
        {
            "feature": columns,
            "comparison": comparison,
            "icc": result.value,
            "low": result.low,
            "high": result.high,
            "n": result.n,
            "k": result.k,
            "form": result.name,
        }
    )
