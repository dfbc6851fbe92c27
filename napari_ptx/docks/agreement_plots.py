"""Which figure of ``figures.agreement`` a tab of the Agreement dock shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from napari_ptx.study.agreement import Agreement

TITLES: Mapping[str, str] = {
    "bland_altman": "Bland-Altman",
    "scatter": "Scatter",
    "forest": "Forest",
}


def figure(
    kind: str,
    result: Agreement,
    pairs: pd.DataFrame | None,
    row: Mapping[str, Any],
    *,
    dark: bool,
) -> Figure | None:
    """Draw one figure, or give ``None`` where there are too few pairs for it.

    Parameters
    ----------
    kind
        A key of ``TITLES``.
    pairs, row
        The pairs of values and the row of the result that are picked; ``pairs`` is
        ``None`` for a comparison of more than two readings.
    """
    from napari_ptx import figures
    from napari_ptx.study.comparisons import ENOUGH, short_names

    theme = "dark" if dark else "light"
    note = f"Study: {result.settings['study']}."
    if kind == "forest":
        defined = result.rows[result.rows["n"] >= ENOUGH]
        if defined.empty:
            return None
        return figures.forest_figure(
            defined, threshold=result.settings["threshold"], theme_name=theme, note=note
        )
    if pairs is None or len(pairs) < ENOUGH:
        return None
    options = {
        "names": short_names(row),
        "label": row["label"],
        "unit": row["unit"],
        "theme_name": theme,
        "note": note,
    }
    if kind == "scatter":
        value = f"{row['name'].split(' = ')[0]} {row['icc']:.3f}"
        annotation = f"{value} [{row['low']:.3f}, {row['high']:.3f}]"
        return figures.scatter_figure(pairs, annotation=annotation, **options)
    statistics = result.bland_altman(row["comparison"], row["measurand"])
    return figures.bland_altman_figure(pairs, statistics=statistics, **options)
